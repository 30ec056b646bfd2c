//! Runs of sectors, as partition tables write them: first and last, both inside.

use schemars::JsonSchema;
use serde::Serialize;

use crate::units::{ByteRange, SectorSize};

/// Sectors `first..=last` of a disk; never empty.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
pub struct Extent {
    /// The first sector.
    first: u64,
    /// The last sector.
    last: u64,
}

impl Extent {
    /// Sectors `first..=last`; `None` when the last comes before the first or is the largest number there is.
    pub(in crate::plan) const fn new(first: u64, last: u64) -> Option<Self> {
        if first > last || last == u64::MAX { None } else { Some(Self { first, last }) }
    }

    /// The first sector.
    pub const fn first(self) -> u64 {
        self.first
    }

    /// The last sector, inside.
    pub const fn last(self) -> u64 {
        self.last
    }

    /// How many sectors.
    pub const fn sectors(self) -> u64 {
        self.last - self.first + 1
    }

    /// Whether `sector` is one of them.
    pub(super) const fn contains(self, sector: u64) -> bool {
        self.first <= sector && sector <= self.last
    }

    /// Whether any sector is in both.
    pub(super) const fn overlaps(self, other: Self) -> bool {
        self.first <= other.last && other.first <= self.last
    }

    /// The same as bytes; `None` past 64 bits.
    pub fn bytes(self, sector: SectorSize) -> Option<ByteRange> {
        let start = self.first.checked_mul(sector.bytes())?;
        ByteRange::new(start, self.sectors().checked_mul(sector.bytes())?)
    }
}
