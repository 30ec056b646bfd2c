use proptest::prelude::*;

use super::*;
use crate::units::{ByteSize, Lba, MIB, SectorSize, usize_of};
use crate::volume::MemoryBlock;

fn partition(kind: u8, first: u64, sectors: u32) -> Partition {
    Partition { kind: PartitionType(kind), active: false, first: Lba(first), sectors }
}

fn table(partitions: impl IntoIterator<Item = (u32, u8, u64, u32)>) -> Table {
    let partitions = partitions
        .into_iter()
        .map(|(number, kind, first, sectors)| (number, partition(kind, first, sectors)));
    Table { disk_signature: 0x1234_5678, partitions: partitions.collect() }
}

fn typical() -> Table {
    let mut table = table([
        (1, 0x0c, 2048, 2048),
        (2, 0x0f, 4096, 4000),
        (4, 0x83, 8100, 90),
        (5, 0x83, 4100, 100),
        (6, 0x82, 4300, 100),
        (7, 0x83, 5000, 3096),
    ]);
    table.partitions.get_mut(&1).unwrap().active = true;
    table
}

fn disk() -> MemoryBlock {
    MemoryBlock::new(4 * MIB, SectorSize::S512)
}

fn refusal(table: &Table) -> Option<TableError> {
    match table.write(&disk()) {
        Ok(()) => None,
        Err(WriteError::Table(error)) => Some(error),
        Err(WriteError::Block(error)) => panic!("{error}"),
    }
}

#[test]
fn what_was_written_is_read_back() {
    for sector_size in [SectorSize::S512, SectorSize::S4096] {
        let disk = MemoryBlock::new(40 * MIB, sector_size);
        typical().write(&disk).unwrap();
        assert_eq!(read(&disk).unwrap(), typical());
    }
    let empty_extended = table([(3, 5, 100, 10)]);
    let disk = disk();
    empty_extended.write(&disk).unwrap();
    assert_eq!(read(&disk).unwrap(), empty_extended);
}

