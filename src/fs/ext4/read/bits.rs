//! Which blocks have an owner, as a check finds them.

use super::super::bitmap::is_set;
use super::super::block::{BlockNumber, Run};
use crate::units::{u64_of, usize_of};

/// A set of blocks, one bit each.
#[derive(Debug)]
pub(super) struct BlockSet {
    bits: Vec<u8>,
}

impl BlockSet {
    /// None of `blocks` blocks.
    pub fn new(blocks: u64) -> Self {
        Self { bits: vec![0; usize_of(blocks.div_ceil(8))] }
    }

    /// Adds `run`, which is within the file system. Fails with the first block that is in the set already.
    pub fn claim(&mut self, run: Run) -> Result<(), BlockNumber> {
        for block in run.start.0..run.end().0 {
            if is_set(&self.bits, block) {
                return Err(BlockNumber(block));
            }
            self.bits[usize_of(block / 8)] |= 1 << (block % 8);
        }
        Ok(())
    }

    /// Whether `block` is in the set.
    pub fn contains(&self, block: BlockNumber) -> bool {
        block.0 / 8 < u64_of(self.bits.len()) && is_set(&self.bits, block.0)
    }
}
