//! Blocks that follow each other and are stored already.

use std::collections::HashMap;

use super::digest::Digest;
use super::layout::{Chunk, ChunkNumber, Piece};
use crate::units::usize_of;

/// How many places of a block are looked at: a block that is everywhere must not make this slow.
const PLACES_MAX: usize = 16;

/// Where blocks are stored.
#[derive(Debug, Default)]
pub(super) struct Sequences {
    /// Never iterated.
    places: HashMap<Digest, Vec<ChunkNumber>>,
}

impl Sequences {
    /// Takes note of a block that is stored as chunk `number`.
    pub(super) fn add(&mut self, digest: Digest, number: ChunkNumber) {
        let places = self.places.entry(digest).or_default();
        if places.len() < PLACES_MAX {
            places.push(number);
        }
    }

    /// Where `blocks` follow each other in `chunks` already; `None` when nowhere, or when there are none.
    pub(super) fn find(&self, chunks: &[Chunk], blocks: &[Piece]) -> Option<ChunkNumber> {
        let places = self.places.get(&blocks.first()?.digest)?;
        let is_here = |place: &&ChunkNumber| {
            let here = chunks.get(usize_of(place.0.into())..).unwrap_or_default();
            // Fragment blocks have digests of another kind: none of them equals a block's.
            here.len() >= blocks.len()
                && here.iter().zip(blocks).all(|(chunk, block)| chunk.digest == block.digest)
        };
        places.iter().find(is_here).copied()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Tree;

    fn piece(byte: u8) -> Piece {
        Piece { node: Tree::ROOT, index: 0, digest: Digest([byte; 32]) }
    }

    #[test]
    fn blocks_are_found_only_where_all_of_them_follow_each_other() {
        let mut sequences = Sequences::default();
        let mut chunks = Vec::new();
        for (number, byte) in (0..).zip([1, 2, 1, 3, 4]) {
            chunks.push(Chunk { digest: Digest([byte; 32]), pieces: vec![piece(byte)] });
            sequences.add(Digest([byte; 32]), ChunkNumber(number));
        }
        let find = |bytes: &[u8]| {
            sequences.find(&chunks, &bytes.iter().map(|byte| piece(*byte)).collect::<Vec<_>>())
        };
        assert_eq!(find(&[1, 2]), Some(ChunkNumber(0)));
        assert_eq!(find(&[1, 3, 4]), Some(ChunkNumber(2)));
        assert_eq!(find(&[4, 1]), None);
        assert_eq!(find(&[4, 4]), None);
        assert_eq!(find(&[]), None);
    }
}
