//! Places for data: one after the other through the chunks.

use super::address::Logical;
use super::chunk::Chunk;
use super::extents::{Extent, Extents, Form, Joins};
use super::pieces::{Piece, Task};

/// The chunks for data and how far they are filled.
#[derive(Debug)]
pub struct DataSpace {
    /// In the order in which they are filled.
    pub chunks: Vec<Chunk>,
    /// The one being filled.
    current: usize,
    /// How many bytes of it are taken or passed over.
    filled: u64,
}

/// A stretch that was given out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Where it begins.
    pub start: Logical,
    /// How many bytes.
    pub len: u64,
    /// Whether it may continue the one before.
    pub joins: Joins,
}

impl DataSpace {
    /// Nothing taken of `chunks`.
    pub fn new(chunks: Vec<Chunk>) -> Self {
        Self { chunks, current: 0, filled: 0 }
    }

    /// Up to `len` bytes, where the next ones are; `None` when all chunks are full.
    fn up_to(&mut self, len: u64) -> Option<Place> {
        loop {
            let chunk = self.chunks.get(self.current)?;
            let len = len.min(chunk.len - self.filled);
            if len > 0 {
                return Some(self.give(len));
            }
            self.current += 1;
            self.filled = 0;
        }
    }

    /// Exactly `len` bytes; what is left of a chunk that is too short for them stays free.
    fn exactly(&mut self, len: u64) -> Option<Place> {
        while self.chunks.get(self.current)?.len - self.filled < len {
            self.current += 1;
            self.filled = 0;
        }
        Some(self.give(len))
    }

    fn give(&mut self, len: u64) -> Place {
        let start = self.chunks[self.current].start.plus(self.filled);
        let joins = if self.filled == 0 { Joins::Never } else { Joins::Possibly };
        self.filled += len;
        Place { start, len, joins }
    }

    /// Gives `piece` its place, or as many as it takes, and notes them in `extents`. `stored` are the bytes that a
    /// compressed piece has, and its method; `None` for one that is stored as it is.
    pub fn place(
        &mut self,
        piece: &Piece,
        stored: Option<(u64, u8)>,
        extents: &mut Extents,
    ) -> Result<Vec<Place>, Full> {
        let extent = |place: Place, (done, len), form| Extent {
            start: place.start,
            disk_len: place.len,
            len,
            volume: piece.volume,
            inode: piece.inode,
            offset: piece.offset + done,
            form,
            checked: piece.checked,
        };
        let form = match (piece.task, stored) {
            (_, Some((_, code))) => Form::Compressed(code),
            (Task::Plain, None) => Form::Plain,
            (Task::Preallocate, None) => Form::Preallocated,
            (Task::Compress(..) | Task::SwapHeader, None) => Form::Separate,
        };
        if let Form::Compressed(_) | Form::Separate = form {
            let place = self.exactly(stored.map_or(piece.len, |(len, _)| len)).ok_or(Full)?;
            extents.add(extent(place, (0, piece.len), form), place.joins);
            return Ok(vec![place]);
        }
        let mut places = Vec::new();
        let mut done = 0;
        while done < piece.len {
            let place = self.up_to(piece.len - done).ok_or(Full)?;
            extents.add(extent(place, (done, place.len), form), place.joins);
            places.push(place);
            done += place.len;
        }
        Ok(places)
    }

    /// Whether `piece`, stored as it is, has a place without a new chunk.
    pub fn fits(&self, piece: &Piece) -> bool {
        let filled = |index| if index == self.current { self.filled } else { 0 };
        let mut left = (self.current..self.chunks.len()).map(|index| self.chunks[index].len - filled(index));
        match piece.task {
            Task::Plain | Task::Preallocate => left.sum::<u64>() >= piece.len,
            Task::Compress(..) | Task::SwapHeader => left.any(|left| left >= piece.len),
        }
    }

    /// The chunks that are in use, the last cut behind its last byte; at least one stays. `unit` is what the length
    /// of a chunk is a multiple of on each device.
    pub fn trimmed(mut self, unit: u64) -> Vec<Chunk> {
        let used = if self.filled == 0 { self.current } else { self.current + 1 };
        self.chunks.truncate(used.max(1));
        if used == self.chunks.len()
            && self.filled > 0
            && let Some(last) = self.chunks.last_mut()
        {
            let step = unit * Chunk::data_stripes(last.profile, last.stripes.len()).max(1);
            last.len = self.filled.next_multiple_of(step).min(last.len);
        }
        self.chunks
    }
}

/// The chunks that were planned are full: the plan was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;
