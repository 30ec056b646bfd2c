//! LUKS2: an encrypted volume with its keys in a header.
//!
//! [`write`] formats a Block and gives the plain text as a [`Luks2Block`] ([`begin`] leaves the header for later); [`open`] unlocks what is on
//! one, whoever wrote it; [`dump`] shows a header without any key. The format is that of the LUKS2
//! On-Disk Format Specification; `format` says which parts.
//!
//! Volume key and salts come from the operating system's randomness, unless a test forces a seed: two
//! images must never share a key because their inputs are equal.

mod anti_forensic;
mod dump;
mod format;
mod format_args;
mod kdf;
mod layout;
mod mapping;
mod metadata;
mod pending;
mod read;
mod write;
mod xts;

pub use dump::dump;
pub use format_args::{FormatArgsError, apply_format_args};
pub use layout::{Options, Pbkdf, overhead};
pub use mapping::Luks2Block;
pub use pending::PendingHeader;
pub use read::{Header, open, read};
pub use write::{Randomness, begin, write};

use super::BlockError;

/// Why a LUKS2 volume could not be made or opened.
#[derive(Debug, thiserror::Error)]
pub enum Luks2Error {
    /// The Block below failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// Neither of the two headers is one.
    #[error("no LUKS2 header")]
    NotLuks2,
    /// A header is damaged.
    #[error("damaged LUKS2 header: {0}")]
    Corrupt(String),
    /// Allowed by the format, but not by us.
    #[error("LUKS2 with {0} is not supported")]
    Unsupported(String),
    /// No key opens any keyslot.
    #[error("no keyslot opens with this passphrase or key")]
    WrongKey,
    /// The caller's options contradict each other or the Block.
    #[error("LUKS2 cannot be formatted so: {0}")]
    Options(String),
    /// The operating system has no randomness.
    #[error("reading the system's random numbers: {0}")]
    Random(#[from] getrandom::Error),
}
