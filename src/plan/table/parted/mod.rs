//! Where `parted -s DEVICE -- mkpart` puts partitions: what disko's legacy `table` type does, one run for each partition.
//!
//! Facts, from parted's manual and from watching the program (`tests/it/plan.rs` watches it over random lists):
//!
//! * Ends are snapped to what is there ([`snap`]), then the nearest place is taken whose start is a multiple of 1 MiB and whose
//!   end is one before such a multiple ("optimal alignment"). If the ranges that the user's units allow hold none, the nearest
//!   unaligned place is taken; if that lies outside of the ranges, parted gives up.
//! * A GUID table gives partitions the sectors between its two copies; an MBR table gives them all but sector 0, numbers
//!   primary and extended ones from 1 and logical ones from 5, and keeps one sector free before each logical partition.

mod constraint;
mod snap;
mod unit;

pub use unit::{Device, Point, UnitError};

use super::extent::Extent;
use constraint::{Alignment, Constraint};
use snap::snap;
use unit::Range;

/// The kind of table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Label {
    /// GUID partition table.
    Gpt,
    /// Master boot record.
    Msdos,
}

/// The kind of a partition of an MBR table; a GUID table has only primary ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// One of the four of the table itself.
    Primary,
    /// The one of the four that holds logical ones.
    Extended,
    /// Within the extended one.
    Logical,
}

/// Why parted would give up.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A position that is not one.
    #[error(transparent)]
    Unit(#[from] UnitError),
    /// The end comes before the start.
    #[error("it would end at sector {end}, before its start at sector {start}")]
    EndBeforeStart {
        /// Where it would start.
        start: i64,
        /// Where it would end.
        end: i64,
    },
    /// No place for it between what is there.
    #[error("sectors {start}..={end} overlap another partition or the table itself")]
    Overlap {
        /// Where it would start.
        start: i64,
        /// Where it would end.
        end: i64,
    },
    /// The nearest place is too far from what was asked.
    #[error("sectors {start}..={end} are not free; the nearest place is {nearest_start}..={nearest_end}")]
    Moved {
        /// Where it would start.
        start: i64,
        /// Where it would end.
        end: i64,
        /// The start of the nearest place.
        nearest_start: i64,
        /// The end of the nearest place.
        nearest_end: i64,
    },
    /// A logical partition and no extended one before it.
    #[error("a logical partition needs an extended one before it")]
    NoExtended,
    /// A second extended partition.
    #[error("there is already an extended partition")]
    SecondExtended,
    /// An MBR holds four.
    #[error("an MBR table has room for four primary and extended partitions; make some `logical`")]
    FourPrimaries,
    /// The disk cannot hold the table.
    #[error("the disk is too small for a partition table")]
    DiskTooSmall,
}

/// A partition that was placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Placed {
    /// Its number.
    pub number: u32,
    /// Its sectors.
    pub extent: Extent,
}

#[derive(Clone, Copy, Debug)]
struct Entry {
    number: u32,
    role: Role,
    range: Range,
}

/// A table while partitions are added to it.
#[derive(Clone, Debug)]
pub struct Parted {
    label: Label,
    device: Device,
    usable: Range,
    entries: Vec<Entry>,
}

impl Parted {
    /// An empty table.
    ///
    /// # Errors
    /// [`Refusal::DiskTooSmall`].
    pub fn new(label: Label, device: Device) -> Result<Self, Refusal> {
        let length = device.length();
        let tables = i64::try_from(super::GPT_ENTRIES_BYTES / device.sector.bytes()).unwrap_or(i64::MAX);
        let usable = match label {
            Label::Gpt => Range::new(2 + tables, length - 2 - tables),
            Label::Msdos => Range::new(1, length - 1),
        };
        Ok(Self { label, device, usable: usable.ok_or(Refusal::DiskTooSmall)?, entries: Vec::new() })
    }

    /// The sectors that partitions may use.
    pub fn usable(&self) -> Option<Extent> {
        Extent::new(u64::try_from(self.usable.start).ok()?, u64::try_from(self.usable.end).ok()?)
    }

