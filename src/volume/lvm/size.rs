//! The size of a volume, as lvcreate takes it.

use super::format::SECTOR;
use crate::units::ByteSize;

/// The size of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum VolumeSize {
    /// So many bytes, rounded up to extents.
    Bytes(ByteSize),
    /// So many extents.
    Extents(u64),
    /// A part of what is free when its turn comes, in percent.
    PercentFree(u64),
    /// A part of the whole group, in percent.
    PercentGroup(u64),
}

impl VolumeSize {
    /// Reads what disko passes to lvcreate: `10G`, `100%FREE`, `50%VG`, `25%PVS`, `100%`; in the last
    /// form the percentage is of the group.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let Some((percent, of)) = text.split_once('%') else {
            // lvcreate's `-L` counts in MiB.
            return parse_lvm_size(text, ByteSize::mib(1)).map(Self::Bytes);
        };
        let percent = percent.parse().ok().filter(|percent| *percent <= 100)?;
        match of {
            "FREE" => Some(Self::PercentFree(percent)),
            "" | "VG" | "PVS" => Some(Self::PercentGroup(percent)),
            _ => None,
        }
    }
}

/// A size as LVM's options take it: in units of `default` where none stands, decimal fractions allowed.
pub(super) fn parse_lvm_size(text: &str, default: ByteSize) -> Option<ByteSize> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit: ByteSize = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" => default,
        "m" | "mib" => ByteSize::mib(1),
        "k" | "kib" => ByteSize::kib(1),
        "g" | "gib" => ByteSize::gib(1),
        "t" | "tib" => ByteSize::gib(1024),
        "s" => ByteSize(SECTOR),
        "b" => ByteSize(1),
        _ => return None,
    };
    let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
    let whole: u64 = whole.parse().ok()?;
    let scale = 10_u64.checked_pow(u32::try_from(fraction.len()).ok()?)?;
    let fraction: u64 = if fraction.is_empty() { 0 } else { fraction.parse().ok()? };
    let part = unit.bytes().checked_mul(fraction)? / scale;
    whole.checked_mul(unit.bytes())?.checked_add(part).map(ByteSize)
}
