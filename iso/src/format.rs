//! The bytes of ISO 9660 and El Torito.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned, big_endian, little_endian};

/// First block after the system area: the first volume descriptor (ECMA-119, 6.2.1).
pub(crate) const DESCRIPTORS: u32 = 16;

/// `Standard Identifier` of every volume descriptor.
pub(crate) const STANDARD: [u8; 5] = *b"CD001";

/// `Volume Descriptor Type`: what a descriptor is (8.1.1).
pub(crate) const TYPE_BOOT_RECORD: u8 = 0;
/// The primary descriptor.
pub(crate) const TYPE_PRIMARY: u8 = 1;
/// The end of the descriptors.
pub(crate) const TYPE_TERMINATOR: u8 = 255;

/// `Boot System Identifier` of El Torito, zeroes behind it (El Torito, figure 7).
pub(crate) const EL_TORITO: &[u8; 23] = b"EL TORITO SPECIFICATION";

/// `Platform ID` of firmware that is UEFI (UEFI 2.10, 13.3.2.1).
pub(crate) const PLATFORM_EFI: u8 = 0xef;

/// A number of 16 bits, first little-endian, then big-endian (ECMA-119, 7.2.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Both16 {
    little: little_endian::U16,
    big: big_endian::U16,
}

impl Both16 {
    /// The number, when both say the same.
    pub(crate) fn get(self) -> Option<u16> {
        (self.little.get() == self.big.get()).then(|| self.little.get())
    }
}

impl From<u16> for Both16 {
    fn from(value: u16) -> Self {
        Self { little: value.into(), big: value.into() }
    }
}

/// A number of 32 bits, first little-endian, then big-endian (7.3.3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Both32 {
    little: little_endian::U32,
    big: big_endian::U32,
}

impl Both32 {
    /// The number, when both say the same.
    pub(crate) fn get(self) -> Option<u32> {
        (self.little.get() == self.big.get()).then(|| self.little.get())
    }
}

impl From<u32> for Both32 {
    fn from(value: u32) -> Self {
        Self { little: value.into(), big: value.into() }
    }
}

/// Date of a file (9.1.5).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned,
)]
#[repr(C)]
pub(crate) struct ShortDate {
    /// Years since 1900.
    pub(crate) years: u8,
    /// 1 to 12.
    pub(crate) month: u8,
    /// 1 to 31.
    pub(crate) day: u8,
    /// 0 to 23.
    pub(crate) hour: u8,
    /// 0 to 59.
    pub(crate) minute: u8,
    /// 0 to 59.
    pub(crate) second: u8,
    /// Quarters of an hour east of Greenwich.
    pub(crate) zone: i8,
}

/// Date of a volume (8.4.26.1): sixteen digits, and quarters of an hour east of Greenwich.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct LongDate {
    /// Year, month, day, hour, minute, second, hundredths.
    pub(crate) digits: [u8; 16],
    /// As in a short date.
    pub(crate) zone: i8,
}

impl LongDate {
    /// No date.
    pub(crate) const UNSPECIFIED: Self = Self { digits: [b'0'; 16], zone: 0 };
}

/// A record of a directory (9.1) without its identifier, which follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct RecordHead {
    /// Bytes of the record, 34 to 254, even.
    pub(crate) length: u8,
    /// Blocks of extended attributes before the extent: none.
    pub(crate) attribute_length: u8,
    /// First block of the extent.
    pub(crate) extent: Both32,
    /// Bytes of the extent.
    pub(crate) data_length: Both32,
    /// When it was recorded.
    pub(crate) date: ShortDate,
    /// [`FLAG_DIRECTORY`], [`FLAG_MULTI_EXTENT`].
    pub(crate) flags: u8,
    /// Zero: not interleaved.
    pub(crate) unit_size: u8,
    /// Zero: not interleaved.
    pub(crate) gap: u8,
    /// 1: the volume of a set.
    pub(crate) volume: Both16,
    /// Bytes of the identifier.
    pub(crate) identifier_length: u8,
}

/// Bytes of [`RecordHead`].
pub(crate) const RECORD_HEAD: usize = 33;
const _: () = assert!(size_of::<RecordHead>() == RECORD_HEAD);

/// The record is a directory's.
pub(crate) const FLAG_DIRECTORY: u8 = 0x02;
/// The next record goes on with the same file.
pub(crate) const FLAG_MULTI_EXTENT: u8 = 0x80;

