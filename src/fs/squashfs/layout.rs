//! What is stored, and in which order: decided from digests alone, before anything is compressed.
//!
//! - A file's whole blocks follow each other, so that its inode needs one address; so do those of files that
//!   are longer than a block to their ends. Blocks that follow each other somewhere already are not stored again,
//!   be they of the same run or of another.
//! - Files shorter than a block are gathered in fragment blocks, those of a run in blocks of their own. So the
//!   blocks of a run follow from its files alone. An equal file of the same run is not stored again; an equal
//!   fragment block is not, whoever has it.

use std::collections::HashMap;

use super::digest::{Digest, Digests};
use super::error::{SquashfsError, Unfit};
use super::fragments::{Closed, Fragments};
use super::options::Options;
use super::sequence::Sequences;
use super::survey::{Survey, content, path_of, pieces};
use crate::tree::{Content, NodeId};
use crate::units::u64_of;

/// Number of a chunk, in the order in which they are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct ChunkNumber(pub(super) u32);

/// A piece of a file, with what it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Piece {
    /// The file.
    pub(super) node: NodeId,
    /// Which of its pieces, from 0.
    pub(super) index: u32,
    /// What it holds.
    pub(super) digest: Digest,
}

/// What is compressed together: a block of a file, or a fragment block with the ends of several.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    /// Digest of what it holds, for the cache.
    pub(super) digest: Digest,
    /// What it is put together from.
    pub(super) pieces: Vec<Piece>,
}

/// Where a file is.
#[derive(Clone, Debug, Default)]
pub(super) struct Place {
    /// The chunk of its first stored block; those of the others follow.
    pub(super) first: Option<ChunkNumber>,
    /// For each block whether it is stored.
    pub(super) blocks: Blocks,
    /// Where its end is, when that is in a fragment block.
    pub(super) tail: Option<Tail>,
}

/// Which blocks of a file are stored.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) enum Blocks {
    /// None: the file is all tail.
    #[default]
    None,
    /// So many, all of them.
    All(u32),
    /// Some: the others are zeroes.
    Some(Vec<bool>),
}

/// An end of a file in a fragment block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tail {
    /// Number of the fragment block.
    pub(super) fragment: u32,
    /// Place in it, in bytes.
    pub(super) offset: u32,
}

/// Everything that is stored of files.
#[derive(Debug, Default)]
pub(super) struct Layout {
    /// In the order in which they are stored.
    pub(super) chunks: Vec<Chunk>,
    /// Where each run's chunks begin in [`chunks`](Self::chunks).
    pub(super) run_starts: Vec<usize>,
    /// The chunk of each fragment block.
    pub(super) fragments: Vec<ChunkNumber>,
    /// By the index of the node.
    places: Vec<Place>,
}

impl Layout {
    /// Where the content of file `id` is.
    pub(super) fn place(&self, id: NodeId) -> &Place {
        &self.places[id.index()]
    }
}

/// Decides about one run after the other.
pub(super) struct Planner<'s, 't> {
    survey: &'s Survey<'t>,
    block_size: u64,
    layout: Layout,
    sequences: Sequences,
    /// Fragment blocks of all runs by what they hold. Never iterated.
    known_fragments: HashMap<Digest, ChunkNumber>,
}

impl<'s, 't> Planner<'s, 't> {
    /// A planner for the runs of `survey`.
    pub(super) fn new(survey: &'s Survey<'t>, options: &Options) -> Self {
        let layout = Layout { places: vec![Place::default(); survey.tree.len()], ..Layout::default() };
        Self {
            survey,
            block_size: options.block_size.bytes(),
            layout,
            sequences: Sequences::default(),
            known_fragments: HashMap::new(),
        }
    }

