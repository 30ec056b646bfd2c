//! Images with partition tables other than a plain GPT: judged by sfdisk and sgdisk, and the same as planned.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::image::Build;
use crate::oracle::{require_tool, run, run_ok};

/// disko's older tables: a GPT as parted makes it.
const LEGACY_GPT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "table", "format": "gpt", "partitions": [
  { "name": "ESP", "start": "1MiB", "end": "64MiB", "fs-type": "fat32", "bootable": true, "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  { "name": "root", "start": "64MiB", "end": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
] } } } }"#;

/// A boot record with a primary, an extended and three logical partitions.
const MSDOS: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "imageSize": "400M", "content": { "type": "table", "format": "msdos", "partitions": [
  { "name": "ESP", "part-type": "primary", "start": "1MiB", "end": "64MiB", "fs-type": "fat32", "flags": ["esp"], "bootable": true, "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  { "name": "rest", "part-type": "extended", "start": "64MiB", "end": "100%" },
  { "name": "swap", "part-type": "logical", "start": "65MiB", "end": "96MiB", "fs-type": "linux-swap", "content": { "type": "swap" } },
  { "name": "blank", "part-type": "logical", "start": "97MiB", "end": "100MiB" },
  { "name": "root", "part-type": "logical", "start": "101MiB", "end": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
] } } } }"#;

/// A GPT whose boot record shows two partitions too, the protective entry behind them or before.
fn hybrid(protective_first: bool) -> String {
    json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt",
        "efiGptPartitionFirst": protective_first, "partitions": {
        "firmware": { "priority": 1, "start": "8M", "size": "32M", "type": "0700",
            "hybrid": { "mbrPartitionType": "0x0c", "mbrBootableFlag": true },
            "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot/firmware" } },
        "ESP": { "priority": 2, "type": "EF00", "size": "64M", "hybrid": { "mbrBootableFlag": false },
            "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
        "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
    } } } } })
    .to_string()
}

/// A GPT with the partitions in which GRUB keeps itself on BIOS machines and on PowerPC.
const FIRMWARE: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
  "grub": { "priority": 1, "type": "EF02", "size": "1M", "attributes": [2] },
  "prep": { "priority": 2, "type": "4100", "size": "8M" },
  "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// What sfdisk reads of `image`, in the form of the plan: numbers for nodes, nothing that is chance.
fn sfdisk_table(sfdisk: &Path, image: &Path) -> Value {
    let text = run_ok(sfdisk, &["--json", image.to_str().unwrap()]);
    let mut table: Value = serde_json::from_str::<Value>(&text).unwrap()["partitiontable"].take();
    let fields = table.as_object_mut().unwrap();
    for chance in ["id", "device", "grain"] {
        fields.remove(chance);
    }
    for partition in table["partitions"].as_array_mut().unwrap() {
        let fields = partition.as_object_mut().unwrap();
        fields.remove("uuid");
        let node = fields.remove("node").unwrap();
        let number = node.as_str().unwrap().rsplit_once(|c: char| !c.is_ascii_digit()).unwrap().1.to_owned();
        fields.insert("number".to_owned(), json!(number.parse::<u32>().unwrap()));
    }
    table
}

/// The same as planned: the plan of the image that was built.
fn planned_table(build: &Build) -> Value {
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("plan")
        .arg(build.dir.path().join("layout.json"))
        .args(["--json", "--system"])
        .arg(build.fixture.host(&build.fixture.toplevel))
        .arg("--store")
        .arg(build.fixture.root())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let mut plan: Value = serde_json::from_slice(&output.stdout).unwrap();
    plan["disks"]["main"]["table"].take()
}

#[test]
fn every_table_is_as_planned_and_sfdisk_finds_nothing_wrong() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    for layout in [LEGACY_GPT, MSDOS, &hybrid(true), &hybrid(false), FIRMWARE] {
        let build = Build::new(layout);
        build.ok(&[]);
        let image = build.disk();
        run_ok(&sfdisk, &["--verify", image.to_str().unwrap()]);
        let found = if layout.contains("hybrid") {
            // sfdisk shows the boot record of a hybrid disk; its GPT must be asked for.
            sgdisk_table(&image)
        } else {
            sfdisk_table(&sfdisk, &image)
        };
        let planned = planned_table(&build);
        if layout.contains("hybrid") {
            let Some(found) = found.as_array() else { continue };
            assert_eq!(found.len(), planned["partitions"].as_array().unwrap().len(), "{layout}");
            for (found, planned) in found.iter().zip(planned["partitions"].as_array().unwrap()) {
                assert_eq!((&found[0], &found[1]), (&planned["start"], &planned["size"]), "{layout}");
            }
        } else {
            assert_eq!(found, planned, "{layout}");
        }
    }
}

