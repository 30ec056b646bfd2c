//! md arrays held against mdadm, and against themselves with members missing.

use landfall::identity::Seed;
use landfall::timestamp::Timestamp;
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::md::{self, Bitmap, Level, MdError, Options, Version};
use landfall::volume::{Block, MemoryBlock};
use proptest::prelude::*;

use crate::oracle::{require_tool, run, run_ok};

const MEMBER: u64 = 4 << 20;

fn options(level: Level, version: Version, members: usize) -> Options {
    let seed: Seed = "0c7b8a52-0000-8000-8000-000000000002".parse().unwrap();
    Options {
        level,
        version,
        uuid: seed.uuid("array"),
        member_uuids: (0..members).map(|number| seed.uuid(&format!("member/{number}"))).collect(),
        name: "boot".into(),
        chunk: ByteSize::kib(64),
        bitmap: Bitmap::Internal,
        created: Timestamp::STORE,
    }
}

fn members(count: usize) -> Vec<MemoryBlock> {
    (0..count).map(|_| MemoryBlock::new(MEMBER, SectorSize::S512)).collect()
}

/// Bytes that differ everywhere.
fn pattern(len: u64) -> Vec<u8> {
    (0..len).map(|at| u8::try_from((at ^ (at >> 8) ^ (at >> 16)) & 0xff).unwrap()).collect()
}

const LEVELS: [(Level, usize); 8] = [
    (Level::Raid0, 3),
    (Level::Raid1, 2),
    (Level::Raid4, 3),
    (Level::Raid5, 3),
    (Level::Raid5, 5),
    (Level::Raid6, 5),
    (Level::Raid10, 4),
    (Level::Raid10, 3),
];

#[test]
fn mdadm_reads_every_superblock_as_meant_and_finds_it_correct() {
    let Some(mdadm) = require_tool("mdadm") else { return };
    let dir = tempfile::tempdir().unwrap();
    for (level, count) in LEVELS {
        for (version, shown) in [
            (Version::V1_0, "1.0"),
            (Version::V1_1, "1.1"),
            (Version::V1_2, "1.2"),
            (Version::V0_90, "0.90.00"),
        ] {
            let array = md::write(members(count), &options(level, version, count)).unwrap();
            for (role, member) in array.into_members().into_iter().enumerate() {
                let path = dir.path().join("member");
                let mut bytes = member.unwrap().into_bytes();
                std::fs::write(&path, &bytes).unwrap();
                let text = run_ok(&mdadm, &["--examine", path.to_str().unwrap()]);
                let raid = format!("Raid Level : raid{}", level.number());
                for part in [
                    format!("Version : {shown}"),
                    raid,
                    format!("Raid Devices : {count}"),
                    "- correct".into(),
                    "State : clean".into(),
                ] {
                    assert!(text.contains(&part), "{level:?} {version:?} {role}: no `{part}` in\n{text}");
                }
                let has_bitmap = version != Version::V0_90 && level != Level::Raid0;
                assert_eq!(text.contains("Internal Bitmap"), has_bitmap, "{text}");
                if has_bitmap {
                    // Of a regular file mdadm reads the bitmap at its start only.
                    let bitmap_path = dir.path().join("bitmap");
                    std::fs::write(&bitmap_path, &bytes[bitmap_offset(version)..][..65_536]).unwrap();
                    let bitmap = run_ok(&mdadm, &["--examine-bitmap", bitmap_path.to_str().unwrap()]);
                    assert!(bitmap.contains("0 dirty (0.0%)"), "{bitmap}");
                }
                flip_in_superblock(&mut bytes, version);
                std::fs::write(&path, &bytes).unwrap();
                let broken = run(&mdadm, &["--examine", path.to_str().unwrap()]);
                let text = String::from_utf8_lossy(&broken.stdout);
                assert!(
                    !broken.status.success() || text.contains("expected"),
                    "a flipped byte went unnoticed:\n{text}"
                );
                assert!(matches!(
                    md::read(&MemoryBlock::from_bytes(bytes, SectorSize::S512)),
                    Err(MdError::Corrupt(_))
                ));
            }
        }
    }
}

