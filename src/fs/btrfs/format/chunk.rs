//! Items about devices, chunks, block groups and free space.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// A device (`btrfs_dev_item`): in the tree of chunks and in its own superblock.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DevItem {
    /// Its number, from 1.
    pub devid: U64,
    /// Its size in bytes.
    pub total_bytes: U64,

    /// Bytes of it that chunks use.
    pub bytes_used: U64,
    /// Best alignment of accesses.
    pub io_align: U32,
    /// Best size of accesses.
    pub io_width: U32,

    /// Smallest access.
    pub sector_size: U32,
    /// Zero.
    pub kind: U64,
    /// The transaction that changed it last; zero.
    pub generation: U64,
    /// Where it begins; zero.
    pub start_offset: U64,
    /// Zero.
    pub dev_group: U32,
    /// Zero.
    pub seek_speed: u8,
    /// Zero.
    pub bandwidth: u8,

    /// Its identity.
    pub uuid: [u8; 16],
    /// Identity of the file system.
    pub fsid: [u8; 16],
}

/// A chunk (`btrfs_chunk`), before its stripes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct ChunkItem {
    /// Bytes of logical addresses.
    pub length: U64,
    /// Tree of extents.
    pub owner: U64,

    /// Bytes of a stripe's piece.
    pub stripe_len: U64,
    /// What it holds and how.
    pub kind: U64,

    /// Best alignment of accesses.
    pub io_align: U32,
    /// Best size of accesses.
    pub io_width: U32,
    /// Smallest access.
    pub sector_size: U32,
    /// How many stripes follow.
    pub num_stripes: U16,
    /// Copies of each piece where striped (RAID10), else 1.
    pub sub_stripes: U16,
}

/// A stripe of a chunk (`btrfs_stripe`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct StripeItem {
    /// The device's number.
    pub devid: U64,
    /// Where it begins on the device.
    pub offset: U64,

    /// The device's identity.
    pub dev_uuid: [u8; 16],
}

/// A stretch of a device (`btrfs_dev_extent`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DevExtent {
    /// The tree of chunks.
    pub chunk_tree: U64,
    /// Number of all chunks.
    pub chunk_objectid: U64,

    /// The chunk that uses it.
    pub chunk_offset: U64,
    /// How many bytes.
    pub length: U64,

    /// Identity that all nodes share.
    pub chunk_tree_uuid: [u8; 16],
}

/// A block group (`btrfs_block_group_item`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct BlockGroupItem {
    /// Bytes in use.
    pub used: U64,
    /// Number of all chunks.
    pub chunk_objectid: U64,

    /// As the chunk's `kind`.
    pub flags: U64,
}

/// How free space is told (`btrfs_free_space_info`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct FreeSpaceInfo {
    /// How many stretches there are.
    pub extent_count: U32,
    /// 1 where bits tell them.
    pub flags: U32,
}

const _: () = assert!(size_of::<DevItem>() == 98 && size_of::<ChunkItem>() == 48);
const _: () = assert!(size_of::<StripeItem>() == 32 && size_of::<DevExtent>() == 48);
const _: () = assert!(size_of::<BlockGroupItem>() == 24 && size_of::<FreeSpaceInfo>() == 8);
