//! The bytes of a boot record (UEFI 2.10, tables 5.1 and 5.2). Numbers are little-endian.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::table::{Partition, PartitionType};
use crate::units::{Lba, low_u8};

/// Ends every boot record and link.
pub(super) const SIGNATURE: U16 = U16::from_bytes([0x55, 0xaa]);

/// `BootIndicator` of the partition to boot from.
pub(super) const ACTIVE: u8 = 0x80;

/// What fdisk pretends that disks have.
const HEADS: u64 = 255;
const SECTORS_PER_TRACK: u64 = 63;

/// A slot (UEFI 2.10, table 5.2); 16 bytes, all zero when it is empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Slot {
    /// [`ACTIVE`] or 0.
    pub(super) boot_indicator: u8,
    /// Head, sector (with two bits of the cylinder) and cylinder of the first sector.
    pub(super) starting_chs: [u8; 3],
    /// What the partition holds; 0 marks an empty slot.
    pub(super) os_type: u8,
    /// As `starting_chs`, of the last sector.
    pub(super) ending_chs: [u8; 3],
    /// First sector: on the disk, or behind the link or extended partition.
    pub(super) starting_lba: U32,
    /// How many sectors.
    pub(super) size_in_lba: U32,
}

const _: () = assert!(size_of::<Slot>() == 16);

impl Slot {
    /// A slot that is not in use.
    pub(super) const EMPTY: Self = Self {
        boot_indicator: 0,
        starting_chs: [0; 3],
        os_type: 0,
        ending_chs: [0; 3],
        starting_lba: U32::ZERO,
        size_in_lba: U32::ZERO,
    };

    /// The slot of `partition`, whose numbers count from `base`. Its addresses in cylinders, heads and
    /// sectors are those of the disk, as `sfdisk` has them.
    pub(super) fn new(partition: &Partition, base: Lba) -> Option<Self> {
        let start = u32::try_from(partition.first.0.checked_sub(base.0)?).ok()?;
        let last = partition.first.0.checked_add(u64::from(partition.sectors))?.checked_sub(1)?;
        // UEFI wants the protective partition to begin with the address of sector 1 and, on a disk of
        // more sectors than can be told, to end with all ones (section 5.2.3).
        let beyond = if partition.kind == PartitionType::PROTECTIVE { [0xff; 3] } else { [0xfe, 0xff, 0xff] };
        Some(Self {
            boot_indicator: if partition.active { ACTIVE } else { 0 },
            starting_chs: chs(partition.first.0).unwrap_or(beyond),
            os_type: partition.kind.0,
            ending_chs: chs(last).unwrap_or(beyond),
            starting_lba: start.into(),
            size_in_lba: partition.sectors.into(),
        })
    }

    /// What the slot says, its numbers counting from `base`; `None` when it is empty.
    pub(super) fn partition(&self, base: Lba) -> Option<Partition> {
        let sectors = self.size_in_lba.get();
        if self.os_type == 0 || sectors == 0 {
            return None;
        }
        Some(Partition {
            kind: PartitionType(self.os_type),
            active: self.boot_indicator & ACTIVE != 0,
            first: Lba(base.0.checked_add(u64::from(self.starting_lba.get()))?),
            sectors,
        })
    }
}

/// Sector `lba` in cylinders, heads and sectors; `None` past the 1024th cylinder.
fn chs(lba: u64) -> Option<[u8; 3]> {
    let cylinder = lba / (HEADS * SECTORS_PER_TRACK);
    let head = lba / SECTORS_PER_TRACK % HEADS;
    let sector = lba % SECTORS_PER_TRACK + 1;
    (cylinder < 1024).then(|| [low_u8(head), low_u8(sector | cylinder >> 2 & 0xc0), low_u8(cylinder)])
}

/// The first 512 bytes of a disk, or of a link (UEFI 2.10, table 5.1).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Record {
    /// Code for BIOS machines; zero where there is none.
    pub(super) boot_code: [u8; 440],
    /// `UniqueMBRDiskSignature`: the disk's identity.
    pub(super) disk_signature: U32,
    /// Zero.
    pub(super) unknown: U16,
    /// The four slots.
    pub(super) partitions: [Slot; 4],
    /// [`SIGNATURE`].
    pub(super) signature: U16,
}

const _: () = assert!(size_of::<Record>() == 512);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_wrap_at_63_sectors_and_255_heads() {
        for (lba, expected) in [
            (0, Some([0, 1, 0])),
            (1, Some([0, 2, 0])),
            (2048, Some([32, 33, 0])),
            (63 * 255 - 1, Some([254, 63, 0])),
            (63 * 255 * 1024 - 1, Some([254, 0xff, 0xff])),
            (63 * 255 * 1024, None),
        ] {
            assert_eq!(chs(lba), expected, "{lba}");
        }
    }
}
