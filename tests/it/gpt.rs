//! Partition tables before their judges: sgdisk, sfdisk and the gpt crate.

use std::fs::File;
use std::path::Path;

use landfall::units::{ByteSize, Lba, MIB, SectorSize};
use landfall::volume::gpt::{
    Attributes, Entry, Hybrid, HybridPartition, Problem, ProtectivePlace, Table, TypeGuid, read,
};
use landfall::volume::mbr::{self, PartitionType};
use landfall::volume::{Block, FileBlock};
use uuid::Uuid;

use crate::oracle::{require_tool, run, run_ok};

fn entry(number: u32, code: u16, first: u64, last: u64) -> Entry {
    Entry {
        type_guid: TypeGuid::from_code(code).unwrap(),
        unique_guid: Uuid::from_u128(0x4000_8000_0000_0000_0000 + u128::from(number)),
        first: Lba(first),
        last: Lba(last),
        attributes: Attributes::NONE,
        name: format!("disk-main-part{number}").parse().unwrap(),
    }
}

/// A table with sparse numbers, in another order than the disk's, attributes and a name in Unicode.
fn typical() -> Table {
    let mut first = entry(1, 0xef00, 2048, 4095);
    first.attributes = Attributes::NONE.with_bit(0).unwrap().with_bit(63).unwrap();
    let mut second = entry(15, 0x8304, 6144, 8191);
    second.name = "Größe 😀".parse().unwrap();
    let entries = [(1, first), (15, second), (14, entry(14, 0x8200, 8192, 10_239))];
    Table { disk_guid: Uuid::from_u128(0xd15c_0000_4000_8000_0000_0000_0000), entries: entries.into() }
}

fn image(dir: &Path, sector_size: SectorSize, len: u64) -> FileBlock {
    let path = dir.join("disk.raw");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    FileBlock::create(file, &path, len, sector_size).unwrap()
}

/// All that sgdisk says of a table, when it says more than that there is no problem.
fn sgdisk_complaint(sgdisk: &Path, image: &str) -> Option<String> {
    let output = run(sgdisk, &["-v", image]);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // A table that it could mend from the other copy has "no problems" after that: hence the other words.
    let complains = ["Caution", "Warning", "invalid", "ERROR"].iter().any(|word| said.contains(word));
    (complains || !said.contains("No problems found")).then_some(said)
}

#[test]
fn sgdisk_finds_no_problem_and_every_detail() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    typical().write(&disk).unwrap();
    let path = disk.path().to_str().unwrap();
    assert_eq!(sgdisk_complaint(&sgdisk, path), None);
    let said = run_ok(&sgdisk, &["-i", "15", path]);
    for expected in [
        "4F68BCE3-E8CD-4DB1-96E7-FBCAF984B709 (Linux x86-64 root (/))",
        "00000000-0000-4000-8000-00000000000F",
        "First sector: 6144 ",
        "Last sector: 8191 ",
    ] {
        assert!(said.contains(expected), "{said}");
    }
    let said = run_ok(&sgdisk, &["-i", "1", path]);
    assert!(said.contains("Attribute flags: 8000000000000001"), "{said}");
}

#[test]
fn sfdisk_sees_the_table_that_was_written() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    typical().write(&disk).unwrap();
    let path = disk.path().to_str().unwrap();
    let said = run_ok(&sfdisk, &["--verify", path]);
    assert!(said.contains("No errors detected"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&run_ok(&sfdisk, &["--json", path])).unwrap();
    let table = &json["partitiontable"];
    assert_eq!(table["label"], "gpt");
    assert_eq!(table["id"].as_str().unwrap().to_lowercase(), typical().disk_guid.to_string());
    assert_eq!((table["firstlba"].as_u64(), table["lastlba"].as_u64()), (Some(34), Some(131_038)));
    let partitions = table["partitions"].as_array().unwrap();
    assert_eq!(partitions.len(), 3);
    for ((number, entry), partition) in typical().entries.iter().zip(partitions) {
        let text = |key: &str| partition[key].as_str().unwrap().to_lowercase();
        assert!(text("node").ends_with(&format!("disk.raw{number}")));
        assert_eq!(partition["start"], entry.first.0);
        assert_eq!(partition["size"], entry.last.0 - entry.first.0 + 1);
        assert_eq!(text("type"), entry.type_guid.guid().to_string());
        assert_eq!(text("uuid"), entry.unique_guid.to_string());
        assert_eq!(partition["name"].as_str().unwrap(), entry.name.to_string());
    }
    assert_eq!(partitions[0]["attrs"], "RequiredPartition GUID:63");
}

