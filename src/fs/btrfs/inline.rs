//! The bytes of small files, which lie beside their inodes: read ahead by threads of their own.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use super::error::BtrfsError;
use super::inode::Inline;
use super::survey::Survey;
use crate::tree::{ContentError, Kind};
use crate::units::usize_of;

/// Bytes of small files that are handed over at a time.
const BATCH_BYTES: usize = 256 << 10;
/// Threads that read batches in turn: to open a file takes longer than to make its items.
const READERS: usize = 2;
/// Batches of each that may wait: 8 MiB of both, read while larger files are copied.
const BATCHES: usize = 16;

/// A small file in its batch.
struct Small {
    /// Its subvolume's place among all volumes.
    volume: usize,
    /// Its inode's place there.
    inode: usize,
    /// Where it ends in the batch.
    end: usize,
}

/// Small files one behind the other.
#[derive(Default)]
struct Batch {
    bytes: Vec<u8>,
    files: Vec<Small>,
}

/// Hands out what the other threads have read.
pub struct InlineReader {
    readers: [Receiver<Result<Batch, BtrfsError>>; READERS],
    /// Whose batch comes next.
    turn: usize,
    batch: Batch,
    /// The next file of the batch, and where it begins.
    next: (usize, usize),
}

impl InlineReader {
    /// Calls `use_it` with a reader of the small files of all `surveys`, which must be asked for in their order; reading
    /// them begins at once.
    pub fn with<R>(
        surveys: &[Survey<'_>],
        use_it: impl FnOnce(&mut Self) -> Result<R, BtrfsError>,
    ) -> Result<R, BtrfsError> {
        std::thread::scope(|scope| {
            let readers = std::array::from_fn(|reader| {
                let (sender, batches) = sync_channel(BATCHES);
                scope.spawn(move || read_batches(surveys, reader, &sender));
                batches
            });
            let mut reader = Self { readers, turn: 0, batch: Batch::default(), next: (0, 0) };
            // The receivers go before the scope ends, so that the threads do not wait for them.
            let result = use_it(&mut reader);
            drop(reader);
            result
        })
    }
}

/// Reads the batches that are `reader`'s, one of [`READERS`]. Where they end follows from the lengths of files alone.
fn read_batches(surveys: &[Survey<'_>], reader: usize, sender: &SyncSender<Result<Batch, BtrfsError>>) {
    let mut turn = 0;
    let mut files: Vec<Small> = Vec::new();
    let small = surveys.iter().enumerate().flat_map(|(volume, survey)| {
        let inline = (0..survey.inodes.len()).filter(|inode| survey.is_inline(*inode));
        inline.map(move |inode| (volume, inode, usize_of(survey.file_len(inode))))
    });
    let mut small = small.peekable();
    while let Some((volume, inode, len)) = small.next() {
        let end = files.last().map_or(0, |file| file.end) + len;
        files.push(Small { volume, inode, end });
        if end < BATCH_BYTES && small.peek().is_some() {
            continue;
        }
        let files = std::mem::take(&mut files);
        // Who receives no more has failed by itself.
        if turn == reader && sender.send(read(surveys, files)).is_err() {
            return;
        }
        turn = (turn + 1) % READERS;
    }
}

fn read(surveys: &[Survey<'_>], files: Vec<Small>) -> Result<Batch, BtrfsError> {
    let mut bytes = vec![0; files.last().map_or(0, |file| file.end)];
    let mut start = 0;
    for Small { volume, inode, end } in &files {
        let survey = &surveys[*volume];
        if let Some(Kind::File(content)) = survey.kind(*inode) {
            let wrong = |source| BtrfsError::Content { path: survey.path(*inode), source };
            content.open().and_then(|open| open.read_at(&mut bytes[start..*end], 0)).map_err(wrong)?;
        }
        start = *end;
    }
    Ok(Batch { bytes, files })
}

impl Inline for InlineReader {
    fn append(&mut self, place: usize, len: usize, bytes: &mut Vec<u8>) -> Result<(), BtrfsError> {
        let lost = || BtrfsError::Content {
            path: format!("inode {place}"),
            source: ContentError::Source("a file was not read when its turn came".to_owned()),
        };
        while self.next.0 == self.batch.files.len() {
            self.batch = self.readers[self.turn].recv().map_err(|_| lost())??;
            self.turn = (self.turn + 1) % READERS;
            self.next = (0, 0);
        }
        let (index, start) = self.next;
        let Small { inode, end, .. } = self.batch.files[index];
        if inode != place || end - start != len {
            return Err(lost());
        }
        bytes.extend_from_slice(&self.batch.bytes[start..end]);
        self.next = (index + 1, end);
        Ok(())
    }
}
