//! Direct I/O on a disk: writes are gathered into whole pieces, and each page that goes out leaves its checksum.
//!
//! A file system's writer emits many small ranges, mostly one after the other. Through the kernel's cache each of
//! them costs pages that nobody reads again, and what is read back comes from memory. Here they are put together in
//! a bounded number of pieces; a piece that is full goes to the disk at once, the oldest when there are too many.
//!
//! ```text
//! write_at ─▶ piece (1 MiB, 256 pages) ─▶ disk, O_DIRECT
//!                     └─▶ checksum of each page ─▶ differing_page: read again, compared
//! ```

use std::collections::{BTreeMap, VecDeque};
use std::fs::File;
use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use nix::fcntl::{FcntlArg, OFlag, fcntl};

use super::pages::{PAGE, PIECE, PageSet, Pages, offset_of};
use super::written::{Sums, Written, checksum, checksums};
use crate::error::IoError;
use crate::parallel::{on_threads, threads};
use crate::units::{ByteRange, ByteSize, u64_of, usize_of};
use crate::volume::BlockError;

/// Pieces that are kept until they are full: as many MiB of memory.
const PIECES: usize = 24;

/// Threads that read back, at the most: more do not make a disk faster. 4 is not zero.
const READERS: NonZeroUsize = NonZeroUsize::new(4).expect("a positive constant");

/// A disk whose writes are gathered.
pub(super) struct Gather {
    file: File,
    path: PathBuf,
    len: u64,
    /// Whether every page that was not written is known to be zero.
    blank: AtomicBool,
    open: Mutex<Open>,
    written: Mutex<Written>,
}

/// The pieces that are not full yet.
#[derive(Default)]
struct Open {
    pieces: BTreeMap<u64, Arc<Mutex<Piece>>>,
    /// Their starts, the oldest first.
    order: VecDeque<u64>,
    /// Memory of pieces that are gone, to be used again.
    spare: Vec<Pages>,
}

impl Open {
    /// Memory for a piece: making and clearing it anew for each small read would cost more than the read.
    fn take_spare(&mut self) -> Pages {
        self.spare.pop().unwrap_or_else(Pages::new)
    }
}

/// A part of the disk in memory.
struct Piece {
    start: u64,
    /// Empty once it is gone.
    pages: Option<Pages>,
    /// Pages that hold what is on the disk, or what is to be.
    known: PageSet,
    /// Pages that are not on the disk yet.
    dirty: PageSet,
}

impl std::fmt::Debug for Gather {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Gather").field("path", &self.path).field("len", &self.len).finish_non_exhaustive()
    }
}

impl Gather {
    /// For `file` of `len` bytes, which may have been opened with `O_DIRECT`; `path` is for messages.
    pub fn new(file: File, path: &Path, len: u64) -> Self {
        Self {
            file,
            path: path.to_owned(),
            len,
            blank: AtomicBool::new(false),
            open: Mutex::default(),
            written: Mutex::default(),
        }
    }

    /// The disk.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Its size in bytes.
    pub fn len(&self) -> u64 {
        self.len
    }

