//! Why a tree cannot become a FAT volume.

use super::kind::Kind;
use crate::tree::ContentError;
use crate::units::{ByteSize, SectorSize};
use crate::volume::BlockError;

/// Why a volume was not measured or written. All but the last two come before anything is written.
#[derive(Debug, thiserror::Error)]
pub enum FatError {
    /// The name cannot be one on FAT.
    #[error("FAT cannot hold the name of `{path}`: {why}")]
    Name {
        /// Path in the tree.
        path: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// Two names differ only in what FAT does not see.
    #[error("`{second}` and `{first}` are one name on FAT, where upper and lower case are the same")]
    SameName {
        /// Path in the tree.
        first: String,
        /// The other path.
        second: String,
    },
    /// A link or device.
    #[error("FAT cannot hold `{path}`: it is a {what}")]
    Unsupported {
        /// Path in the tree.
        path: String,
        /// What it is.
        what: &'static str,
    },
    /// Sizes are 32 bits.
    #[error("FAT cannot hold `{path}`: it has {len}; a file may have 4 GiB less one byte")]
    FileTooLarge {
        /// Path in the tree.
        path: String,
        /// Its size.
        len: ByteSize,
    },
    /// A directory has at most 2 MiB of entries.
    #[error("FAT cannot hold directory `{path}`: it needs {slots} entries of 32 bytes; 65536 is the most")]
    DirectoryTooLarge {
        /// Path in the tree; empty for the root.
        path: String,
        /// How many entries it needs, those for long names included.
        slots: u64,
    },
    /// Not a power of two, or outside of what FAT allows.
    #[error("FAT clusters have {sector} to 32 KiB, a power of two; not {found}")]
    ClusterSize {
        /// What was asked for.
        found: ByteSize,
        /// The smallest possible: a sector.
        sector: ByteSize,
    },
    /// The volume was planned for other sectors than its disk has.
    #[error("the volume is planned for sectors of {planned:?}, the disk has {found:?}")]
    SectorSize {
        /// What the options say.
        planned: SectorSize,
        /// What the Block says.
        found: SectorSize,
    },
    /// The volume is too small.
    #[error("the files need a FAT volume of {needed} ({} bytes); there are {available}", needed.bytes())]
    DoesNotFit {
        /// The least that would do.
        needed: ByteSize,
        /// What there is.
        available: ByteSize,
    },
    /// The volume is too large for its type or cluster size.
    #[error("{size} are too much for a {} volume{}", kind.map_or("FAT".to_owned(), |kind| kind.to_string()),
        cluster_size.map_or(String::new(), |size| format!(" with clusters of {size}")))]
    TooLarge {
        /// Size of the volume or of what should go in.
        size: ByteSize,
        /// The type that was asked for.
        kind: Option<Kind>,
        /// The cluster size that was asked for.
        cluster_size: Option<ByteSize>,
    },
    /// A file's bytes could not be had or put in place.
    #[error("copying `{path}`")]
    Content {
        /// Path in the tree.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// Writing failed.
    #[error(transparent)]
    Block(#[from] BlockError),
}
