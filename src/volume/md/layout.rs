//! What an array is to be, and where everything lies on its members.

use uuid::Uuid;

use super::MdError;
use super::format::SECTOR;
use crate::timestamp::Timestamp;
use crate::units::{ByteRange, ByteSize, u64_of};

/// RAID level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Level {
    /// Chunks over all members, no redundancy.
    Raid0,
    /// Every member holds everything.
    Raid1,
    /// Parity on the last member.
    Raid4,
    /// Parity on each member in turn (left-symmetric).
    Raid5,
    /// Two parities on each pair of members in turn (left-symmetric).
    Raid6,
    /// Chunks over all members, each twice (near copies).
    Raid10,
}

impl Level {
    /// The level that mdadm and disko call `name`: a number, or `raidN`, `stripe`, `mirror`.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name.strip_prefix("raid").unwrap_or(name) {
            "0" | "stripe" => Self::Raid0,
            "1" | "mirror" => Self::Raid1,
            "4" => Self::Raid4,
            "5" => Self::Raid5,
            "6" => Self::Raid6,
            "10" => Self::Raid10,
            _ => return None,
        })
    }

    /// The number in the superblock.
    pub const fn number(self) -> u32 {
        match self {
            Self::Raid0 => 0,
            Self::Raid1 => 1,
            Self::Raid4 => 4,
            Self::Raid5 => 5,
            Self::Raid6 => 6,
            Self::Raid10 => 10,
        }
    }

    /// The level with this number in the superblock.
    pub(super) fn from_number(number: u32) -> Option<Self> {
        Self::from_name(&number.to_string())
    }

    /// The fewest members that make sense.
    pub const fn min_members(self) -> usize {
        match self {
            Self::Raid0 | Self::Raid1 | Self::Raid10 => 2,
            Self::Raid4 | Self::Raid5 => 3,
            Self::Raid6 => 4,
        }
    }

    /// The layout number in the superblock: left-symmetric parity, two near copies, or none.
    pub(super) const fn layout_number(self) -> u32 {
        match self {
            Self::Raid0 | Self::Raid1 | Self::Raid4 => 0,
            Self::Raid5 | Self::Raid6 => 2,
            Self::Raid10 => 0x102,
        }
    }

    /// Whether data is in chunks.
    pub(super) const fn has_chunks(self) -> bool {
        !matches!(self, Self::Raid1)
    }

    /// Size of an array in bytes whose `members` each give `usable` bytes, in units of `unit` bytes.
    pub(super) const fn array_len(self, usable: u64, unit: u64, members: u64) -> u64 {
        // An odd number of members holds half a member's chunk less than a whole number of stripes.
        usable / unit * self.data_halves(members) / 2 * unit
    }

    /// Members' worth of data in an array of `members`, in halves of a member.
    const fn data_halves(self, members: u64) -> u64 {
        match self {
            Self::Raid0 => 2 * members,
            Self::Raid1 => 2,
            Self::Raid4 | Self::Raid5 => 2 * (members - 1),
            Self::Raid6 => 2 * (members - 2),
            Self::Raid10 => members,
        }
    }
}

/// How the parities wander over the members from stripe to stripe.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(in crate::volume) enum Rotation {
    /// From the last member down, data behind them: md's default.
    #[default]
    LeftSymmetric,
    /// From the first member up, data from the first one on: LVM's for raid6 (`raid6_zr`).
    ZeroRestart,
}

/// Version of the superblock, and with it its place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Version {
    /// At the end, data at 0: what firmware can read, for mirrored ESPs.
    V0_90,
    /// At the end, data at 0.
    V1_0,
    /// At the start.
    V1_1,
    /// 4 KiB after the start; the default.
    #[default]
    V1_2,
}

impl Version {
    /// The version that mdadm calls `name`; `default` and `1` mean 1.2.
    pub fn from_name(name: &str) -> Option<Self> {
        Some(match name {
            "0" | "0.90" => Self::V0_90,
            "1.0" => Self::V1_0,
            "1.1" => Self::V1_1,
            "1" | "1.2" | "default" => Self::V1_2,
            _ => return None,
        })
    }

    /// Where the superblock is on a member of `len` bytes, in bytes.
    pub(super) const fn superblock_offset(self, len: u64) -> u64 {
        match self {
            Self::V0_90 => (len & !0xffff).saturating_sub(0x1_0000),
            Self::V1_0 => len.saturating_sub(8 << 10) & !0xfff,
            Self::V1_1 => 0,
            Self::V1_2 => 4096,
        }
    }
}

/// Whether the array keeps a write-intent bitmap beside its superblocks.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Bitmap {
    /// No bitmap.
    None,
    /// `--bitmap=internal`.
    #[default]
    Internal,
}

