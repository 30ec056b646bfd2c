//! How a file system of a given size is divided into groups ("Layout",
//! <https://docs.kernel.org/filesystems/ext4/overview.html#layout>).
//!
//! A group has as many blocks as one bitmap block has bits. Copies of the superblock and of all
//! descriptors, each with room for the descriptors of a file system grown 1024 times, stand at the
//! start of groups 0, 1 and the powers of 3, 5 and 7 (feature `sparse_super`).

use super::block::{BlockNumber, BlockSize, Run};
use super::format::{group, inode};
use super::options::Options;
use crate::units::ByteSize;

/// Groups whose bitmaps and inode tables lie together: 2 to the power of `s_log_groups_per_flex`.
pub(super) const GROUPS_PER_FLEX: u64 = 16;
/// `s_log_groups_per_flex`.
pub(super) const LOG_GROUPS_PER_FLEX: u8 = 4;
/// A last group with fewer blocks than this beyond its own metadata is not worth having; `mke2fs` draws
/// the line at the same place.
const LAST_GROUP_MIN: u64 = 50;
/// How many times its size a file system can grow without moving anything.
const GROWTH: u64 = 1024;
/// Inodes that no node of a tree gets: the special ones and `lost+found`.
const RESERVED_INODES: u64 = 11;
/// Most of a group that copies of superblock and descriptors may take, in quarters.
const BASE_QUARTERS_MAX: u64 = 3;

/// Sizes of everything whose size follows from the size of the whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// Size of a block.
    pub block_size: BlockSize,
    /// All blocks, the boot block of 1 KiB file systems included.
    pub blocks: u64,
    /// How many groups.
    pub groups: u64,
    /// Inodes of each group.
    pub inodes_per_group: u64,
    /// Blocks of each group's inode table.
    pub table_blocks: u64,
    /// Blocks of group descriptors, in each copy.
    pub descriptor_blocks: u64,
    /// Blocks reserved for more descriptors, in each copy.
    pub reserved_descriptor_blocks: u64,
    /// Blocks of the journal.
    pub journal_blocks: u64,
    /// Blocks that only root may take.
    pub root_blocks: u64,
}

/// Why a size cannot be divided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GeometryError {
    /// So many blocks are too few; more may do.
    TooSmall,
    /// The descriptors would not fit a group.
    TooLarge,
}

/// What decides about a geometry beside the options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Demand {
    /// Inodes that will be in use, special ones included.
    pub inodes: u64,
    /// Blocks of the tree's content, whatever its place.
    pub content: u64,
}

impl Geometry {
    /// Divides at most `blocks` blocks. Fewer come out where the last group would be too small to use.
    pub fn new(blocks: u64, demand: Demand, options: &Options) -> Result<Self, GeometryError> {
        let first = Self::new_exactly(blocks, demand, options)?;
        let last = first.groups - 1;
        if last > 0 && first.group(last).blocks < first.base_blocks(last) + LAST_GROUP_MIN {
            return Self::new_exactly(first.group(last).start.0, demand, options);
        }
        Ok(first)
    }

    /// The fewest blocks that give `groups` groups without dropping the last, and the most.
    pub fn range_of(groups: u64, options: &Options) -> (u64, u64) {
        let block_size = options.block_size;
        let first = first_data_block(block_size);
        let most = first + groups * block_size.blocks_per_group();
        let before = most - block_size.blocks_per_group();
        if groups == 1 {
            return (first + 1, most);
        }
        let base = |blocks| match has_backup(groups - 1) {
            true => {
                let descriptors = descriptor_blocks(groups, block_size);
                1 + descriptors + reserved_descriptor_blocks(blocks, descriptors, block_size)
            }
            false => 0,
        };
        // The reserve for growth follows from the size: up from too little until both agree.
        let mut least = before + LAST_GROUP_MIN;
        while least < before + base(least) + LAST_GROUP_MIN {
            least = before + base(least) + LAST_GROUP_MIN;
        }
        (least, most)
    }

