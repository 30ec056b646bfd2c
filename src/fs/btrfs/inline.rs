//! The bytes of small files, which lie beside their inodes: read ahead by a thread of its own.

use std::sync::mpsc::{Receiver, sync_channel};

use super::error::BtrfsError;
use super::inode::Inline;
use super::survey::Survey;
use crate::tree::{ContentError, Kind};

/// Bytes of small files that are handed over at a time.
const BATCH_BYTES: usize = 256 << 10;
/// Batches that may wait.
const BATCHES: usize = 4;

/// Small files one behind the other, each with its inode's place and where it ends.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    files: Vec<(usize, usize)>,
}

/// Hands out what the other thread has read.
pub struct InlineReader {
    batches: Receiver<Result<Batch, BtrfsError>>,
    batch: Batch,
    /// The next file of the batch, and where it begins.
    next: (usize, usize),
}

impl InlineReader {
    /// Calls `use_it` with a reader of the small files of `survey`, which must be asked for in their order.
    pub fn with<R: Send>(
        survey: &Survey<'_>,
        use_it: impl FnOnce(&mut Self) -> Result<R, BtrfsError>,
    ) -> Result<R, BtrfsError> {
        std::thread::scope(|scope| {
            let (sender, batches) = sync_channel(BATCHES);
            scope.spawn(move || {
                let mut batch = Batch::default();
                for place in (0..survey.inodes.len()).filter(|place| survey.is_inline(*place)) {
                    if let Err(error) = read(survey, place, &mut batch.bytes) {
                        // Who receives no more has failed by itself.
                        let _ = sender.send(Err(error));
                        return;
                    }
                    batch.files.push((place, batch.bytes.len()));
                    if batch.bytes.len() >= BATCH_BYTES
                        && sender.send(Ok(std::mem::take(&mut batch))).is_err()
                    {
                        return;
                    }
                }
                let _ = sender.send(Ok(batch));
            });
            let mut reader = Self { batches, batch: Batch::default(), next: (0, 0) };
            // The receiver goes before the scope ends, so that the thread does not wait for it.
            let result = use_it(&mut reader);
            drop(reader);
            result
        })
    }
}

impl Inline for InlineReader {
    fn append(&mut self, place: usize, len: usize, bytes: &mut Vec<u8>) -> Result<(), BtrfsError> {
        let lost = || BtrfsError::Content {
            path: format!("inode {place}"),
            source: ContentError::Source("a file was not read when its turn came".to_owned()),
        };
        while self.next.0 == self.batch.files.len() {
            self.batch = self.batches.recv().map_err(|_| lost())??;
            self.next = (0, 0);
        }
        let (index, start) = self.next;
        let (whose, end) = self.batch.files[index];
        if whose != place || end - start != len {
            return Err(lost());
        }
        bytes.extend_from_slice(&self.batch.bytes[start..end]);
        self.next = (index + 1, end);
        Ok(())
    }
}

fn read(survey: &Survey<'_>, place: usize, bytes: &mut Vec<u8>) -> Result<(), BtrfsError> {
    let Some(Kind::File(content)) = survey.kind(place) else { return Ok(()) };
    let wrong = |source| BtrfsError::Content { path: survey.path(place), source };
    let start = bytes.len();
    bytes.resize(start + crate::units::usize_of(content.len()), 0);
    content.open().and_then(|open| open.read_at(&mut bytes[start..], 0)).map_err(wrong)
}
