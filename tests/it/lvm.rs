//! LVM2 groups held against LVM's own tools.

use std::path::Path;
use std::sync::Arc;

use landfall::fs::ext4;
use landfall::identity::Seed;
use landfall::progress::{Silent, Step, Unit};
use landfall::timestamp::Timestamp;
use landfall::tree::{Metadata, Tree};
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::lvm::{self, LvmError, Options, PoolOptions, Volume, VolumeKind, VolumeSize};
use landfall::volume::{Block, MemoryBlock};
use proptest::prelude::*;

use crate::oracle::{require_tool, run, run_ok};

const MEMBER: u64 = 64 << 20;

fn options(volumes: &[(&str, &str, VolumeKind)]) -> Options {
    let volume = |(name, size, kind): &(&str, &str, VolumeKind)| Volume {
        name: (*name).to_owned(),
        size: VolumeSize::parse(size).unwrap(),
        kind: kind.clone(),
    };
    Options {
        name: "pool".into(),
        extent: ByteSize::mib(4),
        volumes: volumes.iter().map(volume).collect(),
        seed: "0c7b8a52-0000-8000-8000-000000000003".parse::<Seed>().unwrap(),
        created: Timestamp::STORE,
    }
}

fn members(count: usize) -> Vec<Arc<MemoryBlock>> {
    (0..count).map(|_| Arc::new(MemoryBlock::new(MEMBER, SectorSize::S512))).collect()
}

fn blocks(members: &[Arc<MemoryBlock>]) -> Vec<Arc<dyn Block>> {
    let mut blocks: Vec<Arc<dyn Block>> = Vec::new();
    for member in members {
        blocks.push(member.clone());
    }
    blocks
}

fn bytes(member: &MemoryBlock) -> Vec<u8> {
    let mut bytes = vec![0; usize::try_from(member.len()).unwrap()];
    member.read_at(&mut bytes, 0).unwrap();
    bytes
}

const KINDS: [VolumeKind; 9] = [
    VolumeKind::Linear,
    VolumeKind::Striped(3),
    VolumeKind::Raid0(2),
    VolumeKind::Raid1(3),
    VolumeKind::Raid4(3),
    VolumeKind::Raid5(3),
    VolumeKind::Raid10(4),
    VolumeKind::Raid6(5),
    VolumeKind::Mirror(2),
];

#[test]
fn pvck_finds_the_headers_right_and_prints_our_text() {
    let Some(pvck) = require_tool("pvck") else { return };
    let dir = tempfile::tempdir().unwrap();
    let members = members(5);
    let names = ["a", "b", "c", "d", "f", "e", "g", "h", "i"];
    let mut volumes: Vec<_> =
        KINDS.iter().zip(names).map(|(kind, name)| (name, "8M", kind.clone())).collect();
    volumes.push(("thin", "8M", VolumeKind::ThinPool(1, PoolOptions::default())));
    volumes.push(("in", "1T", VolumeKind::Thin("thin".to_owned())));
    lvm::write(&blocks(&members), &options(&volumes)).unwrap();
    for (number, member) in members.iter().enumerate() {
        let path = dir.path().join(format!("pv{number}"));
        let mut bytes = bytes(member);
        std::fs::write(&path, &bytes).unwrap();
        let headers = dump(&pvck, "headers", &path);
        assert!(!headers.contains("CHECK") && !headers.contains("ERROR"), "{headers}");
        let text = dump(&pvck, "metadata", &path);
        for part in [
            "pool {",
            "type = \"raid5\"",
            "e_rimage_2",
            "stripe_count = 3",
            "mirror_log = \"i_mlog\"",
            "metadata = \"thin_tmeta\"",
            "thin_pool = \"thin\"",
        ] {
            assert!(text.contains(part), "no `{part}` in\n{text}");
        }
        // A letter of the volume's identity: what the sum of the label must notice.
        bytes[544] ^= 1;
        std::fs::write(&path, &bytes).unwrap();
        let output = run(&pvck, &["--dump", "headers", path.to_str().unwrap()]);
        let all = [output.stdout, output.stderr].concat();
        assert!(
            String::from_utf8_lossy(&all).contains("CHECK: label_header.crc"),
            "{}",
            String::from_utf8_lossy(&all)
        );
        assert!(matches!(
            lvm::read(&MemoryBlock::from_bytes(bytes, SectorSize::S512)),
            Err(LvmError::Corrupt(_))
        ));
    }
}

