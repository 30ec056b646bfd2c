//! Extended attributes ("Extended Attributes",
//! <https://docs.kernel.org/filesystems/ext4/dynamic.html#extended-attributes>): behind the inode's fields,
//! and in a block.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `h_magic`, of the block and of the area in the inode.
pub(in crate::fs::ext4) const MAGIC: u32 = 0xEA02_0000;
/// Bytes of [`BlockHeader`].
pub(in crate::fs::ext4) const BLOCK_HEADER: usize = 32;
/// Bytes of the magic that starts the area in the inode.
pub(in crate::fs::ext4) const INODE_HEADER: usize = 4;
/// Bytes of [`Entry`]; the name follows, padded to a multiple of 4.
pub(in crate::fs::ext4) const ENTRY_SIZE: usize = 16;
/// Bytes of zero that end the entries.
pub(in crate::fs::ext4) const TERMINATOR: usize = 4;
/// The most inodes that may share a block.
pub(in crate::fs::ext4) const REFCOUNT_MAX: u32 = 1024;

/// Values of `e_name_index`: the prefix that is cut from the name.
pub(in crate::fs::ext4) mod prefix {
    /// `user.`
    pub(in crate::fs::ext4) const USER: u8 = 1;
    /// `system.posix_acl_access`, whole.
    pub(in crate::fs::ext4) const ACL_ACCESS: u8 = 2;
    /// `system.posix_acl_default`, whole.
    pub(in crate::fs::ext4) const ACL_DEFAULT: u8 = 3;
    /// `trusted.`
    pub(in crate::fs::ext4) const TRUSTED: u8 = 4;
    /// `security.`
    pub(in crate::fs::ext4) const SECURITY: u8 = 6;
    /// `system.`
    pub(in crate::fs::ext4) const SYSTEM: u8 = 7;
}

/// Starts a block of attributes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct BlockHeader {
    /// [`MAGIC`].
    pub h_magic: U32,
    /// Inodes that use the block.
    pub h_refcount: U32,
    /// 1.
    pub h_blocks: U32,
    /// Hash of all entries.
    pub h_hash: U32,

    /// CRC-32C of the block's number and the block.
    pub h_checksum: U32,
    /// Zero.
    pub h_reserved: [U32; 3],
}

/// One attribute. Values are stored from the end of the area, padded to multiples of 4.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Entry {
    /// Bytes of the name behind the prefix.
    pub e_name_len: u8,
    /// See [`prefix`].
    pub e_name_index: u8,
    /// Where the value is: from the block's start, or from the first entry in an inode.
    pub e_value_offs: U16,
    /// Inode that holds the value; 0: it is here.
    pub e_value_inum: U32,
    /// Bytes of the value.
    pub e_value_size: U32,
    /// Hash of name and value.
    pub e_hash: U32,
}

const _: () = assert!(size_of::<BlockHeader>() == BLOCK_HEADER);
const _: () = assert!(size_of::<Entry>() == ENTRY_SIZE);

/// Access control lists as the disk has them: shorter than what `getxattr` returns.
pub(in crate::fs::ext4) mod acl {
    use super::{FromBytes, Immutable, IntoBytes, KnownLayout, U16, U32, Unaligned};

    /// `a_version` on disk.
    pub(in crate::fs::ext4) const DISK_VERSION: u32 = 1;
    /// Version of the format that `getxattr` and `setxattr` exchange.
    pub(in crate::fs::ext4) const EXCHANGE_VERSION: u32 = 2;
    /// `e_tag`: the owner.
    pub(in crate::fs::ext4) const USER_OBJ: u16 = 0x01;
    /// `e_tag`: a named user; has an id.
    pub(in crate::fs::ext4) const USER: u16 = 0x02;
    /// `e_tag`: the owning group.
    pub(in crate::fs::ext4) const GROUP_OBJ: u16 = 0x04;
    /// `e_tag`: a named group; has an id.
    pub(in crate::fs::ext4) const GROUP: u16 = 0x08;
    /// `e_tag`: upper bound of all but owner and others.
    pub(in crate::fs::ext4) const MASK: u16 = 0x10;
    /// `e_tag`: everyone else.
    pub(in crate::fs::ext4) const OTHER: u16 = 0x20;
    /// The id of entries that have none, in the exchange format.
    pub(in crate::fs::ext4) const NO_ID: u32 = u32::MAX;

    /// An entry without an id, on disk.
    #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
    #[repr(C)]
    pub(in crate::fs::ext4) struct ShortEntry {
        /// Whom it is for.
        pub e_tag: U16,
        /// Read 4, write 2, execute 1.
        pub e_perm: U16,
    }

    /// An entry with an id, on disk; every entry, in the exchange format.
    #[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
    #[repr(C)]
    pub(in crate::fs::ext4) struct LongEntry {
        /// Whom it is for.
        pub e_tag: U16,
        /// Read 4, write 2, execute 1.
        pub e_perm: U16,
        /// User or group number.
        pub e_id: U32,
    }

    const _: () = assert!(size_of::<ShortEntry>() == 4);
    const _: () = assert!(size_of::<LongEntry>() == 8);
}