#[test]
fn the_text_of_a_table_shows_everything() {
    insta::assert_snapshot!(typical(), @"
    dos 12345678
    1 2048+2048 0C active
    2 4096+4000 0F
    4 8100+90 83
    5 4100+100 83
    6 4300+100 82
    7 5000+3096 83
    ");
}

#[test]
fn each_fault_is_named_with_its_partitions() {
    let out = |number, first, last| TableError::OutOfRange {
        number,
        first: Lba(first),
        last: Lba(last),
        usable_last: Lba(8191),
    };
    assert_eq!(refusal(&typical()), None);
    assert_eq!(refusal(&table([(0, 0x83, 1, 1)])), Some(TableError::Number { number: 0 }));
    assert_eq!(refusal(&table([(1, 5, 1, 99), (6, 0x83, 3, 1)])), Some(TableError::Number { number: 6 }));
    assert_eq!(refusal(&table([(1, 0, 1, 1)])), Some(TableError::Empty { number: 1 }));
    assert_eq!(refusal(&table([(1, 0x83, 1, 0)])), Some(TableError::Empty { number: 1 }));
    assert_eq!(refusal(&table([(1, 0x83, 0, 5)])), Some(out(1, 0, 4)));
    assert_eq!(refusal(&table([(1, 0x83, 8190, 3)])), Some(out(1, 8190, 8192)));
    let overlap = TableError::Overlap { first: 2, end: Lba(19), second: 1, start: Lba(19) };
    assert_eq!(refusal(&table([(1, 0x83, 19, 5), (2, 0x83, 10, 10)])), Some(overlap));
    assert_eq!(refusal(&table([(5, 0x83, 19, 5)])), Some(TableError::Extended { found: 0 }));
    let two = table([(1, 5, 10, 10), (2, 0xf, 30, 10)]);
    assert_eq!(refusal(&two), Some(TableError::Extended { found: 2 }));
}

#[test]
fn logical_partitions_lie_in_order_inside_of_the_extended_one() {
    let logical = |partitions: [(u32, u8, u64, u32); 2]| {
        refusal(&table([(1, 5, 100, 100)].into_iter().chain(partitions)))
    };
    assert_eq!(logical([(5, 0x83, 101, 9), (6, 0x83, 111, 89)]), None);
    assert_eq!(logical([(5, 0x83, 101, 9), (6, 0x83, 111, 90)]), Some(TableError::Outside { number: 6 }));
    assert_eq!(
        logical([(5, 0x83, 100, 9), (6, 0x83, 111, 9)]),
        Some(TableError::NoRoomForLink { number: 5, first: Lba(100) })
    );
    assert_eq!(
        logical([(5, 0x83, 101, 9), (6, 0x83, 110, 9)]),
        Some(TableError::NoRoomForLink { number: 6, first: Lba(110) })
    );
    assert_eq!(
        logical([(5, 0x83, 131, 9), (6, 0x83, 111, 9)]),
        Some(TableError::Overlap { first: 5, end: Lba(139), second: 6, start: Lba(111) })
    );
}

#[test]
fn one_partition_is_active_at_most() {
    let mut table = typical();
    table.partitions.get_mut(&4).unwrap().active = true;
    assert_eq!(refusal(&table), Some(TableError::TwoActive { first: 1, second: 4 }));
}

#[test]
fn a_disk_of_3_tib_is_protected_as_far_as_32_bits_reach() {
    let record = BootRecord::protective(ByteSize::gib(3072), SectorSize::S512);
    let slot = record.slots[0].unwrap();
    assert_eq!((slot.sectors, slot.active), (u32::MAX, false));
    assert!(record.is_protective());
    let record = BootRecord::protective(ByteSize::mib(1), SectorSize::S4096);
    assert_eq!(record.slots[0].unwrap().sectors, 255);
}

#[test]
fn links_in_a_circle_end_with_an_error() {
    let disk = disk();
    typical().write(&disk).unwrap();
    let mut bytes = disk.into_bytes();
    // The second slot of the last link now points back to the second link.
    let (second, last) = ((4200_u32 - 4096).to_le_bytes(), 4400 * 512 + 446 + 16);
    bytes[last + 4] = 5;
    bytes[last + 8..last + 12].copy_from_slice(&second);
    bytes[last + 12] = 1;
    let error = read(&MemoryBlock::from_bytes(bytes, SectorSize::S512)).unwrap_err();
    assert!(matches!(error, ReadError::Link { number: 261, .. }), "{error}");
}

#[test]
fn a_lost_link_is_named() {
    let disk = disk();
    typical().write(&disk).unwrap();
    let mut bytes = disk.into_bytes();
    bytes[4200 * 512 + 510] = 0;
    let error = read(&MemoryBlock::from_bytes(bytes, SectorSize::S512)).unwrap_err();
    assert_eq!(error.to_string(), "logical partition 6 is not there: its link in sector 4200 is bad");
    assert!(matches!(read(&self::disk()), Err(ReadError::None)));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(64) })]

    #[test]
    fn any_chain_of_logical_partitions_survives(steps in proptest::collection::vec((1_u64..9, 1_u32..50), 0..30)) {
        let mut partitions = vec![(1, 0x83, 1, 9), (2, 5, 10, 4000)];
        let mut next = 10;
        for (number, (gap, sectors)) in (5..).zip(steps) {
            partitions.push((number, 0x83, next + gap, sectors));
            next += gap + u64::from(sectors);
        }
        let (table, disk) = (table(partitions), disk());
        table.write(&disk).unwrap();
        prop_assert_eq!(read(&disk).unwrap(), table);
    }

    #[test]
    fn the_reader_survives_anything(
        pokes in proptest::collection::vec((prop_oneof![440_u64..512, 4096_u64 * 512..4097 * 512], any::<u8>()), 1..20),
    ) {
        let disk = disk();
        typical().write(&disk).unwrap();
        let mut bytes = disk.into_bytes();
        for (at, value) in pokes {
            bytes[usize_of(at)] = value;
        }
        let _ = read(&MemoryBlock::from_bytes(bytes, SectorSize::S512));
    }
}
