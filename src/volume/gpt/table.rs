//! A partition table as a value: what is declared, apart from where it is written.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;

use uuid::Uuid;

use super::TypeGuid;
use super::format::NAME_UNITS;
use super::layout::{Geometry, MAX_SLOTS};
use crate::units::{ByteSize, Lba, SectorSize};

/// Why a table cannot be on a disk.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    /// The disk has no room for a table.
    #[error("the disk has {len}; a partition table alone needs {needed}")]
    DiskTooSmall {
        /// Size of the disk.
        len: ByteSize,
        /// The least it would have to be.
        needed: ByteSize,
    },
    /// Numbers go from 1 to [`MAX_SLOTS`].
    #[error("partition number {number} is not between 1 and {MAX_SLOTS}")]
    Number {
        /// The number.
        number: u32,
    },
    /// The partition ends before it starts.
    #[error("partition {number} ends at sector {last}, before its first sector {first}")]
    Reversed {
        /// Its number.
        number: u32,
        /// Its first sector.
        first: Lba,
        /// Its last sector.
        last: Lba,
    },
    /// The partition lies where the table is, or past the end of the disk.
    #[error(
        "partition {number} (sectors {first} to {last}) leaves the usable sectors {usable_first} to {usable_last}"
    )]
    OutOfRange {
        /// Its number.
        number: u32,
        /// Its first sector.
        first: Lba,
        /// Its last sector.
        last: Lba,
        /// First sector that a partition may take.
        usable_first: Lba,
        /// Last sector that a partition may take.
        usable_last: Lba,
    },
    /// Two partitions share sectors.
    #[error("partition {second} starts at sector {start}, inside of partition {first}, which ends at {end}")]
    Overlap {
        /// Number of the partition that starts first.
        first: u32,
        /// Its last sector.
        end: Lba,
        /// Number of the other.
        second: u32,
        /// First sector of the other.
        start: Lba,
    },
    /// Two partitions have one identity, or one has the disk's.
    #[error("partitions {first} and {second} have the same GUID {guid}")]
    DuplicateGuid {
        /// The lower number.
        first: u32,
        /// The higher number.
        second: u32,
        /// What they share.
        guid: Uuid,
    },
    /// Two partitions have one name: `/dev/disk/by-partlabel` could show only one.
    #[error("partitions {first} and {second} have the same name `{name}`")]
    DuplicateName {
        /// The lower number.
        first: u32,
        /// The higher number.
        second: u32,
        /// What they share.
        name: PartitionName,
    },
    /// The type is the one that marks unused entries.
    #[error("partition {number} has the type of an unused entry")]
    Unused {
        /// Its number.
        number: u32,
    },
    /// The partition has no identity.
    #[error("partition {number} has an all-zero GUID")]
    NoGuid {
        /// Its number.
        number: u32,
    },
}

/// A name that is too long for a partition.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("partition name `{name}` {why}")]
pub struct PartitionNameError {
    name: String,
    why: &'static str,
}

/// The name of a partition: at most 36 UTF-16 units, none of them zero.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartitionName {
    /// Zero behind the end.
    units: [u16; NAME_UNITS],
}

impl PartitionName {
    /// No name.
    pub const EMPTY: Self = Self { units: [0; NAME_UNITS] };

    /// The units of the field, zeroes behind the end of the name.
    pub(super) const fn units(&self) -> &[u16; NAME_UNITS] {
        &self.units
    }

    /// The name that a field holds, which need not be good Unicode; what follows a zero unit is gone.
    pub(super) fn from_units(field: [u16; NAME_UNITS]) -> Self {
        let mut units = field;
        let end = units.iter().position(|unit| *unit == 0).unwrap_or(NAME_UNITS);
        units[end..].fill(0);
        Self { units }
    }

    /// The characters, and the units that are none.
    fn chars(&self) -> impl Iterator<Item = Result<char, u16>> {
        let units = self.units.iter().copied().take_while(|unit| *unit != 0);
        char::decode_utf16(units).map(|unit| unit.map_err(|error| error.unpaired_surrogate()))
    }

    /// Whether there is no name.
    pub const fn is_empty(&self) -> bool {
        self.units[0] == 0
    }
}

impl FromStr for PartitionName {
    type Err = PartitionNameError;

    fn from_str(name: &str) -> Result<Self, PartitionNameError> {
        let error = |why| PartitionNameError { name: name.to_owned(), why };
        let mut units = [0; NAME_UNITS];
        for (index, unit) in name.encode_utf16().enumerate() {
            if unit == 0 {
                return Err(error("holds a NUL"));
            }
            *units.get_mut(index).ok_or_else(|| error("is longer than 36 UTF-16 units"))? = unit;
        }
        Ok(Self { units })
    }
}

/// Shows the name; a lone surrogate as the replacement character.
impl fmt::Display for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name: String = self.chars().map(|unit| unit.unwrap_or(char::REPLACEMENT_CHARACTER)).collect();
        f.pad(&name)
    }
}

