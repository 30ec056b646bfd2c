//! LVM2: a group of physical volumes, cut into logical ones.
//!
//! [`write()`] makes a group of Blocks and gives its volumes as Blocks; [`open`] reads a group that is
//! there. Linear, striped, mirrored and RAID volumes are written through to their members, in sync from the start;
//! thin volumes take chunks of their pool. Nothing is left for the first start of the machine.
//!
//! Not supported: caches, VDO, snapshots, integrity, writecache.

mod assemble;
mod create_args;
mod format;
mod layout;
mod mapping;
mod metadata;
mod mirror_log;
mod read;
mod size;
mod text;
mod thin;
mod write;

pub use assemble::Volumes;
pub use create_args::{CreateArgsError, check_create_args, pool_options};
pub use format::Id;
pub use layout::{Options, Volume, VolumeKind, check, member_size, usable};
pub use mapping::LogicalBlock;
pub use metadata::{Group, Logical, Physical, Segment, SegmentKind, Visibility};
pub use read::{open, read};
pub use size::VolumeSize;
pub use thin::{Discards, PoolOptions, Pools, ThinPool, Zeroing, pool_geometry};
pub use write::{Made, write};

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
    /// A thin volume names a pool that is none, or comes before it.
    #[error(
        "logical volume `{volume}` is to lie in `{pool}`, and no thin pool of that name is made before it"
    )]
    NoPool {
        /// The volume.
        volume: String,
        /// What it names.
        pool: String,
    },
    /// Nothing of this is left in a thin pool.
    #[error("a thin pool has taken all of its {count} {what}")]
    PoolFull {
        /// What is all taken.
        what: &'static str,
        /// How many there are.
        count: u64,
    },
    /// The options make no sense.
    #[error("a volume group cannot be made with {0}")]
    Options(String),
}
