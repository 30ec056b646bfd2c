//! What the options set, as e2fsprogs reads it, beside what `mke2fs` sets by itself.

use std::collections::BTreeMap;

use landfall::fs::ext4::options::{InodePolicy, JournalPolicy, ReservedPercent, UnusedTables};
use landfall::fs::ext4::{BlockSize, Options, read};
use landfall::timestamp::Timestamp;
use landfall::units::{ByteSize, GIB, MIB};

use super::image::{Image, options};
use super::trees;
use crate::oracle::{require_tool, run_ok};

/// The superblock of the image at `path` as `dumpe2fs -h` tells it, by its own words.
fn header(path: &str) -> Option<BTreeMap<String, String>> {
    let tool = require_tool("dumpe2fs")?;
    let text = run_ok(&tool, &["-h", path]);
    let line = |line: &str| {
        let (key, value) = line.split_once(':')?;
        Some((key.to_owned(), value.trim().to_owned()))
    };
    Some(text.lines().filter_map(line).collect())
}

#[test]
fn numbers_and_features_are_those_of_mke2fs() {
    let Some(tool) = require_tool("mke2fs") else { return };
    for (block_size, size) in [
        (BlockSize::B4096, 40 * MIB),
        (BlockSize::B4096, GIB),
        (BlockSize::B4096, 17 * GIB),
        (BlockSize::B2048, 300 * MIB),
        (BlockSize::B1024, 5 * MIB),
        (BlockSize::B1024, GIB),
    ] {
        let options = options(|options| options.block_size = block_size);
        let ours = Image::of_size(&trees::empty(), &options, ByteSize(size)).unwrap();
        let theirs = tempfile::NamedTempFile::new().unwrap();
        theirs.as_file().set_len(size).unwrap();
        let theirs = theirs.path().to_str().unwrap();
        let block_size = block_size.bytes().to_string();
        run_ok(&tool, &["-q", "-F", "-t", "ext4", "-b", &block_size, "-i", "16384", theirs]);
        let (Some(ours), Some(theirs)) = (header(ours.path()), header(theirs)) else { return };
        for key in [
            "Filesystem features",
            "Filesystem flags",
            "Default mount options",
            "Errors behavior",
            "Inode count",
            "Block count",
            "Reserved block count",
            "Overhead clusters",
            "Free blocks",
            "Free inodes",
            "First block",
            "Group descriptor size",
            "Reserved GDT blocks",
            "Inodes per group",
            "Flex block group size",
            "Maximum mount count",
            "Inode size",
            "Required extra isize",
            "Default directory hash",
            "Journal backup",
            "Checksum type",
            "Total journal blocks",
        ] {
            assert_eq!(ours.get(key), theirs.get(key), "{key} at {size} bytes in blocks of {block_size}");
            assert!(ours.contains_key(key), "dumpe2fs does not tell `{key}`");
        }
    }
}

#[test]
fn identities_are_as_given() {
    let options = options(|options| {
        options.label = "exactly-16-bytes".parse().unwrap();
        options.timestamp = Timestamp::seconds(1_700_000_000);
    });
    let image = Image::measured(&trees::empty(), &options);
    image.check();
    let reader = read(image.block()).unwrap();
    assert_eq!((reader.label().as_str(), reader.uuid()), ("exactly-16-bytes", options.uuid));
    let Some(header) = header(image.path()) else { return };
    assert_eq!(header["Filesystem volume name"], "exactly-16-bytes");
    assert_eq!(header["Filesystem UUID"], options.uuid.to_string());
    assert_eq!(header["Directory Hash Seed"], options.hash_seed.to_string());
    assert!(header["Filesystem created"].ends_with("2023"), "{}", header["Filesystem created"]);
}

#[test]
fn every_policy_gives_a_sound_file_system() {
    type Change = fn(&mut Options);
    let cases: [(&str, Change); 7] = [
        ("no journal", |options| options.journal = JournalPolicy::None),
        ("a large journal", |options| options.journal = JournalPolicy::Exactly(ByteSize::mib(300))),
        ("the least journal", |options| options.journal = JournalPolicy::Exactly(ByteSize(1))),
        ("few inodes", |options| options.inodes = InodePolicy::Spare(0)),
        ("many inodes", |options| options.inodes = InodePolicy::BytesPerInode(2048.try_into().unwrap())),
        ("no reserve", |options| options.reserved = ReservedPercent::new(0).unwrap()),
        ("a large reserve", |options| options.reserved = ReservedPercent::new(50).unwrap()),
    ];
    for (name, change) in cases {
        for block_size in super::BLOCK_SIZES {
            let options = options(|options| {
                options.block_size = block_size;
                options.free = ByteSize::mib(30);
                change(options);
            });
            let image = Image::measured(&trees::flat(1000), &options);
            image.check();
            let free = image.written.free;
            assert!(free >= options.free, "{name}: {free}");
        }
    }
}

#[test]
fn tables_left_to_the_kernel_are_marked_so() {
    for (unused_tables, zeroed) in [(UnusedTables::Zero, true), (UnusedTables::LeaveToKernel, false)] {
        let options = options(|options| options.unused_tables = unused_tables);
        let image = Image::of_size(&trees::flat(100), &options, ByteSize(GIB)).unwrap();
        image.check();
        let Some(tool) = require_tool("dumpe2fs") else { return };
        assert_eq!(run_ok(&tool, &[image.path()]).contains("ITABLE_ZEROED"), zeroed);
    }
}
