//! Why a file system was not made by its tools.

use crate::command::CommandError;
use crate::error::IoError;
use crate::tree::ContentError;
use crate::volume::BlockError;

/// Why a file system was not made by its tools.
#[derive(Debug, thiserror::Error)]
pub enum ExternalError {
    /// A program is missing or failed.
    #[error(transparent)]
    Command(#[from] CommandError),
    /// The tree holds what cannot be carried.
    #[error("`{path}` {why}")]
    Unsupported {
        /// Path in the tree.
        path: String,
        /// What cannot be carried.
        why: String,
    },
    /// An argument for mkfs that cannot be passed on.
    #[error("mkfs argument `{0}` is not supported")]
    Argument(String),
    /// What the tool made is not what was expected.
    #[error("what {program} made cannot be finished: {why}")]
    Result {
        /// The program.
        program: &'static str,
        /// What is wrong.
        why: String,
    },
    /// A file of the host.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file's bytes.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The target.
    #[error(transparent)]
    Block(#[from] BlockError),
}

impl ExternalError {
    /// The error for something in the tree that cannot be carried.
    pub(super) fn unsupported(path: &[u8], why: impl Into<String>) -> Self {
        Self::Unsupported { path: format!("/{}", String::from_utf8_lossy(path)), why: why.into() }
    }
}
