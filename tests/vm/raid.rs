//! Machines on arrays: whole, with a disk missing, of each level. The kernel and mdadm of the guest agree with what was
//! written.

use qemu::Architecture;
use serde_json::{Value, json};

use crate::harness::{Guest, Image, Sample};
use crate::layers::{disk, esp, ext4, machine, root_device, runner};

/// Two disks, everything on both: the boot files by an array with its superblock at the end.
fn mirrored() -> Value {
    let member = disk(&json!({
        "ESP": { "priority": 1, "type": "EF00", "size": "256M", "content": { "type": "mdraid", "name": "boot" } },
        "system": { "type": "FD00", "size": "100%", "content": { "type": "mdraid", "name": "system" } }
    }));
    let mut other = member.clone();
    other["device"] = json!("/dev/vdb");
    json!({
        "disk": { "one": member, "two": other },
        "mdadm": {
            "boot": { "type": "mdadm", "level": 1, "metadata": "1.0",
                "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
            "system": { "type": "mdadm", "level": 1, "content": ext4("/") }
        }
    })
}

/// Boots a mirrored root from each of these disks alone.
fn a_mirrored_root_boots(architecture: Architecture, disks: &[&str]) {
    let Some(sample) = Sample::require(architecture) else { return };
    let image = Image::build(&sample, &mirrored().to_string(), &[]);
    for disk in disks {
        let guest = Guest::boot(&machine(&sample, &image, &[disk]));
        guest.multi_user();
        let run = runner(&guest);
        assert!(root_device(&run).starts_with("md"), "{}", root_device(&run));
        let detail = run("mdadm --detail $(findmnt -n -o SOURCE /)");
        // The root is in use, so its state may be active rather than clean.
        assert!(detail.contains(" degraded") && detail.contains("Active Devices : 1"), "{detail}");
        assert!(!detail.contains("resync") && !detail.contains("recover"), "{detail}");
    }
}

#[test]
fn a_mirrored_root_boots_on_x86_64_with_either_disk_missing() {
    a_mirrored_root_boots(Architecture::X86_64, &["one", "two"]);
}

#[test]
fn a_mirrored_root_boots_on_aarch64_with_either_disk_missing() {
    a_mirrored_root_boots(Architecture::Aarch64, &["one", "two"]);
}

/// Arrays of every level on one machine, the root on RAID 5: what the kernel reads of them is sound, and where
/// there is parity or a copy, it is right.
#[test]
fn arrays_of_every_level_agree_with_the_kernel() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let names = ["a", "b", "c", "d"];
    let data = [("stripes", 0), ("mirror", 1), ("pairs", 10), ("double", 6)];
    let mut disks = serde_json::Map::new();
    for (number, name) in names.iter().enumerate() {
        let member = |array: &str, size: &str| json!({ "type": "FD00", "size": size, "content": { "type": "mdraid", "name": array } });
        let mut partitions = json!({ "system": member("system", "100%") });
        for (array, _) in data {
            partitions[array] = member(array, "64M");
        }
        if number == 0 {
            partitions["ESP"] = esp();
        }
        disks.insert((*name).to_owned(), disk(&partitions));
        disks[*name]["device"] = json!(format!("/dev/vd{name}"));
    }
    let mut arrays = json!({ "system": { "type": "mdadm", "level": 5, "content": ext4("/") } });
    for (array, level) in data {
        arrays[array] = json!({ "type": "mdadm", "level": level, "content": ext4(&format!("/srv/{array}")) });
    }
    let image = Image::build(&sample, &json!({ "disk": disks, "mdadm": arrays }).to_string(), &[]);
    let guest = Guest::boot(&machine(&sample, &image, &names));
    guest.multi_user();
    let run = runner(&guest);
    assert!(root_device(&run).starts_with("md"), "{}", root_device(&run));
    let levels = "mdadm --detail --scan | sed -n 's/.*ARRAY \\([^ ]*\\).*/\\1/p'";
    let details = run(&format!("for md in $({levels}); do mdadm --detail $md; done"));
    for level in [0, 1, 5, 6, 10] {
        assert_eq!(details.matches(&format!("Raid Level : raid{level}\n")).count(), 1, "{details}");
    }
    assert_eq!(details.matches("Active Devices : 4").count(), 5, "{details}");
    assert!(!details.contains("resync") && !details.contains("degraded"), "{details}");
    for (array, _) in data {
        run(&format!("e2fsck -fn /dev/md/{array}"));
    }
    run("for md in /sys/block/md*/md; do [ $(cat $md/level) = raid0 ] || echo check > $md/sync_action; done");
    run("while grep -qE 'check|resync|DELAYED|PENDING' /proc/mdstat; do sleep 1; done");
    assert_eq!(run("cat /sys/block/md*/md/mismatch_cnt | sort -u").trim(), "0");
}
