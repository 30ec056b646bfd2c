//! LUKS2 held against cryptsetup: it opens what we write, and we open what it writes.

use std::fs::File;
use std::path::Path;

use landfall::identity::Seed;
use landfall::secret::Secret;
use landfall::units::{ByteRange, SectorSize};
use landfall::volume::luks2::{self, Luks2Error, Options, Pbkdf, Randomness};
use landfall::volume::{Block, FileBlock, MemoryBlock};
use proptest::prelude::*;

use crate::oracle::{require_tool, run, run_ok};

/// Costs that do not slow the tests down.
const CHEAP: Pbkdf = Pbkdf::Argon2id { time: 4, memory: 64, lanes: 1 };
const LEN: u64 = 20 << 20;

fn seed() -> Seed {
    "0c7b8a52-0000-8000-8000-000000000001".parse().unwrap()
}

fn options() -> Options {
    Options { label: "root".into(), pbkdf: CHEAP, ..Options::new(seed().uuid("luks")) }
}

fn keys(texts: &[&str]) -> Vec<Secret> {
    texts.iter().map(|text| Secret::new(text.as_bytes().to_vec())).collect()
}

fn file_block(path: &Path) -> FileBlock {
    let file = File::options().read(true).write(true).create(true).truncate(false).open(path).unwrap();
    FileBlock::create(file, path, LEN, SectorSize::S512).unwrap()
}

/// A volume in memory that holds `text` at the start of its data; the bytes of the whole Block.
fn volume(options: &Options, texts: &[&str]) -> Vec<u8> {
    let block = MemoryBlock::new(LEN, SectorSize::S512);
    let mapped = luks2::write(&block, options, &keys(texts), Randomness::Seed(seed())).unwrap();
    mapped.write_at(b"plain text", 0).unwrap();
    drop(mapped);
    block.into_bytes()
}

fn open(bytes: Vec<u8>, key: &str) -> Result<Vec<u8>, Luks2Error> {
    let mapped = luks2::open(MemoryBlock::from_bytes(bytes, SectorSize::S512), &keys(&[key]))?;
    let mut data = vec![0; 10];
    mapped.read_at(&mut data, 0)?;
    Ok(data)
}

#[test]
fn cryptsetup_opens_every_key_that_we_wrote_and_no_other() {
    let Some(cryptsetup) = require_tool("cryptsetup") else { return };
    let dir = tempfile::tempdir().unwrap();
    let variants = [
        options(),
        Options { key_bits: 256, sector_size: 4096, ..options() },
        Options { pbkdf: Pbkdf::Pbkdf2 { iterations: 1000 }, allow_discards: true, ..options() },
    ];
    for (number, options) in variants.iter().enumerate() {
        let image = dir.path().join(format!("{number}.img"));
        luks2::write(file_block(&image), options, &keys(&["first", "second key"]), Randomness::System)
            .unwrap();
        let image = image.to_str().unwrap();
        let dump = run_ok(&cryptsetup, &["luksDump", image]);
        assert!(dump.contains(&format!("UUID:          \t{}", options.uuid)), "{dump}");
        assert!(dump.contains("Label:         \troot"), "{dump}");
        for (key, opens) in [("first", true), ("second key", true), ("third", false)] {
            let key_file = dir.path().join("key");
            std::fs::write(&key_file, key).unwrap();
            let output = run(
                &cryptsetup,
                &["open", "--test-passphrase", "--key-file", key_file.to_str().unwrap(), image],
            );
            assert_eq!(
                output.status.success(),
                opens,
                "{number} {key}: {}",
                String::from_utf8_lossy(&output.stderr)
            );
        }
    }
}

#[test]
fn cryptsetup_notices_a_flipped_byte_in_both_headers() {
    let Some(cryptsetup) = require_tool("cryptsetup") else { return };
    let dir = tempfile::tempdir().unwrap();
    let mut bytes = volume(&options(), &["key"]);
    for offset in [0x1008, 0x5008] {
        bytes[offset] ^= 1;
    }
    let image = dir.path().join("broken.img");
    std::fs::write(&image, &bytes).unwrap();
    assert!(!run(&cryptsetup, &["luksDump", image.to_str().unwrap()]).status.success());
    assert!(matches!(open(bytes, "key"), Err(Luks2Error::Corrupt(_))));
}

