//! What is to be stored of files, cut into pieces that are read, compressed and placed one by one.

use super::compression::Compression;
use super::extents::Checked;
use super::format::{COMPRESSED_MAX, EXTENT_MAX, SECTOR};
use super::survey::{Origin, Survey};
use super::volumes::{Effort, Overwriting};
use crate::units::KIB;

/// Pieces of plain data are at most this long: what a core keeps in its own cache between reading, checking and writing.
const PLAIN_MAX: u64 = 256 * KIB;
/// Bytes of files that a thread takes on at a time, for the same reason.
const SHARE: u64 = 256 * KIB;

/// How a piece is to be stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Task {
    /// As it is.
    Plain,
    /// Compressed, if that saves something.
    Compress(Compression, Effort),
    /// The header of a swap file.
    SwapHeader,
    /// Only its place.
    Preallocate,
}

/// A part of a file that becomes one extent or is joined to its neighbours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// The subvolume's place among all volumes.
    pub volume: usize,
    /// The inode's place in the subvolume.
    pub inode: usize,
    /// Where in the file.
    pub offset: u64,
    /// How many bytes, in whole sectors.
    pub len: u64,
    /// What is to be done.
    pub task: Task,
    /// Whether its bytes have checksums.
    pub checked: Checked,
}

/// All pieces of `surveys` in the order in which they get their places.
pub fn pieces(surveys: &[Survey<'_>]) -> Vec<Piece> {
    let mut pieces = Vec::new();
    for (volume, survey) in surveys.iter().enumerate() {
        for inode in 0..survey.inodes.len() {
            match survey.inodes[inode].origin {
                Origin::Node(_) => file(survey, (volume, inode), &mut pieces),
                Origin::Swap(_) => swap_file(survey.file_len(inode), (volume, inode), &mut pieces),
                Origin::Folder => {}
            }
        }
    }
    pieces
}

fn file(survey: &Survey<'_>, (volume, inode): (usize, usize), pieces: &mut Vec<Piece>) {
    let storage = survey.filling.storage;
    let (task, most, checked) = match (storage.overwriting, storage.compression) {
        (Overwriting::CopyOnWrite, Some(how)) => {
            (Task::Compress(how, storage.effort), COMPRESSED_MAX, Checked::Yes)
        }
        (Overwriting::CopyOnWrite, None) => (Task::Plain, PLAIN_MAX, Checked::Yes),
        (Overwriting::InPlace | Overwriting::Unchecked, _) => (Task::Plain, PLAIN_MAX, Checked::No),
    };
    for stretch in survey.stretches(inode) {
        let mut offset = stretch.start;
        while offset < stretch.end {
            let len = (stretch.end - offset).min(most);
            pieces.push(Piece { volume, inode, offset, len, task, checked });
            offset += len;
        }
    }
}

fn swap_file(size: u64, (volume, inode): (usize, usize), pieces: &mut Vec<Piece>) {
    let mut offset = 0;
    while offset < size {
        let (task, len) = match offset {
            0 => (Task::SwapHeader, SECTOR),
            _ => (Task::Preallocate, (size - offset).min(EXTENT_MAX)),
        };
        pieces.push(Piece { volume, inode, offset, len, task, checked: Checked::No });
        offset += len;
    }
}

/// Divides `pieces` into shares of about 256 KiB that are read.
pub fn shares(pieces: &[Piece]) -> Vec<&[Piece]> {
    let mut shares = Vec::new();
    let mut start = 0;
    let mut bytes = 0;
    for (index, piece) in pieces.iter().enumerate() {
        let read = if piece.task == Task::Preallocate { 0 } else { piece.len };
        if bytes + read > SHARE && index > start {
            shares.push(&pieces[start..index]);
            (start, bytes) = (index, 0);
        }
        bytes += read;
    }
    if start < pieces.len() {
        shares.push(&pieces[start..]);
    }
    shares
}
