//! How parted writes positions: `1MiB`, `500M`, `100%`, `-1GiB`, `2048s`.
//!
//! Facts, from parted's manual (section "unit") and from watching the program: `MiB` and its like are powers of 1024 and mean
//! exactly that place, `MB` or `M` are powers of 1000 and mean "about there", within half a unit either way; so does `%`. An end in
//! powers of 1024 means the sector before.

use crate::units::SectorSize;

/// A position that parted cannot read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// Not a number with a unit.
    #[error("`{text}` is not a position: write for example `1MiB`, `500MB`, `2048s` or `100%`")]
    Malformed {
        /// As written.
        text: String,
    },
    /// parted takes numbers between 0 and 1 for mistakes.
    #[error("`{text}` is less than one: write it in a smaller unit")]
    BelowOne {
        /// As written.
        text: String,
    },
    /// parted takes two marks of punctuation for cylinder, head and sector.
    #[error("`{text}` has a fraction, which parted does not read here")]
    Fraction {
        /// As written.
        text: String,
    },
    /// Beyond the end of the disk.
    #[error("`{text}` lies outside of the disk")]
    Outside {
        /// As written.
        text: String,
    },
}

/// Sectors `start..=end`, as signed numbers: parted's arithmetic passes zero on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    pub(super) start: i64,
    pub(super) end: i64,
}

impl Range {
    /// Sectors `start..=end`, or `None` when there are none.
    pub(super) fn new(start: i64, end: i64) -> Option<Self> {
        (start <= end).then_some(Self { start, end })
    }

    pub(super) fn contains(self, sector: i64) -> bool {
        self.start <= sector && sector <= self.end
    }

    pub(super) fn intersect(self, other: Self) -> Option<Self> {
        Self::new(self.start.max(other.start), self.end.min(other.end))
    }
}

/// A position: the sector meant, the sectors that will do, and whether it was written in powers of 1024.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Point {
    pub(super) sector: i64,
    pub(super) range: Range,
    pub(super) iec: bool,
}

/// The disk's size, by which percentages and negative positions count.
#[derive(Clone, Copy, Debug)]
pub struct Device {
    /// Sector size.
    pub sector: SectorSize,
    /// How many sectors; at most 2^53, so that parted's floating-point arithmetic is exact.
    pub sectors: u64,
}

impl Device {
    /// The number of sectors as parted counts.
    pub(super) fn length(self) -> i64 {
        i64::try_from(self.sectors).unwrap_or(i64::MAX)
    }

    fn clip(self, sector: i64) -> i64 {
        sector.clamp(0, self.length() - 1)
    }
}

impl Point {
    /// Reads `text` for `device`.
    ///
    /// # Errors
    /// See [`UnitError`].
    pub fn parse(text: &str, device: Device) -> Result<Self, UnitError> {
        let malformed = || UnitError::Malformed { text: text.to_owned() };
        let body = text.trim();
        let letters = body.chars().any(|c| c.is_ascii_alphabetic());
        if !letters && body.chars().filter(char::is_ascii_punctuation).count() == 2 {
            return Err(UnitError::Fraction { text: text.to_owned() });
        }
        let split = body.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '-').unwrap_or(body.len());
        let (number, unit) = body.split_at(split);
        let number: f64 = number.parse().map_err(|_| malformed())?;
        if number > 0.0 && number < 1.0 {
            return Err(UnitError::BelowOne { text: text.to_owned() });
        }
        let unit_bytes = unit_bytes(unit, device).ok_or_else(malformed)?;
        let sector_bytes = device.sector.bytes();
        // A unit that is a power of two is meant exactly; anything else within half a unit, a percentage too on a disk whose
        // hundredth happens to be a power of two.
        let half = (unit_bytes.div_ceil(sector_bytes) / 2).saturating_sub(1);
        let is_exact = unit_bytes.is_power_of_two() && !unit.trim_start().starts_with('%');
        let radius = if is_exact { 0 } else { half };
        let radius = i64::try_from(radius).map_err(|_| malformed())?;
        let mut sector = truncated(number * float(unit_bytes) / float(sector_bytes)).ok_or_else(malformed)?;
        if body.starts_with('-') {
            sector += device.length();
        }
        let outside = || UnitError::Outside { text: text.to_owned() };
        let (start, end) =
            (device.clip(sector.saturating_sub(radius)), device.clip(sector.saturating_add(radius)));
        if sector.saturating_sub(end) > radius || start.saturating_sub(sector) > radius {
            return Err(outside());
        }
        let range = Range::new(start, end).ok_or_else(outside)?;
        Ok(Self { sector: device.clip(sector), range, iec: ends_in_iec_unit(body) })
    }

    /// The same as an end: a place written in powers of 1024 is the first byte after, so the sector before is the last.
    pub(super) fn as_end(self, start: &Self) -> Self {
        if !self.iec || start.sector == self.sector {
            return self;
        }
        let range = Range { start: self.range.start - 1, end: self.range.end - 1 };
        Self { sector: self.sector - 1, range, ..self }
    }
}

