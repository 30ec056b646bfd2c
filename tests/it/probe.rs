//! What we say of a Block, beside what blkid says.

use std::fs::File;
use std::path::{Path, PathBuf};

use landfall::fs::probe::{probe, probe_all};
use landfall::units::{MIB, SectorSize};
use landfall::volume::FileBlock;

use crate::oracle::{require_tool, run, run_ok};

const UUID: &str = "6b9c5c1e-1234-4000-8000-00000000f00d";

fn image(dir: &Path, len: u64) -> PathBuf {
    let path = dir.join("image.raw");
    File::create(&path).unwrap().set_len(len).unwrap();
    path
}

fn open(path: &Path) -> FileBlock {
    FileBlock::open(File::open(path).unwrap(), path, SectorSize::S512).unwrap()
}

/// A value of what `blkid -p` says of `image`.
fn blkid(tool: &Path, image: &Path, key: &str) -> Option<String> {
    let output = run(tool, &["-p", "-o", "export", image.to_str().unwrap()]);
    let said = String::from_utf8(output.stdout).unwrap();
    let value = said.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
    // blkid escapes blanks and the like.
    Some(value.replace('\\', ""))
}

/// Makes an image with `program` and its arguments, `@` standing for the image, and compares.
fn agree(program: &str, arguments: &[&str]) {
    let (Some(tool), Some(judge)) = (require_tool(program), require_tool("blkid")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), 400 * MIB);
    let folder = dir.path().join("folder");
    std::fs::create_dir(&folder).unwrap();
    std::fs::write(folder.join("file"), b"content").unwrap();
    let arguments: Vec<&str> = arguments
        .iter()
        .map(|argument| match *argument {
            "@" => path.to_str().unwrap(),
            "%" => folder.to_str().unwrap(),
            other => other,
        })
        .collect();
    run_ok(&tool, &arguments);
    let found = probe(&open(&path)).unwrap().unwrap_or_else(|| panic!("{program}: nothing found"));
    assert_eq!(Some(found.kind.name().to_owned()), blkid(&judge, &path, "TYPE"), "{program}");
    assert_eq!(found.label, blkid(&judge, &path, "LABEL"), "{program}");
    assert_eq!(found.uuid, blkid(&judge, &path, "UUID"), "{program}");
    assert_eq!(probe_all(&open(&path)).unwrap().len(), 1, "{program}");
}

#[test]
fn ext_of_every_age() {
    for kind in ["ext2", "ext3", "ext4"] {
        agree("mke2fs", &["-q", "-t", kind, "-L", "a label", "-U", UUID, "@"]);
    }
}

#[test]
fn btrfs() {
    agree("mkfs.btrfs", &["-q", "-L", "a label", "-U", UUID, "@"]);
}

#[test]
fn xfs() {
    agree("mkfs.xfs", &["-q", "-L", "label", "-m", &format!("uuid={UUID}"), "@"]);
}

#[test]
fn swap() {
    agree("mkswap", &["-q", "-L", "label", "-U", UUID, "@"]);
}

#[test]
fn fat_of_every_width() {
    for (bits, kib) in [("12", "8000"), ("16", "64000"), ("32", "400000")] {
        agree("mkfs.fat", &["-F", bits, "-n", "LABEL", "@", kib]);
    }
    agree("mkfs.fat", &["-F", "32", "@"]);
}

#[test]
fn exfat() {
    agree("mkfs.exfat", &["-n", "label", "@"]);
}

#[test]
fn f2fs() {
    agree("mkfs.f2fs", &["-q", "-l", "label", "@"]);
}

#[test]
fn erofs() {
    agree("mkfs.erofs", &["-U", UUID, "@", "%"]);
}

#[test]
fn squashfs() {
    agree("mksquashfs", &["%", "@", "-noappend", "-quiet", "-no-progress"]);
}

#[test]
fn iso9660() {
    agree("xorriso", &["-as", "mkisofs", "-quiet", "-V", "A_LABEL", "-o", "@", "%"]);
}

