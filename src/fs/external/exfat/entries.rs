//! Entries of directories.
//!
//! Source: Microsoft's "exFAT file system specification", sections 6.3 (entry sets), 7.4 (files), 7.6 (stream
//! extension) and 7.7 (names). Numbers are little-endian.

use super::units;
use crate::fs::fat::DosTime;
use crate::timestamp::Timestamp;
use crate::tree::{NodeId, Tree};
use crate::units::{low_u8, low_u32, u64_of};

/// Bytes of an entry.
pub(super) const ENTRY: usize = 32;
/// Units of UTF-16 in an entry of a name.
const UNITS: usize = 15;

/// Types of entries: a file or directory, where its bytes are, a part of its name.
const FILE: u8 = 0x85;
const STREAM: u8 = 0xc0;
const NAME: u8 = 0xc1;
/// Types in the root: the bitmap of clusters, the upcase table, and the first byte of what was never used.
pub(super) const BITMAP: u8 = 0x81;
pub(super) const UPCASE: u8 = 0x82;
pub(super) const UNUSED: u8 = 0x00;

/// Attributes of directories and files.
const DIRECTORY: u16 = 0x10;
const ARCHIVE: u16 = 0x20;

/// Flags of a stream: it may have clusters; they are in one piece, and the FAT says nothing of them.
const ALLOCATION_POSSIBLE: u8 = 1;
const NO_FAT_CHAIN: u8 = 2;

/// The offset field of a time in UTC: valid, none.
const UTC: u8 = 0x80;

/// The unit of the fraction of a time, beside steps of two seconds.
const FRACTION_MAX: u8 = 199;

/// What an entry set says.
pub(super) struct Object<'a> {
    /// Its name.
    pub name: &'a str,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// When it was modified.
    pub modified: Timestamp,
    /// Its first cluster; 0 for a file without bytes.
    pub first: u32,
    /// Its bytes; of a directory those of its clusters.
    pub len: u64,
}

/// Bytes of the entries of directory `id`, the root's own ones apart.
pub(super) fn directory_len(tree: &Tree, id: NodeId) -> u64 {
    let of_name = |name: &[u8]| 2 + units(&String::from_utf8_lossy(name)).div_ceil(u64_of(UNITS));
    tree.entries(id).map(|(name, _)| of_name(name.as_bytes()) * u64_of(ENTRY)).sum()
}

/// The entry set of `object`; `upcase` has the upper case of every unit of UTF-16.
pub(super) fn entry_set(object: &Object<'_>, upcase: &[u16]) -> Vec<u8> {
    let name: Vec<u16> = object.name.encode_utf16().collect();
    let parts = name.chunks(UNITS);
    let mut set = vec![0; ENTRY * (2 + parts.len())];
    let time = DosTime::from(object.modified);
    let stamp = [time.time.to_le_bytes(), time.date.to_le_bytes()].concat();
    set[0] = FILE;
    set[1] = low_u8(u64_of(1 + parts.len()));
    let attributes = if object.is_directory { DIRECTORY } else { ARCHIVE };
    set[4..6].copy_from_slice(&attributes.to_le_bytes());
    for at in [8, 12, 16] {
        set[at..at + 4].copy_from_slice(&stamp);
    }
    set[20..22].fill(time.hundredths.min(FRACTION_MAX));
    set[22..25].fill(UTC);
    let stream = &mut set[ENTRY..2 * ENTRY];
    stream[0] = STREAM;
    stream[1] = if object.len == 0 { ALLOCATION_POSSIBLE } else { ALLOCATION_POSSIBLE | NO_FAT_CHAIN };
    stream[3] = low_u8(u64_of(name.len()));
    stream[4..6].copy_from_slice(&hash(&name, upcase).to_le_bytes());
    stream[8..16].copy_from_slice(&object.len.to_le_bytes());
    stream[20..24].copy_from_slice(&object.first.to_le_bytes());
    stream[24..32].copy_from_slice(&object.len.to_le_bytes());
    for (entry, part) in set[2 * ENTRY..].chunks_exact_mut(ENTRY).zip(parts) {
        entry[0] = NAME;
        for (place, unit) in entry[2..].chunks_exact_mut(2).zip(part) {
            place.copy_from_slice(&unit.to_le_bytes());
        }
    }
    let bytes = set.iter().enumerate().filter(|(at, _)| *at != 2 && *at != 3).map(|(_, byte)| *byte);
    let sum = rotating_sum(bytes);
    set[2..4].copy_from_slice(&sum.to_le_bytes());
    set
}

/// The hash of a name: over its upper case.
fn hash(name: &[u16], upcase: &[u16]) -> u16 {
    let upper = |unit: &u16| upcase.get(usize::from(*unit)).copied().unwrap_or(*unit);
    rotating_sum(name.iter().flat_map(|unit| upper(unit).to_le_bytes()))
}

/// The sum of 16 bits of entry sets and names.
fn rotating_sum(bytes: impl Iterator<Item = u8>) -> u16 {
    bytes.fold(0_u16, |sum, byte| sum.rotate_right(1).wrapping_add(u16::from(byte)))
}

/// The upcase table that `stored` says: a unit for each from 0 on, or 0xFFFF and how many are their own upper case.
pub(super) fn upcase_table(stored: &[u8]) -> Vec<u16> {
    let mut table: Vec<u16> = (0..=u16::MAX).collect();
    let mut words = stored.chunks_exact(2).map(|word| u16::from_le_bytes([word[0], word[1]]));
    let mut at = 0;
    while let Some(word) = words.next() {
        if word == u16::MAX {
            at += usize::from(words.next().unwrap_or(0));
        } else {
            if let Some(place) = table.get_mut(at) {
                *place = word;
            }
            at += 1;
        }
    }
    table
}

/// The 32 bits of a cluster's number.
pub(super) const fn number(cluster: u64) -> u32 {
    low_u32(cluster)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_compressed_table_is_expanded() {
        let words = [0_u16, 1, u16::MAX, 0x5f, 0x41, 0x42];
        let table = upcase_table(&words.map(u16::to_le_bytes).concat());
        assert_eq!((table.len(), table[0x60], table[0x61], table[0x62]), (65_536, 0x60, 0x41, 0x42));
        assert_eq!(table[0xffff], 0xffff);
    }

    #[test]
    fn the_hash_ignores_case_and_the_sum_skips_itself() {
        let table = upcase_table(&[&[0xff, 0xff, 0x61, 0][..], &[0x41, 0, 0x42, 0]].concat());
        let object =
            |name| Object { name, is_directory: false, modified: Timestamp::STORE, first: 9, len: 5 };
        let (lower, upper) = (entry_set(&object("ab"), &table), entry_set(&object("AB"), &table));
        assert_eq!(lower[ENTRY + 4..ENTRY + 6], upper[ENTRY + 4..ENTRY + 6]);
        assert_ne!(lower[2..4], upper[2..4]);
        let long = entry_set(&object(&"n".repeat(255)), &table);
        assert_eq!((long.len(), long[1], long[ENTRY + 3]), (19 * ENTRY, 18, 255));
    }
}
