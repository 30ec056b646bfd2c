//! Nix archives (NAR): the serialisation whose hash identifies a store object.
//!
//! An archive records names, symlink targets, contents and whether the owner may execute a file;
//! nothing else. Strings are length (64 bits, little endian), bytes, zeroes up to a multiple of 8.
//! Names are in byte order, so equal trees give equal archives. Grammar: Nix manual, "Nix Archive
//! (NAR) format". Devices, pipes and sockets cannot be archived.
//!
//! The bytes themselves come from the `nix-archive` crate; this module connects it to Trees, so that a
//! directory, a closure and the inside of an image are hashed by the same code.

use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use nix_archive::nar::{Encoder, Event, decode_events_reader};
use sha2::{Digest, Sha256};

use super::NarHash;
use crate::error::IoError;
use crate::files;
use crate::tree::{Content, ContentError, Kind, Metadata, Name, Node, NodeId, Source, Tree, TreeError};
use crate::units::{ByteSize, u64_of, usize_of};

/// The owner's permission to execute: the one permission bit that an archive records.
const OWNER_EXECUTES: u16 = 0o100;

/// How many bytes of a file are in memory at a time.
const CHUNK: u64 = 1 << 20;

/// Why something could not be archived, or an archive not be read.
#[derive(Debug, thiserror::Error)]
pub enum NarError {
    /// A file's bytes could not be had.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The archive's file could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Archives hold files, directories and symlinks only.
    #[error("`{0}` is a device, pipe or socket, which an archive cannot hold")]
    Kind(String),
    /// The bytes are no archive, or could not be written.
    #[error("archive")]
    Archive(#[from] nix_archive::nar::Error),
    /// Names in the archive cannot be names of files.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

/// Hash and size of an archive.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Digested {
    /// SHA-256 of its bytes.
    pub hash: NarHash,
    /// How many they are.
    pub size: ByteSize,
}

/// Writes the archive of what is at `id` in `tree`.
pub fn write(tree: &Tree, id: NodeId, output: impl Write) -> Result<(), NarError> {
    let mut encoder = Encoder::new(output)?;
    let mut buffer = Vec::new();
    write_node(tree, (None, id), &mut encoder, &mut buffer)?;
    encoder.finish()?;
    Ok(())
}

/// Hash and size of the archive of what is at `id` in `tree`, without holding the archive anywhere.
pub fn hash(tree: &Tree, id: NodeId) -> Result<Digested, NarError> {
    let mut sink = HashSink { hasher: Sha256::new(), size: 0 };
    write(tree, id, &mut sink)?;
    Ok(Digested { hash: NarHash::from_bytes(sink.hasher.finalize().into()), size: ByteSize(sink.size) })
}

fn write_node<W: Write>(
    tree: &Tree,
    (name, id): (Option<&Name>, NodeId),
    encoder: &mut Encoder<W>,
    buffer: &mut Vec<u8>,
) -> Result<(), NarError> {
    let node = tree.node(id);
    let bytes = name.map(Name::as_bytes);
    match &node.kind {
        Kind::Directory(entries) => {
            encoder.start_directory(bytes)?;
            for (name, id) in entries {
                write_node(tree, (Some(name), *id), encoder, buffer)?;
            }
            encoder.end_directory()?;
        }
        Kind::File(content) => {
            let executable = node.metadata.permissions & OWNER_EXECUTES != 0;
            let mut file = encoder.start_regular(bytes, executable, content.len())?;
            copy(content, &mut file, buffer)?;
            file.finish()?;
        }
        Kind::Symlink(target) => encoder.symlink(bytes, target)?,
        Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo | Kind::Socket => {
            return Err(NarError::Kind(name.map(Name::to_string).unwrap_or_default()));
        }
    }
    Ok(())
}

/// Hands all bytes of `content` to `output`, a piece at a time.
fn copy(content: &Content, output: &mut impl Write, buffer: &mut Vec<u8>) -> Result<(), NarError> {
    let open = content.open()?;
    let mut offset = 0;
    while offset < content.len() {
        buffer.resize(usize_of((content.len() - offset).min(CHUNK)), 0);
        open.read_at(buffer, offset)?;
        output.write_all(buffer).map_err(nix_archive::nar::Error::from)?;
        offset += u64_of(buffer.len());
    }
    Ok(())
}

/// Hashes what is written to it.
struct HashSink {
    hasher: Sha256,
    size: u64,
}

impl Write for HashSink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.hasher.update(bytes);
        self.size += u64_of(bytes.len());
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Reads the archive in a file. What it holds becomes the entry `name` of a Tree's root, with the
/// metadata that the store gives it; contents stay in the archive and are read when they are wanted.
pub fn read(archive: &Path, name: Name) -> Result<Tree, NarError> {
    let file = Arc::new(files::open(archive)?);
    let mut reader = Reader::new(archive, Arc::clone(&file), name);
    let position = Cell::new(0);
    let mut input = Counting { inner: BufReader::new(&*file), position: &position };
    let mut failure = None;
    let outcome = decode_events_reader(&mut input, |event| {
        reader.take(event, position.get(), |contents| contents.size()).map_err(|error| {
            failure = Some(error);
            nix_archive::nar::Error::InvalidEncoderEvent("a name cannot be one")
        })
    });
    match (failure, outcome) {
        (Some(error), _) => Err(error.into()),
        (None, Err(nix_archive::nar::Error::Io(error))) => {
            Err(IoError::new("reading", archive, error).into())
        }
        (None, outcome) => outcome.map_err(NarError::from).map(|()| reader.tree),
    }
}

/// Puts the events of an archive into a Tree.
struct Reader<'a> {
    archive: &'a Path,
    file: Arc<File>,
    root_name: Name,
    tree: Tree,
    open: Vec<NodeId>,
}

