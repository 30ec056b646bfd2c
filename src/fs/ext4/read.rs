//! Reading: opens a file system, verifying every checksum on the way, and gives back what is in it.
//!
//! Reads what this writer, `mke2fs` and the kernel make with blocks of 1 to 4 KiB, block maps of ext2 and
//! ext3 included. A journal that holds changes is not replayed. Nothing that is read is trusted: every
//! number is compared with the bounds that the superblock and the Block give before it is used.

mod bits;
mod blockmap;
mod check;
mod directory;
mod file;
mod inode;
mod map;
mod tree;
mod xattr;

use uuid::Uuid;
use zerocopy::{FromZeros, IntoBytes};

use super::block::{BlockNumber, BlockSize, InodeNumber, Run};
use super::checksum::{self, ChecksumSeed};
use super::error::{Corruption, Ext4Error, Place};
use super::format::group::{self, GroupDescriptor};
use super::format::superblock::{FLAG_SIGNED_HASH, MAGIC, OFFSET, REVISION_DYNAMIC, STATE_CLEAN, Superblock};
use super::format::{compat, incompat, ro_compat, special};
use super::geometry;
use super::hash::{HashSeed, Signedness};
use crate::units::{ByteSize, u64_of, usize_of};
use crate::volume::Block;

pub use directory::DirectoryEntry;
pub use inode::{Inode, InodeKind};

/// The features without which a file system cannot be understood that we do understand.
const KNOWN_INCOMPATIBLE: u32 = incompat::FILETYPE
    | incompat::RECOVER
    | incompat::EXTENTS
    | incompat::BIT64
    | incompat::FLEX_BG
    | incompat::CSUM_SEED
    | incompat::LARGEDIR;

/// An ext4 file system that can be read.
#[derive(Clone, Debug)]
pub struct Reader<B> {
    block: B,
    superblock: Superblock,
    groups: Vec<GroupDescriptor>,
    block_size: BlockSize,
    seed: ChecksumSeed,
}

/// Opens the file system on `block`: superblock and group descriptors are read and checked.
///
/// Fails with [`Ext4Error::Corrupt`] where there is none or a damaged one, and with
/// [`Ext4Error::Unsupported`] where it needs a feature that this reader lacks.
pub fn read<B: Block>(block: B) -> Result<Reader<B>, Ext4Error> {
    let mut superblock = Superblock::new_zeroed();
    if block.len() < OFFSET + u64_of(size_of::<Superblock>()) {
        return Err(corrupt(Place::Superblock, "the volume is too small for an ext4 file system"));
    }
    block.read_at(superblock.as_mut_bytes(), OFFSET)?;
    let block_size = check_superblock(&superblock, block.len())?;
    let seed = match superblock.s_feature_incompat.get() & incompat::CSUM_SEED {
        0 => ChecksumSeed::from_uuid(Uuid::from_bytes(superblock.s_uuid)),
        _ => ChecksumSeed::from_stored(superblock.s_checksum_seed.get()),
    };
    let mut reader = Reader { block, superblock, groups: Vec::new(), block_size, seed };
    reader.groups = reader.read_groups(reader.first_data_block().plus(1))?;
    for (number, descriptor) in (0..).zip(&reader.groups) {
        reader.check_group(number, descriptor)?;
    }
    Ok(reader)
}

impl<B: Block> Reader<B> {
    /// The label; bytes that are not UTF-8 are replaced.
    pub fn label(&self) -> String {
        let name = self.superblock.s_volume_name;
        let end = name.iter().position(|byte| *byte == 0).unwrap_or(name.len());
        String::from_utf8_lossy(&name[..end]).into_owned()
    }

