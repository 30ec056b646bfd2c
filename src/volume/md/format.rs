//! Superblocks of Linux's md arrays: versions 1.x and 0.90, and the write-intent bitmap.
//!
//! There is no standard; the source is the kernel's interface header
//! (<https://www.kernel.org/doc/html/latest/admin-guide/md.html>, `md_p.h`) and what `mdadm --examine`
//! says of arrays it made. Version 1.x is little-endian; 0.90 is in the byte order of the host, for us
//! little-endian, and so is the bitmap. Offsets and sizes are in sectors of 512 bytes where the field
//! does not say otherwise.
//!
//! Where a superblock is: 1.0 at the last 4 KiB boundary at least 8 KiB before the end, 1.1 at the start,
//! 1.2 at 4 KiB, 0.90 at the last 64 KiB boundary at least 64 KiB before the end.
//!
//! Not supported: reshaping, journals, partial parity logs, clustered bitmaps, containers.

use zerocopy::little_endian::{U16, U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Magic of every superblock.
pub(super) const MAGIC: u32 = 0xa92b_4efc;
/// Magic of a bitmap.
pub(super) const BITMAP_MAGIC: u32 = 0x6d74_6962;
/// Bytes of a 1.x superblock before its table of roles.
pub(super) const SUPERBLOCK_1_SIZE: usize = 256;
/// Roles that we leave room for, as mdadm does.
pub(super) const MAX_ROLES: usize = 384;
/// `feature_map`: an internal bitmap is present.
pub(super) const FEATURE_BITMAP: u32 = 1;
/// A role: the device is a spare.
pub(super) const ROLE_SPARE: u16 = 0xffff;
/// A role: the device failed and was removed.
pub(super) const ROLE_FAULTY: u16 = 0xfffe;
/// `resync_offset`: nothing is left to synchronise.
pub(super) const IN_SYNC: u64 = u64::MAX;
/// Sector in which all counts of this format are.
pub(super) const SECTOR: u64 = 512;

/// Version 1.x superblock, without its table of roles (`struct mdp_superblock_1`).
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Superblock1 {
    /// [`MAGIC`].
    pub(super) magic: U32,
    /// 1.
    pub(super) major_version: U32,
    /// `FEATURE_…` bits.
    pub(super) feature_map: U32,
    /// Zero.
    pub(super) pad0: U32,

    /// UUID of the array.
    pub(super) set_uuid: [u8; 16],

    /// Name of the array, `host:name` or `name`, ended by NUL.
    pub(super) set_name: [u8; 32],

    /// Creation time: seconds in the low 40 bits, microseconds above.
    pub(super) ctime: U64,
    /// RAID level; -1 is linear.
    pub(super) level: U32,
    /// Layout of levels 5, 6 and 10.
    pub(super) layout: U32,

    /// Sectors of each member that the array uses.
    pub(super) size: U64,
    /// Chunk in sectors; 0 where the level has none.
    pub(super) chunksize: U32,
    /// Number of members.
    pub(super) raid_disks: U32,

    /// Where the bitmap is, in sectors from the superblock; signed.
    pub(super) bitmap_offset: U32,
    /// Reshaping: zero.
    pub(super) new_level: U32,
    /// Reshaping: zero.
    pub(super) reshape_position: U64,

    /// Reshaping: zero.
    pub(super) delta_disks: U32,
    /// Reshaping: zero.
    pub(super) new_layout: U32,
    /// Reshaping: zero.
    pub(super) new_chunk: U32,
    /// Reshaping: zero.
    pub(super) new_offset: U32,

    /// First sector of the data on this member.
    pub(super) data_offset: U64,
    /// Sectors available for data on this member.
    pub(super) data_size: U64,

    /// Sector of this superblock.
    pub(super) super_offset: U64,
    /// Recovery of this member: zero.
    pub(super) recovery_offset: U64,

    /// Index of this member in the table of roles.
    pub(super) dev_number: U32,
    /// Count of corrected read errors.
    pub(super) cnt_corrected_read: U32,
    /// UUID of this member, first half.
    pub(super) device_uuid: [u8; 16],
    /// Flags of this member: 0.
    pub(super) devflags: u8,
    /// Bad-block log: log2 of its unit in sectors.
    pub(super) bblog_shift: u8,
    /// Bad-block log: its size in sectors.
    pub(super) bblog_size: U16,
    /// Bad-block log: its place, in sectors from the superblock.
    pub(super) bblog_offset: U32,

    /// Time of the last update, as `ctime`.
    pub(super) utime: U64,
    /// Count of updates.
    pub(super) events: U64,

    /// Sectors before this one are in sync; [`IN_SYNC`] for all.
    pub(super) resync_offset: U64,
    /// Checksum.
    pub(super) sb_csum: U32,
    /// Entries of the table of roles.
    pub(super) max_dev: U32,

    /// Zero.
    pub(super) pad3: [u8; 32],
}

const _: () = assert!(size_of::<Superblock1>() == SUPERBLOCK_1_SIZE);
const _: () = assert!(std::mem::offset_of!(Superblock1, sb_csum) == 0xd8);

/// Sum of a 1.x superblock and its roles, its `sb_csum` being zero: words of 32 bits added up, the carry
/// folded in once. The table's length is even, so no half word is left.
pub(super) fn checksum(bytes: &[u8]) -> u32 {
    let word = |chunk: &[u8]| chunk.iter().rev().fold(0_u64, |value, byte| value << 8 | u64::from(*byte));
    let sum: u64 = bytes.chunks(4).map(word).sum();
    crate::units::low_u32((sum & 0xffff_ffff) + (sum >> 32))
}

/// Head of a write-intent bitmap (`bitmap_super_t`); one bit a chunk follows.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct BitmapSuper {
    /// [`BITMAP_MAGIC`].
    pub(super) magic: U32,
    /// 4.
    pub(super) version: U32,
    /// UUID of the array.
    pub(super) uuid: [u8; 16],
    /// Events of the array when the bitmap was written.
    pub(super) events: U64,
    /// Events when bits were last cleared.
    pub(super) events_cleared: U64,
    /// Sectors that the bitmap speaks for.
    pub(super) sync_size: U64,
    /// Zero.
    pub(super) state: U32,
    /// Bytes for one bit.
    pub(super) chunksize: U32,
    /// Seconds between clearings of bits.
    pub(super) daemon_sleep: U32,
    /// Write-behind: 0.
    pub(super) write_behind: U32,
    /// Sectors reserved for the bitmap.
    pub(super) sectors_reserved: U32,
    /// Nodes of a cluster: 0.
    pub(super) nodes: U32,
    /// Zero.
    pub(super) cluster_name: [u8; 64],
    /// Zero.
    pub(super) pad: [u8; 120],
}

