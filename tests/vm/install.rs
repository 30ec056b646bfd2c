//! Machines are installed from media that `landfall iso` made, started by their firmware; what was installed boots
//! alone.
//!
//! One install is of the whole system, the others are of a small one. Where the medium differs (CD, USB disk, the
//! other architecture) Nix reads every byte in the end; elsewhere the installer's own reading is enough.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qemu::machine::{Bus, Sectors};
use qemu::{Architecture, Drive, Ending, Machine, Mebibytes, RunDirectory, VmOptions};

use crate::harness::{Guest, Sample};
use crate::medium::{Closure, Medium, TARGET};

/// Size of the disks that are installed on.
const DISK: u64 = 3 << 30;

/// A whole installation under TCG on a busy host.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(540);

/// A folder for the disks of a test, and the disks in it.
struct Disks {
    directory: RunDirectory,
}

impl Disks {
    fn new() -> Self {
        Self { directory: RunDirectory::create(None).unwrap() }
    }

    /// A new blank disk.
    fn blank(&self, name: &str, size: u64) -> PathBuf {
        let path = self.directory.path().join(name);
        fs::File::create(&path).unwrap().set_len(size).unwrap();
        path
    }
}

/// A machine that starts from `medium`, and has these disks.
fn machine(sample: &Sample, medium: Drive, disks: impl IntoIterator<Item = Drive>) -> Machine {
    disks.into_iter().fold(Machine::new(sample.architecture()).with_drive(medium), Machine::with_drive)
}

/// The disk that media install on.
fn target(path: &Path, bus: Bus) -> Drive {
    Drive::image(path).on(bus).with_serial(TARGET)
}

/// Waits until the installer says that it is done and the machine is off; what it said.
fn installed(guest: &Guest) -> String {
    let console = guest.vm().console();
    let said = match console
        .expect_any(&["landfall: installed", "landfall: failed", "Kernel panic"], INSTALL_TIMEOUT)
    {
        Ok((0, said)) => said,
        Ok((_, said)) => {
            let more = console.expect("power off:", Duration::from_secs(30)).unwrap_or_default();
            guest.vm().directory().keep();
            panic!("the installation failed\n{said}{more}");
        }
        Err(error) => panic!("{error}"),
    };
    assert_eq!(guest.vm().wait(Duration::from_secs(120)).unwrap(), Ending::PoweredOff);
    said
}

/// What the installer says when it refuses; nothing is running any more afterwards.
fn refused(guest: &Guest) -> String {
    let console = guest.vm().console();
    match console.expect_any(&["landfall: failed: ", "landfall: installed", "Kernel panic"], INSTALL_TIMEOUT)
    {
        Ok((0, _)) => console.expect("[s] shell", Duration::from_secs(60)).unwrap(),
        Ok((_, said)) => panic!("it was not refused:\n{said}"),
        Err(error) => panic!("{error}"),
    }
}

/// Boots the installed disk alone and runs `commands` there, each of which must succeed.
fn boots_alone(sample: &Sample, disk: Drive, commands: &[&str]) {
    boots(&Guest::boot(&Machine::new(sample.architecture()).with_drive(disk)), sample, commands);
}

fn boots(guest: &Guest, sample: &Sample, commands: &[&str]) {
    guest.multi_user();
    let shell = guest.shell();
    let run = |command: &str| {
        shell.run_ok(command, Duration::from_secs(600)).unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(run("readlink -f /run/current-system").trim(), sample.toplevel());
    for command in commands {
        run(command);
    }
    let ended = guest.vm().power_off(Duration::from_secs(300)).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ended, Ending::PoweredOff);
}

/// Nix reads every byte of the store.
const NIX_VERIFIES: &str = "nix-store --verify --check-contents";

/// The digest of a disk's bytes.
fn digest(path: &Path) -> blake3::Hash {
    let mut hasher = blake3::Hasher::new();
    std::io::copy(&mut fs::File::open(path).unwrap(), &mut hasher).unwrap();
    hasher.finalize()
}

fn is_zero(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    // A file of holes has no blocks.
    fs::metadata(path).unwrap().blocks() == 0
}

/// Installs from an optical disc with everything that a medium can bring besides, and boots the disk with
/// the variables that the installer left.
fn installs_from_a_cd_to_a_virtio_disk(architecture: Architecture, closure: Closure) {
    let Some(sample) = Sample::require(architecture) else { return };
    let Some(medium) = Medium::unattended(&sample, closure) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let guest = Guest::boot(&machine(&sample, Drive::cdrom(medium.iso()), [target(&disk, Bus::Virtio)]));
    let said = installed(&guest);
    assert!(said.contains("installing on main: /dev/vda (3 GiB, serial target, virtio)"), "{said}");
    assert!(said.contains("boot entry Boot"), "{said}");
    // What the installer told firmware is known after it.
    let variables = disks.directory.path().join("kept.fd");
    fs::copy(guest.vm().directory().variables(), &variables).unwrap();
    drop(guest);
    let machine = Machine::new(architecture).with_drive(target(&disk, Bus::Virtio));
    let guest = Guest::boot_with(&machine, VmOptions { variables: Some(variables), ..VmOptions::default() });
    // UTF-16, so with a byte between two letters.
    let loader = "grep -aq s.y.s.t.e.m.d.-.b.o.o.t /sys/firmware/efi/efivars/Boot0*";
    let data = "mkdir -p /mnt && mount -t xfs /dev/disk/by-partlabel/disk-main-data /mnt && umount /mnt";
    let data = if closure == Closure::Whole { data } else { "true" };
    boots(
        &guest,
        &sample,
        &[
            NIX_VERIFIES,
            data,
            loader,
            "test \"$(cat /etc/ssh/added_key)\" = added",
            "test -O /etc/ssh/added_key",
        ],
    );
}

