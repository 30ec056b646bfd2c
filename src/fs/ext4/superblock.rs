//! Superblock and group descriptors of a layout.

use zerocopy::FromZeros;
use zerocopy::little_endian::{U16, U32};

use super::bitmap;
use super::block::{InodeNumber, Run};
use super::checksum::{self, ChecksumSeed};
use super::format::group::{BLOCK_UNINIT, GroupDescriptor, INODE_UNINIT, INODE_ZEROED};
use super::format::superblock::{
    CHECKSUM_CRC32C, ERRORS_CONTINUE, FLAG_SIGNED_HASH, HASH_HALF_MD4, JOURNAL_BACKUP_BLOCKS, MAGIC,
    MOUNT_XATTR_AND_ACL, REVISION_DYNAMIC, STATE_CLEAN, Superblock,
};
use super::format::{compat, group, incompat, inode, ro_compat, special};
use super::geometry::{Geometry, LOG_GROUPS_PER_FLEX};
use super::layout::Layout;
use super::options::{Options, UnusedTables};
use super::survey::{Role, Survey};
use super::time::DiskTime;
use crate::tree::Kind;
use crate::units::{high_u32, low_u8, low_u16, low_u32, u64_of, usize_of};

/// The primary superblock, its checksum included.
pub(super) fn superblock(survey: &Survey<'_>, layout: &Layout, options: &Options) -> Superblock {
    let geometry = &layout.geometry;
    let mut sb = Superblock::new_zeroed();
    sb.s_inodes_count = U32::new(low_u32(geometry.inodes()));
    (sb.s_blocks_count_lo, sb.s_blocks_count_hi) = halves(geometry.blocks);
    (sb.s_r_blocks_count_lo, sb.s_r_blocks_count_hi) = halves(geometry.root_blocks);
    (sb.s_free_blocks_count_lo, sb.s_free_blocks_count_hi) = halves(layout.free_blocks());
    sb.s_free_inodes_count = U32::new(low_u32(geometry.inodes()) - survey.last_inode());
    put_constants(&mut sb, geometry);
    put_features(&mut sb, geometry);
    put_times(&mut sb, options);
    sb.s_uuid = *options.uuid.as_bytes();
    sb.s_volume_name = options.label.padded();
    sb.s_hash_seed = survey.hash_seed.words().map(U32::new);
    sb.s_overhead_clusters = U32::new(low_u32(geometry.fixed_blocks() + geometry.journal_blocks));
    sb.s_checksum = U32::new(checksum::superblock(&sb));
    sb
}

/// The copy of `primary` that stands in `group`.
pub(super) fn copy_for(primary: &Superblock, group: u64) -> Superblock {
    let mut copy = *primary;
    copy.s_block_group_nr = U16::new(low_u16(group));
    copy.s_checksum = U32::new(checksum::superblock(&copy));
    copy
}

/// Records the journal's inode for the case that its own copy is lost: `i_block` and the size.
pub(super) fn put_journal(sb: &mut Superblock, i_block: &[u8; inode::I_BLOCK_SIZE], size: u64) {
    sb.s_journal_inum = U32::new(special::JOURNAL);
    sb.s_jnl_backup_type = JOURNAL_BACKUP_BLOCKS;
    for (word, bytes) in sb.s_jnl_blocks.iter_mut().zip(i_block.as_chunks::<4>().0) {
        *word = U32::from_bytes(*bytes);
    }
    // Behind the fifteen words: the high half of the size, then the low one.
    (sb.s_jnl_blocks[16], sb.s_jnl_blocks[15]) = halves(size);
    sb.s_checksum = U32::new(checksum::superblock(sb));
}

