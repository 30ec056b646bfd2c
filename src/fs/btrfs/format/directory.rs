//! Names: entries of directories, names of inodes, extended attributes, names of subvolumes.

use zerocopy::little_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::node::DiskKey;

/// What an entry names.
pub mod file_type {
    /// A regular file.
    pub const REGULAR: u8 = 1;
    /// A directory, or a subvolume.
    pub const DIRECTORY: u8 = 2;
    /// A character device.
    pub const CHAR_DEVICE: u8 = 3;
    /// A block device.
    pub const BLOCK_DEVICE: u8 = 4;
    /// A named pipe.
    pub const FIFO: u8 = 5;
    /// A socket.
    pub const SOCKET: u8 = 6;
    /// A symbolic link.
    pub const SYMLINK: u8 = 7;
    /// An extended attribute.
    pub const XATTR: u8 = 8;
}

/// An entry or attribute (`btrfs_dir_item`); name and value follow.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DirItem {
    /// Key of what it names; zero for an attribute.
    pub location: DiskKey,
    /// The transaction that made it.
    pub transid: U64,
    /// Bytes of the value.
    pub data_len: U16,
    /// Bytes of the name.
    pub name_len: U16,
    /// A [`file_type`].
    pub kind: u8,
}

/// A name of an inode (`btrfs_inode_ref`); the name follows.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct InodeRef {
    /// Its place in the directory.
    pub index: U64,
    /// Bytes of the name.
    pub name_len: U16,
}

/// A name of an inode with its directory (`btrfs_inode_extref`); the name follows.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct InodeExtref {
    /// The directory.
    pub parent_objectid: U64,
    /// Its place in the directory.
    pub index: U64,
    /// Bytes of the name.
    pub name_len: U16,
}

/// A subvolume's name in its parent (`btrfs_root_ref`); the name follows.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RootRef {
    /// The directory.
    pub dirid: U64,
    /// Its place in the directory.
    pub sequence: U64,
    /// Bytes of the name.
    pub name_len: U16,
}

const _: () = assert!(size_of::<DirItem>() == 30 && size_of::<InodeRef>() == 10);
const _: () = assert!(size_of::<InodeExtref>() == 18 && size_of::<RootRef>() == 18);
