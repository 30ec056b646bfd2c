//! Machines whose root is a subvolume of btrfs, in LUKS and on two disks: the kernel of the guest agrees with what was written.

use std::fs;
use std::time::Duration;

use qemu::{Architecture, Drive, Machine};
use serde_json::{Value, json};

use crate::harness::{Guest, Image, Sample};

/// Commands that read a whole disk under TCG.
const LONG: Duration = Duration::from_secs(600);

fn esp() -> Value {
    json!({ "priority": 1, "type": "EF00", "size": "256M",
        "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } })
}

/// The subvolumes that public layouts have most often, one of them nested.
fn btrfs(extra: &[&str]) -> Value {
    json!({ "type": "btrfs", "extraArgs": extra, "subvolumes": {
        "/root": { "mountpoint": "/", "mountOptions": ["compress=zstd", "noatime"] },
        "/nix": { "mountpoint": "/nix", "mountOptions": ["compress=zstd", "noatime"] },
        "/persist": { "mountpoint": "/persist" },
        "/persist/home": { "mountpoint": "/home" },
        "/swap": { "mountpoint": "/.swapvol", "swap": { "swapfile": { "size": "64M" } } }
    } })
}

fn disk(device: &str, partitions: &Value) -> Value {
    json!({ "type": "disk", "device": device, "content": { "type": "gpt", "partitions": partitions } })
}

/// What must be true of a running machine, whatever is below its btrfs.
fn agrees(run: &impl Fn(&str) -> String) {
    assert_eq!(run("findmnt -n -o FSTYPE /").trim(), "btrfs");
    assert!(run("findmnt -n -o OPTIONS /").contains("subvol=/root"), "{}", run("findmnt -n -o OPTIONS /"));
    let list = run("btrfs subvolume list /");
    for part in ["path root", "path nix", "path persist", "path persist/home", "path swap"] {
        assert!(list.lines().any(|line| line.ends_with(part)), "no `{part}` in\n{list}");
    }
    let scrub = run("btrfs scrub start -B /");
    assert!(scrub.contains("no errors found"), "{scrub}");
    // Writable, and the swap file is one.
    run("echo written > /written && sync && cat /written");
    run("mkdir -p /top && mount -o subvolid=5 $(findmnt -n -v -o SOURCE / | sed 's/\\[.*//') /top");
    run("swapon /top/swap/swapfile && swapoff /top/swap/swapfile");
}

/// Runs commands that must succeed on one shell.
fn runner<'a>(guest: &'a Guest) -> impl Fn(&str) -> String + 'a {
    let shell = guest.shell();
    move |command| shell.run_ok(command, LONG).unwrap_or_else(|error| panic!("{error}"))
}

fn luks_with_btrfs_asks_on_the_serial_console(architecture: Architecture) {
    let Some(sample) = Sample::require(architecture) else { return };
    let luks = json!({ "size": "100%", "content": {
        "type": "luks", "name": "crypted", "passwordFile": "/key", "settings": { "allowDiscards": true },
        "extraFormatArgs": ["--pbkdf-memory", "32768", "--pbkdf-force-iterations", "4"],
        "content": btrfs(&[]) } });
    let layout = json!({ "disk": { "main": disk("/dev/vda", &json!({ "ESP": esp(), "luks": luks })) } });
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "correct horse\n").unwrap();
    let key = format!("/key={}", key.display());
    let image = Image::build(&sample, &layout.to_string(), &["--key", &key]);
    let guest = Guest::boot(&Guest::machine(&sample, &image.disk("main")));
    guest.type_passphrase("correct horse");
    guest.multi_user();
    let run = runner(&guest);
    assert_eq!(run("lsblk -dno TYPE \"$(findmnt -n -v -o SOURCE /)\"").trim(), "crypt");
    agrees(&run);
}

#[test]
fn luks_with_btrfs_asks_on_the_serial_console_of_an_x86_64_machine() {
    luks_with_btrfs_asks_on_the_serial_console(Architecture::X86_64);
}

#[test]
fn luks_with_btrfs_asks_on_the_serial_console_of_an_aarch64_machine() {
    luks_with_btrfs_asks_on_the_serial_console(Architecture::Aarch64);
}

/// Two disks, the second a device of the first one's file system by an argument for mkfs.
#[test]
fn a_root_on_two_devices_of_one_btrfs_boots() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let content = btrfs(&["-d raid1", "-m raid1", "/dev/disk/by-partlabel/disk-other-blank"]);
    // Large enough by itself: a blank partition does not know what will be put on it.
    let blank = json!({ "size": "1500M" });
    let root = json!({ "size": "100%", "content": content });
    let layout = json!({ "disk": {
        "main": disk("/dev/vda", &json!({ "ESP": esp(), "root": root })),
        "other": disk("/dev/vdb", &json!({ "blank": blank })),
    } });
    let image = Image::build(&sample, &layout.to_string(), &[]);
    let machine = Machine::new(sample.architecture())
        .with_drive(Drive::image(image.disk("main")).snapshot())
        .with_drive(Drive::image(image.disk("other")).snapshot());
    let guest = Guest::boot(&machine);
    guest.multi_user();
    let run = runner(&guest);
    let usage = run("btrfs filesystem df / && btrfs filesystem show /");
    assert!(usage.contains("Data, RAID1") && usage.contains("Total devices 2"), "{usage}");
    assert!(run("btrfs scrub start -B /").contains("no errors found"));
}
