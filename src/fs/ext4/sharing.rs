//! Blocks of extended attributes that several inodes share because they say the same.

use std::collections::{BTreeMap, HashMap};

use sha2::{Digest, Sha256};

use super::block::{BlockNumber, BlockSize};
use super::checksum::ChecksumSeed;
use super::format::xattr::REFCOUNT_MAX;
use super::xattr::XattrPlan;
use crate::tree::NodeId;

/// All blocks of attributes of a tree, and which node uses which. The blocks' bytes are not kept: they are
/// made again when they are written.
#[derive(Debug, Default)]
pub(super) struct XattrBlocks {
    /// One node that uses each block, and how many do.
    blocks: Vec<(NodeId, u32)>,
    /// The block of each node that has one.
    by_node: BTreeMap<NodeId, usize>,
    /// The block with these bytes that still takes users. Never iterated: its order reaches nothing.
    open: HashMap<[u8; 32], usize>,
}

impl XattrBlocks {
    /// Finds or makes the block for `plan` of node `id`.
    pub fn add(&mut self, id: NodeId, plan: &XattrPlan<'_>, block_size: BlockSize) {
        // Count, place and checksum are the same here for all that say the same.
        let bytes = plan.block(block_size, 0, BlockNumber(0), ChecksumSeed::from_stored(0));
        let digest = <[u8; 32]>::from(Sha256::digest(&bytes));
        let index = *self.open.entry(digest).or_insert_with(|| {
            self.blocks.push((id, 0));
            self.blocks.len() - 1
        });
        self.blocks[index].1 += 1;
        self.by_node.insert(id, index);
        if self.blocks[index].1 == REFCOUNT_MAX {
            self.open.remove(&digest);
        }
    }

    /// How many blocks there are.
    pub fn len(&self) -> usize {
        self.blocks.len()
    }

    /// Which block node `id` uses, if any, from 0.
    pub fn of(&self, id: NodeId) -> Option<usize> {
        self.by_node.get(&id).copied()
    }

    /// For each block one node that uses it, and how many do.
    pub fn iter(&self) -> impl Iterator<Item = (NodeId, u32)> {
        self.blocks.iter().copied()
    }
}