    /// Adds a partition as `mkpart ROLE START END` would and says where it came to lie.
    ///
    /// # Errors
    /// Where parted gives up, by cause.
    pub fn add(&mut self, role: Role, start: &str, end: &str) -> Result<Placed, Refusal> {
        let role = if self.label == Label::Gpt { Role::Primary } else { role };
        let number = self.number(role)?;
        let start = Point::parse(start, self.device)?;
        let end = Point::parse(end, self.device)?.as_end(&start);
        let asked = Range::new(start.sector, end.sector)
            .ok_or(Refusal::EndBeforeStart { start: start.sector, end: end.sector })?;
        let overlap = Refusal::Overlap { start: asked.start, end: asked.end };
        let snapped = snap(asked, start.range, end.range, &self.pieces()).ok_or_else(|| overlap.clone())?;
        let whole = Range { start: 0, end: self.device.length() - 1 };
        let user = Constraint { start: start.range, end: end.range, ..Constraint::within(whole) };
        let grain = i64::try_from((1 << 20) / self.device.sector.bytes()).unwrap_or(1);
        let aligned = Constraint {
            start_align: Alignment { offset: 0, grain },
            end_align: Alignment { offset: -1, grain },
            ..user
        };
        let solve = |constraint| self.solve(role, number, snapped, constraint);
        let range = match solve(aligned) {
            Some(range) => range,
            None => {
                let nearest = solve(Constraint::within(whole)).ok_or(overlap)?;
                if !start.range.contains(nearest.start) || !end.range.contains(nearest.end) {
                    let (nearest_start, nearest_end) = (nearest.start, nearest.end);
                    return Err(Refusal::Moved {
                        start: asked.start,
                        end: asked.end,
                        nearest_start,
                        nearest_end,
                    });
                }
                nearest
            }
        };
        self.entries.push(Entry { number, role, range });
        // The solver only gives ranges within the usable sectors, which begin at 1.
        let sector = |at: i64| u64::try_from(at).unwrap_or_default();
        let extent = Extent::new(sector(range.start), sector(range.end)).ok_or(Refusal::DiskTooSmall)?;
        Ok(Placed { number, extent })
    }

    fn number(&self, role: Role) -> Result<u32, Refusal> {
        let free_from = |first: u32| {
            (first..).find(|&number| self.entries.iter().all(|entry| entry.number != number)).unwrap_or(first)
        };
        match (self.label, role) {
            (Label::Gpt, _) => Ok(free_from(1)),
            (Label::Msdos, Role::Logical) => match self.extended() {
                Some(_) => Ok(free_from(5)),
                None => Err(Refusal::NoExtended),
            },
            (Label::Msdos, Role::Extended) if self.extended().is_some() => Err(Refusal::SecondExtended),
            (Label::Msdos, Role::Primary | Role::Extended) => match free_from(1) {
                number @ 1..=4 => Ok(number),
                _ => Err(Refusal::FourPrimaries),
            },
        }
    }

    fn extended(&self) -> Option<Range> {
        self.entries.iter().find(|entry| entry.role == Role::Extended).map(|entry| entry.range)
    }

    /// The entries on the level of `role`, by start.
    fn level(&self, role: Role) -> Vec<Entry> {
        let logical = role == Role::Logical;
        let mut level: Vec<Entry> =
            self.entries.iter().copied().filter(|entry| (entry.role == Role::Logical) == logical).collect();
        level.sort_by_key(|entry| entry.range.start);
        level
    }

    fn solve(&self, role: Role, number: u32, wanted: Range, constraint: Constraint) -> Option<Range> {
        let free = self.free_around(role, wanted)?;
        let allowed = match role {
            Role::Logical => self.logical_space(number, wanted)?,
            Role::Primary | Role::Extended => self.usable,
        };
        let constraint = constraint.and(Constraint::within(free))?.and(Constraint::within(allowed))?;
        constraint.nearest(wanted, self.device.length())
    }

    /// The free space that `wanted` starts in or after.
    fn free_around(&self, role: Role, wanted: Range) -> Option<Range> {
        let within = match role {
            Role::Logical => self.extended()?,
            Role::Primary | Role::Extended => Range { start: 0, end: self.device.length() - 1 },
        };
        let (mut first, mut last) = (within.start, within.end);
        for entry in self.level(role) {
            if entry.range.start < wanted.start || first >= entry.range.start {
                first = entry.range.end + 1;
            } else {
                last = entry.range.start - 1;
                break;
            }
        }
        if first >= last { None } else { Range::new(first, last) }
    }

    /// The same within the extended partition, less the sectors that hold the chain of tables: one at the start of the
    /// extended partition, and one before each logical partition but the first.
    fn logical_space(&self, number: u32, wanted: Range) -> Option<Range> {
        let extended = self.extended()?;
        let chained = |number: u32| i64::from(number != 5);
        let own = chained(number);
        let (mut first, mut last) = (extended.start + 1 + own, extended.end);
        for entry in self.level(Role::Logical) {
            let begin = entry.range.start - chained(entry.number);
            if begin < wanted.start - own || begin <= first {
                first = entry.range.end + 1 + own;
            } else {
                last = begin - 1;
                break;
            }
        }
        if first >= last { None } else { Range::new(first, last) }
    }