fn dump(pvck: &Path, what: &str, path: &Path) -> String {
    run_ok(pvck, &["--dump", what, path.to_str().unwrap()])
}

#[test]
fn what_was_written_is_read_back_by_members_in_any_order() {
    for kind in KINDS {
        let members = members(5);
        let volumes = lvm::write(
            &blocks(&members),
            &options(&[("first", "6M", VolumeKind::Linear), ("root", "100%FREE", kind.clone())]),
        )
        .unwrap()
        .volumes;
        let root = &volumes["root"];
        let data: Vec<u8> =
            (0..root.len()).map(|at| u8::try_from((at ^ (at >> 9) ^ (at >> 17)) & 0xff).unwrap()).collect();
        root.write_at(&data, 0).unwrap();
        let mut shuffled = blocks(&members);
        shuffled.rotate_left(1);
        let (group, volumes) = lvm::open(&shuffled).unwrap();
        assert_eq!((group.name.as_str(), volumes.len()), ("pool", 2), "{kind:?}");
        assert_eq!(volumes["first"].len(), 8 << 20);
        let mut found = vec![0; data.len()];
        volumes["root"].read_at(&mut found, 0).unwrap();
        assert!(found == data, "{kind:?}");
    }
}

#[test]
fn sizes_are_read_as_lvcreate_reads_them() {
    let cases = [
        ("10G", Some(VolumeSize::Bytes(ByteSize::gib(10)))),
        ("512", Some(VolumeSize::Bytes(ByteSize::mib(512)))),
        ("1.5g", Some(VolumeSize::Bytes(ByteSize::mib(1536)))),
        ("100%FREE", Some(VolumeSize::PercentFree(100))),
        ("50%VG", Some(VolumeSize::PercentGroup(50))),
        ("101%FREE", None),
        ("10X", None),
        ("", None),
    ];
    for (text, size) in cases {
        assert_eq!(VolumeSize::parse(text), size, "{text}");
    }
}

#[test]
fn what_does_not_fit_is_refused_with_the_numbers() {
    let text = |volumes: &[(&str, &str, VolumeKind)], count| {
        lvm::write(&blocks(&members(count)), &options(volumes)).unwrap_err().to_string()
    };
    assert_eq!(
        text(&[("root", "1G", VolumeKind::Linear)], 1),
        "logical volume `root` needs 1 GiB, and 60 MiB of its group are free"
    );
    assert_eq!(
        text(&[("root", "8M", VolumeKind::Raid1(2))], 1),
        "logical volume `root` needs 2 physical volumes, and its group has 1"
    );
    assert_eq!(
        text(&[("a", "100%FREE", VolumeKind::Linear), ("b", "4M", VolumeKind::Linear)], 1),
        "logical volume `b` needs 4 MiB, and 0 B of its group are free"
    );
}

/// A pool over two members with three volumes, the middle one empty, and the pieces of `order` written to them.
fn thin_pool(order: &[usize]) -> Vec<Arc<MemoryBlock>> {
    let members = members(2);
    let thin = || VolumeKind::Thin("thin".to_owned());
    let options = options(&[
        ("thin", "100%FREE", VolumeKind::ThinPool(1, PoolOptions::default())),
        ("a", "1T", thin()),
        ("b", "1G", thin()),
        ("c", "12M", thin()),
    ]);
    let made = lvm::write(&blocks(&members), &options).unwrap();
    for piece in order {
        let byte = u8::try_from(piece % 251).unwrap() + 1;
        let at = u64::try_from(*piece).unwrap();
        // Far from each other, so that the map of `a` has several nodes; and over the ends of chunks.
        made.volumes["a"].write_at(&vec![byte; 5000], at * 100_000_000 + 60_000).unwrap();
        if piece % 4 == 0 {
            made.volumes["c"].write_at(&[byte; 512], at * 10_000 / 512 * 512).unwrap();
        }
    }
    made.pools["thin"].commit().unwrap();
    members
}

