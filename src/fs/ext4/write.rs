//! Writing: emits what the layout has decided, front to back, the superblock last.

use zerocopy::IntoBytes;

use super::batch::{Batch, empty_block};
use super::block::{BlockNumber, BlockSize, InodeNumber};
use super::checksum::ChecksumSeed;
use super::data::{self, Copying};
use super::directory::{Family, leaf_block};
use super::error::Ext4Error;
use super::format::superblock::{OFFSET, Superblock};
use super::format::{group, inode, special};
use super::inode::INODE_BYTES;
use super::journal;
use super::layout::Layout;
use super::measure::layout_in;
use super::options::{Options, UnusedTables};
use super::resize;
use super::superblock::{GroupContent, Groups, copy_for, own_time, put_journal, superblock};
use super::survey::{Directory, Survey};
use super::table::Table;
use super::xattr::XattrPlan;
use crate::progress::Step;
use crate::tree::{Kind, NodeId, Tree};
use crate::units::{ByteRange, ByteSize, low_u32, usize_of};
use crate::volume::{Block, BlockError};

/// Inodes encoded before they are written.
const TABLE_CHUNK: u64 = 1024;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The file system; what a Block is longer is not used.
    pub size: ByteSize,
    /// Free space, what is reserved for root included.
    pub free: ByteSize,
    /// Inodes in use, the reserved ones included.
    pub inodes: u32,
    /// Files that had to be divided because no free stretch was long enough.
    pub divided_files: u64,
}

/// Fills `block` with an ext4 file system that holds `tree`, reporting the bytes of files to `step`.
///
/// Refuses before the first byte is written when the tree, with the free space of `options`, does not fit, or
/// holds something that ext4 cannot store. What was on `block` before is of no influence. The superblock is
/// written last, so an interrupted run leaves no file system that looks whole; the caller flushes.
pub fn write(
    tree: &Tree,
    options: &Options,
    block: &dyn Block,
    step: Step<'_>,
) -> Result<Written, Ext4Error> {
    let survey = Survey::new(tree, options)?;
    let layout = layout_in(&survey, options, block.len() / options.block_size.bytes())?;
    let seed = ChecksumSeed::from_uuid(options.uuid);
    let writer = Writer {
        survey: &survey,
        layout: &layout,
        options,
        block,
        table: Table { survey: &survey, layout: &layout, seed, time: own_time(options) },
        groups: Groups { survey: &survey, layout: &layout, seed, unused_tables: options.unused_tables },
    };
    writer.erase()?;
    let metadata = || writer.groups().and_then(|()| writer.content());
    data::copy(&survey, &layout, block, Copying { threads: options.threads, step, beside: &metadata })?;
    writer.primary_superblock()?;
    Ok(Written {
        size: layout.geometry.size(),
        free: ByteSize(layout.free_blocks() * options.block_size.bytes()),
        inodes: survey.last_inode(),
        divided_files: layout.divided_files(),
    })
}

struct Writer<'w, 't> {
    survey: &'w Survey<'t>,
    layout: &'w Layout,
    options: &'w Options,
    block: &'w dyn Block,
    table: Table<'w, 't>,
    groups: Groups<'w, 't>,
}

impl Writer<'_, '_> {
    fn block_size(&self) -> BlockSize {
        self.options.block_size
    }

    /// Makes zero what must be and is not written below: the front, the journal, the tables' unused part.
    fn erase(&self) -> Result<(), Ext4Error> {
        // Boot area, primary superblock and descriptors: nothing of an older file system may be found there.
        let geometry = &self.layout.geometry;
        let front = geometry.group(0).start.plus(geometry.base_blocks(0));
        self.zero(BlockNumber(0), front.0)?;
        for extent in self.layout.map(InodeNumber(special::JOURNAL)).extents {
            self.zero(extent.start, u64::from(extent.blocks))?;
        }
        // Tables of one flexible group lie side by side: one call for each stretch of them.
        let mut stretch = (BlockNumber(0), 0);
        for number in 0..geometry.groups {
            let (start, blocks) = self.unused_table(number);
            if stretch.0.plus(stretch.1) == start {
                stretch.1 += blocks;
            } else {
                self.zero(stretch.0, stretch.1)?;
                stretch = (start, blocks);
            }
        }
        self.zero(stretch.0, stretch.1)?;
        Ok(())
    }

