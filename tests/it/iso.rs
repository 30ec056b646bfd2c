//! Media: judged by the real tools, the same every time, refused for what is wrong with their inputs.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use landfall::installer::digests::Place;
use uefi::Architecture;

use crate::fixture::{Fixture, write};
use crate::oracle::{require_root, require_tool, run, run_ok};

/// A GPT with ESP and an ext4 root.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
  "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// The same with an encrypted root whose passphrase a person types.
const ENCRYPTED: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
  "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "luks": { "size": "100%", "content": { "type": "luks", "name": "crypted", "askPassword": true,
    "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } } }
} } } } }"#;

/// ELF's numbers of machines.
const X86_64: u16 = 62;
const AARCH64: u16 = 183;

/// An ELF file for `machine` with nothing but its header.
fn elf(machine: u16) -> Vec<u8> {
    let mut bytes = vec![0_u8; 64];
    bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20..24].copy_from_slice(&1_u32.to_le_bytes());
    bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
    bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
    bytes
}

/// A system and the arguments that make media of it.
struct Build {
    fixture: Fixture,
    dir: tempfile::TempDir,
}

impl Build {
    fn new() -> Self {
        Self::of(Architecture::X64)
    }

    fn of(architecture: Architecture) -> Self {
        let build = Self { fixture: Fixture::new(architecture), dir: tempfile::tempdir().unwrap() };
        fs::write(build.file("layout.json"), LAYOUT).unwrap();
        fs::write(build.file("encrypted.json"), ENCRYPTED).unwrap();
        fs::write(build.file("landfall-x86_64"), elf(X86_64)).unwrap();
        build
    }

    /// The same with a kernel that has drivers.
    fn with_drivers() -> Self {
        let build = Self::new();
        let modules = build.fixture.host(build.fixture.path("linux-6.12.5-modules"));
        let mut listed = String::new();
        for module in
            ["drivers/nvme/host/nvme", "drivers/block/loop", "fs/isofs/isofs", "fs/squashfs/squashfs"]
        {
            write(&modules, &format!("lib/modules/6.12.5/kernel/{module}.ko"), &elf(X86_64));
            listed.push_str(&format!("kernel/{module}.ko:\n"));
        }
        write(&modules, "lib/modules/6.12.5/modules.dep", listed.as_bytes());
        build
    }

