//! The bytes of a GUID partition table (UEFI 2.10, chapter 5.3). All numbers are little-endian.

use uuid::Uuid;
use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `Signature` of a header.
pub(super) const SIGNATURE: [u8; 8] = *b"EFI PART";
/// `Revision` of a header: 1.0, the only one there is.
pub(super) const REVISION: u32 = 0x0001_0000;
/// Length of [`Header`], in bytes.
pub(super) const HEADER_LEN: u32 = 92;
/// Length of [`EntryRecord`], in bytes.
pub(super) const ENTRY_LEN: u32 = 128;
/// UTF-16 units of a partition's name.
pub(super) const NAME_UNITS: usize = 36;

/// A GUID as the table stores it: the first three groups little-endian (UEFI 2.10, appendix A).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(transparent)]
pub(super) struct GuidField([u8; 16]);

impl From<Uuid> for GuidField {
    fn from(guid: Uuid) -> Self {
        Self(guid.to_bytes_le())
    }
}

impl From<GuidField> for Uuid {
    fn from(field: GuidField) -> Self {
        Self::from_bytes_le(field.0)
    }
}

/// The header (UEFI 2.10, table 5.5): once in the second sector, once in the last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    /// [`SIGNATURE`].
    pub(super) signature: [u8; 8],
    /// [`REVISION`].
    pub(super) revision: U32,
    /// Bytes that the checksum covers: 92 up to a sector.
    pub(super) header_size: U32,

    /// CRC-32 of the first `header_size` bytes with this field zero.
    pub(super) header_crc32: U32,
    /// Zero.
    pub(super) reserved: U32,
    /// The sector that this header is in.
    pub(super) my_lba: U64,

    /// The sector that the other header is in.
    pub(super) alternate_lba: U64,
    /// First sector that a partition may take.
    pub(super) first_usable_lba: U64,

    /// Last sector that a partition may take.
    pub(super) last_usable_lba: U64,
    /// Identity of the disk.
    pub(super) disk_guid: GuidField,
    /// First sector of this header's array of entries.
    pub(super) partition_entry_lba: U64,

    /// How many entries the array has, used or not.
    pub(super) number_of_partition_entries: U32,
    /// Length of an entry in bytes: 128 times a power of two.
    pub(super) size_of_partition_entry: U32,
    /// CRC-32 of the whole array.
    pub(super) partition_entry_array_crc32: U32,
}

const _: () = assert!(size_of::<Header>() == 92);

/// An entry of the array (UEFI 2.10, table 5.6).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct EntryRecord {
    /// What the partition is for; all zero when the entry is unused.
    pub(super) partition_type_guid: GuidField,

    /// Identity of the partition.
    pub(super) unique_partition_guid: GuidField,

    /// First sector.
    pub(super) starting_lba: U64,
    /// Last sector, itself part of the partition.
    pub(super) ending_lba: U64,

    /// Bits 0 to 2 and 48 to 63 have meanings.
    pub(super) attributes: U64,
    /// UTF-16, ended by a zero unit where it is shorter than the field.
    pub(super) partition_name: [U16; NAME_UNITS],
}

const _: () = assert!(size_of::<EntryRecord>() == 128);

/// CRC-32 as header and array carry it (ISO 3309, the polynomial of Ethernet and zip).
pub(super) fn crc32(bytes: &[u8]) -> u32 {
    crc32fast::hash(bytes)
}

/// The checksum that belongs into the header at the start of `bytes`, which are its `header_size` bytes.
pub(super) fn header_crc32(bytes: &[u8]) -> u32 {
    // The field itself, at 16, counts as zero.
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(bytes.get(..16).unwrap_or(bytes));
    hasher.update(&[0; 4]);
    hasher.update(bytes.get(20..).unwrap_or_default());
    hasher.finalize()
}
