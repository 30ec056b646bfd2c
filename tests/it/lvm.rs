//! LVM2 groups held against LVM's own tools.

use std::path::Path;
use std::sync::Arc;

use landfall::identity::Seed;
use landfall::timestamp::Timestamp;
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::lvm::{self, LvmError, Options, Volume, VolumeKind, VolumeSize};
use landfall::volume::{Block, MemoryBlock};
use proptest::prelude::*;

use crate::oracle::{require_tool, run, run_ok};

const MEMBER: u64 = 64 << 20;

fn options(volumes: &[(&str, &str, VolumeKind)]) -> Options {
    let volume = |(name, size, kind): &(&str, &str, VolumeKind)| Volume {
        name: (*name).to_owned(),
        size: VolumeSize::parse(size).unwrap(),
        kind: *kind,
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

const KINDS: [VolumeKind; 7] = [
    VolumeKind::Linear,
    VolumeKind::Striped(3),
    VolumeKind::Raid0(2),
    VolumeKind::Raid1(3),
    VolumeKind::Raid4(3),
    VolumeKind::Raid5(3),
    VolumeKind::Raid10(4),
];

#[test]
fn pvck_finds_the_headers_right_and_prints_our_text() {
    let Some(pvck) = require_tool("pvck") else { return };
    let dir = tempfile::tempdir().unwrap();
    let members = members(4);
    let volumes: Vec<_> = KINDS
        .iter()
        .zip(["a", "b", "c", "d", "f", "e", "g"])
        .map(|(kind, name)| (name, "8M", *kind))
        .collect();
    lvm::write(&blocks(&members), &options(&volumes)).unwrap();
    for (number, member) in members.iter().enumerate() {
        let path = dir.path().join(format!("pv{number}"));
        let mut bytes = bytes(member);
        std::fs::write(&path, &bytes).unwrap();
        let headers = dump(&pvck, "headers", &path);
        assert!(!headers.contains("CHECK") && !headers.contains("ERROR"), "{headers}");
        let text = dump(&pvck, "metadata", &path);
        for part in ["pool {", "type = \"raid5\"", "e_rimage_2", "stripe_count = 3"] {
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
        let members = members(4);
        let volumes = lvm::write(
            &blocks(&members),
            &options(&[("first", "6M", VolumeKind::Linear), ("root", "100%FREE", kind)]),
        )
        .unwrap();
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