/// Shows the name in quotes and escaped, so that no two names look the same.
impl fmt::Debug for PartitionName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("\"")?;
        for unit in self.chars() {
            match unit {
                Ok(unit) => write!(f, "{}", unit.escape_debug())?,
                Err(surrogate) => write!(f, "\\u{{{surrogate:x}}}")?,
            }
        }
        f.write_str("\"")
    }
}

/// The attribute bits of a partition (UEFI 2.10, table 5.8, and the types' own bits 48 to 63).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Attributes(u64);

impl Attributes {
    /// No bit set.
    pub const NONE: Self = Self(0);

    /// The bits as the table stores them.
    pub const fn from_bits(bits: u64) -> Self {
        Self(bits)
    }

    /// These attributes and bit `bit` (0 to 63) as well; `None` when there is no such bit.
    pub fn with_bit(self, bit: u32) -> Option<Self> {
        Some(Self(self.0 | 1_u64.checked_shl(bit)?))
    }

    /// The bits as the table stores them.
    pub const fn bits(self) -> u64 {
        self.0
    }

    /// The numbers of the bits that are set, ascending.
    pub fn iter(self) -> impl Iterator<Item = u32> {
        (0..64).filter(move |bit| self.0 >> bit & 1 == 1)
    }
}

/// A partition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// What it is for.
    pub type_guid: TypeGuid,
    /// Its identity, `PARTUUID` of Linux.
    pub unique_guid: Uuid,
    /// Its first sector.
    pub first: Lba,
    /// Its last sector.
    pub last: Lba,
    /// Flags.
    pub attributes: Attributes,
    /// Its name, `PARTLABEL` of Linux.
    pub name: PartitionName,
}

/// A disk's identity and its partitions by number. Numbers need not be consecutive, nor in the order
/// of the disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Table {
    /// Identity of the disk.
    pub disk_guid: Uuid,
    /// The partitions; their numbers start with 1.
    pub entries: BTreeMap<u32, Entry>,
}

impl Table {
    /// The places that this table takes on a disk of `len` bytes.
    pub fn geometry(&self, len: ByteSize, sector_size: SectorSize) -> Result<Geometry, TableError> {
        let highest = self.entries.last_key_value().map_or(0, |(number, _)| *number);
        Geometry::new(len, sector_size, highest)
    }

    /// Everything that is wrong with this table on a disk like `geometry`, in a fixed order.
    pub fn faults(&self, geometry: Geometry) -> Vec<TableError> {
        let mut faults = Vec::new();
        for (number, entry) in &self.entries {
            faults.extend(entry_fault(*number, entry, geometry));
        }
        self.find_overlaps(&mut faults);
        self.find_duplicates(&mut faults);
        faults
    }

    fn find_overlaps(&self, faults: &mut Vec<TableError>) {
        let mut by_start: Vec<_> =
            self.entries.iter().filter(|(_, entry)| entry.first <= entry.last).collect();
        by_start.sort_by_key(|(number, entry)| (entry.first, **number));
        // Of the partitions so far, the one that reaches furthest is the one to run into.
        let mut furthest: Option<(u32, Lba)> = None;
        for (number, entry) in by_start {
            if let Some((first, end)) = furthest.filter(|(_, end)| entry.first <= *end) {
                faults.push(TableError::Overlap { first, end, second: *number, start: entry.first });
            }
            if furthest.is_none_or(|(_, end)| entry.last > end) {
                furthest = Some((*number, entry.last));
            }
        }
    }

    fn find_duplicates(&self, faults: &mut Vec<TableError>) {
        let mut guids = HashMap::new();
        let mut names = HashMap::new();
        for (number, entry) in &self.entries {
            if let Some(first) = guids.insert(entry.unique_guid, *number) {
                let guid = entry.unique_guid;
                faults.push(TableError::DuplicateGuid { first, second: *number, guid });
            }
            if entry.name.is_empty() {
                continue;
            }
            if let Some(first) = names.insert(entry.name, *number) {
                faults.push(TableError::DuplicateName { first, second: *number, name: entry.name });
            }
        }
    }
}

/// What is wrong with one partition by itself.
fn entry_fault(number: u32, entry: &Entry, geometry: Geometry) -> Option<TableError> {
    let Entry { first, last, .. } = *entry;
    let (usable_first, usable_last) = (geometry.first_usable(), geometry.last_usable());
    if number == 0 || number > MAX_SLOTS {
        Some(TableError::Number { number })
    } else if last < first {
        Some(TableError::Reversed { number, first, last })
    } else if first < usable_first || last > usable_last {
        Some(TableError::OutOfRange { number, first, last, usable_first, usable_last })
    } else if entry.type_guid == TypeGuid::UNUSED {
        Some(TableError::Unused { number })
    } else if entry.unique_guid.is_nil() {
        Some(TableError::NoGuid { number })
    } else {
        None
    }
}