    /// Decides about the next run, whose files hold `digests`.
    pub(super) fn add(&mut self, files: &[NodeId], digests: &Digests) -> Result<(), SquashfsError> {
        self.layout.run_starts.push(self.layout.chunks.len());
        let mut fragments = Fragments::new(self.block_size, self.layout.fragments.len());
        let mut rest = digests.as_slice();
        for id in files {
            let Some(content) = content(self.survey.tree, *id) else { continue };
            let (own, others) = rest.split_at(pieces(content.len(), self.block_size));
            rest = others;
            self.add_file(*id, content, own, &mut fragments)?;
        }
        match (fragments.close(), files.last()) {
            (Some(closed), Some(last)) => self.add_fragment(closed, *last),
            _ => Ok(()),
        }
    }

    /// The layout of all runs.
    pub(super) fn finish(self) -> Layout {
        self.layout
    }

    fn add_file(
        &mut self,
        id: NodeId,
        content: &Content,
        digests: &[Digest],
        fragments: &mut Fragments,
    ) -> Result<(), SquashfsError> {
        if let [digest] = digests
            && content.len() < self.block_size
            && *digest != Digest::HOLE
        {
            let piece = Piece { node: id, index: 0, digest: *digest };
            // Shorter than a block, which is at most 1 MiB.
            let len = u32::try_from(content.len()).unwrap_or(u32::MAX);
            let (tail, closed) = fragments.add(piece, len);
            self.layout.places[id.index()].tail = Some(tail);
            return closed.map_or(Ok(()), |closed| self.add_fragment(closed, id));
        }
        let stored: Vec<Piece> = (0_u32..)
            .zip(digests)
            .filter(|(_, digest)| **digest != Digest::HOLE)
            .map(|(index, digest)| Piece { node: id, index, digest: *digest })
            .collect();
        let first = match self.sequences.find(&self.layout.chunks, &stored) {
            Some(first) => Some(first),
            None => self.store(&stored)?,
        };
        let count = u32::try_from(digests.len()).map_err(|_| self.too_many(id))?;
        let blocks = match stored.len() == digests.len() {
            true => Blocks::All(count),
            false => Blocks::Some(digests.iter().map(|digest| *digest != Digest::HOLE).collect()),
        };
        self.layout.places[id.index()] = Place { first, blocks, tail: None };
        Ok(())
    }

    /// Adds chunks for blocks that follow each other; the first of them.
    fn store(&mut self, blocks: &[Piece]) -> Result<Option<ChunkNumber>, SquashfsError> {
        let mut first = None;
        for piece in blocks {
            let number = self.next(piece.node)?;
            first.get_or_insert(number);
            self.layout.chunks.push(Chunk { digest: piece.digest, pieces: vec![*piece] });
            self.sequences.add(piece.digest, number);
        }
        Ok(first)
    }

    /// Adds a fragment block that is complete. `near` is a file that it was made for.
    fn add_fragment(&mut self, closed: Closed, near: NodeId) -> Result<(), SquashfsError> {
        let digest = closed.digest();
        let number = match self.known_fragments.get(&digest) {
            Some(number) => *number,
            None => {
                let number = self.next(near)?;
                self.layout.chunks.push(Chunk { digest, pieces: closed.pieces });
                self.known_fragments.insert(digest, number);
                number
            }
        };
        // They are completed in the order of their numbers.
        debug_assert_eq!(u64_of(self.layout.fragments.len()), u64::from(closed.number));
        self.layout.fragments.push(number);
        Ok(())
    }

    fn next(&self, near: NodeId) -> Result<ChunkNumber, SquashfsError> {
        u32::try_from(self.layout.chunks.len()).map(ChunkNumber).map_err(|_| self.too_many(near))
    }

    fn too_many(&self, id: NodeId) -> SquashfsError {
        SquashfsError::Unfit { path: path_of(self.survey.tree, id), why: Unfit::TooMany }
    }
}

/// Bytes that a chunk holds.
pub(super) fn chunk_len(survey: &Survey<'_>, chunk: &Chunk, block_size: u64) -> u64 {
    let len = |piece: &Piece| {
        let content_len = content(survey.tree, piece.node).map_or(0, Content::len);
        let start = u64::from(piece.index).saturating_mul(block_size);
        content_len.saturating_sub(start).min(block_size)
    };
    chunk.pieces.iter().map(len).fold(0, u64::saturating_add).min(u64_of(usize::MAX))
}