/// What the array is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// RAID level.
    pub level: Level,
    /// Version of the superblock.
    pub version: Version,
    /// UUID of the array.
    pub uuid: Uuid,
    /// UUIDs of the members, one each.
    pub member_uuids: Vec<Uuid>,
    /// Name, at most 31 bytes.
    pub name: String,
    /// Chunk, for levels that have them: a power of two, at least 4 KiB.
    pub chunk: ByteSize,
    /// Write-intent bitmap.
    pub bitmap: Bitmap,
    /// Creation time.
    pub created: Timestamp,
}

/// Space before the data of versions 1.1 and 1.2: superblock, bitmap, bad-block log, and room for
/// mdadm to reshape.
const DATA_OFFSET: u64 = 1 << 20;
/// Space at the end that versions 1.0 and 0.90 leave: superblock, and for 1.0 the bitmap before it.
const TAIL: u64 = 128 << 10;
/// Bitmap, in bytes: head and bits.
pub(super) const BITMAP_SPACE: u64 = 64 << 10;

/// The decided places; the same on each member but for what lies at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    pub(super) level: Level,
    /// How parities wander.
    pub(super) rotation: Rotation,
    /// Bytes of a chunk; the whole member where the level has none.
    pub(super) chunk: u64,
    /// The data on each member.
    pub(super) data: ByteRange,
    /// Where each member's superblock is, in bytes.
    pub(super) superblocks: Vec<u64>,
    /// Where the bitmap is, in bytes from the superblock.
    pub(super) bitmap_distance: Option<i64>,
    /// Bytes that one bit of the bitmap stands for.
    pub(super) bitmap_chunk: u32,
    /// Size of the array in bytes.
    pub(super) len: u64,
}

/// The size of the array that `options` make of members of these sizes.
pub fn capacity(options: &Options, members: &[ByteSize]) -> Result<ByteSize, MdError> {
    layout(options, members).map(|layout| ByteSize(layout.len))
}

/// Decides the places.
pub(super) fn layout(options: &Options, members: &[ByteSize]) -> Result<Layout, MdError> {
    check(options, members)?;
    let smallest = members.iter().map(|size| size.bytes()).min().unwrap_or(0);
    let bitmap = options.bitmap == Bitmap::Internal
        && options.level != Level::Raid0
        && options.version != Version::V0_90;
    let (start, end) = match options.version {
        Version::V1_1 | Version::V1_2 => (DATA_OFFSET, smallest),
        Version::V0_90 => (0, options.version.superblock_offset(smallest)),
        Version::V1_0 => (0, smallest.saturating_sub(TAIL)),
    };
    let chunk = if options.level.has_chunks() { options.chunk.bytes() } else { SECTOR };
    let unit = if options.level.has_chunks() { chunk } else { 4096 };
    let usable = end.saturating_sub(start) / unit * unit;
    let len = options.level.array_len(usable, unit, u64_of(members.len()));
    let data = ByteRange::new(start, usable).filter(|_| len > 0);
    let data =
        data.ok_or(MdError::TooSmall { smallest: ByteSize(smallest), overhead: ByteSize(start + TAIL) })?;
    let distance = match options.version {
        Version::V1_0 => -i64::try_from(BITMAP_SPACE).unwrap_or(0),
        _ => 4096,
    };
    Ok(Layout {
        level: options.level,
        rotation: Rotation::LeftSymmetric,
        chunk,
        data,
        superblocks: members.iter().map(|size| options.version.superblock_offset(size.bytes())).collect(),
        bitmap_distance: bitmap.then_some(distance),
        bitmap_chunk: bitmap_chunk(usable),
        len,
    })
}

/// mdadm's rule: 64 MiB for a bit, more where the bits would not fit the space.
fn bitmap_chunk(usable: u64) -> u32 {
    let bits = (BITMAP_SPACE - 256) * 8;
    let mut chunk: u32 = 64 << 20;
    while usable / u64::from(chunk) >= bits && chunk < 1 << 31 {
        chunk <<= 1;
    }
    chunk
}

fn check(options: &Options, members: &[ByteSize]) -> Result<(), MdError> {
    let min = options.level.min_members();
    if members.len() < min {
        return Err(MdError::TooFew { level: options.level, members: members.len(), min });
    }
    let most = if options.version == Version::V0_90 { 27 } else { super::format::MAX_ROLES };
    if members.len() > most {
        return Err(MdError::Options(format!("{} members; at most {most} are possible", members.len())));
    }
    if options.member_uuids.len() != members.len() {
        return Err(MdError::Options("a UUID is missing for a member".to_owned()));
    }
    if options.name.len() > 31 {
        return Err(MdError::Options(format!("the name `{}`, which is longer than 31 bytes", options.name)));
    }
    let chunk = options.chunk.bytes();
    if options.level.has_chunks() && (!chunk.is_power_of_two() || !(4096..=1 << 30).contains(&chunk)) {
        return Err(MdError::Options(format!(
            "chunks of {chunk} bytes; powers of two from 4096 are possible"
        )));
    }
    Ok(())
}
