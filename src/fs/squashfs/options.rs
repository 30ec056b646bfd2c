//! What a caller may decide about a file system.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use super::cache::CacheOptions;
use super::compressor::Compression;
use crate::timestamp::Timestamp;
use crate::units::usize_of;

/// Bytes of a data block: the unit of compression. Powers of two from 4 KiB to 1 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BlockSize(u8);

impl BlockSize {
    /// 1 MiB: the most that fits the format, and what compresses best.
    pub const MAX: Self = Self(20);

    /// `bytes` as a block size, if it can be one.
    pub const fn new(bytes: u64) -> Option<Self> {
        let mut log = 12;
        while log <= Self::MAX.0 {
            if bytes == 1 << log {
                return Some(Self(log));
            }
            log += 1;
        }
        None
    }

    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        1 << self.0
    }

    /// The size as a length in memory.
    pub(super) const fn len(self) -> usize {
        usize_of(self.bytes())
    }

    /// Its logarithm to base 2.
    pub(super) const fn log(self) -> u8 {
        self.0
    }
}

impl Default for BlockSize {
    fn default() -> Self {
        Self::MAX
    }
}

/// Which directories are packed by themselves, so that each becomes the same blocks in every file system that
/// holds it.
///
/// Each entry of the directory `below` is a *run* of its own; what is not below it is divided into one run for
/// each entry of the root.
#[derive(Clone, Debug, Default)]
pub struct Runs {
    /// Path of the directory, parts separated by `/`; empty for the root.
    pub below: String,
    /// What is known of entries of that directory: a digest that says what all their files hold, such as the
    /// NAR hash of a store path. With it, a run that is in the cache is taken from there without a look at its
    /// files.
    pub identities: BTreeMap<Vec<u8>, [u8; 32]>,
}

/// Everything about a file system that the tree does not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// How blocks are compressed.
    pub compression: Compression,
    /// Size of a data block.
    pub block_size: BlockSize,
    /// When the file system was made; seconds from 1970 to 2106 are told exactly.
    pub timestamp: Timestamp,
    /// What is packed by itself.
    pub runs: Runs,
    /// Where compressed blocks are kept for the next time; `None` to keep none. It does not change a byte of the
    /// result.
    pub cache: Option<CacheOptions>,
    /// Threads that compress; their number does not change a byte of the result.
    pub threads: NonZeroUsize,
}

impl Default for Options {
    /// zstd at level 15, blocks of 1 MiB, made when the Nix store's files were, runs below the root, no cache, two
    /// threads.
    fn default() -> Self {
        // 2 is not zero.
        const THREADS: NonZeroUsize = NonZeroUsize::new(2).expect("a positive constant");
        Self {
            compression: Compression::default(),
            block_size: BlockSize::default(),
            timestamp: Timestamp::STORE,
            runs: Runs::default(),
            cache: None,
            threads: THREADS,
        }
    }
}

/// A time as Squashfs holds it: whole seconds, the nearest of those from 1970 to 2106.
pub(super) fn stored_time(timestamp: Timestamp) -> u32 {
    let seconds = timestamp.seconds.clamp(0, i64::from(u32::MAX));
    // It was clamped to this range.
    u32::try_from(seconds).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn block_sizes_are_powers_of_two_within_the_format() {
        assert_eq!(BlockSize::new(4096).map(BlockSize::bytes), Some(4096));
        assert_eq!(BlockSize::new(1 << 20), Some(BlockSize::MAX));
        for bytes in [0, 1, 2048, 4097, 1 << 21, u64::MAX] {
            assert_eq!(BlockSize::new(bytes), None, "{bytes}");
        }
    }

    #[test]
    fn times_are_clamped_to_what_the_format_holds() {
        for (seconds, stored) in [(-1, 0), (0, 0), (1, 1), (1 << 32, u32::MAX), (i64::MIN, 0)] {
            assert_eq!(stored_time(Timestamp::seconds(seconds)), stored);
        }
    }
}
