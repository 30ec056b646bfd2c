//! Blocks, the unit in which the file system is divided, and inode numbers: what counts what.

use std::fmt;

/// Size of a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum BlockSize {
    /// 1024 bytes.
    B1024,
    /// 2048 bytes.
    B2048,
    /// 4096 bytes: what kernels map files with, and the size at which host files can be shared
    /// instead of copied.
    #[default]
    B4096,
}

impl BlockSize {
    /// The size in bytes.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::B1024 => 1024,
            Self::B2048 => 2048,
            Self::B4096 => 4096,
        }
    }

    /// The block size of `bytes` bytes, if it is one that we support.
    pub const fn from_bytes(bytes: u64) -> Option<Self> {
        match bytes {
            1024 => Some(Self::B1024),
            2048 => Some(Self::B2048),
            4096 => Some(Self::B4096),
            _ => None,
        }
    }

    /// `s_log_block_size`: the size is 1024 shifted left by this.
    pub(super) const fn log(self) -> u32 {
        match self {
            Self::B1024 => 0,
            Self::B2048 => 1,
            Self::B4096 => 2,
        }
    }

    /// How many blocks hold `bytes` bytes.
    pub(super) const fn blocks_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.bytes())
    }

    /// Blocks of a group: as many as one block of bits can count.
    pub(super) const fn blocks_per_group(self) -> u64 {
        self.bytes() * 8
    }
}

/// Address of a block, from the start of the file system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct BlockNumber(pub u64);

impl BlockNumber {
    /// The block `count` blocks further; saturates, which is past the end of any file system.
    pub const fn plus(self, count: u64) -> Self {
        Self(self.0.saturating_add(count))
    }

    /// Offset of the block in bytes; saturates, which is past the end of any Block.
    pub const fn offset(self, size: BlockSize) -> u64 {
        self.0.saturating_mul(size.bytes())
    }
}

impl fmt::Display for BlockNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Blocks side by side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first.
    pub start: BlockNumber,
    /// How many.
    pub blocks: u64,
}

impl Run {
    /// `blocks` blocks from `start`.
    pub const fn new(start: BlockNumber, blocks: u64) -> Self {
        Self { start, blocks }
    }

    /// The block after the last.
    pub const fn end(self) -> BlockNumber {
        self.start.plus(self.blocks)
    }
}

impl fmt::Display for Run {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}+{}", self.start, self.blocks)
    }
}

/// A piece of a file: `blocks` blocks of it from block `logical`, side by side on disk from `start`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Extent {
    /// First block within the file.
    pub logical: u32,
    /// How many blocks; not limited to what one extent on disk can say.
    pub blocks: u32,
    /// First block on disk.
    pub start: BlockNumber,
}

/// Number of an inode, from 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct InodeNumber(pub u32);

impl fmt::Display for InodeNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