#[test]
fn both_judges_see_a_flipped_byte() {
    let (Some(sgdisk), Some(sfdisk)) = (require_tool("sgdisk"), require_tool("sfdisk")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let end = 64 * MIB;
    for at in [512 + 60, 1024 + 5, end - 512 + 60, end - 512 * 33 + 40] {
        let disk = image(dir.path(), SectorSize::S512, end);
        typical().write(&disk).unwrap();
        flip(&disk, at);
        let path = disk.path().to_str().unwrap();
        assert!(sgdisk_complaint(&sgdisk, path).is_some(), "byte {at}");
        let said = run(&sfdisk, &["--verify", path]);
        let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
        assert!(text.contains("corrupt") || text.contains("CRC"), "byte {at}: {text}");
        assert!(!read(&disk).unwrap().problems.is_empty(), "byte {at}");
    }
}

fn flip(block: &dyn Block, at: u64) {
    let mut byte = [0];
    block.read_at(&mut byte, at).unwrap();
    block.write_at(&[byte[0] ^ 1], at).unwrap();
}

#[test]
fn the_gpt_crate_reads_either_sector_size_and_numbers_past_128() {
    let dir = tempfile::tempdir().unwrap();
    for (sector_size, theirs) in [
        (SectorSize::S512, gpt::disk::LogicalBlockSize::Lb512),
        (SectorSize::S4096, gpt::disk::LogicalBlockSize::Lb4096),
    ] {
        let disk = image(dir.path(), sector_size, 64 * MIB);
        let mut table = typical();
        table.entries.insert(200, entry(200, 0x8300, 12_000, 12_100));
        table.write(&disk).unwrap();
        let found = gpt::GptConfig::new().logical_block_size(theirs).open(disk.path()).unwrap();
        assert_eq!(found.guid().to_string(), table.disk_guid.to_string());
        let partitions: Vec<_> = found.partitions().iter().filter(|(_, found)| found.is_used()).collect();
        assert_eq!(partitions.len(), 4);
        for (number, partition) in partitions {
            let entry = &table.entries[number];
            assert_eq!((partition.first_lba, partition.last_lba), (entry.first.0, entry.last.0));
            assert_eq!(partition.part_guid.to_string(), entry.unique_guid.to_string());
            assert_eq!(partition.name, entry.name.to_string());
            assert_eq!(partition.flags, entry.attributes.bits());
        }
    }
}

#[test]
fn the_gpt_crate_sees_a_flipped_byte() {
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    typical().write(&disk).unwrap();
    flip(&disk, 512 + 60);
    flip(&disk, 64 * MIB - 512 + 60);
    assert!(gpt::GptConfig::new().open(disk.path()).is_err());
}

#[test]
fn tables_made_by_sgdisk_and_sfdisk_read_without_problems() {
    let (Some(sgdisk), Some(sfdisk)) = (require_tool("sgdisk"), require_tool("sfdisk")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    let path = disk.path().to_str().unwrap().to_owned();
    run_ok(&sgdisk, &["-o", "-n", "3:2048:+4M", "-t", "3:ef00", "-c", "3:esp", "-A", "3:set:2", &path]);
    let found = read(&disk).unwrap();
    assert_eq!(found.problems, []);
    let entry = &found.table.entries[&3];
    assert_eq!((entry.first, entry.last), (Lba(2048), Lba(10_239)));
    assert_eq!((entry.type_guid, entry.name.to_string().as_str()), (TypeGuid::EFI_SYSTEM, "esp"));
    assert_eq!(entry.attributes.iter().collect::<Vec<_>>(), [2]);
    let script = dir.path().join("script");
    std::fs::write(&script, "label: gpt\nsize=4M,name=one\nsize=4M,name=two\n").unwrap();
    let shell = format!("{} -q '{path}' <'{}'", sfdisk.display(), script.display());
    run_ok(Path::new("/bin/sh"), &["-c", &shell]);
    let found = read(&disk).unwrap();
    assert_eq!(found.problems, []);
    assert_eq!(found.table.entries.len(), 2);
}

#[test]
fn the_protective_record_is_sgdisks_byte_for_byte() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    for len in [64 * MIB, 7 * 1024 * MIB, 100 * 1024 * MIB, 3072 * 1024 * MIB] {
        let disk = image(dir.path(), SectorSize::S512, len);
        run_ok(&sgdisk, &["-o", disk.path().to_str().unwrap()]);
        let theirs = first_sector(&disk);
        mbr::BootRecord::protective(ByteSize(len), SectorSize::S512).write(&disk).unwrap();
        assert_eq!(first_sector(&disk), theirs, "{len}");
    }
}

fn first_sector(block: &dyn Block) -> Vec<u8> {
    let mut sector = vec![0; 512];
    block.read_at(&mut sector, 0).unwrap();
    sector
}

#[test]
fn hybrid_records_are_sgdisks_byte_for_byte() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let cases: [(&str, &[u32], ProtectivePlace); 5] = [
        ("1", &[1], ProtectivePlace::First),
        ("1:EE", &[1], ProtectivePlace::Last),
        ("14:1", &[14, 1], ProtectivePlace::First),
        ("15:14", &[15, 14], ProtectivePlace::First),
        ("1:14:15:EE", &[1, 14, 15], ProtectivePlace::Last),
    ];
    for (argument, numbers, protective) in cases {
        let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
        let table = typical();
        table.write(&disk).unwrap();
        let path = disk.path().to_str().unwrap();
        run_ok(&sgdisk, &["-h", argument, path]);
        let theirs = first_sector(&disk);
        let show = |number: &u32| HybridPartition { number: *number, kind: None, active: false };
        let hybrid = Hybrid { partitions: numbers.iter().map(show).collect(), protective };
        table.write_backup(&disk).unwrap();
        table.write_primary_with(&disk, &hybrid.record(&table).unwrap()).unwrap();
        assert_eq!(first_sector(&disk), theirs, "{argument}");
        assert_eq!(read(&disk).unwrap().problems, []);
        assert_eq!(sgdisk_complaint(&sgdisk, path), None);
    }
}

