//! md RAID: several Blocks that are one.
//!
//! [`write`] makes an array whose members are in sync from the start, so that nothing is resynchronised
//! at the first boot; [`read`] shows a member's superblock; [`open`] assembles what is there, with
//! members missing as far as the level allows.
//!
//! The members given to [`write`] must read as zeroes in their data areas (new image files do; on used
//! devices the caller zeroes them): parity of zeroes is zero, which is what makes the array clean.

mod create_args;
mod format;
mod layout;
mod mapping;
mod parity;
mod read;
mod write;

pub use create_args::{CreateArgsError, apply_create_args};
pub(in crate::volume) use layout::Rotation;
pub use layout::{Bitmap, Level, Options, Version, capacity};
pub use mapping::MdBlock;
pub use read::{Superblock, open, read};
pub use write::write;

use super::BlockError;
use crate::units::ByteSize;

/// Why an array could not be made or assembled.
#[derive(Debug, thiserror::Error)]
pub enum MdError {
    /// A member failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// There is no superblock of any version.
    #[error("no md superblock")]
    NotMd,
    /// A superblock is damaged.
    #[error("damaged md superblock: {0}")]
    Corrupt(String),
    /// The level needs more members.
    #[error("{level:?} takes at least {min} members, not {members}")]
    TooFew {
        /// The level.
        level: Level,
        /// Members there are.
        members: usize,
        /// Members it takes.
        min: usize,
    },
    /// Nothing is left for data.
    #[error("a member of {smallest} is too small: the array's own data takes up to {overhead}")]
    TooSmall {
        /// The smallest member.
        smallest: ByteSize,
        /// What the metadata takes.
        overhead: ByteSize,
    },
    /// The options contradict each other.
    #[error("an array cannot be made with {0}")]
    Options(String),
    /// Members do not belong together, or too many are missing.
    #[error("the members do not make an array: {0}")]
    Members(String),
}
