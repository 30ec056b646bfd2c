//! Files of the cache: the stored blocks of one run, with what they hold.
//!
//! From the start: the blocks one after the other, the index (an [`Entry`] for each), the digests of the run's
//! pieces, the [`Footer`]. Index and digests are covered by a digest in the footer, each block by one in its
//! entry. All numbers are little-endian.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, FromZeros, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::super::digest::{Digest, Digests};
use super::super::format::StoredSize;
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// The first bytes of the footer. The number at the end is that of this layout.
const MAGIC: [u8; 8] = *b"lfsqpak1";
/// How the names of all files of the cache end.
pub(super) const ENDING: &str = ".pack";
/// How the names of files begin that are not complete.
pub(super) const UNFINISHED: &str = ".new-";
/// The most entries of an index that is believed: blocks of 4 KiB in a run of 64 GiB.
const ENTRIES_MAX: u64 = 1 << 24;

/// A block of the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Entry {
    /// What the block holds when it is unpacked.
    pub(super) digest: [u8; 32],
    /// BLAKE3 of the block as it is stored, the first half.
    pub(super) check: [u8; 16],
    /// Where it is.
    pub(super) offset: U64,
    /// Its [`StoredSize`].
    pub(super) size: U32,
    /// 0.
    pub(super) unused: U32,
}

/// What ends the file.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
struct Footer {
    magic: [u8; 8],
    /// Where the index begins.
    index: U64,
    /// Entries of the index.
    entries: U64,
    /// Digests behind it.
    pieces: U64,
    /// BLAKE3 of index and digests.
    digest: [u8; 32],
}

const _: () = assert!(size_of::<Entry>() == 64 && size_of::<Footer>() == 64);

/// The first half of BLAKE3 of `stored`.
pub(in crate::fs::squashfs) fn check_of(stored: &[u8]) -> [u8; 16] {
    let mut check = [0; 16];
    check.copy_from_slice(&blake3::hash(stored).as_bytes()[..16]);
    check
}

/// A file of the cache whose index was read.
#[derive(Debug)]
pub(super) struct Pack {
    pub(super) path: PathBuf,
    pub(super) entries: Vec<Entry>,
    pub(super) pieces: Digests,
}

impl Pack {
    /// Reads what the file at `path` says of itself; `None` when it is damaged.
    pub(super) fn open(path: &Path) -> io::Result<Option<Self>> {
        let file = File::open(path)?;
        let len = file.metadata()?.len();
        let Some(footer_at) = len.checked_sub(u64_of(size_of::<Footer>())) else { return Ok(None) };
        let mut footer = Footer::new_zeroed();
        file.read_exact_at(footer.as_mut_bytes(), footer_at)?;
        let (index, entries, pieces) = (footer.index.get(), footer.entries.get(), footer.pieces.get());
        let index_len = entries.saturating_mul(64).saturating_add(pieces.saturating_mul(32));
        let is_sound = footer.magic == MAGIC
            && entries <= ENTRIES_MAX
            && index.checked_add(index_len).is_some_and(|end| end == footer_at);
        if !is_sound {
            return Ok(None);
        }
        let mut bytes = vec![0; usize_of(index_len)];
        file.read_exact_at(&mut bytes, index)?;
        if *blake3::hash(&bytes).as_bytes() != footer.digest {
            return Ok(None);
        }
        let (entries, pieces) = bytes.split_at(usize_of(entries * 64));
        let entries = entries.chunks_exact(64).filter_map(|bytes| Entry::read_from_bytes(bytes).ok());
        let pieces = pieces.chunks_exact(32).filter_map(|bytes| bytes.try_into().ok()).map(Digest);
        Ok(Some(Self { path: path.to_owned(), entries: entries.collect(), pieces: pieces.collect() }))
    }
}

/// The block of `entry` in the file at `path`; `None` when it is damaged.
pub(super) fn read_block(path: &Path, entry: &Entry) -> io::Result<Option<Vec<u8>>> {
    let mut bytes = vec![0; usize_of(StoredSize(entry.size.get()).len().into())];
    File::open(path)?.read_exact_at(&mut bytes, entry.offset.get())?;
    Ok((check_of(&bytes) == entry.check).then_some(bytes))
}

/// What a new file is made of.
pub(super) struct Contents<'c> {
    /// The volume that the blocks were just written to.
    pub(super) block: &'c dyn Block,
    /// Where they are there, one after the other.
    pub(super) range: ByteRange,
    /// What they are; offsets count from the start of the range.
    pub(super) entries: &'c [Entry],
    pub(super) pieces: &'c [Digest],
}

/// Makes the file `path`, complete or not at all, whoever else makes it at the same time.
pub(super) fn create(path: &Path, contents: &Contents<'_>) -> io::Result<()> {
    const CHUNK: u64 = 1 << 20;
    let folder = path.parent().unwrap_or(Path::new("."));
    let mut file = tempfile::Builder::new().prefix(UNFINISHED).tempfile_in(folder)?;
    let mut buffer = vec![0; usize_of(contents.range.len().min(CHUNK))];
    let mut at = contents.range.start();
    while at < contents.range.end() {
        let part = &mut buffer[..usize_of((contents.range.end() - at).min(CHUNK))];
        contents.block.read_at(part, at).map_err(io::Error::other)?;
        file.write_all(part)?;
        at += u64_of(part.len());
    }
    let mut index = contents.entries.as_bytes().to_vec();
    index.extend(contents.pieces.iter().flat_map(|piece| piece.0));
    let footer = Footer {
        magic: MAGIC,
        index: contents.range.len().into(),
        entries: u64_of(contents.entries.len()).into(),
        pieces: u64_of(contents.pieces.len()).into(),
        digest: *blake3::hash(&index).as_bytes(),
    };
    file.write_all(&index)?;
    file.write_all(footer.as_bytes())?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}
