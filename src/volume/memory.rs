//! A Block in memory: for tests, and for small file systems that go into something else.

use std::sync::{PoisonError, RwLock};

use super::{Block, BlockError, check_range};
use crate::units::{ByteRange, SectorSize, u64_of, usize_of};

/// Bytes in memory, zero at first.
#[derive(Debug)]
pub struct MemoryBlock {
    bytes: RwLock<Vec<u8>>,
    sector_size: SectorSize,
}

impl MemoryBlock {
    /// `len` zero bytes.
    pub fn new(len: u64, sector_size: SectorSize) -> Self {
        Self::from_bytes(vec![0; usize_of(len)], sector_size)
    }

    /// A Block that holds `bytes`.
    pub fn from_bytes(bytes: Vec<u8>, sector_size: SectorSize) -> Self {
        Self { bytes: RwLock::new(bytes), sector_size }
    }

    /// The bytes, the Block being done with.
    pub fn into_bytes(self) -> Vec<u8> {
        self.bytes.into_inner().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Block for MemoryBlock {
    fn len(&self) -> u64 {
        u64_of(self.bytes.read().unwrap_or_else(PoisonError::into_inner).len())
    }

    fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        let bytes = self.bytes.read().unwrap_or_else(PoisonError::into_inner);
        check_range("memory", offset, u64_of(buffer.len()), u64_of(bytes.len()))?;
        buffer.copy_from_slice(&bytes[usize_of(offset)..][..buffer.len()]);
        Ok(())
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        check_range("memory", offset, u64_of(data.len()), u64_of(bytes.len()))?;
        bytes[usize_of(offset)..][..data.len()].copy_from_slice(data);
        Ok(())
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        let mut bytes = self.bytes.write().unwrap_or_else(PoisonError::into_inner);
        check_range("memory", range.start(), range.len(), u64_of(bytes.len()))?;
        bytes[usize_of(range.start())..usize_of(range.end())].fill(0);
        Ok(())
    }

    fn flush(&self) -> Result<(), BlockError> {
        Ok(())
    }
}
