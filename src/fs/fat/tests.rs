use proptest::prelude::*;

use super::*;
use crate::progress::{Silent, Step, Unit};
use crate::timestamp::Timestamp;
use crate::tree::{Content, DeviceNumber, HostFile, Kind as NodeKind, Metadata, Name, Node, Tree};
use crate::units::{ByteRange, ByteSize, MIB, SectorSize, u64_of, usize_of};
use crate::volume::{Block, MemoryBlock};

fn folder() -> Metadata {
    Metadata::root(0o755)
}

fn file(bytes: impl Into<Vec<u8>>) -> Node {
    Node { metadata: Metadata::root(0o644), kind: NodeKind::File(Content::from(bytes.into())) }
}

fn tree(files: &[(&str, usize)]) -> Tree {
    let mut tree = Tree::new(folder());
    for (path, len) in files {
        let bytes: Vec<u8> = (0..*len).map(|index| low(index) ^ low(path.len())).collect();
        tree.insert(path, file(bytes), &folder()).unwrap();
    }
    tree
}

fn low(value: usize) -> u8 {
    crate::units::low_u8(u64_of(value))
}

/// A boot partition in small.
fn boot() -> Tree {
    tree(&[
        ("EFI/BOOT/BOOTX64.EFI", 70_000),
        ("EFI/systemd/systemd-bootx64.efi", 70_000),
        ("EFI/nixos/0123456789abcdefghijklmnopqrstuv-linux-6.12.5-bzImage.efi", 200_000),
        ("EFI/nixos/empty", 0),
        ("loader/entries/nixos-generation-1.conf", 300),
        ("loader/entries/nixos-generation-1-specialisation-größer.conf", 300),
        ("loader/loader.conf", 4096),
        ("empty/folder/Foo.Bar", 1),
    ])
}

fn options() -> Options {
    Options { label: Some("ESP".parse().unwrap()), serial: 0x1234_abcd, ..Options::default() }
}

fn made(tree: &Tree, options: &Options, len: ByteSize) -> MemoryBlock {
    // What is not written must not matter.
    let block = MemoryBlock::from_bytes(vec![0xa5; usize_of(len.bytes())], options.sector_size);
    write(tree, options, &block, &Step::start(&Silent, "", None, Unit::Bytes)).unwrap();
    block
}

fn refusal(tree: &Tree, options: &Options) -> String {
    measure(tree, options).unwrap_err().to_string()
}

/// What is in `tree`, for comparison: paths, contents, times.
fn content(tree: &Tree) -> Vec<(String, Option<Vec<u8>>, i64)> {
    tree.walk()
        .map(|(path, id)| {
            let node = tree.node(id);
            let bytes = match &node.kind {
                NodeKind::File(content) => Some(content.to_vec().unwrap()),
                _ => None,
            };
            let time = node.metadata.modified.seconds.clamp(315_532_800, 4_354_819_198) / 2 * 2;
            (String::from_utf8(path).unwrap(), bytes, time)
        })
        .collect()
}

#[test]
fn every_type_and_sector_size_holds_a_boot_partition() {
    let tree = boot();
    for sector_size in [SectorSize::S512, SectorSize::S4096] {
        for kind in [None, Some(Kind::Fat12), Some(Kind::Fat16), Some(Kind::Fat32)] {
            let options = Options { kind, sector_size, free: ByteSize::mib(1), ..options() };
            let measured = measure(&tree, &options).unwrap();
            let block = made(&tree, &options, measured.size);
            let volume = read(&block).unwrap();
            assert_eq!(volume.problems, []);
            assert_eq!(volume.kind(), measured.kind);
            assert!(kind.is_none_or(|kind| kind == measured.kind));
            assert_eq!((volume.label, volume.serial), (options.label, options.serial));
            assert!(u64::from(volume.free_clusters) * volume.cluster_size().bytes() >= MIB);
            assert_eq!(content(&volume.tree().unwrap()), content(&tree));
            for item in &volume.items {
                assert!(item.extents.len() <= 1, "{} is in pieces", item.path);
            }
        }
    }
}

