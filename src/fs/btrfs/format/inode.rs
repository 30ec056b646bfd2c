//! Inodes.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use crate::timestamp::Timestamp;

/// `flags`: data have no checksums.
pub const FLAG_NODATASUM: u64 = 1;
/// `flags`: data are overwritten in place.
pub const FLAG_NODATACOW: u64 = 1 << 1;
/// `flags`: has preallocated parts.
pub const FLAG_PREALLOC: u64 = 1 << 4;

/// The bits of a mode that tell what an inode is.
pub mod file_mode {
    /// All of them.
    pub const MASK: u32 = 0o170_000;
    /// Named pipe.
    pub const FIFO: u32 = 0o010_000;
    /// Character device.
    pub const CHAR_DEVICE: u32 = 0o020_000;
    /// Directory.
    pub const DIRECTORY: u32 = 0o040_000;
    /// Block device.
    pub const BLOCK_DEVICE: u32 = 0o060_000;
    /// Regular file.
    pub const REGULAR: u32 = 0o100_000;
    /// Symbolic link.
    pub const SYMLINK: u32 = 0o120_000;
    /// Socket.
    pub const SOCKET: u32 = 0o140_000;
}

/// A time (`btrfs_timespec`).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct DiskTime {
    /// Seconds from 1970, signed.
    pub sec: U64,
    /// Nanoseconds after that second.
    pub nsec: U32,
}

impl From<Timestamp> for DiskTime {
    fn from(time: Timestamp) -> Self {
        Self { sec: crate::units::bits_of_i64(time.seconds).into(), nsec: time.nanoseconds.into() }
    }
}

impl From<DiskTime> for Timestamp {
    fn from(time: DiskTime) -> Self {
        // A damaged time may have more nanoseconds than a second.
        Self { seconds: time.sec.get().cast_signed(), nanoseconds: time.nsec.get().min(999_999_999) }
    }
}

/// An inode (`btrfs_inode_item`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct InodeItem {
    /// The transaction that made it.
    pub generation: U64,
    /// The transaction that changed it last.
    pub transid: U64,

    /// Bytes of a file; twice the bytes of all names of a directory.
    pub size: U64,
    /// Bytes that are allocated, before compression.
    pub nbytes: U64,

    /// Zero.
    pub block_group: U64,
    /// How many names; 1 for a directory.
    pub nlink: U32,
    /// Owner.
    pub uid: U32,

    /// Group.
    pub gid: U32,
    /// Kind and permissions.
    pub mode: U32,
    /// Device number: major << 20 | minor.
    pub rdev: U64,

    /// `FLAG_…`.
    pub flags: U64,
    /// Counts changes, for NFS.
    pub sequence: U64,

    /// Zero.
    pub reserved: [U64; 4],

    /// Last access.
    pub atime: DiskTime,
    /// Last change of the inode.
    pub ctime: DiskTime,
    /// Last change of the content.
    pub mtime: DiskTime,
    /// When it was made.
    pub otime: DiskTime,
}

const _: () = assert!(size_of::<InodeItem>() == 160);
