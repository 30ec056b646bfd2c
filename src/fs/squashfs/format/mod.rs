//! The bytes of Squashfs 4.0 (kernel documentation, "Squashfs 4.0 Filesystem"; field names are those of
//! `fs/squashfs/squashfs_fs.h`). All numbers are little-endian.
//!
//! On disk, from the start: superblock, compressor options, data blocks and fragment blocks, inode table,
//! directory table, fragment table, export table, id table, table of extended attributes. Everything from the
//! inode table on is *metadata*: cut into pieces of 8 KiB, each stored with its length in front and compressed
//! where that makes it shorter.

pub mod directory;
pub mod inode;
pub mod superblock;
pub mod table;

use crate::units::low_u16;

/// Bytes of a metadata block before it is compressed (`SQUASHFS_METADATA_SIZE`).
pub const METADATA_SIZE: usize = 8192;
/// In the length before a metadata block: it is stored as it is (`SQUASHFS_COMPRESSED_BIT`).
pub const METADATA_RAW: u16 = 1 << 15;
/// In the stored size of a data block: it is stored as it is (`SQUASHFS_COMPRESSED_BIT_BLOCK`).
const DATA_RAW: u32 = 1 << 24;
/// A table that is not there (`SQUASHFS_INVALID_BLK`).
pub const NO_TABLE: u64 = u64::MAX;
/// An inode without fragment (`SQUASHFS_INVALID_FRAG`), or without extended attributes
/// (`SQUASHFS_INVALID_XATTR`).
pub const NONE: u32 = u32::MAX;

/// Where something begins in a metadata table: the block's distance from the table's start, as stored, in the
/// upper bits, the place in the decompressed block in the lower 16.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MetadataRef(pub u64);

impl MetadataRef {
    /// Place `offset` (below 8192) of the block that begins `block` bytes from the table's start.
    pub const fn new(block: u64, offset: u16) -> Self {
        // A u16 has a place in the 16 bits that the shift leaves free.
        Self(block << 16 | low_u16_to_u64(offset))
    }

    /// Distance of the stored block from the start of its table, in bytes.
    pub const fn block(self) -> u64 {
        self.0 >> 16
    }

    /// Place in the decompressed block; what is read may be past its end.
    pub const fn offset(self) -> u16 {
        low_u16(self.0)
    }
}

/// `From` is not `const` yet.
#[expect(clippy::as_conversions, reason = "widening")]
const fn low_u16_to_u64(value: u16) -> u64 {
    value as u64
}

/// Stored size of a data block or fragment block; zero for a block of zeroes that is not stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct StoredSize(pub u32);

impl StoredSize {
    /// A block of nothing but zeroes.
    pub const HOLE: Self = Self(0);

    /// A block of `len` bytes, below 2²⁴, in `form`.
    pub const fn new(len: u32, form: Form) -> Self {
        match form {
            Form::Compressed => Self(len),
            Form::Raw => Self(len | DATA_RAW),
        }
    }

    /// Bytes on disk.
    pub const fn len(self) -> u32 {
        self.0 & (DATA_RAW - 1)
    }

    /// How they are to be read.
    pub const fn form(self) -> Form {
        if self.0 & DATA_RAW == 0 { Form::Compressed } else { Form::Raw }
    }

    /// Whether bits are set that mean nothing.
    pub const fn is_sound(self) -> bool {
        self.0 < DATA_RAW << 1
    }
}

/// How bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Compressed.
    Compressed,
    /// As they are, because they would not become shorter.
    Raw,
}