#[test]
fn the_measured_size_is_the_least_that_does() {
    let tree = boot();
    for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
        for cluster_size in [Some(ByteSize(512)), Some(ByteSize(2048)), Some(ByteSize(4096))] {
            let options = Options { kind: Some(kind), cluster_size, ..options() };
            let measured = measure(&tree, &options).unwrap().size;
            made(&tree, &options, measured);
            let less = ByteSize(measured.bytes() - 512);
            let block = MemoryBlock::new(less.bytes(), SectorSize::S512);
            let step = Step::start(&Silent, "", None, Unit::Bytes);
            let error = write(&tree, &options, &block, &step).unwrap_err();
            assert!(
                matches!(error, FatError::DoesNotFit { needed, available } if needed == measured && available == less)
            );
            assert!(block.into_bytes().iter().all(|byte| *byte == 0), "something was written");
        }
    }
}

#[test]
fn the_text_of_a_volume_shows_where_everything_is() {
    let options = Options { kind: Some(Kind::Fat16), ..options() };
    let tree = boot();
    let block = made(&tree, &options, measure(&tree, &options).unwrap().size);
    insta::assert_snapshot!(read(&block).unwrap());
}

#[test]
fn an_esp_is_fat32_where_its_clusters_can_be_small_enough() {
    let kind_at = |size: u64, sector_size| {
        let options = Options { sector_size, ..Options::default() };
        let survey = survey::Survey::new(&tree(&[]), &options).unwrap();
        let shape = layout::Layout::new(&survey, &options, ByteSize(size)).unwrap().geometry.shape;
        (shape.kind, shape.cluster_size)
    };
    for (size, expected) in [
        (MIB, (Kind::Fat12, 4096)),
        (10 * MIB, (Kind::Fat16, 2048)),
        (32 * MIB, (Kind::Fat16, 4096)),
        (34 * MIB, (Kind::Fat32, 512)),
        (100 * MIB, (Kind::Fat32, 1024)),
        (512 * MIB, (Kind::Fat32, 4096)),
        (1024 * MIB, (Kind::Fat32, 4096)),
        (9 * 1024 * MIB, (Kind::Fat32, 8192)),
        (1024 * 1024 * MIB, (Kind::Fat32, 32_768)),
    ] {
        assert_eq!(kind_at(size, SectorSize::S512), expected, "{size}");
    }
    assert_eq!(kind_at(100 * MIB, SectorSize::S4096), (Kind::Fat16, 4096));
    assert_eq!(kind_at(512 * MIB, SectorSize::S4096), (Kind::Fat32, 4096));
}

#[test]
fn every_larger_volume_takes_what_was_measured() {
    // Around the borders of the types, where a larger volume changes its tables.
    for len in [2 * MIB, 8 * MIB, 16 * MIB + 100_000, 30 * MIB, 33 * MIB + 300_000] {
        let mut tree = Tree::new(folder());
        let content = Content::Host(HostFile { path: "/nowhere".into(), len, data: None });
        let node = Node { metadata: folder(), kind: NodeKind::File(content) };
        tree.insert("large", node, &folder()).unwrap();
        for index in 0..40 {
            tree.insert(&format!("file {index}"), file([0; 10]), &folder()).unwrap();
        }
        let options = Options::default();
        let measured = measure(&tree, &options).unwrap().size.bytes();
        let survey = survey::Survey::new(&tree, &options).unwrap();
        for more in 0..400 {
            let size = ByteSize(measured + more * 4096);
            assert!(layout::Layout::new(&survey, &options, size).is_ok(), "{len} in {size} + {more}");
        }
    }
}

