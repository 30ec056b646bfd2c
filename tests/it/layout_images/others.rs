//! What the layouts of `disko-layouts/` have not: other firmware, file systems, volumes, keys, and all of it in each other.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use landfall::image::{KeyFiles, Prepared, Request};
use landfall::plan::content::Content;
use landfall::volume::Block;
use serde_json::Value;
use uefi::Architecture;

use super::judge::{Built, Judge, build, write};
use super::{parsed, scaled, system};
use crate::fixture::Fixture;
use crate::oracle::require_tool;

/// A layout without an ESP is made all the same where other firmware has its place, and said to lack a boot loader.
#[test]
fn a_layout_without_an_esp_gets_no_boot_loader_and_says_so() {
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let root = |more: Value| {
        let root = serde_json::json!({ "size": "200M",
            "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } });
        let mut partitions = serde_json::json!({ "root": root });
        if let Some(more) = more.as_object() {
            partitions.as_object_mut().unwrap().extend(more.clone());
        }
        parsed(&serde_json::json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda",
            "content": { "type": "gpt", "partitions": partitions } } } }))
    };
    for code in ["EF02", "4100"] {
        let layout = root(serde_json::json!({ "first": { "size": "8M", "type": code } }));
        let plan = Prepared::plan_only(&layout, &system, &Request::default()).unwrap();
        assert!(
            plan.notes.iter().any(|note| note.starts_with("no boot loader is written")),
            "{:?}",
            plan.notes
        );
        build(&layout, &system).unwrap();
    }
    let error = Prepared::plan_only(&root(Value::Null), &system, &Request::default()).unwrap_err();
    assert!(error.to_string().starts_with("the layout has no EFI system partition"), "{error}");
}

/// Thin volumes, mirrors and an array with partitions: all in one image.
#[test]
fn thin_volumes_and_arrays_with_partitions_are_sound_too() {
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let filesystem = |format: &str, mountpoint: &str| serde_json::json!({ "type": "filesystem", "format": format, "mountpoint": mountpoint });
    let mut disks = serde_json::Map::new();
    for name in ["a", "b", "c", "d", "e"] {
        let mut partitions = serde_json::json!({
            "lvm": { "size": "500M", "content": { "type": "lvm_pv", "vg": "group" } },
            "raid": { "size": "200M", "content": { "type": "mdraid", "name": "cut" } }
        });
        if name == "a" {
            partitions["ESP"] =
                serde_json::json!({ "type": "EF00", "size": "64M", "content": filesystem("vfat", "/boot") });
        }
        disks.insert(
            name.to_owned(),
            serde_json::json!({ "type": "disk", "device": format!("/dev/vd{name}"),
                "content": { "type": "gpt", "partitions": partitions } }),
        );
    }
    let thin = |size: &str, content: Value| serde_json::json!({ "size": size, "lvm_type": "thinlv", "pool": "pool", "content": content });
    let value = serde_json::json!({
        "disk": disks,
        "mdadm": { "cut": { "type": "mdadm", "level": 5, "content": { "type": "gpt", "partitions": {
            "one": { "size": "320M", "content": filesystem("xfs", "/srv/two") },
            "two": { "size": "100%", "content": filesystem("ext4", "/srv/three") } } } } },
        "lvm_vg": { "group": { "type": "lvm_vg", "lvs": {
            "pool": { "size": "400M", "lvm_type": "thin-pool", "extraArgs": ["-i2 -c 128"] },
            "root": thin("20G", filesystem("ext4", "/")),
            "store": thin("200M", filesystem("erofs", "/nix")),
            "crypt": thin("1G", serde_json::json!({ "type": "luks", "name": "crypt", "passwordFile": "/key",
                "content": { "type": "gpt", "partitions": { "swap": { "size": "100M", "content": { "type": "swap" } } } } })),
            "mirror": { "size": "40M", "lvm_type": "mirror", "content": filesystem("ext4", "/srv/mirror") },
            "raid6": { "size": "40M", "lvm_type": "raid6", "content": filesystem("ext4", "/srv/raid6") }
        } } }
    });
    let built = build(&parsed(&scaled(value)), &system).unwrap_or_else(|why| panic!("{why}"));
    let mut twins = BTreeSet::new();
    let Some(judged) = Judge::new(&built, &mut twins).all() else { return };
    let count = |kind: &str| judged.get(kind).copied().unwrap_or_default();
    assert_eq!(["xfs", "ext4", "erofs", "swap"].map(count), [1, 4, 1, 1], "{judged:?}");
}

