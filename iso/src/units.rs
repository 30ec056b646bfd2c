//! Blocks and widths of numbers.

/// Bytes of a logical block (ECMA-119, 6.2.2); of a sector too.
pub(crate) const BLOCK: u64 = 2048;

/// The same as a length in memory.
pub(crate) const BLOCK_LEN: usize = 2048;

/// Number of a logical block, from the start of the image.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Lba(pub(crate) u32);

impl Lba {
    /// Where the block begins, in bytes.
    pub(crate) fn offset(self) -> u64 {
        u64::from(self.0) * BLOCK
    }

    /// The block at byte `offset`, which is one's beginning; `None` past the last that can be numbered.
    pub(crate) fn at(offset: u64) -> Option<Self> {
        u32::try_from(offset / BLOCK).ok().map(Self)
    }
}

const _: () = assert!(usize::BITS == 64, "an image's offsets are indexes too");

/// `value` as a length in memory; lossless, see the assertion.
#[expect(clippy::as_conversions, reason = "usize is 64 bits wide: asserted above")]
pub(crate) const fn usize_of(value: u64) -> usize {
    value as usize
}

/// A length in memory as a number of bytes; lossless, see the assertion.
#[expect(clippy::as_conversions, reason = "usize is 64 bits wide: asserted above")]
pub(crate) const fn u64_of(value: usize) -> u64 {
    value as u64
}