    /// The disk in pieces: tables, partitions and the free space between, as the snapping sees it.
    fn pieces(&self) -> Vec<Range> {
        let length = self.device.length();
        let mut taken: Vec<Range> = Vec::new();
        let primaries = self.level(Role::Primary);
        match self.label {
            Label::Gpt => {
                taken.push(Range { start: 0, end: self.usable.start - 1 });
                taken.push(Range { start: self.usable.end + 1, end: length - 1 });
            }
            Label::Msdos => {
                // The rest of the first track is kept for boot loaders.
                let first =
                    primaries.first().map_or(TRACK - 1, |entry| (entry.range.start - 1).min(TRACK - 1));
                taken.extend(Range::new(0, first).filter(|_| first > 0));
            }
        }
        for entry in &primaries {
            if entry.role == Role::Extended {
                taken.extend(self.logical_pieces(entry.range));
            } else {
                taken.push(entry.range);
            }
        }
        fill(taken, Range { start: 0, end: length - 1 })
    }

    /// The extended partition in pieces: chain tables, logical partitions, free space.
    fn logical_pieces(&self, extended: Range) -> Vec<Range> {
        let logical = self.level(Role::Logical);
        let mut taken: Vec<Range> = logical.iter().map(|entry| entry.range).collect();
        let mut before = extended.start + 1;
        for entry in &logical {
            let last = entry.range.start - 1;
            let start = (last.div_euclid(CYLINDER) * CYLINDER).max(before);
            if entry.number != 5 || last - start + 1 >= TRACK {
                taken.extend(Range::new(start, last));
            }
            before = entry.range.end + 1;
        }
        let first = logical.first().map_or(i64::MAX, |entry| entry.range.start - 1);
        taken.extend(Range::new(extended.start, (extended.start + TRACK - 1).min(first)));
        fill(taken, extended)
    }
}

/// Sectors of a track in the geometry that disks report.
const TRACK: i64 = 63;

/// Sectors of a cylinder in that geometry.
const CYLINDER: i64 = 255 * TRACK;

/// `taken` and the gaps between, in order.
fn fill(mut taken: Vec<Range>, whole: Range) -> Vec<Range> {
    taken.sort_by_key(|range| range.start);
    let mut pieces = Vec::new();
    let mut next = whole.start;
    for range in taken {
        pieces.extend(Range::new(next, range.start - 1));
        pieces.extend(Range::new(range.start.max(next), range.end));
        next = next.max(range.end + 1);
    }
    pieces.extend(Range::new(next, whole.end));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SectorSize;

    fn table(label: Label, sectors: u64) -> Parted {
        Parted::new(label, Device { sector: SectorSize::S512, sectors }).unwrap()
    }

    fn pair(placed: Placed) -> (u32, u64, u64) {
        (placed.number, placed.extent.first(), placed.extent.sectors())
    }

    #[test]
    fn positions_in_powers_of_1000_move_to_the_nearest_mebibyte() {
        let mut gpt = table(Label::Gpt, 134_217_728);
        assert_eq!(pair(gpt.add(Role::Primary, "1M", "500M").unwrap()), (1, 2048, 974_848));
        assert_eq!(pair(gpt.add(Role::Primary, "500M", "100%").unwrap()), (2, 976_896, 133_238_784));
    }

    #[test]
    fn logical_partitions_are_numbered_from_five_within_the_extended_one() {
        let mut mbr = table(Label::Msdos, 1 << 21);
        assert_eq!(mbr.add(Role::Logical, "1MiB", "2MiB"), Err(Refusal::NoExtended));
        assert_eq!(pair(mbr.add(Role::Primary, "1MiB", "100MiB").unwrap()), (1, 2048, 202_752));
        assert_eq!(pair(mbr.add(Role::Extended, "100MiB", "100%").unwrap()), (2, 204_800, 1_892_352));
        assert_eq!(pair(mbr.add(Role::Logical, "101MiB", "200MiB").unwrap()), (5, 206_848, 202_752));
        assert_eq!(mbr.add(Role::Extended, "1MiB", "2MiB"), Err(Refusal::SecondExtended));
    }

    #[test]
    fn what_does_not_fit_is_refused() {
        let mut gpt = table(Label::Gpt, 1 << 21);
        gpt.add(Role::Primary, "1MiB", "100MiB").unwrap();
        assert!(matches!(
            gpt.add(Role::Primary, "50MiB", "60MiB"),
            Err(Refusal::Moved { .. } | Refusal::Overlap { .. })
        ));
        assert!(matches!(gpt.add(Role::Primary, "1GB", "1MiB"), Err(Refusal::EndBeforeStart { .. })));
    }
}