    /// Identity of the file system.
    pub fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.superblock.s_uuid)
    }

    /// Size of the file system.
    pub fn size(&self) -> ByteSize {
        ByteSize(self.blocks() * self.block_size.bytes())
    }

    /// Free space, what is reserved for root included.
    pub fn free(&self) -> ByteSize {
        let sb = &self.superblock;
        let blocks = join(sb.s_free_blocks_count_lo.get(), self.high(sb.s_free_blocks_count_hi.get()));
        ByteSize(blocks.saturating_mul(self.block_size.bytes()))
    }

    /// Size of a block.
    pub fn block_size(&self) -> BlockSize {
        self.block_size
    }

    /// How many inodes are in use, and how many there are.
    pub fn inodes(&self) -> (u32, u32) {
        let all = self.superblock.s_inodes_count.get();
        (all.saturating_sub(self.superblock.s_free_inodes_count.get()), all)
    }

    /// Whether it was unmounted, so that the journal holds nothing that is not in place.
    pub fn is_clean(&self) -> bool {
        self.superblock.s_feature_incompat.get() & incompat::RECOVER == 0
            && self.superblock.s_state.get() & STATE_CLEAN != 0
    }

    /// The superblock as it stands on disk.
    pub(super) fn superblock(&self) -> &Superblock {
        &self.superblock
    }

    /// The group descriptors as they stand on disk.
    pub(super) fn groups(&self) -> &[GroupDescriptor] {
        &self.groups
    }

    fn has_compat(&self, feature: u32) -> bool {
        self.superblock.s_feature_compat.get() & feature != 0
    }

    fn has_checksums(&self) -> bool {
        self.superblock.s_feature_ro_compat.get() & ro_compat::METADATA_CSUM != 0
    }

    /// Whether groups may say that their bitmaps or tables were never written.
    fn has_uninit_groups(&self) -> bool {
        self.superblock.s_feature_ro_compat.get() & (ro_compat::METADATA_CSUM | ro_compat::GDT_CSUM) != 0
    }

    fn is_64bit(&self) -> bool {
        self.superblock.s_feature_incompat.get() & incompat::BIT64 != 0
    }

    /// The high half of a number, which means something only with the feature `64bit`.
    fn high(&self, half: u32) -> u32 {
        if self.is_64bit() { half } else { 0 }
    }

    /// Bytes of a group descriptor.
    fn descriptor_size(&self) -> u64 {
        descriptor_size(&self.superblock)
    }

    /// All blocks.
    fn blocks(&self) -> u64 {
        blocks(&self.superblock)
    }

    fn first_data_block(&self) -> BlockNumber {
        BlockNumber(self.superblock.s_first_data_block.get().into())
    }

    /// The blocks of group `number`.
    fn group_blocks(&self, number: u64) -> Run {
        let per_group = u64::from(self.superblock.s_blocks_per_group.get());
        let start = self.first_data_block().plus(number * per_group);
        Run::new(start, self.blocks().saturating_sub(start.0).min(per_group))
    }

    /// Whether group `number` has copies of superblock and descriptors.
    fn has_copies(&self, number: u64) -> bool {
        if self.has_compat(compat::SPARSE_SUPER2) {
            let groups = self.superblock.s_backup_bgs.map(|group| u64::from(group.get()));
            return number == 0 || groups.contains(&number);
        }
        let sparse = self.superblock.s_feature_ro_compat.get() & ro_compat::SPARSE_SUPER != 0;
        !sparse || geometry::has_backup(number)
    }

    /// Blocks that the copies of superblock and descriptors take in group `number`.
    fn copies_blocks(&self, number: u64) -> u64 {
        if !self.has_copies(number) {
            return 0;
        }
        let reserved = match self.has_compat(compat::RESIZE_INODE) {
            true => u64::from(self.superblock.s_reserved_gdt_blocks.get()),
            false => 0,
        };
        1 + self.descriptor_blocks() + reserved
    }

    fn descriptor_blocks(&self) -> u64 {
        self.block_size.blocks_for(u64_of(self.groups.len()) * self.descriptor_size())
    }

    fn hash_seed(&self) -> HashSeed {
        HashSeed::from_words(self.superblock.s_hash_seed.map(|word| word.get()))
    }

    fn hash_signedness(&self) -> Signedness {
        match self.superblock.s_flags.get() & FLAG_SIGNED_HASH {
            0 => Signedness::Unsigned,
            _ => Signedness::Signed,
        }
    }

    /// The descriptors that start at block `start`.
    fn read_groups(&self, start: BlockNumber) -> Result<Vec<GroupDescriptor>, Ext4Error> {
        let size = self.descriptor_size();
        let count = group_count(&self.superblock);
        let offset = start.offset(self.block_size);
        let end = offset.checked_add(count * size);
        // Before memory is taken: the count comes from the disk.
        if end.is_none_or(|end| end > self.size().bytes()) {
            return Err(corrupt(Place::Superblock, "the group descriptors do not fit the file system"));
        }
        let mut bytes = vec![0; usize_of(count * size)];
        self.block.read_at(&mut bytes, offset)?;
        let known = usize_of(size.min(group::SIZE));
        let descriptor = |bytes: &[u8]| {
            let mut descriptor = GroupDescriptor::new_zeroed();
            descriptor.as_mut_bytes()[..known].copy_from_slice(&bytes[..known]);
            descriptor
        };
        Ok(bytes.chunks_exact(usize_of(size)).map(descriptor).collect())
    }

    fn check_group(&self, number: u32, descriptor: &GroupDescriptor) -> Result<(), Ext4Error> {
        if self.has_checksums() {
            let size = usize_of(self.descriptor_size().min(group::SIZE));
            let expected = self.seed.group(number, descriptor, size);
            if descriptor.bg_checksum.get() != expected {
                return Err(corrupt(Place::Group(number), "the descriptor's checksum is wrong"));
            }
        }
        let table_end = self.inode_table(descriptor).plus(self.table_blocks());
        let ends = [self.block_bitmap(descriptor).plus(1), self.inode_bitmap(descriptor).plus(1), table_end];
        if ends.iter().any(|end| end.0 > self.blocks()) {
            return Err(corrupt(
                Place::Group(number),
                "bitmaps or inode table lie outside of the file system",
            ));
        }
        Ok(())
    }

    /// Blocks of an inode table.
    fn table_blocks(&self) -> u64 {
        let inodes = u64::from(self.superblock.s_inodes_per_group.get());
        self.block_size.blocks_for(inodes * u64::from(self.superblock.s_inode_size.get()))
    }

    fn block_bitmap(&self, descriptor: &GroupDescriptor) -> BlockNumber {
        self.address(descriptor.bg_block_bitmap_lo.get(), descriptor.bg_block_bitmap_hi.get())
    }

    fn inode_bitmap(&self, descriptor: &GroupDescriptor) -> BlockNumber {
        self.address(descriptor.bg_inode_bitmap_lo.get(), descriptor.bg_inode_bitmap_hi.get())
    }

    fn inode_table(&self, descriptor: &GroupDescriptor) -> BlockNumber {
        self.address(descriptor.bg_inode_table_lo.get(), descriptor.bg_inode_table_hi.get())
    }

    fn address(&self, low: u32, high: u32) -> BlockNumber {
        BlockNumber(join(low, self.high(high)))
    }

    /// The bytes of the block at `place`, which belongs to inode `owner`.
    fn block_of(&self, owner: InodeNumber, place: BlockNumber) -> Result<Vec<u8>, Ext4Error> {
        if place.0 >= self.blocks() || place <= self.first_data_block() {
            let what = format!("it refers to block {place}, which is not one of the file system's");
            return Err(corrupt(Place::Inode(owner.0), what));
        }
        self.block_at(place)
    }

    /// The bytes of the block at `place`.
    fn block_at(&self, place: BlockNumber) -> Result<Vec<u8>, Ext4Error> {
        let mut bytes = vec![0; usize_of(self.block_size.bytes())];
        self.block.read_at(&mut bytes, place.offset(self.block_size))?;
        Ok(bytes)
    }

    /// The root directory.
    pub fn root(&self) -> Result<Inode, Ext4Error> {
        self.inode(InodeNumber(special::ROOT))
    }

    /// The inode at `path` (parts separated by `/`, links not followed), or `None` where there is none.
    pub fn lookup(&self, path: &str) -> Result<Option<Inode>, Ext4Error> {
        let mut here = self.root()?;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            if here.kind() != InodeKind::Directory {
                return Ok(None);
            }
            let found = self.entries(&here)?.into_iter().find(|entry| entry.name == part.as_bytes());
            match found {
                Some(entry) => here = self.inode(InodeNumber(entry.inode))?,
                None => return Ok(None),
            }
        }
        Ok(Some(here))
    }
}

