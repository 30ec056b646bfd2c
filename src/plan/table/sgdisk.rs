//! Where `sgdisk --align-end --new` puts partitions: what disko's `gpt` type does, one run of sgdisk for each partition.
//!
//! Facts, from sgdisk(8) and from watching the program (`tests/it/plan.rs` watches it over random lists):
//!
//! * A start without a number is the first aligned sector of the *largest* free space, an end without one the last sector of
//!   that space whose successor is aligned (`--align-end`).
//! * Starts are moved to the alignment: down where the sectors in between are free, else up where those are, else not at all.
//!   An end given as `+SIZE` counts from the start before it was moved, so a moved start changes the partition's size.
//! * The alignment is 1 MiB on an empty table. Each run computes it anew from what is there: the largest power of two, at most
//!   1 MiB, that divides every start. `--set-alignment` (disko: a position in sectors) holds for one run.
//! * On disks of 300 GB and more the computed alignment is at least eight sectors.

use std::collections::BTreeMap;

use super::extent::Extent;
use super::notation::{Position, PositionError};
use crate::units::SectorSize;

/// Entries of a partition table as sgdisk makes it (UEFI specification 2.10, section 5.3.2: at least 16 KiB).
pub const ENTRIES: u32 = 128;

/// From how many sectors on sgdisk takes a disk for one with 4096-byte physical sectors.
const ADVANCED_FORMAT: u64 = 586_072_368;

/// The least computed alignment on such a disk, in sectors.
const ADVANCED_FORMAT_ALIGNMENT: u64 = 8;

/// The alignment of an empty table, in bytes.
const DEFAULT_ALIGNMENT: u64 = 1 << 20;

/// Why a partition cannot be where it is asked for.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Placement {
    /// Its position is not one.
    #[error(transparent)]
    Position(#[from] PositionError),
    /// The disk cannot hold even the two partition tables.
    #[error("the disk has {sectors} sectors and a partition table needs {needed}")]
    DiskTooSmall {
        /// What the disk has.
        sectors: u64,
        /// The least that can hold a table.
        needed: u64,
    },
    /// More partitions than a table has entries, or a legacy table has room for.
    #[error("a table has room for {most} partitions")]
    TooMany {
        /// How many there may be.
        most: u32,
    },
    /// Nothing is free.
    #[error("no sector of the disk is free")]
    Full,
    /// The start lies inside another partition or outside the usable sectors.
    #[error("its start, sector {start}, is not free (usable sectors are {first}..={last})")]
    StartTaken {
        /// Where it would start.
        start: u64,
        /// The first usable sector.
        first: u64,
        /// The last usable sector.
        last: u64,
    },
    /// The end comes before the start.
    #[error("it would end at sector {end}, before its start at sector {start}")]
    EndBeforeStart {
        /// Where it would start.
        start: u64,
        /// Where it would end.
        end: u64,
    },
    /// It is larger than the free space from its start on.
    #[error("it needs {needed} sectors from sector {start} on, and {available} are free there")]
    TooLong {
        /// Where it starts.
        start: u64,
        /// How many sectors it asks for.
        needed: u64,
        /// How many there are.
        available: u64,
    },
}

/// What one run of sgdisk is asked for.
#[derive(Clone, Copy, Debug)]
pub struct Wanted<'a> {
    /// The partition's number, from 1.
    pub number: u32,
    /// Its start, in sgdisk's notation.
    pub start: &'a str,
    /// Its end, in sgdisk's notation.
    pub end: &'a str,
    /// `--set-alignment` in sectors; 0 leaves it to sgdisk.
    pub alignment: u64,
}

/// A GUID partition table while partitions are added to it.
#[derive(Clone, Debug)]
pub struct Gpt {
    sector: SectorSize,
    sectors: u64,
    usable: Extent,
    partitions: BTreeMap<u32, Extent>,
}

impl Gpt {
    /// An empty table on a disk of `sectors` sectors.
    ///
    /// # Errors
    /// [`Placement::DiskTooSmall`].
    pub fn new(sector: SectorSize, sectors: u64) -> Result<Self, Placement> {
        // Protective MBR and header, then the entries of 128 bytes.
        let first = 2 + u64::from(ENTRIES) * 128 / sector.bytes();
        let needed = 2 * first;
        let too_small = Placement::DiskTooSmall { sectors, needed };
        let last = sectors.checked_sub(first).ok_or_else(|| too_small.clone())?;
        let usable = Extent::new(first, last).ok_or(too_small)?;
        Ok(Self { sector, sectors, usable, partitions: BTreeMap::new() })
    }

    /// The sectors that partitions may use.
    pub const fn usable(&self) -> Extent {
        self.usable
    }

    /// Adds a partition as one run of sgdisk would and says where it came to lie.
    ///
    /// # Errors
    /// What sgdisk refuses with "Could not create partition", by cause.
    pub fn add(&mut self, wanted: &Wanted<'_>) -> Result<Extent, Placement> {
        if wanted.number == 0 || wanted.number > ENTRIES || self.partitions.contains_key(&wanted.number) {
            return Err(Placement::TooMany { most: ENTRIES });
        }
        let alignment = if wanted.alignment == 0 { self.alignment() } else { wanted.alignment };
        let start = Position::parse(wanted.start, self.sector)?;
        let end = Position::parse(wanted.end, self.sector)?;
        let low = self.align(self.first_in_largest().ok_or(Placement::Full)?, alignment);
        let high = self.last_in_free_aligned(low, alignment);
        let asked = start.start(low, high, alignment).ok_or_else(|| self.start_taken(0))?;
        let last = end.end(asked, high).ok_or(Placement::EndBeforeStart { start: asked, end: 0 })?;
        let first = self.align(asked, alignment);
        if !self.is_free(first) {
            return Err(self.start_taken(first));
        }
        let extent = Extent::new(first, last).ok_or(Placement::EndBeforeStart { start: first, end: last })?;
        let limit = self.last_in_free(first);
        if last > limit {
            let available = limit - first + 1;
            return Err(Placement::TooLong { start: first, needed: extent.sectors(), available });
        }
        self.partitions.insert(wanted.number, extent);
        Ok(extent)
    }

