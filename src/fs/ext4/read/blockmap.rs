//! Where an inode's blocks are, the older way ("The Contents of inode.i_block", section
//! "Direct/Indirect Block Addressing"): pointers to blocks, to
//! blocks of pointers, and so on three deep. The resize inode has such a map, and files of ext2 and ext3.

use super::super::block::{BlockNumber, Extent};
use super::super::error::{Ext4Error, Place};
use super::inode::Inode;
use super::map::Map;
use super::{Reader, corrupt};
use crate::volume::Block;

/// Pointers in `i_block` that lead to content; the three behind them are one, two and three steps away.
const DIRECT: usize = 12;

impl<B: Block> Reader<B> {
    /// Where the blocks of `inode` are, whose `i_block` holds pointers.
    pub(super) fn block_map(&self, inode: &Inode) -> Result<Map, Ext4Error> {
        let mut walk = Walk { reader: self, inode, map: Map::default(), visited: 0 };
        let mut logical = 0;
        for (slot, pointer) in inode.fields.i_block.as_chunks::<4>().0.iter().enumerate() {
            let steps = u32::try_from(slot.saturating_sub(DIRECT - 1)).unwrap_or(0);
            logical = walk.pointer(u32::from_le_bytes(*pointer), logical, steps)?;
        }
        Ok(walk.map)
    }
}

struct Walk<'w, B> {
    reader: &'w Reader<B>,
    inode: &'w Inode,
    map: Map,
    /// Blocks met so far. More than the file system has means that one was met twice.
    visited: u64,
}

impl<B: Block> Walk<'_, B> {
    /// Follows `pointer`, which stands for what follows block `logical` of the file and is `steps` away from
    /// content; the block of the file behind it.
    fn pointer(&mut self, pointer: u32, logical: u64, steps: u32) -> Result<u64, Ext4Error> {
        let pointers = self.reader.block_size.bytes() / 4;
        let end = logical + pointers.pow(steps);
        if pointer == 0 {
            return Ok(end);
        }
        self.visited += 1;
        if self.visited > self.reader.blocks() {
            return Err(corrupt(Place::Inode(self.inode.number.0), "its map of blocks leads in circles"));
        }
        let place = BlockNumber(pointer.into());
        if steps == 0 {
            return self.content(place, logical).map(|()| end);
        }
        let bytes = self.reader.block_of(self.inode.number, place)?;
        self.map.nodes.push(place);
        let mut at = logical;
        for pointer in bytes.as_chunks::<4>().0 {
            at = self.pointer(u32::from_le_bytes(*pointer), at, steps - 1)?;
        }
        Ok(end)
    }

    fn content(&mut self, place: BlockNumber, logical: u64) -> Result<(), Ext4Error> {
        let number = self.inode.number.0;
        if place.0 >= self.reader.blocks() || place <= self.reader.first_data_block() {
            return Err(corrupt(Place::Inode(number), format!("it refers to block {place}, which is none")));
        }
        let Ok(first) = u32::try_from(logical) else {
            return Err(corrupt(Place::Inode(number), "its map of blocks is longer than a file can be"));
        };
        match self.map.extents.last_mut() {
            Some(last)
                if u64::from(last.logical) + u64::from(last.blocks) == logical
                    && last.start.plus(last.blocks.into()) == place =>
            {
                last.blocks += 1;
            }
            _ => self.map.extents.push(Extent { logical: first, blocks: 1, start: place }),
        }
        Ok(())
    }
}