/// The metadata of the pool, where it lies in one piece.
fn pool_metadata(members: &[Arc<MemoryBlock>]) -> Vec<u8> {
    let (group, _) = lvm::read(&members[0]).unwrap();
    let metadata = group.logical.iter().find(|logical| logical.name == "thin_tmeta").unwrap();
    let lvm::SegmentKind::Striped { stripes, .. } = &metadata.segments[0].kind else { panic!() };
    let (member, extent) = stripes[0];
    let mut bytes = vec![0; 4 << 20];
    members[member].read_at(&mut bytes, (1 << 20) + extent * (4 << 20)).unwrap();
    bytes
}

const PIECES: usize = 700;

#[test]
fn thin_check_finds_our_pools_sound_and_thin_dump_what_is_in_them() {
    let (Some(check), Some(dump)) = (require_tool("thin_check"), require_tool("thin_dump")) else { return };
    let order: Vec<usize> = (0..PIECES).rev().collect();
    let members = thin_pool(&order);
    let file = tempfile::NamedTempFile::new().unwrap();
    let path = file.path().to_str().unwrap();
    let mut bytes = pool_metadata(&members);
    std::fs::write(path, &bytes).unwrap();
    run_ok(&check, &[path]);
    let text = run_ok(&dump, &[path]);
    for part in [
        "transaction=\"3\"",
        "data_block_size=\"128\"",
        "dev_id=\"1\" mapped_blocks=\"753\" transaction=\"0\"",
        "dev_id=\"2\" mapped_blocks=\"0\" transaction=\"1\"",
        "<single_mapping origin_block=\"0\" data_block=\"0\"",
        "<single_mapping origin_block=\"1526\" data_block=\"1\"",
        "dev_id=\"3\" mapped_blocks=\"107\" transaction=\"2\"",
        "<range_mapping origin_begin=\"0\" data_begin=\"753\" length=\"107\"",
    ] {
        assert!(text.contains(part), "no `{part}` in {}", &text[..text.len().min(2000)]);
    }
    // A byte of each block that is used: the superblock, nodes, maps of space.
    for block in [0, 1, 3, 7, 8, 9, 11] {
        bytes[block * 4096 + 21] ^= 1;
        std::fs::write(path, &bytes).unwrap();
        assert!(!run(&check, &[path]).status.success(), "block {block} may be changed");
        bytes[block * 4096 + 21] ^= 1;
    }
}

#[test]
fn the_order_of_writes_does_not_reach_a_thin_pool() {
    let order: Vec<usize> = (0..PIECES).collect();
    let sorted = thin_pool(&order);
    let mixed: Vec<usize> = order.iter().map(|piece| piece * 331 % PIECES).collect();
    let other = thin_pool(&mixed);
    for (one, other) in sorted.iter().zip(&other) {
        assert!(bytes(one) == bytes(other));
    }
    let (_, volumes) = lvm::open(&blocks(&other)).unwrap();
    for piece in order {
        let mut found = [0; 5000];
        let at = u64::try_from(piece).unwrap();
        volumes["a"].read_at(&mut found, at * 100_000_000 + 60_000).unwrap();
        assert!(found.iter().all(|byte| usize::from(*byte) == piece % 251 + 1), "piece {piece}");
    }
    assert_eq!((volumes.len(), volumes["b"].len()), (3, 1 << 30));
    // A pool that was read gives out no chunks, and says so.
    let error = volumes["b"].write_at(&[1; 512], 0).unwrap_err();
    assert_eq!(error.to_string(), "thin pool `thin`: it was read, and gives out no chunks");
}

/// The planner reckons with a part in 16384 of a thin volume for what a file system spreads over it.
#[test]
fn an_empty_file_system_takes_little_of_its_thin_pool() {
    let members = members(2);
    let options = options(&[
        ("thin", "100%FREE", VolumeKind::ThinPool(1, PoolOptions::default())),
        ("a", "1T", VolumeKind::Thin("thin".to_owned())),
    ]);
    let made = lvm::write(&blocks(&members), &options).unwrap();
    let tree = Tree::new(Metadata::root(0o755));
    let step = Step::start(&Silent, "write", None, Unit::Bytes);
    ext4::write(&tree, &ext4::Options::new(options.seed, "a"), &made.volumes["a"], step).unwrap();
    made.pools["thin"].commit().unwrap();
    let metadata = pool_metadata(&members);
    let chunks = u64::from_le_bytes(metadata[72..80].try_into().unwrap());
    assert!((1..1024).contains(&chunks), "{chunks} chunks of 64 KiB are used");
}

