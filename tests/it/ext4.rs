//! ext4: what we write, judged by e2fsprogs, by the kernel and by a second reader.

mod image;
mod trees;

use landfall::fs::ext4::{BlockSize, Ext4Error, measure};
use landfall::units::{ByteSize, MIB};

use image::{Image, options};

const BLOCK_SIZES: [BlockSize; 3] = [BlockSize::B1024, BlockSize::B2048, BlockSize::B4096];

#[test]
fn an_empty_file_system_is_clean_at_every_block_size() {
    for block_size in BLOCK_SIZES {
        for free in [0, 1, 20, 200] {
            let options = options(|options| {
                options.block_size = block_size;
                options.free = ByteSize::mib(free);
            });
            let image = Image::measured(&trees::empty(), &options);
            image.check();
        }
    }
}

#[test]
fn everything_at_once_is_clean_at_every_block_size() {
    for block_size in BLOCK_SIZES {
        let dir = tempfile::tempdir().unwrap();
        let link_max = usize::try_from(block_size.bytes()).unwrap() - 1;
        let mut tree = trees::everything(dir.path(), link_max);
        if block_size == BlockSize::B4096 {
            trees::add_huge_xattr(&mut tree);
        }
        Image::measured(&tree, &options(|options| options.block_size = block_size)).check();
    }
}

#[test]
fn the_measured_size_is_the_smallest_that_works() {
    let tree = trees::flat(3000);
    for block_size in BLOCK_SIZES {
        for free in [0, 3 * MIB, 130 * MIB, 300 * MIB] {
            let options = options(|options| {
                options.block_size = block_size;
                options.free = ByteSize(free);
            });
            let size = measure(&tree, &options).unwrap().size;
            let image = Image::of_size(&tree, &options, size).unwrap();
            assert_eq!(image.written.size, size);
            image.check();
            let smaller = ByteSize(size.bytes() - block_size.bytes());
            match Image::of_size(&tree, &options, smaller) {
                Err(Ext4Error::DoesNotFit { needed, available }) => {
                    assert_eq!((needed, available), (size, smaller));
                }
                other => panic!("{:?}", other.map(|image| image.written)),
            }
        }
    }
}
