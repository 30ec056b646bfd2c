//! What can go wrong, and whose fault it is.

use std::fmt;

use crate::tree::{ContentError, TreeError};
use crate::units::ByteSize;
use crate::volume::BlockError;

/// Why a btrfs file system could not be measured, written or read.
#[derive(Debug, thiserror::Error)]
pub enum BtrfsError {
    /// A device could not be read or written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The bytes of a file of a tree could not be had.
    #[error("copying the content of `{path}`")]
    Content {
        /// The file's path in its subvolume.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// The content and the free space asked for do not fit. Nothing was written.
    #[error(
        "the content needs a btrfs file system of {needed} ({} bytes) on each device; one has {available} ({} bytes)",
        .needed.bytes(), .available.bytes()
    )]
    DoesNotFit {
        /// The smallest size of each device that would do.
        needed: ByteSize,
        /// The smallest device that was given.
        available: ByteSize,
    },
    /// btrfs has no way to store this node of a tree.
    #[error("`{path}` cannot be stored on btrfs: {why}")]
    Unfit {
        /// Its path in its subvolume.
        path: String,
        /// What is wrong with it.
        why: Unfit,
    },
    /// A subvolume or swap file cannot be where it should.
    #[error("`{path}` cannot be made: {why}")]
    Place {
        /// Its path.
        path: String,
        /// What is in the way.
        why: &'static str,
    },
    /// A profile needs more devices than there are.
    #[error("the profile `{profile}` needs {needed} devices; there are {found}")]
    Devices {
        /// The profile.
        profile: super::Profile,
        /// The least number.
        needed: usize,
        /// How many there are.
        found: usize,
    },
    /// Only some of the devices that a file system lies on were given to be read.
    #[error("the file system has {expected} devices, {found} were given")]
    DevicesMissing {
        /// How many it has.
        expected: u64,
        /// How many there are.
        found: usize,
    },
    /// The label cannot be one.
    #[error(transparent)]
    Label(#[from] LabelError),
    /// A swap file cannot be made.
    #[error("swap file `{path}`")]
    Swap {
        /// Its path in its subvolume.
        path: String,
        /// Why.
        source: crate::fs::swap::SwapError,
    },
    /// What was read is not a sound btrfs file system.
    #[error(transparent)]
    Corrupt(#[from] Corruption),
    /// What was read uses something this reader does not know.
    #[error("this btrfs file system uses {0}, which landfall does not read")]
    Unsupported(String),
    /// What was read cannot be a tree.
    #[error("a name in the file system cannot be used")]
    Tree(#[from] TreeError),
}

/// Why a node cannot be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// A symbolic link's target does not fit a leaf.
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
    /// Permissions beyond 0o7777.
    Permissions(u16),
    /// A device number whose major is above 4095 or whose minor is above 1,048,575.
    Device,
    /// An attribute that does not fit a leaf.
    Xattr {
        /// The attribute's name.
        name: String,
        /// Bytes of name and value, with those of others that share its place.
        len: usize,
        /// The most bytes.
        max: usize,
    },
    /// Entries of a directory whose names have one hash do not fit a leaf.
    Collision(String),
    /// Larger than files can be.
    FileTooLarge(ByteSize),
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SymlinkTooLong { len, max } => {
                write!(f, "the link's target has {len} bytes, at most {max} fit")
            }
            Self::SymlinkTarget => write!(f, "the link's target is empty or holds a NUL"),
            Self::TooManyLinks(count) => {
                write!(f, "it has {count} names, at most {} are counted", super::survey::LINKS_MAX)
            }
            Self::DirectoryLinked => write!(f, "the directory has more than one name"),
            Self::Permissions(mode) => write!(f, "its permissions {mode:#o} are beyond 0o7777"),
            Self::Device => write!(f, "its device number is beyond major 4095 or minor 1048575"),
            Self::Xattr { name, len, max } => {
                write!(f, "the extended attribute `{name}` needs {len} bytes, at most {max} fit")
            }
            Self::Collision(name) => write!(f, "too many names with the hash of `{name}`"),
            Self::FileTooLarge(size) => write!(f, "{size} is more than a file can have"),
        }
    }
}

/// Why some text cannot be a label.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LabelError {
    /// Too long.
    #[error("the btrfs label `{label}` has {len} bytes, at most 255 fit")]
    TooLong {
        /// The text.
        label: String,
        /// Its length in bytes.
        len: usize,
    },
    /// The field ends at the first NUL, and `mkfs.btrfs` takes no line ends.
    #[error("the btrfs label `{0}` holds a NUL or a line end")]
    Control(String),
}

/// Something that contradicts the format, with its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {what}")]
pub struct Corruption {
    place: String,
    what: String,
}

impl Corruption {
    /// `what` reads on after the place: "its checksum is wrong".
    pub(super) fn new(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}
