//! How large a file system can become.

use super::error::SquashfsError;
use super::format::superblock;
use super::options::Options;
use super::survey::{Survey, data_len, metadata_max};
use super::write::PADDING;
use crate::tree::Tree;
use crate::units::ByteSize;

/// What is known before anything is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The file system is not larger than this: its size if nothing became shorter and nothing was there twice.
    pub at_most: ByteSize,
}

/// How large the file system of `tree` can become, from names and sizes alone.
///
/// # Errors
///
/// When the tree holds something that Squashfs cannot store.
pub fn measure(tree: &Tree, options: &Options) -> Result<Measure, SquashfsError> {
    let survey = Survey::new(tree, options)?;
    let metadata = metadata_max(&survey, options.block_size.bytes());
    // Options of the compressor are a few bytes.
    let bytes = data_len(&survey).saturating_add(metadata).saturating_add(superblock::LEN + 64);
    Ok(Measure { at_most: ByteSize(bytes).round_up(PADDING) })
}
