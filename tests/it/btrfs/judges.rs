//! `btrfs check` and `btrfs inspect-internal` as judges, and that they can say no.

use std::os::unix::fs::FileExt;
use std::sync::Arc;

use landfall::fs::btrfs::{
    Checksum, Compression, Filling, NodeSize, Overwriting, Storage, SwapFile, Volumes, measure, read,
};
use landfall::tree::Tree;
use landfall::units::ByteSize;

use super::image::{Image, complaint_of, lines, options};
use crate::ext4::describe::assert_same;
use crate::ext4::trees;
use crate::oracle::{require_tool, run_ok};

/// Everything that is hard about a tree, with a longer attribute and longer links than ext4 takes.
fn everything(dir: &std::path::Path) -> Tree {
    let mut tree = trees::everything(dir, 4095);
    trees::add_huge_xattr(&mut tree);
    tree
}

#[test]
fn a_tree_with_everything_is_clean_with_every_checksum() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything(dir.path());
    for checksum in Checksum::ALL {
        let image = Image::measured(&Volumes::from(&tree), &options(|it| it.checksum = checksum), 1);
        image.check();
        let reader = Arc::new(read(image.blocks()).unwrap());
        assert_same(&lines(&tree), &lines(&reader.tree(5).unwrap()));
    }
}

#[test]
fn compressed_uncopied_and_small_nodes_are_clean() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything(dir.path());
    let stored = |compression, overwriting| Storage { compression, overwriting, ..Storage::default() };
    let (cow, in_place) = (Overwriting::CopyOnWrite, Overwriting::InPlace);
    for (storage, node_size) in [
        (stored(Some(Compression::Zstd(3)), cow), 16),
        (stored(Some(Compression::Zlib(9)), cow), 64),
        (stored(Some(Compression::Lzo), cow), 8),
        (stored(None, in_place), 4),
        (stored(None, Overwriting::Unchecked), 16),
    ] {
        // A link of 4095 bytes has no place in a node of 4 KiB.
        let small = trees::everything(&dir.path().join("."), 3000);
        let tree = if node_size == 4 { &small } else { &tree };
        let volumes = Volumes { top: Filling { storage, ..Filling::from(tree) }, ..Volumes::from(tree) };
        let options = options(|it| it.node_size = NodeSize::from_bytes(node_size << 10).unwrap());
        let image = Image::measured(&volumes, &options, 1);
        image.check();
        let reader = Arc::new(read(image.blocks()).unwrap());
        assert_same(&lines(tree), &lines(&reader.tree(5).unwrap()));
    }
}

#[test]
fn subvolumes_and_swap_files_are_what_the_tools_list() {
    let (tree, empty) = (trees::flat(300), trees::empty());
    let mut volumes = Volumes::from(&empty);
    for path in ["root", "home", "persist", "persist/home", "srv/data/deep"] {
        let tree = if path == "root" { &tree } else { &empty };
        volumes.subvolumes.insert(path.parse().unwrap(), Filling::from(tree));
    }
    let swap = SwapFile { path: "swapfile".parse().unwrap(), size: ByteSize::mib(300) };
    volumes.subvolumes.get_mut(&"home".parse().unwrap()).unwrap().swap_files.push(swap);
    let options = options(|it| {
        it.default_subvolume = Some("persist/home".parse().unwrap());
        it.label = "nixos".parse().unwrap();
    });
    let image = Image::measured(&volumes, &options, 1);
    image.check();
    let Some(tool) = require_tool("btrfs") else { return };
    let dump = run_ok(&tool, &["inspect-internal", "dump-tree", "-t", "root", image.path()]);
    for (number, parent, name) in
        [(256, 5, "home"), (257, 5, "persist"), (258, 257, "home"), (259, 5, "root"), (260, 5, "deep")]
    {
        let (_, after) = dump.split_once(&format!("key ({number} ROOT_BACKREF {parent})")).unwrap();
        assert!(after.lines().nth(1).unwrap().ends_with(&format!("name {name}")), "{after:.200}");
    }
    let superblock = run_ok(&tool, &["inspect-internal", "dump-super", "-fa", image.path()]);
    for part in ["label\t\t\tnixos", "[match]", "FREE_SPACE_TREE_VALID", "DEFAULT_SUBVOL", "NO_HOLES"] {
        assert!(superblock.contains(part), "no `{part}` in {superblock}");
    }
    let mirror = landfall::units::MIB * 64;
    let long = measure(&volumes, &options, 1).unwrap().size.bytes() > mirror;
    assert_eq!(superblock.matches("[match]").count() >= 4, long, "each superblock has its checksum");
}

#[test]
fn a_flipped_byte_is_seen_by_btrfs_check_and_by_our_reader() {
    let dir = tempfile::tempdir().unwrap();
    let tree = everything(dir.path());
    // One copy of trees: the other would be taken silently.
    let options = options(|it| it.metadata = landfall::fs::btrfs::Profile::Single);
    let image = Image::measured(&Volumes::from(&tree), &options, 1);
    let Some(tool) = require_tool("btrfs") else { return };
    let superblock = run_ok(&tool, &["inspect-internal", "dump-super", image.path()]);
    let number = |text: &str, name: &str| -> u64 {
        let line = text.lines().find(|line| line.starts_with(name)).unwrap();
        line.split_whitespace().nth(1).unwrap().parse().unwrap()
    };
    let node = |logical: u64| -> u64 {
        let logical = logical.to_string();
        let map = run_ok(&tool, &["inspect-internal", "dump-tree", "-t", "chunk", image.path()]);
        // Chunks of one copy: from each `CHUNK_ITEM start` to its stripe's offset.
        let (mut found, mut start) = (0, 0);
        let wanted: u64 = logical.parse().unwrap();
        for line in map.lines() {
            if let Some((_, rest)) = line.split_once("CHUNK_ITEM ") {
                start = rest.split(')').next().unwrap().parse().unwrap();
            }
            if let Some((_, rest)) = line.split_once("stripe 0 devid 1 offset ") {
                let offset: u64 = rest.trim().parse().unwrap();
                if wanted >= start {
                    found = wanted - start + offset;
                }
            }
        }
        found
    };
    let root = node(number(&superblock, "root\t"));
    let places = [("tree of roots", root + 300), ("superblock", 65_536 + 200)];
    for (what, offset) in places {
        flip(&image, offset);
        assert_ne!(complaint_of(image.path()).unwrap(), "", "btrfs check passed over the {what}");
        assert!(read(image.blocks()).and_then(|it| it.verify()).is_err(), "we passed over the {what}");
        flip(&image, offset);
    }
    // The content of a file: the first extent of data.
    let dump = run_ok(&tool, &["inspect-internal", "dump-tree", "-t", "extent", image.path()]);
    let line = dump.lines().find(|line| line.contains(" EXTENT_ITEM ")).unwrap();
    let (_, rest) = line.split_once("key (").unwrap();
    let data = node(rest.split(' ').next().unwrap().parse().unwrap());
    flip(&image, data + 5);
    assert_ne!(complaint_of(image.path()).unwrap(), "", "btrfs check passed over data");
    let reader = Arc::new(read(image.blocks()).unwrap());
    let found = reader.tree(5).unwrap();
    let damaged = found.walk().any(|(_, id)| match &found.node(id).kind {
        landfall::tree::Kind::File(content) if content.len() < 1 << 25 => content.to_vec().is_err(),
        _ => false,
    });
    assert!(damaged, "our reader passed over data");
    flip(&image, data + 5);
    image.check();
}

fn flip(image: &Image, offset: u64) {
    let file = std::fs::OpenOptions::new().read(true).write(true).open(image.path()).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}