    fn new_exactly(blocks: u64, demand: Demand, options: &Options) -> Result<Self, GeometryError> {
        let block_size = options.block_size;
        let per_group = block_size.blocks_per_group();
        let groups = match blocks.saturating_sub(first_data_block(block_size)).div_ceil(per_group) {
            0 => return Err(GeometryError::TooSmall),
            groups => groups,
        };
        let descriptor_blocks = descriptor_blocks(groups, block_size);
        let reserved_descriptor_blocks = reserved_descriptor_blocks(blocks, descriptor_blocks, block_size);
        if descriptor_blocks + reserved_descriptor_blocks + 1 > per_group / 4 * BASE_QUARTERS_MAX
            || u32::try_from(groups).is_err()
        {
            return Err(GeometryError::TooLarge);
        }
        let wanted = options
            .inodes_for(blocks, demand.inodes.saturating_sub(RESERVED_INODES), demand.content)
            .max(demand.inodes);
        let inodes_per_group = inodes_per_group(wanted, groups, block_size);
        let inodes_max = inodes_per_group_max(block_size);
        if demand.inodes > inodes_max * groups {
            return Err(GeometryError::TooSmall);
        }
        // Inode numbers have 32 bits: a vast file system has fewer inodes than its ratio says.
        let inodes_limit = u64::from(u32::MAX) / groups / inodes_unit(block_size) * inodes_unit(block_size);
        let inodes_per_group = inodes_per_group.min(inodes_max).min(inodes_limit);
        if demand.inodes > inodes_per_group * groups {
            return Err(GeometryError::TooLarge);
        }
        Ok(Self {
            block_size,
            blocks,
            groups,
            inodes_per_group,
            table_blocks: block_size.blocks_for(inodes_per_group * inode::SIZE),
            descriptor_blocks,
            reserved_descriptor_blocks,
            journal_blocks: options.journal_blocks(blocks),
            root_blocks: options.reserved.of(blocks),
        })
    }

    /// Block that holds the primary superblock; group 0 starts there.
    pub fn first_data_block(&self) -> u64 {
        first_data_block(self.block_size)
    }

    /// The blocks of group `group`, which may be fewer in the last one.
    pub fn group(&self, group: u64) -> Run {
        let per_group = self.block_size.blocks_per_group();
        let start = self.first_data_block() + group * per_group;
        Run::new(BlockNumber(start), self.blocks.saturating_sub(start).min(per_group))
    }

    /// Blocks at the start of group `group` that hold copies of superblock and descriptors.
    pub fn base_blocks(&self, group: u64) -> u64 {
        if has_backup(group) { 1 + self.descriptor_blocks + self.reserved_descriptor_blocks } else { 0 }
    }

    /// The groups with a copy of the superblock, the primary's group 0 first.
    pub fn backup_groups(&self) -> impl Iterator<Item = u64> {
        (0..self.groups).filter(|group| has_backup(*group))
    }

    /// Blocks that hold no file: boot block, copies of superblock and descriptors, bitmaps and tables.
    pub fn fixed_blocks(&self) -> u64 {
        let base: u64 = self.backup_groups().map(|group| self.base_blocks(group)).sum();
        self.first_data_block() + base + self.groups * (2 + self.table_blocks)
    }

    /// All inodes.
    pub fn inodes(&self) -> u64 {
        self.inodes_per_group * self.groups
    }

    /// A size, near the largest, whose descriptors still fit.
    pub fn limit(block_size: BlockSize) -> ByteSize {
        let per_group = block_size.blocks_per_group();
        let descriptors = per_group / 4 * BASE_QUARTERS_MAX - 1;
        let groups = (descriptors * block_size.bytes() / group::SIZE).min(u64::from(u32::MAX));
        ByteSize(groups * per_group * block_size.bytes())
    }

    /// The size in bytes.
    pub fn size(&self) -> ByteSize {
        ByteSize(self.blocks * self.block_size.bytes())
    }
}

/// `s_first_data_block`.
fn first_data_block(block_size: BlockSize) -> u64 {
    match block_size {
        // The first block holds the boot area alone.
        BlockSize::B1024 => 1,
        BlockSize::B2048 | BlockSize::B4096 => 0,
    }
}

/// Whether group `group` has a copy of the superblock.
pub(super) fn has_backup(group: u64) -> bool {
    fn is_power_of(base: u64, mut number: u64) -> bool {
        while number.is_multiple_of(base) {
            number /= base;
        }
        number == 1
    }
    group <= 1 || [3, 5, 7].into_iter().any(|base| is_power_of(base, group))
}

fn descriptor_blocks(groups: u64, block_size: BlockSize) -> u64 {
    block_size.blocks_for(groups * group::SIZE)
}

