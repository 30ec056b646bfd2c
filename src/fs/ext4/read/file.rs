//! The bytes of files and links as they are read.

use std::sync::{Arc, OnceLock};

use super::super::block::{Extent, InodeNumber};
use super::super::error::{Ext4Error, Place};
use super::inode::{Inode, InodeKind};
use super::{Reader, corrupt};
use crate::error::chain;
use crate::tree::{ContentError, Source};
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

impl<B: Block> Reader<B> {
    /// The ranges of file `inode` that hold data, ascending and within its size.
    pub fn data_ranges(&self, inode: &Inode) -> Result<Vec<ByteRange>, Ext4Error> {
        let size = self.block_size.bytes();
        let clipped = |extent: &Extent| {
            let start = (u64::from(extent.logical) * size).min(inode.size());
            let end = (start + u64::from(extent.blocks) * size).min(inode.size());
            ByteRange::new(start, end - start)
        };
        let mut ranges: Vec<ByteRange> = Vec::new();
        for range in self.map(inode)?.extents.iter().filter_map(clipped).filter(|range| !range.is_empty()) {
            match ranges.last_mut() {
                Some(last) if last.end() == range.start() => {
                    *last = ByteRange::new(last.start(), last.len() + range.len()).unwrap_or(*last);
                }
                _ => ranges.push(range),
            }
        }
        Ok(ranges)
    }

    /// Fills `buffer` from byte `offset` of file `inode`; all of it must be within the file's size.
    pub fn read_at(&self, inode: &Inode, buffer: &mut [u8], offset: u64) -> Result<(), Ext4Error> {
        self.read_extents(inode, &self.map(inode)?.extents, buffer, offset)
    }

    fn read_extents(
        &self,
        inode: &Inode,
        extents: &[Extent],
        buffer: &mut [u8],
        offset: u64,
    ) -> Result<(), Ext4Error> {
        let end = offset.checked_add(u64_of(buffer.len())).filter(|end| *end <= inode.size());
        let Some(end) = end else {
            return Err(corrupt(Place::Inode(inode.number.0), "read past the end of the file"));
        };
        buffer.fill(0);
        let size = self.block_size.bytes();
        let first = extents.partition_point(|extent| {
            (u64::from(extent.logical) + u64::from(extent.blocks)) * size <= offset
        });
        for extent in &extents[first..] {
            let from = u64::from(extent.logical) * size;
            let (start, stop) = (from.max(offset), (from + u64::from(extent.blocks) * size).min(end));
            if from >= end {
                break;
            }
            let part = &mut buffer[usize_of(start - offset)..usize_of(stop - offset)];
            self.block.read_at(part, extent.start.offset(self.block_size) + (start - from))?;
        }
        Ok(())
    }

    /// The target of symbolic link `inode`.
    pub fn target(&self, inode: &Inode) -> Result<Vec<u8>, Ext4Error> {
        let wrong = |what: &str| corrupt(Place::Inode(inode.number.0), what);
        if inode.kind() != InodeKind::Symlink {
            return Err(wrong("it is not a symbolic link"));
        }
        if !inode.has_blocks() {
            let target = inode.fields.i_block.get(..usize_of(inode.size()));
            return Ok(target.ok_or_else(|| wrong("the link is longer than its place"))?.to_vec());
        }
        if inode.size() >= self.block_size.bytes() {
            return Err(wrong("the link is longer than a block"));
        }
        let mut target = vec![0; usize_of(inode.size())];
        self.read_at(inode, &mut target, 0)?;
        Ok(target)
    }
}

/// The bytes of one file, for a tree: where they are is found out when they are wanted.
pub(super) struct FileSource<B> {
    reader: Arc<Reader<B>>,
    number: InodeNumber,
    len: u64,
    opened: OnceLock<(Inode, Vec<Extent>)>,
}

impl<B: Block> FileSource<B> {
    /// The content of `inode` of the file system that `reader` reads.
    pub fn new(reader: Arc<Reader<B>>, inode: &Inode) -> Self {
        Self { reader, number: inode.number, len: inode.size(), opened: OnceLock::new() }
    }

    fn open(&self) -> Result<&(Inode, Vec<Extent>), Ext4Error> {
        if let Some(opened) = self.opened.get() {
            return Ok(opened);
        }
        let inode = self.reader.inode(self.number)?;
        let extents = self.reader.map(&inode)?.extents;
        Ok(self.opened.get_or_init(|| (inode, extents)))
    }
}

impl<B: Block> Source for FileSource<B> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError> {
        let mut read = || {
            let (inode, extents) = self.open()?;
            self.reader.read_extents(inode, extents, buffer, offset)
        };
        read().map_err(|error: Ext4Error| ContentError::Source(chain(&error)))
    }
}
