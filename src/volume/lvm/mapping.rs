//! A logical volume as a Block: pieces that follow each other, each a Block of its own.

use std::sync::Arc;

use crate::units::{ByteRange, SectorSize, u64_of, usize_of};
use crate::volume::{Block, BlockError};

/// A logical volume.
#[derive(Clone)]
pub struct LogicalBlock {
    /// The segments with their first byte in the volume, in order.
    pieces: Vec<(u64, Arc<dyn Block>)>,
    len: u64,
}

impl std::fmt::Debug for LogicalBlock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LogicalBlock").field("pieces", &self.pieces.len()).field("len", &self.len).finish()
    }
}

impl LogicalBlock {
    /// The volume that `segments` make, one after the other.
    pub(super) fn new(segments: Vec<Arc<dyn Block>>) -> Self {
        let mut len = 0;
        let mut pieces = Vec::new();
        for segment in segments {
            pieces.push((len, segment.clone()));
            len += segment.len();
        }
        Self { pieces, len }
    }

    /// Calls `act` for each piece that `len` bytes from `offset` touch: with its Block, the offset in it,
    /// and the distance from `offset` with the count of bytes.
    fn each(
        &self,
        offset: u64,
        len: u64,
        mut act: impl FnMut(&dyn Block, u64, ByteRange) -> Result<(), BlockError>,
    ) -> Result<(), BlockError> {
        let out_of_range = || BlockError::out_of_range("the logical volume", offset, len, self.len);
        let end = offset.checked_add(len).filter(|end| *end <= self.len).ok_or_else(out_of_range)?;
        for (start, piece) in &self.pieces {
            let (from, to) = (offset.max(*start), end.min(start + piece.len()));
            if from < to {
                let part = ByteRange::new(from - offset, to - from).ok_or_else(out_of_range)?;
                act(piece, from - start, part)?;
            }
        }
        Ok(())
    }
}

impl Block for LogicalBlock {
    fn len(&self) -> u64 {
        self.len
    }

    fn sector_size(&self) -> SectorSize {
        self.pieces.iter().map(|(_, piece)| piece.sector_size()).max().unwrap_or_default()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.each(offset, u64_of(buffer.len()), |piece, at, part| {
            piece.read_at(&mut buffer[usize_of(part.start())..usize_of(part.end())], at)
        })
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.each(offset, u64_of(data.len()), |piece, at, part| {
            piece.write_at(&data[usize_of(part.start())..usize_of(part.end())], at)
        })
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        self.each(range.start(), range.len(), |piece, at, part| match ByteRange::new(at, part.len()) {
            Some(range) => piece.zero_range(range),
            None => Err(BlockError::out_of_range("the logical volume", at, part.len(), self.len)),
        })
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.pieces.iter().try_for_each(|(_, piece)| piece.flush())
    }

    fn copy_from(&self, source: &std::fs::File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        self.each(offset, range.len(), |piece, at, part| {
            match ByteRange::new(range.start() + part.start(), part.len()) {
                Some(range) => piece.copy_from(source, range, at),
                None => Err(BlockError::out_of_range("the source", range.start(), range.len(), u64::MAX)),
            }
        })
    }
}
