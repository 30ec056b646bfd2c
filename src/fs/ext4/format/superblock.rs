//! The superblock ("Super Block", <https://docs.kernel.org/filesystems/ext4/globals.html#super-block>):
//! 1024 bytes at byte 1024, and in backups.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Where the primary superblock starts, in bytes.
pub(in crate::fs::ext4) const OFFSET: u64 = 1024;
/// `s_magic`.
pub(in crate::fs::ext4) const MAGIC: u16 = 0xEF53;
/// `s_state`: unmounted cleanly.
pub(in crate::fs::ext4) const STATE_CLEAN: u16 = 1;
/// `s_errors`: go on after an error.
pub(in crate::fs::ext4) const ERRORS_CONTINUE: u16 = 1;
/// `s_rev_level`: inode sizes and features are variable.
pub(in crate::fs::ext4) const REVISION_DYNAMIC: u32 = 1;
/// `s_def_hash_version` and the hash tree's `hash_version`: half MD4.
pub(in crate::fs::ext4) const HASH_HALF_MD4: u8 = 1;
/// `s_flags`: names are hashed as signed characters, whatever the host's `char` is.
pub(in crate::fs::ext4) const FLAG_SIGNED_HASH: u32 = 1;
/// `s_checksum_type`: CRC-32C.
pub(in crate::fs::ext4) const CHECKSUM_CRC32C: u8 = 1;
/// `s_default_mount_opts`: `user_xattr` and `acl`.
pub(in crate::fs::ext4) const MOUNT_XATTR_AND_ACL: u32 = 0x4 | 0x8;
/// `s_jnl_backup_type`: `s_jnl_blocks` mirrors the journal's inode.
pub(in crate::fs::ext4) const JOURNAL_BACKUP_BLOCKS: u8 = 1;

