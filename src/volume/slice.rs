//! A part of another Block: a partition, or any area that has an owner of its own.

use std::fs::File;

use super::{Block, BlockError, check_range};
use crate::units::{ByteRange, SectorSize, u64_of};

/// A range of another Block, seen as a Block from offset 0.
#[derive(Clone, Debug)]
pub struct SliceBlock<B> {
    inner: B,
    range: ByteRange,
}

impl<B: Block> SliceBlock<B> {
    /// The bytes `range` of `inner`; fails when they are not all there.
    pub fn new(inner: B, range: ByteRange) -> Result<Self, BlockError> {
        check_range("the block below", range.start(), range.len(), inner.len())?;
        Ok(Self { inner, range })
    }

    fn check(&self, offset: u64, len: u64) -> Result<u64, BlockError> {
        check_range("the partition", offset, len, self.range.len())?;
        Ok(self.range.start() + offset)
    }
}

impl<B: Block> Block for SliceBlock<B> {
    fn len(&self) -> u64 {
        self.range.len()
    }

    fn sector_size(&self) -> SectorSize {
        self.inner.sector_size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        let offset = self.check(offset, u64_of(buffer.len()))?;
        self.inner.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        let offset = self.check(offset, u64_of(data.len()))?;
        self.inner.write_at(data, offset)
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        let offset = self.check(range.start(), range.len())?;
        let range = ByteRange::new(offset, range.len()).ok_or_else(|| {
            BlockError::out_of_range("the partition", offset, range.len(), self.range.len())
        })?;
        self.inner.zero_range(range)
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.inner.flush()
    }

    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        let offset = self.check(offset, range.len())?;
        self.inner.copy_from(source, range, offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::volume::MemoryBlock;

    #[test]
    fn a_slice_cannot_reach_its_neighbours() {
        let disk = MemoryBlock::new(4096, SectorSize::S512);
        let slice = SliceBlock::new(&disk, ByteRange::new(1024, 512).unwrap()).unwrap();
        slice.write_at(&[1; 512], 0).unwrap();
        assert!(slice.write_at(&[1; 2], 511).is_err());
        assert!(slice.zero_range(ByteRange::new(0, 513).unwrap()).is_err());
        let mut bytes = [9; 514];
        disk.read_at(&mut bytes, 1023).unwrap();
        assert_eq!((bytes[0], bytes[1], bytes[512], bytes[513]), (0, 1, 1, 0));
    }

    #[test]
    fn a_slice_past_the_end_is_refused() {
        let disk = MemoryBlock::new(4096, SectorSize::S512);
        assert!(SliceBlock::new(&disk, ByteRange::new(4096, 512).unwrap()).is_err());
    }
}
