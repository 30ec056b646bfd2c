//! Where a file's bytes come from.

use std::fmt;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::error::IoError;
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::{Block, BlockError, carry};

/// Bytes that something else provides: a file inside of an image, a decompressed stream.
pub trait Source: Send + Sync {
    /// How many bytes there are.
    fn len(&self) -> u64;

    /// Fills `buffer` from `offset`; the caller stays within `len`.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError>;

    /// Whether there are no bytes.
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Why a file's bytes could not be had.
#[derive(Debug, thiserror::Error)]
pub enum ContentError {
    /// The host file could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The host file is not what it was when the tree was made.
    #[error("`{path}` changed while it was read: it had {expected} bytes and has {found}")]
    Changed {
        /// The host file.
        path: PathBuf,
        /// Its size when the tree was made.
        expected: u64,
        /// Its size now.
        found: u64,
    },
    /// What was a file when the tree was made is something else now.
    #[error("`{0}` is no longer a file")]
    Replaced(PathBuf),
    /// The bytes could not be written where they belong.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// What provides the bytes failed.
    #[error("{0}")]
    Source(String),
}

/// A regular file of the host: opened when its bytes are wanted, not before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HostFile {
    /// Where it is.
    pub path: PathBuf,
    /// Its size in bytes when the tree was made.
    pub len: u64,
    /// The ranges that hold data, ascending, not touching; what is between them is holes.
    /// `None`: all of it is data.
    pub data: Option<Vec<ByteRange>>,
}

/// A file's bytes, or where to get them.
#[derive(Clone)]
pub enum Content {
    /// In memory.
    Bytes(Arc<[u8]>),
    /// In a file of the host.
    Host(HostFile),
    /// Somewhere else.
    Source(Arc<dyn Source>),
}

impl From<Vec<u8>> for Content {
    fn from(bytes: Vec<u8>) -> Self {
        Self::Bytes(bytes.into())
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Host(file) => f.debug_tuple("Host").field(file).finish(),
            Self::Source(source) => write!(f, "Source({})", source.len()),
        }
    }
}

impl Content {
    /// The size in bytes, holes included.
    pub fn len(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64_of(bytes.len()),
            Self::Host(file) => file.len,
            Self::Source(source) => source.len(),
        }
    }

    /// Whether there are no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The ranges that hold data, ascending and within `len`; the rest is holes that read as zeroes.
    pub fn data_ranges(&self) -> impl Iterator<Item = ByteRange> {
        let (listed, whole) = match self {
            Self::Host(HostFile { data: Some(ranges), .. }) => (ranges.as_slice(), None),
            _ => (&[][..], ByteRange::new(0, self.len()).filter(|range| !range.is_empty())),
        };
        listed.iter().copied().chain(whole)
    }

    /// Makes the bytes available. A host file whose size is not the planned one is an error.
    pub fn open(&self) -> Result<OpenContent<'_>, ContentError> {
        Ok(match self {
            Self::Bytes(bytes) => OpenContent::Bytes(bytes),
            Self::Source(source) => OpenContent::Source(&**source),
            Self::Host(HostFile { path, len, .. }) => {
                let error = |source| IoError::new("opening", path, source);
                // Should a pipe have taken the file's place, opening it must not wait for a writer.
                let options = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::CLOEXEC;
                let file = rustix::fs::open(path, options, rustix::fs::Mode::empty());
                let file = File::from(file.map_err(|errno| error(errno.into()))?);
                let metadata = file.metadata().map_err(error)?;
                if !metadata.is_file() {
                    return Err(ContentError::Replaced(path.clone()));
                }
                let found = metadata.len();
                if found != *len {
                    return Err(ContentError::Changed { path: path.clone(), expected: *len, found });
                }
                OpenContent::Host(file, path)
            }
        })
    }

    /// All bytes in memory: for small files only.
    pub fn to_vec(&self) -> Result<Vec<u8>, ContentError> {
        let mut bytes = vec![0; usize_of(self.len())];
        self.open()?.read_at(&mut bytes, 0)?;
        Ok(bytes)
    }
}