fn put_constants(sb: &mut Superblock, geometry: &Geometry) {
    let per_group = U32::new(low_u32(geometry.block_size.blocks_per_group()));
    sb.s_first_data_block = U32::new(low_u32(geometry.first_data_block()));
    sb.s_log_block_size = U32::new(geometry.block_size.log());
    sb.s_log_cluster_size = U32::new(geometry.block_size.log());
    sb.s_blocks_per_group = per_group;
    sb.s_clusters_per_group = per_group;
    sb.s_inodes_per_group = U32::new(low_u32(geometry.inodes_per_group));
    // No check is due after some number of mounts.
    sb.s_max_mnt_count = U16::new(u16::MAX);
    sb.s_magic = U16::new(MAGIC);
    sb.s_state = U16::new(STATE_CLEAN);
    sb.s_errors = U16::new(ERRORS_CONTINUE);
    sb.s_rev_level = U32::new(REVISION_DYNAMIC);
    sb.s_first_ino = U32::new(special::FIRST_ORDINARY);
    sb.s_inode_size = U16::new(low_u16(inode::SIZE));
    sb.s_reserved_gdt_blocks = U16::new(low_u16(geometry.reserved_descriptor_blocks));
    sb.s_def_hash_version = HASH_HALF_MD4;
    sb.s_flags = U32::new(FLAG_SIGNED_HASH);
    sb.s_desc_size = U16::new(low_u16(group::SIZE));
    sb.s_default_mount_opts = U32::new(MOUNT_XATTR_AND_ACL);
    sb.s_min_extra_isize = U16::new(inode::EXTRA_SIZE);
    sb.s_want_extra_isize = U16::new(inode::EXTRA_SIZE);
    sb.s_log_groups_per_flex = LOG_GROUPS_PER_FLEX;
    sb.s_checksum_type = CHECKSUM_CRC32C;
}

fn put_features(sb: &mut Superblock, geometry: &Geometry) {
    let mut compatible = compat::EXT_ATTR | compat::DIR_INDEX;
    if geometry.journal_blocks > 0 {
        compatible |= compat::HAS_JOURNAL;
    }
    let mut read_only = ro_compat::SPARSE_SUPER
        | ro_compat::HUGE_FILE
        | ro_compat::DIR_NLINK
        | ro_compat::EXTRA_ISIZE
        | ro_compat::METADATA_CSUM;
    if geometry.reserved_descriptor_blocks > 0 {
        compatible |= compat::RESIZE_INODE;
    }
    // Set always, as mke2fs does: a kernel would set it with the first file of 2 GiB.
    read_only |= ro_compat::LARGE_FILE;
    sb.s_feature_compat = U32::new(compatible);
    sb.s_feature_incompat =
        U32::new(incompat::FILETYPE | incompat::EXTENTS | incompat::BIT64 | incompat::FLEX_BG);
    sb.s_feature_ro_compat = U32::new(read_only);
}

fn put_times(sb: &mut Superblock, options: &Options) {
    // These fields have 40 bits, unsigned: what is before 1970 counts as 1970.
    let seconds = u64::try_from(options.timestamp.seconds).unwrap_or(0);
    let (low, high) = (U32::new(low_u32(seconds)), low_u8(u64::from(high_u32(seconds))));
    (sb.s_wtime, sb.s_wtime_hi) = (low, high);
    (sb.s_lastcheck, sb.s_lastcheck_hi) = (low, high);
    (sb.s_mkfs_time, sb.s_mkfs_time_hi) = (low, high);
}

fn halves(value: u64) -> (U32, U32) {
    (U32::new(low_u32(value)), U32::new(high_u32(value)))
}

/// A group with its descriptor and bitmaps.
#[derive(Debug)]
pub(super) struct GroupContent {
    /// The descriptor, its checksum included.
    pub descriptor: GroupDescriptor,
    /// The block bitmap; `None` where the descriptor says that it was not written.
    pub block_bitmap: Option<Vec<u8>>,
    /// The inode bitmap; `None` where the descriptor says that it was not written.
    pub inode_bitmap: Option<Vec<u8>>,
}

/// Makes the groups of a layout one after the other.
#[derive(Debug)]
pub(super) struct Groups<'l, 't> {
    /// What is placed.
    pub survey: &'l Survey<'t>,
    /// Where.
    pub layout: &'l Layout,
    /// What checksums start from.
    pub seed: ChecksumSeed,
    /// The rest of the inode tables.
    pub unused_tables: UnusedTables,
}

