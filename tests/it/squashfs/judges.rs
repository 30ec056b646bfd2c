//! Judges that must be able to say no: every oracle sees bytes that are flipped.

use std::os::unix::fs::FileExt;

use landfall::fs::squashfs::read;
use landfall::tree::Tree;

use super::image::{Image, compressions, options, stored};
use crate::ext4::describe::{describe_mounted, lines};
use crate::ext4::mounted::Mounted;
use crate::ext4::trees;
use crate::oracle::{require_root, require_tool, run};

fn sample() -> Tree {
    let mut tree = trees::flat(300);
    let text: Vec<u8> = (0..60_000_u32).flat_map(|line| format!("line {line}\n").into_bytes()).collect();
    let id = trees::put(&mut tree, "text", trees::file(&text));
    // Without any, the kernel takes attributes for something that the file system does not know.
    tree.metadata_mut(id).xattrs = vec![trees::xattr("user.note", b"judged")];
    tree
}

/// Where a field of the superblock points.
fn table(image: &Image, at: u64) -> u64 {
    let mut bytes = [0; 8];
    image.file.as_file().read_exact_at(&mut bytes, at).unwrap();
    u64::from_le_bytes(bytes)
}

/// Inverts `len` bytes at `offset`, lets `judge` look, and inverts them back.
fn flipped<T>(image: &Image, offset: u64, len: usize, judge: impl FnOnce() -> T) -> T {
    let file = image.file.as_file();
    let mut bytes = vec![0; len];
    file.read_exact_at(&mut bytes, offset).unwrap();
    let inverted: Vec<u8> = bytes.iter().map(|byte| !byte).collect();
    file.write_all_at(&inverted, offset).unwrap();
    let verdict = judge();
    file.write_all_at(&bytes, offset).unwrap();
    verdict
}

/// Places that must be noticed: the superblock's magic, the first block of data, of inodes and of names.
fn places(image: &Image) -> [(&'static str, u64); 4] {
    [("superblock", 0), ("data", 120), ("inodes", table(image, 64) + 20), ("names", table(image, 72) + 20)]
}

#[test]
fn our_reader_notices_flipped_bytes_and_names_the_place() {
    let tree = sample();
    for compression in compressions() {
        let image = Image::of(&tree, &options(|options| options.compression = compression));
        image.check();
        for (name, offset) in places(&image) {
            let error = flipped(&image, offset, 8, || {
                let reader = read(image.block()).map(std::sync::Arc::new);
                let found = reader.and_then(|reader| reader.check().and_then(|()| reader.tree()));
                // LZ4 and zstd have no checksum: what unpacks to the right length shows in the content alone.
                match found {
                    Err(error) => error.to_string(),
                    Ok(found) if lines(&found) != lines(&stored(&tree)) => "other content at byte".to_owned(),
                    Ok(_) => panic!("flipped bytes of the {name} are not noticed with {compression}"),
                }
            });
            let named =
                ["superblock", "at byte", "inode at", "table"].iter().any(|word| error.contains(word));
            assert!(named, "{name}: {error}");
        }
    }
}

#[test]
fn a_truncated_image_is_refused() {
    let image = Image::of(&sample(), &options(|_| ()));
    image.file.as_file().set_len(image.written.size.bytes() / 2).unwrap();
    let error = read(image.block()).unwrap_err().to_string();
    assert!(error.starts_with("superblock: it has ") && error.ends_with(" are there"), "{error}");
}

#[test]
fn unsquashfs_and_the_kernel_notice_flipped_bytes() {
    let Some(tool) = require_tool("unsquashfs") else { return };
    let tree = sample();
    let image = Image::of(&tree, &options(|options| options.compression = compressions()[1]));
    for (name, offset) in places(&image) {
        let complains = flipped(&image, offset, 8, || {
            let dir = tempfile::tempdir().unwrap();
            let target = dir.path().join("out");
            let output = run(&tool, &["-no-progress", "-d", target.to_str().unwrap(), image.path()]);
            !output.status.success() || !output.stderr.is_empty()
        });
        assert!(complains, "unsquashfs does not see flipped bytes of the {name}");
    }
    if !require_root() {
        return;
    }
    let offset = places(&image)[1].1;
    let found = flipped(&image, offset, 8, || {
        let mounted = Mounted::of_kind("squashfs", image.path(), "ro")?;
        let read = std::fs::read(mounted.folder().join("text"));
        let flat = std::fs::read(mounted.folder().join("flat/file-number-1"));
        mounted.unmount();
        Some(read.is_err() || flat.is_err())
    });
    assert_ne!(found, Some(false), "the kernel does not see flipped bytes of data");
    // Unharmed, the same image is what the tree holds.
    let Some(mounted) = Mounted::of_kind("squashfs", image.path(), "ro") else { return };
    let Some(found) = describe_mounted(mounted.folder()) else { return };
    assert_eq!(found, lines(&stored(&tree)));
    mounted.unmount();
}

#[test]
fn backhand_notices_flipped_bytes() {
    use std::io::{BufReader, Read};
    let image = Image::of(&sample(), &options(|options| options.compression = compressions()[1]));
    let read_all = || {
        let file = BufReader::new(image.file.reopen().unwrap());
        let Ok(reader) = backhand::FilesystemReader::from_reader(file) else { return false };
        reader.files().all(|node| match &node.inner {
            backhand::InnerNode::File(file) => {
                reader.file(file).reader().read_to_end(&mut Vec::new()).is_ok()
            }
            _ => true,
        })
    };
    assert!(read_all());
    for (name, offset) in places(&image) {
        let noticed = flipped(&image, offset, 8, || {
            // It panics on some damage, which is a complaint too.
            !std::panic::catch_unwind(std::panic::AssertUnwindSafe(read_all)).unwrap_or(false)
        });
        assert!(noticed, "backhand does not see flipped bytes of the {name}");
    }
}
