//! Writing a file system: data, then metadata, the superblock last.

use zerocopy::IntoBytes;

use super::cache::{Cache, CacheUse};
use super::chunks::{Chunks, Planned};
use super::digest::{self, Digests};
use super::error::SquashfsError;
use super::format::METADATA_RAW;
use super::format::superblock::Superblock;
use super::layout::Planner;
use super::metadata::MetadataPacker;
use super::options::Options;
use super::output::Output;
use super::survey::Survey;
use super::tables::Tables;
use crate::progress::Step;
use crate::tree::Tree;
use crate::units::{ByteSize, low_u16, u64_of, usize_of};
use crate::volume::Block;

/// A file system's length is a multiple of this, so that the kernel can mount it from a loop device or partition.
pub(super) const PADDING: u64 = 4096;

/// What was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file system, padding included; what the Block is longer is not used.
    pub size: ByteSize,
    /// Inodes in use.
    pub inodes: u32,
    /// What the cache was worth; `None` without one.
    pub cache: Option<CacheUse>,
}

/// Fills `block` with a Squashfs file system that holds `tree`, reporting the bytes of files to `step`.
///
/// How long it becomes is known when it is written; [`measure`](super::measure()) says how long it can become. It
/// is written from front to end, but for the superblock, which is written last, so that an interrupted run leaves
/// no file system that looks whole; the caller flushes. What was on `block` before is of no influence. A cache
/// that cannot be used is no error: `step` and the result tell of it.
///
/// # Errors
///
/// When the tree holds something that Squashfs cannot store (before the first byte is written), when a file's
/// bytes cannot be had or change meanwhile, or when `block` is too short.
pub fn write(
    tree: &Tree,
    options: &Options,
    block: &dyn Block,
    step: Step<'_>,
) -> Result<Written, SquashfsError> {
    let survey = Survey::new(tree, options)?;
    let mut cache = Cache::open(options);
    let planned = plan(&survey, options, cache.as_mut())?;
    let mut output = Output::new(block, 0);
    // Nothing of an older file system may be taken for the superblock.
    output.put(&[0; size_of::<Superblock>()])?;
    let compressor_options = options.compression.options(options.block_size);
    let header = METADATA_RAW | low_u16(u64_of(compressor_options.len()));
    output.put(&header.to_le_bytes())?;
    output.put(&compressor_options)?;
    let chunks = Chunks { survey: &survey, planned: &planned, cache: cache.as_ref(), options };
    let (stored, compressed) = chunks.put(&mut output, step)?;
    let layout = &planned.layout;
    let packer = MetadataPacker::new(options, cache.as_ref().map(|cache| cache.metadata(layout)))?;
    let tables = Tables { survey: &survey, layout, stored: &stored, options, packer: &packer };
    let superblock = tables.put(&mut output)?;
    if let (Some(cache), Some(metadata)) = (&cache, packer.into_cache()) {
        cache.keep_metadata(metadata);
    }
    let padded = output.position().next_multiple_of(PADDING);
    let padding = padded - output.position();
    output.put(&vec![0; usize_of(padding)])?;
    block.write_at(superblock.as_bytes(), 0)?;
    let cache = cache.map(|cache| {
        let problem = cache.finish();
        if let Some(problem) = &problem {
            step.note(&format!("the cache of compressed blocks is not used as it should be: {problem}"));
        }
        CacheUse { found: layout.chunks.len() - compressed, compressed, problem }
    });
    Ok(Written { size: ByteSize(padded), inodes: survey.inodes(), cache })
}

/// Decides what is stored.
fn plan(
    survey: &Survey<'_>,
    options: &Options,
    mut cache: Option<&mut Cache>,
) -> Result<Planned, SquashfsError> {
    let mut digests: Vec<Option<Digests>> = Vec::with_capacity(survey.runs.len());
    for run in &survey.runs {
        digests.push(cache.as_deref_mut().and_then(|cache| cache.digests(survey, run)));
    }
    let unknown: Vec<usize> = (0..digests.len()).filter(|run| digests[*run].is_none()).collect();
    digest::read(survey, &unknown, options, |run, found| digests[run] = Some(found))?;
    let digests: Vec<Digests> = digests.into_iter().map(Option::unwrap_or_default).collect();
    let mut planner = Planner::new(survey, options);
    for (run, digests) in survey.runs.iter().zip(&digests) {
        planner.add(&run.files, digests)?;
    }
    let layout = planner.finish();
    let kept = cache.map(|cache| cache.find(&layout));
    let kept = kept.unwrap_or_else(|| vec![None; layout.chunks.len()]);
    let mut is_new = vec![false; survey.runs.len()];
    unknown.into_iter().for_each(|run| is_new[run] = true);
    Ok(Planned { layout, digests, kept, is_new })
}
