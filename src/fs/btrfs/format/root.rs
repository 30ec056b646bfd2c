//! Items of the tree of roots.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::inode::{DiskTime, InodeItem};
use super::node::DiskKey;

/// A tree (`btrfs_root_item`).
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct RootItem {
    /// Left from a time when it meant something.
    pub inode: InodeItem,

    /// The transaction that wrote the root node.
    pub generation: U64,
    /// Inode of the root directory; 0 for trees that have none.
    pub root_dirid: U64,

    /// Where the root node is.
    pub bytenr: U64,
    /// Zero.
    pub byte_limit: U64,

    /// Bytes of all nodes.
    pub bytes_used: U64,
    /// Transaction of the last snapshot.
    pub last_snapshot: U64,

    /// Bit 0: read-only.
    pub flags: U64,
    /// 1.
    pub refs: U32,
    /// How far a deletion has come.
    pub drop_progress: DiskKey,
    /// And at which level.
    pub drop_level: u8,
    /// Level of the root node.
    pub level: u8,

    /// Equal to `generation` where what follows is valid.
    pub generation_v2: U64,
    /// Identity of the subvolume.
    pub uuid: [u8; 16],
    /// Identity of what it is a snapshot of.
    pub parent_uuid: [u8; 16],
    /// Identity of what it was received from.
    pub received_uuid: [u8; 16],

    /// Transaction of the last change.
    pub ctransid: U64,
    /// Transaction of its making.
    pub otransid: U64,

    /// Transaction of its sending.
    pub stransid: U64,
    /// Transaction of its receiving.
    pub rtransid: U64,

    /// Time of the last change.
    pub ctime: DiskTime,
    /// Time of its making.
    pub otime: DiskTime,
    /// Time of its sending.
    pub stime: DiskTime,
    /// Time of its receiving.
    pub rtime: DiskTime,

    /// Zero.
    pub reserved: [U64; 8],
}

const _: () = assert!(size_of::<RootItem>() == 439);
