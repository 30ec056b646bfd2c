//! The kernel as judge: what it shows is what the tree holds.

use std::fs;

use landfall::fs::squashfs::BlockSize;

use super::edges;
use super::image::{Image, compressions, options, stored};
use crate::ext4::describe::{assert_same, describe_mounted, lines};
use crate::ext4::mounted::Mounted;
use crate::ext4::trees;

#[test]
fn a_kernel_shows_every_node_as_the_tree_has_it() {
    for block_size in [4096, 128 << 10, 1 << 20] {
        let dir = tempfile::tempdir().unwrap();
        let tree = edges::everything(dir.path());
        let options = options(|options| options.block_size = BlockSize::new(block_size).unwrap());
        let image = Image::of(&tree, &options);
        let Some(mounted) = Mounted::of_kind("squashfs", image.path(), "ro") else { return };
        let Some(found) = describe_mounted(mounted.folder()) else { return };
        assert_same(&lines(&stored(&tree)), &found);
        mounted.unmount();
    }
}

#[test]
fn a_kernel_unpacks_every_compressor() {
    let dir = tempfile::tempdir().unwrap();
    let tree = edges::everything(dir.path());
    for compression in compressions() {
        let image = Image::of(&tree, &options(|options| options.compression = compression));
        let Some(mounted) = Mounted::of_kind("squashfs", image.path(), "ro") else { return };
        let Some(found) = describe_mounted(mounted.folder()) else { return };
        assert_same(&lines(&stored(&tree)), &found);
        mounted.unmount();
    }
}

#[test]
fn every_name_of_a_large_directory_is_found_by_its_index() {
    let mut tree = trees::flat(20_000);
    for number in 0..600 {
        let name = format!("long/{number:03}{}", "x".repeat(252));
        trees::put(&mut tree, &name, trees::file(&[]));
    }
    let image = Image::of(&tree, &options(|_| ()));
    let Some(mounted) = Mounted::of_kind("squashfs", image.path(), "ro") else { return };
    for number in (0..20_000).step_by(7) {
        let content = fs::read(mounted.folder().join(format!("flat/file-number-{number}"))).unwrap();
        assert_eq!(content, number.to_string().into_bytes());
    }
    for number in 0..600 {
        let name = format!("long/{number:03}{}", "x".repeat(252));
        assert!(mounted.folder().join(name).is_file(), "{number}");
    }
    assert!(!mounted.folder().join("flat/file-number-20000").exists());
    mounted.unmount();
}
