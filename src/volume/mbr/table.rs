//! DOS partition tables as values.

use std::collections::BTreeMap;
use std::fmt;

use crate::units::{ByteSize, Lba, SectorSize};

/// The byte that says what a partition holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionType(pub u8);

impl PartitionType {
    /// An extended partition, addressed in cylinders by old programs.
    pub const EXTENDED: Self = Self(0x05);
    /// An extended partition, addressed in sectors.
    pub const EXTENDED_LBA: Self = Self(0x0f);
    /// FAT32, addressed in sectors.
    pub const FAT32_LBA: Self = Self(0x0c);
    /// Linux swap.
    pub const LINUX_SWAP: Self = Self(0x82);
    /// Any Linux file system.
    pub const LINUX: Self = Self(0x83);
    /// Keeps programs that know no GPT away from a GPT disk.
    pub const PROTECTIVE: Self = Self(0xee);
    /// An EFI system partition.
    pub const EFI_SYSTEM: Self = Self(0xef);

    /// Whether logical partitions are inside.
    pub const fn is_extended(self) -> bool {
        // 0x85 is Linux's own, for disks that other systems should not look into.
        matches!(self.0, 0x05 | 0x0f | 0x85)
    }
}

impl fmt::Display for PartitionType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:02X}", self.0)
    }
}

/// A primary, extended or logical partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// What it holds.
    pub kind: PartitionType,
    /// Whether BIOS machines boot from it.
    pub active: bool,
    /// Its first sector on the disk.
    pub first: Lba,
    /// How many sectors it has, at least one.
    pub sectors: u32,
}

impl Partition {
    /// What keeps programs that know no GPT away from `sectors` sectors behind the first.
    pub const fn protective(sectors: u32) -> Self {
        Self { kind: PartitionType::PROTECTIVE, active: false, first: Lba(1), sectors }
    }

    /// Its last sector; `None` when it has none or one past 64 bits.
    pub fn last(&self) -> Option<Lba> {
        self.first.0.checked_add(u64::from(self.sectors).checked_sub(1)?).map(Lba)
    }
}

/// The first sector of a disk: four slots and an identity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BootRecord {
    /// Identity of the disk; 0 on GPT disks, which have a GUID.
    pub disk_signature: u32,
    /// The slots 1 to 4.
    pub slots: [Option<Partition>; 4],
}

impl BootRecord {
    /// What protects a GPT disk of `len` bytes (UEFI 2.10, section 5.2.3): one partition from sector 1 to
    /// the last, or as far as 32 bits reach; not active, or some firmware takes the disk for a BIOS one.
    pub fn protective(len: ByteSize, sector_size: SectorSize) -> Self {
        let sectors = (len.bytes() / sector_size.bytes()).saturating_sub(1);
        let protective = Partition::protective(u32::try_from(sectors).unwrap_or(u32::MAX));
        Self { disk_signature: 0, slots: [Some(protective), None, None, None] }
    }

    /// Whether a slot says that the disk has a GPT.
    pub fn is_protective(&self) -> bool {
        let protects = |slot: &&Partition| slot.kind == PartitionType::PROTECTIVE && slot.first == Lba(1);
        self.slots.iter().flatten().any(|slot| protects(&slot))
    }
}

/// A whole DOS table. Numbers 1 to 4 are primary or, one of them, extended; 5 and up, without gaps and
/// in the order of the disk, are logical.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Identity of the disk; Linux makes `PARTUUID`s of it.
    pub disk_signature: u32,
    /// The partitions by number.
    pub partitions: BTreeMap<u32, Partition>,
}

/// Why a DOS table cannot be on a disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// Numbers start with 1, and logical ones follow each other from 5.
    #[error("partition number {number} cannot be: primary partitions are 1 to 4, logical ones 5, 6, …")]
    Number {
        /// The number.
        number: u32,
    },
    /// Type 0 marks an empty slot, and a partition has a sector at least.
    #[error("partition {number} is empty")]
    Empty {
        /// Its number.
        number: u32,
    },
    /// The partition lies on the boot record, past the end of the disk or past 2^32 sectors.
    #[error("partition {number} (sectors {first} to {last}) leaves the usable sectors 1 to {usable_last}")]
    OutOfRange {
        /// Its number.
        number: u32,
        /// Its first sector.
        first: Lba,
        /// Its last sector.
        last: Lba,
        /// Last sector that a partition may take.
        usable_last: Lba,
    },
    /// Two partitions share sectors, or a logical one comes before its predecessor.
    #[error("partition {second} starts at sector {start}, not behind partition {first}, which ends at {end}")]
    Overlap {
        /// Number of the one that should end before.
        first: u32,
        /// Its last sector.
        end: Lba,
        /// Number of the other.
        second: u32,
        /// First sector of the other.
        start: Lba,
    },
    /// There are logical partitions and no extended one, or two.
    #[error("logical partitions need exactly one extended partition; there are {found}")]
    Extended {
        /// How many extended partitions there are.
        found: usize,
    },
    /// A logical partition is not in the extended one.
    #[error("logical partition {number} is not inside of the extended partition")]
    Outside {
        /// Its number.
        number: u32,
    },
    /// No sector is free in front of a logical partition.
    #[error("logical partition {number} needs a free sector before sector {first}")]
    NoRoomForLink {
        /// Its number.
        number: u32,
        /// Its first sector.
        first: Lba,
    },
    /// BIOS machines boot from one partition.
    #[error("partitions {first} and {second} are both active")]
    TwoActive {
        /// The lower number.
        first: u32,
        /// The higher number.
        second: u32,
    },
}
