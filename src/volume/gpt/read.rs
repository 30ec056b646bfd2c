//! What is on a disk, and what is wrong with it.

use std::collections::BTreeMap;

use zerocopy::FromBytes;

use super::TypeGuid;
use super::format::{ENTRY_LEN, EntryRecord, HEADER_LEN, Header, REVISION, SIGNATURE, crc32, header_crc32};
use super::layout::{Geometry, MAX_SLOTS};
use super::table::{Attributes, Entry, PartitionName, Table, TableError};
use crate::units::{ByteSize, Lba, usize_of};
use crate::volume::mbr::{self, BootRecord};
use crate::volume::{Block, BlockError};

/// The most bytes of entries that a reader takes from a disk: what [`MAX_SLOTS`] long entries need.
const MAX_ARRAY_LEN: u64 = 4 << 20;

/// A table that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// The table: of the primary copy where that is good, else of the backup.
    pub table: Table,
    /// How many entries the array has, used or not.
    pub slots: u32,
    /// What is wrong, the worst first. A table without problems is as [`Table::write`] leaves it.
    pub problems: Vec<Problem>,
}

/// What can be wrong with a table that is still readable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The first copy is unusable; the backup was read.
    #[error("the primary table is unusable: {0}")]
    Primary(HeaderFault),
    /// The second copy is unusable.
    #[error("the backup table is unusable: {0}")]
    Backup(HeaderFault),
    /// Both copies are good by themselves, and say different things.
    #[error("the backup table differs from the primary")]
    Differ,
    /// The backup is not in the disk's last sector: the disk or image grew.
    #[error("the backup header is in sector {found}; the disk ends with sector {last}")]
    BackupNotAtEnd {
        /// Where it is.
        found: Lba,
        /// Where it belongs.
        last: Lba,
    },
    /// The header allows partitions where they cannot be.
    #[error(
        "the header says that sectors {found_first} to {found_last} are usable; it should be {first} to {last}"
    )]
    Usable {
        /// First usable sector of the header.
        found_first: Lba,
        /// Last usable sector of the header.
        found_last: Lba,
        /// First sector behind the primary entries.
        first: Lba,
        /// Last sector before the backup entries.
        last: Lba,
    },
    /// The first sector does not mark the disk as having such a table: firmware will not look for it.
    #[error("the first sector has no protective record")]
    NoProtectiveRecord,
    /// A partition is wrong.
    #[error(transparent)]
    Table(TableError),
}

/// Why one copy of the table cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderFault {
    /// Nothing there says `EFI PART`.
    #[error("no signature in sector {0}")]
    Signature(Lba),
    /// A revision that nobody has defined.
    #[error("revision {0:#x}")]
    Revision(u32),
    /// The header's length is none.
    #[error("a header of {0} bytes")]
    Length(u32),
    /// The header's checksum is not its own.
    #[error("header checksum {stored:#010x}, should be {computed:#010x}")]
    HeaderCrc {
        /// What is there.
        stored: u32,
        /// What belongs there.
        computed: u32,
    },
    /// The header says that it is in another sector.
    #[error("the header in sector {actual} says it is in sector {stored}")]
    Place {
        /// What it says.
        stored: Lba,
        /// Where it is.
        actual: Lba,
    },
    /// The array's length or place cannot be.
    #[error("{entries} entries of {len} bytes in sector {at}")]
    Array {
        /// How many entries.
        entries: u32,
        /// Length of each in bytes.
        len: u32,
        /// The array's first sector.
        at: Lba,
    },
    /// The entries' checksum is not theirs.
    #[error("checksum of the entries {stored:#010x}, should be {computed:#010x}")]
    ArrayCrc {
        /// What is there.
        stored: u32,
        /// What belongs there.
        computed: u32,
    },
}

/// Why no table was found.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The disk has no such table.
    #[error("there is no GUID partition table")]
    None,
    /// There is one, and neither copy can be used.
    #[error("both copies of the partition table are unusable: primary: {primary}; backup: {backup}")]
    Unusable {
        /// What is wrong with the first.
        primary: HeaderFault,
        /// What is wrong with the second.
        backup: HeaderFault,
    },
}

/// One good copy.
#[derive(Clone, PartialEq, Eq)]
struct Parsed {
    header: Header,
    table: Table,
}

/// Reads the table of `block` and judges it.
pub fn read(block: &dyn Block) -> Result<Found, ReadError> {
    let last = last_sector(block).ok_or(ReadError::None)?;
    let primary = parse(block, Lba(1))?;
    let backup_at = match &primary {
        Ok(parsed) => Lba(parsed.header.alternate_lba.get()),
        Err(_) => last,
    };
    let backup = parse(block, backup_at)?;
    let mut problems = Vec::new();
    let good = match (primary, backup) {
        (Ok(primary), backup) => {
            match backup {
                Ok(backup) if !same(&primary, &backup) => problems.push(Problem::Differ),
                Ok(_) => {}
                Err(fault) => problems.push(Problem::Backup(fault)),
            }
            if backup_at != last {
                problems.push(Problem::BackupNotAtEnd { found: backup_at, last });
            }
            primary
        }
        (Err(fault), Ok(backup)) => {
            problems.push(Problem::Primary(fault));
            backup
        }
        (Err(HeaderFault::Signature(_)), Err(HeaderFault::Signature(_))) => return Err(ReadError::None),
        (Err(primary), Err(backup)) => return Err(ReadError::Unusable { primary, backup }),
    };
    if !is_protected(block)? {
        problems.push(Problem::NoProtectiveRecord);
    }
    problems.extend(judge(&good, block));
    let slots = good.header.number_of_partition_entries.get();
    Ok(Found { table: good.table, slots, problems })
}