const _: () = assert!(size_of::<BitmapSuper>() == 256);

/// Words of a 0.90 superblock that we name (`mdp_super_t`: 1024 words of 32 bits).
pub(super) mod words {
    /// [`super::MAGIC`].
    pub(in super::super) const MAGIC: usize = 0;
    /// 0, then 90 and 0 in the next words.
    pub(in super::super) const MAJOR: usize = 1;
    /// 90.
    pub(in super::super) const MINOR: usize = 2;
    /// First word of the UUID; the others are 13 to 15.
    pub(in super::super) const UUID0: usize = 5;
    /// Creation time in seconds.
    pub(in super::super) const CTIME: usize = 6;
    /// RAID level.
    pub(in super::super) const LEVEL: usize = 7;
    /// KiB of each member that the array uses.
    pub(in super::super) const SIZE: usize = 8;
    /// Members, spares and failed ones.
    pub(in super::super) const NR_DISKS: usize = 9;
    /// Members.
    pub(in super::super) const RAID_DISKS: usize = 10;
    /// Second word of the UUID.
    pub(in super::super) const UUID1: usize = 13;
    /// Time of the last update in seconds.
    pub(in super::super) const UTIME: usize = 32;
    /// Bit 0: clean.
    pub(in super::super) const STATE: usize = 33;
    /// Members that work; `working_disks` follows.
    pub(in super::super) const ACTIVE_DISKS: usize = 34;
    /// Checksum.
    pub(in super::super) const CHECKSUM: usize = 38;
    /// Count of updates, low half.
    pub(in super::super) const EVENTS_LO: usize = 39;
    /// Layout of levels 5 and 6.
    pub(in super::super) const LAYOUT: usize = 64;
    /// Chunk in bytes.
    pub(in super::super) const CHUNK: usize = 65;
    /// First descriptor of a disk; each has 32 words: number, major, minor, role, state.
    pub(in super::super) const DISKS: usize = 128;
    /// Words of a descriptor.
    pub(in super::super) const DESCRIPTOR: usize = 32;
    /// Descriptor of the member that this superblock is on.
    pub(in super::super) const THIS_DISK: usize = 992;
    /// All of them.
    pub(in super::super) const COUNT: usize = 1024;
    /// State of a descriptor: active and in sync.
    pub(in super::super) const ACTIVE_SYNC: u32 = 0b110;
}