    /// Fills `buffer` from `offset`.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        let range = self.range(offset, u64_of(buffer.len()))?;
        self.put_out(Some(range))?;
        let mut pages = lock(&self.open).take_spare();
        for (start, part) in pieces_of(range) {
            let (first, end) = touched(part);
            self.load(&mut pages, start, (first, end))?;
            let from = usize_of(part.start() - start);
            let to = usize_of(part.start() - offset);
            let len = usize_of(part.len());
            buffer[to..to + len].copy_from_slice(&pages.bytes()[from..from + len]);
        }
        lock(&self.open).spare.push(pages);
        Ok(())
    }

    /// Takes `data` for `offset`; what fills a piece goes to the disk.
    pub fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        let range = self.range(offset, u64_of(data.len()))?;
        for (start, part) in pieces_of(range) {
            let from = usize_of(part.start() - offset);
            self.fill(start, part, &data[from..from + usize_of(part.len())])?;
        }
        Ok(())
    }

    /// Whether `range` is known to be zero, without looking.
    pub fn is_known_zero(&self, range: ByteRange) -> bool {
        self.blank.load(Ordering::Relaxed)
            && pieces_of(range).all(|(start, _)| !lock(&self.open).pieces.contains_key(&start))
            && !lock(&self.written).reaches(range)
    }

    /// Tells that the whole pages of `range` were made zero by other means than writing. The disk's last page may be
    /// a short one.
    pub fn became_zero(&self, range: ByteRange) {
        let end = if range.end() == self.len { self.len.next_multiple_of(PAGE) } else { range.end() };
        lock(&self.written).forget(ByteRange::new(range.start(), end - range.start()).unwrap_or(range));
        if range.start() == 0 && range.end() == self.len {
            self.blank.store(true, Ordering::Relaxed);
        }
    }

    /// Puts out what was gathered in `range`, or everywhere, without waiting for the disk to keep it.
    pub fn put_out(&self, range: Option<ByteRange>) -> Result<(), BlockError> {
        let from = range.map_or(0, |range| range.start() / PIECE * PIECE);
        let to = range.map_or(self.len, ByteRange::end);
        let pieces: Vec<_> = {
            let open = lock(&self.open);
            if from < to {
                open.pieces.range(from..to).map(|(_, piece)| piece.clone()).collect()
            } else {
                Vec::new()
            }
        };
        pieces.iter().try_for_each(|piece| self.close(&mut lock(piece)))
    }

    /// Waits until everything written so far would survive a power cut.
    pub fn flush(&self) -> Result<(), BlockError> {
        self.put_out(None)?;
        self.file.sync_data().map_err(|source| IoError::new("flushing", &self.path, source).into())
    }

    /// Reads every page that was written since the last time and compares it: where the first one begins that is
    /// not what was written. `advance` is told of bytes as they are read.
    pub fn differing_page(&self, advance: &(dyn Fn(ByteSize) + Sync)) -> Result<Option<u64>, BlockError> {
        self.put_out(None)?;
        let due = lock(&self.written).take_due();
        let next = AtomicUsize::new(0);
        let work = || -> Result<Option<u64>, BlockError> {
            let mut pages = lock(&self.open).take_spare();
            while let Some((start, sums)) = due.get(next.fetch_add(1, Ordering::Relaxed)) {
                if let Some(page) = self.differing(&mut pages, *start, sums)? {
                    return Ok(Some(start + offset_of(page)));
                }
                advance(ByteSize(offset_of(sums.due.len())));
            }
            Ok(None)
        };
        let found: Result<Vec<_>, _> =
            on_threads(READERS.min(threads()), due.len(), work).into_iter().collect();
        Ok(found?.into_iter().flatten().min())
    }

    /// Bytes that [`differing_page`](Self::differing_page) would read.
    pub fn due(&self) -> ByteSize {
        lock(&self.written).due()
    }

    /// The first page of a piece that is not what was written.
    fn differing(&self, pages: &mut Pages, start: u64, sums: &Sums) -> Result<Option<usize>, BlockError> {
        for (first, end) in sums.due.runs() {
            self.load(pages, start, (first, end))?;
            let bytes = &pages.bytes()[usize_of(offset_of(first))..self.end_in(start, end)];
            let mut read = bytes.chunks(usize_of(PAGE)).zip(first..);
            if let Some((_, page)) = read.find(|(page, number)| checksum(page) != sums.of(*number)) {
                return Ok(Some(page));
            }
        }
        Ok(None)
    }

    /// Adds `data` for `part` to the piece at `start`.
    fn fill(&self, start: u64, part: ByteRange, data: &[u8]) -> Result<(), BlockError> {
        loop {
            let shared = self.piece(start)?;
            let mut piece = lock(&shared);
            // Between finding and locking it, somebody may have put it out.
            let Some(mut pages) = piece.pages.take() else { continue };
            let outcome = self.take(&mut piece, &mut pages, part, data);
            piece.pages = Some(pages);
            outcome?;
            let all = u64_of(piece.dirty.len()) * PAGE >= PIECE.min(self.len - start);
            return if all { self.close(&mut piece) } else { Ok(()) };
        }
    }

    fn take(
        &self,
        piece: &mut Piece,
        pages: &mut Pages,
        part: ByteRange,
        data: &[u8],
    ) -> Result<(), BlockError> {
        let (first, end) = touched(part);
        let from = part.start() - piece.start;
        // The first and the last page may keep some of what they hold.
        let stays = |page: usize| {
            offset_of(page) < from || self.end_in(piece.start, page + 1) > usize_of(from + part.len())
        };
        for page in [first, end - 1] {
            if stays(page) && !piece.known.contains(page) {
                self.know(pages, piece.start, page)?;
                piece.known.insert(page, page + 1);
            }
        }
        pages.bytes_mut()[usize_of(from)..][..data.len()].copy_from_slice(data);
        for set in [&mut piece.known, &mut piece.dirty] {
            set.insert(first, end);
        }
        Ok(())
    }

    /// The piece at `start`; the oldest one makes room where it is new.
    fn piece(&self, start: u64) -> Result<Arc<Mutex<Piece>>, BlockError> {
        loop {
            let oldest = {
                let mut open = lock(&self.open);
                if let Some(piece) = open.pieces.get(&start) {
                    return Ok(piece.clone());
                }
                if open.pieces.len() < PIECES {
                    let pages = Some(open.take_spare());
                    let (known, dirty) = Default::default();
                    let piece = Arc::new(Mutex::new(Piece { start, pages, known, dirty }));
                    open.pieces.insert(start, piece.clone());
                    open.order.push_back(start);
                    return Ok(piece);
                }
                // It stays the oldest until it is on the disk: what could not be written is tried, and told, again.
                open.order.front().and_then(|start| open.pieces.get(start).cloned())
            };
            if let Some(oldest) = oldest {
                self.close(&mut lock(&oldest))?;
            }
        }
    }

    /// Writes what is new in `piece` and lets it go. It can be found until it is on the disk, so that nobody reads
    /// older bytes in the meantime.
    fn close(&self, piece: &mut Piece) -> Result<(), BlockError> {
        let Some(pages) = &piece.pages else { return Ok(()) };
        for (first, end) in piece.dirty.runs() {
            let bytes = &pages.bytes()[usize_of(offset_of(first))..self.end_in(piece.start, end)];
            let offset = piece.start + offset_of(first);
            self.direct(|file| file.write_all_at(bytes, offset))
                .map_err(|source| IoError::new("writing", &self.path, source).at(offset))?;
            let sums = checksums(bytes);
            lock(&self.written).record(piece.start, first, &sums);
        }
        piece.dirty = PageSet::default();
        let mut open = lock(&self.open);
        open.pieces.remove(&piece.start);
        open.order.retain(|start| *start != piece.start);
        open.spare.extend(piece.pages.take());
        Ok(())
    }

    /// Makes `page` of the piece at `start` what it is on the disk.
    fn know(&self, pages: &mut Pages, start: u64, page: usize) -> Result<(), BlockError> {
        if self.blank.load(Ordering::Relaxed) && !lock(&self.written).contains(start, page) {
            pages.bytes_mut()[usize_of(offset_of(page))..][..usize_of(PAGE)].fill(0);
            return Ok(());
        }
        self.load(pages, start, (page, page + 1))
    }

    /// Reads pages `first` to `end` of the piece at `start`.
    fn load(&self, pages: &mut Pages, start: u64, (first, end): (usize, usize)) -> Result<(), BlockError> {
        let offset = start + offset_of(first);
        let bytes = &mut pages.bytes_mut()[usize_of(offset_of(first))..self.end_in(start, end)];
        self.direct(|file| file.read_exact_at(bytes, offset))
            .map_err(|source| IoError::new("reading", &self.path, source).at(offset).into())
    }

    /// Where page `end` begins in the piece at `start`, or where the disk ends in it.
    fn end_in(&self, start: u64, end: usize) -> usize {
        usize_of(offset_of(end).min(self.len - start))
    }

    /// Does `request`. A file system may take files for direct I/O and yet refuse some requests, such as an end
    /// that is no whole block of its own; then the rest goes through the cache.
    fn direct(&self, mut request: impl FnMut(&File) -> io::Result<()>) -> io::Result<()> {
        match request(&self.file) {
            Err(error) if error.raw_os_error() == Some(nix::libc::EINVAL) => {
                fcntl(self.file.as_fd(), FcntlArg::F_SETFL(OFlag::empty()))?;
                request(&self.file)
            }
            other => other,
        }
    }

    fn range(&self, offset: u64, len: u64) -> Result<ByteRange, BlockError> {
        ByteRange::new(offset, len)
            .filter(|range| range.end() <= self.len)
            .ok_or_else(|| BlockError::out_of_range(self.path.to_string_lossy(), offset, len, self.len))
    }
}

/// What `range` has in each piece, with the pieces' starts.
fn pieces_of(range: ByteRange) -> impl Iterator<Item = (u64, ByteRange)> {
    let first = range.start() / PIECE;
    let end = range.end().div_ceil(PIECE).max(first);
    (first..end).filter_map(move |number| {
        let start = number * PIECE;
        let from = range.start().max(start);
        let part = ByteRange::new(from, range.end().min(start + PIECE) - from)?;
        (!part.is_empty()).then_some((start, part))
    })
}

/// The pages of its piece that `part` touches: the first, and the one behind the last.
fn touched(part: ByteRange) -> (usize, usize) {
    let from = part.start() % PIECE;
    (usize_of(from / PAGE), usize_of((from + part.len()).div_ceil(PAGE)))
}

/// A thread that panicked under a lock has already said so; the disk is not used after that.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