    fn file(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn command(&self, out: &str, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.current_dir(self.dir.path()).arg("iso");
        command.arg("--system").arg(self.fixture.host(&self.fixture.toplevel));
        command.arg("--store").arg(self.fixture.root()).arg("--out").arg(self.file(out)).args(more);
        command.env("XDG_CACHE_HOME", self.file("cache")).env_remove("LANDFALL_LOG").env("NO_COLOR", "1");
        command
    }

    /// Makes a medium, which must succeed; its path.
    fn ok(&self, out: &str, more: &[&str]) -> PathBuf {
        let ended = self.command(out, more).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        self.file(out)
    }

    /// Makes an installing medium, with more arguments.
    fn install(&self, out: &str, more: &[&str]) -> PathBuf {
        let common = ["--layout", "layout.json", "--installer-binary", "landfall-x86_64"];
        self.ok(out, &[&common[..], more].concat())
    }

    /// Must fail and leave no image: exit code and words on standard error.
    fn fails(&self, more: &[&str]) -> (i32, String) {
        let ended = self.command("out.iso", more).output().unwrap();
        let entries = fs::read_dir(self.dir.path()).unwrap().flatten();
        let left: Vec<_> =
            entries.filter(|entry| entry.file_name().to_string_lossy().contains("out.iso")).collect();
        assert!(left.is_empty(), "left behind: {left:?}");
        assert!(ended.stdout.is_empty());
        (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
    }
}

/// The files of a medium, by path.
fn names(path: &Path) -> Vec<String> {
    let image = iso::Image::open(fs::File::open(path).unwrap()).unwrap();
    assert_eq!(image.check(fs::metadata(path).unwrap().len()).unwrap(), []);
    let files = image.entries().unwrap().into_iter().filter(|entry| entry.kind == iso::EntryKind::File);
    files.map(|entry| String::from_utf8(entry.path).unwrap()).collect()
}

/// The bytes of a file of a medium.
fn bytes(path: &Path, name: &str) -> Vec<u8> {
    let image = iso::Image::open(fs::File::open(path).unwrap()).unwrap();
    image.read_file(&image.find(name.as_bytes()).unwrap().unwrap()).unwrap()
}

#[test]
fn judges_find_a_live_medium_clean_and_a_flipped_byte_not() {
    let tools = ["xorriso", "sgdisk", "fsck.fat", "unsquashfs", "mdir"].map(require_tool);
    let [Some(xorriso), Some(sgdisk), Some(fsck_fat), Some(unsquashfs), Some(mdir)] = tools else { return };
    let build = Build::new();
    let path = build.ok("live.iso", &[]);
    let image = path.to_str().unwrap();
    assert!(run_ok(&sgdisk, &["-v", image]).contains("No problems found"));
    let report = run(&xorriso, &["-indev", image, "-report_el_torito", "plain"]);
    let report =
        String::from_utf8_lossy(&report.stdout).into_owned() + &String::from_utf8_lossy(&report.stderr);
    assert!(report.contains("Volume id    : 'nixos'"), "the system says root=LABEL=nixos: {report}");
    assert!(report.contains("UEFI  y   none"), "{report}");
    let linux = build.fixture.path("linux-6.12.5");
    let initrd = build.fixture.path("initrd-linux-6.12.5");
    let mut wanted = vec![
        format!("boot{initrd}/initrd"),
        format!("boot{linux}/bzImage"),
        "nix-store.squashfs".to_owned(),
        "version.txt".to_owned(),
    ];
    wanted.sort();
    assert_eq!(names(&path), wanted);
    let store = build.file("store.squashfs");
    fs::write(&store, bytes(&path, "nix-store.squashfs")).unwrap();
    let listed = run_ok(&unsquashfs, &["-l", "-d", "", store.to_str().unwrap()]);
    assert!(listed.contains("/nix-path-registration"), "{listed}");
    let toplevel = build.fixture.toplevel.base_name();
    assert!(listed.contains(&format!("/{toplevel}/init")), "{listed}");
    // The boot image: the partition and El Torito's image are one, and it holds what is booted.
    let medium = iso::Image::open(fs::File::open(&path).unwrap()).unwrap();
    let boot = medium.boot_image().unwrap().unwrap();
    let table: String = run_ok(&sgdisk, &["-i", "1", image]);
    assert!(table.contains(&format!("First sector: {} ", boot.offset / 512)), "{table}");
    let content = fs::read(&path).unwrap();
    let start = usize::try_from(boot.offset).unwrap();
    let esp = build.file("esp.img");
    fs::write(&esp, &content[start..start + usize::from(boot.sectors) * 512]).unwrap();
    run_ok(&fsck_fat, &["-n", esp.to_str().unwrap()]);
    let listed = run_ok(&mdir, &["-b", "-/", "-i", esp.to_str().unwrap(), "::"]);
    for name in ["EFI/BOOT/BOOTX64.EFI", "loader/entries/nixos-generation-1-specialisation-lab.conf"] {
        assert!(listed.contains(name), "{listed}");
    }
    // A twin with a flipped byte in the partition's entry.
    let mut bad = content;
    bad[1024 + 32] ^= 1;
    fs::write(&path, &bad).unwrap();
    assert!(!run_ok(&sgdisk, &["-v", image]).contains("No problems found"));
}

#[test]
fn an_installing_medium_holds_order_files_keys_and_digests() {
    let build = Build::with_drivers();
    write(build.dir.path(), "extra/etc/hello", b"hello");
    write(build.dir.path(), "key", b"secret");
    let arguments = [
        "--layout",
        "encrypted.json",
        "--installer-binary",
        "landfall-x86_64",
        "--unattended",
        "--verify",
        "--finish",
        "poweroff",
        "--extra-files",
        "extra",
        "--key",
        "crypted=key",
    ];
    let path = build.ok("install.iso", &arguments);
    assert_eq!(
        names(&path),
        [
            "landfall/digests",
            "landfall/extra-files.cpio",
            "landfall/install.json",
            "landfall/secrets/0",
            "nix-store.squashfs",
            "version.txt",
        ]
    );
    let order: serde_json::Value = serde_json::from_slice(&bytes(&path, "landfall/install.json")).unwrap();
    assert_eq!(order["mode"], "unattended");
    assert_eq!(order["occupied"], "refuse");
    assert_eq!(order["check"], "medium");
    assert_eq!(order["finish"], "powerOff");
    assert_eq!(order["extraFiles"], "landfall/extra-files.cpio");
    assert_eq!(order["secrets"][0]["name"], "crypted");
    assert_eq!(order["secrets"][0]["from"]["file"], "landfall/secrets/0");
    assert_eq!(order["volumeId"], "nixos-install-0-x86_64");
    assert_eq!(bytes(&path, "landfall/secrets/0"), b"secret");
    let text = String::from_utf8(bytes(&path, "landfall/digests")).unwrap();
    let digests = landfall::installer::Digests::parse(&text).unwrap();
    let image = fs::read(&path).unwrap();
    for file in digests.files() {
        let content = match file.place {
            Place::File => bytes(&path, &file.path),
            Place::Medium(offset) => image[usize::try_from(offset).unwrap()..].to_vec(),
        };
        file.verify(&mut &content[..], &mut |_| {}).unwrap();
    }
    // All files but this one, and what firmware boots.
    assert_eq!(digests.files().len(), 6);
    let medium = iso::Image::open(fs::File::open(&path).unwrap()).unwrap();
    let boot = medium.boot_image().unwrap().unwrap();
    let last = digests.files().last().unwrap();
    assert_eq!(last.place, Place::Medium(boot.offset));
    assert_eq!(last.size.bytes(), u64::from(boot.sectors) * 512);
    let mut damaged = image[usize::try_from(boot.offset).unwrap()..].to_vec();
    damaged[2_000_000] ^= 1;
    let found = last.verify(&mut &damaged[..], &mut |_| {}).unwrap_err().to_string();
    assert_eq!(found, "`EFI system partition` is damaged between byte 1048576 and byte 2097152");
    let archive = bytes(&path, "landfall/extra-files.cpio");
    let members = landfall::fs::cpio::read(&mut &archive[..]).unwrap();
    assert!(landfall::fs::cpio::tree(&members).unwrap().lookup("etc/hello").is_some());
}

#[test]
fn made_again_a_medium_is_the_same_and_other_wishes_change_it() {
    let build = Build::with_drivers();
    let [first, second, other] = [("a.iso", &[][..]), ("b.iso", &[]), ("c.iso", &["--unattended"])]
        .map(|(out, more)| fs::read(build.install(out, more)).unwrap());
    assert!(first == second);
    assert!(first != other);
}

#[test]
fn what_is_wrong_with_the_inputs_is_said_and_nothing_is_left() {
    let build = Build::with_drivers();
    let install = ["--layout", "layout.json", "--installer-binary", "landfall-x86_64"];
    let with = |more: &[&'static str]| [&install[..], more].concat();
    // Media with another name would not be found.
    let (code, text) = build.fails(&["--volume-id", "other"]);
    assert_eq!((code, text.contains("but the system looks for `nixos`")), (3, true), "{text}");
    // Sizes: before the store is compressed, while it is, and after.
    for size in ["1M", "2100K"] {
        let (code, text) = build.fails(&with(&["--max-size", size]));
        assert_eq!((code, text.contains("are allowed")), (3, true), "{size}: {text}");
        assert!(text.contains("hint: "), "{text}");
    }
    fs::write(build.file("landfall-aarch64"), elf(AARCH64)).unwrap();
    let (code, text) = build.fails(&["--layout", "layout.json", "--installer-binary", "landfall-aarch64"]);
    assert_eq!((code, text.contains("wrong architecture")), (3, true), "{text}");
    let (code, text) =
        build.fails(&["--layout", "encrypted.json", "--installer-binary", "landfall-x86_64", "--unattended"]);
    assert_eq!((code, text.contains("asks a person for the passphrase of `crypted`")), (3, true), "{text}");
    let (code, text) = build.fails(&with(&["--key", "nothing=key"]));
    assert_eq!(code, 3, "{text}");
    // Wishes that mean nothing without a layout.
    assert_eq!(build.fails(&["--unattended"]).0, 2);
    assert_eq!(build.fails(&with(&["--wipe"])).0, 2);
    // A system for another machine than the program is for.
    let other = Build::of(Architecture::Aa64);
    let (code, text) = other.fails(&install);
    assert_eq!((code, text.contains("wrong architecture")), (3, true), "{text}");
    // A kernel that could not read a disk.
    let bare = Build::new();
    let (code, text) = bare.fails(&install);
    assert_eq!((code, text.contains("no modules for storage drivers")), (3, true), "{text}");
}

#[test]
fn the_cache_changes_no_byte_and_one_that_cannot_be_used_is_told_of() {
    let build = Build::new();
    let made = |out: &str, more: &[&str]| {
        let ended = build.command(out, &[more, &["--json"]].concat()).output().unwrap();
        let words = String::from_utf8(ended.stderr).unwrap();
        assert!(ended.status.success(), "{words}");
        let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
        (fs::read(build.file(out)).unwrap(), report["cache"].clone(), words)
    };
    let (without, report, _) = made("without.iso", &["--no-cache"]);
    assert!(report.is_null());
    let (cold, report, _) = made("cold.iso", &["--cache", "blocks"]);
    assert_eq!(report["found"], 0, "{report}");
    let (warm, report, _) = made("warm.iso", &["--cache", "blocks"]);
    assert_eq!(report["compressed"], 0, "{report}");
    assert!(without == cold && cold == warm);
    // A file is where the folder should be.
    write(build.dir.path(), "occupied", b"");
    let (image, report, words) = made("told.iso", &["--cache", "occupied"]);
    assert!(image == without && report["problem"].is_string(), "{report}");
    assert!(words.contains("cache"), "{words}");
}

#[test]
fn every_compressor_makes_a_medium_that_its_judge_reads() {
    let Some(unsquashfs) = require_tool("unsquashfs") else { return };
    let build = Build::new();
    for compression in ["xz", "lz4", "gzip:6", "zstd:1"] {
        let path = build.ok("live.iso", &["--compression", compression]);
        let store = build.file("store.squashfs");
        fs::write(&store, bytes(&path, "nix-store.squashfs")).unwrap();
        let listed = run_ok(&unsquashfs, &["-s", store.to_str().unwrap()]);
        let kind = compression.split(':').next().unwrap();
        assert!(listed.contains(&format!("Compression {kind}")), "{listed}");
    }
}

#[test]
fn a_full_cache_is_told_of_and_changes_no_byte() {
    if !require_root() {
        return;
    }
    let Some(unshare) = require_tool("unshare") else { return };
    let build = Build::new();
    let without = fs::read(build.ok("without.iso", &["--no-cache"])).unwrap();
    fs::create_dir(build.file("blocks")).unwrap();
    // The mount is this command's alone, and goes with it.
    let mut command = Command::new(unshare);
    command.args(["-m", "sh", "-euc", "mount -t tmpfs -o size=16k none blocks; exec \"$@\"", "sh"]);
    let inner = build.command("full.iso", &["--cache", "blocks", "--json"]);
    command.arg(inner.get_program()).args(inner.get_args()).current_dir(build.dir.path());
    let ended = command.env("NO_COLOR", "1").output().unwrap();
    let words = String::from_utf8(ended.stderr).unwrap();
    assert!(ended.status.success(), "{words}");
    let report: serde_json::Value = serde_json::from_slice(&ended.stdout).unwrap();
    assert!(report["cache"]["problem"].is_string() && words.contains("cache"), "{report} {words}");
    assert!(fs::read(build.file("full.iso")).unwrap() == without);
}

/// El Torito counts 512-byte sectors with 16 bits: what is longer is said to reach to the end of the medium, where
/// firmware reads it just as well (UEFI 2.10, 13.3.2.1).
#[test]
fn a_boot_image_that_el_torito_cannot_count_reaches_to_the_end() {
    let build = Build::with_drivers();
    // Incompressible, or the initrd would be small.
    let mut program = elf(X86_64);
    let mut reader = blake3::Hasher::new().finalize_xof();
    let mut noise = vec![0; 40 << 20];
    reader.fill(&mut noise);
    program.extend(noise);
    fs::write(build.file("large"), program).unwrap();
    let path = build.ok("large.iso", &["--layout", "layout.json", "--installer-binary", "large"]);
    let medium = iso::Image::open(fs::File::open(&path).unwrap()).unwrap();
    let boot = medium.boot_image().unwrap().unwrap();
    assert_eq!(boot.sectors, 0);
    let Some(sgdisk) = require_tool("sgdisk") else { return };
    let table = run_ok(&sgdisk, &["-i", "1", path.to_str().unwrap()]);
    assert!(table.contains(&format!("First sector: {} ", boot.offset / 512)), "{table}");
    // A disk's firmware is told the size by the partition.
    let text = String::from_utf8(bytes(&path, "landfall/digests")).unwrap();
    let digests = landfall::installer::Digests::parse(&text).unwrap();
    let size = digests.files().last().unwrap().size.bytes();
    assert!(size > 40 << 20 && table.contains(&format!("Partition size: {} sectors", size / 512)), "{table}");
}
