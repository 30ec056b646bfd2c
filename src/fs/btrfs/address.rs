//! Addresses: logical ones, which trees speak of, and the devices behind them.

use super::format::SECTOR;

/// A byte's address in the file system, whatever devices it is on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Logical(pub u64);

impl Logical {
    /// The address `bytes` further on.
    pub const fn plus(self, bytes: u64) -> Self {
        Self(self.0 + bytes)
    }
}

/// `bytes` rounded up to whole sectors.
pub const fn sectors(bytes: u64) -> u64 {
    bytes.next_multiple_of(SECTOR)
}
