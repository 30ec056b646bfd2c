//! Sizes at which something changes: edges of groups and flexible groups, growth, many names.

use landfall::fs::ext4::options::ReservedPercent;
use landfall::fs::ext4::{BlockSize, Ext4Error, Unfit, measure};
use landfall::timestamp::Timestamp;
use landfall::tree::{DeviceNumber, Kind, Metadata, Name, Node};
use landfall::units::{ByteSize, GIB, KIB, MIB};

use super::image::{Image, options};
use super::trees;
use crate::oracle::{require_tool, run_ok};

#[test]
fn file_systems_are_sound_around_the_edges_of_groups() {
    let tree = trees::flat(200);
    let group = 128 * MIB;
    let sizes = [8 * MIB, 64 * MIB]
        .into_iter()
        .chain([1, 2, 3, 4, 16, 17].into_iter().flat_map(|count| {
            let edge = count * group;
            [edge - 4 * KIB, edge, edge + 4 * KIB, edge + 49 * 4 * KIB, edge + 50 * 4 * KIB, edge + 2 * MIB]
        }))
        .chain([GIB, 4 * GIB, 8 * GIB, 16 * GIB, 16 * GIB + 300 * MIB, 33 * GIB + 1]);
    for size in sizes {
        let image = Image::of_size(&tree, &options(|_| ()), ByteSize(size)).unwrap();
        image.check();
    }
}

#[test]
fn small_blocks_are_sound_around_the_edges_of_groups() {
    let tree = trees::flat(200);
    for (block_size, group) in [(BlockSize::B1024, 8 * MIB), (BlockSize::B2048, 32 * MIB)] {
        for count in [1, 2, 3, 16, 17, 32, 100] {
            let edge = count * group;
            for size in [edge - KIB, edge, edge + KIB, edge + 2 * KIB, edge + 60 * KIB, edge + 400 * KIB] {
                let options = options(|options| options.block_size = block_size);
                let image = Image::of_size(&tree, &options, ByteSize(size)).unwrap();
                image.check();
            }
        }
    }
}

#[test]
fn an_unmounted_file_system_grows() {
    let Some(tool) = require_tool("resize2fs") else { return };
    let cases = [(BlockSize::B4096, GIB, 20 * GIB), (BlockSize::B1024, 64 * MIB, GIB)];
    for (block_size, from, to) in cases {
        let options = options(|options| options.block_size = block_size);
        let image = Image::of_size(&trees::flat(1000), &options, ByteSize(from)).unwrap();
        image.file.as_file().set_len(to).unwrap();
        run_ok(&tool, &["-f", image.path()]);
        image.check_with_e2fsck();
    }
}

#[test]
fn a_hundred_thousand_names_in_one_directory_are_sound() {
    for (block_size, count) in [(BlockSize::B1024, 30_000), (BlockSize::B4096, 100_000)] {
        let tree = trees::flat(count);
        let image = Image::measured(&tree, &options(|options| options.block_size = block_size));
        image.check();
        let Some(text) = image.debugfs("htree_dump /flat") else { return };
        assert!(text.contains("Indirect levels: 1"), "two levels are needed");
    }
}

#[test]
fn more_subdirectories_than_can_be_counted_are_sound() {
    let mut tree = trees::empty();
    let parent = tree.make_directories("many", &Metadata::root(0o755)).unwrap();
    for number in 0..66_000 {
        let name = Name::new(format!("{number}").as_bytes()).unwrap();
        tree.add(parent, name, trees::node(Kind::directory())).unwrap();
    }
    let image = Image::measured(&tree, &options(|options| options.block_size = BlockSize::B1024));
    image.check();
}

#[test]
fn a_full_file_system_divides_files_rather_than_grow() {
    // Two files larger than the groups of 8 MiB between the copies of superblock and descriptors.
    let mut tree = trees::empty();
    for (name, len) in [("first", 30 * MIB), ("second", 20 * MIB)] {
        trees::put(&mut tree, name, trees::file(&vec![b'f'; usize::try_from(len).unwrap()]));
    }
    let options = options(|options| {
        options.block_size = BlockSize::B1024;
        options.reserved = ReservedPercent::new(0).unwrap();
    });
    let image = Image::measured(&tree, &options);
    assert_eq!(image.written.free, ByteSize(0));
    assert!(image.written.divided_files > 0);
    image.check();
}

#[test]
fn a_tree_in_one_stretch_has_no_divided_files() {
    let image = Image::measured(&trees::flat(5000), &options(|options| options.free = ByteSize::mib(100)));
    assert_eq!(image.written.divided_files, 0);
}

#[test]
fn what_ext4_cannot_hold_is_refused_by_name() {
    let link = |len: usize| trees::node(Kind::Symlink(vec![b't'; len]));
    let cases = [
        ("/long", link(1024), Unfit::SymlinkTooLong { len: 1024, max: 1023 }),
        ("/empty", link(0), Unfit::SymlinkTarget),
        ("/lost+found", trees::file(b""), Unfit::LostAndFound),
        ("/folder/old", dated(-(1 << 31) - 1), Unfit::Time(-(1 << 31) - 1)),
        ("/folder/late", dated(1 << 34), Unfit::Time(1 << 34)),
        ("/device", trees::node(Kind::BlockDevice(DeviceNumber { major: 4096, minor: 0 })), Unfit::Device),
    ];
    for (path, node, expected) in cases {
        let mut tree = trees::empty();
        trees::put(&mut tree, path, node);
        match measure(&tree, &options(|options| options.block_size = BlockSize::B1024)) {
            Err(Ext4Error::Unfit { path: found, why }) => assert_eq!((found.as_str(), why), (path, expected)),
            other => panic!("{path}: {other:?}"),
        }
    }
}

/// A file modified so many seconds after 1970.
fn dated(seconds: i64) -> Node {
    let mut node = trees::file(b"");
    node.metadata.modified = Timestamp::seconds(seconds);
    node
}

#[test]
fn a_directory_with_two_names_is_refused() {
    let mut tree = trees::empty();
    let folder = tree.make_directories("a/b", &Metadata::root(0o755)).unwrap();
    tree.link(folder, Name::new(b"itself").unwrap(), folder).unwrap();
    match measure(&tree, &options(|_| ())) {
        Err(Ext4Error::Unfit { path, why: Unfit::DirectoryLinked }) => assert_eq!(path, "/a/b/itself"),
        other => panic!("{other:?}"),
    }
}