/// The superblock. Times are seconds since 1970; `_hi` parts extend them to 40 bits.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(in crate::fs::ext4) struct Superblock {
    /// All inodes: groups × `s_inodes_per_group`.
    pub s_inodes_count: U32,
    /// All blocks, low half.
    pub s_blocks_count_lo: U32,
    /// Blocks that only root may take, low half.
    pub s_r_blocks_count_lo: U32,
    /// Free blocks, low half.
    pub s_free_blocks_count_lo: U32,

    /// Free inodes.
    pub s_free_inodes_count: U32,
    /// Block that holds the superblock: 1 with 1 KiB blocks, else 0.
    pub s_first_data_block: U32,
    /// Block size is 1024 << this.
    pub s_log_block_size: U32,
    /// Equal to `s_log_block_size` without `bigalloc`.
    pub s_log_cluster_size: U32,

    /// Blocks of a group: 8 × block size, what one bitmap block counts.
    pub s_blocks_per_group: U32,
    /// Equal to `s_blocks_per_group` without `bigalloc`.
    pub s_clusters_per_group: U32,
    /// Inodes of a group; a multiple of 8 that fills whole table blocks.
    pub s_inodes_per_group: U32,
    /// Time of the last mount; 0 when never.
    pub s_mtime: U32,

    /// Time of the last write.
    pub s_wtime: U32,
    /// Mounts since the last check.
    pub s_mnt_count: U16,
    /// Mounts after which to check; 0xFFFF: never.
    pub s_max_mnt_count: U16,
    /// [`MAGIC`].
    pub s_magic: U16,
    /// [`STATE_CLEAN`] or not.
    pub s_state: U16,
    /// What the kernel does on an error.
    pub s_errors: U16,
    /// 0.
    pub s_minor_rev_level: U16,

    /// Time of the last check.
    pub s_lastcheck: U32,
    /// Seconds between checks; 0: none.
    pub s_checkinterval: U32,
    /// 0: Linux.
    pub s_creator_os: U32,
    /// [`REVISION_DYNAMIC`].
    pub s_rev_level: U32,

    /// User who may take reserved blocks.
    pub s_def_resuid: U16,
    /// Group that may take reserved blocks.
    pub s_def_resgid: U16,
    /// First inode that is not reserved: 11.
    pub s_first_ino: U32,
    /// Bytes per inode.
    pub s_inode_size: U16,
    /// Group that this copy lies in (16 bits: later groups are not numbered right, by format).
    pub s_block_group_nr: U16,
    /// See [`super::compat`].
    pub s_feature_compat: U32,

    /// See [`super::incompat`].
    pub s_feature_incompat: U32,
    /// See [`super::ro_compat`].
    pub s_feature_ro_compat: U32,
    /// Identity of the file system.
    pub s_uuid: [u8; 16],

    /// Label, padded with NUL.
    pub s_volume_name: [u8; 16],

    /// Where it was mounted last.
    pub s_last_mounted: [u8; 64],

    /// For compression, never used.
    pub s_algorithm_usage_bitmap: U32,
    /// Blocks to allocate ahead for files.
    pub s_prealloc_blocks: u8,
    /// Blocks to allocate ahead for directories.
    pub s_prealloc_dir_blocks: u8,
    /// Descriptor blocks reserved behind the descriptors, in each copy.
    pub s_reserved_gdt_blocks: U16,
    /// UUID of an external journal.
    pub s_journal_uuid: [u8; 16],

    /// Inode of the journal: 8, or 0.
    pub s_journal_inum: U32,
    /// Device of an external journal.
    pub s_journal_dev: U32,
    /// Head of the list of deleted, still open inodes.
    pub s_last_orphan: U32,
    /// Four words that directory hashes start from.
    pub s_hash_seed: [U32; 4],
    /// [`HASH_HALF_MD4`].
    pub s_def_hash_version: u8,
    /// [`JOURNAL_BACKUP_BLOCKS`], or 0.
    pub s_jnl_backup_type: u8,
    /// Bytes per group descriptor: 64.
    pub s_desc_size: U16,
    /// Mount options in force unless overridden.
    pub s_default_mount_opts: U32,
    /// First meta block group; 0 without that feature.
    pub s_first_meta_bg: U32,
    /// Time of creation.
    pub s_mkfs_time: U32,
    /// The journal inode's `i_block`, size high and size low.
    pub s_jnl_blocks: [U32; 17],

    /// All blocks, high half.
    pub s_blocks_count_hi: U32,
    /// Blocks that only root may take, high half.
    pub s_r_blocks_count_hi: U32,
    /// Free blocks, high half.
    pub s_free_blocks_count_hi: U32,
    /// Bytes that every inode has behind the first 128, at least.
    pub s_min_extra_isize: U16,
    /// Bytes that new inodes should have behind the first 128.
    pub s_want_extra_isize: U16,

    /// [`FLAG_SIGNED_HASH`].
    pub s_flags: U32,
    /// RAID stride.
    pub s_raid_stride: U16,
    /// Seconds between multi-mount protection checks.
    pub s_mmp_interval: U16,
    /// Block of multi-mount protection.
    pub s_mmp_block: U64,

    /// Blocks of a RAID stripe.
    pub s_raid_stripe_width: U32,
    /// A flexible group is 2 to this many groups.
    pub s_log_groups_per_flex: u8,
    /// [`CHECKSUM_CRC32C`].
    pub s_checksum_type: u8,
    /// Version of encryption.
    pub s_encryption_level: u8,
    /// 0.
    pub s_reserved_pad: u8,
    /// KiB written in its lifetime.
    pub s_kbytes_written: U64,

    /// Snapshots and the record of errors, all zero on a new file system: bytes 0x180 to 0x1FF.
    pub s_snapshots_and_errors: [u8; 128],

    /// Mount options as text.
    pub s_mount_opts: [u8; 64],

    /// Inodes of user and group quota.
    pub s_quota_inums: [U32; 2],
    /// Blocks that `statfs` leaves out of the size: all metadata whose place is fixed.
    pub s_overhead_clusters: U32,
    /// Groups of the backups, with `sparse_super2`.
    pub s_backup_bgs: [U32; 2],
    /// Encryption algorithms.
    pub s_encrypt_algos: [u8; 4],
    /// Salt of encryption.
    pub s_encrypt_pw_salt: [u8; 16],
    /// Inode of lost+found, where it is recorded.
    pub s_lpf_ino: U32,
    /// Inode of project quota.
    pub s_prj_quota_inum: U32,
    /// Start of all checksums, with the feature `metadata_csum_seed`.
    pub s_checksum_seed: U32,
    /// Bits 32 to 39 of `s_wtime`.
    pub s_wtime_hi: u8,
    /// Bits 32 to 39 of `s_mtime`.
    pub s_mtime_hi: u8,
    /// Bits 32 to 39 of `s_mkfs_time`.
    pub s_mkfs_time_hi: u8,
    /// Bits 32 to 39 of `s_lastcheck`.
    pub s_lastcheck_hi: u8,
    /// Errors' times and codes.
    pub s_error_times: [u8; 4],
    /// Character encoding of names.
    pub s_encoding: U16,
    /// Flags of that encoding.
    pub s_encoding_flags: U16,
    /// Inode of the orphan file.
    pub s_orphan_file_inum: U32,
    /// Zero.
    pub s_reserved: [U32; 94],
    /// CRC-32C of everything before it.
    pub s_checksum: U32,
}

const _: () = assert!(size_of::<Superblock>() == 1024);
const _: () = assert!(std::mem::offset_of!(Superblock, s_feature_compat) == 0x5C);
const _: () = assert!(std::mem::offset_of!(Superblock, s_hash_seed) == 0xEC);
const _: () = assert!(std::mem::offset_of!(Superblock, s_blocks_count_hi) == 0x150);
const _: () = assert!(std::mem::offset_of!(Superblock, s_mount_opts) == 0x200);
const _: () = assert!(std::mem::offset_of!(Superblock, s_checksum_seed) == 0x270);
