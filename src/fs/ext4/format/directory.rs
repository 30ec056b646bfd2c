//! Directory blocks ("Directory Entries",
//! <https://docs.kernel.org/filesystems/ext4/dynamic.html#directory-entries>): entries, hash tree nodes,
//! and checksum tails.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of an entry before its name.
pub(in crate::fs::ext4) const ENTRY_HEADER: usize = 8;
/// Bytes of [`Tail`].
pub(in crate::fs::ext4) const TAIL_SIZE: usize = 12;
/// `det_reserved_ft`: no file type, so that an old kernel skips the tail.
pub(in crate::fs::ext4) const TAIL_FILE_TYPE: u8 = 0xDE;
/// Bytes of [`DxTail`].
pub(in crate::fs::ext4) const DX_TAIL_SIZE: usize = 8;
/// Where the entries of the root start: behind the entries `.` and `..` and [`DxRootInfo`].
pub(in crate::fs::ext4) const DX_ROOT_ENTRIES: usize = 32;
/// Where the entries of another node start: behind one empty directory entry.
pub(in crate::fs::ext4) const DX_NODE_ENTRIES: usize = 8;
/// Bytes of [`DxEntry`].
pub(in crate::fs::ext4) const DX_ENTRY_SIZE: usize = 8;

/// Values of `file_type`.
pub(in crate::fs::ext4) mod file_type {
    /// Regular file.
    pub(in crate::fs::ext4) const REGULAR: u8 = 1;
    /// Directory.
    pub(in crate::fs::ext4) const DIRECTORY: u8 = 2;
    /// Character device.
    pub(in crate::fs::ext4) const CHAR_DEVICE: u8 = 3;
    /// Block device.
    pub(in crate::fs::ext4) const BLOCK_DEVICE: u8 = 4;
    /// Named pipe.
    pub(in crate::fs::ext4) const FIFO: u8 = 5;
    /// Socket.
    pub(in crate::fs::ext4) const SOCKET: u8 = 6;
    /// Symbolic link.
    pub(in crate::fs::ext4) const SYMLINK: u8 = 7;
}

/// Starts each entry; the name follows, padded so that the next entry starts at a multiple of 4.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct EntryHeader {
    /// What is named; 0: nothing, the space is free.
    pub inode: U32,
    /// Bytes to the next entry; the last entry's reaches to the tail or the block's end.
    pub rec_len: U16,
    /// Bytes of the name.
    pub name_len: u8,
    /// See [`file_type`].
    pub file_type: u8,
}

/// Ends each block of entries; looks like an empty entry to who does not know it.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Tail {
    /// Zero.
    pub det_reserved_zero1: U32,
    /// 12.
    pub det_rec_len: U16,
    /// Zero.
    pub det_reserved_zero2: u8,
    /// [`TAIL_FILE_TYPE`].
    pub det_reserved_ft: u8,
    /// CRC-32C of the block up to here.
    pub det_checksum: U32,
}

/// Describes the hash tree, in its root.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct DxRootInfo {
    /// Zero.
    pub reserved_zero: U32,
    /// How names are hashed.
    pub hash_version: u8,
    /// 8.
    pub info_length: u8,
    /// Levels between the root and the blocks of entries.
    pub indirect_levels: u8,
    /// Zero.
    pub unused_flags: u8,
}

/// One child of a hash tree node. The first of each node has, in place of the hash, the node's
/// [`DxCountLimit`].
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct DxEntry {
    /// The smallest hash in the child; bit 0 set: names of that hash are in the child before too.
    pub hash: U32,
    /// The child, as a block number within the directory.
    pub block: U32,
}

/// How many children a node has, and has room for; both count the first.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct DxCountLimit {
    /// Children there is room for.
    pub limit: U16,
    /// Children.
    pub count: U16,
}

/// Ends each hash tree node, behind the room for entries.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct DxTail {
    /// Zero.
    pub dt_reserved: U32,
    /// CRC-32C of the node's entries in use.
    pub dt_checksum: U32,
}

const _: () = assert!(size_of::<EntryHeader>() == ENTRY_HEADER);
const _: () = assert!(size_of::<Tail>() == TAIL_SIZE);
const _: () = assert!(size_of::<DxRootInfo>() == 8);
const _: () = assert!(size_of::<DxEntry>() == DX_ENTRY_SIZE);
const _: () = assert!(size_of::<DxTail>() == DX_TAIL_SIZE);
