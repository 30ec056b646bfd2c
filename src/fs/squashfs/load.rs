//! Putting a chunk's bytes together from the files of a tree.

use super::digest::{Digest, piece_range};
use super::error::SquashfsError;
use super::layout::{Chunk, Piece};
use super::survey::{content, path_of};
use crate::tree::Tree;
use crate::units::usize_of;

/// Reads what `chunk` holds into `buffer`, in place of what was there. That it is what the chunk was planned
/// for is checked piece by piece: a file that changed in between must not spoil others, or the cache.
pub(super) fn load(
    tree: &Tree,
    chunk: &Chunk,
    block_size: u64,
    buffer: &mut Vec<u8>,
) -> Result<(), SquashfsError> {
    buffer.clear();
    for piece in &chunk.pieces {
        append(tree, piece, block_size, buffer)?;
    }
    Ok(())
}

fn append(tree: &Tree, piece: &Piece, block_size: u64, buffer: &mut Vec<u8>) -> Result<(), SquashfsError> {
    let path = || path_of(tree, piece.node);
    let changed = || SquashfsError::Changed { path: path() };
    let content = content(tree, piece.node).ok_or_else(changed)?;
    let range = piece_range(piece.index, content.len(), block_size).ok_or_else(changed)?;
    let start = buffer.len();
    buffer.resize(start + usize_of(range.len()), 0);
    let bytes = &mut buffer[start..];
    let error = |source| SquashfsError::Content { path: path(), source };
    content.open().map_err(error)?.read_at(bytes, range.start()).map_err(error)?;
    if Digest::of(bytes) == piece.digest { Ok(()) } else { Err(changed()) }
}
