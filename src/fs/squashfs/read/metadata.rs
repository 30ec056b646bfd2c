//! Reading metadata: blocks of 8 KiB as one stream of bytes.

use std::sync::{Arc, PoisonError};

use zerocopy::{FromZeros, IntoBytes};

use super::super::compressor::decompress;
use super::super::error::{Place, SquashfsError};
use super::super::format::{METADATA_RAW, METADATA_SIZE, MetadataRef};
use super::{Reader, corrupt};
use crate::units::u64_of;
use crate::volume::Block;

/// A metadata block.
#[derive(Clone, Debug)]
pub(super) struct Decoded {
    bytes: Arc<[u8]>,
    /// Where the next block begins, in bytes from the start of the volume.
    next: u64,
}

/// A place in metadata from which bytes are read one after the other.
pub(in crate::fs::squashfs) struct Cursor<'r, B> {
    reader: &'r Reader<B>,
    block: Decoded,
    /// Where the block begins.
    start: u64,
    at: usize,
    /// Where the table ends.
    end: u64,
}

impl<B: Block> Reader<B> {
    /// A cursor at `place` of the table that lies from `start` to `end`.
    pub(super) fn cursor(
        &self,
        place: MetadataRef,
        start: u64,
        end: u64,
    ) -> Result<Cursor<'_, B>, SquashfsError> {
        let start = start.saturating_add(place.block());
        let block = self.metadata_block(start, end)?;
        let at = usize::from(place.offset());
        if at > block.bytes.len() {
            return Err(corrupt(Place::Metadata(start), "something is said to be behind its end"));
        }
        Ok(Cursor { reader: self, block, start, at, end })
    }

    /// The metadata block at byte `start` of the volume, in a table that ends at `end`.
    fn metadata_block(&self, start: u64, end: u64) -> Result<Decoded, SquashfsError> {
        let wrong = |what: String| corrupt(Place::Metadata(start), what);
        let data = start.checked_add(2).filter(|data| *data <= end);
        let data = data.ok_or_else(|| wrong("it is behind the end of its table".to_owned()))?;
        let cached = self.metadata.lock().unwrap_or_else(PoisonError::into_inner).get(start);
        if let Some(block) = cached {
            return Ok(block);
        }
        let mut header = [0; 2];
        self.block.read_at(&mut header, start)?;
        let header = u16::from_le_bytes(header);
        let len = usize::from(header & !METADATA_RAW);
        let next = data.saturating_add(u64_of(len));
        if len == 0 || len > METADATA_SIZE || next > end {
            return Err(wrong(format!("{len} bytes is impossible for its length")));
        }
        let mut stored = vec![0; len];
        self.block.read_at(&mut stored, data)?;
        let bytes: Arc<[u8]> = if header & METADATA_RAW != 0 {
            stored.into()
        } else {
            let mut bytes = vec![0; METADATA_SIZE];
            let len = decompress(self.algorithm, &stored, &mut bytes).map_err(wrong)?;
            bytes.truncate(len);
            bytes.into()
        };
        let block = Decoded { bytes, next };
        let mut cache = self.metadata.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(start, METADATA_SIZE, block.clone());
        Ok(block)
    }
}

impl<B: Block> Cursor<'_, B> {
    /// Fills `buffer` with what comes next.
    pub(super) fn fill(&mut self, mut buffer: &mut [u8]) -> Result<(), SquashfsError> {
        while !buffer.is_empty() {
            let rest = self.block.bytes.get(self.at..).unwrap_or_default();
            if rest.is_empty() {
                // Only the last block of a table is shorter than others.
                if self.block.bytes.len() != METADATA_SIZE {
                    return Err(corrupt(Place::Metadata(self.start), "it ends too early"));
                }
                self.start = self.block.next;
                self.block = self.reader.metadata_block(self.start, self.end)?;
                self.at = 0;
                continue;
            }
            let len = rest.len().min(buffer.len());
            let (now, later) = buffer.split_at_mut(len);
            now.copy_from_slice(&rest[..len]);
            buffer = later;
            self.at += len;
        }
        Ok(())
    }

    /// The fields that come next.
    pub(super) fn take<T: FromZeros + IntoBytes + zerocopy::FromBytes>(
        &mut self,
    ) -> Result<T, SquashfsError> {
        let mut fields = T::new_zeroed();
        self.fill(fields.as_mut_bytes())?;
        Ok(fields)
    }

    /// The `len` bytes that come next.
    pub(super) fn bytes(&mut self, len: usize) -> Result<Vec<u8>, SquashfsError> {
        let mut bytes = vec![0; len];
        self.fill(&mut bytes)?;
        Ok(bytes)
    }

    /// Where the next byte comes from, in a table that begins at `start`.
    pub(super) fn place(&self, start: u64) -> MetadataRef {
        // At most 8192.
        MetadataRef::new(self.start.saturating_sub(start), u16::try_from(self.at).unwrap_or(u16::MAX))
    }
}
