//! The bytes of an ext4 file system, as the kernel's documentation names them.
//!
//! Governing text: "ext4 Data Structures and Algorithms" in the kernel tree
//! (<https://docs.kernel.org/filesystems/ext4/>), cited below by chapter; ext4 has no formal standard, so
//! where that text is silent the behaviour of `e2fsck` and of the kernel decides.
//!
//! **Byte order: everything is little-endian, except the journal, which is big-endian**
//! ([`journal`]). Each struct mirrors the disk field by field; values become meaningful elsewhere
//! (`superblock.rs`, `inode.rs` …), so nothing here computes.
//!
//! On disk, from byte 0, for blocks of 4 KiB (with 1 KiB blocks the boot area is block 0 and the
//! superblock is block 1):
//!
//! ```text
//! boot area (1 KiB) │ superblock (1 KiB) │ … │ group descriptors │ reserved for growth │
//! block bitmaps of 16 groups │ inode bitmaps of 16 groups │ inode tables of 16 groups │ data …
//! ```

pub(in crate::fs::ext4) mod directory;
pub(in crate::fs::ext4) mod extent;
pub(in crate::fs::ext4) mod group;
pub(in crate::fs::ext4) mod inode;
pub(in crate::fs::ext4) mod journal;
pub(in crate::fs::ext4) mod superblock;
pub(in crate::fs::ext4) mod xattr;

/// Bits of `s_feature_compat`: a kernel that does not know one may still write.
pub(in crate::fs::ext4) mod compat {
    /// There is a journal in the inode `s_journal_inum`.
    pub(in crate::fs::ext4) const HAS_JOURNAL: u32 = 0x4;
    /// Extended attributes are in use.
    pub(in crate::fs::ext4) const EXT_ATTR: u32 = 0x8;
    /// Inode 7 owns reserved descriptor blocks, so the file system can grow while mounted.
    pub(in crate::fs::ext4) const RESIZE_INODE: u32 = 0x10;
    /// Large directories have a hash tree.
    pub(in crate::fs::ext4) const DIR_INDEX: u32 = 0x20;
    /// At most two backup superblocks, in the groups of `s_backup_bgs`.
    pub(in crate::fs::ext4) const SPARSE_SUPER2: u32 = 0x200;
}

/// Bits of `s_feature_incompat`: a kernel that does not know one must not mount.
pub(in crate::fs::ext4) mod incompat {
    /// Directory entries carry the kind of what they name.
    pub(in crate::fs::ext4) const FILETYPE: u32 = 0x2;
    /// The journal holds changes that are not in place yet.
    pub(in crate::fs::ext4) const RECOVER: u32 = 0x4;
    /// Files are mapped by extents.
    pub(in crate::fs::ext4) const EXTENTS: u32 = 0x40;
    /// Block numbers have 64 bits and descriptors 64 bytes.
    pub(in crate::fs::ext4) const BIT64: u32 = 0x80;
    /// Bitmaps and inode tables may lie outside of their group.
    pub(in crate::fs::ext4) const FLEX_BG: u32 = 0x200;
    /// Checksums start from `s_checksum_seed` instead of the UUID.
    pub(in crate::fs::ext4) const CSUM_SEED: u32 = 0x2000;
    /// Hash trees may have three levels.
    pub(in crate::fs::ext4) const LARGEDIR: u32 = 0x4000;
}

/// Bits of `s_feature_ro_compat`: a kernel that does not know one may read only.
pub(in crate::fs::ext4) mod ro_compat {
    /// Backup superblocks only in groups 1 and powers of 3, 5 and 7.
    pub(in crate::fs::ext4) const SPARSE_SUPER: u32 = 0x1;
    /// Some file is 2 GiB or larger.
    pub(in crate::fs::ext4) const LARGE_FILE: u32 = 0x2;
    /// `i_blocks` has 48 bits.
    pub(in crate::fs::ext4) const HUGE_FILE: u32 = 0x8;
    /// Descriptors have a CRC-16; superseded by `METADATA_CSUM`.
    pub(in crate::fs::ext4) const GDT_CSUM: u32 = 0x10;
    /// A directory may have more subdirectories than fit the link count.
    pub(in crate::fs::ext4) const DIR_NLINK: u32 = 0x20;
    /// Every inode has room for nanoseconds (`s_min_extra_isize`).
    pub(in crate::fs::ext4) const EXTRA_ISIZE: u32 = 0x40;
    /// All metadata carry a CRC-32C.
    pub(in crate::fs::ext4) const METADATA_CSUM: u32 = 0x400;
}

/// Inode numbers that have a fixed meaning ("Special inodes").
pub(in crate::fs::ext4) mod special {
    /// The root directory.
    pub(in crate::fs::ext4) const ROOT: u32 = 2;
    /// Owner of the reserved descriptor blocks.
    pub(in crate::fs::ext4) const RESIZE: u32 = 7;
    /// The journal.
    pub(in crate::fs::ext4) const JOURNAL: u32 = 8;
    /// First inode that is not reserved; by custom that of `lost+found`.
    pub(in crate::fs::ext4) const FIRST_ORDINARY: u32 = 11;
}