#[test]
fn every_type_code_means_to_sgdisk_what_it_means_to_us() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let listed = run_ok(&sgdisk, &["-L"]);
    let codes: Vec<u16> = listed
        .split_ascii_whitespace()
        .filter(|word| word.len() == 4)
        .filter_map(|word| u16::from_str_radix(word, 16).ok())
        // Words of names that look like numbers stand nowhere in the list of codes.
        .filter(|code| listed.contains(&format!("{code:04x} ")))
        .collect();
    assert!(codes.len() > 200, "{listed}");
    for codes in codes.chunks(100) {
        let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
        let mut arguments = vec!["-a".to_owned(), "1".to_owned(), "-o".to_owned()];
        for (number, code) in (1..).zip(codes) {
            arguments.extend([
                "-n".to_owned(),
                format!("{number}:0:+8"),
                "-t".to_owned(),
                format!("{number}:{code:04x}"),
            ]);
        }
        arguments.push(disk.path().to_str().unwrap().to_owned());
        run_ok(&sgdisk, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
        let found = read(&disk).unwrap().table;
        for (number, code) in (1..).zip(codes) {
            let ours = TypeGuid::from_code(*code);
            assert_eq!(ours, Some(found.entries[&number].type_guid), "{code:04x}");
        }
    }
}

