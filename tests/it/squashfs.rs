//! Squashfs: what we write, judged by squashfs-tools, by the kernel and by a second reader.

mod cache;
mod edges;
pub mod image;
mod judges;
mod kernel;
mod property;
mod readers;

use landfall::fs::squashfs::{BlockSize, SquashfsError, Unfit, measure, write};
use landfall::progress::{Silent, Step, Unit};
use landfall::tree::Kind;
use landfall::units::SectorSize;
use landfall::volume::{Block, MemoryBlock};

use crate::ext4::trees;
use image::{Image, options};

#[test]
fn an_empty_file_system_is_read_by_all() {
    let image = Image::of(&trees::empty(), &options(|_| ()));
    image.check();
    image.unsquashed_equals(&trees::empty());
}

#[test]
fn one_thread_and_many_write_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let tree = edges::everything(dir.path());
    let digest = |threads: usize| {
        let image = Image::of(
            &tree,
            &options(|options| {
                options.threads = threads.try_into().unwrap();
                options.block_size = BlockSize::new(64 << 10).unwrap();
            }),
        );
        image.digest()
    };
    let one = digest(1);
    assert_eq!(one, digest(2));
    assert_eq!(one, digest(5));
}

#[test]
fn what_was_on_the_volume_before_is_of_no_influence() {
    let tree = trees::flat(500);
    let options = options(|_| ());
    let len = measure(&tree, &options).unwrap().at_most.bytes();
    let made = |fill: u8| {
        let block = MemoryBlock::from_bytes(vec![fill; len.try_into().unwrap()], SectorSize::S512);
        let written =
            write(&tree, &options, &block, Step::start(&Silent, "squashfs", None, Unit::Bytes)).unwrap();
        let mut bytes = block.into_bytes();
        bytes.truncate(written.size.bytes().try_into().unwrap());
        bytes
    };
    assert!(made(0) == made(0xA5));
}

#[test]
fn a_volume_that_is_too_short_is_refused_and_does_not_look_whole() {
    let tree = trees::flat(500);
    let block = MemoryBlock::new(4096, SectorSize::S512);
    let step = Step::start(&Silent, "squashfs", None, Unit::Bytes);
    let error = write(&tree, &options(|_| ()), &block, step).unwrap_err();
    assert!(matches!(error, SquashfsError::DoesNotFit { .. }), "{error}");
    let mut magic = [0; 4];
    block.read_at(&mut magic, 0).unwrap();
    assert_eq!(magic, [0; 4]);
}

#[test]
fn what_cannot_be_stored_is_named_before_anything_is_written() {
    let refused = |kind: Kind, path: &str| {
        let mut tree = trees::empty();
        trees::put(&mut tree, path, trees::node(kind));
        measure(&tree, &options(|_| ())).unwrap_err().to_string()
    };
    assert_eq!(
        refused(Kind::Symlink(vec![b'x'; 4096]), "etc/long"),
        "`/etc/long` cannot be stored on squashfs: the link's target has 4096 bytes, at most 4095 are followed"
    );
    let device = landfall::tree::DeviceNumber { major: 4096, minor: 0 };
    assert!(refused(Kind::CharDevice(device), "dev/far").contains("beyond major 4095"));
    let mut tree = trees::empty();
    let id = trees::put(&mut tree, "acl", trees::file(b""));
    tree.metadata_mut(id).xattrs = vec![trees::xattr("system.posix_acl_access", &trees::acl())];
    let error = measure(&tree, &options(|_| ())).unwrap_err();
    assert!(matches!(error, SquashfsError::Unfit { why: Unfit::XattrName(_), .. }), "{error}");
}