#[test]
fn an_unattended_install_from_a_cd_to_a_virtio_disk_boots() {
    installs_from_a_cd_to_a_virtio_disk(Architecture::X86_64, Closure::Whole);
}

#[test]
fn an_unattended_install_on_aarch64_from_a_cd_boots() {
    installs_from_a_cd_to_a_virtio_disk(Architecture::Aarch64, Closure::Small);
}

#[test]
fn an_unattended_install_from_a_usb_disk_to_nvme_boots_with_512_mib_of_memory() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::unattended(&sample, Closure::Small) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let stick = Drive::image(medium.iso()).on(Bus::Usb).read_only();
    let machine = machine(&sample, stick, [target(&disk, Bus::Nvme)]).with_memory(Mebibytes(512));
    let guest = Guest::boot(&machine);
    let said = installed(&guest);
    assert!(said.contains("serial target, nvme)"), "{said}");
    drop(guest);
    boots_alone(&sample, target(&disk, Bus::Nvme), &[NIX_VERIFIES]);
}

/// A disk on which somebody else's system is: a GUID partition table with Windows' partitions, and data.
fn foreign(disks: &Disks) -> PathBuf {
    use landfall::identity::Seed;
    use landfall::units::{Lba, SectorSize};
    use landfall::volume::{FileBlock, gpt};
    let path = disks.blank("foreign.raw", 1 << 30);
    let file = fs::OpenOptions::new().read(true).write(true).open(&path).unwrap();
    let seed = Seed::from_inputs([&b"foreign"[..]]);
    // EFI system partition, Microsoft reserved, Microsoft basic data.
    let kinds = [
        ("c12a7328-f81f-11d2-ba4b-00a0c93ec93b", "EFI system partition", 2048, 206_847),
        ("e3c9e316-0b5c-4db8-817d-f92df00215ae", "Microsoft reserved partition", 206_848, 239_615),
        ("ebd0a0a2-b9e5-4433-87c0-68b6b72699c7", "Basic data partition", 239_616, 2_000_000),
    ];
    let entry = |(number, (kind, name, first, last)): (u32, (&str, &str, u64, u64))| {
        let entry = gpt::Entry {
            type_guid: kind.parse().unwrap(),
            unique_guid: seed.uuid(kind),
            first: Lba(first),
            last: Lba(last),
            attributes: gpt::Attributes::default(),
            name: name.parse().unwrap(),
        };
        (number, entry)
    };
    let entries = (1..).zip(kinds).map(entry).collect();
    let table = gpt::Table { disk_guid: seed.uuid("disk"), entries };
    table.write(&FileBlock::open(file.try_clone().unwrap(), &path, SectorSize::S512).unwrap()).unwrap();
    // The boot sector of NTFS (its name at byte 3), and a file's worth of data.
    file.write_all_at(b"\xeb\x52\x90NTFS    ", 239_616 * 512).unwrap();
    file.write_all_at(&vec![0x5a; 1 << 20], 300_000 * 512).unwrap();
    path
}

#[test]
fn an_install_that_was_cut_short_does_not_boot_the_next_one_does_and_a_foreign_disk_is_untouched() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::unattended(&sample, Closure::Small) else { return };
    let Some(wiping) = Medium::wiping(&sample) else { return };
    let disks = Disks::new();
    let (disk, other) = (disks.blank("main.raw", DISK), foreign(&disks));
    let before = digest(&other);
    let drives = || [Drive::image(&other), target(&disk, Bus::Sata)];
    let machine_with = |medium: &Medium| machine(&sample, Drive::cdrom(medium.iso()), drives());
    let guest = Guest::boot(&machine_with(&medium));
    let console = guest.vm().console();
    console.expect("write /: 30 %", INSTALL_TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    // Dropped, the machine is killed: a power cut.
    drop(guest);
    let mut head = vec![0; 1024];
    fs::File::open(&disk).unwrap().read_exact_at(&mut head, 0).unwrap();
    assert!(head.starts_with(b"landfall: an installation is under way"), "{head:?}");
    assert!(!head.windows(8).any(|window| window == b"EFI PART"));
    let guest = Guest::boot(&machine_with(&medium));
    let said = installed(&guest);
    assert!(said.contains("serial target, sata)"), "{said}");
    drop(guest);
    // A medium that may erase, and is still in when the machine starts again, does not install once more.
    let written = digest(&disk);
    let guest = Guest::boot(&machine_with(&wiping));
    let console = guest.vm().console();
    let asked = console.expect("Type `again` to erase and install", INSTALL_TIMEOUT);
    let asked = asked.unwrap_or_else(|error| panic!("{error}"));
    assert!(asked.contains("This very installation is already on /dev/sda"), "{asked}");
    drop(guest);
    assert!(digest(&disk) == written && digest(&other) == before);
    boots_alone(&sample, target(&disk, Bus::Sata), &[]);
}

