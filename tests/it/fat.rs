//! FAT volumes before their judges: fsck.fat, mtools, blkid and the fatfs crate.

use std::fs::File;
use std::io::Read;
use std::path::Path;

use landfall::fs::fat::{self, Kind, Options};
use landfall::progress::{Silent, Step, Unit};
use landfall::timestamp::Timestamp;
use landfall::tree::{Content, Kind as NodeKind, Metadata, Node, Tree};
use landfall::units::{ByteSize, SectorSize, low_u8};
use landfall::volume::{Block, FileBlock};

use crate::oracle::{require_tool, run, run_ok};

fn add(tree: &mut Tree, path: &str, len: usize) {
    let bytes: Vec<u8> = (0..).map(|index: u64| low_u8(index * 31 + index / 251)).take(len).collect();
    let metadata = Metadata { modified: Timestamp::seconds(1_700_000_001), ..Metadata::root(0o644) };
    let node = Node { metadata, kind: NodeKind::File(Content::from(bytes)) };
    tree.insert(path, node, &Metadata::root(0o755)).unwrap();
}

/// What a boot partition has, and names that are harder than those.
fn boot() -> Tree {
    let mut tree = Tree::new(Metadata::root(0o755));
    for (path, len) in [
        ("EFI/BOOT/BOOTX64.EFI", 100_001),
        ("EFI/nixos/0123456789abcdfghijklmnpqrsvwxyz-linux-6.12.5-bzImage.efi", 3_000_000),
        ("EFI/nixos/0123456789abcdfghijklmnpqrsvwxyz-initrd-linux-6.12.5-initrd.efi", 5_000_000),
        ("EFI/systemd/systemd-bootx64.efi", 65_536),
        ("loader/entries.srel", 6),
        ("loader/entries/nixos-generation-1.conf", 300),
        ("loader/entries/nixos-generation-1-specialisation-other.conf", 300),
        ("loader/entries/nixos-generation-2.conf", 300),
        ("loader/loader.conf", 0),
        ("names/Größe 😀 + [x],y;z=.txt", 10),
        ("names/.hidden", 1),
        ("names/UPPER.low", 1),
        ("names/MiXed.TxT", 1),
        ("names/NIXOS-~1.CON", 2),
        ("names/nixos-longer.conf", 3),
        ("names/13 characters", 4),
    ] {
        add(&mut tree, path, len);
    }
    add(&mut tree, &format!("names/{}", "x".repeat(255)), 5);
    add(&mut tree, &format!("names/{}/deep/deeper/deepest/file", "y".repeat(80)), 6);
    tree
}

fn options() -> Options {
    Options {
        label: Some("NIXBOOT".parse().unwrap()),
        serial: 0x1234_5678,
        hidden_sectors: 2048,
        ..Options::default()
    }
}

fn made(dir: &Path, tree: &Tree, options: &Options) -> FileBlock {
    let path = dir.join("esp.raw");
    let file = File::options().read(true).write(true).create(true).truncate(true).open(&path).unwrap();
    let size = fat::measure(tree, options).unwrap().size.bytes();
    let block = FileBlock::create(file, &path, size, options.sector_size).unwrap();
    fat::write(tree, options, &block, &Step::start(&Silent, "", None, Unit::Bytes)).unwrap();
    block
}

/// Every type, each on small and on large sectors, exactly full and with room.
fn variants() -> Vec<Options> {
    let mut variants = Vec::new();
    for sector_size in [SectorSize::S512, SectorSize::S4096] {
        for kind in [None, Some(Kind::Fat12), Some(Kind::Fat16), Some(Kind::Fat32)] {
            for free in [ByteSize::ZERO, ByteSize::mib(3)] {
                variants.push(Options { sector_size, kind, free, ..options() });
            }
        }
    }
    for cluster_size in [512, 1024, 32_768] {
        variants.push(Options { cluster_size: Some(ByteSize(cluster_size)), ..options() });
    }
    variants.push(Options { label: None, ..options() });
    variants
}

