//! What boot record and DOS table a disk has.

use std::collections::BTreeMap;

use zerocopy::FromBytes;

use super::format::{Record, SIGNATURE};
use super::table::{BootRecord, Partition, Table};
use crate::units::Lba;
use crate::volume::{Block, BlockError};

/// The most logical partitions that are followed: a chain of links may lead in a circle.
const MAX_LOGICAL: u32 = 256;

/// Why there is no table to be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The first sector has no boot record.
    #[error("there is no DOS partition table")]
    None,
    /// A link is missing or leads nowhere.
    #[error("logical partition {number} is not there: its link in sector {link} is bad")]
    Link {
        /// Number of the partition that should be there.
        number: u32,
        /// Sector of the link.
        link: Lba,
    },
}

impl BootRecord {
    /// Reads the first sector.
    pub fn read(block: &dyn Block) -> Result<Self, ReadError> {
        let record = read_record(block, Lba(0))?.ok_or(ReadError::None)?;
        let slots = record.partitions.map(|slot| slot.partition(Lba(0)));
        Ok(Self { disk_signature: record.disk_signature.get(), slots })
    }
}

/// Reads a DOS table with its logical partitions. A protective record reads as the one partition it holds.
pub fn read(block: &dyn Block) -> Result<Table, ReadError> {
    let record = BootRecord::read(block)?;
    let mut partitions: BTreeMap<u32, Partition> = BTreeMap::new();
    for (number, slot) in (1..).zip(record.slots) {
        partitions.extend(slot.map(|slot| (number, slot)));
    }
    let extended = record.slots.iter().flatten().find(|slot| slot.kind.is_extended());
    if let Some(extended) = extended {
        read_logicals(block, extended.first, &mut partitions)?;
    }
    Ok(Table { disk_signature: record.disk_signature, partitions })
}

fn read_logicals(
    block: &dyn Block,
    extended: Lba,
    partitions: &mut BTreeMap<u32, Partition>,
) -> Result<(), ReadError> {
    let mut link = extended;
    for number in 5..5 + MAX_LOGICAL {
        let record = read_record(block, link)?.ok_or(ReadError::Link { number, link })?;
        let slots = record.partitions;
        // A partition counts from its own link, the next link from the start of the extended partition.
        let logical = slots[0].partition(link).filter(|partition| !partition.kind.is_extended());
        let next = slots[1].partition(extended).filter(|partition| partition.kind.is_extended());
        match (logical, next) {
            (Some(logical), _) => partitions.insert(number, logical),
            (None, None) if number == 5 => return Ok(()),
            (None, _) => return Err(ReadError::Link { number, link }),
        };
        match next {
            Some(next) => link = next.first,
            None => return Ok(()),
        }
    }
    Err(ReadError::Link { number: 5 + MAX_LOGICAL, link })
}

/// The record in sector `at`; `None` where there is no such sector or no record in it.
fn read_record(block: &dyn Block, at: Lba) -> Result<Option<Record>, BlockError> {
    let mut bytes = [0; size_of::<Record>()];
    let offset = at.offset(block.sector_size());
    let Some(offset) = offset.filter(|offset| offset.checked_add(512).is_some_and(|end| end <= block.len()))
    else {
        return Ok(None);
    };
    block.read_at(&mut bytes, offset)?;
    Ok(Record::read_from_bytes(&bytes).ok().filter(|record| record.signature == SIGNATURE))
}
