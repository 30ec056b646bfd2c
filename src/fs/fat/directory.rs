//! The entries of a directory as they are stored.

use zerocopy::FromBytes;

use super::format::{
    ATTRIBUTE_LONG_NAME, DELETED, ENTRY_LEN, LAST_LONG_ENTRY, LONG_UNITS, LongEntry, ShortEntry,
};
use super::name::ShortName;
use super::time::DosTime;
use crate::units::usize_of;

/// The most parts of a long name: 255 units in 13s.
const PARTS_MAX: u8 = 20;

/// The bits of the attributes that have a meaning.
const ATTRIBUTES: u8 = 0x3f;

/// An entry with its long name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DirectoryEntry {
    /// Its short name.
    pub(super) short: ShortName,
    /// Units of its long name, if it has one.
    pub(super) long: Option<Vec<u16>>,
    /// `ATTRIBUTE_…`.
    pub(super) attributes: u8,
    /// Its first cluster, 0 when it has none.
    pub(super) cluster: u32,
    /// Its size.
    pub(super) size: u32,
    /// Time of the last change.
    pub(super) modified: DosTime,
}

impl DirectoryEntry {
    /// The name that people see; what is not Unicode is replaced.
    pub(super) fn name(&self) -> String {
        match &self.long {
            Some(units) => String::from_utf16_lossy(units),
            None => self.short.to_string(),
        }
    }
}

/// All entries of a directory.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    /// The entries in their order, label and dots included.
    pub(super) entries: Vec<DirectoryEntry>,
    /// Whether parts of long names are missing, or belong to another short name.
    pub(super) broken_long_names: bool,
}

/// The parts of a long name so far, its end first.
struct Parts {
    /// Number of the part that came last.
    ordinal: u8,
    checksum: u8,
    /// The parts, the last of the name first.
    units: Vec<[u16; LONG_UNITS]>,
}

/// Parses the bytes of a directory up to its end mark.
pub(super) fn parse(bytes: &[u8]) -> Parsed {
    let mut parsed = Parsed::default();
    let mut parts: Option<Parts> = None;
    for bytes in bytes.chunks_exact(usize_of(ENTRY_LEN)) {
        match bytes.first() {
            None | Some(0) => break,
            Some(&DELETED) => {
                parsed.broken_long_names |= parts.take().is_some();
                continue;
            }
            Some(_) => {}
        }
        let Ok(entry) = ShortEntry::read_from_bytes(bytes) else { continue };
        if entry.attributes & ATTRIBUTES == ATTRIBUTE_LONG_NAME {
            let Ok(part) = LongEntry::read_from_bytes(bytes) else { continue };
            let had_parts = parts.is_some();
            parts = add_part(parts, &part);
            let begins = part.ordinal & LAST_LONG_ENTRY != 0;
            parsed.broken_long_names |= parts.is_none() || (begins && had_parts);
            continue;
        }
        let short = ShortName { bytes: entry.name, case: entry.nt_case };
        let has_parts = parts.is_some();
        let long = parts.take().and_then(|parts| whole_name(parts, &short));
        parsed.broken_long_names |= has_parts && long.is_none();
        parsed.entries.push(DirectoryEntry {
            short,
            long,
            attributes: entry.attributes,
            cluster: u32::from(entry.cluster_high.get()) << 16 | u32::from(entry.cluster_low.get()),
            size: entry.size.get(),
            modified: DosTime { date: entry.write_date.get(), time: entry.write_time.get(), hundredths: 0 },
        });
    }
    parsed.broken_long_names |= parts.is_some();
    parsed
}

/// The parts with `part` added; `None` when it does not follow them.
fn add_part(parts: Option<Parts>, part: &LongEntry) -> Option<Parts> {
    let ordinal = part.ordinal & !LAST_LONG_ENTRY;
    let checksum = part.checksum;
    if part.ordinal & LAST_LONG_ENTRY != 0 {
        let is_number = (1..=PARTS_MAX).contains(&ordinal);
        return is_number.then(|| Parts { ordinal, checksum, units: vec![part.units()] });
    }
    let mut parts = parts.filter(|parts| parts.checksum == checksum && parts.ordinal == ordinal + 1)?;
    parts.ordinal = ordinal;
    parts.units.push(part.units());
    Some(parts)
}

/// The name whose parts are all there and belong to `short`.
fn whole_name(parts: Parts, short: &ShortName) -> Option<Vec<u16>> {
    if parts.ordinal != 1 || parts.checksum != short.checksum() {
        return None;
    }
    let units = parts.units.into_iter().rev().flatten();
    Some(units.take_while(|unit| *unit != 0 && *unit != 0xffff).collect())
}
