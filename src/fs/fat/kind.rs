//! The three types of FAT.

use std::fmt;
use std::ops::RangeInclusive;

/// How wide the entries of the table are. Nothing on a volume says which type it is: the number of its
/// clusters decides (FATGEN, "FAT Type Determination").
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// 12 bits: fewer than 4,085 clusters.
    Fat12,
    /// 16 bits: fewer than 65,525 clusters.
    Fat16,
    /// 28 bits in 32.
    Fat32,
}

impl Kind {
    /// The type of a volume with `clusters` clusters.
    pub(super) const fn of(clusters: u32) -> Self {
        match clusters {
            ..4085 => Self::Fat12,
            4085..65_525 => Self::Fat16,
            _ => Self::Fat32,
        }
    }

    /// How many clusters we give a volume of this type: 16 away from where another type begins, since
    /// many programs get the border wrong (FATGEN, "FAT Type Determination").
    pub(super) const fn clusters(self) -> RangeInclusive<u32> {
        match self {
            Self::Fat12 => 1..=4085 - 17,
            Self::Fat16 => 4085 + 16..=65_525 - 17,
            // Cluster numbers from 0x0ffffff7 have meanings of their own.
            Self::Fat32 => 65_525 + 16..=0x0fff_fff5,
        }
    }

    /// Width of an entry of the table, in bits.
    pub(super) const fn bits(self) -> u64 {
        match self {
            Self::Fat12 => 12,
            Self::Fat16 => 16,
            Self::Fat32 => 32,
        }
    }

    /// The bits of an entry that count: the upper four of FAT32 are reserved.
    pub(super) const fn mask(self) -> u32 {
        match self {
            Self::Fat12 => 0x0fff,
            Self::Fat16 => 0xffff,
            Self::Fat32 => 0x0fff_ffff,
        }
    }

    /// Marks the last cluster of a chain; everything from eight below means the same.
    pub(super) const fn end_of_chain(self) -> u32 {
        self.mask()
    }

    /// What the boot sector says for people to read.
    pub(super) const fn name(self) -> &'static [u8; 8] {
        match self {
            Self::Fat12 => b"FAT12   ",
            Self::Fat16 => b"FAT16   ",
            Self::Fat32 => b"FAT32   ",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FAT{}", self.bits())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_of_clusters_decides() {
        for (clusters, kind) in [(1, Kind::Fat12), (4084, Kind::Fat12), (4085, Kind::Fat16)] {
            assert_eq!(Kind::of(clusters), kind);
        }
        assert_eq!((Kind::of(65_524), Kind::of(65_525)), (Kind::Fat16, Kind::Fat32));
        for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
            assert_eq!(Kind::of(*kind.clusters().start()), kind);
            assert_eq!(Kind::of(*kind.clusters().end()), kind);
        }
    }
}