    /// The blocks of a group's inode table that hold no inode and are to be zero: where, and how many.
    fn unused_table(&self, number: u64) -> (BlockNumber, u64) {
        let geometry = &self.layout.geometry;
        let used = self.survey.inodes_in(number, geometry.inodes_per_group);
        let used_blocks = self.block_size().blocks_for(used * inode::SIZE);
        let start = self.layout.groups[usize_of(number)].inode_table.plus(used_blocks);
        match self.options.unused_tables {
            UnusedTables::Zero => (start, geometry.table_blocks - used_blocks),
            UnusedTables::LeaveToKernel => (start, 0),
        }
    }

    fn zero(&self, start: BlockNumber, blocks: u64) -> Result<(), BlockError> {
        let (offset, len) = (start.offset(self.block_size()), blocks * self.block_size().bytes());
        let range = ByteRange::new(offset, len)
            .ok_or_else(|| BlockError::out_of_range("the file system", offset, len, self.block.len()))?;
        self.block.zero_range(range)
    }

    /// Descriptors with their copies, bitmaps, inode tables.
    fn groups(&self) -> Result<(), Ext4Error> {
        let geometry = &self.layout.geometry;
        let mut batch = Batch::new(self.block, self.block_size());
        let mut descriptors = vec![0; usize_of(geometry.descriptor_blocks * self.block_size().bytes())];
        for number in 0..geometry.groups {
            let content = self.groups.group(number);
            let at = usize_of(number * group::SIZE);
            descriptors[at..at + usize_of(group::SIZE)].copy_from_slice(content.descriptor.as_bytes());
            self.bitmaps(number, &content, &mut batch)?;
        }
        batch.flush()?;
        for number in 0..geometry.groups {
            self.inode_table(number, &mut batch)?;
        }
        batch.flush()?;
        self.copies(&descriptors)
    }

    fn bitmaps(&self, number: u64, content: &GroupContent, batch: &mut Batch<'_>) -> Result<(), BlockError> {
        let places = self.layout.groups[usize_of(number)];
        if let Some(bits) = &content.block_bitmap {
            batch.put(places.block_bitmap, bits)?;
        }
        if let Some(bits) = &content.inode_bitmap {
            batch.put(places.inode_bitmap, bits)?;
        }
        Ok(())
    }

    /// The inodes in use of group `number`, in whole blocks.
    fn inode_table(&self, number: u64, batch: &mut Batch<'_>) -> Result<(), BlockError> {
        let per_group = self.layout.geometry.inodes_per_group;
        let per_block = self.block_size().bytes() / inode::SIZE;
        let first = number * per_group;
        let used = self.survey.inodes_in(number, per_group);
        let table = self.layout.groups[usize_of(number)].inode_table;
        for chunk in (0..used).step_by(usize_of(TABLE_CHUNK)) {
            let count = (used - chunk).min(TABLE_CHUNK);
            let len = usize_of(self.block_size().blocks_for(count * inode::SIZE) * self.block_size().bytes());
            let room = batch.room_at(table.plus(chunk / per_block), len)?;
            for (slot, inode) in room.as_chunks_mut::<INODE_BYTES>().0.iter_mut().zip(0..count) {
                *slot = self.table.inode(InodeNumber(low_u32(first + chunk + inode + 1)));
            }
        }
        Ok(())
    }

    /// The superblock's and the descriptors' copies, and the primary descriptors.
    fn copies(&self, descriptors: &[u8]) -> Result<(), Ext4Error> {
        let geometry = &self.layout.geometry;
        let primary = self.superblock();
        for number in geometry.backup_groups() {
            let start = geometry.group(number).start;
            self.block.write_at(descriptors, start.plus(1).offset(self.block_size()))?;
            if number > 0 {
                let mut copy = empty_block(self.block_size());
                copy[..size_of::<Superblock>()].copy_from_slice(copy_for(&primary, number).as_bytes());
                self.block.write_at(&copy, start.offset(self.block_size()))?;
            }
        }
        Ok(())
    }

    fn superblock(&self) -> Superblock {
        let mut primary = superblock(self.survey, self.layout, self.options);
        if self.layout.geometry.journal_blocks > 0 {
            let (i_block, size) = self.table.journal(InodeNumber(special::JOURNAL));
            put_journal(&mut primary, &i_block, size);
        }
        primary
    }

    fn primary_superblock(&self) -> Result<(), Ext4Error> {
        Ok(self.block.write_at(self.superblock().as_bytes(), OFFSET)?)
    }

