//! Putting boot records and DOS tables on a disk.

use zerocopy::IntoBytes;

use super::format::{Record, SIGNATURE, Slot};
use super::layout::Layout;
use super::table::{BootRecord, Partition, PartitionType, Table, TableError};
use crate::units::{ByteSize, Lba, usize_of};
use crate::volume::{Block, BlockError};

/// Why a DOS table was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The table does not fit the disk or itself; nothing was written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Writing failed.
    #[error(transparent)]
    Block(#[from] BlockError),
}

impl BootRecord {
    /// Writes this record to the first sector, over whatever boot code is there.
    pub fn write(&self, block: &dyn Block) -> Result<(), BlockError> {
        let slots = self.slots.map(|slot| slot.and_then(|slot| Slot::new(&slot, Lba(0))));
        write_record(block, Lba(0), self.disk_signature, slots)
    }
}

impl Table {
    /// Checks the table against `block`, then writes the links of the logical partitions and, last,
    /// the boot record.
    pub fn write(&self, block: &dyn Block) -> Result<(), WriteError> {
        let layout = Layout::new(self, ByteSize(block.len()), block.sector_size())?;
        write_links(&layout, block)?;
        block.flush()?;
        BootRecord { disk_signature: self.disk_signature, slots: layout.slots }.write(block)?;
        Ok(block.flush()?)
    }
}

fn write_links(layout: &Layout, block: &dyn Block) -> Result<(), BlockError> {
    let Some(extended) = layout.extended else { return Ok(()) };
    if layout.logicals.is_empty() {
        // An extended partition with nothing in it still begins with a link: an empty one.
        write_record(block, extended, 0, [None; 4])?;
    }
    for (index, logical) in layout.logicals.iter().enumerate() {
        // The next link and its partition are an extended partition inside of the extended one.
        let next = layout.logicals.get(index + 1).and_then(|next| {
            let sectors = next.partition.last()?.0 - next.link.0 + 1;
            let sectors = u32::try_from(sectors).ok()?;
            let kind = PartitionType::EXTENDED;
            Slot::new(&Partition { kind, active: false, first: next.link, sectors }, extended)
        });
        let slots = [Slot::new(&logical.partition, logical.link), next, None, None];
        write_record(block, logical.link, 0, slots)?;
    }
    Ok(())
}

fn write_record(
    block: &dyn Block,
    at: Lba,
    disk_signature: u32,
    slots: [Option<Slot>; 4],
) -> Result<(), BlockError> {
    let record = Record {
        boot_code: [0; 440],
        disk_signature: disk_signature.into(),
        unknown: 0.into(),
        partitions: slots.map(|slot| slot.unwrap_or(Slot::EMPTY)),
        signature: SIGNATURE,
    };
    let sector_len = block.sector_size().bytes();
    let mut sector = vec![0; usize_of(sector_len)];
    sector[..size_of::<Record>()].copy_from_slice(record.as_bytes());
    block.write_at(&sector, at.0 * sector_len)
}