#[test]
fn what_fat_cannot_hold_is_named_with_its_path() {
    let with = |path: &str, node: Node| {
        let mut tree = boot();
        tree.insert(path, node, &folder()).unwrap();
        refusal(&tree, &options())
    };
    let node = |kind| Node { metadata: folder(), kind };
    assert_eq!(
        with("EFI/link", node(NodeKind::Symlink(b"x".to_vec()))),
        "FAT cannot hold `EFI/link`: it is a symbolic link"
    );
    let device = NodeKind::CharDevice(DeviceNumber { major: 1, minor: 3 });
    assert_eq!(with("null", node(device)), "FAT cannot hold `null`: it is a character device");
    let large = Content::Host(HostFile { path: "/nowhere".into(), len: 1 << 32, data: None });
    assert_eq!(
        with("EFI/large", node(NodeKind::File(large))),
        "FAT cannot hold `EFI/large`: it has 4 GiB; a file may have 4 GiB less one byte"
    );
    assert_eq!(
        with("EFI/a:b", file("")),
        "FAT cannot hold the name of `EFI/a:b`: it holds a control character or one of \"*/:<>?\\|"
    );
    assert_eq!(
        with("efi/x", file("")),
        "`efi` and `EFI` are one name on FAT, where upper and lower case are the same"
    );
    assert_eq!(
        with("EFI/nixos/EMPTY", file("")),
        "`EFI/nixos/empty` and `EFI/nixos/EMPTY` are one name on FAT, where upper and lower case are the same"
    );
    let mut tree = boot();
    let name = Name::new(b"\xff").unwrap();
    tree.add(Tree::ROOT, name, file("")).unwrap();
    assert!(refusal(&tree, &options()).contains("it is not UTF-8"));
}

#[test]
fn a_file_of_4_gib_less_a_byte_is_possible() {
    let mut tree = Tree::new(folder());
    let content = Content::Host(HostFile { path: "/nowhere".into(), len: (1 << 32) - 1, data: None });
    tree.insert("large", Node { metadata: folder(), kind: NodeKind::File(content) }, &folder()).unwrap();
    assert_eq!(measure(&tree, &options()).unwrap().data, ByteSize((1 << 32) - 1));
}

#[test]
fn impossible_options_are_refused() {
    let cluster = |bytes| refusal(&boot(), &Options { cluster_size: Some(ByteSize(bytes)), ..options() });
    assert_eq!(cluster(3000), "FAT clusters have 512 B to 32 KiB, a power of two; not 2.9 KiB");
    assert!(cluster(256).contains("not 256 B"));
    assert!(cluster(65_536).contains("not 64 KiB"));
    let options = Options { sector_size: SectorSize::S4096, ..options() };
    let block = MemoryBlock::new(64 * MIB, SectorSize::S512);
    let error = write(&boot(), &options, &block, &Step::start(&Silent, "", None, Unit::Bytes));
    assert!(matches!(error, Err(FatError::SectorSize { .. })));
    let small = Options { kind: Some(Kind::Fat12), free: ByteSize::gib(1), ..Options::default() };
    assert_eq!(refusal(&boot(), &small), "1 GiB are too much for a FAT12 volume");
}

#[test]
fn a_type_far_too_small_for_the_volume_is_refused() {
    let options = Options { kind: Some(Kind::Fat16), ..options() };
    let survey = survey::Survey::new(&boot(), &options).unwrap();
    let layout = |size| layout::Layout::new(&survey, &options, size);
    assert!(layout(ByteSize::gib(3)).is_ok());
    let error = layout(ByteSize::gib(5)).unwrap_err().to_string();
    assert_eq!(error, "5 GiB are too much for a FAT16 volume");
}

#[test]
fn directories_end_at_2_mib() {
    let mut tree = Tree::new(folder());
    for index in 0..7281 {
        // 9 entries each: a name of 100 units takes 8 parts.
        tree.insert(&format!("d/{index:0100}"), file(""), &folder()).unwrap();
    }
    assert!(measure(&tree, &options()).is_ok());
    tree.insert("d/one more", file(""), &folder()).unwrap();
    tree.insert("d/and one more", file(""), &folder()).unwrap();
    tree.insert("d/and then one more", file(""), &folder()).unwrap();
    assert_eq!(
        refusal(&tree, &options()),
        "FAT cannot hold directory `d`: it needs 65538 entries of 32 bytes; 65536 is the most"
    );
}