    /// Everything with a place of its own that is no file's content, in the order of places.
    fn content(&self) -> Result<(), Ext4Error> {
        let mut batch = Batch::new(self.block, self.block_size());
        if let Some(place) = self.layout.resize_block {
            resize::write(&self.layout.geometry, place, &mut batch)?;
        }
        if self.survey.makes_lost_found() {
            self.lost_found(&mut batch)?;
        }
        for id in self.survey.nodes() {
            if let Kind::Directory(_) = self.survey.tree.node(id).kind {
                self.directory(id, &mut batch)?;
            }
        }
        for id in self.survey.nodes() {
            if let Kind::Symlink(target) = &self.survey.tree.node(id).kind {
                self.symlink(id, target, &mut batch)?;
            }
        }
        self.xattr_blocks(&mut batch)?;
        self.journal(&mut batch)?;
        self.extent_trees(&mut batch)?;
        Ok(batch.flush()?)
    }

    fn lost_found(&self, batch: &mut Batch<'_>) -> Result<(), BlockError> {
        let own = InodeNumber(special::FIRST_ORDINARY);
        let family = Family { own, parent: InodeNumber(special::ROOT) };
        let seed = self.table.seed_of(own);
        let empty = leaf_block([], self.block_size(), seed);
        let mut places = self.places(own);
        if let Some(first) = places.next() {
            batch.put(first, &leaf_block(family.entries(), self.block_size(), seed))?;
        }
        places.try_for_each(|place| batch.put(place, &empty))
    }

    fn directory(&self, id: NodeId, batch: &mut Batch<'_>) -> Result<(), Ext4Error> {
        let own = self.survey.inode(id);
        let family = Family { own, parent: self.survey.inode(self.survey.parent(id)) };
        let seed = self.table.seed_of(own);
        let mut places = self.places(own);
        let mut put = |block: Vec<u8>| match places.next() {
            Some(place) => batch.put(place, &block),
            // Both passes pack the same entries in the same way.
            None => Ok(()),
        };
        let directory =
            self.survey.directory(id).map_err(|why| Ext4Error::Unfit { path: self.survey.path(id), why })?;
        match directory {
            Directory::Block(entries) => {
                let all = family.entries().into_iter().chain(entries);
                put(leaf_block(all, self.block_size(), seed))?;
            }
            Directory::Tree(tree) => tree.write(family, seed, put)?,
        }
        Ok(())
    }

    fn symlink(&self, id: NodeId, target: &[u8], batch: &mut Batch<'_>) -> Result<(), BlockError> {
        // A short link is in its inode and has no blocks.
        self.places(self.survey.inode(id)).try_for_each(|place| {
            let mut block = empty_block(self.block_size());
            block[..target.len()].copy_from_slice(target);
            batch.put(place, &block)
        })
    }

    fn xattr_blocks(&self, batch: &mut Batch<'_>) -> Result<(), Ext4Error> {
        for ((id, refcount), place) in self.survey.xattr_blocks.iter().zip(&self.layout.xattr_blocks) {
            let xattrs = &self.survey.tree.node(id).metadata.xattrs;
            let plan = XattrPlan::new(xattrs, self.block_size())
                .map_err(|why| Ext4Error::Unfit { path: self.survey.path(id), why })?;
            batch.put(*place, &plan.block(self.block_size(), refcount, *place, self.table.seed))?;
        }
        Ok(())
    }

    fn journal(&self, batch: &mut Batch<'_>) -> Result<(), BlockError> {
        let Some(first) = self.places(InodeNumber(special::JOURNAL)).next() else { return Ok(()) };
        let mut block = empty_block(self.block_size());
        let superblock =
            journal::superblock(self.layout.geometry.journal_blocks, self.block_size(), self.options.uuid);
        block[..size_of_val(&superblock)].copy_from_slice(superblock.as_bytes());
        batch.put(first, &block)
    }

    /// The nodes of extent trees that are blocks, of whichever inode has such.
    fn extent_trees(&self, batch: &mut Batch<'_>) -> Result<(), BlockError> {
        for number in self.layout.inodes_with_tree_blocks() {
            for (place, block) in self.table.extent_tree(number).blocks {
                batch.put(place, &block)?;
            }
        }
        Ok(())
    }

    /// The blocks of inode `number` in the order of its content.
    fn places(&self, number: InodeNumber) -> impl Iterator<Item = BlockNumber> {
        let extents = self.layout.map(number).extents;
        extents.iter().flat_map(|extent| (0..u64::from(extent.blocks)).map(|index| extent.start.plus(index)))
    }
}

const _: () = assert!(TABLE_CHUNK.is_multiple_of(16), "chunks must be whole blocks of inodes");
