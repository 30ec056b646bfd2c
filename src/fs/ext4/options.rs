//! What a caller may decide about a file system, with the defaults of `mke2fs`.

use std::fmt;
use std::num::NonZeroUsize;
use std::str::FromStr;

use uuid::Uuid;

use super::block::BlockSize;
use super::error::LabelError;
use crate::identity::Seed;
use crate::parallel::threads;
use crate::timestamp::Timestamp;
use crate::units::{ByteSize, u64_of};

/// A file system's label: at most 16 bytes without NUL.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Label(String);

impl Label {
    /// Bytes of `s_volume_name`.
    pub const LEN_MAX: usize = 16;

    /// `text` as a label, if it fits.
    pub fn new(text: &str) -> Result<Self, LabelError> {
        if text.len() > Self::LEN_MAX {
            return Err(LabelError::TooLong { label: text.to_owned(), len: text.len() });
        }
        if text.contains('\0') {
            return Err(LabelError::Nul(text.escape_debug().to_string()));
        }
        Ok(Self(text.to_owned()))
    }

    /// The label's text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// As `s_volume_name` holds it: padded with NUL.
    pub(super) fn padded(&self) -> [u8; Self::LEN_MAX] {
        let mut bytes = [0; Self::LEN_MAX];
        bytes[..self.0.len()].copy_from_slice(self.0.as_bytes());
        bytes
    }
}

impl FromStr for Label {
    type Err = LabelError;

    fn from_str(text: &str) -> Result<Self, LabelError> {
        Self::new(text)
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How many inodes there are. The tree's own nodes always have room.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodePolicy {
    /// One for each so many bytes of the file system, and besides the tree's nodes one for each so
    /// many bytes that the tree leaves free: room for small files also beside many small files.
    BytesPerInode(NonZeroUsize),
    /// The tree's nodes and at least so many more.
    Spare(u32),
}

/// How much journal there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum JournalPolicy {
    /// As much as `mke2fs` makes for this size; none below 2048 blocks.
    BySize,
    /// This much, rounded up to blocks; at least 1024 blocks.
    Exactly(ByteSize),
    /// No journal.
    None,
}

/// Share of the blocks that only root may take, in hundredths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReservedPercent(u8);

impl ReservedPercent {
    /// Half of the blocks is the most that may be reserved.
    pub const MAX: u8 = 50;

    /// `percent` hundredths; `None` above [`MAX`](Self::MAX).
    pub const fn new(percent: u8) -> Option<Self> {
        if percent <= Self::MAX { Some(Self(percent)) } else { None }
    }

    /// So many of `blocks` blocks, rounded down.
    pub(super) fn of(self, blocks: u64) -> u64 {
        // Divided first in order not to overflow; the remainder is worth less than 100 blocks.
        let percent = u64::from(self.0);
        blocks / 100 * percent + blocks % 100 * percent / 100
    }
}

/// What happens to the part of the inode tables that no inode uses yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UnusedTables {
    /// It is made zero: free in a sparse image, where it stays a hole.
    Zero,
    /// It stays as it is, and the kernel makes it zero in the background after the first mount: for
    /// large real disks.
    LeaveToKernel,
}

/// Everything about a file system that the tree does not say.
#[derive(Clone, Debug)]
pub struct Options {
    /// Size of a block.
    pub block_size: BlockSize,
    /// Identity of the file system; checksums start from it.
    pub uuid: Uuid,
    /// What directory hashes start from. Secret from nobody here, but different for each file system.
    pub hash_seed: Uuid,
    /// Name for `/dev/disk/by-label`.
    pub label: Label,
    /// When the file system was made, written and checked, and the times of its own inodes.
    pub timestamp: Timestamp,
    /// Space that an ordinary user can fill after the tree is in place.
    pub free: ByteSize,
    /// How many inodes.
    pub inodes: InodePolicy,
    /// Blocks for root alone, beside `free`.
    pub reserved: ReservedPercent,
    /// How much journal.
    pub journal: JournalPolicy,
    /// The rest of the inode tables.
    pub unused_tables: UnusedTables,
    /// Threads that copy file data; their number does not change a byte of the result.
    pub threads: NonZeroUsize,
}

