//! The bytes of files: copied by several threads, each to a place that was decided before.
//!
//! Small files are read into memory and go out many at a time; of large ones the kernel copies the whole
//! blocks, or shares them where source and target lie on one file system that can.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::batch::Batch;
use super::block::{BlockSize, Extent};
use super::error::Ext4Error;
use super::layout::Layout;
use super::survey::Survey;
use crate::parallel::on_threads;
use crate::progress::Step;
use crate::tree::{Content, ContentError, Kind, NodeId, OpenContent};
use crate::units::{ByteRange, usize_of};
use crate::volume::Block;

/// Files up to this size are read and gathered: to share one costs the host's file system more than to copy it, and
/// neighbours go out together.
const SMALL: u64 = 64 << 10;
/// Blocks' worth of bytes that a thread takes on at a time.
const SHARE: u64 = 8 << 20;

/// Copies the content of all files of `survey` to their places.
pub(super) fn copy(
    survey: &Survey<'_>,
    layout: &Layout,
    block: &dyn Block,
    how: Copying<'_>,
) -> Result<(), Ext4Error> {
    let tasks: Vec<Task> =
        [Task::Beside].into_iter().chain(shares(survey).into_iter().map(Task::Copy)).collect();
    let next = AtomicUsize::new(0);
    let failed = AtomicBool::new(false);
    let work = || -> Result<(), Failure> {
        let mut copier = Copier { survey, layout, block, batch: Batch::new(block, survey.block_size) };
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            if failed.load(Ordering::Relaxed) {
                return Ok(());
            }
            let outcome = match tasks.get(index) {
                Some(Task::Beside) => (how.beside)().map(|()| 0),
                Some(Task::Copy(share)) => copier.copy_share(share),
                None => return Ok(()),
            };
            match outcome {
                Ok(bytes) => how.step.advance(bytes),
                Err(error) => {
                    failed.store(true, Ordering::Relaxed);
                    return Err((index, error));
                }
            }
        }
    };
    let outcomes = on_threads(how.threads, tasks.len(), work).into_iter();
    let mut errors: Vec<Failure> = outcomes.filter_map(Result::err).collect();
    // Of several errors the one of the earliest file is told.
    errors.sort_by_key(|(index, _)| *index);
    errors.into_iter().next().map_or(Ok(()), |(_, error)| Err(error))
}

/// What a thread takes on at a time.
enum Task {
    /// The work beside the copying, first.
    Beside,
    /// These files.
    Copy(Vec<NodeId>),
}

/// The number of what failed, and why.
type Failure = (usize, Ext4Error);

/// How the bytes are copied.
#[derive(Clone, Copy)]
pub(super) struct Copying<'a> {
    /// By how many threads.
    pub threads: NonZeroUsize,
    /// Who is told.
    pub step: Step<'a>,
    /// What one of the threads does first: the rest of the file system, which is work for one.
    pub beside: &'a (dyn Fn() -> Result<(), Ext4Error> + Sync),
}

/// The files in the order of their places, divided so that each share is worth a thread's while.
fn shares(survey: &Survey<'_>) -> Vec<Vec<NodeId>> {
    let mut shares: Vec<Vec<NodeId>> = Vec::new();
    let mut room = 0;
    for id in survey.nodes() {
        let size = survey.blocks(id) * survey.block_size.bytes();
        if size == 0 || !matches!(survey.tree.node(id).kind, Kind::File(_)) {
            continue;
        }
        match shares.last_mut() {
            Some(share) if size <= room => share.push(id),
            _ => {
                shares.push(vec![id]);
                room = SHARE;
            }
        }
        room = room.saturating_sub(size);
    }
    shares
}

/// One thread's work.
struct Copier<'l, 't> {
    survey: &'l Survey<'t>,
    layout: &'l Layout,
    block: &'l dyn Block,
    batch: Batch<'l>,
}

impl Copier<'_, '_> {
    /// Copies the files of one share; how many bytes they were.
    fn copy_share(&mut self, share: &[NodeId]) -> Result<u64, Ext4Error> {
        let mut bytes = 0;
        for id in share {
            if let Kind::File(content) = &self.survey.tree.node(*id).kind {
                bytes += self
                    .copy_file(*id, content)
                    .map_err(|source| Ext4Error::Content { path: self.survey.path(*id), source })?;
            }
        }
        self.batch.flush()?;
        Ok(bytes)
    }

    fn copy_file(&mut self, id: NodeId, content: &Content) -> Result<u64, ContentError> {
        let open = content.open()?;
        let block_size = self.survey.block_size.bytes();
        let mut copied = 0;
        for extent in self.layout.map(self.survey.inode(id)).extents {
            let start = u64::from(extent.logical) * block_size;
            let end = (start + u64::from(extent.blocks) * block_size).min(content.len());
            copied += end - start;
            // Whole blocks of large extents are the kernel's; the rest is gathered.
            let whole = if end - start > SMALL { (end - start) / block_size * block_size } else { 0 };
            if whole > 0 {
                let range = range(start, whole)?;
                open.copy_to(range, self.block, extent.start.offset(self.survey.block_size))?;
            }
            self.gather(&open, range(start + whole, end - start - whole)?, *extent)?;
        }
        Ok(copied)
    }

    /// Reads `range` of a file and adds it to the batch, the last block filled up with zeroes.
    fn gather(
        &mut self,
        open: &OpenContent<'_>,
        range: ByteRange,
        extent: Extent,
    ) -> Result<(), ContentError> {
        if range.is_empty() {
            return Ok(());
        }
        let size: BlockSize = self.survey.block_size;
        let skipped = range.start() / size.bytes() - u64::from(extent.logical);
        let blocks = size.blocks_for(range.len());
        let room = self.batch.room_at(extent.start.plus(skipped), usize_of(blocks * size.bytes()))?;
        open.read_at(&mut room[..usize_of(range.len())], range.start())
    }
}

fn range(start: u64, len: u64) -> Result<ByteRange, ContentError> {
    // A file's length was below 2⁴⁴ when it was surveyed.
    ByteRange::new(start, len).ok_or_else(|| ContentError::Source("a file is too large".to_owned()))
}
