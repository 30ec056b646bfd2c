use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::units::{ByteSize, MIB, SectorSize, u64_of};
use crate::volume::{Block, MemoryBlock};

fn options() -> Options {
    Options { label: Some("swap".parse().unwrap()), uuid: Uuid::from_u128(0x1234) }
}

fn made() -> MemoryBlock {
    let block = MemoryBlock::from_bytes(vec![0xa5; 1 << 20], SectorSize::S512);
    write(&options(), &block).unwrap();
    block
}

#[test]
fn what_was_written_is_read_back() {
    let swap = read(&made()).unwrap();
    assert_eq!(swap, Swap { label: options().label, uuid: options().uuid, size: ByteSize(MIB) });
    assert_eq!(swap.to_string(), "swap 1048576 bytes 00000000-0000-0000-0000-000000001234 label \"swap\"");
}

#[test]
fn only_the_first_page_is_written_and_part_of_a_page_is_not_used() {
    let block = MemoryBlock::from_bytes(vec![0xa5; 1_000_448], SectorSize::S512);
    write(&options(), &block).unwrap();
    assert_eq!(read(&block).unwrap().size, ByteSize(999_424));
    assert!(block.into_bytes()[4096..].iter().all(|byte| *byte == 0xa5));
}

#[test]
fn sizes_that_cannot_be_are_refused() {
    let size = |len| write(&options(), &MemoryBlock::new(len, SectorSize::S512));
    assert!(size(40_960).is_ok());
    assert_eq!(size(40_960 - 512).unwrap_err().to_string(), "a swap area needs 40 KiB; there are 39.5 KiB");
}

#[test]
fn labels_have_15_bytes() {
    assert!("123456789012345".parse::<SwapLabel>().is_ok());
    let error = "1234567890123456".parse::<SwapLabel>().unwrap_err();
    assert_eq!(error.to_string(), "`1234567890123456` cannot label a swap area: it is longer than 15 bytes");
    assert!("".parse::<SwapLabel>().is_err());
    assert!("a\0".parse::<SwapLabel>().is_err());
}

#[test]
fn every_poked_field_gives_its_own_error() {
    let poke = |at: usize, value: u8| {
        let mut bytes = made().into_bytes();
        bytes[at] ^= value;
        read(&MemoryBlock::from_bytes(bytes, SectorSize::S512)).map_err(|error| error.to_string())
    };
    assert_eq!(poke(4095, 1), Err("there is no swap area".into()));
    assert_eq!(poke(1024, 2), Err("swap area of version 3".into()));
    assert_eq!(poke(1030, 1), Err("the swap area has 257 MiB, its partition 1 MiB".into()));
    assert_eq!(poke(1032, 5), Err("the swap area lists 5 bad pages".into()));
    assert!(read(&MemoryBlock::new(512, SectorSize::S512)).is_err());
}

proptest! {
    #[test]
    fn the_reader_survives_anything(at in 1024_usize..1100, value in any::<[u8; 16]>()) {
        let block = made();
        block.write_at(&value, u64_of(at)).unwrap();
        let _ = read(&block).map(|swap| swap.to_string());
    }
}
