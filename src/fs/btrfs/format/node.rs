//! Nodes of trees: a header, then items (level 0) or pointers to nodes of the level below.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `flags` of a header: it was written (bit 0), references are of revision 1 (from bit 56).
pub const FLAGS: u64 = 1 | 1 << 56;

/// What every node begins with (`btrfs_header`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Checksum of all that follows, as long as its kind is.
    pub csum: [u8; 32],
    /// Identity of the file system.
    pub fsid: [u8; 16],
    /// Where this node is.
    pub bytenr: U64,
    /// [`FLAGS`].
    pub flags: U64,

    /// Identity that all nodes share.
    pub chunk_tree_uuid: [u8; 16],
    /// The transaction that wrote it.
    pub generation: U64,
    /// The tree that it was made for.
    pub owner: U64,
    /// How many items or pointers.
    pub nritems: U32,
    /// Distance from the leaves.
    pub level: u8,
}

/// A key as it is stored (`btrfs_disk_key`).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DiskKey {
    /// First part.
    pub objectid: U64,
    /// What the item is.
    pub kind: u8,
    /// Last part.
    pub offset: U64,
}

/// Where an item of a leaf is (`btrfs_item`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ItemHeader {
    /// Its key.
    pub key: DiskKey,
    /// Where its bytes begin, counted from the end of the node's header.
    pub offset: U32,
    /// How many bytes.
    pub size: U32,
}

/// A child of an inner node (`btrfs_key_ptr`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Pointer {
    /// The child's first key.
    pub key: DiskKey,
    /// Where the child is.
    pub blockptr: U64,
    /// The transaction that wrote the child.
    pub generation: U64,
}

/// Bytes of a header.
pub const HEADER_LEN: usize = size_of::<Header>();
/// Bytes of an item's place.
pub const ITEM_LEN: usize = size_of::<ItemHeader>();
/// Bytes of a pointer.
pub const POINTER_LEN: usize = size_of::<Pointer>();

const _: () = assert!(HEADER_LEN == 101 && ITEM_LEN == 25 && POINTER_LEN == 33);