#[test]
fn we_open_what_cryptsetup_wrote() {
    let Some(cryptsetup) = require_tool("cryptsetup") else { return };
    let dir = tempfile::tempdir().unwrap();
    let key_file = dir.path().join("key");
    std::fs::write(&key_file, "a passphrase").unwrap();
    for pbkdf in [
        &["--pbkdf", "pbkdf2"][..],
        &["--pbkdf", "argon2id", "--pbkdf-memory", "64", "--pbkdf-parallel", "2"],
    ] {
        let image = dir.path().join("theirs.img");
        File::create(&image).unwrap().set_len(LEN).unwrap();
        let mut arguments = vec![
            "luksFormat",
            "--type",
            "luks2",
            "-q",
            "--pbkdf-force-iterations",
            if pbkdf[1] == "pbkdf2" { "1000" } else { "4" },
        ];
        arguments.extend(pbkdf);
        arguments.extend(["--key-file", key_file.to_str().unwrap(), image.to_str().unwrap()]);
        run_ok(&cryptsetup, &arguments);
        let bytes = std::fs::read(&image).unwrap();
        assert!(open(bytes.clone(), "a passphrase").is_ok());
        assert!(matches!(open(bytes, "another"), Err(Luks2Error::WrongKey)));
        // Adding a key through cryptsetup to a volume of ours keeps ours working.
        let ours = dir.path().join("ours.img");
        std::fs::write(&ours, volume(&options(), &["a passphrase"])).unwrap();
        let new_key = dir.path().join("new key");
        std::fs::write(&new_key, "added").unwrap();
        run_ok(
            &cryptsetup,
            &[
                "luksAddKey",
                "-q",
                "--pbkdf",
                "pbkdf2",
                "--pbkdf-force-iterations",
                "1000",
                "--key-file",
                key_file.to_str().unwrap(),
                ours.to_str().unwrap(),
                new_key.to_str().unwrap(),
            ],
        );
        for key in ["a passphrase", "added"] {
            assert_eq!(open(std::fs::read(&ours).unwrap(), key).unwrap(), b"plain text");
        }
    }
}

#[test]
fn one_lost_header_is_survived_and_told() {
    let bytes = volume(&options(), &["key"]);
    for (lost, word) in [(0, "primary"), (0x4000, "secondary")] {
        let mut bytes = bytes.clone();
        bytes[lost..lost + 0x4000].fill(0);
        let header = luks2::read(&MemoryBlock::from_bytes(bytes.clone(), SectorSize::S512)).unwrap();
        assert!(header.other_copy.unwrap().contains(word));
        assert_eq!(open(bytes, "key").unwrap(), b"plain text");
    }
}

#[test]
fn a_forced_seed_gives_the_same_bytes_and_the_system_gives_others() {
    assert!(volume(&options(), &["key"]) == volume(&options(), &["key"]));
    let make = || {
        let block = MemoryBlock::new(LEN, SectorSize::S512);
        luks2::write(&block, &options(), &keys(&["key"]), Randomness::System).unwrap();
        block.into_bytes()
    };
    assert!(make() != make());
}

#[test]
fn plain_text_is_nowhere_on_the_device() {
    let bytes = volume(&options(), &["key"]);
    assert!(!bytes.windows(10).any(|window| window == b"plain text"));
}

#[test]
fn the_dump_of_a_volume_is_as_recorded() {
    let header =
        luks2::read(&MemoryBlock::from_bytes(volume(&options(), &["a", "b"]), SectorSize::S512)).unwrap();
    insta::assert_snapshot!(luks2::dump(&header));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn writes_of_any_place_and_size_read_back(
        writes in prop::collection::vec((0_u64..200_000, 1_usize..9000, any::<u8>()), 1..12),
        sector_size in prop::sample::select(vec![512_u32, 1024, 4096]),
    ) {
        let block = MemoryBlock::new((16 << 20) + (1 << 18), SectorSize::S512);
        let options = Options { sector_size, ..options() };
        let mapped = luks2::write(&block, &options, &keys(&["k"]), Randomness::Seed(seed())).unwrap();
        let mut model = vec![0; 1 << 18];
        mapped.zero_range(ByteRange::new(0, 1 << 18).unwrap()).unwrap();
        for (offset, len, byte) in writes {
            mapped.write_at(&vec![byte; len], offset).unwrap();
            model[usize::try_from(offset).unwrap()..][..len].fill(byte);
        }
        let mut found = vec![0; model.len()];
        mapped.read_at(&mut found, 0).unwrap();
        prop_assert!(found == model);
        let mut odd = vec![0; 1000];
        mapped.read_at(&mut odd, 511).unwrap();
        prop_assert!(odd == model[511..1511]);
    }

    #[test]
    fn mutated_headers_never_panic(changes in prop::collection::vec((0_usize..0x8000, any::<u8>()), 1..20), fix_sums in any::<bool>()) {
        let mut bytes = volume(&options(), &["key"]);
        for (offset, byte) in changes {
            bytes[offset] = byte;
        }
        if fix_sums {
            mend_sums(&mut bytes);
        }
        let _ = luks2::read(&MemoryBlock::from_bytes(bytes, SectorSize::S512));
    }
}

/// Gives both headers a right checksum again, so that mutations reach the JSON parser.
fn mend_sums(bytes: &mut [u8]) {
    use sha2::Digest;
    for start in [0, 0x4000] {
        let header = &mut bytes[start..start + 0x4000];
        header[0x1c0..0x200].fill(0);
        let sum = sha2::Sha256::digest(&*header);
        header[0x1c0..0x1e0].copy_from_slice(&sum);
    }
}
