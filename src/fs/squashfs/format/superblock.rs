//! The superblock and the compressor's options behind it.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `s_magic`: "hsqs".
pub const MAGIC: u32 = 0x7371_7368;
/// `s_major`.
pub const MAJOR: u16 = 4;
/// Bytes of the superblock.
pub const LEN: u64 = 96;

/// `flags`: equal files share their blocks (`SQUASHFS_DUPLICATE`).
pub const FLAG_DUPLICATES: u16 = 0x0040;
/// `flags`: there is an export table (`SQUASHFS_EXPORT`).
pub const FLAG_EXPORT: u16 = 0x0080;
/// `flags`: there are no extended attributes (`SQUASHFS_NO_XATTR`).
pub const FLAG_NO_XATTRS: u16 = 0x0200;
/// `flags`: options of the compressor follow the superblock (`SQUASHFS_COMP_OPT`).
pub const FLAG_COMPRESSOR_OPTIONS: u16 = 0x0400;

/// `struct squashfs_super_block`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Superblock {
    /// [`MAGIC`].
    pub s_magic: U32,
    /// How many inodes there are.
    pub inodes: U32,
    /// When the file system was made, in seconds from 1970.
    pub mkfs_time: U32,
    /// Bytes of a data block: a power of two from 4 KiB to 1 MiB.
    pub block_size: U32,

    /// How many fragment blocks there are.
    pub fragments: U32,
    /// Number of the compressor, see [`Algorithm`](super::super::compressor::Algorithm).
    pub compression: U16,
    /// Logarithm of `block_size` to base 2.
    pub block_log: U16,
    /// `FLAG_*`.
    pub flags: U16,
    /// Entries of the id table.
    pub no_ids: U16,
    /// [`MAJOR`].
    pub s_major: U16,
    /// 0.
    pub s_minor: U16,

    /// Where the root directory's inode is, as a [`MetadataRef`](super::MetadataRef).
    pub root_inode: U64,
    /// Bytes of the file system, without what pads it.
    pub bytes_used: U64,

    /// Where the list of the id table's blocks is, in bytes from the start of the volume as all that follow.
    pub id_table_start: U64,
    /// Where the header of the attribute tables is; [`NO_TABLE`](super::NO_TABLE) for none.
    pub xattr_id_table_start: U64,

    /// Where the inode table is.
    pub inode_table_start: U64,
    /// Where the directory table is; the inode table ends there.
    pub directory_table_start: U64,

    /// Where the list of the fragment table's blocks is.
    pub fragment_table_start: U64,
    /// Where the list of the export table's blocks is; [`NO_TABLE`](super::NO_TABLE) for none.
    pub lookup_table_start: U64,
}

const _: () = assert!(size_of::<Superblock>() == 96);

/// Options of gzip (`struct gzip_comp_opts` of squashfs-tools).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct GzipOptions {
    /// 1 to 9.
    pub compression_level: U32,
    /// Logarithm of the window's size: 8 to 15.
    pub window_size: U16,
    /// Strategies tried beside the default one; 0 for none.
    pub strategy: U16,
}

/// Options of xz (`struct disk_comp_opts` of `fs/squashfs/xz_wrapper.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct XzOptions {
    /// Bytes that matches reach back: 2ⁿ or 2ⁿ + 2ⁿ⁺¹, at least 8 KiB.
    pub dictionary_size: U32,
    /// Filters for machine code; 0 for none.
    pub flags: U32,
}

/// Options of LZ4 (`struct lz4_comp_opts` of `fs/squashfs/lz4_wrapper.c`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Lz4Options {
    /// 1: the block format of today.
    pub version: U32,
    /// 1 for the high compression mode.
    pub flags: U32,
}

/// Options of zstd (`struct zstd_comp_opts` of squashfs-tools).
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ZstdOptions {
    /// 1 to 22.
    pub compression_level: U32,
}

const _: () = assert!(size_of::<GzipOptions>() == 8 && size_of::<XzOptions>() == 8);
const _: () = assert!(size_of::<Lz4Options>() == 8 && size_of::<ZstdOptions>() == 4);
