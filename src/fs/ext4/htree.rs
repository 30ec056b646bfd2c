//! Hash trees: how a directory of many blocks is searched by reading two or three.
//!
//! ```text
//! block 0: ".", "..", root ──┬─▶ node ──┬─▶ leaf: entries whose hashes lie between its own and the next
//!                            │          └─▶ leaf
//!                            └─▶ node ─ …            (without nodes where the root has room for all leaves)
//! ```
//!
//! Entries are sorted by hash once and leaves are filled in that order, so the time is that of a sort. The
//! leaves are full: in a store nothing is added to a directory, and elsewhere the kernel divides a leaf when
//! it must.

use std::ops::Range;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::block::BlockSize;
use super::checksum::InodeSeed;
use super::directory::{Entry, Family, leaf_block, leaf_room, put_entry};
use super::error::Unfit;
use super::format::directory::{
    DX_ENTRY_SIZE, DX_NODE_ENTRIES, DX_ROOT_ENTRIES, DX_TAIL_SIZE, DxCountLimit, DxEntry, DxRootInfo, DxTail,
};
use super::format::superblock::HASH_HALF_MD4;
use super::hash::{HashSeed, NameHash, Signedness};
use crate::units::{low_u16, u64_of, usize_of};

/// Bytes of `.` in the root; `..` takes the rest of the block.
const DOT_SIZE: usize = 12;

/// A large directory, sorted and divided into leaves.
#[derive(Debug)]
pub(super) struct HashTree<'t> {
    block_size: BlockSize,
    entries: Vec<(NameHash, Entry<'t>)>,
    leaves: Vec<Leaf>,
    /// Nodes between root and leaves; none where the root has room for all leaves.
    nodes: usize,
}

#[derive(Clone, Debug)]
struct Leaf {
    /// The smallest hash; bit 0 set where the leaf before has the same one.
    hash: u32,
    entries: Range<usize>,
}

