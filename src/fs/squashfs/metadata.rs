//! Writing metadata: bytes one after the other, cut into blocks of 8 KiB that are compressed.

use std::cell::RefCell;

use super::cache::MetadataCache;
use super::compressor::Compressor;
use super::error::SquashfsError;
use super::format::{Form, METADATA_RAW, METADATA_SIZE, MetadataRef};
use super::options::Options;
use super::output::Output;
use crate::units::{low_u16, u64_of};

/// What makes blocks of the metadata of all tables: they are compressed, or were in a build before.
pub(super) struct MetadataPacker {
    /// Tables grow side by side, so each of them holds on to this.
    means: RefCell<Means>,
}

struct Means {
    compressor: Compressor,
    /// `None` without a cache.
    cache: Option<MetadataCache>,
    buffer: Vec<u8>,
}

impl MetadataPacker {
    /// For one build.
    pub(super) fn new(options: &Options, cache: Option<MetadataCache>) -> Result<Self, SquashfsError> {
        let compressor = Compressor::new(options.compression, options.block_size)?;
        Ok(Self { means: RefCell::new(Means { compressor, cache, buffer: Vec::new() }) })
    }

    /// Adds `block` to `stored`, with the header that says how long it is.
    fn pack(&self, block: &[u8], stored: &mut Vec<u8>) -> Result<(), SquashfsError> {
        let Means { compressor, cache, buffer } = &mut *self.means.borrow_mut();
        let form = match cache {
            Some(cache) => cache.take(block, buffer, |out| compressor.compress(block, out))?,
            None => compressor.compress(block, buffer)?,
        };
        // At most 8 KiB.
        let len = low_u16(u64_of(buffer.len()));
        let header = match form {
            Form::Compressed => len,
            Form::Raw => len | METADATA_RAW,
        };
        stored.extend_from_slice(&header.to_le_bytes());
        stored.extend_from_slice(buffer);
        Ok(())
    }

    /// What is to be kept for the next build.
    pub(super) fn into_cache(self) -> Option<MetadataCache> {
        self.means.into_inner().cache
    }
}

/// Metadata as they grow. The compressed blocks stay in memory: a hundredth part of what they describe.
pub(super) struct MetadataWriter<'p> {
    packer: &'p MetadataPacker,
    /// Blocks that are complete, as they will be stored.
    stored: Vec<u8>,
    /// Where each of them begins in `stored`.
    starts: Vec<u64>,
    /// The block that is being filled.
    pending: Vec<u8>,
}

impl<'p> MetadataWriter<'p> {
    /// Nothing written yet.
    pub(super) fn new(packer: &'p MetadataPacker) -> Self {
        Self { packer, stored: Vec::new(), starts: Vec::new(), pending: Vec::with_capacity(METADATA_SIZE) }
    }

    /// Where the next byte goes.
    pub(super) fn position(&self) -> MetadataRef {
        // The pending block is never full.
        MetadataRef::new(u64_of(self.stored.len()), low_u16(u64_of(self.pending.len())))
    }

    /// Adds `bytes`.
    pub(super) fn put(&mut self, mut bytes: &[u8]) -> Result<(), SquashfsError> {
        while !bytes.is_empty() {
            let room = METADATA_SIZE - self.pending.len();
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.pending.extend_from_slice(now);
            bytes = later;
            if self.pending.len() == METADATA_SIZE {
                self.close()?;
            }
        }
        Ok(())
    }

    fn close(&mut self) -> Result<(), SquashfsError> {
        if self.pending.is_empty() {
            return Ok(());
        }
        self.starts.push(u64_of(self.stored.len()));
        self.packer.pack(&self.pending, &mut self.stored)?;
        self.pending.clear();
        Ok(())
    }

    /// Stores all of it in `output`; where it begins.
    pub(super) fn finish(mut self, output: &mut Output<'_>) -> Result<u64, SquashfsError> {
        self.close()?;
        output.put(&self.stored)
    }

    /// Stores all of it in `output`, and behind it `header` and the list of where its blocks are; where the
    /// header is. The header is made from where the metadata begin.
    pub(super) fn finish_table(
        mut self,
        output: &mut Output<'_>,
        header: &[u8],
    ) -> Result<u64, SquashfsError> {
        self.close()?;
        let first = output.put(&self.stored)?;
        let start = output.put(header)?;
        let list: Vec<u8> = self.starts.iter().flat_map(|start| (first + start).to_le_bytes()).collect();
        output.put(&list)?;
        Ok(start)
    }
}