/// All that fsck.fat says, when it is more than its version and the count of files and clusters.
fn fsck_complaint(fsck: &Path, image: &Path) -> Option<String> {
    let output = run(fsck, &["-n", image.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    // A backup boot sector that differs is worth a line to it, not an exit code.
    (!output.status.success() || said.lines().count() != 2).then_some(said)
}

#[test]
fn fsck_is_content_with_every_variant() {
    let Some(fsck) = require_tool("fsck.fat") else { return };
    let dir = tempfile::tempdir().unwrap();
    for options in variants() {
        let volume = made(dir.path(), &boot(), &options);
        assert_eq!(fsck_complaint(&fsck, volume.path()), None, "{options:?}");
    }
}

#[test]
fn fsck_is_content_with_a_label_in_lower_case() {
    let Some(fsck) = require_tool("fsck.fat") else { return };
    let dir = tempfile::tempdir().unwrap();
    let volume = made(dir.path(), &boot(), &Options { label: Some("boot".parse().unwrap()), ..options() });
    assert_eq!(fsck_complaint(&fsck, volume.path()), None);
}

fn flip(block: &dyn Block, at: u64) {
    let mut byte = [0];
    block.read_at(&mut byte, at).unwrap();
    block.write_at(&[byte[0] ^ 4], at).unwrap();
}

#[test]
fn fsck_and_our_reader_see_a_flipped_byte() {
    let Some(fsck) = require_tool("fsck.fat") else { return };
    let dir = tempfile::tempdir().unwrap();
    let options = Options { kind: Some(Kind::Fat32), ..options() };
    let sound = made(dir.path(), &boot(), &options);
    let first_file = fat::read(&sound).unwrap().find("EFI/BOOT/BOOTX64.EFI").unwrap().extents[0];
    let root = fat::read(&sound).unwrap().find("EFI").unwrap().extents[0].start() - 512;
    let fat = 32 * 512;
    // Backup boot sector, free count, a chain, a directory's cluster and size.
    for at in [6 * 512 + 14, 512 + 488, fat + 40, root + 32 + 26, root + 32 + 28] {
        let volume = made(dir.path(), &boot(), &options);
        flip(&volume, at);
        assert!(fsck_complaint(&fsck, volume.path()).is_some(), "byte {at}");
        assert!(!fat::read(&volume).unwrap().problems.is_empty(), "byte {at}");
    }
    // Nothing guards the bytes of files: only a comparison finds those.
    let volume = made(dir.path(), &boot(), &options);
    flip(&volume, first_file.start());
    assert_eq!(fsck_complaint(&fsck, volume.path()), None);
    let damaged = std::panic::catch_unwind(|| fatfs_agrees(volume.path(), &boot(), &options));
    assert!(damaged.is_err());
}

#[test]
fn mtools_reads_every_byte() {
    let (Some(mcopy), Some(mdir)) = (require_tool("mcopy"), require_tool("mdir")) else { return };
    let dir = tempfile::tempdir().unwrap();
    for kind in [None, Some(Kind::Fat16), Some(Kind::Fat32)] {
        let tree = boot();
        let volume = made(dir.path(), &tree, &Options { kind, ..options() });
        let image = volume.path().to_str().unwrap();
        let said = run_ok(&mdir, &["-i", image, "-/", "::"]);
        assert!(said.contains("Volume in drive : is NIXBOOT"), "{said}");
        assert!(said.contains("Volume Serial Number is 1234-5678"), "{said}");
        assert!(said.contains("2023-11-14  22:13"), "{said}");
        let out = dir.path().join("out");
        std::fs::create_dir(&out).unwrap();
        run_ok(&mcopy, &["-s", "-n", "-i", image, "::EFI", "::loader", out.to_str().unwrap()]);
        let mut compared = 0;
        for (path, id) in tree.walk() {
            let path = String::from_utf8(path).unwrap();
            let NodeKind::File(content) = &tree.node(id).kind else { continue };
            // In the C locale mtools cannot name all of the others.
            if !path.starts_with("names") {
                assert_eq!(std::fs::read(out.join(&path)).unwrap(), content.to_vec().unwrap(), "{path}");
                compared += 1;
            }
        }
        assert_eq!(compared, 9);
        std::fs::remove_dir_all(&out).unwrap();
    }
}

/// Reads all of a volume with the fatfs crate and compares it with `tree`.
fn fatfs_agrees(image: &Path, tree: &Tree, options: &Options) {
    let file = File::options().read(true).write(true).open(image).unwrap();
    let volume = fatfs::FileSystem::new(file, fatfs::FsOptions::new()).unwrap();
    assert_eq!(volume.volume_id(), options.serial);
    let label = options.label.map_or(String::new(), |label| label.to_string());
    assert_eq!(volume.read_volume_label_from_root_dir().unwrap().unwrap_or_default(), label);
    let root = volume.root_dir();
    for (path, id) in tree.walk() {
        let path = String::from_utf8(path).unwrap();
        match &tree.node(id).kind {
            NodeKind::File(content) => {
                let mut bytes = Vec::new();
                root.open_file(&path).unwrap().read_to_end(&mut bytes).unwrap();
                assert!(bytes == content.to_vec().unwrap(), "{path}");
            }
            _ => {
                let names = root.open_dir(&path).unwrap().iter().map(|entry| entry.unwrap().file_name());
                let names: Vec<String> = names.filter(|name| name != "." && name != "..").collect();
                let expected: Vec<String> = tree.entries(id).map(|(name, _)| name.to_string()).collect();
                assert_eq!(names, expected, "{path}");
            }
        }
    }
}

#[test]
fn fatfs_reads_every_name_and_byte() {
    let dir = tempfile::tempdir().unwrap();
    // The crate knows only what is told by the number of clusters and sectors of 512 bytes.
    for options in variants().into_iter().filter(|options| options.sector_size == SectorSize::S512) {
        let volume = made(dir.path(), &boot(), &options);
        fatfs_agrees(volume.path(), &boot(), &options);
    }
}

#[test]
fn blkid_sees_type_label_and_serial_number() {
    let Some(blkid) = require_tool("blkid") else { return };
    let dir = tempfile::tempdir().unwrap();
    for (kind, version) in [(Kind::Fat12, "FAT12"), (Kind::Fat16, "FAT16"), (Kind::Fat32, "FAT32")] {
        let volume = made(dir.path(), &boot(), &Options { kind: Some(kind), ..options() });
        let said = run_ok(&blkid, &["-p", "-o", "export", volume.path().to_str().unwrap()]);
        for line in ["TYPE=vfat", "LABEL=NIXBOOT", "UUID=1234-5678", &format!("VERSION={version}")] {
            assert!(said.lines().any(|said| said == line), "{line} is not in {said}");
        }
    }
}

#[test]
fn volumes_of_mkfs_and_mtools_are_read() {
    let (Some(mkfs), Some(mcopy)) = (require_tool("mkfs.fat"), require_tool("mcopy")) else { return };
    let dir = tempfile::tempdir().unwrap();
    let image = dir.path().join("theirs.raw");
    let source = dir.path().join("A rather long name.txt");
    std::fs::write(&source, vec![7; 100_000]).unwrap();
    for (bits, size) in [("12", 2 << 20), ("16", 20 << 20), ("32", 64 << 20)] {
        File::create(&image).unwrap().set_len(size).unwrap();
        let path = image.to_str().unwrap();
        run_ok(&mkfs, &["-F", bits, "-n", "THEIRS", "-i", "0badcafe", path]);
        run_ok(&mcopy, &["-i", path, source.to_str().unwrap(), "::"]);
        let file = File::open(&image).unwrap();
        let block = FileBlock::open(file, &image, SectorSize::S512).unwrap();
        let volume = fat::read(&block).unwrap();
        assert_eq!(volume.problems, [], "FAT{bits}");
        assert_eq!(volume.label.unwrap().to_string(), "THEIRS");
        assert_eq!(volume.serial, 0x0bad_cafe);
        let item = volume.find("A rather long name.txt").unwrap();
        assert_eq!(volume.read(item).unwrap(), vec![7; 100_000]);
    }
}

#[test]
fn ten_thousand_long_names_in_one_directory_take_no_more_than_ten_times_a_thousand() {
    let Some(fsck) = require_tool("fsck.fat") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut seconds = Vec::new();
    for count in [1000, 10_000] {
        let mut tree = Tree::new(Metadata::root(0o755));
        for index in 0..count {
            add(&mut tree, &format!("d/a file with a long name, number {index}.conf"), 100);
        }
        let start = std::time::Instant::now();
        let volume = made(dir.path(), &tree, &Options::default());
        seconds.push(start.elapsed().as_secs_f64());
        let read = fat::read(&volume).unwrap();
        assert_eq!((read.problems.len(), read.items.len()), (0, count + 1));
        if count == 1000 {
            assert_eq!(fsck_complaint(&fsck, volume.path()), None);
        }
    }
    // Linear would be 10 times; a search for each name would be 100.
    assert!(seconds[1] < seconds[0].max(0.05) * 40.0, "{seconds:?}");
}

#[test]
fn the_same_input_gives_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let first = made(dir.path(), &boot(), &options());
    let bytes = std::fs::read(first.path()).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(10));
    let second = made(dir.path(), &boot(), &options());
    assert!(bytes == std::fs::read(second.path()).unwrap());
}
