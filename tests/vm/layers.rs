//! Machines whose root lies on more than a partition: the kernel, LVM, mdadm and cryptsetup of the guest agree
//! with what was written.

use std::fs;
use std::time::Duration;

use qemu::{Architecture, Drive, Machine};
use serde_json::{Value, json};

use crate::harness::{Guest, Image, Sample};

/// Passphrases are asked for within this time.
const PROMPT: Duration = Duration::from_secs(300);

/// Commands that read a whole disk under TCG.
pub const LONG: Duration = Duration::from_secs(600);

/// An ESP.
pub fn esp() -> Value {
    json!({ "priority": 1, "type": "EF00", "size": "256M",
        "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } })
}

/// An ext4 file system at a place.
pub fn ext4(mountpoint: &str) -> Value {
    json!({ "type": "filesystem", "format": "ext4", "mountpoint": mountpoint })
}

/// A disk with a GPT; its device is the first one.
pub fn disk(partitions: &Value) -> Value {
    json!({ "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": partitions } })
}

/// A machine with every disk of an image, in the order of their names.
pub fn machine(sample: &Sample, image: &Image, disks: &[&str]) -> Machine {
    let machine = Machine::new(sample.architecture());
    disks.iter().fold(machine, |machine, name| machine.with_drive(Drive::image(image.disk(name)).snapshot()))
}

/// Runs commands that must succeed on one shell.
pub fn runner<'a>(guest: &'a Guest) -> impl Fn(&str) -> String + 'a {
    let shell = guest.shell();
    move |command| shell.run_ok(command, LONG).unwrap_or_else(|error| panic!("{error}"))
}

/// The kernel's name of the device that the root file system lies on: of a volume with its group's.
pub fn root_device(run: &impl Fn(&str) -> String) -> String {
    run("lsblk -dno NAME \"$(findmnt -n -o SOURCE /)\"").trim().to_owned()
}

fn luks_with_lvm_asks_on_the_serial_console(architecture: Architecture) {
    let Some(sample) = Sample::require(architecture) else { return };
    let layout = json!({
        "disk": { "main": disk(&json!({ "ESP": esp(), "luks": { "size": "100%", "content": {
            "type": "luks", "name": "crypted", "passwordFile": "/key",
            "extraFormatArgs": ["--pbkdf-memory", "32768", "--pbkdf-force-iterations", "4"],
            "content": { "type": "lvm_pv", "vg": "system" } } } })) },
        "lvm_vg": { "system": { "type": "lvm_vg", "lvs": {
            "swap": { "size": "64M", "content": { "type": "swap" } },
            "root": { "size": "100%FREE", "content": ext4("/") } } } }
    });
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "correct horse\n").unwrap();
    let arguments = ["--key", &format!("/key={}", key.display())].map(str::to_owned);
    let image = Image::build(&sample, &layout.to_string(), &arguments.each_ref().map(String::as_str));
    let guest = Guest::boot(&machine(&sample, &image, &["main"]));
    let console = guest.vm().console();
    let expect = |text: &str| console.expect(text, PROMPT).unwrap_or_else(|error| panic!("{error}"));
    guest.type_passphrase("battery staple");
    expect("No key available");
    guest.type_passphrase("correct horse");
    guest.multi_user();
    let run = runner(&guest);
    assert_eq!(root_device(&run), "system-root");
    let header = run("cryptsetup luksDump $(blkid -t TYPE=crypto_LUKS -o device)");
    for part in ["Version:       \t2", "aes-xts-plain64", "argon2id", "Memory:     32768"] {
        assert!(header.contains(part), "no `{part}` in\n{header}");
    }
    run("vgck system");
    assert_eq!(
        run("lvs --noheadings -o lv_name,lv_attr system").split_whitespace().collect::<Vec<_>>(),
        ["root", "-wi-ao----", "swap", "-wi-a-----"]
    );
    run("swapon /dev/system/swap && swapoff /dev/system/swap");
}

