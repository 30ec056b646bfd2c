//! Reading superblocks, and assembling an array from its members.

use uuid::Uuid;
use zerocopy::FromBytes;

use super::format::{MAGIC, MAX_ROLES, ROLE_FAULTY, SECTOR, SUPERBLOCK_1_SIZE, Superblock1, checksum, words};
use super::layout::{Layout, Level, Rotation, Version};
use super::{MdBlock, MdError};
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// What a member's superblock says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Superblock {
    /// Its version.
    pub version: Version,
    /// UUID of the array.
    pub uuid: Uuid,
    /// Name of the array; empty for version 0.90.
    pub name: String,
    /// RAID level.
    pub level: Level,
    /// Number of members.
    pub members: usize,
    /// Which of them this is; `None` for a spare or a failed one.
    pub role: Option<usize>,
    /// Count of updates: the largest one of all members is the truth.
    pub events: u64,
    /// Whether nothing is left to synchronise.
    pub in_sync: bool,
    /// Chunk in bytes; 0 where the level has none.
    pub chunk: u64,
    /// The data area of this member that the array uses.
    pub data: ByteRange,
    /// Whether there is an internal bitmap.
    pub bitmap: bool,
}

/// The superblock on `member`, of whichever version.
pub fn read(member: &dyn Block) -> Result<Superblock, MdError> {
    for version in [Version::V1_2, Version::V1_1, Version::V1_0] {
        match read_1(member, version) {
            Err(MdError::NotMd) => {}
            found => return found,
        }
    }
    read_090(member)
}

fn read_1(member: &dyn Block, version: Version) -> Result<Superblock, MdError> {
    let corrupt = |what: &str| MdError::Corrupt(what.to_owned());
    let offset = version.superblock_offset(member.len());
    let mut bytes = vec![0; SUPERBLOCK_1_SIZE + 2 * MAX_ROLES];
    if offset.saturating_add(u64_of(bytes.len())) > member.len() {
        return Err(MdError::NotMd);
    }
    member.read_at(&mut bytes, offset)?;
    let (superblock, _) = Superblock1::read_from_prefix(&bytes).map_err(|_| MdError::NotMd)?;
    // Another version's superblock may lie at the same place: it says where it belongs.
    if superblock.magic.get() != MAGIC
        || superblock.major_version.get() != 1
        || superblock.super_offset.get() != offset / SECTOR
    {
        return Err(MdError::NotMd);
    }
    let roles = usize_of(superblock.max_dev.get().into());
    if roles > MAX_ROLES {
        return Err(corrupt("too many roles"));
    }
    let table = SUPERBLOCK_1_SIZE..SUPERBLOCK_1_SIZE + 2 * roles;
    let end = table.end;
    bytes[0xd8..0xdc].fill(0);
    if checksum(&bytes[..end]) != superblock.sb_csum.get() {
        return Err(corrupt("wrong checksum"));
    }
    let number = usize_of(superblock.dev_number.get().into());
    let role = bytes[table].chunks_exact(2).nth(number).map(|role| u16::from_le_bytes([role[0], role[1]]));
    let level = Level::from_number(superblock.level.get()).ok_or_else(|| corrupt("unknown level"))?;
    let start = superblock.data_offset.get().saturating_mul(SECTOR);
    let sectors = if level == Level::Raid0 { superblock.data_size.get() } else { superblock.size.get() };
    let data = ByteRange::new(start, sectors.saturating_mul(SECTOR));
    let name_end = superblock.set_name.iter().position(|byte| *byte == 0).unwrap_or(32);
    Ok(Superblock {
        version,
        uuid: Uuid::from_bytes(superblock.set_uuid),
        name: String::from_utf8_lossy(&superblock.set_name[..name_end]).into_owned(),
        level,
        members: usize_of(superblock.raid_disks.get().into()),
        role: role.filter(|role| *role < ROLE_FAULTY).map(usize::from),
        events: superblock.events.get(),
        in_sync: superblock.resync_offset.get() == super::format::IN_SYNC,
        chunk: u64::from(superblock.chunksize.get()) * SECTOR,
        data: data
            .filter(|data| data.end() <= member.len())
            .ok_or_else(|| corrupt("the data ends past the end"))?,
        bitmap: superblock.feature_map.get() & super::format::FEATURE_BITMAP != 0,
    })
}