#[test]
fn luks_of_both_versions() {
    for kind in ["luks1", "luks2"] {
        let fast = ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000", "--uuid", UUID];
        let label: &[&str] = if kind == "luks2" { &["--label", "a label"] } else { &[] };
        let key: &[&str] = &["luksFormat", "-q", "--type", kind, "@", "/proc/sys/kernel/osrelease"];
        agree("cryptsetup", &[key, &fast, label].concat());
    }
}

#[test]
fn gpt_and_dos() {
    let (Some(sgdisk), Some(sfdisk)) = (require_tool("sgdisk"), require_tool("sfdisk")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), 8 * MIB);
    run_ok(&sgdisk, &["-U", UUID, "-n", "1:0:0", path.to_str().unwrap()]);
    assert_eq!(probe(&open(&path)).unwrap().unwrap().to_string(), format!("gpt uuid {UUID}"));
    let path = image(dir.path(), 8 * MIB);
    let script = format!(
        "printf 'label: dos\\nlabel-id: 0xcafe0001\\nsize=4M\\n' | {} -q {}",
        sfdisk.display(),
        path.display()
    );
    run_ok(Path::new("/bin/sh"), &["-c", &script]);
    assert_eq!(probe(&open(&path)).unwrap().unwrap().to_string(), "dos uuid cafe0001");
}

#[test]
fn a_physical_volume_of_lvm_where_there_are_loop_devices() {
    let (Some(pvcreate), Some(losetup)) = (require_tool("pvcreate"), require_tool("losetup")) else { return };
    let Some(judge) = require_tool("blkid") else { return };
    if !crate::oracle::require_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), 16 * MIB);
    let device = run_ok(&losetup, &["-f", "--show", path.to_str().unwrap()]);
    let device = device.trim();
    let config = "devices { scan=[\"/dev\"] use_devicesfile=0 } global { use_lvmetad=0 }";
    let made = run(&pvcreate, &["-q", "--config", config, device]);
    run_ok(&losetup, &["-d", device]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let found = probe(&open(&path)).unwrap().unwrap();
    assert_eq!(Some(found.kind.name().to_owned()), blkid(&judge, &path, "TYPE"));
    assert_eq!(found.uuid, blkid(&judge, &path, "UUID"));
}

#[test]
fn what_we_write_ourselves_is_known() {
    use landfall::fs::{fat, swap};
    use landfall::progress::{Silent, Step, Unit};
    use landfall::tree::{Metadata, Tree};
    use landfall::volume::MemoryBlock;
    let block = MemoryBlock::new(8 * MIB, SectorSize::S512);
    let options =
        fat::Options { label: Some("ESP".parse().unwrap()), serial: 0xcafe_f00d, ..Default::default() };
    let tree = Tree::new(Metadata::root(0o755));
    fat::write(&tree, &options, &block, &Step::start(&Silent, "", None, Unit::Bytes)).unwrap();
    assert_eq!(probe(&block).unwrap().unwrap().to_string(), "vfat label \"ESP\" uuid CAFE-F00D");
    let block = MemoryBlock::new(8 * MIB, SectorSize::S512);
    swap::write(&swap::Options { label: None, uuid: UUID.parse().unwrap() }, &block).unwrap();
    assert_eq!(probe(&block).unwrap().unwrap().to_string(), format!("swap uuid {UUID}"));
}

#[test]
fn a_flipped_byte_of_the_magic_is_another_thing() {
    let Some(mke2fs) = require_tool("mke2fs") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path(), 8 * MIB);
    run_ok(&mke2fs, &["-q", "-t", "ext4", path.to_str().unwrap()]);
    let mut bytes = std::fs::read(&path).unwrap();
    bytes[1024 + 56] ^= 1;
    std::fs::write(&path, bytes).unwrap();
    assert_eq!(probe(&open(&path)).unwrap(), None);
}
