//! Other readers in process: ours and the crate ext4-view agree with the tree, and with each other.

use std::error::Error;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::Arc;

use ext4_view::{Ext4, Ext4Read, FileType};
use landfall::fs::ext4::{BlockSize, dump, read};
use landfall::tree::{Kind, Tree};

use super::describe::{assert_same, describe};
use super::image::{Image, options};
use super::{BLOCK_SIZES, trees};

#[test]
fn what_was_written_is_read_back() {
    for block_size in BLOCK_SIZES {
        let dir = tempfile::tempdir().unwrap();
        let link_max = usize::try_from(block_size.bytes()).unwrap() - 1;
        let tree = trees::everything(dir.path(), link_max);
        let image = Image::measured(&tree, &options(|options| options.block_size = block_size));
        let reader = read(image.block()).unwrap();
        assert_same(&describe(&tree), &describe(&reader.tree().unwrap()));
    }
}

#[test]
fn holes_stay_holes() {
    let dir = tempfile::tempdir().unwrap();
    let tree = trees::everything(dir.path(), 999);
    let image = Image::measured(&tree, &options(|_| ()));
    let reader = read(image.block()).unwrap();
    let sparse = reader.lookup("sizes/sparse").unwrap().unwrap();
    assert_eq!(sparse.size(), trees::SPARSE_LEN);
    let data: u64 = reader.data_ranges(&sparse).unwrap().iter().map(|range| range.len()).sum();
    assert!(data < 64 << 10, "{data}");
    let hole = reader.lookup("sizes/hole").unwrap().unwrap();
    assert!(reader.data_ranges(&hole).unwrap().is_empty());
    let on_disk = std::os::unix::fs::MetadataExt::blocks(&image.file.as_file().metadata().unwrap()) * 512;
    assert!(on_disk < 120 << 20, "the image takes {on_disk} bytes");
}

#[test]
fn ext4_view_agrees_with_the_tree() {
    for block_size in BLOCK_SIZES {
        let dir = tempfile::tempdir().unwrap();
        let link_max = usize::try_from(block_size.bytes()).unwrap() - 1;
        let tree = trees::everything(dir.path(), link_max);
        let image = Image::measured(&tree, &options(|options| options.block_size = block_size));
        agree(&Ext4::load(Box::new(Raw(image.file.reopen().unwrap()))).unwrap(), &tree);
    }
}

/// Bytes for ext4-view.
struct Raw(File);

impl Ext4Read for Raw {
    fn read(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), Box<dyn Error + Send + Sync>> {
        Ok(self.0.read_exact_at(buffer, offset)?)
    }
}

fn agree(other: &Ext4, tree: &Tree) {
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let full = [b"/", path.as_slice()].concat();
        let path = ext4_view::Path::try_from(full.as_slice()).unwrap();
        let metadata = other.symlink_metadata(path).unwrap();
        assert_eq!(metadata.mode() & 0o7777, node.metadata.permissions);
        assert_eq!((metadata.uid(), metadata.gid()), (node.metadata.uid, node.metadata.gid));
        let expected = match &node.kind {
            Kind::Directory(_) => FileType::Directory,
            Kind::File(content) => {
                assert_eq!(metadata.len(), content.len());
                // The large one is the kernel's to compare.
                if content.len() < 64 << 20 {
                    assert_eq!(other.read(path).unwrap(), content.to_vec().unwrap(), "{path:?}");
                }
                FileType::Regular
            }
            Kind::Symlink(target) => {
                assert_eq!(AsRef::<[u8]>::as_ref(&other.read_link(path).unwrap()), target);
                FileType::Symlink
            }
            Kind::CharDevice(_) => FileType::CharacterDevice,
            Kind::BlockDevice(_) => FileType::BlockDevice,
            Kind::Fifo => FileType::Fifo,
            Kind::Socket => FileType::Socket,
        };
        assert_eq!(metadata.file_type(), expected, "{path:?}");
    }
}

#[test]
fn a_file_system_of_mke2fs_is_read_and_found_sound() {
    let Some(tool) = crate::oracle::require_tool("mke2fs") else { return };
    for (kind, block_size) in [("ext4", "1024"), ("ext4", "4096"), ("ext3", "1024"), ("ext2", "4096")] {
        let dir = tempfile::tempdir().unwrap();
        let source = dir.path().join("source");
        std::fs::create_dir_all(source.join("folder")).unwrap();
        for number in 0..300 {
            std::fs::write(source.join(format!("folder/{number}")), vec![b'm'; number * 1000]).unwrap();
        }
        std::os::unix::fs::symlink("t".repeat(100), source.join("link")).unwrap();
        let image = dir.path().join("image");
        let (folder, image) = (source.to_str().unwrap(), image.to_str().unwrap());
        crate::oracle::run_ok(&tool, &["-q", "-t", kind, "-b", block_size, "-d", folder, image, "120M"]);
        let block = Arc::new(super::image::open(std::path::Path::new(image)));
        let reader = read(block).unwrap();
        reader.check().unwrap();
        let tree = reader.tree().unwrap();
        let id = tree.lookup("folder/299").unwrap();
        let Kind::File(content) = &tree.node(id).kind else { panic!("not a file") };
        assert_eq!(content.to_vec().unwrap(), vec![b'm'; 299_000]);
    }
}

#[test]
fn the_dump_of_a_small_file_system_is_as_it_was() {
    let mut tree = trees::empty();
    trees::put(&mut tree, "etc/hostname", trees::file(b"landfall\n"));
    let id = trees::put(&mut tree, "etc/large", trees::file(&[b'x'; 10_000]));
    tree.metadata_mut(id).xattrs =
        vec![trees::xattr("user.note", b"kept in the inode"), trees::xattr("user.wide", &[b'w'; 100])];
    trees::put(&mut tree, "bin/sh", trees::node(Kind::Symlink(b"/run/current-system/sw/bin/sh".to_vec())));
    trees::put(&mut tree, "bin/long", trees::node(Kind::Symlink(vec![b'l'; 80])));
    let null = landfall::tree::DeviceNumber { major: 1, minor: 3 };
    trees::put(&mut tree, "dev/null", trees::node(Kind::CharDevice(null)));
    for (name, block_size) in [("blocks_of_1k", BlockSize::B1024), ("blocks_of_4k", BlockSize::B4096)] {
        let options = options(|options| {
            options.block_size = block_size;
            options.free = landfall::units::ByteSize::mib(12);
            options.label = "golden".parse().unwrap();
        });
        let image = Image::measured(&tree, &options);
        let mut text = String::new();
        dump(&read(image.block()).unwrap(), &mut text).unwrap();
        insta::assert_snapshot!(name, text);
    }
}
