//! Making an array: a superblock on each member, and the bitmap.

use uuid::Uuid;
use zerocopy::IntoBytes;

use super::format::{
    BITMAP_MAGIC, BitmapSuper, FEATURE_BITMAP, IN_SYNC, MAGIC, MAX_ROLES, ROLE_SPARE, SECTOR, Superblock1,
    checksum, words,
};
use super::layout::{BITMAP_SPACE, Layout, Level, Options, Version, layout};
use super::{MdBlock, MdError};
use crate::units::{ByteRange, ByteSize, bits_of_i64, low_u32, u64_of};
use crate::volume::Block;

/// Seconds between clearings of bits in the bitmap: mdadm's default.
const DAEMON_SLEEP: u32 = 5;

/// Makes an array of `members`, in the order of their roles, and gives it as a Block.
pub fn write<B: Block>(members: Vec<B>, options: &Options) -> Result<MdBlock<B>, MdError> {
    let sizes: Vec<ByteSize> = members.iter().map(|member| ByteSize(member.len())).collect();
    let layout = layout(options, &sizes)?;
    for (role, member) in members.iter().enumerate() {
        let offset = layout.superblocks[role];
        if let Some(distance) = layout.bitmap_distance {
            write_bitmap(member, options, &layout, offset.wrapping_add_signed(distance))?;
        }
        let superblock = match options.version {
            Version::V0_90 => superblock_090(options, &layout, role),
            _ => superblock_1(options, &layout, role, sizes[role]),
        };
        member.write_at(&superblock, offset)?;
    }
    Ok(MdBlock::new(members.into_iter().map(Some).collect(), layout))
}

fn superblock_1(options: &Options, layout: &Layout, role: usize, size: ByteSize) -> Vec<u8> {
    let mut name = [0; 32];
    name[..options.name.len()].copy_from_slice(options.name.as_bytes());
    // Seconds have 40 bits; microseconds above them stay zero.
    let time = bits_of_i64(options.created.seconds) & 0xff_ffff_ffff;
    let offset = layout.superblocks[role];
    let chunk = if layout.level.has_chunks() { low_u32(layout.chunk / SECTOR) } else { 0 };
    // The kernel stripes a RAID 0 over as much as each member has: all are given the same.
    let all_alike = layout.data.start() == 0 || layout.level == Level::Raid0;
    let data_end = if all_alike { layout.data.end() } else { size.bytes() };
    let bitmap_offset = layout.bitmap_distance.map_or(0, |distance| low_u32(bits_of_i64(distance / 512)));
    let superblock = Superblock1 {
        magic: MAGIC.into(),
        major_version: 1.into(),
        feature_map: if layout.bitmap_distance.is_some() { FEATURE_BITMAP.into() } else { 0.into() },
        pad0: 0.into(),
        set_uuid: options.uuid.into_bytes(),
        set_name: name,
        ctime: time.into(),
        level: layout.level.number().into(),
        layout: layout.level.layout_number().into(),
        size: if layout.level == Level::Raid0 { 0.into() } else { (layout.data.len() / SECTOR).into() },
        chunksize: chunk.into(),
        raid_disks: count_u32(layout.superblocks.len()).into(),
        bitmap_offset: bitmap_offset.into(),
        new_level: 0.into(),
        reshape_position: 0.into(),
        delta_disks: 0.into(),
        new_layout: 0.into(),
        new_chunk: 0.into(),
        new_offset: 0.into(),
        data_offset: (layout.data.start() / SECTOR).into(),
        data_size: ((data_end - layout.data.start()) / SECTOR).into(),
        super_offset: (offset / SECTOR).into(),
        recovery_offset: 0.into(),
        dev_number: count_u32(role).into(),
        cnt_corrected_read: 0.into(),
        device_uuid: options.member_uuids[role].into_bytes(),
        devflags: 0,
        bblog_shift: 0,
        bblog_size: 0.into(),
        bblog_offset: 0.into(),
        utime: time.into(),
        events: 0.into(),
        resync_offset: IN_SYNC.into(),
        sb_csum: 0.into(),
        max_dev: count_u32(MAX_ROLES).into(),
        pad3: [0; 32],
    };
    with_roles(superblock, layout.superblocks.len())
}