impl Options {
    /// The defaults of `mke2fs -t ext4`, with no space beyond the content: blocks of 4 KiB, an inode
    /// for each 16 KiB, 5 % reserved, a journal by size. The identities are those of `label` in `seed`
    /// (see [`Seed`]).
    pub fn new(seed: Seed, label: &str) -> Self {
        // 16384 is not zero.
        const BYTES_PER_INODE: NonZeroUsize = NonZeroUsize::new(16384).expect("a positive constant");
        Self {
            block_size: BlockSize::default(),
            uuid: seed.uuid(label),
            hash_seed: seed.uuid(&format!("{label}/directory hash")),
            label: Label::default(),
            timestamp: Timestamp::STORE,
            free: ByteSize::ZERO,
            inodes: InodePolicy::BytesPerInode(BYTES_PER_INODE),
            reserved: ReservedPercent(5),
            journal: JournalPolicy::BySize,
            unused_tables: UnusedTables::Zero,
            threads: threads(),
        }
    }

    /// The free space asked for, in blocks.
    pub(super) fn free_blocks(&self) -> u64 {
        self.block_size.blocks_for(self.free.bytes())
    }

    /// How many inodes a file system of `blocks` blocks gets whose tree has `nodes` inodes (the reserved
    /// ones not counted) and takes `content` blocks. Never fewer for more blocks.
    pub(super) fn inodes_for(&self, blocks: u64, nodes: u64, content: u64) -> u64 {
        match self.inodes {
            InodePolicy::Spare(count) => nodes.saturating_add(u64::from(count)),
            InodePolicy::BytesPerInode(ratio) => {
                let per_bytes =
                    |blocks: u64| blocks.saturating_mul(self.block_size.bytes()) / u64_of(ratio.get());
                per_bytes(blocks).max(nodes.saturating_add(per_bytes(blocks.saturating_sub(content))))
            }
        }
    }

    /// How many blocks the journal of a file system of `blocks` blocks has; never fewer for more blocks.
    pub(super) fn journal_blocks(&self, blocks: u64) -> u64 {
        const MIN: u64 = super::format::journal::BLOCKS_MIN;
        // Smallest file system in blocks, and its journal: the steps of e2fsprogs 1.47.
        const STEPS: [(u64, u64); 9] = [
            (32768 << 10, 262_144),
            (16384 << 10, 131_072),
            (8192 << 10, 65_536),
            (4096 << 10, 32_768),
            (512 << 10, 16_384),
            (256 << 10, 8_192),
            (32_768, 4_096),
            (2_048, 1_024),
            (0, 0),
        ];
        match self.journal {
            JournalPolicy::None => 0,
            JournalPolicy::Exactly(size) => self.block_size.blocks_for(size.bytes()).max(MIN),
            JournalPolicy::BySize => {
                STEPS.iter().find(|(from, _)| blocks >= *from).map_or(0, |(_, journal)| *journal)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_at_most_sixteen_bytes() {
        assert!(Label::new("0123456789abcdef").is_ok());
        let error = Label::new("0123456789abcdefg").unwrap_err();
        assert_eq!(error.to_string(), "the ext4 label `0123456789abcdefg` has 17 bytes, at most 16 fit");
        assert!(Label::new("ääääääääa").is_err(), "bytes count, not characters");
        assert!(matches!(Label::new("a\0b"), Err(LabelError::Nul(_))));
    }

    #[test]
    fn the_reserve_is_rounded_down_and_does_not_overflow() {
        let five = ReservedPercent::new(5).unwrap();
        assert_eq!((five.of(19), five.of(20), five.of(12345)), (0, 1, 617));
        assert!(five.of(u64::MAX) < u64::MAX / 19);
        assert_eq!(ReservedPercent::new(51), None);
    }
}
