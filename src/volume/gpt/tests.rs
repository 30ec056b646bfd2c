use std::collections::BTreeMap;

use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::units::{ByteSize, Lba, MIB, SectorSize, usize_of};
use crate::volume::mbr::{BootRecord, PartitionType};
use crate::volume::{Block, BlockError, MemoryBlock};

fn entry(number: u32, first: u64, last: u64) -> Entry {
    Entry {
        type_guid: TypeGuid::LINUX_FILESYSTEM,
        unique_guid: Uuid::from_u128(0x1000 + u128::from(number)),
        first: Lba(first),
        last: Lba(last),
        attributes: Attributes::NONE,
        name: format!("part{number}").parse().unwrap(),
    }
}

fn table(entries: impl IntoIterator<Item = (u32, u64, u64)>) -> Table {
    let entries = entries.into_iter().map(|(number, first, last)| (number, entry(number, first, last)));
    Table { disk_guid: Uuid::from_u128(0xd15c), entries: entries.collect() }
}

fn disk(sector_size: SectorSize) -> MemoryBlock {
    MemoryBlock::new(4 * MIB, sector_size)
}

fn faults(table: &Table) -> Vec<TableError> {
    table.faults(table.geometry(ByteSize(4 * MIB), SectorSize::S512).unwrap())
}

#[test]
fn what_was_written_is_read_back_on_either_sector_size() {
    let mut table = table([(1, 300, 310), (14, 100, 200), (15, 400, 400), (130, 500, 600)]);
    table.entries.get_mut(&1).unwrap().attributes = Attributes::NONE.with_bit(2).unwrap();
    table.entries.get_mut(&15).unwrap().name = "Größe 😀".parse().unwrap();
    for sector_size in [SectorSize::S512, SectorSize::S4096] {
        let disk = disk(sector_size);
        table.write(&disk).unwrap();
        let found = read(&disk).unwrap();
        assert_eq!(found.problems, []);
        assert_eq!(found.table, table);
    }
}

