//! Writing blocks in large pieces: neighbours are gathered and go out together.

use super::block::{BlockNumber, BlockSize};
use crate::units::{u64_of, usize_of};
use crate::volume::{Block, BlockError};

/// Bytes gathered before they are written.
const BATCH_BYTES: usize = 256 << 10;

/// Gathers blocks that follow each other.
pub(super) struct Batch<'b> {
    block: &'b dyn Block,
    block_size: BlockSize,
    start: BlockNumber,
    bytes: Vec<u8>,
}

impl<'b> Batch<'b> {
    /// Nothing gathered yet.
    pub fn new(block: &'b dyn Block, block_size: BlockSize) -> Self {
        Self { block, block_size, start: BlockNumber(0), bytes: Vec::with_capacity(BATCH_BYTES) }
    }

    /// Adds whole blocks that belong at `place`.
    pub fn put(&mut self, place: BlockNumber, blocks: &[u8]) -> Result<(), BlockError> {
        self.room_at(place, blocks.len())?.copy_from_slice(blocks);
        Ok(())
    }

    /// `len` bytes, a whole number of blocks, to be filled for `place`; zero at first.
    pub fn room_at(&mut self, place: BlockNumber, len: usize) -> Result<&mut [u8], BlockError> {
        let gathered = u64_of(self.bytes.len()) / self.block_size.bytes();
        if self.start.plus(gathered) != place || self.bytes.len() + len > BATCH_BYTES {
            self.flush()?;
            self.start = place;
        }
        let at = self.bytes.len();
        self.bytes.resize(at + len, 0);
        Ok(&mut self.bytes[at..])
    }

    /// Writes what was gathered.
    pub fn flush(&mut self) -> Result<(), BlockError> {
        if !self.bytes.is_empty() {
            self.block.write_at(&self.bytes, self.start.offset(self.block_size))?;
            self.bytes.clear();
        }
        Ok(())
    }
}

/// Bytes of a block of zeroes, to be filled.
pub(super) fn empty_block(block_size: BlockSize) -> Vec<u8> {
    vec![0; usize_of(block_size.bytes())]
}