#[test]
fn luks_with_lvm_asks_on_the_serial_console_of_an_x86_64_machine() {
    luks_with_lvm_asks_on_the_serial_console(Architecture::X86_64);
}

#[test]
fn luks_with_lvm_asks_on_the_serial_console_of_an_aarch64_machine() {
    luks_with_lvm_asks_on_the_serial_console(Architecture::Aarch64);
}

/// One disk of everything LVM can do by us, a boot record with logical partitions beside, and a root on RAID 5.
#[test]
fn lvm_agrees_with_every_kind_of_volume_and_linux_with_a_boot_record() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let mut disks = serde_json::Map::new();
    let names = ["a", "b", "c", "d", "e"];
    for (number, name) in names.iter().enumerate() {
        let member = json!({ "size": "100%", "content": { "type": "lvm_pv", "vg": "system" } });
        let mut partitions = json!({ "lvm": member });
        if number == 0 {
            partitions["ESP"] = esp();
        }
        disks.insert((*name).to_owned(), disk(&partitions));
        disks[*name]["device"] = json!(format!("/dev/vd{name}"));
    }
    disks.insert("old".to_owned(), json!({ "type": "disk", "device": "/dev/vdf", "imageSize": "200M", "content": {
        "type": "table", "format": "msdos", "partitions": [
            { "name": "first", "part-type": "primary", "start": "1MiB", "end": "40MiB", "content": ext4("/srv/first") },
            { "name": "rest", "part-type": "extended", "start": "40MiB", "end": "100%" },
            { "name": "swap", "part-type": "logical", "start": "41MiB", "end": "80MiB", "content": { "type": "swap" } },
            { "name": "last", "part-type": "logical", "start": "81MiB", "end": "100%", "content": ext4("/srv/last") }
        ] } }));
    let volume = |kind: &str, size: &str, arguments: &[&str], mountpoint: &str| {
        let mut volume = json!({ "size": size, "extraArgs": arguments, "content": ext4(mountpoint) });
        if kind != "linear" {
            volume["lvm_type"] = json!(kind);
        }
        volume
    };
    // Both together are larger than their pool.
    let in_pool = |mountpoint: &str| {
        let mut volume = volume("thinlv", "1G", &[], mountpoint);
        volume["pool"] = json!("pool");
        volume
    };
    let layout = json!({ "disk": disks, "lvm_vg": { "system": { "type": "lvm_vg", "lvs": {
        "root": volume("raid5", "100%FREE", &[], "/"),
        "linear": volume("linear", "40M", &[], "/srv/linear"),
        "striped": volume("linear", "48M", &["-i3"], "/srv/striped"),
        "raid0": volume("raid0", "40M", &[], "/srv/raid0"),
        "raid1": volume("raid1", "40M", &["-m2"], "/srv/raid1"),
        "raid4": volume("raid4", "40M", &[], "/srv/raid4"),
        "raid6": volume("raid6", "40M", &[], "/srv/raid6"),
        "mirror": volume("mirror", "40M", &[], "/srv/mirror"),
        "pool": { "size": "64M", "lvm_type": "thin-pool" },
        "thin": in_pool("/srv/thin"),
        "thinner": in_pool("/srv/thinner")
    } } } });
    let image = Image::build(&sample, &layout.to_string(), &[]);
    let guest = Guest::boot(&machine(&sample, &image, &["a", "b", "c", "d", "e", "old"]));
    guest.multi_user();
    let run = runner(&guest);
    assert_eq!(root_device(&run), "system-root");
    run("vgck system && vgchange -ay system");
    let volumes = run("lvs --noheadings --separator : -o lv_name,segtype,sync_percent system | tr -d ' '");
    let found: Vec<&str> = volumes.lines().map(str::trim).collect();
    assert_eq!(
        found,
        [
            "linear:linear:",
            "mirror:mirror:100.00",
            "pool:thin-pool:",
            "raid0:raid0:",
            "raid1:raid1:100.00",
            "raid4:raid4:100.00",
            "raid6:raid6:100.00",
            "root:raid5:100.00",
            "striped:striped:",
            "thin:thin:",
            "thinner:thin:"
        ]
    );
    for name in ["linear", "striped", "raid0", "raid1", "raid4", "raid6", "mirror", "thin", "thinner"] {
        run(&format!("e2fsck -fn /dev/system/{name}"));
    }
    the_kernel_goes_on_with_our_thin_pool(&run);
    for name in ["raid1", "raid4", "raid6", "root"] {
        run(&format!("lvchange --syncaction check system/{name}"));
    }
    run("while lvs --noheadings -o raid_sync_action system | grep -q check; do sleep 1; done");
    let mismatches = "lvs --noheadings -o raid_mismatch_count system/raid1 system/raid4 system/raid6 system/root | tr -d ' \\n'";
    assert_eq!(run(mismatches).trim(), "0000");
    // The boot record: what Linux sees of it, and what lies in its logical partitions.
    let table = run("lsblk -rno NAME,SIZE,PTTYPE /dev/vdf | tr -s ' '");
    assert!(table.contains("vdf5") && table.contains("vdf6") && table.contains("dos"), "{table}");
    run("e2fsck -fn /dev/vdf1 && e2fsck -fn /dev/vdf6 && swapon /dev/vdf5 && swapoff /dev/vdf5");
}

