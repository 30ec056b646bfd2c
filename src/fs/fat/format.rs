//! The bytes of a FAT volume (FATGEN). All numbers are little-endian.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Length of a directory entry, in bytes.
pub(super) const ENTRY_LEN: u64 = 32;
/// UTF-16 units that one entry of a long name holds.
pub(super) const LONG_UNITS: usize = 13;
/// The most entries of a directory: 2 MiB of them.
pub(super) const SLOTS_MAX: u64 = 65_536;

/// `BPB_Media` and the low byte of the table: not removable.
pub(super) const MEDIA: u8 = 0xf8;
/// `BS_BootSig`: serial number, label and type follow.
pub(super) const EXTENDED_BOOT_SIGNATURE: u8 = 0x29;
/// The last two bytes of a boot sector's first 512.
pub(super) const BOOT_SIGNATURE: [u8; 2] = [0x55, 0xaa];
/// Where [`BOOT_SIGNATURE`] is.
pub(super) const BOOT_SIGNATURE_AT: usize = 510;

/// Sector of FSInfo on FAT32.
pub(super) const FS_INFO_SECTOR: u16 = 1;
/// Sector of the boot sector's copy on FAT32; FSInfo's copy follows it.
pub(super) const BACKUP_SECTOR: u16 = 6;

/// `ATTR_VOLUME_ID`: the entry is the volume's label.
pub(super) const ATTRIBUTE_LABEL: u8 = 0x08;
/// `ATTR_DIRECTORY`.
pub(super) const ATTRIBUTE_DIRECTORY: u8 = 0x10;
/// `ATTR_ARCHIVE`: what every file has that nobody backed up.
pub(super) const ATTRIBUTE_ARCHIVE: u8 = 0x20;
/// `ATTR_LONG_NAME`: the entry is part of a long name.
pub(super) const ATTRIBUTE_LONG_NAME: u8 = 0x0f;
/// First byte of a deleted entry's name.
pub(super) const DELETED: u8 = 0xe5;
/// In `LDIR_Ord` of the entry that comes first and holds the end of the name.
pub(super) const LAST_LONG_ENTRY: u8 = 0x40;

/// `BPB`: the start of every boot sector (FATGEN, "Boot Sector and BPB").
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BootSector {
    /// A jump over the data to the code.
    pub(super) jump: [u8; 3],
    /// Who formatted the volume; "MSWIN4.1" troubles nobody (FATGEN).
    pub(super) oem_name: [u8; 8],
    /// 512 or 4096 here.
    pub(super) bytes_per_sector: U16,
    /// A power of two.
    pub(super) sectors_per_cluster: u8,
    /// Sectors before the first table, this one included.
    pub(super) reserved_sectors: U16,

    /// Copies of the table: 2.
    pub(super) fats: u8,
    /// Entries of the root directory; 0 on FAT32.
    pub(super) root_entries: U16,
    /// Sectors of the volume where that fits 16 bits and it is not FAT32, else 0.
    pub(super) total_sectors_16: U16,
    /// [`MEDIA`].
    pub(super) media: u8,
    /// Sectors of a table; 0 on FAT32.
    pub(super) fat_sectors_16: U16,
    /// For BIOS calls by cylinder.
    pub(super) sectors_per_track: U16,
    /// For BIOS calls by cylinder.
    pub(super) heads: U16,
    /// Sectors before the volume on its disk.
    pub(super) hidden_sectors: U32,

    /// Sectors of the volume where `total_sectors_16` is 0.
    pub(super) total_sectors_32: U32,
}

const _: () = assert!(size_of::<BootSector>() == 36);

/// What follows [`BootSector`] on FAT32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BootSector32 {
    /// Sectors of a table.
    pub(super) fat_sectors: U32,
    /// 0: both tables are kept equal.
    pub(super) extended_flags: U16,
    /// 0.
    pub(super) version: U16,
    /// First cluster of the root directory.
    pub(super) root_cluster: U32,
    /// [`FS_INFO_SECTOR`].
    pub(super) fs_info: U16,
    /// [`BACKUP_SECTOR`].
    pub(super) backup: U16,

    /// Zero.
    pub(super) reserved: [u8; 12],
}

const _: () = assert!(size_of::<BootSector32>() == 28);

/// What follows on every type: at 36 on FAT12 and FAT16, at 64 on FAT32.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct BootSectorEnd {
    /// BIOS number of the disk.
    pub(super) drive: u8,
    /// Zero; Windows notes here that a volume was not unmounted.
    pub(super) dirty: u8,
    /// [`EXTENDED_BOOT_SIGNATURE`].
    pub(super) boot_signature: u8,
    /// Serial number of the volume.
    pub(super) serial: U32,
    /// Its label, or "NO NAME".
    pub(super) label: [u8; 11],
    /// Name of the type, for people.
    pub(super) kind: [u8; 8],
}

const _: () = assert!(size_of::<BootSectorEnd>() == 26);

