//! The bytes of files: read, compressed and written by several threads, placed by one after the other.
//!
//! A thread takes a share of files, reads and compresses it, and hands it in. Whoever hands in the share whose turn it is
//! gives places to it and to those behind it that are ready, in their order: so places, and with them all bytes of the file
//! system, are the same for any number of threads. Writing happens outside of that order.

use std::collections::{BTreeMap, VecDeque};
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use super::btree::Root;
use super::checksum::Checksum;
use super::chunk::Chunk;
use super::compression::Compressor;
use super::csum::CsumTree;
use super::data_space::{DataSpace, Place};
use super::error::BtrfsError;
use super::extents::{Checked, Extents};
use super::format::SECTOR;
use super::metadata::{NodeWriter, Target, Written};
use super::pieces::{Piece, Task, shares};
use super::survey::{Origin, Survey};
use super::volumes::Effort;
use crate::buffer::{Appended, with_buffer};
use crate::fs::entropy::{self, looks_random};
use crate::fs::swap;
use crate::identity::Seed;
use crate::parallel::on_threads;
use crate::progress::Step;
use crate::tree::{ContentError, Kind, OpenContent};
use crate::units::{u64_of, usize_of};
use crate::volume::BlockError;

/// How many shares may be ready before their turn.
const AHEAD: usize = 16;
/// How many shares may wait for the thread that is writing.
const WAITING: usize = 8;

/// What is copied, and how.
pub struct Copying<'a> {
    /// Where files are.
    pub surveys: &'a [Survey<'a>],
    /// What is stored of them.
    pub pieces: &'a [Piece],
    /// Where it goes.
    pub target: Target<'a>,
    /// Which checksum data get.
    pub checksum: Checksum,
    /// Where identities of swap files come from.
    pub seed: Seed,
    /// How many threads.
    pub threads: NonZeroUsize,
    /// Who is told.
    pub step: Step<'a>,
}

/// What came of it.
pub struct Copied {
    /// Where everything is.
    pub extents: Extents,
    /// The chunks for data with how far they are filled.
    pub space: DataSpace,
    /// The tree of checksums.
    pub csums: Root,
    /// Its nodes.
    pub csum_nodes: Vec<Written>,
}

/// A piece that was read.
struct Read {
    piece: Piece,
    /// Its bytes in the share's buffer.
    bytes: Range<usize>,
    /// Its checksums among those of the share.
    sums: Range<usize>,
    /// The method, when it was compressed.
    code: Option<u8>,
}

/// A share that was read.
#[derive(Default)]
struct Ready {
    read: Vec<Read>,
    bytes: Appended,
    sums: Vec<u8>,
    /// Bytes of files that it stands for.
    progress: u64,
    /// Where its bytes go, once it had its turn.
    places: Vec<(Place, Range<usize>)>,
}

/// Shares on their way to the disk.
#[derive(Default)]
struct Outbox {
    waiting: VecDeque<Ready>,
    /// Whether a thread is writing; it goes on until nothing waits.
    is_written: bool,
}

/// What the threads share.
struct Turns<'a> {
    /// The next share to be read.
    next: usize,
    /// The next share to get its places.
    turn: usize,
    ready: BTreeMap<usize, Ready>,
    spare: Vec<Ready>,
    space: DataSpace,
    extents: Extents,
    csums: CsumTree,
    csum_writer: NodeWriter<'a>,
    /// The first share that failed.
    failed: Option<(usize, BtrfsError)>,
}

