//! Putting a table on a disk, in an order that leaves no moment with half a table.

use zerocopy::IntoBytes;

use super::format::{ENTRY_LEN, EntryRecord, HEADER_LEN, Header, REVISION, SIGNATURE, crc32, header_crc32};
use super::layout::Geometry;
use super::table::{Entry, Table, TableError};
use crate::units::{ByteRange, ByteSize, Lba, usize_of};
use crate::volume::mbr::BootRecord;
use crate::volume::{Block, BlockError};

/// Why a table was not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The table does not fit the disk or itself; nothing was written.
    #[error(transparent)]
    Table(#[from] TableError),
    /// Writing failed.
    #[error(transparent)]
    Block(#[from] BlockError),
}

impl Table {
    /// The table with its places on `block`, when it can be there.
    fn checked(&self, block: &dyn Block) -> Result<Geometry, TableError> {
        let geometry = self.geometry(ByteSize(block.len()), block.sector_size())?;
        match self.faults(geometry).into_iter().next() {
            Some(fault) => Err(fault),
            None => Ok(geometry),
        }
    }

    /// Writes the whole table to `block`: both copies and a protective boot record.
    pub fn write(&self, block: &dyn Block) -> Result<(), WriteError> {
        self.write_backup(block)?;
        self.write_primary(block)
    }

    /// Takes away what firmware and kernels look for first, then writes both arrays and the backup
    /// header. Until [`write_primary`](Self::write_primary) the disk has no partition table to them:
    /// without a boot record in its first sector nobody asks for the backup.
    pub fn write_backup(&self, block: &dyn Block) -> Result<(), WriteError> {
        let geometry = self.checked(block)?;
        let sector = geometry.sector_size().bytes();
        let head = ByteRange::new(0, 2 * sector)
            .ok_or_else(|| BlockError::out_of_range("the disk", 0, 2 * sector, block.len()))?;
        block.zero_range(head)?;
        block.flush()?;
        let array = self.array(geometry);
        block.write_at(&array, geometry.primary_array().0 * sector)?;
        block.write_at(&array, geometry.backup_array().0 * sector)?;
        let header = self.header(geometry, Copy::Backup, crc32(&array));
        write_sector(block, geometry.backup_header(), header.as_bytes())?;
        Ok(block.flush()?)
    }

    /// Writes the primary header and, last, the protective boot record: from then on the disk is
    /// bootable. Everything else must be there.
    pub fn write_primary(&self, block: &dyn Block) -> Result<(), WriteError> {
        self.write_primary_with(block, &BootRecord::protective(ByteSize(block.len()), block.sector_size()))
    }

    /// As [`write_primary`](Self::write_primary), with a boot record of the caller's: a hybrid one.
    pub fn write_primary_with(&self, block: &dyn Block, record: &BootRecord) -> Result<(), WriteError> {
        let geometry = self.checked(block)?;
        let array = self.array(geometry);
        let header = self.header(geometry, Copy::Primary, crc32(&array));
        write_sector(block, geometry.primary_header(), header.as_bytes())?;
        block.flush()?;
        record.write(block)?;
        Ok(block.flush()?)
    }

    /// The array of entries, unused ones zero.
    fn array(&self, geometry: Geometry) -> Vec<u8> {
        let mut array = vec![0; usize_of(geometry.array_len())];
        for (number, entry) in &self.entries {
            let start = usize_of(u64::from(number - 1) * u64::from(ENTRY_LEN));
            let record = record(entry);
            array[start..][..size_of::<EntryRecord>()].copy_from_slice(record.as_bytes());
        }
        array
    }

    fn header(&self, geometry: Geometry, copy: Copy, array_crc32: u32) -> Header {
        let (my, other, array) = match copy {
            Copy::Primary => (geometry.primary_header(), geometry.backup_header(), geometry.primary_array()),
            Copy::Backup => (geometry.backup_header(), geometry.primary_header(), geometry.backup_array()),
        };
        let mut header = Header {
            signature: SIGNATURE,
            revision: REVISION.into(),
            header_size: HEADER_LEN.into(),
            header_crc32: 0.into(),
            reserved: 0.into(),
            my_lba: my.0.into(),
            alternate_lba: other.0.into(),
            first_usable_lba: geometry.first_usable().0.into(),
            last_usable_lba: geometry.last_usable().0.into(),
            disk_guid: self.disk_guid.into(),
            partition_entry_lba: array.0.into(),
            number_of_partition_entries: geometry.slots().into(),
            size_of_partition_entry: ENTRY_LEN.into(),
            partition_entry_array_crc32: array_crc32.into(),
        };
        header.header_crc32 = header_crc32(header.as_bytes()).into();
        header
    }
}

/// Which of the two tables.
#[derive(Clone, Copy)]
enum Copy {
    Primary,
    Backup,
}

fn record(entry: &Entry) -> EntryRecord {
    EntryRecord {
        partition_type_guid: entry.type_guid.guid().into(),
        unique_partition_guid: entry.unique_guid.into(),
        starting_lba: entry.first.0.into(),
        ending_lba: entry.last.0.into(),
        attributes: entry.attributes.bits().into(),
        partition_name: entry.name.units().map(Into::into),
    }
}

/// Writes `bytes` at the start of sector `lba` and zeroes behind them.
fn write_sector(block: &dyn Block, lba: Lba, bytes: &[u8]) -> Result<(), BlockError> {
    let sector_len = block.sector_size().bytes();
    let mut sector = vec![0; usize_of(sector_len)];
    sector[..bytes.len()].copy_from_slice(bytes);
    block.write_at(&sector, lba.0 * sector_len)
}
