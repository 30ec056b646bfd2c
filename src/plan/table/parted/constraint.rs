//! parted's constraint solver, as far as adding a partition needs it: the nearest aligned start in a range, then the nearest
//! aligned end.

use super::unit::Range;

/// Sectors that are `offset` more than a multiple of `grain`.
#[derive(Clone, Copy, Debug)]
pub(super) struct Alignment {
    pub offset: i64,
    pub grain: i64,
}

impl Alignment {
    /// Any sector.
    pub(super) const ANY: Self = Self { offset: 0, grain: 1 };

    /// The nearest aligned sector to `sector` at or below it, or the first one above where the range begins later.
    fn down(self, range: Range, sector: i64) -> Option<i64> {
        let aligned = (sector - self.offset).div_euclid(self.grain) * self.grain + self.offset;
        self.inside(range, aligned)
    }

    /// The same upwards.
    fn up(self, range: Range, sector: i64) -> Option<i64> {
        let below = (sector - self.offset).div_euclid(self.grain) * self.grain + self.offset;
        let aligned = if below == sector { sector } else { below + self.grain };
        self.inside(range, aligned)
    }

    /// The nearer of the two; the lower one when both are as near.
    fn nearest(self, range: Range, sector: i64) -> Option<i64> {
        match (self.up(range, sector), self.down(range, sector)) {
            (Some(up), Some(down)) if (sector - up).abs() < (sector - down).abs() => Some(up),
            (_, Some(down)) => Some(down),
            (up, None) => up,
        }
    }

    /// An aligned sector moved by whole grains into `range`, if one lies there.
    fn inside(self, range: Range, aligned: i64) -> Option<i64> {
        let round_up = |distance: i64| distance + (-distance).rem_euclid(self.grain);
        let mut sector = aligned;
        if sector < range.start {
            sector += round_up(range.start - sector);
        }
        if sector > range.end {
            sector -= round_up(sector - range.end);
        }
        range.contains(sector).then_some(sector)
    }
}

/// Where a partition may start and end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Constraint {
    pub start_align: Alignment,
    pub end_align: Alignment,
    pub start: Range,
    pub end: Range,
    pub max_size: i64,
}

impl Constraint {
    /// Both ends within `range`, wherever.
    pub(super) fn within(range: Range) -> Self {
        Self {
            start_align: Alignment::ANY,
            end_align: Alignment::ANY,
            start: range,
            end: range,
            max_size: range.end - range.start + 1,
        }
    }

    /// Both constraints at once; of the two, only `self` may ask for an alignment.
    pub(super) fn and(self, other: Self) -> Option<Self> {
        Some(Self {
            start: self.start.intersect(other.start)?,
            end: self.end.intersect(other.end)?,
            max_size: self.max_size.min(other.max_size),
            ..self
        })
    }

    /// The solution nearest to `wanted`: the nearest start that leaves room for an end, then the nearest end.
    pub(super) fn nearest(&self, wanted: Range, device_length: i64) -> Option<Range> {
        let first_end = self.end_align.down(self.end, self.end.start)?;
        let last_end = self.end_align.up(self.end, self.end.end)?;
        if first_end > last_end || last_end < 1 {
            return None;
        }
        let starts = Range::new((first_end - self.max_size + 1).max(0), last_end)?.intersect(self.start)?;
        let start = self.start_align.nearest(starts, wanted.start)?;
        let ends =
            Range::new(start, (start + self.max_size - 1).min(device_length - 1))?.intersect(self.end)?;
        let end = self.end_align.nearest(ends, wanted.end)?;
        Range::new(start, end)
    }
}