/// Hints about free clusters (FATGEN, "FAT32 FSInfo Sector Structure").
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct FsInfo {
    /// [`FsInfo::LEAD`].
    pub(super) lead_signature: U32,
    /// Zero.
    pub(super) reserved: [u8; 480],
    /// [`FsInfo::STRUCTURE`].
    pub(super) structure_signature: U32,
    /// How many clusters are free.
    pub(super) free_count: U32,
    /// Where to begin to look for a free one.
    pub(super) next_free: U32,
    /// Zero.
    pub(super) reserved_end: [u8; 12],
    /// [`FsInfo::TRAIL`].
    pub(super) trail_signature: U32,
}

const _: () = assert!(size_of::<FsInfo>() == 512);

impl FsInfo {
    /// First of three signatures.
    pub(super) const LEAD: u32 = 0x4161_5252;
    /// Second of three signatures.
    pub(super) const STRUCTURE: u32 = 0x6141_7272;
    /// Third of three signatures.
    pub(super) const TRAIL: u32 = 0xaa55_0000;

    /// The sector for a volume with `free_count` free clusters from `next_free` on.
    pub(super) fn new(free_count: u32, next_free: u32) -> Self {
        Self {
            lead_signature: Self::LEAD.into(),
            reserved: [0; 480],
            structure_signature: Self::STRUCTURE.into(),
            free_count: free_count.into(),
            next_free: next_free.into(),
            reserved_end: [0; 12],
            trail_signature: Self::TRAIL.into(),
        }
    }

    /// Whether the three signatures are there.
    pub(super) fn is_signed(&self) -> bool {
        self.lead_signature.get() == Self::LEAD
            && self.structure_signature.get() == Self::STRUCTURE
            && self.trail_signature.get() == Self::TRAIL
    }
}

/// An entry of a directory (FATGEN, "FAT Directory Structure").
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct ShortEntry {
    /// Name and extension, padded with blanks.
    pub(super) name: [u8; 11],
    /// `ATTRIBUTE_…`.
    pub(super) attributes: u8,
    /// Bits 3 and 4: Windows NT shows name or extension in lower case.
    pub(super) nt_case: u8,
    /// Hundredths of seconds to add to the time of creation.
    pub(super) creation_hundredths: u8,
    /// Time of creation.
    pub(super) creation_time: U16,

    /// Date of creation.
    pub(super) creation_date: U16,
    /// Date of the last access.
    pub(super) access_date: U16,
    /// Upper half of the first cluster's number.
    pub(super) cluster_high: U16,
    /// Time of the last change.
    pub(super) write_time: U16,
    /// Date of the last change.
    pub(super) write_date: U16,
    /// Lower half of the first cluster's number.
    pub(super) cluster_low: U16,
    /// Bytes of a file; 0 for directories.
    pub(super) size: U32,
}

const _: () = assert!(size_of::<ShortEntry>() == 32);

/// A part of a long name, before the entry it belongs to (FATGEN, "Long Directory Entries").
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct LongEntry {
    /// Number of the part from 1, and [`LAST_LONG_ENTRY`].
    pub(super) ordinal: u8,
    /// Units 1 to 5.
    pub(super) name_1: [U16; 5],
    /// [`ATTRIBUTE_LONG_NAME`].
    pub(super) attributes: u8,
    /// Zero.
    pub(super) kind: u8,
    /// Of the short name that follows.
    pub(super) checksum: u8,
    /// Units 6 to 11.
    pub(super) name_2: [U16; 6],
    /// Zero.
    pub(super) cluster_low: U16,
    /// Units 12 and 13.
    pub(super) name_3: [U16; 2],
}

const _: () = assert!(size_of::<LongEntry>() == 32);

impl LongEntry {
    /// The part that holds `units`, number `ordinal` of its name.
    pub(super) fn new(units: [u16; LONG_UNITS], ordinal: u8, checksum: u8) -> Self {
        let [a, b, c, d, e, f, g, h, i, j, k, l, m] = units.map(U16::new);
        Self {
            ordinal,
            name_1: [a, b, c, d, e],
            attributes: ATTRIBUTE_LONG_NAME,
            kind: 0,
            checksum,
            name_2: [f, g, h, i, j, k],
            cluster_low: 0.into(),
            name_3: [l, m],
        }
    }

    /// The units of this part, padding included.
    pub(super) fn units(&self) -> [u16; LONG_UNITS] {
        let [a, b, c, d, e] = self.name_1;
        let [f, g, h, i, j, k] = self.name_2;
        let [l, m] = self.name_3;
        [a, b, c, d, e, f, g, h, i, j, k, l, m].map(U16::get)
    }
}

/// `ChkSum()` of a short name: what binds the parts of a long name to it.
pub(super) fn name_checksum(name: &[u8; 11]) -> u8 {
    name.iter().fold(0, |sum: u8, byte| sum.rotate_right(1).wrapping_add(*byte))
}
