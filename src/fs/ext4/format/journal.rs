//! The journal's superblock ("Journal (jbd2)", section "Super Block",
//! <https://docs.kernel.org/filesystems/ext4/globals.html#journal-jbd2>). **Big-endian**, unlike everything
//! else.

use zerocopy::big_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// `h_magic`.
pub(in crate::fs::ext4) const MAGIC: u32 = 0xC03B_3998;
/// `h_blocktype`: superblock, version 2.
pub(in crate::fs::ext4) const SUPERBLOCK_V2: u32 = 4;
/// `s_feature_incompat`: transactions may say which blocks not to replay.
pub(in crate::fs::ext4) const INCOMPAT_REVOKE: u32 = 0x1;
/// `s_feature_incompat`: block numbers have 64 bits.
pub(in crate::fs::ext4) const INCOMPAT_64BIT: u32 = 0x2;
/// `s_feature_incompat`: checksums of the third kind.
pub(in crate::fs::ext4) const INCOMPAT_CSUM_V3: u32 = 0x10;
/// `s_checksum_type`: CRC-32C.
pub(in crate::fs::ext4) const CHECKSUM_CRC32C: u8 = 4;
/// The fewest blocks the kernel takes for a journal.
pub(in crate::fs::ext4) const BLOCKS_MIN: u64 = 1024;

/// The journal's first block, its first 1024 bytes.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct JournalSuperblock {
    /// [`MAGIC`].
    pub h_magic: U32,
    /// [`SUPERBLOCK_V2`].
    pub h_blocktype: U32,
    /// Zero.
    pub h_sequence: U32,
    /// Block size in bytes, equal to the file system's.
    pub s_blocksize: U32,

    /// Blocks of the journal.
    pub s_maxlen: U32,
    /// First block of the log: 1.
    pub s_first: U32,
    /// Number of the first transaction to come.
    pub s_sequence: U32,
    /// Block where the log starts; 0: it is empty, nothing to replay.
    pub s_start: U32,

    /// Error of the last use.
    pub s_errno: U32,
    /// Features.
    pub s_feature_compat: U32,
    /// See the `INCOMPAT_` constants.
    pub s_feature_incompat: U32,
    /// Features.
    pub s_feature_ro_compat: U32,

    /// UUID of the file system that uses the journal; the checksums start from it.
    pub s_uuid: [u8; 16],

    /// File systems that share the journal: 1.
    pub s_nr_users: U32,
    /// Zero.
    pub s_dynsuper: U32,
    /// Largest transaction; 0: no limit.
    pub s_max_transaction: U32,
    /// Most data of a transaction; 0: no limit.
    pub s_max_trans_data: U32,

    /// [`CHECKSUM_CRC32C`].
    pub s_checksum_type: u8,
    /// Zero.
    pub s_padding2: [u8; 3],
    /// Blocks for fast commits.
    pub s_num_fc_blks: U32,
    /// Where the log ends, recorded by newer kernels.
    pub s_head: U32,
    /// Zero.
    pub s_padding: [U32; 40],
    /// CRC-32C of these 1024 bytes with this field zero.
    pub s_checksum: U32,

    /// UUIDs of all users.
    pub s_users: [u8; 768],
}

const _: () = assert!(size_of::<JournalSuperblock>() == 1024);
const _: () = assert!(std::mem::offset_of!(JournalSuperblock, s_checksum) == 0xFC);
