//! Whether a DOS table can be on a disk, and where the links of its logical partitions go.

use super::table::{Partition, Table, TableError};
use crate::units::{ByteSize, Lba, SectorSize};

/// A logical partition and the sector that points to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Logical {
    /// Sector of the link.
    pub(super) link: Lba,
    /// The partition.
    pub(super) partition: Partition,
}

/// A table whose every sector is decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// The four slots of the boot record.
    pub(super) slots: [Option<Partition>; 4],
    /// First sector of the extended partition, when there is one.
    pub(super) extended: Option<Lba>,
    /// The logical partitions in the order of the disk.
    pub(super) logicals: Vec<Logical>,
}

impl Layout {
    /// Decides where everything of `table` goes on a disk of `len` bytes, or says why it cannot.
    pub(super) fn new(table: &Table, len: ByteSize, sector_size: SectorSize) -> Result<Self, TableError> {
        check_numbers(table)?;
        check_places(table, len.bytes() / sector_size.bytes())?;
        check_active(table)?;
        check_primaries(table)?;
        let mut slots = [None; 4];
        for (slot, number) in slots.iter_mut().zip(1..) {
            *slot = table.partitions.get(&number).copied();
        }
        let extended = extended(table)?;
        let logicals = match extended {
            Some(extended) => place_logicals(table, &extended)?,
            None => Vec::new(),
        };
        Ok(Self { slots, extended: extended.map(|partition| partition.first), logicals })
    }
}

fn check_numbers(table: &Table) -> Result<(), TableError> {
    let logical = table.partitions.range(5..).map(|(number, _)| *number);
    let gap = logical.zip(5..).find(|(number, expected)| number != expected);
    match table.partitions.contains_key(&0).then_some(0).or(gap.map(|(number, _)| number)) {
        Some(number) => Err(TableError::Number { number }),
        None => Ok(()),
    }
}

fn check_places(table: &Table, disk_sectors: u64) -> Result<(), TableError> {
    // First sector and length are 32 bits each.
    let usable_last = Lba(disk_sectors.min(1 << 32).saturating_sub(1));
    for (number, partition) in &table.partitions {
        let number = *number;
        let last = partition.last().filter(|_| partition.kind.0 != 0 && partition.sectors > 0);
        let last = last.ok_or(TableError::Empty { number })?;
        if partition.first < Lba(1) || last > usable_last {
            return Err(TableError::OutOfRange { number, first: partition.first, last, usable_last });
        }
    }
    Ok(())
}

fn check_active(table: &Table) -> Result<(), TableError> {
    let mut active = table.partitions.iter().filter(|(_, partition)| partition.active);
    match (active.next(), active.next()) {
        (Some((first, _)), Some((second, _))) => {
            Err(TableError::TwoActive { first: *first, second: *second })
        }
        _ => Ok(()),
    }
}

fn check_primaries(table: &Table) -> Result<(), TableError> {
    let mut by_start: Vec<_> = table.partitions.range(1..=4).collect();
    by_start.sort_by_key(|(number, partition)| (partition.first, **number));
    for pair in by_start.windows(2) {
        let [(first, before), (second, after)] = pair else { continue };
        check_order((**first, before), (**second, after))?;
    }
    Ok(())
}

fn check_order(before: (u32, &Partition), after: (u32, &Partition)) -> Result<(), TableError> {
    let end = before.1.last().ok_or(TableError::Empty { number: before.0 })?;
    if after.1.first > end {
        return Ok(());
    }
    Err(TableError::Overlap { first: before.0, end, second: after.0, start: after.1.first })
}

/// The extended partition, of which there is one where there are logical partitions.
fn extended(table: &Table) -> Result<Option<Partition>, TableError> {
    let found: Vec<_> = table.partitions.values().filter(|partition| partition.kind.is_extended()).collect();
    let has_logical = table.partitions.range(5..).next().is_some();
    match found.as_slice() {
        [] if !has_logical => Ok(None),
        [extended] => Ok(Some(**extended)),
        _ => Err(TableError::Extended { found: found.len() }),
    }
}

/// The first link starts the extended partition; each other one follows the partition before it, as
/// sfdisk does, so that aligned partitions stay aligned.
fn place_logicals(table: &Table, extended: &Partition) -> Result<Vec<Logical>, TableError> {
    let mut logicals: Vec<Logical> = Vec::new();
    let mut link = extended.first;
    let mut before: Option<(u32, &Partition)> = None;
    for (number, partition) in table.partitions.range(5..) {
        let number = *number;
        if partition.first < extended.first || partition.last() > extended.last() {
            return Err(TableError::Outside { number });
        }
        if let Some(before) = before {
            check_order(before, (number, partition))?;
        }
        if partition.first <= link {
            return Err(TableError::NoRoomForLink { number, first: partition.first });
        }
        logicals.push(Logical { link, partition: *partition });
        before = Some((number, partition));
        link = partition.last().map_or(link, |last| Lba(last.0 + 1));
    }
    Ok(logicals)
}