impl Copying<'_> {
    /// Copies everything into `chunks`, and checksums into `csums`.
    pub fn copy(
        &self,
        chunks: Vec<Chunk>,
        csums: CsumTree,
        csum_writer: NodeWriter<'_>,
    ) -> Result<Copied, BtrfsError> {
        let shares = shares(self.pieces);
        let turns = Mutex::new(Turns {
            next: 0,
            turn: 0,
            ready: BTreeMap::new(),
            spare: Vec::new(),
            space: DataSpace::new(chunks),
            extents: Extents::default(),
            csums,
            csum_writer,
            failed: None,
        });
        let moved = Condvar::new();
        let outbox = Mutex::default();
        on_threads(self.threads, shares.len(), || self.work(&shares, (&turns, &outbox), &moved));
        let mut turns = turns.into_inner().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, error)) = turns.failed {
            return Err(error);
        }
        let csums = turns.csums.finish(&mut turns.csum_writer)?;
        turns.csum_writer.flush()?;
        Ok(Copied {
            extents: turns.extents,
            space: turns.space,
            csums,
            csum_nodes: turns.csum_writer.written,
        })
    }

    /// One thread's work.
    fn work(
        &self,
        shares: &[&[Piece]],
        (turns, outbox): (&Mutex<Turns<'_>>, &Mutex<Outbox>),
        moved: &Condvar,
    ) {
        let mut reader = Reader { copying: self, compressor: Compressor::new() };
        while let Some((index, mut ready)) = take(shares.len(), turns, moved) {
            let outcome = reader.read(shares[index], &mut ready);
            let done = match outcome {
                Ok(()) => {
                    let mut turns = locked(turns);
                    turns.ready.insert(index, ready);
                    self.give_places(&mut turns)
                }
                Err(error) => Err(error),
            };
            moved.notify_all();
            let written = done.and_then(|shares| self.send(shares, outbox, turns));
            if let Err(error) = written {
                let mut turns = locked(turns);
                // Of several errors the one of the earliest share is told.
                if turns.failed.as_ref().is_none_or(|(earlier, _)| index < *earlier) {
                    turns.failed = Some((index, error));
                }
                drop(turns);
                moved.notify_all();
                return;
            }
        }
    }

    /// Gives places to all shares whose turn has come; they are the caller's to write.
    fn give_places(&self, turns: &mut Turns<'_>) -> Result<Vec<Ready>, BtrfsError> {
        let mut placed = Vec::new();
        while let Some(mut ready) = turns.ready.remove(&turns.turn) {
            self.place(turns, &mut ready)?;
            placed.push(ready);
            turns.turn += 1;
        }
        Ok(placed)
    }

    fn place(&self, turns: &mut Turns<'_>, ready: &mut Ready) -> Result<(), BtrfsError> {
        for read in &ready.read {
            let stored = read.code.map(|code| (u64_of(read.bytes.len()), code));
            let places = turns.space.place(&read.piece, stored, &mut turns.extents).map_err(|_| {
                // The plan counted every piece in full, so this is a mistake of the plan.
                BlockError::out_of_range("the chunks for data", 0, read.piece.len, 0)
            })?;
            let mut sums = &ready.sums[read.sums.clone()];
            let mut at = read.bytes.start;
            for place in places {
                let (now, rest) =
                    sums.split_at((usize_of(place.len / SECTOR) * self.checksum.len()).min(sums.len()));
                sums = rest;
                if !now.is_empty() {
                    turns.csums.push(place.start, now, &mut turns.csum_writer)?;
                }
                // Of a place that is only reserved nothing is written.
                let end = (at + usize_of(place.len)).min(read.bytes.end);
                if end > at {
                    ready.places.push((place, at..end));
                }
                at = end;
            }
        }
        Ok(())
    }

    /// Writes shares that have their places, or leaves them to a thread that is writing already: the kernel lets only one
    /// at a time write to a file, and who waits for that compresses nothing.
    fn send(
        &self,
        shares: Vec<Ready>,
        outbox: &Mutex<Outbox>,
        turns: &Mutex<Turns<'_>>,
    ) -> Result<(), BtrfsError> {
        let mut open = locked(outbox);
        if open.is_written {
            if open.waiting.len() + shares.len() <= WAITING {
                open.waiting.extend(shares);
                return Ok(());
            }
            // Writing is what takes longest here, so it is done by more than one.
            drop(open);
            return self.write(shares, turns);
        }
        open.is_written = true;
        drop(open);
        let mut written = self.write(shares, turns);
        loop {
            let mut open = locked(outbox);
            let next = if written.is_ok() { open.waiting.pop_front() } else { None };
            let Some(next) = next else {
                open.is_written = false;
                return written;
            };
            drop(open);
            written = self.write(vec![next], turns);
        }
    }

    /// Writes shares that have their places, neighbours together.
    fn write(&self, shares: Vec<Ready>, turns: &Mutex<Turns<'_>>) -> Result<(), BtrfsError> {
        for mut ready in shares {
            let mut places = ready.places.drain(..).peekable();
            while let Some((place, mut bytes)) = places.next() {
                let mut end = place.start.plus(place.len);
                let follows = |(next, _): &(Place, Range<usize>), end| {
                    next.start == end && next.joins == super::extents::Joins::Possibly
                };
                while let Some((next, more)) = places.next_if(|next| follows(next, end)) {
                    end = end.plus(next.len);
                    bytes.end = more.end;
                }
                self.target.write(place.start, &ready.bytes.as_slice()[bytes])?;
            }
            drop(places);
            self.step.advance(ready.progress);
            ready.clear();
            locked(turns).spare.push(ready);
        }
        Ok(())
    }
}

impl Ready {
    fn clear(&mut self) {
        self.read.clear();
        self.bytes.clear();
        self.sums.clear();
        self.places.clear();
        self.progress = 0;
    }
}

fn append(to: &mut Appended, bytes: &[u8]) {
    to.room(bytes.len()).copy_from_slice(bytes);
    to.keep(bytes.len());
}

fn locked<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    // A thread that panicked has said so; its panic ends the scope.
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The next share to be read, with buffers for it; `None` when there is none or something failed.
fn take(count: usize, turns: &Mutex<Turns<'_>>, moved: &Condvar) -> Option<(usize, Ready)> {
    let mut turns = locked(turns);
    loop {
        if turns.failed.is_some() || turns.next == count {
            return None;
        }
        if turns.next < turns.turn + AHEAD {
            turns.next += 1;
            return Some((turns.next - 1, turns.spare.pop().unwrap_or_default()));
        }
        turns = moved.wait(turns).unwrap_or_else(PoisonError::into_inner);
    }
}

