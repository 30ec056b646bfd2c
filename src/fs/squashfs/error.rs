//! What can go wrong, and whose fault it is.

use std::fmt;

use super::format::inode::SYMLINK_MAX;
use crate::tree::{ContentError, TreeError};
use crate::units::{ByteRange, ByteSize};
use crate::volume::BlockError;

/// Why a Squashfs file system could not be measured, written or read.
#[derive(Debug, thiserror::Error)]
pub enum SquashfsError {
    /// The volume could not be read or written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The bytes of a file of the tree could not be had.
    #[error("packing the content of `{path}`")]
    Content {
        /// The file's path in the tree.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// A file's bytes are not those that were there when it was first looked at.
    #[error("`{path}` changed while it was packed")]
    Changed {
        /// The file's path in the tree.
        path: String,
    },
    /// The volume is too small.
    #[error("the squashfs file system is larger than the {available} that it may take")]
    DoesNotFit {
        /// The size of the volume.
        available: ByteSize,
    },
    /// Squashfs has no way to store this node of the tree.
    #[error("`{path}` cannot be stored on squashfs: {why}")]
    Unfit {
        /// Its path in the tree.
        path: String,
        /// What is wrong with it.
        why: Unfit,
    },
    /// The compressor failed, which it does for want of memory.
    #[error("compressing with {algorithm}: {why}")]
    Compress {
        /// The compressor's name.
        algorithm: &'static str,
        /// What it says.
        why: String,
    },
    /// What was read is not a sound Squashfs file system.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// What was read uses something this reader does not know.
    #[error("this squashfs file system uses {0}, which landfall does not read")]
    Unsupported(String),
    /// What was read cannot be a tree.
    #[error("a name in the file system cannot be used")]
    Tree(#[from] TreeError),
}

/// Why a node cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A symbolic link's target is longer than Linux follows.
    SymlinkTooLong(usize),
    /// A symbolic link's target is empty or holds a NUL.
    SymlinkTarget,
    /// A directory has two names, or one within itself.
    DirectoryLinked,
    /// A directory's listing is larger than one can be.
    DirectoryTooLarge,
    /// Permissions beyond 0o7777.
    Permissions(u16),
    /// A device number whose major is above 4095 or whose minor is above 1,048,575.
    Device,
    /// An attribute whose name has no prefix that Squashfs knows, or is too long.
    XattrName(String),
    /// An attribute's value is longer than Linux takes.
    XattrValue(String),
    /// More different owners and groups than the id table numbers.
    TooManyIds,
    /// More inodes, blocks or fragments than are numbered.
    TooMany,
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SymlinkTooLong(len) => {
                write!(f, "the link's target has {len} bytes, at most {SYMLINK_MAX} are followed")
            }
            Self::SymlinkTarget => write!(f, "the link's target is empty or holds a NUL"),
            Self::DirectoryLinked => write!(f, "the directory has more than one name"),
            Self::DirectoryTooLarge => write!(f, "the directory has more entries than its listing holds"),
            Self::Permissions(mode) => write!(f, "its permissions {mode:#o} are beyond 0o7777"),
            Self::Device => write!(f, "its device number is beyond major 4095 or minor 1048575"),
            Self::XattrName(name) => write!(f, "no namespace for the extended attribute `{name}`"),
            Self::XattrValue(name) => {
                write!(f, "the value of its extended attribute `{name}` is above 65536 bytes")
            }
            Self::TooManyIds => write!(f, "there are more than 65535 different owners and groups"),
            Self::TooMany => write!(f, "there are more inodes or blocks than 32 bits number"),
        }
    }
}

/// Something that contradicts the format, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Corruption {
    place: Place,
    what: String,
}

impl Corruption {
    /// `what` reads on after the place: "its length is impossible".
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into() }
    }
}

/// Where in a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The superblock.
    Superblock,
    /// The metadata block that begins at this byte of the volume.
    Metadata(u64),
    /// Data of files, by their bytes on the volume.
    Data(ByteRange),
    /// An inode, by its reference.
    Inode(u64),
    /// A table, by its name.
    Table(&'static str),
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock => write!(f, "superblock"),
            Self::Metadata(offset) => write!(f, "metadata block at byte {offset}"),
            Self::Data(range) => write!(f, "data block at bytes {range}"),
            Self::Inode(reference) => write!(f, "inode at {:#x}:{}", reference >> 16, reference & 0xFFFF),
            Self::Table(name) => write!(f, "{name} table"),
        }
    }
}
