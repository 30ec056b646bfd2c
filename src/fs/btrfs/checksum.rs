//! Checksums of nodes, superblocks and data.

use std::fmt;

use blake2::digest::Digest as _;

/// Which checksum a file system uses throughout.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Checksum {
    /// CRC-32C, 4 bytes: the default of mkfs.
    #[default]
    Crc32c,
    /// xxHash, 8 bytes.
    Xxhash64,
    /// SHA-256, 32 bytes.
    Sha256,
    /// BLAKE2b, 32 bytes.
    Blake2b,
}

/// BLAKE2b with 256 bits.
type Blake2b256 = blake2::Blake2b<blake2::digest::consts::U32>;

/// Bytes of the longest checksum.
pub const LEN_MAX: usize = 32;

impl Checksum {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Crc32c, Self::Xxhash64, Self::Sha256, Self::Blake2b];

    /// The one that `mkfs.btrfs --csum` calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "crc32c" => Some(Self::Crc32c),
            "xxhash" | "xxhash64" => Some(Self::Xxhash64),
            "sha256" => Some(Self::Sha256),
            "blake2" | "blake2b" => Some(Self::Blake2b),
            _ => None,
        }
    }

    /// Its number in superblocks (`csum_type`).
    pub(super) const fn code(self) -> u16 {
        match self {
            Self::Crc32c => 0,
            Self::Xxhash64 => 1,
            Self::Sha256 => 2,
            Self::Blake2b => 3,
        }
    }

    /// The one with this number in superblocks.
    pub(super) fn from_code(code: u16) -> Option<Self> {
        Self::ALL.into_iter().find(|checksum| checksum.code() == code)
    }

    /// How many bytes it has.
    pub(super) const fn len(self) -> usize {
        match self {
            Self::Crc32c => 4,
            Self::Xxhash64 => 8,
            Self::Sha256 | Self::Blake2b => 32,
        }
    }

    /// The checksum of `bytes`, followed by zeroes.
    pub(super) fn of(self, bytes: &[u8]) -> [u8; LEN_MAX] {
        let mut sum = [0; LEN_MAX];
        match self {
            Self::Crc32c => sum[..4].copy_from_slice(&crc32c::crc32c(bytes).to_le_bytes()),
            Self::Xxhash64 => {
                sum[..8].copy_from_slice(&xxhash_rust::xxh64::xxh64(bytes, 0).to_le_bytes());
            }
            Self::Sha256 => sum.copy_from_slice(&sha2::Sha256::digest(bytes)),
            Self::Blake2b => sum.copy_from_slice(&Blake2b256::digest(bytes)),
        }
        sum
    }

    /// Appends the checksum of each sector of `bytes` to `sums`.
    pub(super) fn of_sectors(self, bytes: &[u8], sums: &mut Vec<u8>) {
        for sector in bytes.chunks(crate::units::usize_of(super::format::SECTOR)) {
            sums.extend_from_slice(&self.of(sector)[..self.len()]);
        }
    }
}

impl fmt::Display for Checksum {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Crc32c => "crc32c",
            Self::Xxhash64 => "xxhash64",
            Self::Sha256 => "sha256",
            Self::Blake2b => "blake2b",
        })
    }
}