    fn start_taken(&self, start: u64) -> Placement {
        Placement::StartTaken { start, first: self.usable.first(), last: self.usable.last() }
    }

    /// The alignment that sgdisk computes when it reads the table.
    fn alignment(&self) -> u64 {
        let mut alignment = DEFAULT_ALIGNMENT / self.sector.bytes();
        for extent in self.partitions.values() {
            while !extent.first().is_multiple_of(alignment) {
                alignment /= 2;
            }
        }
        if alignment < ADVANCED_FORMAT_ALIGNMENT && self.sectors >= ADVANCED_FORMAT {
            alignment = ADVANCED_FORMAT_ALIGNMENT;
        }
        alignment
    }

    fn is_free(&self, sector: u64) -> bool {
        self.usable.contains(sector) && !self.partitions.values().any(|extent| extent.contains(sector))
    }

    fn all_free(&self, first: u64, last: u64) -> bool {
        match Extent::new(first, last) {
            Some(run) => {
                self.usable.contains(first)
                    && self.usable.contains(last)
                    && !self.partitions.values().any(|extent| extent.overlaps(run))
            }
            None => false,
        }
    }

    /// `sector` on the alignment: down if all in between is free, else up if that is, else as it was.
    fn align(&self, sector: u64, alignment: u64) -> u64 {
        if sector.is_multiple_of(alignment) {
            return sector;
        }
        let earlier = sector / alignment * alignment;
        if self.all_free(earlier, sector - 1) {
            return earlier;
        }
        match earlier.checked_add(alignment) {
            Some(later) if self.all_free(sector + 1, later) => later,
            _ => sector,
        }
    }

    /// The first free sector at or after `from`.
    fn first_available(&self, from: u64) -> Option<u64> {
        let mut first = from.max(self.usable.first());
        while let Some(extent) = self.partitions.values().find(|extent| extent.contains(first)) {
            first = extent.last() + 1;
        }
        (first <= self.usable.last()).then_some(first)
    }

    /// The last sector before the next partition after `start`, or the last usable one.
    fn last_in_free(&self, start: u64) -> u64 {
        let next = self.partitions.values().map(|extent| extent.first()).filter(|&first| first > start).min();
        next.map_or(self.usable.last(), |first| (first - 1).min(self.usable.last()))
    }

    /// The same with `--align-end`: one before an aligned sector, where there is one after `start`.
    fn last_in_free_aligned(&self, start: u64, alignment: u64) -> u64 {
        let nearest = self.last_in_free(start);
        let after = nearest + 1;
        let aligned = self.align(after, alignment);
        if aligned != after && self.is_free(aligned - 1) && aligned > start { aligned - 1 } else { nearest }
    }

    /// The first sector of the largest free space; the earlier of two equal ones.
    fn first_in_largest(&self) -> Option<u64> {
        let mut largest: Option<(u64, u64)> = None;
        let mut from = 0;
        while let Some(first) = self.first_available(from) {
            let last = self.last_in_free(first);
            let sectors = last - first + 1;
            if largest.is_none_or(|(_, most)| sectors > most) {
                largest = Some((first, sectors));
            }
            from = last + 1;
        }
        largest.map(|(first, _)| first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DISK: u64 = 64 << 21;

    fn place(disk: u64, list: &[(&str, &str, u64)]) -> Vec<Result<(u64, u64), Placement>> {
        let mut table = Gpt::new(SectorSize::S512, disk).unwrap();
        (1..)
            .zip(list)
            .map(|(number, &(start, end, alignment))| {
                let extent = table.add(&Wanted { number, start, end, alignment })?;
                Ok((extent.first(), extent.sectors()))
            })
            .collect()
    }

    #[test]
    fn the_last_partition_ends_one_before_an_aligned_sector() {
        let placed = place(DISK, &[("0", "+500M", 0), ("0", "-0", 0)]);
        assert_eq!(placed, [Ok((2048, 1_024_000)), Ok((1_026_048, 133_189_632))]);
    }

    #[test]
    fn a_position_in_sectors_lowers_the_alignment_of_all_that_follow() {
        let placed = place(1 << 21, &[("34s", "2047s", 1), ("0", "+100M", 0), ("0", "-0", 0)]);
        assert_eq!(placed, [Ok((34, 2014)), Ok((2048, 204_800)), Ok((206_848, 1_890_270))]);
    }

    #[test]
    fn a_moved_start_keeps_the_end_that_was_counted_from_before() {
        assert_eq!(place(1 << 21, &[("5000", "+10M", 0)]), [Ok((4096, 21_384))]);
    }

    #[test]
    fn refusals_say_what_was_asked_and_what_there_is() {
        let placed = place(1 << 21, &[("0", "+2G", 0)]);
        let refused = Placement::TooLong { start: 2048, needed: 1 << 22, available: 2_095_071 };
        assert_eq!(placed, [Err(refused)]);
        assert!(matches!(Gpt::new(SectorSize::S512, 60), Err(Placement::DiskTooSmall { needed: 68, .. })));
    }
}