impl Groups<'_, '_> {
    /// The content of group `number`.
    pub fn group(&self, number: u64) -> GroupContent {
        let geometry = &self.layout.geometry;
        let blocks = geometry.group(number);
        let per_group = geometry.inodes_per_group;
        let inodes_used = self.survey.inodes_in(number, per_group);
        let free: u64 = bitmap::overlapping(blocks, &self.layout.free).map(|run| run.blocks).sum();
        let mut descriptor = self.descriptor(number);
        set(&mut descriptor.bg_free_blocks_count_lo, &mut descriptor.bg_free_blocks_count_hi, free);
        let unused = per_group - inodes_used;
        set(&mut descriptor.bg_free_inodes_count_lo, &mut descriptor.bg_free_inodes_count_hi, unused);
        set(&mut descriptor.bg_itable_unused_lo, &mut descriptor.bg_itable_unused_hi, unused);
        let folders = self.directories(number, inodes_used);
        set(&mut descriptor.bg_used_dirs_count_lo, &mut descriptor.bg_used_dirs_count_hi, folders);
        let mut flags = match self.unused_tables {
            UnusedTables::Zero => INODE_ZEROED,
            UnusedTables::LeaveToKernel => 0,
        };
        let block_bitmap = if self.holds_only_copies(number, blocks, free) {
            flags |= BLOCK_UNINIT;
            None
        } else {
            let bits = bitmap::of_blocks(blocks, &self.layout.free, geometry.block_size);
            let sum = self.seed.bitmap(&bits);
            set(&mut descriptor.bg_block_bitmap_csum_lo, &mut descriptor.bg_block_bitmap_csum_hi, sum.into());
            Some(bits)
        };
        let inode_bitmap = if inodes_used == 0 {
            flags |= INODE_UNINIT;
            None
        } else {
            let bits = bitmap::of_inodes(inodes_used, per_group, geometry.block_size);
            let sum = self.seed.bitmap(&bits[..usize_of(per_group / 8)]);
            set(&mut descriptor.bg_inode_bitmap_csum_lo, &mut descriptor.bg_inode_bitmap_csum_hi, sum.into());
            Some(bits)
        };
        descriptor.bg_flags = U16::new(flags);
        let size = size_of::<GroupDescriptor>();
        descriptor.bg_checksum = U16::new(self.seed.group(low_u32(number), &descriptor, size));
        GroupContent { descriptor, block_bitmap, inode_bitmap }
    }

    /// Whether a kernel can tell the block bitmap by itself: nothing is in use but the group's copies of
    /// superblock and descriptors. The last group's is always written, as `mke2fs` does.
    fn holds_only_copies(&self, number: u64, blocks: Run, free: u64) -> bool {
        let geometry = &self.layout.geometry;
        number + 1 < geometry.groups && free + geometry.base_blocks(number) == blocks.blocks
    }

    /// The places of bitmaps and table.
    fn descriptor(&self, number: u64) -> GroupDescriptor {
        let places = self.layout.groups[usize_of(number)];
        let mut descriptor = GroupDescriptor::new_zeroed();
        (descriptor.bg_block_bitmap_lo, descriptor.bg_block_bitmap_hi) = halves(places.block_bitmap.0);
        (descriptor.bg_inode_bitmap_lo, descriptor.bg_inode_bitmap_hi) = halves(places.inode_bitmap.0);
        (descriptor.bg_inode_table_lo, descriptor.bg_inode_table_hi) = halves(places.inode_table.0);
        descriptor
    }

    /// How many of the group's inodes are directories.
    fn directories(&self, number: u64, inodes_used: u64) -> u64 {
        let first = number * self.layout.geometry.inodes_per_group + 1;
        let is_directory = |inode: &u64| match self.survey.role(InodeNumber(low_u32(*inode))) {
            Role::Node(id) => matches!(self.survey.tree.node(id).kind, Kind::Directory(_)),
            Role::LostFound => true,
            Role::Unused | Role::Resize | Role::Journal => false,
        };
        u64_of((first..first + inodes_used).filter(is_directory).count())
    }
}

/// Splits `value` into two 16-bit halves.
fn set(low: &mut U16, high: &mut U16, value: u64) {
    *low = U16::new(low_u16(value));
    *high = U16::new(low_u16(value >> 16));
}

/// The time of the file system's own inodes. Times out of range become the epoch; a tree's own are checked.
pub(super) fn own_time(options: &Options) -> DiskTime {
    DiskTime::encode(options.timestamp).unwrap_or_default()
}