fn bitmap_offset(version: Version) -> usize {
    match version {
        Version::V1_2 => 8192,
        Version::V1_1 => 4096,
        Version::V1_0 | Version::V0_90 => usize::try_from(MEMBER).unwrap() - 8192 - 65_536,
    }
}

/// Flips a bit of the creation time, which no other check than the sum can notice.
fn flip_in_superblock(bytes: &mut [u8], version: Version) {
    let start = match version {
        Version::V1_2 => 4096 + 0x40,
        Version::V1_1 => 0x40,
        Version::V1_0 => bytes.len() - 8192 + 0x40,
        Version::V0_90 => bytes.len() - 65536 + 24,
    };
    bytes[start] ^= 2;
}

#[test]
fn every_level_gives_back_what_was_written_with_one_member_missing() {
    for (level, count) in LEVELS {
        for version in [Version::V1_2, Version::V0_90] {
            let array = md::write(members(count), &options(level, version, count)).unwrap();
            let data = pattern(array.len());
            array.write_at(&data, 0).unwrap();
            array.write_at(&data[70_000..80_000], 70_000).unwrap();
            let members: Vec<Vec<u8>> =
                array.into_members().into_iter().map(|member| member.unwrap().into_bytes()).collect();
            let copy = |without: Option<usize>| -> Vec<MemoryBlock> {
                let kept = members.iter().enumerate().filter(|(role, _)| Some(*role) != without);
                kept.rev()
                    .map(|(_, bytes)| MemoryBlock::from_bytes(bytes.clone(), SectorSize::S512))
                    .collect()
            };
            let redundant = level != Level::Raid0;
            for without in std::iter::once(None).chain((0..count).map(Some)) {
                let array = md::open(copy(without)).unwrap();
                let mut found = vec![0; data.len()];
                let read = array.read_at(&mut found, 0);
                if without.is_none() || redundant {
                    read.unwrap();
                    assert!(found == data, "{level:?} without {without:?}");
                } else {
                    assert!(read.is_err());
                }
            }
        }
    }
}

#[test]
fn a_stranger_among_the_members_is_refused() {
    let first = md::write(members(2), &options(Level::Raid1, Version::V1_2, 2)).unwrap().into_members();
    let other = Options { uuid: uuid::Uuid::from_u128(7), ..options(Level::Raid1, Version::V1_2, 2) };
    let second = md::write(members(2), &other).unwrap().into_members();
    let mixed =
        vec![first.into_iter().next().flatten().unwrap(), second.into_iter().nth(1).flatten().unwrap()];
    assert_eq!(
        md::open(mixed).unwrap_err().to_string(),
        "the members do not make an array: they are of different arrays"
    );
}

