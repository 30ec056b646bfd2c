//! Storing the chunks of a layout: compressed, or as they were compressed before.

use super::cache::{Cache, Kept, StoredRun, check_of};
use super::compressor::Compressor;
use super::digest::Digests;
use super::error::SquashfsError;
use super::format::StoredSize;
use super::in_order::in_order;
use super::inode::Stored;
use super::layout::{Chunk, Layout, chunk_len};
use super::load::load;
use super::options::Options;
use super::output::Output;
use super::survey::Survey;
use crate::progress::Step;
use crate::units::{low_u32, u64_of};

/// What is decided before anything is compressed.
pub(super) struct Planned {
    pub(super) layout: Layout,
    /// What the files of each run hold.
    pub(super) digests: Vec<Digests>,
    /// For each chunk where it is in the cache.
    pub(super) kept: Vec<Option<Kept>>,
    /// For each run whether its files had to be read.
    pub(super) is_new: Vec<bool>,
}

/// The chunks of a file system, to be stored.
pub(super) struct Chunks<'c, 't> {
    pub(super) survey: &'c Survey<'t>,
    pub(super) planned: &'c Planned,
    pub(super) cache: Option<&'c Cache>,
    pub(super) options: &'c Options,
}

/// A chunk that a thread takes on.
struct Job<'c> {
    chunk: &'c Chunk,
    kept: Option<Kept>,
}

/// A chunk ready to be stored.
struct Packed {
    bytes: Vec<u8>,
    size: StoredSize,
    /// Digest of the bytes, where there is a cache to keep it.
    check: [u8; 16],
    /// Whether it was compressed now.
    is_new: bool,
    /// Bytes of files in it.
    len: u64,
}

impl Chunks<'_, '_> {
    /// Stores all chunks at the end of `output`, and what is new of them in the cache; where they are, and how
    /// many had to be compressed.
    pub(super) fn put(
        &self,
        output: &mut Output<'_>,
        step: Step<'_>,
    ) -> Result<(Stored, usize), SquashfsError> {
        let jobs = self.planned.layout.chunks.iter().zip(&self.planned.kept);
        let jobs: Vec<Job<'_>> = jobs.map(|(chunk, kept)| Job { chunk, kept: *kept }).collect();
        let mut stored = Stored::default();
        let mut keeper = Keeper { chunks: self, next: 0, checks: Vec::new(), is_new: false };
        let mut compressed = 0;
        in_order(
            self.options.threads,
            &jobs,
            || Ok(Packer { chunks: self, compressor: None, plain: Vec::new() }),
            Packer::pack,
            |packed: Packed| {
                stored.starts.push(output.put(&packed.bytes)?);
                stored.sizes.push(packed.size);
                compressed += usize::from(packed.is_new);
                keeper.add(&packed, &stored, output);
                step.advance(packed.len);
                Ok(())
            },
        )?;
        keeper.keep_complete(&stored, output);
        Ok((stored, compressed))
    }
}

/// Hands each run to the cache when all of it is stored.
struct Keeper<'k, 'c, 't> {
    chunks: &'k Chunks<'c, 't>,
    /// The run that is not complete.
    next: usize,
    /// Of all chunks so far; none without a cache.
    checks: Vec<[u8; 16]>,
    /// Whether anything of the run was compressed now.
    is_new: bool,
}

impl Keeper<'_, '_, '_> {
    fn add(&mut self, packed: &Packed, stored: &Stored, output: &Output<'_>) {
        // Runs before this one that have no chunks of their own, or no more.
        let number = stored.starts.len() - 1;
        self.keep_until(number, stored, output);
        self.checks.push(packed.check);
        self.is_new |= packed.is_new;
    }

    /// All chunks are stored: so are all runs.
    fn keep_complete(&mut self, stored: &Stored, output: &Output<'_>) {
        self.keep_until(stored.starts.len(), stored, output);
    }

    /// Hands over the runs that end with chunk `end`, not included, or before.
    fn keep_until(&mut self, end: usize, stored: &Stored, output: &Output<'_>) {
        let Planned { layout, digests, is_new, .. } = self.chunks.planned;
        let Some(cache) = self.chunks.cache else { return };
        while let Some(start) = layout.run_starts.get(self.next) {
            let run_end = layout.run_starts.get(self.next + 1).copied().unwrap_or(layout.chunks.len());
            if run_end > end {
                return;
            }
            let run = &self.chunks.survey.runs[self.next];
            if self.is_new || is_new[self.next] && run.identity.is_some() {
                let own = *start..run_end;
                let stored_run = StoredRun {
                    run,
                    pieces: &digests[self.next],
                    chunks: &layout.chunks[own.clone()],
                    start: stored.starts.get(*start).copied().unwrap_or_default(),
                    sizes: &stored.sizes[own.clone()],
                    checks: &self.checks[own],
                };
                cache.keep(self.chunks.survey, &stored_run, output.block());
            }
            self.is_new = false;
            self.next += 1;
        }
    }
}

/// What a thread needs to pack chunks.
struct Packer<'p, 'c, 't> {
    chunks: &'p Chunks<'c, 't>,
    /// Made when the first chunk is not in the cache: it takes much memory.
    compressor: Option<Compressor>,
    plain: Vec<u8>,
}

impl Packer<'_, '_, '_> {
    fn pack(&mut self, job: &Job<'_>) -> Result<Packed, SquashfsError> {
        let Chunks { survey, cache, options, .. } = self.chunks;
        let block_size = options.block_size.bytes();
        let len = chunk_len(survey, job.chunk, block_size);
        if let (Some(cache), Some(kept)) = (cache, &job.kept)
            && let Some((bytes, size)) = cache.read(kept)
        {
            return Ok(Packed { bytes, size, check: kept.check(), is_new: false, len });
        }
        load(survey.tree, job.chunk, block_size, &mut self.plain)?;
        let compressor = match &mut self.compressor {
            Some(compressor) => compressor,
            None => self.compressor.insert(Compressor::new(options.compression, options.block_size)?),
        };
        let mut bytes = Vec::new();
        let form = compressor.compress(&self.plain, &mut bytes)?;
        // What waits for its turn takes no more memory than it needs.
        bytes.shrink_to_fit();
        let size = StoredSize::new(low_u32(u64_of(bytes.len())), form);
        let check = if cache.is_some() { check_of(&bytes) } else { [0; 16] };
        Ok(Packed { bytes, size, check, is_new: true, len })
    }
}
