//! Extent trees: the bytes that say where a file's blocks are.
//!
//! Up to four extents stand in the inode. More go into leaf blocks, whose index stands in the inode, or in
//! further blocks where there are more than four leaves, and so on.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::block::{BlockNumber, BlockSize, Extent};
use super::checksum::InodeSeed;
use super::format::extent::{self as format, ENTRY_SIZE, Header, LEN_MAX, MAGIC, ROOT_ENTRIES};
use super::format::inode::I_BLOCK_SIZE;
use crate::units::{high_u32, low_u16, low_u32, u64_of, usize_of};

/// Bytes of one entry of a node, either kind.
type EntryBytes = [u8; ENTRY_SIZE];

/// How many extents on disk a run of `blocks` blocks takes.
pub(super) const fn extents_for(blocks: u64) -> u64 {
    blocks.div_ceil(LEN_MAX)
}

/// How many blocks the tree of `extents` extents on disk takes beside the inode.
pub(super) fn tree_blocks(extents: u64, block_size: BlockSize) -> u64 {
    let mut total = 0;
    let mut entries = extents;
    while entries > u64_of(ROOT_ENTRIES) {
        entries = entries.div_ceil(u64_of(node_entries(block_size)));
        total += entries;
    }
    total
}

/// Entries of a node that is a block: behind them its checksum.
pub(super) fn node_entries(block_size: BlockSize) -> usize {
    // Behind the header and the entries four bytes remain at least: there the checksum is.
    (usize_of(block_size.bytes()) - ENTRY_SIZE - 4) / ENTRY_SIZE
}

/// The tree of one file.
#[derive(Debug)]
pub(super) struct ExtentTree {
    /// The root, as `i_block` holds it.
    pub root: [u8; I_BLOCK_SIZE],
    /// The other nodes, each with its place.
    pub blocks: Vec<(BlockNumber, Vec<u8>)>,
}

impl ExtentTree {
    /// The tree of `extents`, its nodes in `places`: as many as [`tree_blocks`] said.
    pub fn new(extents: &[Extent], places: &[BlockNumber], block_size: BlockSize, seed: InodeSeed) -> Self {
        let mut places = places.iter().copied();
        let mut blocks = Vec::new();
        let mut level: Vec<EntryBytes> = split(extents).map(extent_entry).collect();
        let mut depth = 0;
        while level.len() > ROOT_ENTRIES {
            let nodes = level.chunks(node_entries(block_size));
            let above = nodes.zip(places.by_ref()).map(|(entries, place)| {
                blocks.push((place, node_block(entries, depth, block_size, seed)));
                index_entry(first_logical(entries), place)
            });
            level = above.collect();
            depth += 1;
        }
        let mut root = [0; I_BLOCK_SIZE];
        put_node(&mut root, &level, ROOT_ENTRIES, depth);
        Self { root, blocks }
    }
}

/// The extents in pieces that one entry can say.
fn split(extents: &[Extent]) -> impl Iterator<Item = Extent> {
    extents.iter().flat_map(|extent| {
        let pieces = extents_for(u64::from(extent.blocks));
        (0..pieces).map(move |piece| {
            let done = piece * LEN_MAX;
            Extent {
                logical: extent.logical + low_u32(done),
                blocks: low_u32((u64::from(extent.blocks) - done).min(LEN_MAX)),
                start: extent.start.plus(done),
            }
        })
    })
}

fn extent_entry(extent: Extent) -> EntryBytes {
    zerocopy::transmute!(format::Extent {
        ee_block: U32::new(extent.logical),
        ee_len: U16::new(low_u16(u64::from(extent.blocks))),
        ee_start_hi: U16::new(low_u16(u64::from(high_u32(extent.start.0)))),
        ee_start_lo: U32::new(low_u32(extent.start.0)),
    })
}

fn index_entry(logical: U32, place: BlockNumber) -> EntryBytes {
    zerocopy::transmute!(format::Index {
        ei_block: logical,
        ei_leaf_lo: U32::new(low_u32(place.0)),
        ei_leaf_hi: U16::new(low_u16(u64::from(high_u32(place.0)))),
        ei_unused: U16::ZERO,
    })
}

/// `ee_block` or `ei_block` of the first entry: both kinds start with it.
fn first_logical(entries: &[EntryBytes]) -> U32 {
    let first: format::Index = zerocopy::transmute!(entries[0]);
    first.ei_block
}

fn put_node(bytes: &mut [u8], entries: &[EntryBytes], max: usize, depth: u16) {
    let header = Header {
        eh_magic: U16::new(MAGIC),
        eh_entries: U16::new(low_u16(u64_of(entries.len()))),
        eh_max: U16::new(low_u16(u64_of(max))),
        eh_depth: U16::new(depth),
        eh_generation: U32::ZERO,
    };
    bytes[..ENTRY_SIZE].copy_from_slice(header.as_bytes());
    bytes[ENTRY_SIZE..][..entries.len() * ENTRY_SIZE].copy_from_slice(entries.as_flattened());
}

fn node_block(entries: &[EntryBytes], depth: u16, block_size: BlockSize, seed: InodeSeed) -> Vec<u8> {
    let mut block = vec![0; usize_of(block_size.bytes())];
    let max = node_entries(block_size);
    put_node(&mut block, entries, max, depth);
    let tail = ENTRY_SIZE * (max + 1);
    let checksum = seed.extent_block(&block[..tail]);
    block[tail..tail + 4].copy_from_slice(&checksum.to_le_bytes());
    block
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::block::InodeNumber;
    use crate::fs::ext4::checksum::ChecksumSeed;

    fn seed() -> InodeSeed {
        ChecksumSeed::from_stored(1).inode(InodeNumber(12), 0)
    }

    #[test]
    fn the_blocks_of_a_tree_are_counted_as_they_are_built() {
        for count in [0, 1, 4, 5, 84, 85, 336, 337, 30_000] {
            let extents: Vec<Extent> = (0..count)
                .map(|number| Extent {
                    logical: number * 2,
                    blocks: 1,
                    start: BlockNumber(u64::from(number) * 3),
                })
                .collect();
            let blocks = tree_blocks(u64::from(count), BlockSize::B1024);
            let places: Vec<BlockNumber> = (0..blocks + 10).map(BlockNumber).collect();
            let tree = ExtentTree::new(&extents, &places, BlockSize::B1024, seed());
            assert_eq!(u64_of(tree.blocks.len()), blocks, "{count} extents");
        }
    }

    #[test]
    fn long_runs_become_several_extents_in_one_line() {
        let run = Extent { logical: 7, blocks: 70_000, start: BlockNumber(1 << 33) };
        let pieces: Vec<_> =
            split(&[run]).map(|piece| (piece.logical, piece.blocks, piece.start.0)).collect();
        let start = 1_u64 << 33;
        assert_eq!(
            pieces,
            [(7, 32768, start), (7 + 32768, 32768, start + 32768), (7 + 65536, 4464, start + 65536)]
        );
        assert_eq!(extents_for(70_000), 3);
    }
}