fn last_sector(block: &dyn Block) -> Option<Lba> {
    let sectors = block.len() / block.sector_size().bytes();
    // Boot record, header, one sector of entries.
    sectors.checked_sub(1).filter(|last| *last > 2).map(Lba)
}

fn is_protected(block: &dyn Block) -> Result<bool, BlockError> {
    match BootRecord::read(block) {
        Ok(record) => Ok(record.is_protective()),
        Err(mbr::ReadError::Block(error)) => Err(error),
        Err(_) => Ok(false),
    }
}

/// Whether two copies describe the same disk and partitions.
fn same(primary: &Parsed, backup: &Parsed) -> bool {
    let mut expected = primary.header;
    expected.my_lba = primary.header.alternate_lba;
    expected.alternate_lba = primary.header.my_lba;
    expected.partition_entry_lba = backup.header.partition_entry_lba;
    expected.header_crc32 = backup.header.header_crc32;
    expected == backup.header && primary.table == backup.table
}

/// What is wrong with the contents of a good copy.
fn judge(parsed: &Parsed, block: &dyn Block) -> Vec<Problem> {
    let slots = parsed.header.number_of_partition_entries.get();
    let len = ByteSize(block.len());
    let geometry = match Geometry::new(len, block.sector_size(), slots.min(MAX_SLOTS)) {
        Ok(geometry) => geometry,
        Err(error) => return vec![Problem::Table(error)],
    };
    let found_first = Lba(parsed.header.first_usable_lba.get());
    let found_last = Lba(parsed.header.last_usable_lba.get());
    let (first, last) = (geometry.first_usable(), geometry.last_usable());
    let mut problems = Vec::new();
    // Other programs start later, to align the first partition: that is their right.
    if found_first < first || found_last > last || found_last < found_first {
        problems.push(Problem::Usable { found_first, found_last, first, last });
    }
    problems.extend(parsed.table.faults(geometry).into_iter().map(Problem::Table));
    problems
}

/// Reads the copy whose header is in sector `at`.
fn parse(block: &dyn Block, at: Lba) -> Result<Result<Parsed, HeaderFault>, BlockError> {
    let sector_len = block.sector_size().bytes();
    let Some(offset) = at.offset(block.sector_size()).filter(|offset| within(block, *offset, sector_len))
    else {
        return Ok(Err(HeaderFault::Signature(at)));
    };
    let mut sector = vec![0; usize_of(sector_len)];
    block.read_at(&mut sector, offset)?;
    let header = match parse_header(&sector, at) {
        Ok(header) => header,
        Err(fault) => return Ok(Err(fault)),
    };
    let entries = header.number_of_partition_entries.get();
    let len = header.size_of_partition_entry.get();
    let array_at = Lba(header.partition_entry_lba.get());
    let array_len = u64::from(entries) * u64::from(len);
    let offset = array_at.offset(block.sector_size()).filter(|offset| within(block, *offset, array_len));
    let good_len = len >= ENTRY_LEN && len.is_power_of_two() && array_len <= MAX_ARRAY_LEN;
    let (Some(offset), true) = (offset, good_len) else {
        return Ok(Err(HeaderFault::Array { entries, len, at: array_at }));
    };
    let mut array = vec![0; usize_of(array_len)];
    block.read_at(&mut array, offset)?;
    let (stored, computed) = (header.partition_entry_array_crc32.get(), crc32(&array));
    if stored != computed {
        return Ok(Err(HeaderFault::ArrayCrc { stored, computed }));
    }
    let entries = parse_entries(&array, usize_of(u64::from(len)));
    Ok(Ok(Parsed { header, table: Table { disk_guid: header.disk_guid.into(), entries } }))
}

fn within(block: &dyn Block, offset: u64, len: u64) -> bool {
    offset.checked_add(len).is_some_and(|end| end <= block.len())
}

fn parse_header(sector: &[u8], at: Lba) -> Result<Header, HeaderFault> {
    let (header, _) = Header::read_from_prefix(sector).map_err(|_| HeaderFault::Signature(at))?;
    if header.signature != SIGNATURE {
        return Err(HeaderFault::Signature(at));
    }
    if header.revision.get() != REVISION {
        return Err(HeaderFault::Revision(header.revision.get()));
    }
    let len = header.header_size.get();
    let covered = sector.get(..usize_of(u64::from(len))).filter(|_| len >= HEADER_LEN);
    let covered = covered.ok_or(HeaderFault::Length(len))?;
    let (stored, computed) = (header.header_crc32.get(), header_crc32(covered));
    if stored != computed {
        return Err(HeaderFault::HeaderCrc { stored, computed });
    }
    let stored = Lba(header.my_lba.get());
    if stored != at {
        return Err(HeaderFault::Place { stored, actual: at });
    }
    Ok(header)
}

fn parse_entries(array: &[u8], entry_len: usize) -> BTreeMap<u32, Entry> {
    let mut entries = BTreeMap::new();
    for (number, bytes) in (1..).zip(array.chunks_exact(entry_len)) {
        let Ok((record, _)) = EntryRecord::read_from_prefix(bytes) else { continue };
        let type_guid = TypeGuid::new(record.partition_type_guid.into());
        if type_guid == TypeGuid::UNUSED {
            continue;
        }
        let entry = Entry {
            type_guid,
            unique_guid: record.unique_partition_guid.into(),
            first: Lba(record.starting_lba.get()),
            last: Lba(record.ending_lba.get()),
            attributes: Attributes::from_bits(record.attributes.get()),
            name: PartitionName::from_units(record.partition_name.map(|unit| unit.get())),
        };
        entries.insert(number, entry);
    }
    entries
}
