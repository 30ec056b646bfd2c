//! Gathering short files in fragment blocks.
//!
//! They come in the order of their names: whoever reads a tree in its order needs one block at a time.

use std::collections::HashMap;

use super::digest::Digest;
use super::layout::{Piece, Tail};

/// A fragment block that is complete.
#[derive(Debug)]
pub(super) struct Closed {
    /// Its number.
    pub(super) number: u32,
    /// What is in it, one after the other.
    pub(super) pieces: Vec<Piece>,
}

impl Closed {
    /// Digest of what the block holds: not of its bytes, but of the digests of its pieces.
    pub(super) fn digest(&self) -> Digest {
        let mut hasher = blake3::Hasher::new_derive_key("landfall squashfs fragment block");
        for piece in &self.pieces {
            hasher.update(&piece.digest.0);
        }
        Digest(*hasher.finalize().as_bytes())
    }
}

/// The fragment blocks of one run as they are filled.
#[derive(Debug)]
pub(super) struct Fragments {
    block_size: u64,
    /// Number of the block that is being filled.
    number: u32,
    /// Bytes in it.
    len: u32,
    pieces: Vec<Piece>,
    /// Files of the run by what they hold. Never iterated.
    known: HashMap<(Digest, u32), Tail>,
}

impl Fragments {
    /// No files yet; the first block gets number `next`.
    pub(super) fn new(block_size: u64, next: usize) -> Self {
        // There are fewer of them than chunks, which are counted before they are added.
        let number = u32::try_from(next).unwrap_or(u32::MAX);
        Self { block_size, number, len: 0, pieces: Vec::new(), known: HashMap::new() }
    }

    /// Finds a place for the whole of a file of `len` bytes, less than a block. A block that is full for that
    /// is given back complete.
    pub(super) fn add(&mut self, piece: Piece, len: u32) -> (Tail, Option<Closed>) {
        if let Some(tail) = self.known.get(&(piece.digest, len)) {
            return (*tail, None);
        }
        let is_full = u64::from(self.len) + u64::from(len) > self.block_size;
        let closed = if is_full { self.close() } else { None };
        let tail = Tail { fragment: self.number, offset: self.len };
        self.len += len;
        self.pieces.push(piece);
        self.known.insert((piece.digest, len), tail);
        (tail, closed)
    }

    /// The block that is being filled, if there is anything in it; the next file begins another.
    pub(super) fn close(&mut self) -> Option<Closed> {
        if self.pieces.is_empty() {
            return None;
        }
        let closed = Closed { number: self.number, pieces: std::mem::take(&mut self.pieces) };
        self.number = self.number.saturating_add(1);
        self.len = 0;
        Some(closed)
    }
}
