//! Readers: ours over everything, a second one over what we write, ours over what others write.

use std::collections::BTreeMap;
use std::io::{BufReader, Read};
use std::sync::Arc;

use backhand::{FilesystemReader, InnerNode};
use landfall::fs::squashfs::{BlockSize, dump, read};
use landfall::tree::{DeviceNumber, Kind, Node, NodeId, Tree};

use super::edges;
use super::image::{Image, compressions, open, options, stored};
use crate::ext4::describe::{assert_same, lines};
use crate::ext4::trees;
use crate::oracle::{require_root, require_tool, run_ok};

#[test]
fn what_was_written_is_read_back() {
    for compression in compressions() {
        let dir = tempfile::tempdir().unwrap();
        let tree = edges::everything(dir.path());
        let image = Image::of(&tree, &options(|options| options.compression = compression));
        image.check();
        assert_same(&lines(&stored(&tree)), &lines(&image.tree()));
    }
}

#[test]
fn unsquashfs_unpacks_what_the_tree_holds() {
    let dir = tempfile::tempdir().unwrap();
    let mut tree = edges::everything(dir.path());
    // What it unpacks is on a file system with rules of its own.
    let fifo = tree.lookup("xattrs/fifo").unwrap();
    tree.metadata_mut(fifo).xattrs.clear();
    for compression in compressions() {
        let image = Image::of(&tree, &options(|options| options.compression = compression));
        image.unsquashed_equals(&tree);
    }
}

#[test]
fn equal_files_and_blocks_are_stored_once() {
    let dir = tempfile::tempdir().unwrap();
    let once = Image::of(&edges::everything(dir.path()), &options(|_| ()));
    let mut tree = edges::everything(dir.path());
    for copy in 0..20_u8 {
        let folder = format!("copies/{copy}");
        let bytes: Vec<u8> = (0..=255).cycle().take(3 << 20).collect();
        trees::put(&mut tree, &format!("{folder}/large"), trees::file(&bytes));
        trees::put(&mut tree, &format!("{folder}/small"), trees::file(&bytes[..70_000]));
    }
    let copied = Image::of(&tree, &options(|_| ()));
    let more = copied.written.size.bytes() - once.written.size.bytes();
    assert!(more < 32 << 10, "twenty copies took {more} bytes");
}

#[test]
fn a_run_becomes_the_same_blocks_whatever_is_beside_it() {
    let bytes = |seed: u32| -> Vec<u8> {
        (0..200_000_u32).map(|at| u8::try_from((at / 7).wrapping_mul(seed) >> 24).unwrap()).collect()
    };
    let mut alone = trees::empty();
    let mut beside = trees::empty();
    trees::put(&mut beside, "a-first/x", trees::file(&bytes(3_000_000_011)));
    for tree in [&mut alone, &mut beside] {
        for number in 1..9 {
            let seed = 2_654_435_761_u32.wrapping_mul(number);
            trees::put(tree, &format!("hash-name/{number}"), trees::file(&bytes(seed)));
        }
    }
    let [alone, beside] =
        [alone, beside].map(|tree| std::fs::read(Image::of(&tree, &options(|_| ())).file.path()).unwrap());
    // Behind the superblock and the compressor's options, the run's fragment blocks are all there is.
    let block = &alone[102..][..50_000];
    assert!(beside.windows(block.len()).any(|window| window == block));
}

#[test]
fn backhand_agrees_with_the_tree() {
    for compression in compressions() {
        let tree = edges::plain();
        let image = Image::of(&tree, &options(|options| options.compression = compression));
        let file = BufReader::new(image.file.reopen().unwrap());
        let reader = FilesystemReader::from_reader(file).unwrap();
        agree(&reader, &stored(&tree));
    }
}

