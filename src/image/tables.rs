//! Partition tables as the plan has them: GPT, GPT with a hybrid boot record, DOS.

use std::collections::BTreeMap;

use super::ImageError;
use crate::plan::disk::{HybridEntry, Label, MsdosPlace, Partition, PartitionKind, Table};
use crate::units::Lba;
use crate::volume::Block;
use crate::volume::gpt::{self, Entry, Hybrid, HybridPartition, PartitionNameError, ProtectivePlace};
use crate::volume::mbr::{self, BootRecord, PartitionType};

/// A table as it is written.
enum Written {
    /// With the boot record of the caller's where it is a hybrid one.
    Gpt {
        table: gpt::Table,
        hybrid: Option<BootRecord>,
    },
    Dos(mbr::Table),
}

/// Fails when `table` holds what cannot be written: a name that is too long, a partition out of reach.
pub(super) fn check(table: &Table) -> Result<(), ImageError> {
    written(table).map(drop)
}

/// Whether `table` is what `block` has, to the last identity. Only a GUID partition table has any.
pub(super) fn is_on(table: &Table, block: &dyn Block) -> bool {
    match (written(table), gpt::read(block)) {
        (Ok(Written::Gpt { table, .. }), Ok(found)) => found.table == table,
        _ => false,
    }
}

/// Writes `table` to `block`.
pub(super) fn write(table: &Table, block: &dyn Block) -> Result<(), ImageError> {
    let device = || table.device.clone();
    let wrong = |source| ImageError::Table { device: device(), source };
    match written(table)? {
        Written::Gpt { table, hybrid: None } => table.write(block).map_err(wrong),
        Written::Gpt { table, hybrid: Some(record) } => {
            table.write_backup(block).map_err(wrong)?;
            table.write_primary_with(block, &record).map_err(wrong)
        }
        Written::Dos(table) => {
            table.write(block).map_err(|source| ImageError::DosTable { device: device(), source })
        }
    }
}

fn written(table: &Table) -> Result<Written, ImageError> {
    match &table.label {
        Label::Gpt { guid, hybrid, .. } => {
            let mut entries = BTreeMap::new();
            for partition in &table.partitions {
                entries.insert(partition.number, gpt_entry(partition)?);
            }
            let gpt = gpt::Table { disk_guid: *guid, entries };
            let record = hybrid.as_deref().map(|entries| hybrid_record(entries, &gpt, table)).transpose()?;
            Ok(Written::Gpt { table: gpt, hybrid: record })
        }
        Label::Msdos { signature } => {
            let mut partitions = BTreeMap::new();
            for partition in &table.partitions {
                partitions.insert(partition.number, dos_partition(partition)?);
            }
            Ok(Written::Dos(mbr::Table { disk_signature: *signature, partitions }))
        }
    }
}

fn wrong(partition: &Partition, why: impl ToString) -> ImageError {
    ImageError::Arguments { place: partition.device.clone(), why: why.to_string() }
}

fn gpt_entry(partition: &Partition) -> Result<Entry, ImageError> {
    let PartitionKind::Gpt { type_guid, guid, attributes } = partition.kind else {
        return Err(wrong(partition, "a DOS partition cannot be in a GUID partition table"));
    };
    let name = partition.label.parse().map_err(|error: PartitionNameError| wrong(partition, error))?;
    let (first, last) = (Lba(partition.extent.first()), Lba(partition.extent.last()));
    Ok(Entry { type_guid, unique_guid: guid, first, last, attributes, name })
}

fn dos_partition(partition: &Partition) -> Result<mbr::Partition, ImageError> {
    let PartitionKind::Msdos { kind, active, place } = partition.kind else {
        return Err(wrong(partition, "a partition with a GUID cannot be in a DOS partition table"));
    };
    let kind = PartitionType(kind);
    if kind.is_extended() != (place == MsdosPlace::Extended) {
        return Err(wrong(partition, format!("type {kind} does not fit its place in the table")));
    }
    let sectors = u32::try_from(partition.extent.sectors());
    let sectors = sectors.map_err(|_| wrong(partition, "a DOS partition has at most 2^32 - 1 sectors"))?;
    Ok(mbr::Partition { kind, active, first: Lba(partition.extent.first()), sectors })
}

/// The boot record that shows the planned entries of `gpt`.
fn hybrid_record(entries: &[HybridEntry], gpt: &gpt::Table, table: &Table) -> Result<BootRecord, ImageError> {
    let shown = |entry: &HybridEntry| {
        let kind = Some(PartitionType(entry.kind));
        entry.partition.map(|number| HybridPartition { number, kind, active: entry.active })
    };
    let protective = match entries.first() {
        Some(HybridEntry { partition: None, .. }) => ProtectivePlace::First,
        _ => ProtectivePlace::Last,
    };
    let hybrid = Hybrid { partitions: entries.iter().filter_map(shown).collect(), protective };
    hybrid.record(gpt).map_err(|source| ImageError::Hybrid { device: table.device.clone(), source })
}
