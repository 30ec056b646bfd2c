//! What files hold, by digests of their pieces: the first reading of a tree.
//!
//! Equal files and blocks are found before anything is compressed, and what is in the cache is known by the
//! same digests. A piece is a block's worth of a file; the last one is shorter.

use super::error::SquashfsError;
use super::in_order::in_order;
use super::options::Options;
use super::survey::{Run, Survey, content, path_of, pieces};
use crate::tree::{Content, ContentError, NodeId, Tree};
use crate::units::{ByteRange, u64_of, usize_of};

/// Bytes of files that a thread takes on at a time.
const SHARE_BYTES: u64 = 8 << 20;
/// Files that it takes on at most.
const SHARE_FILES: usize = 256;

/// BLAKE3 of a piece; all zero for a piece of nothing but zeroes, which is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Digest(pub(super) [u8; 32]);

impl Digest {
    /// A piece of zeroes.
    pub(super) const HOLE: Self = Self([0; 32]);

    /// The digest of a piece's `bytes`.
    pub(super) fn of(bytes: &[u8]) -> Self {
        match is_zero(bytes) {
            true => Self::HOLE,
            false => Self(*blake3::hash(bytes).as_bytes()),
        }
    }
}

/// Whether there is nothing but zeroes.
fn is_zero(bytes: &[u8]) -> bool {
    // In pieces that the compiler compares many bytes at a time, with an early end.
    bytes.chunks(256).all(|chunk| chunk.iter().fold(0, |all, byte| all | byte) == 0)
}

/// The digests of the pieces of a run's files, file after file.
pub(super) type Digests = Vec<Digest>;

/// Reads the files of the runs in `wanted` (their numbers) and hands `take` the digests of each run, in order.
pub(super) fn read(
    survey: &Survey<'_>,
    wanted: &[usize],
    options: &Options,
    mut take: impl FnMut(usize, Digests),
) -> Result<(), SquashfsError> {
    let jobs: Vec<Share<'_>> =
        wanted.iter().flat_map(|run| shares(survey, *run, &survey.runs[*run])).collect();
    let block_size = options.block_size;
    let mut digests = Digests::new();
    in_order(
        options.threads,
        &jobs,
        || Ok(vec![0; block_size.len()]),
        |buffer: &mut Vec<u8>, share| Ok((share.run, share.is_last, share.digest(survey.tree, buffer)?)),
        |(run, is_last, found): (usize, bool, Digests)| {
            digests.extend(found);
            if is_last {
                take(run, std::mem::take(&mut digests));
            }
            Ok(())
        },
    )
}

/// Some files of a run: what a thread takes on at a time.
struct Share<'s> {
    run: usize,
    files: &'s [NodeId],
    /// Whether it ends its run.
    is_last: bool,
}

fn shares<'s>(survey: &Survey<'_>, number: usize, run: &'s Run) -> Vec<Share<'s>> {
    let mut shares = Vec::new();
    let (mut start, mut bytes) = (0, 0_u64);
    for (index, id) in run.files.iter().enumerate() {
        bytes = bytes.saturating_add(content(survey.tree, *id).map_or(0, Content::len));
        let end = index + 1;
        let is_last = end == run.files.len();
        if is_last || bytes >= SHARE_BYTES || end - start >= SHARE_FILES {
            shares.push(Share { run: number, files: &run.files[start..end], is_last });
            (start, bytes) = (end, 0);
        }
    }
    shares
}

impl Share<'_> {
    fn digest(&self, tree: &Tree, buffer: &mut [u8]) -> Result<Digests, SquashfsError> {
        let mut digests = Digests::new();
        for id in self.files {
            let error = |source| SquashfsError::Content { path: path_of(tree, *id), source };
            if let Some(content) = content(tree, *id) {
                digest_file(content, buffer, &mut digests).map_err(error)?;
            }
        }
        Ok(digests)
    }
}

fn digest_file(content: &Content, buffer: &mut [u8], digests: &mut Digests) -> Result<(), ContentError> {
    let block_size = u64_of(buffer.len());
    let open = content.open()?;
    let data: Vec<_> = content.data_ranges().collect();
    for piece in 0..u64_of(pieces(content.len(), block_size)) {
        let start = piece * block_size;
        let end = (start + block_size).min(content.len());
        // Holes are not read.
        let next = data.partition_point(|range| range.end() <= start);
        if data.get(next).is_none_or(|range| range.start() >= end) {
            digests.push(Digest::HOLE);
            continue;
        }
        let bytes = &mut buffer[..usize_of(end - start)];
        open.read_at(bytes, start)?;
        digests.push(Digest::of(bytes));
    }
    Ok(())
}

/// Where piece `index` of a file of `len` bytes is.
pub(super) fn piece_range(index: u32, len: u64, block_size: u64) -> Option<ByteRange> {
    let start = u64::from(index).checked_mul(block_size)?;
    let end = start.checked_add(block_size)?.min(len);
    ByteRange::new(start, end.checked_sub(start)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn zeroes_are_a_hole_and_nothing_else_is() {
        assert_eq!(Digest::of(&[0; 1000]), Digest::HOLE);
        let mut bytes = [0; 1000];
        for at in [0, 255, 256, 999] {
            bytes[at] = 1;
            assert_ne!(Digest::of(&bytes), Digest::HOLE, "{at}");
            bytes[at] = 0;
        }
    }

    #[test]
    fn the_last_piece_is_shorter() {
        assert_eq!(piece_range(1, 5000, 4096), ByteRange::new(4096, 904));
        assert_eq!(piece_range(0, 4096, 4096), ByteRange::new(0, 4096));
        assert_eq!(piece_range(2, 5000, 4096), None);
    }
}