/// The primary volume descriptor (8.4).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct Primary {
    /// [`TYPE_PRIMARY`].
    pub(crate) kind: u8,
    /// [`STANDARD`].
    pub(crate) standard: [u8; 5],
    /// 1.
    pub(crate) version: u8,
    /// Zero.
    pub(crate) unused_1: u8,
    /// Who uses the system area; blanks.
    pub(crate) system_identifier: [u8; 32],
    /// The volume's name, blanks behind it.
    pub(crate) volume_identifier: [u8; 32],
    /// Zero.
    pub(crate) unused_2: [u8; 8],
    /// Blocks of the volume.
    pub(crate) volume_space_size: Both32,
    /// Zero.
    pub(crate) unused_3: [u8; 32],
    /// 1: a set of one volume.
    pub(crate) volume_set_size: Both16,
    /// 1: the first of the set.
    pub(crate) volume_sequence_number: Both16,
    /// 2048.
    pub(crate) logical_block_size: Both16,
    /// Bytes of a path table.
    pub(crate) path_table_size: Both32,
    /// Block of the little-endian path table.
    pub(crate) path_table_l: little_endian::U32,
    /// Zero: no second copy.
    pub(crate) optional_path_table_l: little_endian::U32,
    /// Block of the big-endian path table.
    pub(crate) path_table_m: big_endian::U32,
    /// Zero: no second copy.
    pub(crate) optional_path_table_m: big_endian::U32,
    /// Record of the root directory.
    pub(crate) root: RecordHead,
    /// The root's identifier: 0.
    pub(crate) root_identifier: u8,
    /// Blanks.
    pub(crate) volume_set_identifier: [u8; 128],
    /// Who published the volume.
    pub(crate) publisher_identifier: [u8; 128],
    /// Who prepared the data.
    pub(crate) preparer_identifier: [u8; 128],
    /// What the data is for.
    pub(crate) application_identifier: [u8; 128],
    /// Names of files in the root directory; blanks.
    pub(crate) copyright_file: [u8; 37],
    /// As above.
    pub(crate) abstract_file: [u8; 37],
    /// As above.
    pub(crate) bibliographic_file: [u8; 37],
    /// When the volume was made.
    pub(crate) created: LongDate,
    /// When it was last changed; `blkid` takes it for the UUID.
    pub(crate) modified: LongDate,
    /// When it becomes obsolete.
    pub(crate) expires: LongDate,
    /// When it becomes valid.
    pub(crate) effective: LongDate,
    /// 1.
    pub(crate) file_structure_version: u8,
    /// Zero.
    pub(crate) reserved_1: u8,
    /// Free.
    pub(crate) application_use: [u8; 512],
    /// Zero.
    pub(crate) reserved_2: [u8; 653],
}

const _: () = assert!(size_of::<Primary>() == 2048);

/// The descriptor that leads to the boot catalog (El Torito, figure 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct BootRecord {
    /// [`TYPE_BOOT_RECORD`].
    pub(crate) kind: u8,
    /// [`STANDARD`].
    pub(crate) standard: [u8; 5],
    /// 1.
    pub(crate) version: u8,
    /// [`EL_TORITO`].
    pub(crate) boot_system: [u8; 32],
    /// Zero.
    pub(crate) unused_1: [u8; 32],
    /// Block of the catalog.
    pub(crate) catalog: little_endian::U32,
    /// Zero.
    pub(crate) unused_2: [u8; 1973],
}

const _: () = assert!(size_of::<BootRecord>() == 2048);

/// First entry of the boot catalog (El Torito, figure 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct ValidationEntry {
    /// 1.
    pub(crate) header: u8,
    /// [`PLATFORM_EFI`].
    pub(crate) platform: u8,
    /// Zero.
    pub(crate) reserved: [u8; 2],
    /// Who made it; zeroes.
    pub(crate) developer: [u8; 24],
    /// Makes the sum of the entry's sixteen 16-bit words zero.
    pub(crate) checksum: little_endian::U16,
    /// 0x55, 0xaa.
    pub(crate) key: [u8; 2],
}

/// The entry of the image that is booted (El Torito, figure 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(crate) struct InitialEntry {
    /// 0x88: it can be booted.
    pub(crate) indicator: u8,
    /// Zero: no emulation of a disk.
    pub(crate) media: u8,
    /// Means nothing to UEFI.
    pub(crate) segment: little_endian::U16,
    /// Means nothing to UEFI.
    pub(crate) system: u8,
    /// Zero.
    pub(crate) unused: u8,
    /// Sectors of 512 bytes; 0 stands for all to the end of the medium (UEFI 2.10, 13.3.2.1).
    pub(crate) sectors: little_endian::U16,
    /// First block of the image.
    pub(crate) start: little_endian::U32,
    /// Zero.
    pub(crate) reserved: [u8; 20],
}

const _: () = assert!(size_of::<ValidationEntry>() == 32 && size_of::<InitialEntry>() == 32);
