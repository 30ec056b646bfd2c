//! Reading the header of a swap area.

use uuid::Uuid;
use zerocopy::FromBytes;

use super::format::{Header, MAGIC, PAGE, VERSION};
use super::label::SwapLabel;
use crate::units::ByteSize;
use crate::volume::{Block, BlockError};

/// A swap area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Swap {
    /// Its name.
    pub label: Option<SwapLabel>,
    /// Its identity.
    pub uuid: Uuid,
    /// Its size, header included.
    pub size: ByteSize,
}

/// Why there is no usable swap area.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The first page does not end with the magic.
    #[error("there is no swap area")]
    None,
    /// A version that nobody uses any more, or never did.
    #[error("swap area of version {0}")]
    Version(u32),
    /// The area has pages that its Block has not, or none.
    #[error("the swap area has {size}, its partition {available}")]
    Size {
        /// What the header says.
        size: ByteSize,
        /// Size of the Block.
        available: ByteSize,
    },
    /// Bad pages are listed: no disk of this century needs that.
    #[error("the swap area lists {0} bad pages")]
    BadPages(u32),
}

/// Reads the header of `block`.
pub fn read(block: &dyn Block) -> Result<Swap, ReadError> {
    if block.len() < PAGE {
        return Err(ReadError::None);
    }
    let mut page = [0; size_of::<Header>()];
    block.read_at(&mut page, 0)?;
    let header = Header::read_from_bytes(&page).map_err(|_| ReadError::None)?;
    if header.magic != MAGIC {
        return Err(ReadError::None);
    }
    if header.version.get() != VERSION {
        return Err(ReadError::Version(header.version.get()));
    }
    if header.bad_pages.get() != 0 {
        return Err(ReadError::BadPages(header.bad_pages.get()));
    }
    let size = ByteSize((u64::from(header.last_page.get()) + 1) * PAGE);
    let available = ByteSize(block.len());
    if size > available || header.last_page.get() == 0 {
        return Err(ReadError::Size { size, available });
    }
    Ok(Swap { label: SwapLabel::from_padded(header.label), uuid: Uuid::from_bytes(header.uuid), size })
}
