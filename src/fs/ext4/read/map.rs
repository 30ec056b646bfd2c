//! Where an inode's blocks are: its extent tree, walked and checked.

use zerocopy::FromBytes;

use super::super::block::{BlockNumber, Extent};
use super::super::error::{Ext4Error, Place};
use super::super::extent::node_entries;
use super::super::format::extent::{
    DEPTH_MAX, ENTRY_SIZE, Extent as DiskExtent, Header, Index, LEN_MAX, MAGIC, ROOT_ENTRIES,
};
use super::inode::Inode;
use super::{Reader, corrupt, join};
use crate::units::low_u32;
use crate::volume::Block;

/// All blocks of an inode.
#[derive(Clone, Debug, Default)]
pub(in crate::fs::ext4) struct Map {
    /// Content, ascending; what is between them is holes, and so are blocks that were allocated and not
    /// written.
    pub extents: Vec<Extent>,
    /// Blocks that were allocated and not written.
    pub unwritten: Vec<Extent>,
    /// Blocks of the map itself.
    pub nodes: Vec<BlockNumber>,
}

impl<B: Block> Reader<B> {
    /// Where the blocks of `inode` are.
    pub(in crate::fs::ext4) fn map(&self, inode: &Inode) -> Result<Map, Ext4Error> {
        let mut map = Map::default();
        if !inode.has_blocks() {
            return Ok(map);
        }
        if !inode.has_extents() {
            return self.block_map(inode);
        }
        let mut walk = Walk { reader: self, inode, map: &mut map, next: 0 };
        walk.node(&inode.fields.i_block, Place::Inode(inode.number.0), None)?;
        Ok(map)
    }
}

/// A walk through an extent tree, in the order of the file's blocks.
struct Walk<'w, B> {
    reader: &'w Reader<B>,
    inode: &'w Inode,
    map: &'w mut Map,
    /// The first block of the file that was not mapped yet. It only grows, so no node is walked twice.
    next: u64,
}

impl<B: Block> Walk<'_, B> {
    /// Walks the node in `bytes`, which must be of depth `depth` unless it is the root.
    fn node(&mut self, bytes: &[u8], place: Place, depth: Option<u16>) -> Result<(), Ext4Error> {
        let wrong = |what: &str| corrupt(place, format!("the extent tree: {what}"));
        let (header, rest) = Header::read_from_prefix(bytes).map_err(|_| wrong("no header"))?;
        let room = match depth {
            None => ROOT_ENTRIES,
            Some(_) => node_entries(self.reader.block_size),
        };
        let (entries, own_depth) = (usize::from(header.eh_entries.get()), header.eh_depth.get());
        if header.eh_magic.get() != MAGIC {
            return Err(wrong("its magic number is missing"));
        }
        if usize::from(header.eh_max.get()) > room || entries > usize::from(header.eh_max.get()) {
            return Err(wrong("more entries than there is room for"));
        }
        if own_depth > DEPTH_MAX || depth.is_some_and(|depth| depth != own_depth) {
            return Err(wrong("its depth is not that of its place"));
        }
        if entries == 0 && depth.is_some() {
            return Err(wrong("a node without entries"));
        }
        for entry in rest[..entries * ENTRY_SIZE].as_chunks::<ENTRY_SIZE>().0 {
            match own_depth {
                0 => self.extent(zerocopy::transmute!(*entry), place)?,
                _ => self.child(zerocopy::transmute!(*entry), place, own_depth - 1)?,
            }
        }
        Ok(())
    }

    fn extent(&mut self, entry: DiskExtent, place: Place) -> Result<(), Ext4Error> {
        let wrong = |what: &str| corrupt(place, format!("the extent tree: {what}"));
        let len = u64::from(entry.ee_len.get());
        let (blocks, list) = match len {
            0 => return Err(wrong("an extent without blocks")),
            1..=LEN_MAX => (len, &mut self.map.extents),
            _ => (len - LEN_MAX, &mut self.map.unwritten),
        };
        let logical = u64::from(entry.ee_block.get());
        if logical < self.next {
            return Err(wrong("extents out of order"));
        }
        self.next = logical + blocks;
        let start = join(entry.ee_start_lo.get(), entry.ee_start_hi.get().into());
        if start <= self.reader.first_data_block().0 || start + blocks > self.reader.blocks() {
            return Err(wrong("an extent outside of the file system"));
        }
        list.push(Extent {
            logical: entry.ee_block.get(),
            blocks: low_u32(blocks),
            start: BlockNumber(start),
        });
        Ok(())
    }

    fn child(&mut self, entry: Index, place: Place, depth: u16) -> Result<(), Ext4Error> {
        let wrong = |place, what: &str| corrupt(place, format!("the extent tree: {what}"));
        if u64::from(entry.ei_block.get()) < self.next {
            return Err(wrong(place, "children out of order"));
        }
        let block = BlockNumber(join(entry.ei_leaf_lo.get(), entry.ei_leaf_hi.get().into()));
        let bytes = self.reader.block_of(self.inode.number, block)?;
        let here = Place::BlockOf { inode: self.inode.number.0, block: block.0 };
        if self.reader.has_checksums() {
            let tail = ENTRY_SIZE * (node_entries(self.reader.block_size) + 1);
            let expected = self.inode.seed.extent_block(&bytes[..tail]);
            if bytes[tail..tail + 4] != expected.to_le_bytes() {
                return Err(wrong(here, "its checksum is wrong"));
            }
        }
        self.next = entry.ei_block.get().into();
        self.map.nodes.push(block);
        self.node(&bytes, here, Some(depth))
    }
}
