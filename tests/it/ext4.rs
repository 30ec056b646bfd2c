//! ext4: what we write, judged by e2fsprogs, by the kernel and by a second reader.

pub mod describe;
mod image;
mod judges;
mod kernel;
pub mod mounted;
pub mod property;
mod readers;
mod settings;
mod sizes;
pub mod trees;

use landfall::fs::ext4::{BlockSize, Ext4Error, measure, read, write};
use landfall::progress::{Silent, Step, Unit};
use landfall::units::{ByteSize, MIB, SectorSize, usize_of};
use landfall::volume::MemoryBlock;
use tempfile::NamedTempFile;

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

#[test]
fn one_thread_and_two_write_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let tree = trees::everything(dir.path(), 999);
    let digest = |threads: usize| {
        let image = Image::measured(&tree, &options(|options| options.threads = threads.try_into().unwrap()));
        image.digest()
    };
    let one = digest(1);
    assert_eq!(one, digest(2));
    assert_eq!(one, digest(5));
}

#[test]
fn what_was_on_the_volume_before_is_of_no_influence() {
    let tree = trees::flat(500);
    let options = options(|options| options.free = ByteSize::mib(4));
    let size = measure(&tree, &options).unwrap().size;
    let fresh = MemoryBlock::new(size.bytes(), SectorSize::S512);
    let used = MemoryBlock::from_bytes(vec![0xA5; usize_of(size.bytes())], SectorSize::S512);
    for block in [&fresh, &used] {
        write(&tree, &options, block, Step::start(&Silent, "ext4", None, Unit::Bytes)).unwrap();
        let reader = read(block).unwrap();
        reader.check().unwrap();
    }
    let (fresh, used) = (fresh.into_bytes(), used.into_bytes());
    let different = fresh.iter().zip(&used).filter(|(fresh, used)| fresh != used && **used != 0xA5).count();
    assert_eq!(different, 0, "bytes that were written differ");
    let file = NamedTempFile::new().unwrap();
    std::fs::write(file.path(), &used).unwrap();
    if let Some(complaint) = image::complaint_of(file.path()) {
        assert_eq!(complaint, "");
    }
}