/// `s_reserved_gdt_blocks`: for growth to [`GROWTH`] times the size, as far as 32-bit block numbers and
/// the one block of pointers that lists them (see `resize.rs`) go.
fn reserved_descriptor_blocks(blocks: u64, descriptor_blocks: u64, block_size: BlockSize) -> u64 {
    let grown = blocks.saturating_mul(GROWTH).min(u64::from(u32::MAX));
    let groups = grown.saturating_sub(first_data_block(block_size)).div_ceil(block_size.blocks_per_group());
    let pointers = block_size.bytes() / 4;
    self::descriptor_blocks(groups, block_size).saturating_sub(descriptor_blocks).min(pointers)
}

/// Inode tables are whole blocks and bitmaps whole bytes: the unit in which inodes come.
fn inodes_unit(block_size: BlockSize) -> u64 {
    (block_size.bytes() / inode::SIZE).max(8)
}

/// The bitmap must hold them, and the descriptor's 16-bit counts besides.
fn inodes_per_group_max(block_size: BlockSize) -> u64 {
    let unit = inodes_unit(block_size);
    block_size.blocks_per_group().min((1 << 16) - unit)
}

fn inodes_per_group(wanted: u64, groups: u64, block_size: BlockSize) -> u64 {
    wanted.div_ceil(groups).max(1).next_multiple_of(inodes_unit(block_size))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(block_size: BlockSize) -> Options {
        let seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
        Options { block_size, ..Options::new(seed, "test") }
    }

    const EMPTY: Demand = Demand { inodes: 11, content: 0 };

    #[test]
    fn backups_are_in_one_and_the_powers_of_three_five_and_seven() {
        let groups: Vec<u64> = (0..130).filter(|group| has_backup(*group)).collect();
        assert_eq!(groups, [0, 1, 3, 5, 7, 9, 25, 27, 49, 81, 125]);
    }

    /// Compared with `mke2fs -n -t ext4` and `dumpe2fs` of e2fsprogs 1.47.
    #[test]
    fn numbers_are_those_of_mke2fs() {
        let gib = 1 << 30;
        for (block_size, size, groups, inodes, descriptors, reserved, journal) in [
            (BlockSize::B4096, gib, 8, 65536, 1, 127, 8192),
            (BlockSize::B4096, 16 * gib, 128, 1_048_576, 2, 1024, 32768),
            (BlockSize::B1024, gib, 128, 65536, 8, 256, 16384),
        ] {
            let geometry = Geometry::new(size / block_size.bytes(), EMPTY, &options(block_size)).unwrap();
            assert_eq!(geometry.groups, groups);
            assert_eq!(geometry.inodes(), inodes);
            assert_eq!(geometry.descriptor_blocks, descriptors);
            assert_eq!(geometry.reserved_descriptor_blocks, reserved);
            assert_eq!(geometry.journal_blocks, journal);
        }
    }

    #[test]
    fn a_last_group_too_small_to_use_is_dropped() {
        let options = options(BlockSize::B4096);
        let whole = Geometry::new(2 * 32768 + 49, EMPTY, &options).unwrap();
        assert_eq!((whole.blocks, whole.groups), (2 * 32768, 2));
        let kept = Geometry::new(2 * 32768 + 50, EMPTY, &options).unwrap();
        assert_eq!((kept.blocks, kept.groups), (2 * 32768 + 50, 3));
    }

    #[test]
    fn the_range_of_a_group_count_is_what_is_not_dropped() {
        for block_size in [BlockSize::B1024, BlockSize::B4096] {
            let options = options(block_size);
            for groups in [2, 3, 4, 5, 10, 28] {
                let (least, most) = Geometry::range_of(groups, &options);
                for (blocks, expected) in [(least - 1, groups - 1), (least, groups), (most, groups)] {
                    let geometry = Geometry::new(blocks, EMPTY, &options).unwrap();
                    assert_eq!(geometry.groups, expected, "{blocks} blocks");
                }
            }
        }
    }

    #[test]
    fn many_inodes_need_more_groups_instead_of_overflowing() {
        let options = options(BlockSize::B1024);
        let demand = Demand { inodes: 9000, content: 0 };
        assert_eq!(Geometry::new(8192, demand, &options), Err(GeometryError::TooSmall));
        assert!(Geometry::new(16384, demand, &options).unwrap().inodes() >= 9000);
    }
}