#[test]
fn a_root_directory_of_2000_names_fits_every_type() {
    let mut tree = Tree::new(folder());
    for index in 0..2000 {
        tree.insert(&format!("a name that is long {index}"), file("x"), &folder()).unwrap();
    }
    for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
        let options = Options { kind: Some(kind), ..options() };
        let volume = made(&tree, &options, measure(&tree, &options).unwrap().size);
        let volume = read(&volume).unwrap();
        assert_eq!(volume.problems, []);
        assert_eq!(volume.items.len(), 2000);
    }
}

#[test]
fn holes_and_tails_are_zero_whatever_was_there() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("sparse");
    let mut bytes = vec![0; 50_000];
    bytes[20_000..20_100].fill(7);
    std::fs::write(&path, &bytes).unwrap();
    let data = ByteRange::new(20_000, 100).into_iter().collect();
    let mut tree = Tree::new(folder());
    let content = Content::Host(HostFile { path, len: 50_000, data: Some(data) });
    tree.insert("sparse", Node { metadata: folder(), kind: NodeKind::File(content) }, &folder()).unwrap();
    let options = Options { free: ByteSize::mib(1), ..options() };
    let block = made(&tree, &options, measure(&tree, &options).unwrap().size);
    let volume = read(&block).unwrap();
    let item = volume.find("sparse").unwrap();
    assert_eq!(volume.read(item).unwrap(), bytes);
    let mut tail = vec![1; usize_of(item.extents[0].len()) - bytes.len()];
    block.read_at(&mut tail, item.extents[0].start() + 50_000).unwrap();
    assert!(tail.iter().all(|byte| *byte == 0));
}

#[test]
fn hard_links_become_copies() {
    let mut tree = boot();
    let id = tree.lookup("loader/loader.conf").unwrap();
    tree.link(Tree::ROOT, Name::new(b"again").unwrap(), id).unwrap();
    let block = made(&tree, &options(), measure(&tree, &options()).unwrap().size);
    let volume = read(&block).unwrap();
    let [first, second] = ["loader/loader.conf", "again"].map(|path| volume.find(path).unwrap());
    assert_eq!(volume.read(first).unwrap(), volume.read(second).unwrap());
    assert_ne!(first.extents, second.extents);
    assert_eq!(volume.problems, []);
}

#[test]
fn times_come_from_the_tree() {
    let mut tree = boot();
    let id = tree.lookup("EFI").unwrap();
    tree.metadata_mut(id).modified = Timestamp::seconds(1_700_000_000);
    let block = made(&tree, &options(), measure(&tree, &options()).unwrap().size);
    let volume = read(&block).unwrap();
    assert_eq!(volume.find("EFI").unwrap().modified, Some(Timestamp::seconds(1_700_000_000)));
    assert_eq!(volume.find("loader").unwrap().modified, Some(Timestamp::seconds(315_532_800)));
}

/// A volume of [`boot`], changed by `damage`, and what the reader says of it.
fn damaged(damage: impl FnOnce(&mut [u8])) -> Result<Vec<Problem>, String> {
    let options = Options { kind: Some(Kind::Fat32), cluster_size: Some(ByteSize(512)), ..options() };
    let mut bytes = made(&boot(), &options, measure(&boot(), &options).unwrap().size).into_bytes();
    damage(&mut bytes);
    let block = MemoryBlock::from_bytes(bytes, SectorSize::S512);
    read(&block).map(|volume| volume.problems).map_err(|error| error.to_string())
}

// Places on the volume of `damaged`: 32 reserved sectors, two tables of 65,541 entries rounded up to
// 4 KiB, then the root directory.
const FAT_1: usize = 32 * 512;
const FAT_LEN: usize = 266_240;
const ROOT: usize = FAT_1 + 2 * FAT_LEN;