impl<'t> HashTree<'t> {
    /// Sorts and divides `entries`. Fails where two levels do not suffice.
    pub fn new(entries: Vec<Entry<'t>>, seed: HashSeed, block_size: BlockSize) -> Result<Self, Unfit> {
        let mut entries: Vec<(NameHash, Entry<'_>)> =
            entries.into_iter().map(|entry| (seed.hash(entry.name, Signedness::Signed), entry)).collect();
        // Names decide between equal hashes, so that one set of names has one order.
        entries.sort_unstable_by(|(a, x), (b, y)| (a, x.name).cmp(&(b, y.name)));
        let leaves = divide(&entries, leaf_room(block_size));
        let nodes = match leaves.len() {
            count if count <= root_limit(block_size) => 0,
            count => count.div_ceil(node_limit(block_size)),
        };
        if nodes > root_limit(block_size) {
            return Err(Unfit::DirectoryTooLarge);
        }
        Ok(Self { block_size, entries, leaves, nodes })
    }

    /// How many blocks the directory has.
    pub fn blocks(&self) -> u64 {
        u64_of(1 + self.nodes + self.leaves.len())
    }

    /// The directory's blocks in their order: root, nodes, leaves.
    pub fn write<E>(
        &self,
        family: Family,
        seed: InodeSeed,
        mut put: impl FnMut(Vec<u8>) -> Result<(), E>,
    ) -> Result<(), E> {
        let first_leaf = 1 + self.nodes;
        let children = |leaves: Range<usize>| {
            let child = move |index: usize| self.child(self.leaves[index].hash, first_leaf + index);
            leaves.map(child).collect::<Vec<_>>()
        };
        let limit = node_limit(self.block_size);
        let groups: Vec<Range<usize>> =
            (0..self.nodes).map(|node| node * limit..((node + 1) * limit).min(self.leaves.len())).collect();
        let top = if groups.is_empty() {
            children(0..self.leaves.len())
        } else {
            groups
                .iter()
                .enumerate()
                .map(|(node, leaves)| self.child(self.leaves[leaves.start].hash, 1 + node))
                .collect()
        };
        put(self.root(family, &top, seed))?;
        for leaves in groups {
            put(self.node(&children(leaves), seed))?;
        }
        for leaf in &self.leaves {
            let entries = self.entries[leaf.entries.clone()].iter().map(|(_, entry)| *entry);
            put(leaf_block(entries, self.block_size, seed))?;
        }
        Ok(())
    }

    /// A child whose block is the `block`th of the directory.
    fn child(&self, hash: u32, block: usize) -> DxEntry {
        // Two levels of at most 510 children each: the number fits.
        DxEntry { hash: U32::new(hash), block: U32::new(u32::try_from(block).unwrap_or(u32::MAX)) }
    }

    fn root(&self, family: Family, children: &[DxEntry], seed: InodeSeed) -> Vec<u8> {
        let mut block = vec![0; usize_of(self.block_size.bytes())];
        let [dot, dots] = family.entries();
        put_entry(&mut block, &dot, DOT_SIZE);
        put_entry(&mut block[DOT_SIZE..], &dots, usize_of(self.block_size.bytes()) - DOT_SIZE);
        let mut info = DxRootInfo::new_zeroed();
        info.hash_version = HASH_HALF_MD4;
        info.info_length = 8;
        info.indirect_levels = u8::from(self.nodes > 0);
        block[DX_ROOT_ENTRIES - size_of::<DxRootInfo>()..DX_ROOT_ENTRIES].copy_from_slice(info.as_bytes());
        put_children(&mut block, DX_ROOT_ENTRIES, children, seed);
        block
    }

    fn node(&self, children: &[DxEntry], seed: InodeSeed) -> Vec<u8> {
        let mut block = vec![0; usize_of(self.block_size.bytes())];
        // To who does not know hash trees the node is one free entry.
        let rec_len = low_u16(self.block_size.bytes());
        block[4..6].copy_from_slice(&rec_len.to_le_bytes());
        put_children(&mut block, DX_NODE_ENTRIES, children, seed);
        block
    }
}

/// Fills leaves of `room` bytes one after the other.
fn divide(entries: &[(NameHash, Entry<'_>)], room: usize) -> Vec<Leaf> {
    let mut leaves: Vec<Leaf> = Vec::new();
    let mut left = 0;
    for (index, (hash, entry)) in entries.iter().enumerate() {
        match leaves.last_mut() {
            Some(leaf) if entry.size() <= left => leaf.entries.end = index + 1,
            last => {
                let before = last.map(|leaf| leaf.entries.end - 1);
                let continues = before.is_some_and(|before| entries[before].0.major == hash.major);
                leaves.push(Leaf { hash: hash.major | u32::from(continues), entries: index..index + 1 });
                left = room;
            }
        }
        left -= entry.size();
    }
    leaves
}

/// Children of the root.
fn root_limit(block_size: BlockSize) -> usize {
    (usize_of(block_size.bytes()) - DX_ROOT_ENTRIES - DX_TAIL_SIZE) / DX_ENTRY_SIZE
}

/// Children of another node.
fn node_limit(block_size: BlockSize) -> usize {
    (usize_of(block_size.bytes()) - DX_NODE_ENTRIES - DX_TAIL_SIZE) / DX_ENTRY_SIZE
}

/// Writes the children from byte `start` of a node, with count, limit and checksum.
fn put_children(block: &mut [u8], start: usize, children: &[DxEntry], seed: InodeSeed) {
    let limit = (block.len() - start - DX_TAIL_SIZE) / DX_ENTRY_SIZE;
    let end = start + children.len() * DX_ENTRY_SIZE;
    block[start..end].copy_from_slice(children.as_bytes());
    let count = DxCountLimit {
        limit: U16::new(low_u16(u64_of(limit))),
        count: U16::new(low_u16(u64_of(children.len()))),
    };
    // The first child's hash is never compared; its place holds the counts.
    block[start..start + size_of::<DxCountLimit>()].copy_from_slice(count.as_bytes());
    let mut tail = DxTail::new_zeroed();
    tail.dt_checksum = U32::new(seed.hash_node(block, end));
    let tail_at = start + limit * DX_ENTRY_SIZE;
    block[tail_at..tail_at + DX_TAIL_SIZE].copy_from_slice(tail.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::block::InodeNumber;
    use crate::fs::ext4::checksum::ChecksumSeed;

    fn tree(names: &[String], block_size: BlockSize) -> Result<HashTree<'_>, Unfit> {
        let mut entries = Vec::new();
        for name in names {
            entries.push(Entry { name: name.as_bytes(), inode: InodeNumber(12), file_type: 1 });
        }
        HashTree::new(entries, seed(), block_size)
    }

    fn seed() -> HashSeed {
        HashSeed::from_words([1, 2, 3, 4])
    }

    fn names(count: usize, len: usize) -> Vec<String> {
        (0..count).map(|number| format!("{number:0len$}")).collect()
    }

    #[test]
    fn limits_are_those_of_the_kernel() {
        assert_eq!((root_limit(BlockSize::B4096), node_limit(BlockSize::B4096)), (507, 510));
        assert_eq!((root_limit(BlockSize::B1024), node_limit(BlockSize::B1024)), (123, 126));
    }

    #[test]
    fn as_many_blocks_are_written_as_were_counted() {
        // 36 entries of 28 bytes to a leaf, 126 leaves to a node.
        for (count, len, nodes) in [(100, 20, 0), (10_000, 20, 3), (100_000, 20, 23)] {
            let names = names(count, len);
            let tree = tree(&names, BlockSize::B1024).unwrap();
            assert_eq!(tree.nodes, nodes, "{count} names");
            let mut written = 0;
            let family = Family { own: InodeNumber(2), parent: InodeNumber(2) };
            let inode_seed = ChecksumSeed::from_stored(0).inode(family.own, 0);
            tree.write(family, inode_seed, |block| {
                assert_eq!(block.len(), 1024);
                written += 1;
                Ok::<(), ()>(())
            })
            .unwrap();
            assert_eq!(written, tree.blocks());
        }
    }

    #[test]
    fn leaves_ascend_and_a_hash_that_continues_is_marked() {
        let hash = |major| NameHash { major, minor: 0 };
        let entry = Entry { name: &[b'n'; 92], inode: InodeNumber(12), file_type: 1 };
        let entries: Vec<_> = [2, 4, 4, 4, 6].map(|major| (hash(major), entry)).into();
        let leaves = divide(&entries, 200);
        let found: Vec<_> = leaves.iter().map(|leaf| (leaf.hash, leaf.entries.clone())).collect();
        assert_eq!(found, [(2, 0..2), (5, 2..4), (6, 4..5)]);
    }

    #[test]
    fn what_two_levels_cannot_hold_is_refused() {
        // 123 × 126 leaves of three such names each, and one more.
        let names = names(123 * 126 * 3 + 1, 250);
        assert_eq!(tree(&names, BlockSize::B1024).unwrap_err(), Unfit::DirectoryTooLarge);
    }
}