/// The file that was read last: the next piece is mostly of the same.
struct OpenFile<'a> {
    /// Its volume and inode.
    whose: (usize, usize),
    content: OpenContent<'a>,
    /// Its length.
    len: u64,
    /// Whether it says of itself that it is compressed, once somebody asked.
    is_compressed: Option<bool>,
}

impl OpenFile<'_> {
    /// Bytes of the file in `piece`, which is whole sectors.
    fn there(&self, piece: &Piece) -> u64 {
        piece.len.min(self.len.saturating_sub(piece.offset))
    }

    /// Fills `bytes` with `piece`; what lies behind the end is zero.
    fn read(&self, piece: &Piece, bytes: &mut [u8]) -> Result<(), ContentError> {
        let there = usize_of(self.there(piece));
        self.content.read_at(&mut bytes[..there], piece.offset)?;
        bytes[there..].fill(0);
        Ok(())
    }

    /// Whether the file, of which `input` is `piece`, says of itself that it is compressed.
    fn is_compressed(&mut self, piece: &Piece, input: &[u8]) -> Result<bool, ContentError> {
        if let Some(known) = self.is_compressed {
            return Ok(known);
        }
        let mut head = [0; entropy::HEAD];
        let head = if piece.offset == 0 {
            input
        } else {
            // Another thread has the beginning.
            let there = head.len().min(usize_of(self.len));
            self.content.read_at(&mut head[..there], 0)?;
            &head
        };
        let is_compressed = entropy::is_compressed(head);
        self.is_compressed = Some(is_compressed);
        Ok(is_compressed)
    }
}

/// One thread's means of reading.
struct Reader<'c, 'a> {
    copying: &'c Copying<'a>,
    compressor: Compressor,
}

impl Reader<'_, '_> {
    /// Reads and compresses the pieces of a share.
    fn read(&mut self, share: &[Piece], ready: &mut Ready) -> Result<(), BtrfsError> {
        let surveys = self.copying.surveys;
        let mut open: Option<OpenFile<'_>> = None;
        for piece in share {
            let survey = &surveys[piece.volume];
            let start = ready.bytes.as_slice().len();
            let mut code = None;
            match piece.task {
                Task::Preallocate => {}
                Task::SwapHeader => append(&mut ready.bytes, &self.swap_header(survey, piece)?),
                Task::Plain | Task::Compress(..) => {
                    let wrong = |source| BtrfsError::Content { path: survey.path(piece.inode), source };
                    let Some(Kind::File(content)) = survey.kind(piece.inode) else { continue };
                    let whose = (piece.volume, piece.inode);
                    let mut file = match open.take().filter(|file| file.whose == whose) {
                        Some(file) => file,
                        None => OpenFile {
                            whose,
                            content: content.open().map_err(wrong)?,
                            len: content.len(),
                            is_compressed: None,
                        },
                    };
                    code = self.content(&mut file, piece, ready).map_err(wrong)?;
                    ready.progress += file.there(piece);
                    open = Some(file);
                }
            }
            let bytes = start..ready.bytes.as_slice().len();
            let first = ready.sums.len();
            if piece.checked == Checked::Yes {
                self.copying.checksum.of_sectors(&ready.bytes.as_slice()[bytes.clone()], &mut ready.sums);
            }
            ready.read.push(Read { piece: *piece, bytes, sums: first..ready.sums.len(), code });
        }
        Ok(())
    }

    /// Reads a piece of `file`, and compresses it where that was asked for and saves something: then the number of the
    /// method.
    fn content(
        &mut self,
        file: &mut OpenFile<'_>,
        piece: &Piece,
        ready: &mut Ready,
    ) -> Result<Option<u8>, ContentError> {
        let len = usize_of(piece.len);
        let tried = match piece.task {
            Task::Compress(how, Effort::Always) => Some((how, Effort::Always)),
            Task::Compress(how, effort) if file.is_compressed != Some(true) => Some((how, effort)),
            _ => None,
        };
        let Some((how, effort)) = tried else {
            file.read(piece, ready.bytes.room(len))?;
            ready.bytes.keep(len);
            return Ok(None);
        };
        // Read into a buffer that stays in the core's own cache.
        with_buffer(len, |input| {
            file.read(piece, input)?;
            let is_tried = effort == Effort::Always
                || !file.is_compressed(piece, input)? && (how.gives_up_early() || !looks_random(input));
            let room = ready.bytes.room(len);
            if is_tried && let Some(len) = self.compressor.compress(how, input, room) {
                ready.bytes.keep(len);
                return Ok(Some(how.code()));
            }
            append(&mut ready.bytes, input);
            Ok(None)
        })
    }

    fn swap_header(&self, survey: &Survey<'_>, piece: &Piece) -> Result<[u8; 4096], BtrfsError> {
        let Origin::Swap(index) = survey.inodes[piece.inode].origin else { return Ok([0; 4096]) };
        let file = &survey.filling.swap_files[index];
        let label = format!("swap/{}/{}", piece.volume, file.path);
        let options = swap::Options { label: None, uuid: self.copying.seed.uuid(&label) };
        swap::header(&options, file.size)
            .map_err(|source| BtrfsError::Swap { path: file.path.to_string(), source })
    }
}
