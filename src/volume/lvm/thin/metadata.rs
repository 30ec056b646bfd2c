//! A pool's metadata as a whole: written from the chunks of each device, and read back.

use std::collections::BTreeMap;

use zerocopy::{FromBytes, IntoBytes};

use super::super::LvmError;
use super::super::format::SECTOR;
use super::super::text::corrupt;
use super::format::{
    BITMAP_ENTRIES, BLOCK, BLOCK_LEN, Bytes, Details, IndexEntry, Kind, MAGIC, MAX_BLOCKS, SpaceMapRoot,
    Superblock, TIME_BITS, VERSION, bitmap,
};
use super::tree::{Blocks, Walker, build};
use crate::units::{low_u32, u64_of};
use crate::volume::Block;

/// The chunks of one device: its own number to the pool's.
pub(super) type Chunks = BTreeMap<u64, u64>;

/// What the metadata say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Mapping {
    /// Bytes of a chunk.
    pub(super) chunk: u64,
    /// Chunks of the pool.
    pub(super) total: u64,
    /// LVM's count of changes.
    pub(super) transaction: u64,
    /// The devices by their numbers.
    pub(super) devices: BTreeMap<u64, Chunks>,
}

/// Writes `mapping` to `target`, whose chunks are the first ones of the pool without a gap.
///
/// # Errors
/// When the metadata do not fit, and for I/O.
pub(super) fn write(mapping: &Mapping, target: &dyn Block) -> Result<(), LvmError> {
    let total = (target.len() / BLOCK).min(MAX_BLOCKS);
    let mut blocks = Blocks::new(target, total);
    let (mut roots, mut details, mut used) = (Vec::new(), Vec::new(), 0);
    // LVM counts a change for each device that it makes.
    for (transaction, (device, chunks)) in (0_u64..).zip(&mapping.devices) {
        let values: Vec<_> =
            chunks.iter().map(|(key, place)| (*key, (place << TIME_BITS).to_le_bytes())).collect();
        roots.push((*device, build(&mut blocks, &values)?.to_le_bytes()));
        used += u64_of(chunks.len());
        let known = Details {
            mapped: u64_of(chunks.len()).into(),
            transaction: transaction.into(),
            times: [0.into(); 2],
        };
        let mut bytes = [0; size_of::<Details>()];
        bytes.copy_from_slice(known.as_bytes());
        details.push((*device, bytes));
    }
    let mapping_root = build(&mut blocks, &roots)?;
    let details_root = build(&mut blocks, &details)?;
    let data_map = data_map(&mut blocks, mapping.total, used)?;
    let metadata_map = metadata_map(&mut blocks)?;
    let superblock = Superblock {
        sum: 0.into(),
        flags: 0.into(),
        number: 0.into(),
        uuid: [0; 16],
        magic: MAGIC.into(),
        version: VERSION.into(),
        time: 0.into(),
        transaction: mapping.transaction.into(),
        held_root: 0.into(),
        data_map,
        metadata_map,
        mapping_root: mapping_root.into(),
        details_root: details_root.into(),
        chunk_sectors: low_u32(mapping.chunk / SECTOR).into(),
        block_sectors: low_u32(BLOCK / SECTOR).into(),
        blocks: total.into(),
        features: [0.into(); 3],
        rest: [[0; 12]; 311],
    };
    let mut block = [0; BLOCK_LEN];
    block.copy_from_slice(superblock.as_bytes());
    Kind::Superblock.seal(&mut block);
    blocks.put(0, &block)
}

/// Bitmaps of `total` things of which the first `used` are used; where each is.
fn bitmaps(blocks: &Blocks<'_>, first: u64, (total, used): (u64, u64)) -> Result<Vec<IndexEntry>, LvmError> {
    let mut entries = Vec::new();
    for number in 0..total.div_ceil(BITMAP_ENTRIES) {
        let start = number * BITMAP_ENTRIES;
        let here = (total - start).min(BITMAP_ENTRIES);
        let taken = used.saturating_sub(start).min(here);
        blocks.put(first + number, &bitmap(first + number, taken))?;
        entries.push(IndexEntry {
            block: (first + number).into(),
            free: low_u32(here - taken).into(),
            none_free_before: low_u32(taken).into(),
        });
    }
    Ok(entries)
}

/// Takes blocks for the bitmaps of `total` things; the first.
fn take_bitmaps(blocks: &mut Blocks<'_>, total: u64) -> Result<u64, LvmError> {
    let first = blocks.next;
    for _ in 0..total.div_ceil(BITMAP_ENTRIES) {
        blocks.take()?;
    }
    Ok(first)
}

fn root(total: u64, used: u64, bitmaps: u64, counts: u64) -> SpaceMapRoot {
    SpaceMapRoot {
        total: total.into(),
        used: used.into(),
        bitmaps: bitmaps.into(),
        counts: counts.into(),
        rest: [0; 96],
    }
}

/// The map of the pool's chunks.
fn data_map(blocks: &mut Blocks<'_>, total: u64, used: u64) -> Result<SpaceMapRoot, LvmError> {
    let first = take_bitmaps(blocks, total)?;
    let mut index = Vec::new();
    for (key, entry) in (0_u64..).zip(bitmaps(blocks, first, (total, used))?) {
        let mut bytes = [0; size_of::<IndexEntry>()];
        bytes.copy_from_slice(entry.as_bytes());
        index.push((key, bytes));
    }
    let index = build(blocks, &index)?;
    let counts = build::<4>(blocks, &[])?;
    Ok(root(total, used, index, counts))
}

/// The map of the metadata themselves: made last, for it counts all that was taken.
fn metadata_map(blocks: &mut Blocks<'_>) -> Result<SpaceMapRoot, LvmError> {
    let counts = build::<4>(blocks, &[])?;
    let index = blocks.take()?;
    let first = take_bitmaps(blocks, blocks.total)?;
    let used = blocks.next;
    let mut block: Bytes = [0; BLOCK_LEN];
    block[8..16].copy_from_slice(&index.to_le_bytes());
    let entries = bitmaps(blocks, first, (blocks.total, used))?;
    block[16..16 + size_of::<IndexEntry>() * entries.len()].copy_from_slice(entries.as_bytes());
    Kind::Index.seal(&mut block);
    blocks.put(index, &block)?;
    Ok(root(blocks.total, used, index, counts))
}

/// Reads the metadata on `source`.
pub(super) fn read(source: &dyn Block) -> Result<Mapping, LvmError> {
    let mut block = [0; BLOCK_LEN];
    source.read_at(&mut block, 0)?;
    let superblock = Superblock::read_from_bytes(&block).map_err(|_| corrupt("a short superblock"))?;
    if superblock.magic.get() != MAGIC || !Kind::Superblock.is_sound(&block) {
        return Err(corrupt("the superblock of the thin pool is damaged"));
    }
    let chunk = u64::from(superblock.chunk_sectors.get()) * SECTOR;
    if superblock.version.get() != VERSION || chunk == 0 {
        return Err(LvmError::Unsupported("thin pools of another version".to_owned()));
    }
    let total = superblock.data_map.total.get();
    let mut walker = Walker::new(source);
    let mut devices = BTreeMap::new();
    for (device, root) in walker.entries(superblock.mapping_root.get())? {
        let mut chunks = Chunks::new();
        for (key, value) in walker.entries(root)? {
            if value >> TIME_BITS >= total {
                return Err(corrupt("a chunk lies outside of its thin pool"));
            }
            chunks.insert(key, value >> TIME_BITS);
        }
        devices.insert(device, chunks);
    }
    Ok(Mapping { chunk, total, transaction: superblock.transaction.get(), devices })
}