fn read_090(member: &dyn Block) -> Result<Superblock, MdError> {
    let corrupt = |what: &str| MdError::Corrupt(what.to_owned());
    let offset = Version::V0_90.superblock_offset(member.len());
    let mut bytes = vec![0; 4 * words::COUNT];
    if offset.saturating_add(u64_of(bytes.len())) > member.len() {
        return Err(MdError::NotMd);
    }
    member.read_at(&mut bytes, offset)?;
    let mut sb: Vec<u32> =
        bytes.chunks_exact(4).map(|word| u32::from_le_bytes([word[0], word[1], word[2], word[3]])).collect();
    if sb[words::MAGIC] != MAGIC || sb[words::MAJOR] != 0 || sb[words::MINOR] != 90 {
        return Err(MdError::NotMd);
    }
    let stored = std::mem::take(&mut sb[words::CHECKSUM]);
    bytes[4 * words::CHECKSUM..][..4].fill(0);
    if checksum(&bytes) != stored {
        return Err(corrupt("wrong checksum"));
    }
    let uuid_words = [sb[words::UUID0], sb[words::UUID1], sb[words::UUID1 + 1], sb[words::UUID1 + 2]];
    let mut uuid = [0; 16];
    for (place, word) in uuid.chunks_exact_mut(4).zip(uuid_words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
    let this = &sb[words::THIS_DISK..];
    let active = this[4] & words::ACTIVE_SYNC == words::ACTIVE_SYNC;
    let len = u64::from(sb[words::SIZE]) * 1024;
    Ok(Superblock {
        version: Version::V0_90,
        uuid: Uuid::from_bytes(uuid),
        name: String::new(),
        level: Level::from_number(sb[words::LEVEL]).ok_or_else(|| corrupt("unknown level"))?,
        members: usize_of(sb[words::RAID_DISKS].into()),
        role: active.then_some(usize_of(this[3].into())),
        events: u64::from(sb[words::EVENTS_LO]) | u64::from(sb[words::EVENTS_LO + 1]) << 32,
        in_sync: sb[words::STATE] & 1 != 0,
        chunk: sb[words::CHUNK].into(),
        data: ByteRange::new(0, len)
            .filter(|data| data.end() <= offset)
            .ok_or_else(|| corrupt("impossible size"))?,
        bitmap: false,
    })
}

/// Assembles the array that `members` belong to. The order does not matter; one may be missing where the
/// level has redundancy; of RAID 6 two, of a mirror all but one.
pub fn open<B: Block>(members: Vec<B>) -> Result<MdBlock<B>, MdError> {
    let refuse = |why: &str| MdError::Members(why.to_owned());
    let mut found: Vec<(Superblock, B)> = Vec::new();
    for member in members {
        found.push((read(&member)?, member));
    }
    let newest = found
        .iter()
        .map(|(superblock, _)| superblock.events)
        .max()
        .ok_or_else(|| refuse("there are none"))?;
    let Some(first) = found.iter().map(|(first, _)| first).find(|first| first.events == newest).cloned()
    else {
        return Err(refuse("there are none"));
    };
    if first.members < first.level.min_members() || first.members > MAX_ROLES {
        return Err(refuse("an impossible number of members"));
    }
    if first.level.has_chunks() && (first.chunk == 0 || !first.chunk.is_power_of_two()) {
        return Err(refuse("an impossible chunk size"));
    }
    let mut slots: Vec<Option<B>> = (0..first.members).map(|_| None).collect();
    let mut superblocks = vec![0; first.members];
    for (superblock, member) in found {
        if superblock.uuid != first.uuid || superblock.data != first.data || superblock.level != first.level {
            return Err(refuse("they are of different arrays"));
        }
        let Some(role) = superblock.role.filter(|_| superblock.events == newest) else { continue };
        let slot = slots.get_mut(role).ok_or_else(|| refuse("a role is out of range"))?;
        superblocks[role] = superblock.version.superblock_offset(member.len());
        if slot.replace(member).is_some() {
            return Err(refuse("one comes twice"));
        }
    }
    let chunk = if first.level.has_chunks() { first.chunk } else { SECTOR };
    Ok(MdBlock::new(slots, assembled_layout(&first, chunk, superblocks)))
}

fn assembled_layout(first: &Superblock, chunk: u64, superblocks: Vec<u64>) -> Layout {
    let unit = if first.level.has_chunks() { chunk } else { 4096 };
    Layout {
        level: first.level,
        rotation: Rotation::LeftSymmetric,
        chunk,
        data: first.data,
        len: first.level.array_len(first.data.len(), unit, u64_of(first.members)),
        superblocks,
        bitmap_distance: None,
        bitmap_chunk: 0,
    }
}
