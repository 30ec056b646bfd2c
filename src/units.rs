//! Units as types: bytes, byte ranges, sectors and logical block addresses.
//!
//! A number that crosses a module boundary says what it counts. Arithmetic that can leave the
//! 64-bit range is `checked_*`; conversions between integer widths happen here and nowhere else.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

// Offsets in files are 64-bit and so is every host this program is built for.
const _: () = assert!(usize::BITS == 64, "landfall needs a 64-bit host");

/// One kibibyte, in bytes.
pub const KIB: u64 = 1 << 10;
/// One mebibyte, in bytes.
pub const MIB: u64 = 1 << 20;
/// One gibibyte, in bytes.
pub const GIB: u64 = 1 << 30;

/// `value` as an index or length in memory; lossless on the 64-bit hosts we build for.
#[expect(clippy::as_conversions, reason = "usize is 64 bits wide: asserted above")]
pub const fn usize_of(value: u64) -> usize {
    value as usize
}

/// An index or length in memory as a 64-bit count; lossless on the 64-bit hosts we build for.
#[expect(clippy::as_conversions, reason = "usize is 64 bits wide: asserted above")]
pub const fn u64_of(value: usize) -> u64 {
    value as u64
}

/// The low 32 bits of `value`: how formats store the lower half of a split field.
#[expect(clippy::as_conversions, reason = "truncation is the meaning of this function")]
pub const fn low_u32(value: u64) -> u32 {
    value as u32
}

/// The high 32 bits of `value`: how formats store the upper half of a split field.
#[expect(clippy::as_conversions, reason = "the shift leaves 32 bits")]
pub const fn high_u32(value: u64) -> u32 {
    (value >> 32) as u32
}

/// The two's complement bits of `value`: how formats store signed times and distances.
#[expect(clippy::as_conversions, reason = "the bits are the meaning of this function")]
pub const fn bits_of_i64(value: i64) -> u64 {
    value as u64
}

/// The low 16 bits of `value`.
#[expect(clippy::as_conversions, reason = "truncation is the meaning of this function")]
pub const fn low_u16(value: u64) -> u16 {
    value as u16
}

/// The low 8 bits of `value`.
#[expect(clippy::as_conversions, reason = "truncation is the meaning of this function")]
pub const fn low_u8(value: u64) -> u8 {
    value as u8
}

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ByteSize(pub u64);

impl ByteSize {
    /// No bytes.
    pub const ZERO: Self = Self(0);

    /// `count` KiB.
    pub const fn kib(count: u64) -> Self {
        Self(count * KIB)
    }

    /// `count` MiB.
    pub const fn mib(count: u64) -> Self {
        Self(count * MIB)
    }

    /// `count` GiB.
    pub const fn gib(count: u64) -> Self {
        Self(count * GIB)
    }

    /// The number of bytes.
    pub const fn bytes(self) -> u64 {
        self.0
    }

    /// The sum, or `None` past 64 bits.
    pub fn checked_add(self, other: Self) -> Option<Self> {
        self.0.checked_add(other.0).map(Self)
    }

    /// The difference, or `None` below zero.
    pub fn checked_sub(self, other: Self) -> Option<Self> {
        self.0.checked_sub(other.0).map(Self)
    }

    /// Rounded up to a multiple of `unit` bytes; saturates at the largest such multiple.
    pub fn round_up(self, unit: u64) -> Self {
        match self.0.checked_next_multiple_of(unit) {
            Some(bytes) => Self(bytes),
            None => Self(u64::MAX / unit * unit),
        }
    }

    /// Rounded down to a multiple of `unit` bytes.
    pub fn round_down(self, unit: u64) -> Self {
        Self(self.0 / unit * unit)
    }
}

/// Shown in the largest binary unit that divides evenly, or with one decimal: `512 MiB`, `1.5 GiB`.
impl fmt::Display for ByteSize {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [(u64, &str); 4] = [(1 << 40, "TiB"), (GIB, "GiB"), (MIB, "MiB"), (KIB, "KiB")];
        for (unit, name) in UNITS {
            if self.0 >= unit {
                let tenths = u128::from(self.0) * 10 / u128::from(unit);
                return match tenths % 10 {
                    0 => write!(f, "{} {name}", tenths / 10),
                    rest => write!(f, "{}.{rest} {name}", tenths / 10),
                };
            }
        }
        write!(f, "{} B", self.0)
    }
}

/// A size that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a size; write for example `512M`, `20G` or `1T`")]
pub struct SizeError {
    text: String,
}

