//! LVM2: a group of physical volumes, cut into logical ones.
//!
//! [`write()`] makes a group of Blocks and gives its volumes as Blocks; [`open`] reads a group that is
//! there. Linear, striped and RAID volumes are written through to their members; RAID volumes are in
//! sync from the start. Thin pools and dm-mirror volumes need LVM's own tools on a running kernel.

mod create_args;
mod format;
mod layout;
mod mapping;
mod metadata;
mod read;
mod text;
mod write;

pub use create_args::{CreateArgsError, check_create_args};
pub use format::Id;
pub use layout::{Options, Volume, VolumeKind, VolumeSize, check, member_size, usable};
pub use mapping::LogicalBlock;
pub use metadata::{Group, Logical, Physical, Segment, SegmentKind, Visibility};
pub use read::{open, read};
pub use write::{Volumes, write};

use super::BlockError;
use crate::units::ByteSize;

/// Why a group could not be made or read.
#[derive(Debug, thiserror::Error)]
pub enum LvmError {
    /// A member failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// There is no label.
    #[error("no LVM physical volume")]
    NotLvm,
    /// Label, area or text are damaged.
    #[error("damaged LVM metadata: {0}")]
    Corrupt(String),
    /// Allowed by LVM, but not by us.
    #[error("LVM with {0} is not supported")]
    Unsupported(String),
    /// A volume does not fit.
    #[error("logical volume `{volume}` needs {needed}, and {available} of its group are free")]
    NoRoom {
        /// Its name.
        volume: String,
        /// What it needs, copies included.
        needed: ByteSize,
        /// What is free.
        available: ByteSize,
    },
    /// A volume wants to lie on more members than there are.
    #[error("logical volume `{volume}` needs {needed} physical volumes, and its group has {members}")]
    TooFewMembers {
        /// Its name.
        volume: String,
        /// Members it needs.
        needed: usize,
        /// Members there are.
        members: usize,
    },
    /// The options make no sense.
    #[error("a volume group cannot be made with {0}")]
    Options(String),
}