#[test]
fn impossible_arrays_are_refused_with_the_reason() {
    let text = |options: &Options, count| md::write(members(count), options).unwrap_err().to_string();
    assert_eq!(text(&options(Level::Raid5, Version::V1_2, 2), 2), "Raid5 takes at least 3 members, not 2");
    let odd = Options { chunk: ByteSize(5000), ..options(Level::Raid0, Version::V1_2, 2) };
    assert_eq!(
        text(&odd, 2),
        "an array cannot be made with chunks of 5000 bytes; powers of two from 4096 are possible"
    );
    let small = (0..2).map(|_| MemoryBlock::new(1 << 20, SectorSize::S512)).collect();
    let error = md::write(small, &options(Level::Raid1, Version::V1_2, 2)).unwrap_err().to_string();
    assert_eq!(error, "a member of 1 MiB is too small: the array's own data takes up to 1.1 MiB");
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn writes_of_any_place_and_size_read_back_and_leave_the_array_clean(
        level in prop::sample::select(LEVELS.to_vec()),
        writes in prop::collection::vec((0_u64..2_000_000, 1_usize..200_000, any::<u8>()), 1..10),
        missing in 0_usize..3,
    ) {
        let (level, count) = level;
        let array = md::write(members(count), &options(level, Version::V1_1, count)).unwrap();
        let mut model = vec![0; usize::try_from(array.len()).unwrap()];
        for (offset, len, byte) in writes {
            array.write_at(&vec![byte; len], offset).unwrap();
            model[usize::try_from(offset).unwrap()..][..len].fill(byte);
        }
        let mut members: Vec<MemoryBlock> = array.into_members().into_iter().flatten().collect();
        if level != Level::Raid0 {
            members.remove(missing % count);
        }
        let mut found = vec![0; model.len()];
        md::open(members).unwrap().read_at(&mut found, 0).unwrap();
        prop_assert!(found == model);
    }

    #[test]
    fn mutated_superblocks_never_panic(changes in prop::collection::vec((4096_usize..4800, any::<u8>()), 1..8), mend in any::<bool>()) {
        let array = md::write(members(3), &options(Level::Raid5, Version::V1_2, 3)).unwrap();
        let mut members: Vec<Vec<u8>> = array.into_members().into_iter().flatten().map(MemoryBlock::into_bytes).collect();
        for (offset, byte) in changes {
            members[0][offset] = byte;
        }
        if mend {
            members[0][4096 + 0xd8..4096 + 0xdc].fill(0);
            let len = 256 + 2 * usize::from(u16::from_le_bytes([members[0][4096 + 0xdc], members[0][4096 + 0xdd]])).min(384);
            let words = members[0][4096..4096 + len].chunks(4);
            let sum: u64 = words.map(|word| word.iter().rev().fold(0, |value, byte| value << 8 | u64::from(*byte))).sum();
            let sum = u32::try_from(((sum & 0xffff_ffff) + (sum >> 32)) & 0xffff_ffff).unwrap();
            members[0][4096 + 0xd8..4096 + 0xdc].copy_from_slice(&sum.to_le_bytes());
        }
        let blocks = members.into_iter().map(|bytes| MemoryBlock::from_bytes(bytes, SectorSize::S512)).collect();
        if let Ok(array) = md::open(blocks) {
            let _ = array.read_at(&mut [0; 4096], 0);
        }
    }
}

/// A source that counts what is read of it.
struct Counted {
    read: std::sync::atomic::AtomicU64,
    len: u64,
}

impl landfall::tree::Source for Counted {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], _: u64) -> Result<(), landfall::tree::ContentError> {
        let len = u64::try_from(buffer.len()).unwrap();
        self.read.fetch_add(len, std::sync::atomic::Ordering::Relaxed);
        buffer.fill(7);
        Ok(())
    }
}

#[test]
fn a_mirror_reads_what_is_written_to_it_once() {
    let len = 2 << 20;
    let source = std::sync::Arc::new(Counted { read: 0.into(), len });
    let array = md::write(members(3), &options(Level::Raid1, Version::V1_2, 3)).unwrap();
    let content = landfall::tree::Content::Source(source.clone());
    let whole = landfall::units::ByteRange::new(0, len).unwrap();
    content.open().unwrap().copy_to(whole, &array, 4096).unwrap();
    assert_eq!(source.read.load(std::sync::atomic::Ordering::Relaxed), len);
    for member in array.into_members() {
        let bytes = member.unwrap().into_bytes();
        assert_eq!(
            bytes.iter().filter(|byte| **byte == 7).count() / 1000,
            usize::try_from(len).unwrap() / 1000
        );
    }
}

#[test]
fn raid6_gives_back_what_was_written_with_any_two_members_missing() {
    let array = md::write(members(5), &options(Level::Raid6, Version::V1_2, 5)).unwrap();
    let data = pattern(array.len());
    array.write_at(&data, 0).unwrap();
    let bytes: Vec<Vec<u8>> =
        array.into_members().into_iter().map(|member| member.unwrap().into_bytes()).collect();
    for first in 0..5 {
        for second in first + 1..5 {
            let left = bytes.iter().enumerate().filter(|(number, _)| ![first, second].contains(number));
            let left =
                left.map(|(_, bytes)| MemoryBlock::from_bytes(bytes.clone(), SectorSize::S512)).collect();
            let opened = md::open(left).unwrap();
            let mut found = vec![0; data.len()];
            opened.read_at(&mut found, 0).unwrap();
            assert!(found == data, "without {first} and {second}");
            // What is written without them is there too.
            opened.write_at(&[0x5a; 200_000], 70_000).unwrap();
            let mut found = vec![0; 200_000];
            opened.read_at(&mut found, 70_000).unwrap();
            assert!(found.iter().all(|byte| *byte == 0x5a), "written without {first} and {second}");
        }
    }
}
