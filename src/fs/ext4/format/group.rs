//! The group descriptor ("Block Group Descriptors",
//! <https://docs.kernel.org/filesystems/ext4/globals.html#block-group-descriptors>): 64 bytes each with the
//! feature `64bit`.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a descriptor with the feature `64bit`.
pub(in crate::fs::ext4) const SIZE: u64 = 64;
/// Bytes of a descriptor without it.
pub(in crate::fs::ext4) const SIZE_32BIT: u64 = 32;

/// `bg_flags`: no inode of the group is in use and its bitmap was not written.
pub(in crate::fs::ext4) const INODE_UNINIT: u16 = 1;
/// `bg_flags`: the block bitmap was not written; only the group's own metadata are in use.
pub(in crate::fs::ext4) const BLOCK_UNINIT: u16 = 2;
/// `bg_flags`: the inode table's unused part is zero on disk.
pub(in crate::fs::ext4) const INODE_ZEROED: u16 = 4;

/// Where a group's bitmaps and inodes are, and what is free in it. Each number is split in a low and
/// a high half.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct GroupDescriptor {
    /// Block of the block bitmap.
    pub bg_block_bitmap_lo: U32,
    /// Block of the inode bitmap.
    pub bg_inode_bitmap_lo: U32,
    /// First block of the inode table.
    pub bg_inode_table_lo: U32,
    /// Free blocks.
    pub bg_free_blocks_count_lo: U16,
    /// Free inodes.
    pub bg_free_inodes_count_lo: U16,

    /// Directories among the inodes.
    pub bg_used_dirs_count_lo: U16,
    /// [`INODE_UNINIT`], [`BLOCK_UNINIT`], [`INODE_ZEROED`].
    pub bg_flags: U16,
    /// For snapshots, never used.
    pub bg_exclude_bitmap_lo: U32,
    /// CRC-32C of the block bitmap, low half.
    pub bg_block_bitmap_csum_lo: U16,
    /// CRC-32C of the inode bitmap, low half.
    pub bg_inode_bitmap_csum_lo: U16,
    /// Inodes at the end of the table that were never used.
    pub bg_itable_unused_lo: U16,
    /// Low half of the CRC-32C of group number and descriptor.
    pub bg_checksum: U16,

    /// Block of the block bitmap, high half.
    pub bg_block_bitmap_hi: U32,
    /// Block of the inode bitmap, high half.
    pub bg_inode_bitmap_hi: U32,
    /// First block of the inode table, high half.
    pub bg_inode_table_hi: U32,
    /// Free blocks, high half.
    pub bg_free_blocks_count_hi: U16,
    /// Free inodes, high half.
    pub bg_free_inodes_count_hi: U16,

    /// Directories among the inodes, high half.
    pub bg_used_dirs_count_hi: U16,
    /// Inodes never used, high half.
    pub bg_itable_unused_hi: U16,
    /// For snapshots, never used.
    pub bg_exclude_bitmap_hi: U32,
    /// CRC-32C of the block bitmap, high half.
    pub bg_block_bitmap_csum_hi: U16,
    /// CRC-32C of the inode bitmap, high half.
    pub bg_inode_bitmap_csum_hi: U16,
    /// Zero.
    pub bg_reserved: U32,
}

const _: () = assert!(size_of::<GroupDescriptor>() == 64);
const _: () = assert!(std::mem::offset_of!(GroupDescriptor, bg_checksum) == 0x1E);