impl<'a> Reader<'a> {
    fn new(archive: &'a Path, file: Arc<File>, root_name: Name) -> Self {
        let tree = Tree::new(Metadata::root(0o755));
        Self { archive, file, root_name, tree, open: vec![Tree::ROOT] }
    }

    fn take<C>(
        &mut self,
        event: Event<'_, C>,
        position: u64,
        size: impl FnOnce(&C) -> u64,
    ) -> Result<(), TreeError> {
        match event {
            Event::DirectoryStart { name } => {
                let id = self.add(name, 0o555, Kind::directory())?;
                self.open.push(id);
            }
            Event::DirectoryEnd { .. } => {
                self.open.pop();
            }
            Event::Regular { name, executable, contents } => {
                let part = ArchivePart {
                    file: Arc::clone(&self.file),
                    path: self.archive.to_owned(),
                    offset: position,
                    len: size(&contents),
                };
                let permissions = if executable { 0o555 } else { 0o444 };
                self.add(name, permissions, Kind::File(Content::Source(Arc::new(part))))?;
            }
            Event::Symlink { name, target } => {
                self.add(name, 0o777, Kind::Symlink(target.to_vec()))?;
            }
        }
        Ok(())
    }

    fn add(&mut self, name: Option<&[u8]>, permissions: u16, kind: Kind) -> Result<NodeId, TreeError> {
        let name = name.map_or_else(|| Ok(self.root_name.clone()), Name::new)?;
        let parent = self.open.last().copied().unwrap_or(Tree::ROOT);
        self.tree.add(parent, name, Node { metadata: Metadata::root(permissions), kind })
    }
}

/// Counts the bytes that were read, so that a file's place in the archive is known.
struct Counting<'a, R> {
    inner: R,
    position: &'a Cell<u64>,
}

impl<R: Read> Read for Counting<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position.set(self.position.get() + u64_of(read));
        Ok(read)
    }
}

/// A file's bytes inside of an archive.
struct ArchivePart {
    file: Arc<File>,
    path: PathBuf,
    offset: u64,
    len: u64,
}

impl Source for ArchivePart {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError> {
        let at = self.offset + offset;
        let error = |source| IoError::new("reading", &self.path, source).at(at);
        Ok(self.file.read_exact_at(buffer, at).map_err(error)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tree of the conventions' vector: `bin/hello`, a link to it and an empty directory.
    fn sample() -> Tree {
        let folder = Metadata::root(0o755);
        let mut tree = Tree::new(folder.clone());
        let node = |permissions, kind| Node { metadata: Metadata::root(permissions), kind };
        let hello = Kind::File(Content::from(b"hello\n".to_vec()));
        tree.insert("src/bin/hello", node(0o500, hello), &folder).unwrap();
        tree.insert("src/bin/hi", node(0o777, Kind::Symlink(b"hello".to_vec())), &folder).unwrap();
        tree.make_directories("src/empty", &folder).unwrap();
        tree
    }

    fn digest(tree: &Tree) -> Digested {
        hash(tree, tree.lookup("src").unwrap()).unwrap()
    }

    #[test]
    fn the_known_tree_has_the_known_hash_and_size() {
        let digested = digest(&sample());
        assert_eq!(digested.size, ByteSize(848));
        let hex = "sha256:0850e021060f2ab157976053a8cadfa4f2f6f9bcd5d57daed0269249d3c870cf";
        assert_eq!(digested.hash.to_string(), hex);
    }

    #[test]
    fn the_hash_sees_the_owners_execute_bit_and_nothing_else_of_the_mode() {
        let mut tree = sample();
        let hello = tree.lookup("src/bin/hello").unwrap();
        let known = digest(&tree);
        tree.metadata_mut(hello).permissions = 0o755;
        assert_eq!(digest(&tree), known);
        tree.metadata_mut(hello).permissions = 0o655;
        assert_ne!(digest(&tree).hash, known.hash);
    }

    #[test]
    fn an_archive_is_read_back_without_holding_its_contents() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("src.nar");
        let tree = sample();
        write(&tree, tree.lookup("src").unwrap(), File::create(&path).unwrap()).unwrap();
        let back = read(&path, Name::new(b"src").unwrap()).unwrap();
        assert_eq!(digest(&back), digest(&tree));
        let hello = back.lookup("src/bin/hello").unwrap();
        assert_eq!(back.node(hello).metadata.permissions, 0o555);
    }

    #[test]
    fn a_damaged_archive_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("src.nar");
        let tree = sample();
        let mut bytes = Vec::new();
        write(&tree, tree.lookup("src").unwrap(), &mut bytes).unwrap();
        for (length, flip) in [(bytes.len() - 8, None), (bytes.len(), Some(8)), (bytes.len(), Some(40))] {
            let mut damaged = bytes[..length].to_vec();
            if let Some(at) = flip {
                damaged[at] ^= 1;
            }
            std::fs::write(&path, damaged).unwrap();
            assert!(read(&path, Name::new(b"src").unwrap()).is_err(), "{length} {flip:?}");
        }
    }

    #[test]
    fn a_device_cannot_be_archived() {
        let mut tree = sample();
        let folder = Metadata::root(0o755);
        tree.insert("src/pipe", Node { metadata: folder.clone(), kind: Kind::Fifo }, &folder).unwrap();
        let error = hash(&tree, tree.lookup("src").unwrap()).unwrap_err();
        assert_eq!(error.to_string(), "`pipe` is a device, pipe or socket, which an archive cannot hold");
    }
}