/// First sector and length of each partition as sgdisk prints them.
fn sgdisk_table(image: &Path) -> Value {
    let Some(sgdisk) = require_tool("sgdisk") else { return Value::Null };
    let text = run_ok(&sgdisk, &["-p", image.to_str().unwrap()]);
    let rows = text.lines().skip_while(|line| !line.starts_with("Number")).skip(1);
    rows.map(|row| {
        let mut words = row.split_whitespace().skip(1).map(|word| word.parse::<u64>().unwrap());
        let (first, last) = (words.next().unwrap(), row.split_whitespace().nth(2).unwrap());
        json!([first, last.parse::<u64>().unwrap() - first + 1])
    })
    .collect()
}

#[test]
fn sgdisk_finds_no_problem_in_hybrid_tables_and_sees_a_changed_byte() {
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    for layout in [hybrid(true), hybrid(false), FIRMWARE.to_owned(), LEGACY_GPT.to_owned()] {
        let build = Build::new(&layout);
        build.ok(&[]);
        let image = build.disk();
        let text = image.to_str().unwrap().to_owned();
        let verdict = run_ok(&sgdisk, &["-v", &text]);
        assert!(verdict.contains("No problems found"), "{verdict}");
        if layout.contains("hybrid") {
            assert!(run_ok(&sgdisk, &["-p", &text]).contains("firmware"));
        }
        // The twin: a byte of the disk's GUID in the header.
        let mut bytes = fs::read(&image).unwrap();
        bytes[512 + 56] ^= 1;
        fs::write(&image, bytes).unwrap();
        let output = run(&sgdisk, &["-v", &text]);
        let said = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        // Behind a hybrid record sgdisk takes the other copy, says so, and then finds no problem in that.
        assert!(said.contains("invalid main GPT header") || !said.contains("No problems found"), "{said}");
    }
}

/// The record's slots as they are on the disk: (active, type, first sector, sectors).
fn slots(image: &Path) -> Vec<(u8, u8, u32, u32)> {
    let bytes = fs::read(image).unwrap();
    assert_eq!(&bytes[510..512], [0x55, 0xaa]);
    let number = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    (0..4)
        .map(|slot| 446 + 16 * slot)
        .map(|at| (bytes[at], bytes[at + 4], number(at + 8), number(at + 12)))
        .collect()
}

#[test]
fn a_hybrid_record_shows_its_partitions_in_the_planned_order() {
    let sectors = |mib: u32| mib * 2048;
    let firmware = (0x80, 0x0c, sectors(8), sectors(32));
    let esp = (0, 0xef, sectors(40), sectors(64));
    let protective = (0, 0xee, 1, sectors(8) - 1);
    for (first, expected) in [
        (true, [protective, firmware, esp, (0, 0, 0, 0)]),
        (false, [firmware, esp, protective, (0, 0, 0, 0)]),
    ] {
        let build = Build::new(&hybrid(first));
        build.ok(&[]);
        assert_eq!(slots(&build.disk()), expected);
    }
}

/// The twin of a DOS table: a logical partition that begins before its place.
#[test]
fn sfdisk_sees_a_changed_dos_table() {
    let Some(sfdisk) = require_tool("sfdisk") else { return };
    let build = Build::new(MSDOS);
    build.ok(&[]);
    let image = build.disk();
    let good = run(&sfdisk, &["--verify", image.to_str().unwrap()]);
    let mut bytes = fs::read(&image).unwrap();
    // The first partition's length: now it reaches into the extended one.
    bytes[446 + 14] = 4;
    fs::write(&image, bytes).unwrap();
    let bad = run(&sfdisk, &["--verify", image.to_str().unwrap()]);
    let text = |output: &std::process::Output| {
        String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap()
    };
    assert!(text(&good).contains("No errors detected"), "{}", text(&good));
    assert!(!text(&bad).contains("No errors detected"), "{}", text(&bad));
}

#[test]
fn what_a_boot_record_cannot_reach_is_refused() {
    let far = MSDOS.replace(r#""imageSize": "400M""#, r#""imageSize": "3T""#);
    let (code, err) = Build::new(&far).fails(&[]);
    assert_eq!(code, 3, "{err}");
}
