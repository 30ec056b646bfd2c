//! Hybrid boot records: a GPT disk that shows some of its partitions to programs that know only DOS tables.

use super::Table;
use crate::volume::mbr::{BootRecord, Partition, PartitionType};

/// A partition of the GPT that the boot record shows too.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HybridPartition {
    /// Its number in the GPT.
    pub number: u32,
    /// Its type in the boot record; `None`: the upper byte of the code that `sgdisk` has for its type.
    pub kind: Option<PartitionType>,
    /// Whether BIOS machines boot from it.
    pub active: bool,
}

/// Where the protective partition goes among the slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ProtectivePlace {
    /// In the first slot, where GPT-aware programs look.
    #[default]
    First,
    /// Behind the others, where firmware that boots from the first slot needs it (`sgdisk -h …:EE`).
    Last,
}

/// What a hybrid record shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hybrid {
    /// One to three partitions, in the order of the slots.
    pub partitions: Vec<HybridPartition>,
    /// Place of the protective partition.
    pub protective: ProtectivePlace,
}

/// Why there is no such hybrid record.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HybridError {
    /// One slot is the protective partition's.
    #[error("a hybrid boot record shows 1 to 3 partitions, not {0}")]
    Count(usize),
    /// The GPT has no such partition.
    #[error("there is no partition {0} to show in the hybrid boot record")]
    NoPartition(u32),
    /// Its type has no DOS counterpart.
    #[error("partition {0} has a type without a DOS counterpart; say which type it should have")]
    NoType(u32),
    /// Its place does not fit 32 bits.
    #[error("partition {0} is too large or too far behind for a hybrid boot record")]
    TooFar(u32),
}

impl Hybrid {
    /// The boot record that shows these partitions of `table`; the protective partition covers what is
    /// before the first of them.
    pub fn record(&self, table: &Table) -> Result<BootRecord, HybridError> {
        if self.partitions.is_empty() || self.partitions.len() > 3 {
            return Err(HybridError::Count(self.partitions.len()));
        }
        let mut shown = Vec::with_capacity(4);
        for partition in &self.partitions {
            shown.push(show(partition, table)?);
        }
        let first = shown.iter().map(|partition| partition.first.0).min().unwrap_or(1);
        // The shown partitions' first sectors fit 32 bits.
        let cover = Partition::protective(u32::try_from(first.saturating_sub(1)).unwrap_or(u32::MAX));
        match self.protective {
            ProtectivePlace::First => shown.insert(0, cover),
            ProtectivePlace::Last => shown.push(cover),
        }
        let mut slots = [None; 4];
        for (slot, partition) in slots.iter_mut().zip(shown) {
            *slot = Some(partition);
        }
        Ok(BootRecord { disk_signature: 0, slots })
    }
}

fn show(partition: &HybridPartition, table: &Table) -> Result<Partition, HybridError> {
    let number = partition.number;
    let entry = table.entries.get(&number).ok_or(HybridError::NoPartition(number))?;
    let kind = match (partition.kind, entry.type_guid.code()) {
        (Some(kind), _) => kind,
        (None, Some(code)) => PartitionType(code.to_be_bytes()[0]),
        (None, None) => return Err(HybridError::NoType(number)),
    };
    let sectors = entry.last.0.checked_sub(entry.first.0).and_then(|more| more.checked_add(1));
    let sectors = sectors.and_then(|sectors| u32::try_from(sectors).ok());
    let sectors = sectors.filter(|_| u32::try_from(entry.first.0).is_ok());
    let sectors = sectors.ok_or(HybridError::TooFar(number))?;
    Ok(Partition { kind, active: partition.active, first: entry.first, sectors })
}
