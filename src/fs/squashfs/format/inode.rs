//! Inodes: a base that all have, and what each kind adds, in a short ("basic") and a long ("extended") form.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Values of `inode_type`; entries of directories use the basic ones.
pub mod kind {
    /// `SQUASHFS_DIR_TYPE`.
    pub const DIRECTORY: u16 = 1;
    /// `SQUASHFS_REG_TYPE`.
    pub const FILE: u16 = 2;
    /// `SQUASHFS_SYMLINK_TYPE`.
    pub const SYMLINK: u16 = 3;
    /// `SQUASHFS_BLKDEV_TYPE`.
    pub const BLOCK_DEVICE: u16 = 4;
    /// `SQUASHFS_CHRDEV_TYPE`.
    pub const CHAR_DEVICE: u16 = 5;
    /// `SQUASHFS_FIFO_TYPE`.
    pub const FIFO: u16 = 6;
    /// `SQUASHFS_SOCKET_TYPE`.
    pub const SOCKET: u16 = 7;
    /// What the extended form adds to each.
    pub const EXTENDED: u16 = 7;
}

/// The longest target of a symbolic link that Linux follows: `PATH_MAX` with its NUL is one page.
pub const SYMLINK_MAX: usize = 4095;
/// What `file_size` of a directory is more than its listing: room for `.` and `..` that are not there.
pub const DIRECTORY_EXTRA: u32 = 3;

/// `struct squashfs_base_inode`: how every inode begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Base {
    /// One of [`kind`].
    pub inode_type: U16,
    /// Permission bits, without the kind.
    pub mode: U16,
    /// Index of the owner in the id table.
    pub uid: U16,
    /// Index of the group in the id table.
    pub guid: U16,
    /// Time of modification, in seconds from 1970 to 2106.
    pub mtime: U32,
    /// Number, from 1.
    pub inode_number: U32,
}

/// `struct squashfs_dir_inode` without its base.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Directory {
    /// Where the listing begins: the block's distance from the directory table's start.
    pub start_block: U32,
    /// As `st_nlink`.
    pub nlink: U32,
    /// Bytes of the listing and 3.
    pub file_size: U16,
    /// Place of the listing in its block.
    pub offset: U16,
    /// Number of the directory above; of the root, one more than there are inodes.
    pub parent_inode: U32,
}

/// `struct squashfs_ldir_inode` without its base; its index follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LongDirectory {
    /// As `st_nlink`.
    pub nlink: U32,
    /// Bytes of the listing and 3.
    pub file_size: U32,
    /// Where the listing begins: the block's distance from the directory table's start.
    pub start_block: U32,
    /// Number of the directory above.
    pub parent_inode: U32,
    /// Entries of the index.
    pub i_count: U16,
    /// Place of the listing in its block.
    pub offset: U16,
    /// Index of the attributes, or [`NONE`](super::NONE).
    pub xattr: U32,
}

/// `struct squashfs_reg_inode` without its base; the stored sizes of its blocks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct File {
    /// Where the first block is, in bytes from the start of the volume.
    pub start_block: U32,
    /// Index of the fragment block that holds the end, or [`NONE`](super::NONE).
    pub fragment: U32,
    /// Place of the end in the fragment block.
    pub offset: U32,
    /// Bytes of the file.
    pub file_size: U32,
}

/// `struct squashfs_lreg_inode` without its base; the stored sizes of its blocks follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct LongFile {
    /// Where the first block is, in bytes from the start of the volume.
    pub start_block: U64,
    /// Bytes of the file.
    pub file_size: U64,
    /// Bytes of it in blocks that are not stored.
    pub sparse: U64,
    /// As `st_nlink`.
    pub nlink: U32,
    /// Index of the fragment block that holds the end, or [`NONE`](super::NONE).
    pub fragment: U32,
    /// Place of the end in the fragment block.
    pub offset: U32,
    /// Index of the attributes, or [`NONE`](super::NONE).
    pub xattr: U32,
}

/// `struct squashfs_symlink_inode` without its base; the target follows, and in the extended form the index of
/// the attributes behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Symlink {
    /// As `st_nlink`.
    pub nlink: U32,
    /// Bytes of the target.
    pub symlink_size: U32,
}

/// `struct squashfs_dev_inode` without its base; in the extended form the index of the attributes follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Device {
    /// As `st_nlink`.
    pub nlink: U32,
    /// The number as Linux encodes it, see [`encode_device`].
    pub rdev: U32,
}

/// `struct squashfs_ipc_inode` without its base; in the extended form the index of the attributes follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Ipc {
    /// As `st_nlink`.
    pub nlink: U32,
}

const _: () = assert!(size_of::<Base>() == 16 && size_of::<Directory>() == 16);
const _: () = assert!(size_of::<LongDirectory>() == 24 && size_of::<File>() == 16);
const _: () = assert!(size_of::<LongFile>() == 40);

/// A device's number as `rdev` (`new_encode_dev` of Linux): minor 0–7, major 12 bits, minor 8–19. `None` when
/// it does not fit.
pub fn encode_device(device: crate::tree::DeviceNumber) -> Option<u32> {
    let crate::tree::DeviceNumber { major, minor } = device;
    (major < 1 << 12 && minor < 1 << 20).then_some(minor & 0xFF | major << 8 | (minor & !0xFF) << 12)
}

/// The device's number in `rdev`.
pub fn decode_device(rdev: u32) -> crate::tree::DeviceNumber {
    crate::tree::DeviceNumber { major: rdev >> 8 & 0xFFF, minor: rdev & 0xFF | rdev >> 12 & 0xF_FF00 }
}