/// Whether a position is written in powers of 1024 so that parted moves an end by one: `kiB`, `MiB`…, but not `KiB` or `Mi`.
fn ends_in_iec_unit(body: &str) -> bool {
    let mut letters = body.chars().rev();
    let (last, middle, first) = (letters.next(), letters.next(), letters.next());
    let is = |letter: Option<char>, wanted: char| {
        letter.is_some_and(|letter| letter.eq_ignore_ascii_case(&wanted))
    };
    is(last, 'b')
        && is(middle, 'i')
        && first.is_some_and(|first| "kMGTPEZY".contains(first))
        && letters.next().is_some()
}

/// Bytes of a unit; only its first two letters count.
fn unit_bytes(unit: &str, device: Device) -> Option<u64> {
    let mut letters = unit.trim_start().chars().map(|c| c.to_ascii_lowercase());
    let (first, second) = (letters.next(), letters.next());
    let bytes = match (first, second) {
        (Some('k'), Some('i')) => 1 << 10,
        (Some('m'), Some('i')) => 1 << 20,
        (Some('g'), Some('i')) => 1 << 30,
        (Some('t'), Some('i')) => 1 << 40,
        (_, Some('i')) => return None,
        (None | Some('m'), _) => 1_000_000,
        (Some('s'), _) => device.sector.bytes(),
        (Some('b'), _) => 1,
        (Some('k'), _) => 1_000,
        (Some('g'), _) => 1_000_000_000,
        (Some('t'), _) => 1_000_000_000_000,
        (Some('%'), _) => device.sectors.checked_mul(device.sector.bytes())? / 100,
        (Some(_), _) => return None,
    };
    Some(bytes)
}

/// A count of bytes in floating point, as parted computes; exact up to 2^53.
#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "parted computes in doubles")]
fn float(bytes: u64) -> f64 {
    bytes as f64
}

/// Rounded toward zero, as a C cast does; `None` where no sector number is meant.
#[expect(
    clippy::as_conversions,
    clippy::cast_possible_truncation,
    reason = "in range: checked on the line above"
)]
fn truncated(value: f64) -> Option<i64> {
    const LARGEST: f64 = 9_007_199_254_740_992.0;
    if value.abs() > LARGEST { None } else { Some(value as i64) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEVICE: Device = Device { sector: SectorSize::S512, sectors: 134_217_728 };

    #[test]
    fn powers_of_1000_are_approximate_and_powers_of_1024_exact() {
        let about = Point::parse("500M", DEVICE).unwrap();
        assert_eq!((about.sector, about.range.start, about.range.end), (976_562, 975_586, 977_538));
        let exact = Point::parse("500MiB", DEVICE).unwrap();
        assert_eq!((exact.sector, exact.range.start, exact.range.end), (1_024_000, 1_024_000, 1_024_000));
        let start = Point::parse("1MiB", DEVICE).unwrap();
        assert_eq!(exact.as_end(&start).sector, 1_023_999);
        assert_eq!(about.as_end(&start).sector, 976_562);
    }

    #[test]
    fn percentages_and_negative_positions_count_by_the_disk() {
        assert_eq!(Point::parse("100%", DEVICE).unwrap().sector, 134_217_727);
        assert_eq!(Point::parse("-1GiB", DEVICE).unwrap().sector, 134_217_728 - (1 << 21));
        // 400 MiB: a hundredth is 4 MiB.
        let device = Device { sector: SectorSize::S512, sectors: 819_200 };
        assert_eq!(Point::parse("100%", device).unwrap().sector, 819_199);
        assert!(matches!(Point::parse("400MiB", device), Err(UnitError::Outside { .. })));
        assert!(matches!(Point::parse("1TiB", DEVICE), Err(UnitError::Outside { .. })));
        for text in ["", "M", "1X", "--1M", "1.2.3M"] {
            assert!(matches!(Point::parse(text, DEVICE), Err(UnitError::Malformed { .. })), "{text}");
        }
    }
}
