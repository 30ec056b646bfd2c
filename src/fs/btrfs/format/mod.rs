//! The bytes of btrfs, little-endian throughout.
//!
//! After the on-disk format pages of the btrfs documentation ("On-disk Format", "Btree items") and
//! `include/uapi/linux/btrfs_tree.h` of Linux; fields are named as there.

pub mod chunk;
pub mod directory;
pub mod extent;
pub mod inode;
pub mod node;
pub mod root;
pub mod superblock;

/// Bytes of a sector: the unit in which data are allocated and checksummed.
pub const SECTOR: u64 = 4096;
/// Every piece of a striped chunk has so many bytes (`BTRFS_STRIPE_LEN`).
pub const STRIPE: u64 = 64 << 10;
/// The front of each device that no chunk may use (`BTRFS_DEVICE_RANGE_RESERVED`).
pub const DEVICE_RESERVED: u64 = 1 << 20;
/// The longest extent of plain data (`BTRFS_MAX_EXTENT_SIZE`).
pub const EXTENT_MAX: u64 = 128 << 20;
/// The longest extent of compressed data, before compression (`BTRFS_MAX_UNCOMPRESSED`).
pub const COMPRESSED_MAX: u64 = 128 << 10;

/// Numbers of trees and of objects in them.
pub mod objectid {
    /// Tree of roots.
    pub const ROOT_TREE: u64 = 1;
    /// Tree of extents.
    pub const EXTENT_TREE: u64 = 2;
    /// Tree of chunks.
    pub const CHUNK_TREE: u64 = 3;
    /// Tree of the devices' extents.
    pub const DEV_TREE: u64 = 4;
    /// The top-level subvolume.
    pub const FS_TREE: u64 = 5;
    /// The directory in the tree of roots that names the default subvolume.
    pub const ROOT_TREE_DIR: u64 = 6;
    /// Tree of checksums.
    pub const CSUM_TREE: u64 = 7;
    /// Tree that finds subvolumes by UUID.
    pub const UUID_TREE: u64 = 9;
    /// Tree of free space.
    pub const FREE_SPACE_TREE: u64 = 10;
    /// The tree that the kernel uses while it moves data: −9.
    pub const DATA_RELOC_TREE: u64 = u64::MAX - 8;
    /// Where all checksums of data are in their tree: −10.
    pub const EXTENT_CSUM: u64 = u64::MAX - 9;
    /// First number of a subvolume, of an inode, and of all chunks.
    pub const FIRST_FREE: u64 = 256;
    /// Last number of a subvolume: −256.
    pub const LAST_FREE: u64 = u64::MAX - 255;
    /// All devices in the tree of chunks.
    pub const DEV_ITEMS: u64 = 1;
}

/// The middle part of keys: what an item is.
pub mod kind {
    /// An inode.
    pub const INODE_ITEM: u8 = 1;
    /// A name of an inode.
    pub const INODE_REF: u8 = 12;
    /// A name of an inode, where names of one parent are too many for one item.
    pub const INODE_EXTREF: u8 = 13;
    /// An extended attribute.
    pub const XATTR_ITEM: u8 = 24;
    /// A directory's entry by the hash of its name.
    pub const DIR_ITEM: u8 = 84;
    /// A directory's entry by its place.
    pub const DIR_INDEX: u8 = 96;
    /// A part of a file.
    pub const EXTENT_DATA: u8 = 108;
    /// Checksums of data.
    pub const EXTENT_CSUM: u8 = 128;
    /// A tree.
    pub const ROOT_ITEM: u8 = 132;
    /// The parent of a subvolume.
    pub const ROOT_BACKREF: u8 = 144;
    /// A subvolume in its parent.
    pub const ROOT_REF: u8 = 156;
    /// An extent of data.
    pub const EXTENT_ITEM: u8 = 168;
    /// A node of a tree.
    pub const METADATA_ITEM: u8 = 169;
    /// Who uses a node of a tree.
    pub const TREE_BLOCK_REF: u8 = 176;
    /// Who uses an extent of data.
    pub const EXTENT_DATA_REF: u8 = 178;
    /// A block group.
    pub const BLOCK_GROUP_ITEM: u8 = 192;
    /// How a block group's free space is told.
    pub const FREE_SPACE_INFO: u8 = 198;
    /// A stretch of free space.
    pub const FREE_SPACE_EXTENT: u8 = 199;
    /// A stretch of a device that a chunk uses.
    pub const DEV_EXTENT: u8 = 204;
    /// A device.
    pub const DEV_ITEM: u8 = 216;
    /// A chunk.
    pub const CHUNK_ITEM: u8 = 228;
    /// A subvolume by its UUID.
    pub const UUID_SUBVOL: u8 = 251;
}

/// `type` of chunks and `flags` of block groups.
pub mod group {
    /// Holds data.
    pub const DATA: u64 = 1;
    /// Holds the tree of chunks.
    pub const SYSTEM: u64 = 1 << 1;
    /// Holds trees.
    pub const METADATA: u64 = 1 << 2;
    /// Striped.
    pub const RAID0: u64 = 1 << 3;
    /// Two copies on two devices.
    pub const RAID1: u64 = 1 << 4;
    /// Two copies on one device.
    pub const DUP: u64 = 1 << 5;
    /// Two copies, striped.
    pub const RAID10: u64 = 1 << 6;
    /// Three copies.
    pub const RAID1C3: u64 = 1 << 9;
    /// Four copies.
    pub const RAID1C4: u64 = 1 << 10;
}

/// `incompat_flags` of the superblock.
pub mod incompat {
    /// References as we write them; always set.
    pub const MIXED_BACKREF: u64 = 1;
    /// A default subvolume was chosen.
    pub const DEFAULT_SUBVOL: u64 = 1 << 1;
    /// Data and metadata in one block group.
    pub const MIXED_GROUPS: u64 = 1 << 2;
    /// Something may be compressed with LZO.
    pub const COMPRESS_LZO: u64 = 1 << 3;
    /// Something may be compressed with Zstandard.
    pub const COMPRESS_ZSTD: u64 = 1 << 4;
    /// Nodes may be larger than pages.
    pub const BIG_METADATA: u64 = 1 << 5;
    /// `INODE_EXTREF` may occur.
    pub const EXTENDED_IREF: u64 = 1 << 6;
    /// Parity profiles are in use.
    pub const RAID56: u64 = 1 << 7;
    /// `METADATA_ITEM` is used.
    pub const SKINNY_METADATA: u64 = 1 << 8;
    /// Holes of files have no items.
    pub const NO_HOLES: u64 = 1 << 9;
    /// Three or four copies.
    pub const RAID1C34: u64 = 1 << 11;
}

/// `compat_ro_flags` of the superblock.
pub mod compat_ro {
    /// There is a tree of free space.
    pub const FREE_SPACE_TREE: u64 = 1;
    /// And it is true.
    pub const FREE_SPACE_TREE_VALID: u64 = 1 << 1;
}
