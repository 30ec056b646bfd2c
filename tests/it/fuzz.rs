//! What the fuzzers run, run here on made-up bytes: no panic, no hang. `tests/fuzz` goes on where a fuzzer is
//! installed.

use std::collections::BTreeSet;

use proptest::prelude::{ProptestConfig, Strategy, any, prop};
use proptest::test_runner::{FileFailurePersistence, TestRunner};

#[path = "../fuzz/bodies/mod.rs"]
pub mod bodies;

/// A whole small file system: every table of Squashfs refers to another.
fn squashfs_image() -> Vec<u8> {
    use landfall::fs::squashfs::{BlockSize, Options, measure, write};
    use landfall::progress::{Silent, Step, Unit};
    use landfall::tree::{Kind, Tree, Xattr};
    let mut tree: Tree = crate::ext4::trees::flat(20);
    let zeroes = [&[b'a'; 5000][..], &[0; 9000], b"end"].concat();
    let file = crate::ext4::trees::put(&mut tree, "folder/sparse", crate::ext4::trees::file(&zeroes));
    tree.metadata_mut(file).xattrs = vec![Xattr { name: b"user.a".to_vec(), value: vec![7; 40] }];
    let link = crate::ext4::trees::node(Kind::Symlink(b"sparse".to_vec()));
    crate::ext4::trees::put(&mut tree, "folder/link", link);
    let options = Options { block_size: BlockSize::new(4096).unwrap(), ..Options::default() };
    let len = measure(&tree, &options).unwrap().at_most.bytes();
    let block = landfall::volume::MemoryBlock::new(len, landfall::units::SectorSize::S512);
    let written =
        write(&tree, &options, &block, Step::start(&Silent, "squashfs", None, Unit::Bytes)).unwrap();
    let mut bytes = block.into_bytes();
    bytes.truncate(written.size.bytes().try_into().unwrap());
    bytes
}

/// A start that gets past the first look of a reader: what must be where, and how long the whole is.
fn seed(name: &str) -> Vec<u8> {
    if name == "squashfs" {
        return squashfs_image();
    }
    let (at, magic, len): (usize, &[u8], usize) = match name {
        "btrfs" => (65600, b"_BHRfS_M", 1 << 17),
        "cpio" => (0, b"07070100000001000081A400000000000000000000000100000000000000010000000000000000000000000000000200000000a\0x\0\0\0", 120),
        "ext4" => (1080, b"\x53\xef", 65536),
        "fat" => (510, b"\x55\xaa", 65536),
        "gpt" => (512, b"EFI PART\0\0\x01\0\x5c\0\0\0", 65536),
        "layout_json" => (0, br#"{"disk":{"a":{"device":"/dev/vda","content":{"type":"gpt","partitions":{}}}}}"#, 0),
        "layout_toml" => (0, b"[disk.a]\ndevice = \"/dev/vda\"\n[disk.a.content]\ntype = \"gpt\"\npartitions = {}\n", 0),
        "luks2" => (0, b"LUKS\xba\xbe\0\x02\0\0\0\0\0\0\x40\0", 32768),
        "lvm" => (512, b"LABELONE\x01\0\0\0\0\0\0\0\0\0\0\0\x20\0\0\0LVM2 001", 8192),
        "mbr" => (446, b"\x80\0\0\0\x05\0\0\0\x01\0\0\0\x10\0\0\0", 65536),
        "md" => (4096, b"\xfc\x4e\x2b\xa9\x01\0\0\0", 65536),
        "nar" => (0, b"\x0d\0\0\0\0\0\0\0nix-archive-1\0\0\0\x01\0\0\0\0\0\0\0(\0\0\0\0\0\0\0\x04\0\0\0\0\0\0\0type\0\0\0\0\x07\0\0\0\0\0\0\0symlink\0\x06\0\0\0\0\0\0\0target\0\0\x01\0\0\0\0\0\0\0x\0\0\0\0\0\0\0\x01\0\0\0\0\0\0\0)\0\0\0\0\0\0\0", 0),
        "nix" => (0, b"{ lib ? { }, ... }: { disko.devices.disk.a = rec { device = \"/dev/vda\"; content = null; }; }", 0),
        "registration" => (0, b"/nix/store/00000000000000000000000000000000-a\n0000000000000000000000000000000000000000000000000000\n1\n\n0\n", 0),
        "swap" => (4086, b"SWAPSPACE2", 8192),
        _ => panic!("no seed for {name}"),
    };
    let mut bytes = vec![0; len.max(at + magic.len())];
    bytes[at..][..magic.len()].copy_from_slice(magic);
    bytes
}

/// `seed` with bytes changed, most of them near its start, where formats keep what counts.
fn changed(seed: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let edits = prop::collection::vec((any::<prop::sample::Index>(), any::<u8>(), any::<bool>()), 0..24);
    (edits, any::<prop::sample::Index>(), 0..8_u8).prop_map(move |(edits, cut, whole)| {
        let mut bytes = seed.clone();
        for (index, byte, near) in edits {
            let reach = if near { bytes.len().min(1024) } else { bytes.len() };
            bytes[index.index(reach)] = byte;
        }
        if whole == 0 {
            bytes.truncate(cut.index(bytes.len()));
        }
        bytes
    })
}

#[test]
fn no_reader_panics_on_bytes_that_nearly_make_sense() {
    // What fails is printed; nothing is written into the sources.
    let config = ProptestConfig {
        cases: 64,
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..ProptestConfig::default()
    };
    for (name, body) in bodies::ALL {
        body(&seed(name));
        let run = TestRunner::new(config.clone()).run(&changed(seed(name)), |bytes| {
            body(&bytes);
            Ok(())
        });
        run.unwrap_or_else(|error| panic!("{name}: {error}"));
    }
}

#[test]
fn every_body_has_a_fuzzer_and_every_fuzzer_its_file() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fuzz");
    let manifest: toml::Table = std::fs::read_to_string(folder.join("Cargo.toml")).unwrap().parse().unwrap();
    let bins = manifest["bin"].as_array().unwrap().iter();
    let bins: BTreeSet<String> = bins.map(|bin| bin["name"].as_str().unwrap().to_owned()).collect();
    let bodies: BTreeSet<String> = bodies::ALL.iter().map(|(name, _)| (*name).to_owned()).collect();
    let targets = std::fs::read_dir(folder.join("targets")).unwrap();
    let targets: BTreeSet<String> = targets
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(bins, bodies);
    assert_eq!(targets, bodies);
}