#[test]
fn the_text_of_a_table_shows_everything() {
    let mut table = table([(1, 2048, 4095), (3, 4096, 5000)]);
    table.entries.get_mut(&1).unwrap().type_guid = TypeGuid::EFI_SYSTEM;
    table.entries.get_mut(&3).unwrap().attributes = Attributes::from_bits(1 << 60 | 4);
    table.entries.get_mut(&3).unwrap().type_guid = TypeGuid::new(Uuid::from_u128(7));
    let disk = disk(SectorSize::S512);
    table.write(&disk).unwrap();
    insta::assert_snapshot!(read(&disk).unwrap(), @r#"
    gpt 00000000-0000-0000-0000-00000000d15c
    1 2048..=4095 EF00 "part1" 00000000-0000-0000-0000-000000001001
    3 4096..=5000 00000000-0000-0000-0000-000000000007 "part3" 00000000-0000-0000-0000-000000001003 bit2 bit60
    slots 128
    "#);
}

#[test]
fn each_fault_is_named_with_its_partitions() {
    let usable = (Lba(34), Lba(8192 - 34));
    let out = |number, first, last| TableError::OutOfRange {
        number,
        first: Lba(first),
        last: Lba(last),
        usable_first: usable.0,
        usable_last: usable.1,
    };
    assert_eq!(faults(&table([(1, 34, 8158)])), []);
    assert_eq!(faults(&table([(1, 33, 100)])), [out(1, 33, 100)]);
    assert_eq!(faults(&table([(1, 34, 8159)])), [out(1, 34, 8159)]);
    assert_eq!(
        faults(&table([(2, 101, 100)])),
        [TableError::Reversed { number: 2, first: Lba(101), last: Lba(100) }]
    );
    assert_eq!(
        faults(&table([(1, 300, 400), (2, 100, 300), (3, 350, 360)])),
        [
            TableError::Overlap { first: 2, end: Lba(300), second: 1, start: Lba(300) },
            TableError::Overlap { first: 1, end: Lba(400), second: 3, start: Lba(350) },
        ]
    );
    assert_eq!(faults(&table([(0, 100, 200)])), [TableError::Number { number: 0 }]);
    let too_high = table([(5000, 100, 200)]).geometry(ByteSize(4 * MIB), SectorSize::S512);
    assert_eq!(too_high, Err(TableError::Number { number: 5000 }));
}

#[test]
fn identities_and_names_must_differ() {
    let mut twins = table([(1, 100, 200), (2, 300, 400)]);
    twins.entries.get_mut(&2).unwrap().unique_guid = twins.entries[&1].unique_guid;
    twins.entries.get_mut(&2).unwrap().name = twins.entries[&1].name;
    let (guid, name) = (twins.entries[&1].unique_guid, twins.entries[&1].name);
    assert_eq!(
        faults(&twins),
        [
            TableError::DuplicateGuid { first: 1, second: 2, guid },
            TableError::DuplicateName { first: 1, second: 2, name },
        ]
    );
    for entry in twins.entries.values_mut() {
        entry.name = PartitionName::EMPTY;
        entry.unique_guid = Uuid::from_u128(entry.first.0.into());
    }
    assert_eq!(faults(&twins), []);
    twins.entries.get_mut(&1).unwrap().type_guid = TypeGuid::UNUSED;
    twins.entries.get_mut(&2).unwrap().unique_guid = Uuid::nil();
    assert_eq!(faults(&twins), [TableError::Unused { number: 1 }, TableError::NoGuid { number: 2 }]);
}

#[test]
fn names_hold_36_units_and_no_nul() {
    let name = |text: &str| text.parse::<PartitionName>();
    assert!(name(&"x".repeat(36)).is_ok());
    assert!(name(&"😀".repeat(18)).is_ok());
    let error = name(&"😀".repeat(19)).unwrap_err();
    assert!(error.to_string().ends_with("is longer than 36 UTF-16 units"));
    assert_eq!(name("a\0b").unwrap_err().to_string(), "partition name `a\0b` holds a NUL");
    assert_eq!(name("root").unwrap().to_string(), "root");
}

#[test]
fn a_refused_table_writes_nothing() {
    let disk = disk(SectorSize::S512);
    assert!(table([(1, 0, 10)]).write(&disk).is_err());
    assert!(disk.into_bytes().iter().all(|byte| *byte == 0));
}

/// Writes `table`, lets `damage` at the disk's bytes, and reads.
fn damaged(damage: impl FnOnce(&mut [u8])) -> Result<Found, ReadError> {
    let disk = disk(SectorSize::S512);
    table([(1, 100, 200), (2, 300, 400)]).write(&disk).unwrap();
    let mut bytes = disk.into_bytes();
    damage(&mut bytes);
    read(&MemoryBlock::from_bytes(bytes, SectorSize::S512))
}

#[test]
fn every_poked_field_gives_its_own_problem() {
    const LAST: usize = (8192 - 1) * 512;
    let problems = |at: usize, value: u8| damaged(|bytes| bytes[at] ^= value).unwrap().problems;
    assert_eq!(problems(512, 1), [Problem::Primary(HeaderFault::Signature(Lba(1)))]);
    assert_eq!(problems(LAST, 1), [Problem::Backup(HeaderFault::Signature(Lba(8191)))]);
    assert_eq!(problems(512 + 8, 1), [Problem::Primary(HeaderFault::Revision(0x10001))]);
    assert_eq!(problems(512 + 13, 0x04), [Problem::Primary(HeaderFault::Length(92 + 1024))]);
    assert_eq!(problems(512 + 12, 0x40), [Problem::Primary(HeaderFault::Length(92 - 64))]);
    for at in [512 + 12, 512 + 16, 512 + 24, 512 + 40, 512 + 56, 512 + 91] {
        assert!(matches!(problems(at, 1)[..], [Problem::Primary(HeaderFault::HeaderCrc { .. })]), "{at}");
    }
    for at in [1024, 1024 + 128 * 127] {
        assert!(matches!(problems(at, 1)[..], [Problem::Primary(HeaderFault::ArrayCrc { .. })]), "{at}");
    }
    assert!(matches!(problems(LAST - 512, 1)[..], [Problem::Backup(HeaderFault::ArrayCrc { .. })]));
    assert_eq!(problems(510, 1), [Problem::NoProtectiveRecord]);
    assert_eq!(problems(450, 1), [Problem::NoProtectiveRecord]);
}

#[test]
fn a_header_with_a_good_checksum_is_still_judged() {
    let with_field = |at: usize, value: &[u8]| {
        damaged(|bytes| {
            bytes[512 + at..][..value.len()].copy_from_slice(value);
            let crc = format::header_crc32(&bytes[512..512 + 92]);
            bytes[512 + 16..512 + 20].copy_from_slice(&crc.to_le_bytes());
        })
        .unwrap()
        .problems
    };
    let place = HeaderFault::Place { stored: Lba(2), actual: Lba(1) };
    assert_eq!(with_field(24, &[2]), [Problem::Primary(place)]);
    let array = |entries, len, at| Problem::Primary(HeaderFault::Array { entries, len, at: Lba(at) });
    assert_eq!(with_field(84, &[127]), [array(128, 127, 2)]);
    assert_eq!(with_field(72, &9000_u64.to_le_bytes()), [array(128, 128, 9000)]);
    assert_eq!(with_field(80, &u32::MAX.to_le_bytes()), [array(u32::MAX, 128, 2)]);
    assert_eq!(with_field(56, &[1]), [Problem::Differ]);
    let usable = |first, last| Problem::Usable {
        found_first: Lba(first),
        found_last: Lba(last),
        first: Lba(34),
        last: Lba(8158),
    };
    assert_eq!(with_field(40, &[33]), [Problem::Differ, usable(33, 8158)]);
    assert_eq!(with_field(48, &8159_u64.to_le_bytes()), [Problem::Differ, usable(34, 8159)]);
}

#[test]
fn without_a_usable_copy_there_is_no_table() {
    assert!(matches!(read(&disk(SectorSize::S512)), Err(ReadError::None)));
    assert!(matches!(read(&MemoryBlock::new(512, SectorSize::S512)), Err(ReadError::None)));
    let error = damaged(|bytes| {
        bytes[512 + 40] ^= 1;
        bytes[8191 * 512 + 40] ^= 1;
    });
    assert!(matches!(error, Err(ReadError::Unusable { .. })));
}

#[test]
fn a_grown_image_says_where_its_backup_is() {
    let disk = disk(SectorSize::S512);
    table([(1, 100, 200)]).write(&disk).unwrap();
    let mut bytes = disk.into_bytes();
    bytes.extend([0; 512]);
    let found = read(&MemoryBlock::from_bytes(bytes, SectorSize::S512)).unwrap();
    assert_eq!(found.problems, [Problem::BackupNotAtEnd { found: Lba(8191), last: Lba(8192) }]);
}

/// A Block that remembers the order of the writes and fails at one of them.
struct Watched {
    inner: MemoryBlock,
    writes: std::sync::Mutex<Vec<u64>>,
    fail_at: usize,
}

impl Block for Watched {
    fn len(&self) -> u64 {
        self.inner.len()
    }
    fn sector_size(&self) -> SectorSize {
        self.inner.sector_size()
    }
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.inner.read_at(buffer, offset)
    }
    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        let mut writes = self.writes.lock().unwrap();
        if writes.len() == self.fail_at {
            return Err(BlockError::out_of_range("test", offset, 0, 0));
        }
        writes.push(offset);
        self.inner.write_at(data, offset)
    }
    fn zero_range(&self, range: crate::units::ByteRange) -> Result<(), BlockError> {
        self.inner.zero_range(range)
    }
    fn flush(&self) -> Result<(), BlockError> {
        Ok(())
    }
}

