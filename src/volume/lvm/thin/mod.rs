//! Thin pools: volumes that take chunks of a pool when they are written.
//!
//! [`ThinPool`] gives out chunks while its volumes are filled and keeps who has which in memory;
//! [`ThinPool::commit`] puts the chunks in an order that does not depend on that of the writes, and writes the
//! metadata. Before that, a pool on disk is empty. A pool that was read can be read and overwritten, but gives out
//! no more chunks: that is the kernel's.
//!
//! `format.rs` names the sources. Not supported: snapshots with shared chunks (read, never made), external origins.

mod format;
mod metadata;
mod pool;
mod tree;

pub(super) use pool::PoolParts;
pub use pool::{Pools, ThinPool};

use crate::units::{ByteSize, KIB, MIB};

/// Chunk and metadata of a pool, as LVM chooses them or as arguments say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PoolOptions {
    /// Bytes of a chunk: a multiple of 64 KiB; `None` is what LVM chooses.
    pub chunk: Option<ByteSize>,
    /// Bytes of the metadata; `None` is what LVM chooses.
    pub metadata: Option<ByteSize>,
    /// What becomes of discards.
    pub discards: Discards,
    /// Whether chunks are zeroed when they are given out.
    pub zeroing: Zeroing,
}

/// What a pool does when one of its volumes is told to discard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Discards {
    /// It takes its chunks back, and the device below learns of it.
    #[default]
    PassDown,
    /// It takes its chunks back.
    NoPassDown,
    /// Nothing.
    Ignore,
}

impl Discards {
    /// The kind that lvcreate calls `name`.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::PassDown, Self::NoPassDown, Self::Ignore].into_iter().find(|kind| kind.name() == name)
    }

    /// What lvcreate calls it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PassDown => "passdown",
            Self::NoPassDown => "nopassdown",
            Self::Ignore => "ignore",
        }
    }
}

/// Whether a pool zeroes the chunks that it gives out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Zeroing {
    /// It does.
    #[default]
    On,
    /// Volumes may see what was there before.
    Off,
}

/// The smallest chunk, and LVM's default.
const LEAST_CHUNK: u64 = 64 * KIB;
/// The largest chunk: 1 GiB.
const MOST_CHUNK: u64 = 1 << 30;
/// Bytes of metadata that LVM reckons for a chunk (lvmthin(7)).
const METADATA_OF_CHUNK: u64 = 64;
/// The least metadata, and where LVM takes larger chunks instead of more.
const LEAST_METADATA: u64 = 2 * MIB;
const MOST_METADATA: u64 = 128 * MIB;
/// The most metadata that the kernel uses.
const KERNEL_METADATA: u64 = 16 << 30;

/// Chunk and metadata of a pool with so many bytes of data.
pub fn pool_geometry(data: ByteSize, options: &PoolOptions) -> (ByteSize, ByteSize) {
    let metadata = |chunk: u64| (data.bytes() / chunk).saturating_mul(METADATA_OF_CHUNK);
    let mut chunk = options.chunk.map_or(LEAST_CHUNK, |chunk| chunk.bytes().clamp(LEAST_CHUNK, MOST_CHUNK));
    while options.chunk.is_none() && metadata(chunk) > MOST_METADATA && chunk < MOST_CHUNK {
        chunk *= 2;
    }
    let needed = metadata(chunk).clamp(LEAST_METADATA, KERNEL_METADATA);
    (ByteSize(chunk), options.metadata.unwrap_or(ByteSize(needed)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_grow_with_the_pool_as_lvms_do() {
        let of = |gib| pool_geometry(ByteSize::gib(gib), &PoolOptions::default());
        assert_eq!(of(1), (ByteSize::kib(64), ByteSize::mib(2)));
        assert_eq!(of(100), (ByteSize::kib(64), ByteSize::mib(100)));
        assert_eq!(of(1024), (ByteSize::kib(512), ByteSize::mib(128)));
        let options = PoolOptions { chunk: Some(ByteSize::kib(256)), ..PoolOptions::default() };
        assert_eq!(pool_geometry(ByteSize::gib(1024), &options), (ByteSize::kib(256), ByteSize::mib(256)));
    }
}
