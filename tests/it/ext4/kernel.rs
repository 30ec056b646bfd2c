//! The kernel as judge: what it shows is what the tree holds, and what it writes leaves the file system
//! sound.

use std::fs;

use landfall::fs::ext4::BlockSize;
use landfall::units::{ByteSize, GIB, MIB};

use super::describe::{assert_same, describe, describe_mounted};
use super::image::{Image, options};
use super::mounted::Mounted;
use super::{BLOCK_SIZES, trees};
use crate::oracle::{require_tool, run_ok};

#[test]
fn a_kernel_shows_every_node_as_the_tree_has_it() {
    for block_size in BLOCK_SIZES {
        let dir = tempfile::tempdir().unwrap();
        let link_max = usize::try_from(block_size.bytes()).unwrap() - 1;
        let mut tree = trees::everything(dir.path(), link_max);
        if block_size == BlockSize::B4096 {
            trees::add_huge_xattr(&mut tree);
        }
        let image = Image::measured(&tree, &options(|options| options.block_size = block_size));
        let Some(mounted) = Mounted::new(image.path(), "ro") else { return };
        let Some(found) = describe_mounted(mounted.folder()) else { return };
        assert_same(&describe(&tree), &found);
        mounted.unmount();
    }
}

#[test]
fn a_kernel_can_go_on_writing() {
    for block_size in BLOCK_SIZES {
        let options = options(|options| {
            options.block_size = block_size;
            options.free = ByteSize(200 * MIB);
        });
        let image = Image::measured(&trees::flat(10_000), &options);
        let Some(mounted) = Mounted::new(image.path(), "rw") else { return };
        let flat = mounted.folder().join("flat");
        for number in 0..3000 {
            fs::write(flat.join(format!("added-{number}")), b"new").unwrap();
            fs::remove_file(flat.join(format!("file-number-{}", number * 3))).unwrap();
        }
        fs::write(mounted.folder().join("large"), vec![7; 50_000_000]).unwrap();
        assert_eq!(fs::read_dir(&flat).unwrap().count(), 10_000);
        mounted.unmount();
        image.check_with_e2fsck();
    }
}

#[test]
fn the_free_space_asked_for_can_be_filled() {
    let options = options(|options| options.free = ByteSize(64 * MIB));
    let image = Image::measured(&trees::flat(100), &options);
    let Some(mounted) = Mounted::new(image.path(), "rw") else { return };
    let stat = nix::sys::statvfs::statvfs(mounted.folder()).unwrap();
    let free_for_users = stat.blocks_available() * stat.fragment_size();
    // The kernel itself keeps back at most 2 % and 4096 blocks for its own bookkeeping.
    let kept = (stat.blocks() / 50 + 1).min(4096) * stat.fragment_size();
    assert!(free_for_users + kept * 2 >= options.free.bytes(), "{free_for_users}");
    mounted.unmount();
}

/// Whether this process may grow a mounted file system; says that the test is skipped otherwise.
fn may_grow() -> bool {
    // Bit 24 of the effective capabilities, capabilities(7): CAP_SYS_RESOURCE.
    let status = fs::read_to_string("/proc/self/status").unwrap();
    let (_, rest) = status.split_once("CapEff:").unwrap();
    let effective = u64::from_str_radix(rest.split_whitespace().next().unwrap(), 16).unwrap();
    let may = effective & (1 << 24) != 0;
    if !may {
        eprintln!("skipped: growing a mounted file system needs CAP_SYS_RESOURCE");
    }
    may
}

#[test]
fn a_mounted_file_system_grows() {
    if !may_grow() {
        return;
    }
    for (block_size, from, to) in [(BlockSize::B4096, GIB, 40 * GIB), (BlockSize::B1024, 100 * MIB, 2 * GIB)]
    {
        let options = options(|options| options.block_size = block_size);
        let image = Image::of_size(&trees::flat(100), &options, ByteSize(from)).unwrap();
        image.file.as_file().set_len(to).unwrap();
        let Some(mounted) = Mounted::new(image.path(), "rw") else { return };
        let (Some(findmnt), Some(resize)) = (require_tool("findmnt"), require_tool("resize2fs")) else {
            return;
        };
        let folder = mounted.folder().to_str().unwrap();
        let device = run_ok(&findmnt, &["-n", "-o", "SOURCE", folder]);
        run_ok(&resize, &[device.trim()]);
        let stat = nix::sys::statvfs::statvfs(mounted.folder()).unwrap();
        assert!(stat.blocks() * stat.fragment_size() > to / 10 * 9, "{block_size:?}: it did not grow");
        fs::write(mounted.folder().join("after"), vec![1; 1_000_000]).unwrap();
        mounted.unmount();
        image.check_with_e2fsck();
    }
}