#[test]
fn every_poked_field_gives_its_own_problem() {
    assert_eq!(damaged(|_| {}), Ok(vec![]));
    let poke = |at: usize, value: u8| damaged(|bytes| bytes[at] ^= value).unwrap();
    assert_eq!(poke(6 * 512 + 3, 1), [Problem::BackupDiffers]);
    assert_eq!(poke(512, 1), [Problem::FsInfo { sector: 1 }]);
    assert_eq!(poke(7 * 512, 1), [Problem::FsInfo { sector: 7 }]);
    assert!(matches!(poke(512 + 488, 1)[..], [Problem::FreeCount { .. }]));
    assert_eq!(poke(FAT_1 + FAT_LEN + 400, 1), [Problem::TablesDiffer]);
    assert!(matches!(poke(FAT_1, 0x80)[..], [Problem::TablesDiffer, Problem::FirstEntries { .. }]));
    assert!(matches!(poke(71, 1)[..], [Problem::BackupDiffers, Problem::Label]));
    // The root directory begins with the label; "EFI" follows.
    assert_eq!(
        poke(ROOT + 32, b'E' ^ b'*'),
        [
            Problem::Name { path: "*FI".into(), why: "it holds a control character or one of \"*/:<>?\\|" },
            lost(&poke(ROOT + 32, b'E' ^ b'*'))
        ]
    );
}

/// The lost clusters among `problems`; how many there are is not the point.
fn lost(problems: &[Problem]) -> Problem {
    problems.iter().find(|problem| matches!(problem, Problem::Lost { .. })).unwrap().clone()
}

#[test]
fn broken_chains_and_sizes_are_found() {
    let both = |bytes: &mut [u8], entry: usize, value: u32| {
        for fat in [FAT_1, FAT_1 + FAT_LEN] {
            bytes[fat + entry * 4..][..4].copy_from_slice(&value.to_le_bytes());
        }
    };
    let chain = |entry, value| damaged(|bytes| both(bytes, entry, value)).unwrap();
    let path = String::new;
    assert_eq!(chain(2, 1)[..], [Problem::Chain { path: path(), entry: 1 }]);
    assert_eq!(chain(2, 2)[..], [Problem::Shared { path: path(), cluster: 2 }]);
    assert!(matches!(chain(2, 0)[..], [Problem::Chain { entry: 0, .. }, Problem::FreeCount { .. }]));
    assert!(matches!(
        chain(60_000, 0x0fff_ffff)[..],
        [Problem::Lost { clusters: 1 }, Problem::FreeCount { .. }]
    ));
    // "EFI" is at the second place of the root directory; its size must be zero.
    let problems = damaged(|bytes| bytes[ROOT + 32 + 28] = 1).unwrap();
    assert!(matches!(&problems[..], [Problem::Length { path, len: 1, .. }] if path == "EFI"));
}

#[test]
fn broken_names_are_found() {
    let find = |bytes: &[u8], needle: &[u8]| {
        bytes.windows(needle.len()).position(|window| window == needle).unwrap()
    };
    let near = |needle: &'static [u8], offset: usize, value: u8| {
        damaged(|bytes| {
            let at = find(bytes, needle);
            bytes[at + offset] ^= value;
        })
        .unwrap()
    };
    let folder = || "loader/entries".to_owned();
    // A short name's byte changes its checksum; a deleted part leaves the others alone.
    assert_eq!(near(b"NIXOS-~1CON", 0, 1)[..], [Problem::LongName { folder: folder() }]);
    let dots = near(b"..         ", 26, 1);
    assert!(matches!(&dots[..], [Problem::DotEntries { path }] if path == "EFI"), "{dots:?}");
}

