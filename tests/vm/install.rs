//! Machines are installed from a medium, and what was installed boots alone.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use landfall::installer::order::{Check, Finish, Mode, Order};
use qemu::machine::{Bus, Sectors};

use qemu::{Architecture, Drive, Ending, Machine, Mebibytes, RunDirectory};

use crate::harness::{Guest, Sample};
use crate::medium::Medium;

/// An ESP and an ext4 root on the disk `DEVICE`.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "DEVICE", "content": { "type": "gpt", "partitions": {
  "ESP": { "type": "EF00", "size": "256M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// Size of the disks that are installed on.
const DISK: u64 = 4 << 30;

/// A whole installation under TCG on a busy host.
const INSTALL_TIMEOUT: Duration = Duration::from_secs(540);

fn layout(device: &str) -> String {
    LAYOUT.replace("DEVICE", device)
}

/// Nobody is asked; the machine is off when it is done.
fn unattended(order: Order) -> Order {
    Order { mode: Mode::Unattended, finish: Finish::PowerOff, ..order }
}

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

/// A machine that boots `medium` from an optical drive, and has these disks.
fn machine(sample: &Sample, medium: &Medium, disks: impl IntoIterator<Item = Drive>) -> Machine {
    let machine = Machine::new(sample.architecture()).with_boot(medium.boot());
    let machine = machine.with_drive(Drive::cdrom(medium.iso()));
    disks.into_iter().fold(machine, Machine::with_drive)
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

/// Whether Nix looks at the store of the booted system: it takes as long as the installation.
#[derive(Clone, Copy, PartialEq, Eq)]
enum StoreCheck {
    /// Every byte.
    Nix,
    /// Not again: the installer compared every store path with its hash.
    Left,
}

/// Boots the installed disk alone.
fn boots_alone(sample: &Sample, disk: Drive, check: StoreCheck) {
    let guest = Guest::boot(&Machine::new(sample.architecture()).with_drive(disk));
    guest.multi_user();
    let shell = guest.shell();
    let run = |command: &str| {
        shell.run_ok(command, Duration::from_secs(600)).unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(run("readlink -f /run/current-system").trim(), sample.toplevel());
    if check == StoreCheck::Nix {
        run("nix-store --verify --check-contents");
    }
    guest.power_off();
}

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

#[test]
fn an_unattended_install_from_a_cd_to_a_virtio_disk_boots() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &unattended) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&disk)]));
    let said = installed(&guest);
    assert!(said.contains("installing on main: /dev/vda (4 GiB, virtio)"), "{said}");
    drop(guest);
    boots_alone(&sample, Drive::image(&disk), StoreCheck::Nix);
}

#[test]
fn an_unattended_install_from_a_usb_disk_to_nvme_boots_with_512_mib_of_memory() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/nvme0n1"), &unattended) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let machine = Machine::new(sample.architecture())
        .with_boot(medium.boot())
        .with_memory(Mebibytes(512))
        .with_drive(Drive::image(medium.iso()).on(Bus::Usb).read_only())
        .with_drive(Drive::image(&disk).on(Bus::Nvme).with_serial("N1"));
    let guest = Guest::boot(&machine);
    let said = installed(&guest);
    assert!(said.contains("serial N1, nvme)"), "{said}");
    drop(guest);
    boots_alone(&sample, Drive::image(&disk).on(Bus::Nvme), StoreCheck::Left);
}

#[test]
fn an_unattended_install_on_aarch64_from_a_cd_boots() {
    let Some(sample) = Sample::require(Architecture::Aarch64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &unattended) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&disk)]));
    installed(&guest);
    drop(guest);
    boots_alone(&sample, Drive::image(&disk), StoreCheck::Nix);
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
fn of_two_disks_the_empty_one_is_taken_and_the_foreign_one_is_untouched() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let wanted = r#"/dev/none", "landfall": { "match": { "empty": true, "minSize": "2G", "transport": "sata" } }, "imageName": "main"#;
    let Some(medium) = Medium::build(&sample, &layout(wanted), &unattended) else { return };
    let disks = Disks::new();
    let (disk, other) = (disks.blank("main.raw", DISK), foreign(&disks));
    let before = digest(&other);
    let drives = [Drive::image(&other), Drive::image(&disk).on(Bus::Sata).with_serial("S1")];
    let guest = Guest::boot(&machine(&sample, &medium, drives));
    let said = installed(&guest);
    assert!(said.contains("sata)"), "{said}");
    drop(guest);
    assert_eq!(digest(&other), before);
    boots_alone(&sample, Drive::image(&disk).on(Bus::Sata), StoreCheck::Left);
}

