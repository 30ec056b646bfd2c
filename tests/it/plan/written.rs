//! Planned tables, written by us and by others, read back by real tools.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use landfall::plan::Plan;
use landfall::plan::disk::{Disk, Label, PartitionKind, Table};
use landfall::units::{Lba, SectorSize};
use landfall::volume::{FileBlock, gpt, mbr};
use serde_json::{Value as Json, json};

use super::disko::{examples, layout, request};
use super::refusals::{filesystem, parsed};
use crate::oracle::{require_tool, run_ok};

/// A sparse file of the disk's size, with its planned table on it.
fn written(disk: &Disk) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let handle = file.as_file().try_clone().unwrap();
    let block = FileBlock::create(handle, file.path(), disk.size.bytes(), SectorSize::S512).unwrap();
    let table = disk.table().unwrap();
    match &table.label {
        Label::Gpt { guid, .. } => {
            gpt::Table { disk_guid: *guid, entries: gpt_entries(table) }.write(&block).unwrap();
        }
        Label::Msdos { signature } => {
            mbr::Table { disk_signature: *signature, partitions: mbr_partitions(table) }
                .write(&block)
                .unwrap();
        }
    }
    file
}

fn gpt_entries(table: &Table) -> BTreeMap<u32, gpt::Entry> {
    let entry = |partition: &landfall::plan::disk::Partition| match partition.kind {
        PartitionKind::Gpt { type_guid, guid, attributes } => gpt::Entry {
            type_guid,
            unique_guid: guid,
            first: Lba(partition.extent.first()),
            last: Lba(partition.extent.last()),
            attributes,
            name: partition.label.parse().unwrap(),
        },
        PartitionKind::Msdos { .. } => panic!("an MBR partition in a GUID table"),
    };
    table.partitions.iter().map(|partition| (partition.number, entry(partition))).collect()
}

fn mbr_partitions(table: &Table) -> BTreeMap<u32, mbr::Partition> {
    let entry = |partition: &landfall::plan::disk::Partition| match partition.kind {
        PartitionKind::Msdos { kind, active, .. } => mbr::Partition {
            kind: mbr::PartitionType(kind),
            active,
            first: Lba(partition.extent.first()),
            sectors: partition.extent.sectors().try_into().unwrap(),
        },
        PartitionKind::Gpt { .. } => panic!("a GPT partition in a boot record"),
    };
    table.partitions.iter().map(|partition| (partition.number, entry(partition))).collect()
}

/// What sfdisk reads, in the form of a plan's `table`.
fn read_by_sfdisk(sfdisk: &Path, disk: &str) -> Json {
    let mut table: Json = serde_json::from_str(&run_ok(sfdisk, &["--json", disk])).unwrap();
    let mut table = table["partitiontable"].take();
    for (name, _) in [("id", ()), ("device", ())] {
        table.as_object_mut().unwrap().remove(name);
    }
    for partition in table["partitions"].as_array_mut().unwrap() {
        let partition = partition.as_object_mut().unwrap();
        let node = partition.remove("node").unwrap();
        let number: u64 =
            node.as_str().unwrap().strip_prefix(disk).unwrap().trim_start_matches('p').parse().unwrap();
        partition.insert("number".to_owned(), json!(number));
        partition.remove("uuid");
    }
    table
}

#[test]
fn sfdisk_reads_every_planned_table_as_the_plan_shows_it() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    for example in examples() {
        let plan = Plan::new(&layout(&example), &request("*=64G")).unwrap();
        for disk in plan.disks.iter().filter(|disk| disk.table().is_some()) {
            let file = written(disk);
            let shown = &plan.json()["disks"][&disk.key]["table"];
            assert_eq!(
                read_by_sfdisk(&sfdisk, file.path().to_str().unwrap()),
                *shown,
                "{example}, {}",
                disk.key
            );
        }
    }
}

/// The comparison can fail: a byte of the table changed, and sfdisk reads something else.
#[test]
fn a_changed_table_is_noticed() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    let plan = Plan::new(&parsed(&msdos("msdos")), &request("*=1G")).unwrap();
    let file = written(&plan.disks[0]);
    let shown = plan.json()["disks"]["main"]["table"].clone();
    let path = file.path().to_str().unwrap();
    assert_eq!(read_by_sfdisk(&sfdisk, path), shown);
    // The start of the first partition, in the boot record.
    let record: &File = file.as_file();
    let mut byte = [0];
    record.read_exact_at(&mut byte, 446 + 9).unwrap();
    record.write_all_at(&[byte[0] ^ 1], 446 + 9).unwrap();
    assert_ne!(read_by_sfdisk(&sfdisk, path), shown);
}

/// A legacy layout with all that parted is told: types, flags, logical partitions.
fn msdos(format: &str) -> Json {
    let mut partitions = json!([
        { "name": "boot", "start": "1MiB", "end": "100MiB", "fs-type": "fat32", "bootable": true, "content": filesystem("vfat", "/boot") },
        { "name": "swap", "start": "100MiB", "end": "200MB", "fs-type": "linux-swap", "content": { "type": "swap" } },
        { "name": "raid", "start": "200MB", "end": "40%", "flags": ["raid"] },
    ]);
    let rest = match format {
        "msdos" => json!([
            { "name": "extended", "part-type": "extended", "start": "40%", "end": "100%" },
            { "name": "root", "part-type": "logical", "start": "42%", "end": "70%", "fs-type": "ext4" },
            { "name": "home", "part-type": "logical", "start": "72%", "end": "100%", "flags": ["lvm"] },
        ]),
        _ => json!([
            { "name": "grub", "start": "40%", "end": "41%", "flags": ["bios_grub"] },
            { "name": "root", "start": "41%", "end": "100%", "fs-type": "ext4", "flags": ["legacy_boot"] },
        ]),
    };
    partitions.as_array_mut().unwrap().extend(rest.as_array().unwrap().iter().cloned());
    json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": {
        "type": "table", "format": format, "partitions": partitions,
    } } } })
}

