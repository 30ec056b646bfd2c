//! How sgdisk writes positions: `0`, `34s`, `1M`, `+500M`, `-1G`.
//!
//! The rules are those of `sgdisk --new` (manual page sgdisk(8), "-n"): powers of 1024, a number without a unit counts sectors,
//! zero means "the default", `+` counts from the default (a start) or from the partition's own start (an end), `-` counts back
//! from the end of the free space. Every case here is held against the real program in `tests/it/plan.rs`.

use crate::units::SectorSize;

/// A position that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PositionError {
    /// Not a number with a unit.
    #[error(
        "`{text}` is not a position: write sectors (`2048s`), a size (`1M`, `20G`), `+SIZE`, `-SIZE` or `0`"
    )]
    Malformed {
        /// As written.
        text: String,
    },
    /// sgdisk stops reading at the point and takes `1.5G` for one sector.
    #[error(
        "`{text}` has a decimal point, which sgdisk does not read: write whole numbers of a smaller unit"
    )]
    Decimal {
        /// As written.
        text: String,
    },
    /// A percentage, which only the legacy `table` type has.
    #[error("`{text}`: percentages of a disk exist only as `size = \"100%\"`")]
    Percent {
        /// As written.
        text: String,
    },
    /// More sectors than 64 bits count.
    #[error("`{text}` is larger than any disk")]
    TooLarge {
        /// As written.
        text: String,
    },
}

/// A position as written, its number in sectors.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Position {
    /// Zero, with or without a sign: whatever is the default there.
    Default,
    /// A sector of the disk.
    At(u64),
    /// So many sectors after the default start, or a partition of so many sectors.
    Plus(u64),
    /// So many sectors before the last one that is free.
    Minus(u64),
}

impl Position {
    /// Reads `text` for a disk of `sector`-sized sectors.
    ///
    /// # Errors
    /// See [`PositionError`].
    pub fn parse(text: &str, sector: SectorSize) -> Result<Self, PositionError> {
        let owned = || text.to_owned();
        let body = text.trim_start_matches(' ');
        let (sign, body) = match body.as_bytes().first() {
            Some(b'+') => (b'+', &body[1..]),
            Some(b'-') => (b'-', &body[1..]),
            _ => (b' ', body),
        };
        if body.is_empty() {
            return Ok(Self::Default);
        }
        let split = body.find(|c: char| !c.is_ascii_digit()).unwrap_or(body.len());
        let (digits, unit) = body.split_at(split);
        let unit = unit.trim_start();
        if digits.is_empty() {
            return Err(PositionError::Malformed { text: owned() });
        }
        let number: u64 = digits.parse().map_err(|_| PositionError::TooLarge { text: owned() })?;
        let scale = Scale::of(unit, sector).map_err(|kind| kind.error(owned()))?;
        if number == 0 {
            return Ok(Self::Default);
        }
        let sectors = scale.apply(number).ok_or_else(|| PositionError::TooLarge { text: owned() })?;
        Ok(match sign {
            b'+' => Self::Plus(sectors),
            b'-' => Self::Minus(sectors),
            _ => Self::At(sectors),
        })
    }

    /// The start sector, when the largest free space begins at `low` (aligned) and ends at `high`; `None` before sector 0 or
    /// past 64 bits.
    pub fn start(self, low: u64, high: u64, alignment: u64) -> Option<u64> {
        match self {
            Self::Default => Some(low),
            Self::At(sector) => Some(sector),
            // In a free space smaller than the alignment sgdisk cannot tell a start from an end and subtracts one.
            Self::Plus(sectors) if high.wrapping_sub(low) < alignment => {
                low.checked_add(sectors.saturating_sub(1))
            }
            Self::Plus(sectors) => low.checked_add(sectors),
            Self::Minus(sectors) => high.checked_sub(sectors),
        }
    }

    /// The last sector of a partition that starts at `start` (before alignment), `high` being the last free one; `None` before
    /// sector 0 or past 64 bits.
    pub fn end(self, start: u64, high: u64) -> Option<u64> {
        match self {
            Self::Default => Some(high),
            Self::At(sector) => Some(sector),
            Self::Plus(sectors) => start.checked_add(sectors.saturating_sub(1)),
            Self::Minus(sectors) => high.checked_sub(sectors),
        }
    }
}

/// What one unit is in sectors.
#[derive(Clone, Copy)]
enum Scale {
    Multiply(u64),
    Divide(u64),
}

/// Why there is no scale for a unit.
enum UnitFault {
    Unknown,
    Decimal,
    Percent,
}

impl UnitFault {
    fn error(self, text: String) -> PositionError {
        match self {
            Self::Unknown => PositionError::Malformed { text },
            Self::Decimal => PositionError::Decimal { text },
            Self::Percent => PositionError::Percent { text },
        }
    }
}

impl Scale {
    /// Only the first letter counts: `M`, `MB` and `MiB` are the same to sgdisk.
    fn of(unit: &str, sector: SectorSize) -> Result<Self, UnitFault> {
        let shift = match unit.chars().next().map(|c| c.to_ascii_uppercase()) {
            None | Some('S') => return Ok(Self::Multiply(1)),
            Some('.' | ',') => return Err(UnitFault::Decimal),
            Some('%') => return Err(UnitFault::Percent),
            Some('K') => 10,
            Some('M') => 20,
            Some('G') => 30,
            Some('T') => 40,
            Some('P') => 50,
            Some('E') => 60,
            Some(_) => return Err(UnitFault::Unknown),
        };
        let bytes: u64 = 1 << shift;
        if bytes >= sector.bytes() {
            Ok(Self::Multiply(bytes / sector.bytes()))
        } else {
            Ok(Self::Divide(sector.bytes() / bytes))
        }
    }

    fn apply(self, number: u64) -> Option<u64> {
        match self {
            Self::Multiply(factor) => number.checked_mul(factor),
            Self::Divide(divisor) => Some(number / divisor),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Result<Position, PositionError> {
        Position::parse(text, SectorSize::S512)
    }

    #[test]
    fn units_are_powers_of_1024_and_bare_numbers_are_sectors() {
        for (text, position) in [
            ("0", Position::Default),
            ("-0", Position::Default),
            ("+0", Position::Default),
            ("0M", Position::Default),
            ("2048", Position::At(2048)),
            ("34s", Position::At(34)),
            ("1M", Position::At(2048)),
            ("2MiB", Position::At(4096)),
            ("+500M", Position::Plus(1_024_000)),
            ("-1G", Position::Minus(2_097_152)),
            ("+1m", Position::Plus(2048)),
        ] {
            assert_eq!(parse(text), Ok(position), "{text}");
        }
        assert_eq!(Position::parse("5K", SectorSize::S4096), Ok(Position::At(1)));
        assert_eq!(Position::parse("1M", SectorSize::S4096), Ok(Position::At(256)));
    }

    #[test]
    fn what_sgdisk_would_misread_is_refused() {
        assert!(matches!(parse("1.5G"), Err(PositionError::Decimal { .. })));
        assert!(matches!(parse("50%"), Err(PositionError::Percent { .. })));
        assert!(matches!(parse("ten"), Err(PositionError::Malformed { .. })));
        assert!(matches!(parse("10x"), Err(PositionError::Malformed { .. })));
        assert!(matches!(parse("99999999999999999999"), Err(PositionError::TooLarge { .. })));
        assert!(matches!(parse("16777216E"), Err(PositionError::TooLarge { .. })));
    }
}