/// Reads `1073741824`, `512K`, `256M`, `20G`, `1T`, each also with `iB` or `B` behind the letter
/// (all powers of 1024, as disko, sgdisk and systemd-repart read them).
impl FromStr for ByteSize {
    type Err = SizeError;

    fn from_str(text: &str) -> Result<Self, SizeError> {
        let error = || SizeError { text: text.to_owned() };
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (digits, suffix) = text.split_at(split);
        let count: u64 = digits.parse().map_err(|_| error())?;
        let letter = suffix.trim_end_matches("iB").trim_end_matches('B');
        let shift = match letter {
            "" => 0,
            "K" | "k" => 10,
            "M" | "m" => 20,
            "G" | "g" => 30,
            "T" | "t" => 40,
            "P" | "p" => 50,
            _ => return Err(error()),
        };
        count.checked_mul(1 << shift).map(Self).ok_or_else(error)
    }
}

/// A range of bytes of something that has addresses; never wraps past 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ByteRange {
    start: u64,
    len: u64,
}

impl ByteRange {
    /// `len` bytes from offset `start`; `None` when the end does not fit 64 bits.
    pub fn new(start: u64, len: u64) -> Option<Self> {
        start.checked_add(len).map(|_| Self { start, len })
    }

    /// No byte at all.
    pub const fn empty() -> Self {
        Self { start: 0, len: 0 }
    }

    /// Offset of the first byte.
    pub const fn start(self) -> u64 {
        self.start
    }

    /// Number of bytes.
    pub const fn len(self) -> u64 {
        self.len
    }

    /// Offset of the byte after the last.
    pub const fn end(self) -> u64 {
        self.start + self.len
    }

    /// Whether the range holds no byte.
    pub const fn is_empty(self) -> bool {
        self.len == 0
    }

    /// Whether any byte is in both ranges.
    pub const fn overlaps(self, other: Self) -> bool {
        self.start < other.end() && other.start < self.end() && self.len > 0 && other.len > 0
    }
}

impl fmt::Display for ByteRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}..{}", self.start, self.end())
    }
}

/// Size of a logical sector: the unit in which a disk is addressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SectorSize {
    /// 512 bytes, what nearly every disk reports.
    #[default]
    S512,
    /// 4096 bytes, "4K native" disks.
    S4096,
}

impl SectorSize {
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::S512 => 512,
            Self::S4096 => 4096,
        }
    }

    /// The sector size of `bytes` bytes, if it is one that we support.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            512 => Some(Self::S512),
            4096 => Some(Self::S4096),
            _ => None,
        }
    }
}

/// Logical block address: a sector's number on its disk, from zero.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lba(pub u64);

impl Lba {
    /// Offset in bytes of this sector; `None` past 64 bits.
    pub fn offset(self, sector: SectorSize) -> Option<u64> {
        self.0.checked_mul(sector.bytes())
    }
}

impl fmt::Display for Lba {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_in_powers_of_1024() {
        let cases = [
            ("0", 0),
            ("7", 7),
            ("1K", 1024),
            ("256M", 256 * MIB),
            ("20G", 20 * GIB),
            ("2GiB", 2 * GIB),
            ("1TB", 1 << 40),
        ];
        for (text, bytes) in cases {
            assert_eq!(text.parse(), Ok(ByteSize(bytes)), "{text}");
        }
        for text in ["", "G", "1X", "-1", "1.5G", "99999999999999999999", "16777216T"] {
            assert!(text.parse::<ByteSize>().is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_fitting_unit() {
        for (bytes, text) in [
            (0, "0 B"),
            (1023, "1023 B"),
            (1536, "1.5 KiB"),
            (512 * MIB, "512 MiB"),
            (GIB * 3 / 2, "1.5 GiB"),
        ] {
            assert_eq!(ByteSize(bytes).to_string(), text);
        }
    }

    #[test]
    fn rounding_saturates_instead_of_wrapping() {
        assert_eq!(ByteSize(4097).round_up(4096), ByteSize(8192));
        assert_eq!(ByteSize(u64::MAX).round_up(4096), ByteSize(u64::MAX / 4096 * 4096));
    }

    #[test]
    fn ranges_do_not_wrap_and_know_their_overlap() {
        assert_eq!(ByteRange::new(u64::MAX, 1), None);
        let range = |start, len| ByteRange::new(start, len).unwrap();
        assert!(range(0, 10).overlaps(range(9, 1)));
        assert!(!range(0, 10).overlaps(range(10, 1)));
        assert!(!range(0, 10).overlaps(range(5, 0)));
    }
}