/// What disko's script has parted do, done; partitions by the number that they have.
fn made_by_parted(parted: &Path, devices: &Json, disk: &str) {
    let content = &devices["disk"]["main"]["content"];
    let format = content["format"].as_str().unwrap();
    run_ok(parted, &["-s", disk, "--", "mklabel", format]);
    let (mut primary, mut logical) = (0, 4);
    for partition in content["partitions"].as_array().unwrap() {
        let text = |name: &str, default: &'static str| partition[name].as_str().unwrap_or(default).to_owned();
        let role = text("part-type", "primary");
        let first = if format == "gpt" { text("name", "") } else { role.clone() };
        let words = [first, text("fs-type", ""), text("start", "0%"), text("end", "100%")];
        let mut arguments = vec!["-s", disk, "--", "mkpart"];
        arguments.extend(words.iter().map(String::as_str).filter(|word| !word.is_empty()));
        run_ok(parted, &arguments);
        let counter = if role == "logical" { &mut logical } else { &mut primary };
        *counter += 1;
        let number = counter.to_string();
        let flags = partition["flags"].as_array().into_iter().flatten().filter_map(Json::as_str);
        let boot = (partition["bootable"] == true).then_some("boot");
        for flag in flags.chain(boot) {
            run_ok(parted, &["-s", disk, "--", "set", &number, flag, "on"]);
        }
    }
}

#[test]
fn parted_makes_the_planned_legacy_tables() {
    let (Some(parted), Some(sfdisk)) = (require_tool("parted"), require_tool("sfdisk")) else { return };
    for format in ["gpt", "msdos"] {
        let devices = msdos(format);
        let plan = Plan::new(&parsed(&devices), &request("*=1G")).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(1 << 30).unwrap();
        let disk = file.path().to_str().unwrap();
        made_by_parted(&parted, &devices, disk);
        assert_eq!(read_by_sfdisk(&sfdisk, disk), plan.json()["disks"]["main"]["table"], "{format}");
    }
}

/// The entries of a hybrid boot record: flag, type, first sector, sectors.
fn record(file: &File) -> Vec<(u8, u8, u32, u32)> {
    let mut bytes = [0; 64];
    file.read_exact_at(&mut bytes, 446).unwrap();
    let number = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().unwrap());
    let entries =
        bytes.chunks(16).map(|entry| (entry[0], entry[4], number(&entry[8..12]), number(&entry[12..16])));
    entries.filter(|entry| entry.1 != 0).collect()
}

#[test]
fn sgdisk_makes_the_planned_hybrid_record() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    for protective_first in [false, true] {
        let devices = json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": {
            "type": "gpt", "efiGptPartitionFirst": protective_first, "partitions": {
                "a": { "size": "32M", "start": "8M", "type": "0700", "hybrid": {} },
                "b": { "size": "64M", "type": "EF00" },
                "c": { "size": "64M", "hybrid": {} },
            },
        } } } });
        let plan = Plan::new(&parsed(&devices), &request("*=1G")).unwrap();
        let file = written(&plan.disks[0]);
        let order = if protective_first { "1:3" } else { "1:3:EE" };
        run_ok(&sgdisk, &["--hybrid", order, file.path().to_str().unwrap()]);
        let Label::Gpt { hybrid: Some(entries), .. } = &plan.disks[0].table().unwrap().label else {
            panic!("no hybrid record is planned");
        };
        let planned: Vec<_> = entries
            .iter()
            .map(|entry| {
                let (first, sectors) = (entry.extent.first(), entry.extent.sectors());
                (
                    if entry.active { 0x80 } else { 0 },
                    entry.kind,
                    first.try_into().unwrap(),
                    sectors.try_into().unwrap(),
                )
            })
            .collect();
        assert_eq!(record(file.as_file()), planned, "protective entry first: {protective_first}");
    }
}

/// disko sets type and flag on the entry that has the partition's number in the other table: here they go to the right one, and
/// the protective entry stays what it is.
#[test]
fn the_type_of_a_hybrid_entry_goes_to_its_partition() {
    let devices = json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": {
        "type": "gpt", "partitions": {
            "firmware": { "size": "64M", "type": "0700", "hybrid": { "mbrPartitionType": "0x0c", "mbrBootableFlag": true } },
            "root": { "size": "100%" },
        },
    } } } });
    let plan = Plan::new(&parsed(&devices), &request("*=1G")).unwrap();
    let Label::Gpt { hybrid: Some(entries), .. } = &plan.disks[0].table().unwrap().label else { panic!() };
    let kinds: Vec<_> = entries.iter().map(|entry| (entry.partition, entry.kind, entry.active)).collect();
    assert_eq!(kinds, [(None, 0xee, false), (Some(1), 0x0c, true)]);
    assert_eq!(plan.notes.len(), 1, "{:?}", plan.notes);
}
