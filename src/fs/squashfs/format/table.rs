//! Tables of fragments and of extended attributes.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `struct squashfs_fragment_entry`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Fragment {
    /// Where the block is, in bytes from the start of the volume.
    pub start_block: U64,
    /// Its [`StoredSize`](super::StoredSize).
    pub size: U32,
    /// 0.
    pub unused: U32,
}

/// `struct squashfs_xattr_id`: the attributes of an inode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct XattrId {
    /// Where the first one is, as a [`MetadataRef`](super::MetadataRef).
    pub xattr: U64,
    /// How many there are.
    pub count: U32,
    /// Bytes that they take there.
    pub size: U32,
}

/// `struct squashfs_xattr_id_table`; the list of the blocks with [`XattrId`]s follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct XattrTable {
    /// Where the attributes are, in bytes from the start of the volume.
    pub xattr_table_start: U64,
    /// How many [`XattrId`]s there are.
    pub xattr_ids: U32,
    /// 0.
    pub unused: U32,
}

/// `struct squashfs_xattr_entry`: name of an attribute; the rest of the name follows, then the value's length
/// (32 bits) and the value.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct XattrEntry {
    /// Which of [`XATTR_PREFIXES`] the name begins with, and [`XATTR_ELSEWHERE`].
    pub entry_type: U16,
    /// Bytes of the rest of the name.
    pub size: U16,
}

const _: () = assert!(size_of::<Fragment>() == 16 && size_of::<XattrId>() == 16);
const _: () = assert!(size_of::<XattrTable>() == 16 && size_of::<XattrEntry>() == 4);

/// What names of attributes begin with, by `entry_type`.
pub const XATTR_PREFIXES: [&[u8]; 3] = [b"user.", b"trusted.", b"security."];
/// In `entry_type`: instead of the value, of 8 bytes, there is the [`MetadataRef`](super::MetadataRef) of where
/// it is (`SQUASHFS_XATTR_VALUE_OOL`).
pub const XATTR_ELSEWHERE: u16 = 0x100;
/// The longest value that Linux takes (`XATTR_SIZE_MAX`).
pub const XATTR_VALUE_MAX: usize = 65_536;
/// The longest name that Linux takes (`XATTR_NAME_MAX`).
pub const XATTR_NAME_MAX: usize = 255;