#[test]
fn a_thin_pool_that_is_full_says_so() {
    let members = members(1);
    let options = options(&[
        ("thin", "8M", VolumeKind::ThinPool(1, PoolOptions::default())),
        ("a", "1G", VolumeKind::Thin("thin".to_owned())),
    ]);
    let made = lvm::write(&blocks(&members), &options).unwrap();
    made.volumes["a"].write_at(&vec![1; 8 << 20], 0).unwrap();
    let error = made.volumes["a"].write_at(&[1], 512 << 20).unwrap_err();
    assert_eq!(
        error.to_string(),
        "thin pool `thin`: all of its 8 MiB are taken: its volumes hold more than it has"
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn mutated_members_never_panic(changes in prop::collection::vec((512_usize..8192, any::<u8>()), 1..8)) {
        let members = members(2);
        lvm::write(&blocks(&members), &options(&[("a", "8M", VolumeKind::Striped(2)), ("b", "8M", VolumeKind::Raid1(2))])).unwrap();
        for (offset, byte) in changes {
            members[0].write_at(&[byte], offset.try_into().unwrap()).unwrap();
        }
        let _ = lvm::open(&blocks(&members));
    }

    #[test]
    fn mutated_pools_never_panic(changes in prop::collection::vec((0_usize..20 * 4096, any::<u8>()), 1..8), mended in any::<bool>()) {
        let members = thin_pool(&[1, 2, 3, 300]);
        let (group, _) = lvm::read(&members[0]).unwrap();
        let metadata = group.logical.iter().find(|logical| logical.name == "thin_tmeta").unwrap();
        let lvm::SegmentKind::Striped { stripes, .. } = &metadata.segments[0].kind else { panic!() };
        let start = (1 << 20) + stripes[0].1 * (4 << 20);
        for (offset, byte) in changes {
            let offset = u64::try_from(offset).unwrap();
            members[stripes[0].0].write_at(&[byte], start + offset).unwrap();
            if mended {
                mend_node(&members[stripes[0].0], start + offset / 4096 * 4096);
            }
        }
        if let Ok((_, volumes)) = lvm::open(&blocks(&members)) {
            for volume in volumes.values() {
                let _ = volume.read_at(&mut [0; 512], 60_000);
            }
        }
    }

    #[test]
    fn mutated_texts_never_panic(changes in prop::collection::vec((0_usize..2000, prop::sample::select(b"{}[]\"=,0123456789-pv_#\n".to_vec())), 1..12)) {
        let members = members(2);
        lvm::write(&blocks(&members), &options(&[("a", "8M", VolumeKind::Striped(2)), ("b", "8M", VolumeKind::Raid1(2))])).unwrap();
        for (offset, byte) in changes {
            members[0].write_at(&[byte], u64::try_from(4608 + offset).unwrap()).unwrap();
        }
        mend_sums(&members[0]);
        if let Ok((_, volumes)) = lvm::open(&blocks(&members)) {
            for volume in volumes.values() {
                let _ = volume.read_at(&mut [0; 512], 0);
            }
        }
    }
}

/// Gives a block of a pool's metadata its right sum again, taking it for a node unless it is the first one.
fn mend_node(member: &MemoryBlock, at: u64) {
    let mut block = [0; 4096];
    member.read_at(&mut block, at).unwrap();
    let salt = if block[32..40] == 27_022_010_u64.to_le_bytes() { 160_774 } else { 121_107 };
    let sum = !crc32c::crc32c(&block[4..]) ^ salt;
    member.write_at(&sum.to_le_bytes(), at).unwrap();
}

/// Gives text and area their right sums again, so that mutations reach the parser.
fn mend_sums(member: &MemoryBlock) {
    let sum = |bytes: &[u8]| {
        let mut crc = 0xf597_a6cf_u32;
        for byte in bytes {
            crc ^= u32::from(*byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { (crc >> 1) ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        crc
    };
    let mut header = [0; 512];
    member.read_at(&mut header, 4096).unwrap();
    let len = u32::from_le_bytes([header[48], header[49], header[50], header[51]]);
    let mut text = vec![0; usize::try_from(len).unwrap()];
    member.read_at(&mut text, 4608).unwrap();
    header[56..60].copy_from_slice(&sum(&text).to_le_bytes());
    let area = sum(&header[4..]);
    header[..4].copy_from_slice(&area.to_le_bytes());
    member.write_at(&header, 4096).unwrap();
}