/// The superblock's bytes with its table of roles and its checksum.
fn with_roles(mut superblock: Superblock1, members: usize) -> Vec<u8> {
    let roles: Vec<u8> = (0..MAX_ROLES)
        .map(|number| if number < members { u16::try_from(number).unwrap_or(ROLE_SPARE) } else { ROLE_SPARE })
        .flat_map(u16::to_le_bytes)
        .collect();
    let sum = checksum(&[superblock.as_bytes(), &roles].concat());
    superblock.sb_csum = sum.into();
    [superblock.as_bytes(), &roles].concat()
}

/// A count of members or roles, of which there are fewer than a thousand.
fn count_u32(count: usize) -> u32 {
    low_u32(u64_of(count))
}

fn superblock_090(options: &Options, layout: &Layout, role: usize) -> Vec<u8> {
    let mut sb = [0_u32; words::COUNT];
    let members = count_u32(layout.superblocks.len());
    let time = low_u32(bits_of_i64(options.created.seconds));
    sb[words::MAGIC] = MAGIC;
    sb[words::MINOR] = 90;
    let uuid = uuid_words(options.uuid);
    sb[words::UUID0] = uuid[0];
    sb[words::UUID1..words::UUID1 + 3].copy_from_slice(&uuid[1..]);
    (sb[words::CTIME], sb[words::UTIME]) = (time, time);
    sb[words::LEVEL] = layout.level.number();
    sb[words::SIZE] = low_u32(layout.data.len() / 1024);
    (sb[words::NR_DISKS], sb[words::RAID_DISKS]) = (members, members);
    sb[words::STATE] = 1;
    (sb[words::ACTIVE_DISKS], sb[words::ACTIVE_DISKS + 1]) = (members, members);
    sb[words::LAYOUT] = layout.level.layout_number();
    sb[words::CHUNK] = if layout.level.has_chunks() { low_u32(layout.chunk) } else { 0 };
    for number in 0..members {
        let at = words::DISKS + words::DESCRIPTOR * crate::units::usize_of(number.into());
        sb[at..at + 5].copy_from_slice(&[number, 0, 0, number, words::ACTIVE_SYNC]);
    }
    let this = count_u32(role);
    sb[words::THIS_DISK..words::THIS_DISK + 5].copy_from_slice(&[this, 0, 0, this, words::ACTIVE_SYNC]);
    let bytes: Vec<u8> = sb.iter().flat_map(|word| word.to_le_bytes()).collect();
    sb[words::CHECKSUM] = checksum(&bytes);
    sb.iter().flat_map(|word| word.to_le_bytes()).collect()
}

/// The UUID as four words in the byte order that mdadm shows.
pub(super) fn uuid_words(uuid: Uuid) -> [u32; 4] {
    let mut words = [0; 4];
    for (word, chunk) in words.iter_mut().zip(uuid.as_bytes().chunks_exact(4)) {
        *word = chunk.iter().rev().fold(0, |value, byte| value << 8 | u32::from(*byte));
    }
    words
}

/// A bitmap whose bits all say "in sync".
fn write_bitmap(member: &dyn Block, options: &Options, layout: &Layout, offset: u64) -> Result<(), MdError> {
    let head = BitmapSuper {
        magic: BITMAP_MAGIC.into(),
        version: 4.into(),
        uuid: options.uuid.into_bytes(),
        events: 0.into(),
        events_cleared: 0.into(),
        sync_size: (layout.data.len() / SECTOR).into(),
        state: 0.into(),
        chunksize: layout.bitmap_chunk.into(),
        daemon_sleep: DAEMON_SLEEP.into(),
        write_behind: 0.into(),
        sectors_reserved: low_u32(BITMAP_SPACE / SECTOR).into(),
        nodes: 0.into(),
        cluster_name: [0; 64],
        pad: [0; 120],
    };
    if let Some(range) = ByteRange::new(offset, BITMAP_SPACE) {
        member.zero_range(range)?;
    }
    Ok(member.write_at(head.as_bytes(), offset)?)
}
