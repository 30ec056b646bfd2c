//! Making a swap area.

use uuid::Uuid;

use super::format::{Header, MAGIC, PAGE, VERSION};
use super::label::SwapLabel;
use crate::units::ByteSize;
use crate::volume::{Block, BlockError};

/// The smallest area that `mkswap` makes: ten pages.
pub const SIZE_MIN: ByteSize = ByteSize(10 * PAGE);

/// How an area is to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its name, if it has one.
    pub label: Option<SwapLabel>,
    /// Its identity.
    pub uuid: Uuid,
}

/// Why an area was not made.
#[derive(Debug, thiserror::Error)]
pub enum SwapError {
    /// Ten pages are the least.
    #[error("a swap area needs {SIZE_MIN}; there are {available}")]
    TooSmall {
        /// What there is.
        available: ByteSize,
    },
    /// Pages have numbers of 32 bits.
    #[error("a swap area has at most 16 TiB; there are {available}")]
    TooLarge {
        /// What there is.
        available: ByteSize,
    },
    /// Writing failed.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// The first page of an area of `available` bytes, of which whole pages are used.
pub fn header(options: &Options, available: ByteSize) -> Result<[u8; 4096], SwapError> {
    if available < SIZE_MIN {
        return Err(SwapError::TooSmall { available });
    }
    let pages = available.bytes() / PAGE;
    let last_page = u32::try_from(pages - 1).map_err(|_| SwapError::TooLarge { available })?;
    let header = Header {
        boot_bits: [0; 1024],
        version: VERSION.into(),
        last_page: last_page.into(),
        bad_pages: 0.into(),
        uuid: *options.uuid.as_bytes(),
        label: options.label.as_ref().map_or([0; 16], SwapLabel::padded),
        padding: [0; 468],
        rest: [0; 2550],
        magic: MAGIC,
    };
    Ok(zerocopy::transmute!(header))
}

/// Makes all whole pages of `block` a swap area. Only the first page is written.
pub fn write(options: &Options, block: &dyn Block) -> Result<(), SwapError> {
    Ok(block.write_at(&header(options, ByteSize(block.len()))?, 0)?)
}
