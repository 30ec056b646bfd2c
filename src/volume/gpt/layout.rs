//! Where the parts of a table are on a disk.

use crate::units::{ByteRange, ByteSize, Lba, SectorSize};

use super::format::ENTRY_LEN;
use super::table::TableError;

/// The number of partitions that every table has room for: 16 KiB of entries, the least that UEFI asks for.
const DEFAULT_SLOTS: u32 = 128;

/// The most partitions we make room for. Linux shows 255 of a disk.
pub(super) const MAX_SLOTS: u32 = 4096;

/// The places of a partition table on a disk of a given size.
///
/// ```text
/// LBA 0            protective boot record
/// LBA 1            primary header
/// LBA 2 …          primary entries
///                  first usable … last usable
///                  backup entries
/// the last LBA     backup header
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Geometry {
    sector_size: SectorSize,
    sectors: u64,
    slots: u32,
}

impl Geometry {
    /// The places on a disk of `len` bytes whose table can number partitions up to `highest`
    /// (128 at least). Fails when the disk cannot hold the table and one sector between its copies.
    pub fn new(len: ByteSize, sector_size: SectorSize, highest: u32) -> Result<Self, TableError> {
        if highest > MAX_SLOTS {
            return Err(TableError::Number { number: highest });
        }
        let in_sector = u32::try_from(sector_size.bytes()).unwrap_or(u32::MAX) / ENTRY_LEN;
        let slots = highest.max(DEFAULT_SLOTS).next_multiple_of(in_sector);
        let geometry = Self { sector_size, sectors: len.bytes() / sector_size.bytes(), slots };
        // Boot record, two headers, two arrays, and something to partition.
        let needed = 2 * geometry.array_sectors() + 4;
        if geometry.sectors < needed {
            return Err(TableError::DiskTooSmall { len, needed: ByteSize(needed * sector_size.bytes()) });
        }
        Ok(geometry)
    }

    /// The unit of all sector numbers here.
    pub const fn sector_size(self) -> SectorSize {
        self.sector_size
    }

    /// How many entries the array has.
    pub const fn slots(self) -> u32 {
        self.slots
    }

    /// First sector that a partition may take.
    pub fn first_usable(self) -> Lba {
        Lba(2 + self.array_sectors())
    }

    /// Last sector that a partition may take.
    pub fn last_usable(self) -> Lba {
        Lba(self.last().0 - self.array_sectors() - 1)
    }

    /// Sector of the primary header.
    pub(super) const fn primary_header(self) -> Lba {
        Lba(1)
    }

    /// First sector of the primary entries.
    pub(super) const fn primary_array(self) -> Lba {
        Lba(2)
    }

    /// Sector of the backup header.
    pub(super) const fn backup_header(self) -> Lba {
        self.last()
    }

    /// First sector of the backup entries.
    pub(super) fn backup_array(self) -> Lba {
        Lba(self.last().0 - self.array_sectors())
    }

    /// The last sector of the disk.
    pub(super) const fn last(self) -> Lba {
        Lba(self.sectors - 1)
    }

    /// Bytes of an array of entries, whole sectors.
    pub(super) fn array_len(self) -> u64 {
        u64::from(self.slots) * u64::from(ENTRY_LEN)
    }

    /// The bytes of sectors `first` to `last`; `None` when they are reversed or past 64 bits.
    pub fn bytes(self, first: Lba, last: Lba) -> Option<ByteRange> {
        let sectors = last.0.checked_sub(first.0)?.checked_add(1)?;
        ByteRange::new(first.offset(self.sector_size)?, sectors.checked_mul(self.sector_size.bytes())?)
    }

    fn array_sectors(self) -> u64 {
        self.array_len() / self.sector_size.bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MIB;

    #[test]
    fn the_usual_disk_has_34_sectors_before_and_33_behind() {
        let geometry = Geometry::new(ByteSize(MIB), SectorSize::S512, 0).unwrap();
        assert_eq!((geometry.first_usable(), geometry.last_usable()), (Lba(34), Lba(2048 - 34)));
        let geometry = Geometry::new(ByteSize(MIB), SectorSize::S4096, 3).unwrap();
        assert_eq!((geometry.first_usable(), geometry.last_usable()), (Lba(6), Lba(256 - 6)));
    }

    #[test]
    fn higher_numbers_get_a_longer_array_of_whole_sectors() {
        let geometry = Geometry::new(ByteSize(MIB), SectorSize::S512, 129).unwrap();
        assert_eq!(geometry.slots(), 132);
        assert_eq!(geometry.first_usable(), Lba(2 + 33));
        let error = Geometry::new(ByteSize(MIB), SectorSize::S512, MAX_SLOTS + 1);
        assert_eq!(error, Err(TableError::Number { number: MAX_SLOTS + 1 }));
    }

    #[test]
    fn a_disk_without_room_between_the_copies_is_refused() {
        let len = |sectors: u64| ByteSize(sectors * 512);
        assert!(Geometry::new(len(68), SectorSize::S512, 0).is_ok());
        let error = Geometry::new(len(67), SectorSize::S512, 0);
        assert_eq!(error, Err(TableError::DiskTooSmall { len: len(67), needed: len(68) }));
    }
}