fn agree(other: &FilesystemReader<'_>, tree: &Tree) {
    let known: BTreeMap<Vec<u8>, NodeId> = tree.walk().collect();
    let mut files = 0;
    for node in other.files() {
        use std::os::unix::ffi::OsStrExt;
        let path = node.fullpath.as_os_str().as_bytes();
        let expected = tree.node(known.get(&path[1..]).copied().unwrap_or(Tree::ROOT));
        let Node { metadata, kind } = expected;
        let header = node.header;
        assert_eq!(u32::from(header.permissions), u32::from(metadata.permissions), "{:?}", node.fullpath);
        assert_eq!((header.uid, header.gid), (metadata.uid, metadata.gid));
        assert_eq!(i64::from(header.mtime), metadata.modified.seconds);
        match (&node.inner, kind) {
            (InnerNode::File(file), Kind::File(content)) => {
                files += 1;
                // All of the large ones, some of the many small ones.
                if content.len() > 100 || files % 50 == 0 {
                    let mut bytes = Vec::new();
                    other.file(file).reader().read_to_end(&mut bytes).unwrap();
                    assert!(bytes == content.to_vec().unwrap(), "{:?}", node.fullpath);
                }
            }
            (InnerNode::Symlink(link), Kind::Symlink(target)) => {
                assert_eq!(link.link.as_os_str().as_bytes(), target);
            }
            (InnerNode::Dir(_), Kind::Directory(_))
            | (InnerNode::CharacterDevice(_), Kind::CharDevice(_))
            | (InnerNode::BlockDevice(_), Kind::BlockDevice(_))
            | (InnerNode::NamedPipe, Kind::Fifo)
            | (InnerNode::Socket, Kind::Socket) => {}
            (found, kind) => panic!("{:?}: {found:?}, not {kind:?}", node.fullpath),
        }
    }
    assert!(files > 10_000);
}

#[test]
fn a_file_system_of_mksquashfs_is_read_and_found_sound() {
    let Some(tool) = require_tool("mksquashfs") else { return };
    if !require_root() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let source = dir.path().join("source");
    std::fs::create_dir_all(source.join("folder")).unwrap();
    // Enough names for an index, some files of many blocks.
    for number in 0..1000 {
        let len = if number % 100 == 99 { number * 1000 } else { number };
        std::fs::write(source.join(format!("folder/{number}")), vec![b'm'; len]).unwrap();
    }
    std::os::unix::fs::symlink("t".repeat(100), source.join("link")).unwrap();
    let expected = lines(&stored(&landfall::tree::host_tree(&source).unwrap()));
    let (source, image) = (source.to_str().unwrap().to_owned(), dir.path().join("image"));
    for compressor in ["gzip", "lzo", "xz", "lz4", "zstd"] {
        for more in [&["-b", "4K"][..], &["-noI", "-noD", "-noF"], &["-no-exports"]] {
            let target = image.to_str().unwrap();
            let arguments = [
                &[source.as_str(), target, "-noappend", "-quiet", "-no-progress", "-comp", compressor],
                more,
            ];
            run_ok(&tool, &arguments.concat());
            let reader = Arc::new(read(Arc::new(open(&image))).unwrap());
            reader.check().unwrap();
            assert_same(&expected, &lines(&reader.tree().unwrap()));
        }
    }
}

#[test]
fn the_dump_of_a_small_file_system_is_as_it_was() {
    let mut tree = trees::empty();
    trees::put(&mut tree, "etc/hostname", trees::file(b"landfall\n"));
    let id = trees::put(&mut tree, "etc/large", trees::file(&[b'x'; 10_000]));
    tree.metadata_mut(id).xattrs =
        vec![trees::xattr("security.capability", &[1, 0, 0, 2]), trees::xattr("user.wide", &[b'w'; 100])];
    trees::put(&mut tree, "bin/sh", trees::node(Kind::Symlink(b"/run/current-system/sw/bin/sh".to_vec())));
    trees::put(&mut tree, "etc/sparse", trees::file(&[&[b'a'; 4096][..], &[0; 8192], b"end"].concat()));
    trees::put(&mut tree, "dev/null", trees::node(Kind::CharDevice(DeviceNumber { major: 1, minor: 3 })));
    for number in 0..400 {
        trees::put(&mut tree, &format!("many/file-with-a-long-name-{number:03}"), trees::file(b""));
    }
    let names = ["zstd", "xz", "lz4", "gzip"];
    for (name, compression) in names.into_iter().zip(compressions()) {
        let options = options(|options| {
            options.compression = compression;
            options.block_size = BlockSize::new(4096).unwrap();
        });
        let image = Image::of(&tree, &options);
        let mut text = String::new();
        dump(&read(image.block()).unwrap(), &mut text).unwrap();
        // All but a few of the many are alike.
        let lines = text.lines().filter(|line| !line.starts_with("/many/") || line.contains("00:"));
        insta::assert_snapshot!(name, lines.collect::<Vec<_>>().join("\n"));
    }
}