#[test]
fn boot_sectors_that_cannot_be_are_refused_with_the_reason() {
    let options = Options { kind: Some(Kind::Fat32), cluster_size: Some(ByteSize(512)), ..options() };
    let sectors = measure(&boot(), &options).unwrap().size.bytes() / 512;
    let larger = u32::try_from(sectors + 1).unwrap().to_le_bytes();
    let poked = |at: usize, value: &[u8]| {
        damaged(|bytes| bytes[at..][..value.len()].copy_from_slice(value)).unwrap_err()
    };
    for (at, value, why) in [
        (510, &[0][..], "there is no FAT volume: the first sector has no signature"),
        (0, &[0], "there is no FAT volume: the first sector is no boot sector"),
        (21, &[0], "there is no FAT volume: the first sector is no boot sector"),
        (11, &[1], "sectors have neither"),
        (13, &[0], "not a power of two"),
        (13, &[3], "not a power of two"),
        (14, &[1, 0], "it reserves too few sectors"),
        (16, &[1], "it has not two tables"),
        (17, &[1], "a FAT32 volume has a fixed root directory"),
        (32, &larger, "larger than its partition"),
        (32, &[1, 0, 0, 0], "its tables leave no room"),
        (36, &[1, 0, 0, 0], "its tables are too short"),
        (36, &[0xff; 4], "its tables leave no room"),
    ] {
        let error = poked(at, value);
        assert!(error.contains(why), "{at}: {error}");
    }
    assert!(read(&MemoryBlock::new(0, SectorSize::S512)).is_err());
}

fn any_tree() -> impl Strategy<Value = Tree> {
    let name = prop_oneof!["[A-Z]{1,8}", "[a-z]{1,8}\\.[a-z]{1,3}", "[a-zA-Zäöü😀+ ]{0,30}[a-z]"];
    let path = proptest::collection::vec(name, 1..4);
    let files = proptest::collection::vec((path, 0_usize..9000, 0_i64..5_000_000_000), 0..40);
    files.prop_map(|files| {
        let mut tree = Tree::new(folder());
        for (path, len, time) in files {
            // Names that meet a file, or that FAT takes for another, are left out.
            let mut longer = tree.clone();
            let metadata = Metadata { modified: Timestamp::seconds(time), ..folder() };
            let kind = NodeKind::File(Content::from(vec![low(len); len]));
            let added = longer.insert(&path.join("/"), Node { metadata, kind }, &folder());
            if added.is_ok() && measure(&longer, &Options::default()).is_ok() {
                tree = longer;
            }
        }
        tree
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn any_tree_survives_the_volume(tree in any_tree(), kind in 0_usize..4, more in 0_u64..200) {
        let kind = [None, Some(Kind::Fat12), Some(Kind::Fat16), Some(Kind::Fat32)][kind];
        let options = Options { kind, ..options() };
        let size = measure(&tree, &options).unwrap().size.bytes() + more * 512;
        let block = made(&tree, &options, ByteSize(size));
        let volume = read(&block).unwrap();
        prop_assert_eq!(&volume.problems, &[]);
        prop_assert_eq!(content(&volume.tree().unwrap()), content(&tree));
        prop_assert_eq!(made(&tree, &options, ByteSize(size)).into_bytes(), block.into_bytes());
    }

    #[test]
    fn the_reader_survives_anything(
        pokes in proptest::collection::vec(
            (prop_oneof![0_usize..96, 512_usize..1024, FAT_1..FAT_1 + 4000, ROOT..ROOT + 10_000], any::<u8>()),
            1..30,
        ),
        both in any::<bool>(),
    ) {
        let options = Options { kind: Some(Kind::Fat32), cluster_size: Some(ByteSize(512)), ..options() };
        let mut bytes = made(&boot(), &options, measure(&boot(), &options).unwrap().size).into_bytes();
        for (at, value) in pokes {
            bytes[at] = value;
            if both && (FAT_1..FAT_1 + 4000).contains(&at) {
                bytes[at + FAT_LEN] = value;
            }
        }
        let block = MemoryBlock::from_bytes(bytes, SectorSize::S512);
        if let Ok(volume) = read(&block) {
            let _ = volume.tree();
            let _ = volume.to_string();
        }
    }
}