#[test]
fn sfdisk_accepts_dos_tables_with_logical_partitions() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    let table = dos_table();
    table.write(&disk).unwrap();
    let path = disk.path().to_str().unwrap();
    let said = run_ok(&sfdisk, &["--verify", path]);
    assert!(said.contains("No errors detected"), "{said}");
    let json: serde_json::Value = serde_json::from_str(&run_ok(&sfdisk, &["--json", path])).unwrap();
    let found = json["partitiontable"]["partitions"].as_array().unwrap();
    assert_eq!(json["partitiontable"]["id"], "0xcafe0001");
    assert_eq!(found.len(), table.partitions.len());
    for ((number, partition), found) in table.partitions.iter().zip(found) {
        assert!(found["node"].as_str().unwrap().ends_with(&format!("disk.raw{number}")));
        assert_eq!(found["start"], partition.first.0);
        assert_eq!(found["size"], partition.sectors);
        assert_eq!(found["type"], format!("{:x}", partition.kind.0));
        assert_eq!(found["bootable"].as_bool().unwrap_or(false), partition.active);
    }
}

fn dos_table() -> mbr::Table {
    let partition = |kind, first, sectors| mbr::Partition {
        kind: PartitionType(kind),
        active: first == 2048,
        first: Lba(first),
        sectors,
    };
    let partitions = [
        (1, partition(0x0c, 2048, 8192)),
        (2, partition(0x05, 20_480, 61_440)),
        (3, partition(0x83, 81_920, 8192)),
        (5, partition(0x83, 22_528, 8192)),
        (6, partition(0x82, 32_768, 8192)),
        (7, partition(0x8e, 43_008, 8192)),
    ];
    mbr::Table { disk_signature: 0xcafe_0001, partitions: partitions.into() }
}

#[test]
fn sfdisk_sees_a_flipped_byte_in_a_dos_table() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    dos_table().write(&disk).unwrap();
    // The start of partition 3: it now begins inside of the extended partition.
    flip(&disk, 446 + 2 * 16 + 9);
    flip(&disk, 446 + 2 * 16 + 10);
    let said = run(&sfdisk, &["--verify", disk.path().to_str().unwrap()]);
    assert!(!String::from_utf8_lossy(&said.stdout).contains("No errors detected"));
}

#[test]
fn a_dos_table_is_what_sfdisk_writes_byte_for_byte() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    let table = dos_table();
    let mut script = "label: dos\nlabel-id: 0xcafe0001\n".to_owned();
    for (number, partition) in &table.partitions {
        let active = if partition.active { ",bootable" } else { "" };
        let (first, sectors, kind) = (partition.first, partition.sectors, partition.kind);
        script += &format!("disk.raw{number}: start={first},size={sectors},type={kind}{active}\n");
    }
    let path = dir.path().join("script");
    std::fs::write(&path, script).unwrap();
    let shell = format!("{} -q '{}' <'{}'", sfdisk.display(), disk.path().display(), path.display());
    run_ok(Path::new("/bin/sh"), &["-c", &shell]);
    assert_eq!(mbr::read(&disk).unwrap(), table);
    let theirs = first_sector(&disk);
    table.write(&disk).unwrap();
    assert_eq!(first_sector(&disk), theirs);
}

#[test]
fn a_truncated_backup_is_a_problem_and_not_a_failure() {
    let dir = tempfile::tempdir().unwrap();
    let disk = image(dir.path(), SectorSize::S512, 64 * MIB);
    typical().write(&disk).unwrap();
    let path = disk.path().to_owned();
    let file = File::options().read(true).write(true).open(&path).unwrap();
    file.set_len(32 * MIB).unwrap();
    let disk = FileBlock::open(file, &path, SectorSize::S512).unwrap();
    let problems = read(&disk).unwrap().problems;
    assert!(matches!(problems[0], Problem::Backup(_)), "{problems:?}");
}
