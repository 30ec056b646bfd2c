//! The private folder in which a tool works, and the way from its file to the target.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use rustix::fs::{SeekFrom, seek};

use super::ExternalError;
use crate::error::IoError;
use crate::progress::Step;
use crate::tree::{Content, Kind, NodeId, Tree};
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// Bytes that are looked at together when a file goes to its target.
const CHUNK: u64 = 1 << 20;

/// Zeroes in pieces of this size are not written as data.
const PIECE: usize = 64 << 10;

/// A folder that only we may enter, gone when it is dropped, with a sparse file for the file system.
#[derive(Debug)]
pub(super) struct Staging {
    folder: tempfile::TempDir,
    image: File,
}

impl Staging {
    /// A folder with a file of `len` bytes, all of them holes.
    pub(super) fn new(len: u64) -> Result<Self, ExternalError> {
        let error = |source| IoError::new("making a folder in", std::env::temp_dir(), source);
        let folder = tempfile::Builder::new().prefix("landfall-").tempdir().map_err(error)?;
        let path = folder.path().join("image");
        let image = File::options().read(true).write(true).create_new(true).open(&path);
        let image = image.map_err(|source| IoError::new("creating", &path, source))?;
        image.set_len(len).map_err(|source| IoError::new("setting the length of", &path, source))?;
        Ok(Self { folder, image })
    }

    /// The folder.
    pub(super) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Makes all of the file for the file system a hole again.
    pub(super) fn clear(&self) -> Result<(), IoError> {
        let error = |source| IoError::new("emptying", self.image_path(), source);
        let len = self.image.metadata().map_err(error)?.len();
        self.image.set_len(0).and_then(|()| self.image.set_len(len)).map_err(error)
    }

    /// Path of the file for the file system.
    pub(super) fn image_path(&self) -> PathBuf {
        self.path().join("image")
    }

    /// Reads of the file for the file system.
    pub(super) fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), IoError> {
        let error = |source| IoError::new("reading", self.image_path(), source).at(offset);
        self.image.read_exact_at(buffer, offset).map_err(error)
    }

    /// Writes to the file for the file system.
    pub(super) fn write_at(&self, data: &[u8], offset: u64) -> Result<(), IoError> {
        let error = |source| IoError::new("writing", self.image_path(), source).at(offset);
        self.image.write_all_at(data, offset).map_err(error)
    }

    /// Copies what the tool wrote to `block`. Zeroes that it wrote become zeroes there; what it left alone is
    /// left alone.
    pub(super) fn copy_to(&self, block: &dyn Block, step: &Step<'_>) -> Result<(), ExternalError> {
        let mut buffer = vec![0; usize_of(CHUNK)];
        for range in self.data_ranges(block.len())? {
            let mut at = range.start();
            while at < range.end() {
                let chunk = &mut buffer[..usize_of((range.end() - at).min(CHUNK))];
                self.read_at(chunk, at)?;
                for (number, piece) in chunk.chunks(PIECE).enumerate() {
                    let offset = at + u64_of(number * PIECE);
                    if piece.iter().any(|byte| *byte != 0) {
                        block.write_at(piece, offset)?;
                    } else if let Some(range) = ByteRange::new(offset, u64_of(piece.len())) {
                        block.zero_range(range)?;
                    }
                }
                step.advance(u64_of(chunk.len()));
                at += u64_of(chunk.len());
            }
        }
        Ok(())
    }

    /// The ranges that were written.
    pub(super) fn data_ranges(&self, len: u64) -> Result<Vec<ByteRange>, IoError> {
        let error = |errno: rustix::io::Errno| IoError::new("seeking in", self.image_path(), errno.into());
        let mut ranges = Vec::new();
        let mut at = 0;
        while at < len {
            let start = match seek(&self.image, SeekFrom::Data(at)) {
                Ok(start) => start,
                // No data behind `at`.
                Err(rustix::io::Errno::NXIO) => break,
                Err(errno) => return Err(error(errno)),
            };
            let end = seek(&self.image, SeekFrom::Hole(start)).map_err(error)?.min(len);
            ranges.extend(ByteRange::new(start, end.saturating_sub(start)));
            at = end;
        }
        Ok(ranges)
    }
}

/// Writes `content` to a new file at `path`, holes as holes.
pub(super) fn write_content(content: &Content, path: &Path) -> Result<(), ExternalError> {
    let create = |source| IoError::new("creating", path, source);
    let mut file = File::create_new(path).map_err(create)?;
    if let Content::Bytes(bytes) = content {
        return Ok(file.write_all(bytes).map_err(|source| IoError::new("writing", path, source))?);
    }
    let sector = crate::units::SectorSize::S512;
    let block = crate::volume::FileBlock::create(file, path, content.len(), sector)?;
    let open = content.open()?;
    for range in content.data_ranges() {
        open.copy_to(range, &block, range.start())?;
    }
    Ok(())
}

/// What becomes of a file with several names.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Links {
    /// It has them in the folder too.
    Kept,
    /// Each is a file of its own.
    Copied,
}

/// Makes `folder` with copies of all directories, files and links of `tree`; the tool's caller has refused the rest.
pub(super) fn stage(tree: &Tree, folder: &Path, links: Links) -> Result<(), ExternalError> {
    Stage { tree, links, known: BTreeMap::new() }.directory(Tree::ROOT, folder)
}

struct Stage<'a> {
    tree: &'a Tree,
    links: Links,
    /// Where files are that may have further names.
    known: BTreeMap<NodeId, PathBuf>,
}

impl Stage<'_> {
    fn directory(&mut self, id: NodeId, folder: &Path) -> Result<(), ExternalError> {
        fs::create_dir(folder).map_err(|source| IoError::new("creating", folder, source))?;
        for (name, id) in self.tree.entries(id) {
            let path = folder.join(OsStr::from_bytes(name.as_bytes()));
            let error = |source| IoError::new("creating", &path, source);
            match &self.tree.node(id).kind {
                Kind::Directory(_) => self.directory(id, &path)?,
                Kind::File(content) => match self.known.get(&id) {
                    Some(first) => fs::hard_link(first, &path).map_err(error)?,
                    None => {
                        write_content(content, &path)?;
                        if self.links == Links::Kept {
                            self.known.insert(id, path);
                        }
                    }
                },
                Kind::Symlink(target) => {
                    std::os::unix::fs::symlink(OsStr::from_bytes(target), &path).map_err(error)?;
                }
                Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo | Kind::Socket => {}
            }
        }
        Ok(())
    }
}
/// The little-endian number at `at`, which the caller knows to be within `bytes`.
pub(super) fn le32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}