/// A file's bytes, ready to be read.
pub enum OpenContent<'a> {
    /// In memory.
    Bytes(&'a [u8]),
    /// An open file of the host, and its path.
    Host(File, &'a Path),
    /// Somewhere else.
    Source(&'a dyn Source),
}

impl fmt::Debug for OpenContent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "Bytes({})", bytes.len()),
            Self::Host(_, path) => write!(f, "Host({})", path.display()),
            Self::Source(source) => write!(f, "Source({})", source.len()),
        }
    }
}

impl OpenContent<'_> {
    /// Fills `buffer` from `offset`; all of it must be within the content.
    pub fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError> {
        match self {
            Self::Bytes(bytes) => {
                let part = bytes.get(usize_of(offset)..).and_then(|rest| rest.get(..buffer.len()));
                let part =
                    part.ok_or_else(|| ContentError::Source("read past the end of a file".to_owned()))?;
                buffer.copy_from_slice(part);
                Ok(())
            }
            Self::Host(file, path) => {
                file.read_exact_at(buffer, offset).map_err(|error| host_error(error, path, offset))
            }
            Self::Source(source) => source.read_at(buffer, offset),
        }
    }

    /// Writes `range` of the content to `block` at `offset`, the shortest way there is.
    pub fn copy_to(&self, range: ByteRange, block: &dyn Block, offset: u64) -> Result<(), ContentError> {
        match self {
            Self::Bytes(bytes) => {
                let part = bytes.get(usize_of(range.start())..usize_of(range.end()));
                let part =
                    part.ok_or_else(|| ContentError::Source("read past the end of a file".to_owned()))?;
                Ok(block.write_at(part, offset)?)
            }
            Self::Host(file, path) => block.copy_from(file, range, offset).map_err(|error| match error {
                // The Block does not know the name of what it copies from.
                BlockError::Io(error) if error.path() == Path::new("the source file") => {
                    host_error(io::Error::from(error.kind()), path, range.start())
                }
                other => other.into(),
            }),
            Self::Source(source) => copy_source(*source, range, block, offset),
        }
    }
}

fn host_error(error: io::Error, path: &Path, offset: u64) -> ContentError {
    IoError::new("reading", path, error).at(offset).into()
}

fn copy_source(
    source: &dyn Source,
    range: ByteRange,
    block: &dyn Block,
    offset: u64,
) -> Result<(), ContentError> {
    // As much as the blocks of a squashfs hold, each of which is unpacked as a whole.
    const CHUNK: u64 = 1 << 20;
    let read = |piece: &mut [u8], from| source.read_at(piece, from);
    carry(range, CHUNK, read, |piece, done| Ok(block.write_at(piece, offset + done)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SectorSize;
    use crate::volume::MemoryBlock;

    #[test]
    fn a_host_file_that_changed_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"longer than planned").unwrap();
        let content = Content::Host(HostFile { path, len: 3, data: None });
        assert!(matches!(content.open(), Err(ContentError::Changed { expected: 3, found: 19, .. })));
    }

    #[test]
    fn a_host_file_that_became_something_else_is_noticed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        let content = Content::Host(HostFile { path: path.clone(), len: 0, data: None });
        nix::unistd::mkfifo(&path, nix::sys::stat::Mode::S_IRWXU).unwrap();
        assert!(matches!(content.open(), Err(ContentError::Replaced(_))));
        std::fs::remove_file(&path).unwrap();
        std::fs::create_dir(&path).unwrap();
        assert!(matches!(content.open(), Err(ContentError::Replaced(_))));
    }

    #[test]
    fn every_kind_of_content_copies_its_range() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        std::fs::write(&path, b"0123456789").unwrap();
        for content in
            [Content::from(b"0123456789".to_vec()), Content::Host(HostFile { path, len: 10, data: None })]
        {
            let block = MemoryBlock::new(512, SectorSize::S512);
            content.open().unwrap().copy_to(ByteRange::new(2, 5).unwrap(), &block, 1).unwrap();
            assert_eq!(&block.into_bytes()[..7], b"\x0023456\0");
        }
    }
}