/// Checks that the superblock makes sense on a volume of `len` bytes; the block size.
fn check_superblock(sb: &Superblock, len: u64) -> Result<BlockSize, Ext4Error> {
    let wrong = |what: &str| Err(corrupt(Place::Superblock, what));
    if sb.s_magic.get() != MAGIC {
        return wrong("there is no ext4 file system");
    }
    let unknown = sb.s_feature_incompat.get() & !KNOWN_INCOMPATIBLE;
    if unknown != 0 {
        return Err(Ext4Error::Unsupported(format!("features unknown here (incompatible {unknown:#x})")));
    }
    if sb.s_feature_ro_compat.get() & ro_compat::METADATA_CSUM != 0
        && sb.s_checksum.get() != checksum::superblock(sb)
    {
        return wrong("its checksum is wrong");
    }
    if sb.s_rev_level.get() < REVISION_DYNAMIC {
        return Err(Ext4Error::Unsupported("the first revision of the format".to_owned()));
    }
    let Some(block_size) = [BlockSize::B1024, BlockSize::B2048, BlockSize::B4096]
        .into_iter()
        .find(|size| size.log() == sb.s_log_block_size.get())
    else {
        return Err(Ext4Error::Unsupported("blocks larger than 4 KiB".to_owned()));
    };
    let blocks = blocks(sb);
    if blocks.checked_mul(block_size.bytes()).is_none_or(|bytes| bytes > len) {
        return wrong("the file system is larger than its volume");
    }
    let per_group = u64::from(sb.s_blocks_per_group.get());
    if per_group == 0 || per_group > block_size.blocks_per_group() || !per_group.is_multiple_of(8) {
        return wrong("the number of blocks in a group is impossible");
    }
    let first = u64::from(sb.s_first_data_block.get());
    if first != u64::from(block_size == BlockSize::B1024) || blocks <= first {
        return wrong("the number of blocks is impossible");
    }
    let inode_size = u64::from(sb.s_inode_size.get());
    if !inode_size.is_power_of_two() || inode_size < 128 || inode_size > block_size.bytes() {
        return wrong("the size of inodes is impossible");
    }
    let inodes = u64::from(sb.s_inodes_per_group.get());
    if inodes == 0 || inodes > block_size.blocks_per_group() || !inodes.is_multiple_of(8) {
        return wrong("the number of inodes in a group is impossible");
    }
    let size = descriptor_size(sb);
    if !size.is_power_of_two() || size < group::SIZE_32BIT || size > block_size.bytes() {
        return wrong("the size of group descriptors is impossible");
    }
    if group_count(sb).checked_mul(inodes) != Some(sb.s_inodes_count.get().into()) {
        return wrong("the number of inodes is not that of its groups");
    }
    Ok(block_size)
}

fn blocks(sb: &Superblock) -> u64 {
    let high = match sb.s_feature_incompat.get() & incompat::BIT64 {
        0 => 0,
        _ => sb.s_blocks_count_hi.get(),
    };
    join(sb.s_blocks_count_lo.get(), high)
}

fn group_count(sb: &Superblock) -> u64 {
    (blocks(sb) - u64::from(sb.s_first_data_block.get())).div_ceil(sb.s_blocks_per_group.get().into())
}

fn descriptor_size(sb: &Superblock) -> u64 {
    match sb.s_feature_incompat.get() & incompat::BIT64 {
        0 => group::SIZE_32BIT,
        _ => u64::from(sb.s_desc_size.get()),
    }
}

/// A number from its halves.
fn join(low: u32, high: u32) -> u64 {
    u64::from(low) | u64::from(high) << 32
}

/// The error for something wrong at `place`.
fn corrupt(place: Place, what: impl Into<String>) -> Ext4Error {
    Corruption::new(place, what).into()
}
