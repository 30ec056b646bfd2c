//! Data and fragment blocks as they are read.

use std::sync::{Arc, PoisonError};

use super::super::compressor::decompress;
use super::super::error::{Place, SquashfsError};
use super::super::format::{Form, StoredSize};
use super::{Reader, corrupt};
use crate::buffer::with_buffer;
use crate::units::{ByteRange, usize_of};
use crate::volume::Block;

/// A stored block: where, and how long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Stored {
    pub(super) start: u64,
    pub(super) size: StoredSize,
}

impl<B: Block> Reader<B> {
    /// Unpacks `stored` to the start of `output`; how many bytes that were.
    pub(super) fn unpack(&self, stored: Stored, output: &mut [u8]) -> Result<usize, SquashfsError> {
        let range = self.range(stored)?;
        let wrong = |what: String| corrupt(Place::Data(range), what);
        match stored.size.form() {
            Form::Raw => {
                let part = output.get_mut(..usize_of(range.len()));
                let part = part.ok_or_else(|| wrong("it is longer than a block".to_owned()))?;
                self.block.read_at(part, range.start())?;
                Ok(part.len())
            }
            Form::Compressed => with_buffer(usize_of(range.len()), |packed| {
                self.block.read_at(packed, range.start())?;
                decompress(self.algorithm, packed, output).map_err(wrong)
            }),
        }
    }

    /// The unpacked bytes of `stored`, kept for the next who wants them.
    pub(super) fn unpacked(&self, stored: Stored) -> Result<Arc<Vec<u8>>, SquashfsError> {
        if let Some(bytes) = self.data.lock().unwrap_or_else(PoisonError::into_inner).get(stored.start) {
            return Ok(bytes);
        }
        let mut bytes = vec![0; usize_of(self.block_size())];
        let len = self.unpack(stored, &mut bytes)?;
        bytes.truncate(len);
        let bytes = Arc::new(bytes);
        let mut cache = self.data.lock().unwrap_or_else(PoisonError::into_inner);
        cache.put(stored.start, bytes.len(), Arc::clone(&bytes));
        Ok(bytes)
    }

    /// The bytes of the volume that `stored` takes.
    pub(super) fn range(&self, stored: Stored) -> Result<ByteRange, SquashfsError> {
        let range = ByteRange::new(stored.start, stored.size.len().into());
        let range = range.filter(|range| range.end() <= self.superblock.bytes_used.get());
        let place = Place::Data(range.unwrap_or(ByteRange::empty()));
        let is_sound = stored.size.is_sound() && u64::from(stored.size.len()) <= self.block_size();
        match range {
            Some(range) if is_sound && !range.is_empty() => Ok(range),
            Some(_) => Err(corrupt(place, format!("{} is impossible for its length", stored.size.len()))),
            None => Err(corrupt(
                Place::Superblock,
                format!("a data block at byte {} is behind the end of the file system", stored.start),
            )),
        }
    }
}
