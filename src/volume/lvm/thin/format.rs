//! Blocks of a thin pool's metadata, as the kernel has them.
//!
//! Source: the kernel's Documentation/admin-guide/device-mapper/{thin-provisioning,persistent-data}.rst, and the
//! structures that thin_dump(8) and thin_check(8) name. Everything is little-endian; a block has 4 KiB and begins
//! with a sum over its rest, with a start value for each kind of block.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Bytes of a block of metadata.
pub(super) const BLOCK: u64 = 4096;
/// The same as a length.
pub(super) const BLOCK_LEN: usize = 4096;
/// A block in memory.
pub(super) type Bytes = [u8; BLOCK_LEN];

/// Magic of a superblock.
pub(super) const MAGIC: u64 = 27_022_010;
/// Version of the metadata.
pub(super) const VERSION: u32 = 2;
/// The most blocks of metadata that a pool has: what 255 bitmaps cover.
pub(super) const MAX_BLOCKS: u64 = 255 * BITMAP_ENTRIES;
/// Entries of a bitmap, two bits each.
pub(super) const BITMAP_ENTRIES: u64 = 4 * (BLOCK - 16);
/// The low bits of a mapping say when it was made, the high ones where it goes.
pub(super) const TIME_BITS: u32 = 24;

/// Kinds of blocks, by the start values of their sums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Superblock,
    Node,
    Bitmap,
    Index,
}

impl Kind {
    const fn salt(self) -> u32 {
        match self {
            Self::Superblock => 160_774,
            Self::Node => 121_107,
            Self::Bitmap => 240_779,
            Self::Index => 160_478,
        }
    }

    /// The sum of a block of this kind: CRC-32C without the final inversion.
    fn sum(self, block: &Bytes) -> u32 {
        !crc32c::crc32c(&block[4..]) ^ self.salt()
    }

    /// Puts the sum in its place.
    pub(super) fn seal(self, block: &mut Bytes) {
        let sum = self.sum(block);
        block[..4].copy_from_slice(&sum.to_le_bytes());
    }

    /// Whether the sum is right.
    pub(super) fn is_sound(self, block: &Bytes) -> bool {
        block[..4] == self.sum(block).to_le_bytes()
    }
}

/// The superblock: the first block.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Superblock {
    pub(super) sum: U32,
    pub(super) flags: U32,
    /// Its own number: 0.
    pub(super) number: U64,
    pub(super) uuid: [u8; 16],
    /// [`MAGIC`].
    pub(super) magic: U64,

    /// [`VERSION`].
    pub(super) version: U32,
    /// Count of snapshots that were made.
    pub(super) time: U32,
    /// LVM's count of changes; the group's text has the same.
    pub(super) transaction: U64,
    /// Root of a held copy; 0 for none.
    pub(super) held_root: U64,

    /// How often each chunk of data is used.
    pub(super) data_map: SpaceMapRoot,
    /// How often each block of metadata is used.
    pub(super) metadata_map: SpaceMapRoot,

    /// Tree from devices to their trees of chunks.
    pub(super) mapping_root: U64,
    /// Tree from devices to [`Details`].
    pub(super) details_root: U64,
    /// Sectors of a chunk.
    pub(super) chunk_sectors: U32,
    /// Sectors of a block of metadata: 8.
    pub(super) block_sectors: U32,
    /// Blocks of metadata.
    pub(super) blocks: U64,
    /// Compatible features, those for reading only, incompatible ones: none.
    pub(super) features: [U32; 3],
    /// Zero.
    pub(super) rest: [[u8; 12]; 311],
}

const _: () = assert!(size_of::<Superblock>() == BLOCK_LEN);
const _: () = assert!(std::mem::offset_of!(Superblock, data_map) == 64);
const _: () = assert!(std::mem::offset_of!(Superblock, mapping_root) == 320);

/// Where a map of space begins.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct SpaceMapRoot {
    /// What it counts: chunks or blocks.
    pub(super) total: U64,
    /// How many are used.
    pub(super) used: U64,
    /// Tree of [`IndexEntry`], or for the metadata's own map the block that lists them.
    pub(super) bitmaps: U64,
    /// Tree of counts above two.
    pub(super) counts: U64,
    /// Zero.
    pub(super) rest: [u8; 96],
}

const _: () = assert!(size_of::<SpaceMapRoot>() == 128);

/// Where a bitmap is.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct IndexEntry {
    pub(super) block: U64,
    /// Entries of it that are free.
    pub(super) free: U32,
    /// No entry before this one is free.
    pub(super) none_free_before: U32,
}

/// What is known of a thin device.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Details {
    /// Chunks that it has.
    pub(super) mapped: U64,
    /// Transaction that made it.
    pub(super) transaction: U64,
    /// Times of creation and of the last snapshot.
    pub(super) times: [U32; 2],
}

/// Header of a node of a tree; keys follow, then values.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct NodeHeader {
    pub(super) sum: U32,
    /// [`INTERNAL`] or [`LEAF`].
    pub(super) flags: U32,
    pub(super) number: U64,
    pub(super) entries: U32,
    pub(super) most: U32,
    /// Bytes of a value.
    pub(super) value_size: U32,
    pub(super) padding: U32,
}

/// Bytes in front of the keys.
pub(super) const NODE_HEADER: usize = 32;
const _: () = assert!(size_of::<NodeHeader>() == NODE_HEADER);

/// The values are numbers of nodes.
pub(super) const INTERNAL: u32 = 1;
/// The values are the tree's.
pub(super) const LEAF: u32 = 2;

/// Entries that a node with values of so many bytes has room for: always a multiple of three.
pub(super) const fn most_entries(value_size: usize) -> usize {
    (BLOCK_LEN - NODE_HEADER) / (8 + value_size) / 3 * 3
}

/// A bitmap whose first `used` of `entries` entries count 1.
pub(super) fn bitmap(number: u64, used: u64) -> Bytes {
    let mut block = [0; BLOCK_LEN];
    block[8..16].copy_from_slice(&number.to_le_bytes());
    for entry in 0..crate::units::usize_of(used) {
        // Two bits each; the one of the lower value comes second.
        block[16 + entry / 4] |= 2 << (2 * (entry % 4));
    }
    Kind::Bitmap.seal(&mut block);
    block
}
