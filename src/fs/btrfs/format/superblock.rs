//! The superblock: 4096 bytes at 64 KiB, and copies at 64 MiB and 256 GiB of each device.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::chunk::DevItem;

/// Where superblocks are on each device that is long enough.
pub const OFFSETS: [u64; 3] = [64 << 10, 64 << 20, 256 << 30];
/// Bytes of a superblock.
pub const LEN: u64 = 4096;
/// `magic`.
pub const MAGIC: [u8; 8] = *b"_BHRfS_M";
/// `flags`: it was written.
pub const FLAG_WRITTEN: u64 = 1;

/// Roots of one transaction, kept for repairs (`btrfs_root_backup`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RootBackup {
    /// Node and transaction of the tree of roots.
    pub tree_root: [U64; 2],
    /// Of the tree of chunks.
    pub chunk_root: [U64; 2],
    /// Of the tree of extents.
    pub extent_root: [U64; 2],
    /// Of the top-level subvolume.
    pub fs_root: [U64; 2],
    /// Of the tree of devices' extents.
    pub dev_root: [U64; 2],
    /// Of the tree of checksums.
    pub csum_root: [U64; 2],
    /// As in the superblock.
    pub total_bytes: U64,
    /// As in the superblock.
    pub bytes_used: U64,
    /// As in the superblock.
    pub num_devices: U64,
    /// Zero.
    pub unused: [U64; 4],
    /// Levels of the six roots, in the order above.
    pub levels: [u8; 6],
    /// Zero.
    pub unused_bytes: [u8; 10],
}

/// The superblock (`btrfs_super_block`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Superblock {
    /// Checksum of all that follows.
    pub csum: [u8; 32],
    /// Identity of the file system.
    pub fsid: [u8; 16],
    /// Where this copy is on its device.
    pub bytenr: U64,
    /// [`FLAG_WRITTEN`].
    pub flags: U64,

    /// [`MAGIC`].
    pub magic: [u8; 8],
    /// The last transaction.
    pub generation: U64,

    /// Root node of the tree of roots.
    pub root: U64,
    /// Root node of the tree of chunks.
    pub chunk_root: U64,

    /// Zero: no log is to be replayed.
    pub log_root: U64,
    /// Zero.
    pub log_root_transid: U64,

    /// Bytes of all devices.
    pub total_bytes: U64,
    /// Bytes in use.
    pub bytes_used: U64,

    /// The directory in the tree of roots.
    pub root_dir_objectid: U64,
    /// How many devices.
    pub num_devices: U64,

    /// Bytes of a sector.
    pub sectorsize: U32,
    /// Bytes of a node.
    pub nodesize: U32,
    /// Equal to `nodesize`.
    pub leafsize: U32,
    /// Equal to `sectorsize`.
    pub stripesize: U32,

    /// Bytes in use of `sys_chunk_array`.
    pub sys_chunk_array_size: U32,
    /// The transaction that wrote the root of the tree of chunks.
    pub chunk_root_generation: U64,
    /// Zero.
    pub compat_flags: U64,
    /// Features that a reader may ignore.
    pub compat_ro_flags: U64,
    /// Features that nobody may ignore.
    pub incompat_flags: U64,
    /// Which checksum.
    pub csum_type: U16,
    /// Level of `root`.
    pub root_level: u8,
    /// Level of `chunk_root`.
    pub chunk_root_level: u8,
    /// Zero.
    pub log_root_level: u8,
    /// The device that this copy is on.
    pub dev_item: DevItem,
    /// The label, padded with zeroes.
    pub label: [u8; 256],
    /// Zero: free space is in a tree.
    pub cache_generation: U64,
    /// The transaction in which the tree of UUIDs was complete.
    pub uuid_tree_generation: U64,
    /// Zero.
    pub metadata_uuid: [u8; 16],
    /// Zero.
    pub reserved: [U64; 28],
    /// Chunks of the tree of chunks: keys and chunks with stripes.
    pub sys_chunk_array: [u8; 2048],
    /// Roots of earlier transactions.
    pub super_roots: [RootBackup; 4],
    /// Zero.
    pub padding: [u8; 565],
}

const _: () = assert!(size_of::<RootBackup>() == 168 && size_of::<Superblock>() == 4096);
const _: () = assert!(std::mem::offset_of!(Superblock, sys_chunk_array) == 811);