#[test]
fn a_used_disk_is_not_bootable_until_the_last_write() {
    let old = disk(SectorSize::S512);
    table([(7, 1000, 2000)]).write(&old).unwrap();
    let old = old.into_bytes();
    for fail_at in 0.. {
        let inner = MemoryBlock::from_bytes(old.clone(), SectorSize::S512);
        let watched = Watched { inner, writes: Vec::new().into(), fail_at };
        let result = table([(1, 100, 200)]).write(&watched);
        if result.is_ok() {
            assert_eq!(watched.writes.lock().unwrap().last(), Some(&0));
            assert_eq!(read(&watched.inner).unwrap().problems, []);
            return;
        }
        assert!(BootRecord::read(&watched.inner).is_err(), "after write {fail_at} the disk looks complete");
    }
}

#[test]
fn hybrid_records_show_what_was_asked_for() {
    let mut table = table([(1, 2048, 4095), (2, 4096, 5000)]);
    table.entries.get_mut(&1).unwrap().type_guid = TypeGuid::EFI_SYSTEM;
    let shown = |number, kind| HybridPartition { number, kind, active: false };
    let hybrid = |partitions, protective| Hybrid { partitions, protective }.record(&table);
    let kind = Some(PartitionType::LINUX);
    let record = hybrid(vec![shown(2, None), shown(1, kind)], ProtectivePlace::First).unwrap();
    insta::assert_snapshot!(record, @"
    boot record 00000000
    1 1+2047 EE
    2 4096+905 83
    3 2048+2048 83
    4 empty
    ");
    let record = hybrid(vec![shown(1, None)], ProtectivePlace::Last).unwrap();
    assert_eq!(record.slots[0].unwrap().kind, PartitionType::EFI_SYSTEM);
    assert_eq!(record.slots[1].unwrap().kind, PartitionType::PROTECTIVE);
    assert!(record.is_protective());
    assert_eq!(hybrid(vec![], ProtectivePlace::First), Err(HybridError::Count(0)));
    assert_eq!(hybrid(vec![shown(1, None); 4], ProtectivePlace::First), Err(HybridError::Count(4)));
    assert_eq!(hybrid(vec![shown(9, None)], ProtectivePlace::First), Err(HybridError::NoPartition(9)));
    table.entries.get_mut(&2).unwrap().type_guid = TypeGuid::new(Uuid::from_u128(7));
    let hybrid = |partitions, protective| Hybrid { partitions, protective }.record(&table);
    assert_eq!(hybrid(vec![shown(2, None)], ProtectivePlace::First), Err(HybridError::NoType(2)));
    table.entries.get_mut(&2).unwrap().last = Lba(1 << 33);
    let hybrid = |partitions, protective| Hybrid { partitions, protective }.record(&table);
    assert_eq!(hybrid(vec![shown(2, kind)], ProtectivePlace::First), Err(HybridError::TooFar(2)));
}

fn any_table() -> impl Strategy<Value = Table> {
    let gaps =
        proptest::collection::vec((1_u32..4, 0_u64..40, 1_u64..40, any::<u64>(), "[a-zäß😀]{0,9}"), 0..40);
    (any::<u128>(), gaps).prop_map(|(disk, gaps)| {
        let mut entries = BTreeMap::new();
        let (mut number, mut next) = (0, 200);
        for (step, gap, len, attributes, name) in gaps {
            number += step;
            let mut new = entry(number, next + gap, next + gap + len - 1);
            new.attributes = Attributes::from_bits(attributes);
            new.type_guid = TypeGuid::from_code(0x8300 + u16::try_from(number % 16).unwrap()).unwrap();
            new.name = format!("{name}{number}").parse().unwrap();
            next += gap + len;
            entries.insert(number, new);
        }
        Table { disk_guid: Uuid::from_u128(disk), entries }
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(32) })]

    #[test]
    fn any_table_survives_the_disk(table in any_table(), large in any::<bool>()) {
        let sector_size = if large { SectorSize::S4096 } else { SectorSize::S512 };
        let disk = MemoryBlock::new(16 * MIB, sector_size);
        table.write(&disk).unwrap();
        let found = read(&disk).unwrap();
        prop_assert_eq!(&found.table, &table);
        prop_assert_eq!(found.problems, []);
    }

    #[test]
    fn the_reader_survives_anything(
        pokes in proptest::collection::vec((0_u64..20 * 512, any::<u8>()), 1..20),
        fix_crc in any::<bool>(),
    ) {
        let _ = damaged(|bytes| {
            for (at, value) in pokes {
                bytes[usize_of(at)] = value;
            }
            if fix_crc {
                let crc = format::header_crc32(&bytes[512..512 + 92]);
                bytes[512 + 16..512 + 20].copy_from_slice(&crc.to_le_bytes());
            }
        });
    }
}
