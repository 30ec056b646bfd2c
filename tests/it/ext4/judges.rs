//! Judges that must be able to say no: every oracle sees a byte that is flipped.

use std::os::unix::fs::FileExt;

use landfall::fs::ext4::read;

use super::image::{Image, complaint_of, options};
use super::trees;

/// A block of an image that was written, by what it holds.
struct Target {
    name: &'static str,
    /// Asks `debugfs` for the block.
    request: &'static str,
    /// Where in the block a byte is flipped.
    offset: u64,
}

const BLOCK: u64 = 4096;

#[test]
fn a_flipped_byte_of_metadata_is_seen_by_e2fsck_and_by_our_reader() {
    let dir = tempfile::tempdir().unwrap();
    let tree = trees::everything(dir.path(), 999);
    let image = Image::measured(&tree, &options(|_| ()));
    let targets = [
        Target { name: "directory", request: "bmap /names 0", offset: 30 },
        Target { name: "hash tree root", request: "bmap /flat 0", offset: 60 },
        Target { name: "hash tree leaf", request: "bmap /flat 5", offset: 100 },
        Target { name: "inode", request: "imap /links/original", offset: 4 },
        Target { name: "journal", request: "bmap <8> 0", offset: 20 },
    ];
    for Target { name, request, offset } in targets {
        let Some(answer) = image.debugfs(request) else { return };
        // `imap` says where the inode is within its block as well.
        let block: u64 =
            number_after(&answer, "located at block ").unwrap_or_else(|| answer.trim().parse().unwrap());
        let within = hex_after(&answer, "offset 0x").unwrap_or(0);
        assert_noticed(&image, name, block * BLOCK + within + offset);
    }
    // Superblock, descriptors, and the first block bitmap, by their places.
    let bitmap = image.debugfs("stats").and_then(|text| number_after(&text, "block bitmap at ")).unwrap();
    for (name, offset) in
        [("superblock", 1024 + 8), ("descriptors", BLOCK + 13), ("bitmap", bitmap * BLOCK + 50)]
    {
        assert_noticed(&image, name, offset);
    }
}

/// Flips a bit at `offset`, asks both judges, and flips it back.
fn assert_noticed(image: &Image, name: &str, offset: u64) {
    let file = image.file.as_file();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
    let complaint = complaint_of(image.file.path()).unwrap();
    assert_ne!(complaint, "", "e2fsck does not see a flipped byte of the {name}");
    let ours = read(image.block()).and_then(|reader| reader.check());
    assert!(ours.is_err(), "our reader does not see a flipped byte of the {name}");
    file.write_all_at(&byte, offset).unwrap();
    image.check();
}

#[test]
fn a_flipped_byte_of_a_file_is_seen_by_the_comparison() {
    let tree = {
        let mut tree = trees::empty();
        trees::put(&mut tree, "file", trees::file(&[b'x'; 5000]));
        tree
    };
    let image = Image::measured(&tree, &options(|_| ()));
    let Some(answer) = image.debugfs("bmap /file 1") else { return };
    let offset = answer.trim().parse::<u64>().unwrap() * BLOCK + 17;
    image.file.as_file().write_all_at(b"y", offset).unwrap();
    let found = super::describe::describe(&read(image.block()).unwrap().tree().unwrap());
    assert_ne!(super::describe::describe(&tree), found);
}

fn number_after(text: &str, words: &str) -> Option<u64> {
    let (_, rest) = text.split_once(words)?;
    rest.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}

fn hex_after(text: &str, words: &str) -> Option<u64> {
    let (_, rest) = text.split_once(words)?;
    u64::from_str_radix(rest.split(|c: char| !c.is_ascii_hexdigit()).next()?, 16).ok()
}
