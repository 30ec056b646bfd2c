//! Extents: who uses a stretch of logical addresses, and which part of a file is where.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `flags` of an extent: data.
pub const FLAG_DATA: u64 = 1;
/// `flags` of an extent: a node of a tree.
pub const FLAG_TREE_BLOCK: u64 = 2;

/// `kind` of a file's extent: the bytes follow.
pub const INLINE: u8 = 0;
/// `kind` of a file's extent: the bytes are elsewhere.
pub const REGULAR: u8 = 1;
/// `kind` of a file's extent: a place without bytes yet.
pub const PREALLOCATED: u8 = 2;

/// An extent in use (`btrfs_extent_item`); its references follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ExtentItem {
    /// How many references there are.
    pub refs: U64,
    /// The transaction that made it.
    pub generation: U64,
    /// [`FLAG_DATA`] or [`FLAG_TREE_BLOCK`].
    pub flags: U64,
}

/// A node's extent with the one reference that ours have (`btrfs_extent_inline_ref`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct TreeBlockExtent {
    /// What is common.
    pub item: ExtentItem,
    /// `TREE_BLOCK_REF`.
    pub ref_kind: u8,
    /// The tree.
    pub root: U64,
}

/// An extent of data with the one reference that ours have (`btrfs_extent_data_ref`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DataExtentItem {
    /// What is common.
    pub item: ExtentItem,
    /// `EXTENT_DATA_REF`.
    pub ref_kind: u8,
    /// The subvolume.
    pub root: U64,
    /// The inode.
    pub objectid: U64,
    /// Where in the file the extent would begin.
    pub offset: U64,
    /// How often it is used so.
    pub count: U32,
}

/// The front of a part of a file (`btrfs_file_extent_item`); bytes follow where they are inline.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FileExtentHead {
    /// The transaction that made it.
    pub generation: U64,
    /// Bytes of the extent when not compressed.
    pub ram_bytes: U64,
    /// How it is compressed; 0 for not.
    pub compression: u8,
    /// Zero.
    pub encryption: u8,
    /// Zero.
    pub other_encoding: [u8; 2],
    /// [`INLINE`], [`REGULAR`] or [`PREALLOCATED`].
    pub kind: u8,
}

/// The rest of a part of a file that is not inline.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FileExtentTail {
    /// Logical address of the extent; 0 for a hole.
    pub disk_bytenr: U64,
    /// Bytes of the extent on disk.
    pub disk_num_bytes: U64,
    /// Where in the extent's uncompressed bytes this part begins.
    pub offset: U64,
    /// Bytes of the file that this part is.
    pub num_bytes: U64,
}

/// A part of a file that is not inline.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FileExtent {
    /// What inline parts have too.
    pub head: FileExtentHead,
    /// Where the bytes are.
    pub tail: FileExtentTail,
}

/// Bytes before those of an inline part.
pub const INLINE_HEAD: usize = size_of::<FileExtentHead>();

const _: () = assert!(INLINE_HEAD == 21 && size_of::<FileExtent>() == 53);
const _: () = assert!(size_of::<TreeBlockExtent>() == 33 && size_of::<DataExtentItem>() == 53);