/// The kernel takes chunks of the pool that we made, gives them back, and finds all of it after it was put down.
fn the_kernel_goes_on_with_our_thin_pool(run: &impl Fn(&str) -> String) {
    run("lvs -a --noheadings -o lv_name system | grep -q '\\[lvol0_pmspare\\]'");
    run(
        "mkdir -p /mnt && mount /dev/system/thin /mnt && dd if=/dev/urandom of=/mnt/new bs=1M count=20 2>&1 \
         && md5sum /mnt/new > /run/new.md5 && umount /mnt",
    );
    run(
        "lvchange -an system/thin system/thinner && lvchange -an system/pool && lvchange -ay system/thin system/thinner",
    );
    run("mount /dev/system/thin /mnt && md5sum -c /run/new.md5 && rm /mnt/new && fstrim /mnt && umount /mnt");
    run("e2fsck -fn /dev/system/thin && e2fsck -fn /dev/system/thinner");
    let health = run("lvs --noheadings -o lv_health_status,lv_check_needed system/pool");
    assert_eq!(health.trim(), "", "{health}");
}

/// Partition, physical volume, logical volume and file system, each in its turn.
#[test]
fn a_root_on_lvm_grows_to_its_disk() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let root = json!({ "size": "100%", "content": { "type": "lvm_pv", "vg": "system" } });
    let group = json!({ "type": "lvm_vg", "lvs": { "root": { "size": "100%FREE", "content": ext4("/") } } });
    let layout = json!({
        "disk": { "main": disk(&json!({ "ESP": esp(), "root": root })) }, "lvm_vg": { "system": group }
    });
    let image = Image::build(&sample, &layout.to_string(), &["--grow"]);
    let file = fs::File::options().write(true).open(image.disk("main")).unwrap();
    let before = file.metadata().unwrap().len();
    let after = before + (2 << 30);
    file.set_len(after).unwrap();
    let guest = Guest::boot(&machine(&sample, &image, &["main"]));
    guest.multi_user();
    let run = runner(&guest);
    run("systemctl start landfall-grow.service; systemctl --no-pager status landfall-grow.service; true");
    assert_eq!(run("systemctl is-failed landfall-grow.service || true").trim(), "inactive");
    let size: u64 = run("df --output=size -B1 / | tail -n 1").trim().parse().unwrap();
    assert!(size > before, "the root file system has {size} bytes of a disk of {after}");
    let verdict = run("sgdisk -v /dev/vda");
    assert!(verdict.contains("No problems found"), "{verdict}");
}

