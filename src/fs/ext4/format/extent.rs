//! Extent trees ("The Contents of inode.i_block", section "Extent Tree",
//! <https://docs.kernel.org/filesystems/ext4/dynamic.html#the-contents-of-inode-i-block>): in `i_block`,
//! and in blocks of their own.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `eh_magic`.
pub(in crate::fs::ext4) const MAGIC: u16 = 0xF30A;
/// The most blocks of one extent that holds data; longer lengths mean "allocated, reads as zeroes".
pub(in crate::fs::ext4) const LEN_MAX: u64 = 32_768;
/// Entries of the root, in `i_block`.
pub(in crate::fs::ext4) const ROOT_ENTRIES: usize = 4;
/// The deepest tree the kernel follows.
pub(in crate::fs::ext4) const DEPTH_MAX: u16 = 5;
/// Bytes of [`Header`] and of either kind of entry.
pub(in crate::fs::ext4) const ENTRY_SIZE: usize = 12;

/// Starts every node of the tree.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Header {
    /// [`MAGIC`].
    pub eh_magic: U16,
    /// Entries in use.
    pub eh_entries: U16,
    /// Entries there is room for.
    pub eh_max: U16,
    /// Levels below; 0: the entries are extents.
    pub eh_depth: U16,
    /// Zero.
    pub eh_generation: U32,
}

/// A run of blocks of the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Extent {
    /// First block in the file.
    pub ee_block: U32,
    /// Blocks; above [`LEN_MAX`] the run is `ee_len` - 32768 long and reads as zeroes.
    pub ee_len: U16,
    /// First block on disk, bits 32 to 47.
    pub ee_start_hi: U16,
    /// First block on disk, low half.
    pub ee_start_lo: U32,
}

/// A child node of the tree.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Index {
    /// First block in the file that the child covers.
    pub ei_block: U32,
    /// Where the child is, low half.
    pub ei_leaf_lo: U32,
    /// Where the child is, bits 32 to 47.
    pub ei_leaf_hi: U16,
    /// Zero.
    pub ei_unused: U16,
}

const _: () = assert!(size_of::<Header>() == ENTRY_SIZE);
const _: () = assert!(size_of::<Extent>() == ENTRY_SIZE);
const _: () = assert!(size_of::<Index>() == ENTRY_SIZE);