#[test]
fn a_disk_with_something_on_it_is_refused_unless_the_medium_may_wipe() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::unattended(&sample, Closure::Small) else { return };
    let disks = Disks::new();
    let other = foreign(&disks);
    let before = digest(&other);
    let guest = Guest::boot(&machine(&sample, Drive::cdrom(medium.iso()), [target(&other, Bus::Virtio)]));
    let said = refused(&guest);
    assert!(said.contains("is not blank: 1: \"EFI system partition\""), "{said}");
    assert!(
        said.contains("3: \"Basic data partition\"")
            && said.contains("state: nothing was written to any disk"),
        "{said}"
    );
    drop(guest);
    assert_eq!(digest(&other), before);
}

#[test]
fn a_person_installs_over_the_serial_line_onto_4096_byte_sectors() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::interactive(&sample) else { return };
    let disks = Disks::new();
    let (disk, other) = (disks.blank("main.raw", DISK), foreign(&disks));
    let before = digest(&other);
    let drive = || target(&disk, Bus::Nvme).with_sectors(Sectors::B4096);
    let guest = Guest::boot(&machine(&sample, Drive::cdrom(medium.iso()), [Drive::image(&other), drive()]));
    let console = guest.vm().console();
    let expect = |text: &str| console.expect(text, INSTALL_TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    expect("check the medium: 100 %");
    let listed = expect("Number, or q to stop:");
    assert!(listed.contains("Basic data partition") && listed.contains("blank"), "{listed}");
    console.send("7\r").unwrap();
    expect("`7` is not a number from 1 to 2");
    expect("Number, or q to stop:");
    let number = if listed.find("vda") < listed.find("nvme0n1") { "2" } else { "1" };
    console.send(&format!("{number}\r")).unwrap();
    expect("Type `nvme0n1` to erase and install");
    console.send("nvme0n1\r").unwrap();
    for (question, typed) in [
        ("New passphrase for `private`:", "hunter2\r"),
        ("The same again:", "hunter3\r"),
        ("these differ", ""),
        ("New passphrase for `private`:", "hunter2\r"),
        ("The same again:", "hunter2\r"),
    ] {
        expect(question);
        console.send(typed).unwrap();
    }
    installed(&guest);
    drop(guest);
    assert_eq!(digest(&other), before);
    let open = "printf hunter2 | cryptsetup open --test-passphrase --key-file - /dev/nvme0n1p2";
    boots_alone(&sample, drive(), &[open]);
}

#[test]
fn a_person_who_does_not_confirm_loses_nothing() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::interactive(&sample) else { return };
    let disks = Disks::new();
    let other = foreign(&disks);
    let before = digest(&other);
    let guest = Guest::boot(&machine(&sample, Drive::cdrom(medium.iso()), [Drive::image(&other)]));
    let console = guest.vm().console();
    let expect = |text: &str| console.expect(text, INSTALL_TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    expect("Number, or q to stop:");
    console.send("1\r").unwrap();
    expect("Type `vda` to erase and install");
    console.send("yes\r").unwrap();
    let said = refused(&guest);
    assert!(said.contains("nobody confirmed"), "{said}");
    // A shell of the system on the medium, and back.
    console.send("s\r").unwrap();
    expect("comes back here");
    console.send("echo shell-$((6 * 7))\r").unwrap();
    expect("shell-42");
    console.send("exit\r").unwrap();
    expect("power off:");
    console.send("p\r").unwrap();
    assert_eq!(guest.vm().wait(Duration::from_secs(120)).unwrap(), Ending::PoweredOff);
    drop(guest);
    assert_eq!(digest(&other), before);
}

#[test]
fn a_medium_with_one_flipped_byte_is_refused_with_its_place() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::interactive(&sample) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let copy = medium.copy(&disks.directory);
    let iso = fs::OpenOptions::new().read(true).write(true).open(&copy).unwrap();
    let at = 20 << 20;
    let mut byte = [0];
    iso.read_exact_at(&mut byte, at).unwrap();
    iso.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    let guest = Guest::boot(&machine(&sample, Drive::cdrom(copy), [target(&disk, Bus::Virtio)]));
    let said = refused(&guest);
    // The file begins within the first MiB of the medium.
    assert!(said.contains("`nix-store.squashfs` is damaged between byte"), "{said}");
    let place = said.split("between byte ").nth(1).and_then(|text| text.split(' ').next()).unwrap();
    let start: u64 = place.parse().unwrap();
    assert!(start <= at && at - start < 2 << 20, "{said}");
    assert!(said.contains("state: nothing was written to any disk"), "{said}");
    drop(guest);
    assert!(is_zero(&disk));
}
