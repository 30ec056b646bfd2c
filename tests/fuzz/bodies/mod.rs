//! What a fuzzer runs on arbitrary bytes. Each body returns if all is well and panics if not; the same bodies
//! run over made-up inputs in the integration tests, where no fuzzer is installed.

#![allow(dead_code, reason = "each fuzzer runs one of the bodies")]

pub mod archives;
pub mod filesystems;
pub mod layout;
pub mod nix;
pub mod volumes;

use landfall::units::SectorSize;
use landfall::volume::MemoryBlock;

/// A body.
pub type Body = fn(&[u8]);

/// All bodies by the names of their fuzzers.
pub const ALL: [(&str, Body); 16] = [
    ("btrfs", filesystems::btrfs),
    ("cpio", archives::cpio),
    ("ext4", filesystems::ext4),
    ("fat", filesystems::fat),
    ("gpt", volumes::gpt),
    ("layout_json", layout::json),
    ("layout_toml", layout::toml),
    ("luks2", volumes::luks2),
    ("lvm", volumes::lvm),
    ("mbr", volumes::mbr),
    ("md", volumes::md),
    ("nar", archives::nar),
    ("nix", nix::layout),
    ("registration", archives::registration),
    ("squashfs", filesystems::squashfs),
    ("swap", filesystems::swap),
];

/// The bytes as a volume, filled up to whole sectors as every device is.
fn volume(bytes: &[u8]) -> MemoryBlock {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    MemoryBlock::from_bytes(bytes, SectorSize::S512)
}
