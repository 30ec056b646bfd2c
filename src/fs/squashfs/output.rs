//! The volume as it is filled from front to end.

use super::error::SquashfsError;
use crate::units::{ByteSize, u64_of};
use crate::volume::Block;

/// What is written next to each other, and where the next goes.
pub(super) struct Output<'b> {
    block: &'b dyn Block,
    position: u64,
}

impl<'b> Output<'b> {
    /// Output to `block` that begins at byte `position`.
    pub(super) fn new(block: &'b dyn Block, position: u64) -> Self {
        Self { block, position }
    }

    /// Where the next byte goes, from the start of the volume.
    pub(super) fn position(&self) -> u64 {
        self.position
    }

    /// The volume.
    pub(super) fn block(&self) -> &'b dyn Block {
        self.block
    }

    /// Adds `bytes`; where they begin.
    pub(super) fn put(&mut self, bytes: &[u8]) -> Result<u64, SquashfsError> {
        let start = self.position;
        let available = self.block.len();
        let end = start.checked_add(u64_of(bytes.len())).filter(|end| *end <= available);
        let end = end.ok_or(SquashfsError::DoesNotFit { available: ByteSize(available) })?;
        self.block.write_at(bytes, start)?;
        self.position = end;
        Ok(start)
    }
}
