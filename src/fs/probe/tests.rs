use proptest::prelude::*;
use uuid::Uuid;

use super::*;
use crate::units::{KIB, MIB, SectorSize};
use crate::volume::MemoryBlock;

const UUID: Uuid = Uuid::from_u128(0x00112233_4455_6677_8899_aabbccddeeff);
const UUID_TEXT: &str = "00112233-4455-6677-8899-aabbccddeeff";

/// A Block of 2 MiB with `parts` at their places.
fn with(parts: &[(u64, &[u8])]) -> MemoryBlock {
    let block = MemoryBlock::new(2 * MIB, SectorSize::S512);
    for (offset, bytes) in parts {
        block.write_at(bytes, *offset).unwrap();
    }
    block
}

fn found(parts: &[(u64, &[u8])]) -> Vec<String> {
    probe_all(&with(parts)).unwrap().iter().map(Signature::to_string).collect()
}

#[test]
fn an_empty_block_bears_nothing() {
    assert_eq!(found(&[]), [""; 0]);
    assert_eq!(probe(&MemoryBlock::new(0, SectorSize::S512)).unwrap(), None);
    assert_eq!(probe(&MemoryBlock::new(512, SectorSize::S512)).unwrap(), None);
}

#[test]
fn arrays_are_known_by_each_of_their_superblocks() {
    let magic = 0xa92b_4efc_u32.to_le_bytes();
    for sector in [0_u64, 8, 4096 - 16] {
        let at = sector * 512;
        let parts: &[(u64, &[u8])] = &[
            (at, &magic),
            (at + 4, &[1]),
            (at + 16, UUID.as_bytes()),
            (at + 32, b"any:root"),
            (at + 144, &sector.to_le_bytes()),
        ];
        assert_eq!(found(parts), [format!("linux_raid_member label \"any:root\" uuid {UUID_TEXT}")]);
    }
    let at = 2 * MIB - 64 * KIB;
    let parts: &[(u64, &[u8])] =
        &[(at, &magic), (at + 8, &[90]), (at + 20, &UUID.as_bytes()[..4]), (at + 52, &UUID.as_bytes()[4..])];
    assert_eq!(found(parts), [format!("linux_raid_member uuid {UUID_TEXT}")]);
}

#[test]
fn a_superblock_that_is_elsewhere_is_not_one() {
    let magic = 0xa92b_4efc_u32.to_le_bytes();
    assert_eq!(found(&[(0, &magic), (4, &[1]), (144, &[8])]), [""; 0]);
}

/// A pair of an XDR list.
fn pair(name: &str, kind: u32, value: &[u8]) -> Vec<u8> {
    let mut name_field = name.as_bytes().to_vec();
    name_field.resize(name.len().next_multiple_of(4), 0);
    let size = 20 + name_field.len() + value.len();
    let number = |value: usize| u32::try_from(value).unwrap().to_be_bytes();
    let head = [number(size), number(size), number(name.len())].concat();
    [head, name_field, [kind.to_be_bytes(), number(1)].concat(), value.to_vec()].concat()
}

#[test]
fn pools_give_their_name_and_number() {
    let list = [
        vec![1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1],
        pair("version", 8, &5000_u64.to_be_bytes()),
        pair("name", 9, b"\0\0\0\x05rpool\0\0\0"),
        pair("pool_guid", 8, &1234567890123456789_u64.to_be_bytes()),
    ]
    .concat();
    let magic = 0x00ba_b10c_u64.to_le_bytes();
    let text = "zfs_member label \"rpool\" uuid 1234567890123456789";
    assert_eq!(found(&[(16 * KIB, &list), (132 * KIB, &magic)]), [text]);
    let last = 2 * MIB - 256 * KIB;
    assert_eq!(found(&[(last + 16 * KIB, &list), (last + 128 * KIB, &magic)]), [text]);
    // Without a readable list it is a member all the same.
    assert_eq!(found(&[(128 * KIB, &magic)]), ["zfs_member"]);
}

#[test]
fn formats_without_a_tool_at_hand_are_known_by_their_fields() {
    let bcachefs = Uuid::from_u128(0xc68573f6_66ce90a9_d96a60cf_803df7ef);
    assert_eq!(
        found(&[(4096 + 24, bcachefs.as_bytes()), (4096 + 56, UUID.as_bytes()), (4096 + 72, b"pool"),]),
        [format!("bcachefs label \"pool\" uuid {UUID_TEXT}")]
    );
    let bcache = Uuid::from_u128(0xc68573f6_4e1a45ca_8265f57f_48ba6d81);
    let versioned = |version| found(&[(4096 + 16, &[version]), (4096 + 24, bcache.as_bytes())]);
    assert_eq!((versioned(6), versioned(9)), (vec![], vec!["bcachefs".to_owned()]));
    assert_eq!(
        found(&[
            (0, b"\xebR\x90NTFS    "),
            (72, &[0xef, 0xcd, 0xab, 0x89, 0x67, 0x45, 0x23, 1]),
            (510, b"\x55\xaa")
        ]),
        ["ntfs uuid 0123456789ABCDEF"]
    );
}

#[test]
fn a_boot_sector_is_not_a_partition_table_and_a_protective_record_none_of_its_own() {
    use crate::units::{ByteSize, Lba};
    use crate::volume::mbr::{BootRecord, Partition, PartitionType};
    let block = MemoryBlock::new(2 * MIB, SectorSize::S512);
    BootRecord::protective(ByteSize(2 * MIB), SectorSize::S512).write(&block).unwrap();
    assert_eq!(probe(&block).unwrap(), None);
    let linux = Partition { kind: PartitionType::LINUX, active: false, first: Lba(8), sectors: 8 };
    BootRecord { disk_signature: 0xcafe, slots: [Some(linux), None, None, None] }.write(&block).unwrap();
    assert_eq!(probe(&block).unwrap().unwrap().to_string(), "dos uuid 0000cafe");
    let boot = b"\xeb\x58\x90mkfs.fat\0\x02\x01\x20\0\x02\0\0\0\0\xf8";
    block.write_at(boot, 0).unwrap();
    assert_eq!(probe(&block).unwrap().unwrap().kind, Kind::Fat);
    assert_eq!(probe_all(&block).unwrap().len(), 1);
}

#[test]
fn what_is_outside_comes_first() {
    let swap: (u64, &[u8]) = (4086, b"SWAPSPACE2");
    let luks: &[u8] = b"LUKS\xba\xbe\0\x02";
    assert_eq!(found(&[swap, (0, luks)]), ["crypto_LUKS", "swap"]);
}

proptest! {
    #[test]
    fn no_bytes_make_it_fail(
        parts in proptest::collection::vec((0_u64..300 * KIB, proptest::collection::vec(any::<u8>(), 1..64)), 1..20),
        magics in any::<[bool; 8]>(),
    ) {
        let block = with(&parts.iter().map(|(at, bytes)| (*at, bytes.as_slice())).collect::<Vec<_>>());
        let all: [(u64, &[u8]); 8] = [
            (0, b"LUKS\xba\xbe\0\x02"),
            (512, b"LABELONE"),
            (536, b"LVM2 001"),
            (3, b"EXFAT   "),
            (510, b"\x55\xaa"),
            (128 * KIB, &[0x0c, 0xb1, 0xba, 0, 0, 0, 0, 0]),
            (16 * KIB, &[1]),
            (32_768, b"\x01CD001"),
        ];
        for ((at, bytes), wanted) in all.into_iter().zip(magics) {
            if wanted {
                block.write_at(bytes, at).unwrap();
            }
        }
        probe_all(&block).unwrap();
    }
}
