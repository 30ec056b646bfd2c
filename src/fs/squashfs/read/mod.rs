//! Reading a file system: everything that was read is checked before it is used.

mod check;
mod data;
mod directory;
mod file;
mod inode;
mod metadata;
mod superblock;
mod table;
mod tree;
mod xattr;

use std::sync::Mutex;

pub use directory::DirectoryEntry;
pub use inode::{Inode, InodeKind};

use super::compressor::Algorithm;
use super::error::{Corruption, Place, SquashfsError};
use super::format::MetadataRef;
use super::format::superblock::Superblock;
use crate::cache::Cache;
use crate::timestamp::Timestamp;
use crate::units::ByteSize;
use crate::volume::Block;

/// Bytes of metadata blocks that are kept: what the directories being walked through need.
const METADATA_CACHE: usize = 1 << 20;
/// Bytes of data blocks that are kept: the fragment blocks that neighbouring files are in.
const DATA_CACHE: usize = 12 << 20;

/// A Squashfs file system that can be read from several threads at once.
#[derive(Debug)]
pub struct Reader<B> {
    block: B,
    superblock: Superblock,
    algorithm: Algorithm,
    /// Decompressed metadata blocks by where they are, each with where the next one is.
    metadata: Mutex<Cache<metadata::Decoded>>,
    /// Decompressed data and fragment blocks by where they are.
    data: Mutex<Cache<std::sync::Arc<Vec<u8>>>>,
}

/// What the superblock says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Facts {
    /// How blocks are compressed.
    pub algorithm: Algorithm,
    /// Bytes of a data block.
    pub block_size: ByteSize,
    /// Bytes of the file system, without padding.
    pub used: ByteSize,
    /// How many inodes there are: files, directories and everything else, each once.
    pub inodes: u32,
    /// How many fragment blocks.
    pub fragments: u32,
    /// When it was made.
    pub made: Timestamp,
}

/// Opens the Squashfs file system that begins at the first byte of `block`.
///
/// # Errors
///
/// When there is none, when its superblock makes no sense, or when `block` is shorter than it says.
pub fn read<B: Block>(block: B) -> Result<Reader<B>, SquashfsError> {
    let (superblock, algorithm) = superblock::read(&block)?;
    Ok(Reader {
        block,
        superblock,
        algorithm,
        metadata: Mutex::new(Cache::new(METADATA_CACHE)),
        data: Mutex::new(Cache::new(DATA_CACHE)),
    })
}

impl<B: Block> Reader<B> {
    /// What the superblock says.
    pub fn facts(&self) -> Facts {
        Facts {
            algorithm: self.algorithm,
            block_size: ByteSize(self.block_size()),
            used: ByteSize(self.superblock.bytes_used.get()),
            inodes: self.superblock.inodes.get(),
            fragments: self.superblock.fragments.get(),
            made: Timestamp::seconds(self.superblock.mkfs_time.get().into()),
        }
    }

    /// The superblock.
    pub(super) fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// Bytes of a data block.
    pub(super) fn block_size(&self) -> u64 {
        self.superblock.block_size.get().into()
    }

    /// The root directory's inode.
    pub fn root(&self) -> Result<Inode, SquashfsError> {
        self.inode(MetadataRef(self.superblock.root_inode.get()))
    }
}

/// The error for `what` is wrong at `place`.
fn corrupt(place: Place, what: impl Into<String>) -> SquashfsError {
    Corruption::new(place, what).into()
}
