//! What can be wrong: with what is asked for, with the file, with an image.

use std::io;

/// Why a medium cannot be made.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A name that no file can have.
    #[error("`{0}` cannot be the name of a file")]
    Name(String),
    /// Two things want one name.
    #[error("`{0}` is there twice")]
    Exists(String),
    /// Something is to be put into what is no directory.
    #[error("`{0}` is not a directory")]
    NotADirectory(String),
    /// The name of the volume does not fit its field.
    #[error("`{name}` is not a volume ID: {why}")]
    VolumeId {
        /// The name.
        name: String,
        /// What is wrong with it.
        why: &'static str,
    },
    /// Path tables number directories with 16 bits.
    #[error("{0} directories are more than the 65535 that an ISO 9660 volume can have")]
    TooManyDirectories(usize),
    /// More than 2^16 names in a directory are alike after shortening.
    #[error("too many names in `{0}` are alike")]
    NamesAlike(String),
    /// Blocks are numbered with 32 bits.
    #[error("{len} bytes are more than the 8 TiB that an ISO 9660 volume can have")]
    TooLarge {
        /// Bytes of the whole image.
        len: u64,
    },
}

/// Why the structures could not be written.
#[derive(Debug, thiserror::Error)]
#[error("writing at byte {offset}")]
pub struct WriteError {
    /// Where.
    pub(crate) offset: u64,
    /// What the operating system said.
    pub(crate) source: io::Error,
}

/// Why an image cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file or device said no.
    #[error("reading at byte {offset}")]
    Io {
        /// Where.
        offset: u64,
        /// What the operating system said.
        source: io::Error,
    },
    /// There is no primary volume descriptor.
    #[error("there is no ISO 9660 file system")]
    NoVolume,
    /// A structure is wrong.
    #[error("{what} at byte {offset}: {why}")]
    Corrupt {
        /// The structure.
        what: &'static str,
        /// Where it is.
        offset: u64,
        /// What is wrong with it.
        why: &'static str,
    },
}