#[test]
fn a_disk_with_something_on_it_is_refused_unless_the_medium_may_wipe() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &unattended) else { return };
    let disks = Disks::new();
    let other = foreign(&disks);
    let before = digest(&other);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&other)]));
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
    let interactive = |order: Order| Order { finish: Finish::PowerOff, ..order };
    let Some(medium) = Medium::build(&sample, &layout("/dev/sda"), &interactive) else { return };
    let disks = Disks::new();
    let (disk, other) = (disks.blank("main.raw", DISK), foreign(&disks));
    let before = digest(&other);
    let drive = || Drive::image(&disk).on(Bus::Nvme).with_sectors(Sectors::B4096);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&other), drive()]));
    let console = guest.vm().console();
    let expect = |text: &str| console.expect(text, INSTALL_TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    let listed = expect("Number, or q to stop:");
    assert!(listed.contains("Basic data partition") && listed.contains("blank"), "{listed}");
    console.send("7\r").unwrap();
    expect("`7` is not a number from 1 to 2");
    expect("Number, or q to stop:");
    let number = if listed.find("vda") < listed.find("nvme0n1") { "2" } else { "1" };
    console.send(&format!("{number}\r")).unwrap();
    expect("Type `nvme0n1` to erase and install");
    console.send("nvme0n1\r").unwrap();
    installed(&guest);
    drop(guest);
    assert_eq!(digest(&other), before);
    boots_alone(&sample, drive(), StoreCheck::Left);
}

#[test]
fn a_person_who_does_not_confirm_loses_nothing() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &|order| order) else { return };
    let disks = Disks::new();
    let other = foreign(&disks);
    let before = digest(&other);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&other)]));
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
fn an_install_that_was_cut_short_does_not_boot_and_the_next_one_succeeds() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &unattended) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let machine = machine(&sample, &medium, [Drive::image(&disk)]);
    let guest = Guest::boot(&machine);
    let console = guest.vm().console();
    console.expect("write /: 30 %", INSTALL_TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    // Dropped, the machine is killed: a power cut.
    drop(guest);
    let mut head = vec![0; 1024];
    fs::File::open(&disk).unwrap().read_exact_at(&mut head, 0).unwrap();
    assert!(head.starts_with(b"landfall: an installation is under way"), "{head:?}");
    assert!(!head.windows(8).any(|window| window == b"EFI PART"));
    let guest = Guest::boot(&machine);
    installed(&guest);
    drop(guest);
    boots_alone(&sample, Drive::image(&disk), StoreCheck::Left);
}

#[test]
fn a_medium_with_one_flipped_byte_is_refused_with_its_place() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let checked = |order| Order { check: Check::Medium, ..unattended(order) };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &checked) else { return };
    let disks = Disks::new();
    let disk = disks.blank("main.raw", DISK);
    let iso = fs::OpenOptions::new().read(true).write(true).open(medium.iso()).unwrap();
    let at = 200 << 20;
    let mut byte = [0];
    iso.read_exact_at(&mut byte, at).unwrap();
    iso.write_all_at(&[byte[0] ^ 0x10], at).unwrap();
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&disk)]));
    let said = refused(&guest);
    assert!(said.contains("`nix-store.squashfs` is damaged between byte 2"), "{said}");
    assert!(said.contains("state: nothing was written to any disk"), "{said}");
    drop(guest);
    assert!(is_zero(&disk));
}

#[test]
fn a_disk_too_small_and_a_disk_that_is_not_there_are_refused_before_anything_is_written() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(medium) = Medium::build(&sample, &layout("/dev/vda"), &unattended) else { return };
    let disks = Disks::new();
    let small = disks.blank("small.raw", 700 << 20);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&small)]));
    let said = refused(&guest);
    assert!(said.contains("state: nothing was written to any disk"), "{said}");
    assert!(said.contains("MiB"), "{said}");
    drop(guest);
    let guest = Guest::boot(&machine(&sample, &medium, [Drive::image(&small).on(Bus::Nvme)]));
    let said = refused(&guest);
    assert!(
        said.contains("this machine has no disk that is `/dev/vda`; it has /dev/nvme0n1 (700 MiB"),
        "{said}"
    );
    drop(guest);
    assert!(is_zero(&small));
}