/// What is not in the layouts: every level of array, every kind of volume, and one in the other.
#[test]
fn arrays_and_volumes_in_each_other_are_sound_too() {
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let mut twins = BTreeSet::new();
    for (level, count) in [(0, 2), (1, 3), (4, 3), (5, 4), (6, 4), (10, 3)] {
        let mut disks = serde_json::Map::new();
        for number in 0..count {
            let mut partitions = serde_json::json!({
                "raid": { "size": "400M", "content": { "type": "mdraid", "name": "below" } }
            });
            if number == 0 {
                partitions["ESP"] = serde_json::json!({ "type": "EF00", "size": "64M",
                    "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } });
            }
            disks.insert(
                format!("d{number}"),
                serde_json::json!({ "type": "disk", "device": format!("/dev/vd{number}"),
                "content": { "type": "gpt", "partitions": partitions } }),
            );
        }
        let value = serde_json::json!({
            "disk": disks,
            "mdadm": { "below": { "type": "mdadm", "level": level, "extraArgs": ["--chunk=64"],
                "content": { "type": "luks", "name": "crypt", "passwordFile": "/key",
                    "content": { "type": "lvm_pv", "vg": "top" } } } },
            "lvm_vg": { "top": { "type": "lvm_vg", "lvs": {
                "root": { "size": "100M", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } },
                "swap": { "size": "100%FREE", "content": { "type": "swap" } } } } }
        });
        let built =
            build(&parsed(&scaled(value)), &system).unwrap_or_else(|why| panic!("level {level}: {why}"));
        let Some(judged) = Judge::new(&built, &mut twins).all() else { return };
        assert_eq!(judged["array member"], count, "{judged:?}");
        assert_eq!((judged["luks"], judged["ext4"], judged["swap"]), (1, 1, 1));
    }
}

/// Every key that the layout names opens the volume for cryptsetup: a part of a file, and further files as they are.
#[test]
fn parts_of_key_files_and_further_files_are_keys() {
    let Some(cryptsetup) = require_tool("cryptsetup") else { return };
    let fixture = Fixture::new(Architecture::X64);
    let system = system(&fixture);
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    for (name, bytes) in
        [("first", b"0123456789abcdef".as_slice()), ("second", b"further\n"), ("third", b"x\0y")]
    {
        fs::write(path(name), bytes).unwrap();
    }
    let filesystem = |format: &str, mountpoint: &str| serde_json::json!({ "type": "filesystem", "format": format, "mountpoint": mountpoint });
    let value = serde_json::json!({ "disk": { "main": { "type": "disk", "device": "/dev/vda",
        "content": { "type": "gpt", "partitions": {
            "ESP": { "type": "EF00", "size": "64M", "content": filesystem("vfat", "/boot") },
            "root": { "size": "200M", "content": { "type": "luks", "name": "crypt",
                "settings": { "keyFile": path("first"), "keyFileSize": 6, "keyFileOffset": 3 },
                "additionalKeyFiles": [path("second"), path("third")],
                "extraFormatArgs": ["--pbkdf pbkdf2 --pbkdf-force-iterations=1000", "--label keys"],
                "content": filesystem("ext4", "/") } } } } } } });
    let request = Request { keys: KeyFiles::default(), ..Request::default() };
    let prepared = Prepared::new(&parsed(&value), &system, &request).unwrap();
    let built: Built = write(&prepared, prepared.plan().clone()).unwrap();
    let table = built.plan.disks[0].table().unwrap();
    let partition = table.partitions.iter().find(|partition| partition.name == "root").unwrap();
    assert!(matches!(partition.content, Some(Content::Luks(_))));
    let mut header = vec![0; 16 << 20];
    built.disks["main"].read_at(&mut header, partition.range.start()).unwrap();
    let image = path("image");
    fs::write(&image, header).unwrap();
    let opens = |arguments: &[&str]| {
        let mut command = Command::new(&cryptsetup);
        command.args(["open", "--test-passphrase", &image]).args(arguments).output().unwrap().status.success()
    };
    assert!(opens(&["--key-file", &path("first"), "--keyfile-offset", "3", "--keyfile-size", "6"]));
    assert!(opens(&["--key-file", &path("second")]) && opens(&["--key-file", &path("third")]));
    assert!(!opens(&["--key-file", &path("first")]));
    assert!(!opens(&["--key-file", &path("second"), "--keyfile-size", "7"]), "the line end is a part of it");
}
