//! The inode ("Index Nodes", <https://docs.kernel.org/filesystems/ext4/dynamic.html#index-nodes>): 256
//! bytes, of which 160 are fields and 96 hold extended attributes.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of an inode as we write it.
pub(in crate::fs::ext4) const SIZE: u64 = 256;
/// Bytes of the fields that every inode has.
pub(in crate::fs::ext4) const BASE_SIZE: usize = 128;
/// Bytes of fields behind the first 128, up to and with `i_projid`.
pub(in crate::fs::ext4) const EXTRA_SIZE: u16 = 32;
/// Bytes of `i_block`.
pub(in crate::fs::ext4) const I_BLOCK_SIZE: usize = 60;
/// The longest symbolic link that fits `i_block`, in bytes: one NUL follows it.
pub(in crate::fs::ext4) const FAST_SYMLINK_MAX: usize = I_BLOCK_SIZE - 1;
/// The most links an inode can count; directories beyond say 1, with the feature `dir_nlink`.
pub(in crate::fs::ext4) const LINKS_MAX: u32 = 65_000;

/// `i_flags`: the directory has a hash tree.
pub(in crate::fs::ext4) const FLAG_INDEX: u32 = 0x1000;
/// `i_flags`: `i_blocks` counts file-system blocks instead of 512-byte units.
pub(in crate::fs::ext4) const FLAG_HUGE_FILE: u32 = 0x4_0000;
/// `i_flags`: `i_block` holds an extent tree.
pub(in crate::fs::ext4) const FLAG_EXTENTS: u32 = 0x8_0000;
/// `i_flags`: the content is in the inode itself; not supported here.
pub(in crate::fs::ext4) const FLAG_INLINE_DATA: u32 = 0x1000_0000;

/// The kinds of `i_mode`, its upper four bits.
pub(in crate::fs::ext4) mod mode {
    /// Mask of the kind.
    pub(in crate::fs::ext4) const KIND_MASK: u16 = 0xF000;
    /// Named pipe.
    pub(in crate::fs::ext4) const FIFO: u16 = 0x1000;
    /// Character device.
    pub(in crate::fs::ext4) const CHAR_DEVICE: u16 = 0x2000;
    /// Directory.
    pub(in crate::fs::ext4) const DIRECTORY: u16 = 0x4000;
    /// Block device.
    pub(in crate::fs::ext4) const BLOCK_DEVICE: u16 = 0x6000;
    /// Regular file.
    pub(in crate::fs::ext4) const REGULAR: u16 = 0x8000;
    /// Symbolic link.
    pub(in crate::fs::ext4) const SYMLINK: u16 = 0xA000;
    /// Socket.
    pub(in crate::fs::ext4) const SOCKET: u16 = 0xC000;
}

/// The fields of an inode.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Inode {
    /// Kind and permissions; 0: unused.
    pub i_mode: U16,
    /// Owner, low half.
    pub i_uid: U16,
    /// Size in bytes, low half.
    pub i_size_lo: U32,
    /// Last access, seconds.
    pub i_atime: U32,
    /// Last change of the inode, seconds.
    pub i_ctime: U32,

    /// Last change of the content, seconds.
    pub i_mtime: U32,
    /// When it was deleted; 0 while it lives.
    pub i_dtime: U32,
    /// Group, low half.
    pub i_gid: U16,
    /// Names it has, see [`LINKS_MAX`].
    pub i_links_count: U16,
    /// Space taken, in units of 512 bytes, all blocks of content, extent tree and attributes; low part.
    pub i_blocks_lo: U32,

    /// See the `FLAG_` constants.
    pub i_flags: U32,
    /// Version, low half.
    pub l_i_version: U32,
    /// Extent tree, block map, link target or device number.
    pub i_block: [u8; I_BLOCK_SIZE],
    /// For NFS; part of the checksums' start.
    pub i_generation: U32,
    /// Block of extended attributes, low half; 0: none.
    pub i_file_acl_lo: U32,
    /// Size in bytes, high half.
    pub i_size_high: U32,
    /// Obsolete.
    pub i_obso_faddr: U32,
    /// Space taken, bits 32 to 47.
    pub l_i_blocks_high: U16,
    /// Block of extended attributes, bits 32 to 47.
    pub l_i_file_acl_high: U16,
    /// Owner, high half.
    pub l_i_uid_high: U16,
    /// Group, high half.
    pub l_i_gid_high: U16,
    /// CRC-32C, low half.
    pub l_i_checksum_lo: U16,
    /// Zero.
    pub l_i_reserved: U16,

    /// Bytes of fields from here on: [`EXTRA_SIZE`].
    pub i_extra_isize: U16,
    /// CRC-32C, high half.
    pub i_checksum_hi: U16,
    /// `i_ctime`: nanoseconds << 2 and two more bits of seconds.
    pub i_ctime_extra: U32,
    /// The same of `i_mtime`.
    pub i_mtime_extra: U32,
    /// The same of `i_atime`.
    pub i_atime_extra: U32,
    /// Creation, seconds.
    pub i_crtime: U32,
    /// The same of `i_crtime`.
    pub i_crtime_extra: U32,
    /// Version, high half.
    pub i_version_hi: U32,
    /// Project.
    pub i_projid: U32,
}

const _: () = assert!(size_of::<Inode>() == 160);
const _: () = assert!(std::mem::offset_of!(Inode, i_block) == 0x28);
const _: () = assert!(std::mem::offset_of!(Inode, l_i_checksum_lo) == 0x7C);
const _: () = assert!(std::mem::offset_of!(Inode, i_extra_isize) == BASE_SIZE);