/// xfs below the root, made by mkfs.xfs of this host.
fn a_root_on_xfs_boots(architecture: Architecture) {
    let Some(sample) = Sample::require(architecture) else { return };
    let root =
        json!({ "size": "100%", "content": { "type": "filesystem", "format": "xfs", "mountpoint": "/" } });
    let layout = json!({ "disk": { "main": disk(&json!({ "ESP": esp(), "root": root })) } });
    let image = Image::build(&sample, &layout.to_string(), &[]);
    let guest = Guest::boot(&machine(&sample, &image, &["main"]));
    guest.multi_user();
    let run = runner(&guest);
    assert_eq!(run("findmnt -n -o FSTYPE /").trim(), "xfs");
    assert_eq!(run("stat -c '%a %u:%g %Y' /nix/store").split(' ').next(), Some("1775"));
}

#[test]
fn a_root_on_xfs_boots_on_x86_64() {
    a_root_on_xfs_boots(Architecture::X86_64);
}

#[test]
fn a_root_on_xfs_boots_on_aarch64() {
    a_root_on_xfs_boots(Architecture::Aarch64);
}

#[test]
fn a_root_in_memory_boots_from_a_store_on_disk() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let nix = json!({ "size": "100%", "content": ext4("/nix") });
    let layout = json!({
        "disk": { "main": disk(&json!({ "ESP": esp(), "nix": nix })) },
        "nodev": { "/": { "fsType": "tmpfs", "mountOptions": ["size=50%", "mode=755"] } }
    });
    let image = Image::build(&sample, &layout.to_string(), &[]);
    let guest = Guest::boot(&machine(&sample, &image, &["main"]));
    guest.multi_user();
    let run = runner(&guest);
    assert_eq!(
        run("findmnt -n -o FSTYPE /; findmnt -n -o FSTYPE /nix").split_whitespace().collect::<Vec<_>>(),
        ["tmpfs", "ext4"]
    );
}

/// An encrypted volume takes the size of its partition when it is opened: with the second start.
#[test]
fn an_encrypted_root_grows_with_the_second_start() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let luks = json!({ "type": "luks", "name": "crypted", "passwordFile": "/key", "content": ext4("/"),
        "extraFormatArgs": ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"] });
    let root = json!({ "size": "100%", "content": luks });
    let layout = json!({ "disk": { "main": disk(&json!({ "ESP": esp(), "root": root })) } });
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "correct horse\n").unwrap();
    let key = format!("/key={}", key.display());
    let image = Image::build(&sample, &layout.to_string(), &["--grow", "--key", &key]);
    let file = fs::File::options().write(true).open(image.disk("main")).unwrap();
    let before = file.metadata().unwrap().len();
    file.set_len(before + (2 << 30)).unwrap();
    for start in 1..=2 {
        // What it writes stays: the second start finds what the first has done.
        let machine = Machine::new(sample.architecture()).with_drive(Drive::image(image.disk("main")));
        let guest = Guest::boot(&machine);
        guest.type_passphrase("correct horse");
        guest.multi_user();
        let run = runner(&guest);
        run("while [ \"$(systemctl is-active landfall-grow.service)\" = activating ]; do sleep 1; done");
        let partition: u64 = run("lsblk -bdno SIZE /dev/vda2").trim().parse().unwrap();
        assert!(partition > before, "start {start}: the partition has {partition} bytes");
        if start == 2 {
            let size: u64 = run("df --output=size -B1 / | tail -n 1").trim().parse().unwrap();
            assert!(size > before, "the root file system has {size} bytes");
            assert_eq!(run("systemctl is-failed landfall-grow.service || true").trim(), "inactive");
        }
        drop(run);
        guest.power_off();
    }
}
