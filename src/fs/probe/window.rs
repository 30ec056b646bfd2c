//! Looking at parts of a Block that may not have them.

use uuid::Uuid;

use crate::units::usize_of;
use crate::volume::{Block, BlockError};

/// A Block that is looked at.
pub(super) struct Probed<'a> {
    block: &'a dyn Block,
}

impl<'a> Probed<'a> {
    /// Looks at `block`.
    pub(super) fn new(block: &'a dyn Block) -> Self {
        Self { block }
    }

    /// The Block.
    pub(super) fn block(&self) -> &'a dyn Block {
        self.block
    }

    /// The `len` bytes at `offset`; `None` when the Block has not all of them.
    pub(super) fn window(&self, offset: u64, len: u64) -> Result<Option<Window>, BlockError> {
        if offset.checked_add(len).is_none_or(|end| end > self.block.len()) {
            return Ok(None);
        }
        let mut bytes = vec![0; usize_of(len)];
        self.block.read_at(&mut bytes, offset)?;
        Ok(Some(Window { bytes }))
    }
}

/// Some bytes of a Block. What lies outside of them reads as zero.
pub(super) struct Window {
    bytes: Vec<u8>,
}

impl Window {
    /// All the bytes.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// `N` bytes at `at`.
    pub(super) fn array<const N: usize>(&self, at: usize) -> [u8; N] {
        self.bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; N])
    }

    /// Whether `magic` is at `at`.
    pub(super) fn has(&self, magic: &[u8], at: usize) -> bool {
        self.bytes.get(at..).is_some_and(|rest| rest.starts_with(magic))
    }

    /// A number of 16 bits, little-endian.
    pub(super) fn u16(&self, at: usize) -> u16 {
        u16::from_le_bytes(self.array(at))
    }

    /// A number of 32 bits, little-endian.
    pub(super) fn u32(&self, at: usize) -> u32 {
        u32::from_le_bytes(self.array(at))
    }

    /// A number of 64 bits, little-endian.
    pub(super) fn u64(&self, at: usize) -> u64 {
        u64::from_le_bytes(self.array(at))
    }

    /// The text in a field of `len` bytes, up to its first NUL and without blanks at its end; `None` when
    /// nothing is left.
    pub(super) fn text(&self, at: usize, len: usize) -> Option<String> {
        let field = self.bytes.get(at..)?.get(..len)?;
        let text = field.split(|byte| *byte == 0).next()?.trim_ascii_end();
        (!text.is_empty()).then(|| String::from_utf8_lossy(text).into_owned())
    }

    /// The text in a field of `units` little-endian UTF-16 units, up to its first zero.
    pub(super) fn utf16(&self, at: usize, units: usize) -> Option<String> {
        let field = self.bytes.get(at..)?.get(..units.checked_mul(2)?)?;
        let units = field.chunks_exact(2).map(|unit| u16::from_le_bytes([unit[0], unit[1]]));
        let text: Vec<u16> = units.take_while(|unit| *unit != 0).collect();
        (!text.is_empty()).then(|| String::from_utf16_lossy(&text))
    }

    /// The UUID whose bytes are in order at `at`; `None` when they are all zero.
    pub(super) fn uuid(&self, at: usize) -> Option<String> {
        let uuid = Uuid::from_bytes(self.array(at));
        (!uuid.is_nil()).then(|| uuid.to_string())
    }
}
