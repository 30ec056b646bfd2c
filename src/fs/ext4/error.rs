//! What can go wrong, and whose fault it is.

use std::fmt;

use super::format::inode::LINKS_MAX;
use crate::tree::{ContentError, TreeError};
use crate::units::ByteSize;
use crate::volume::BlockError;

/// Why an ext4 file system could not be measured, written or read.
#[derive(Debug, thiserror::Error)]
pub enum Ext4Error {
    /// The volume could not be read or written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The bytes of a file of the tree could not be had.
    #[error("copying the content of `{path}`")]
    Content {
        /// The file's path in the tree.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// The tree and the free space asked for do not fit. Nothing was written.
    #[error(
        "the content needs an ext4 file system of {needed} ({} bytes) and there are {available} ({} bytes)",
        .needed.bytes(), .available.bytes()
    )]
    DoesNotFit {
        /// The smallest size that would do.
        needed: ByteSize,
        /// The size that was given.
        available: ByteSize,
    },
    /// ext4 has no way to store this node of the tree.
    #[error("`{path}` cannot be stored on ext4: {why}")]
    Unfit {
        /// Its path in the tree.
        path: String,
        /// What is wrong with it.
        why: Unfit,
    },
    /// No file system can be as large as this one would have to be.
    #[error("an ext4 file system with blocks of {block_size} bytes cannot be larger than {limit}")]
    TooLarge {
        /// Block size in bytes.
        block_size: u64,
        /// The largest size.
        limit: ByteSize,
    },
    /// The label cannot be one.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// What was read is not a sound ext4 file system.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// What was read uses something this reader does not know.
    #[error("this ext4 file system uses {0}, which landfall does not read")]
    Unsupported(String),
    /// What was read cannot be a tree.
    #[error("a name in the file system cannot be used")]
    Tree(#[from] TreeError),
}

/// Why a node cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A symbolic link's target is longer than a block.
    SymlinkTooLong {
        /// Its bytes.
        len: usize,
        /// The most bytes.
        max: usize,
    },
    /// A symbolic link's target is empty or holds a NUL.
    SymlinkTarget,
    /// More hard links than an inode counts.
    TooManyLinks(u32),
    /// A directory has two names, or one within itself.
    DirectoryLinked,
    /// More blocks than an extent tree numbers.
    FileTooLarge(ByteSize),
    /// More entries than a two-level hash tree holds.
    DirectoryTooLarge,
    /// A time before 1901 or after 2446.
    Time(i64),
    /// Permissions beyond 0o7777.
    Permissions(u16),
    /// A device number whose major is above 4095 or whose minor is above 1,048,575.
    Device,
    /// `/lost+found` is there and not a directory.
    LostAndFound,
    /// An attribute whose name has no prefix that ext4 knows, or is too long.
    XattrName(String),
    /// All attributes together are larger than inode and block hold.
    XattrsTooLarge {
        /// Bytes needed in the block.
        len: usize,
        /// Bytes there are.
        max: usize,
    },
    /// An access control list that is none.
    Acl(&'static str),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SymlinkTooLong { len, max } => {
                write!(f, "the link's target has {len} bytes, at most {max} fit a block")
            }
            Self::SymlinkTarget => write!(f, "the link's target is empty or holds a NUL"),
            Self::TooManyLinks(count) => write!(f, "it has {count} names, at most {LINKS_MAX} are counted"),
            Self::DirectoryLinked => write!(f, "the directory has more than one name"),
            Self::FileTooLarge(size) => write!(f, "{size} is more than one file holds at this block size"),
            Self::DirectoryTooLarge => write!(f, "the directory has more entries than its hash tree holds"),
            Self::Time(seconds) => {
                write!(f, "its time, {seconds} seconds from 1970, is not within 1901 to 2446")
            }
            Self::Permissions(mode) => write!(f, "its permissions {mode:#o} are beyond 0o7777"),
            Self::Device => write!(f, "its device number is beyond major 4095 or minor 1048575"),
            Self::LostAndFound => write!(f, "`lost+found` must be a directory"),
            Self::XattrName(name) => write!(f, "no namespace for the extended attribute `{name}`"),
            Self::XattrsTooLarge { len, max } => {
                write!(f, "its extended attributes need {len} bytes in their block, which holds {max}")
            }
            Self::Acl(why) => write!(f, "its access control list {why}"),
        }
    }
}

/// Why some text cannot be a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Too long.
    #[error("the ext4 label `{label}` has {len} bytes, at most 16 fit")]
    TooLong {
        /// The text.
        label: String,
        /// Its length in bytes.
        len: usize,
    },
    /// The field ends at the first NUL.
    #[error("the ext4 label `{0}` holds a NUL")]
    Nul(String),
}

/// Something that contradicts the format, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Corruption {
    place: Place,
    what: String,
}

impl Corruption {
    /// `what` reads on after the place: "its checksum is wrong".
    pub(super) fn new(place: Place, what: impl Into<String>) -> Self {
        Self { place, what: what.into() }
    }
}

/// Where in a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The superblock.
    Superblock,
    /// The descriptor, bitmaps or table of a group.
    Group(u32),
    /// An inode or what belongs to it.
    Inode(u32),
    /// A block of an inode.
    BlockOf {
        /// The inode.
        inode: u32,
        /// The block on disk.
        block: u64,
    },
    /// The journal.
    Journal,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Superblock => write!(f, "superblock"),
            Self::Group(group) => write!(f, "group {group}"),
            Self::Inode(inode) => write!(f, "inode {inode}"),
            Self::BlockOf { inode, block } => write!(f, "block {block} of inode {inode}"),
            Self::Journal => write!(f, "journal"),
        }
    }
}
