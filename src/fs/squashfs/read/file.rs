//! The bytes of files as they are read.

use std::sync::{Arc, OnceLock};

use super::super::error::{Place, SquashfsError};
use super::super::format::{MetadataRef, StoredSize};
use super::data::Stored;
use super::inode::FilePlace;
use super::{Inode, InodeKind, Reader, corrupt};
use crate::error::chain;
use crate::tree::{ContentError, Source};
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// Where the pieces of a file are.
#[derive(Clone, Debug)]
pub(in crate::fs::squashfs) struct FileMap {
    /// Its blocks, those of zeroes included.
    pub(super) blocks: Vec<Stored>,
    /// The fragment block with the end, and the place in it.
    tail: Option<(Stored, u32)>,
    len: u64,
}

impl FileMap {
    /// Stored sizes of the blocks.
    pub(in crate::fs::squashfs) fn sizes(&self) -> impl Iterator<Item = StoredSize> {
        self.blocks.iter().map(|block| block.size)
    }

    /// Every block that is stored, the fragment block included.
    pub(super) fn stored(&self) -> impl Iterator<Item = Stored> {
        let blocks = self.blocks.iter().copied().filter(|block| block.size != StoredSize::HOLE);
        blocks.chain(self.tail.map(|(stored, _)| stored))
    }
}

impl<B: Block> Reader<B> {
    /// Where the pieces of file `inode` are.
    pub(in crate::fs::squashfs) fn map(&self, inode: &Inode) -> Result<FileMap, SquashfsError> {
        let wrong = |what: &str| corrupt(Place::Inode(inode.place.0), what);
        let InodeKind::File(FilePlace { len, start, tail, sizes, .. }) = inode.kind else {
            return Err(wrong("it is not a file"));
        };
        let size = self.block_size();
        let count = if tail.is_some() { len / size } else { len.div_ceil(size) };
        let mut blocks = Vec::new();
        let mut next = start;
        if count > 0 {
            let mut cursor = self.inode_cursor(sizes)?;
            // The list may be cut off: it grows as it is found, not as it is promised.
            for _ in 0..count {
                let size = StoredSize(cursor.take::<zerocopy::little_endian::U32>()?.get());
                blocks.push(Stored { start: next, size });
                next = next
                    .checked_add(size.len().into())
                    .ok_or_else(|| wrong("its blocks are behind the end of the volume"))?;
            }
        }
        let tail = match tail {
            Some((_, offset)) if len % size == 0 || u64::from(offset) >= size => {
                return Err(wrong("its end cannot be in a fragment block"));
            }
            Some((number, offset)) => {
                let fragment = self.fragment(number)?;
                let (start, size) = (fragment.start_block.get(), StoredSize(fragment.size.get()));
                Some((Stored { start, size }, offset))
            }
            None => None,
        };
        Ok(FileMap { blocks, tail, len })
    }

    /// Fills `buffer` from byte `offset` of the file of `map`; all of it must be within the file.
    pub(super) fn read_map(
        &self,
        map: &FileMap,
        buffer: &mut [u8],
        offset: u64,
    ) -> Result<(), SquashfsError> {
        let size = self.block_size();
        let mut rest = buffer;
        let mut at = offset;
        while !rest.is_empty() {
            let (index, within) = (at / size, at % size);
            let block_len = map.len.saturating_sub(index.saturating_mul(size)).min(size);
            let room = block_len.saturating_sub(within).min(u64_of(rest.len()));
            if room == 0 {
                return Err(corrupt(Place::Table("inode"), "read past the end of a file"));
            }
            let (now, later) = rest.split_at_mut(usize_of(room));
            let piece = Piece { within, len: block_len };
            self.read_piece(map, index, piece, now)?;
            rest = later;
            at += room;
        }
        Ok(())
    }

    /// Fills `buffer` from within block `index` of a file.
    fn read_piece(
        &self,
        map: &FileMap,
        index: u64,
        piece: Piece,
        buffer: &mut [u8],
    ) -> Result<(), SquashfsError> {
        let short = |range| corrupt(Place::Data(range), "it holds fewer bytes than its file needs");
        let (stored, from) = match (map.blocks.get(usize_of(index)), map.tail) {
            (Some(stored), _) if stored.size == StoredSize::HOLE => {
                buffer.fill(0);
                return Ok(());
            }
            (Some(stored), _) if u64_of(buffer.len()) == piece.len => {
                // All of a block: it goes straight to where it is wanted.
                return match self.unpack(*stored, buffer)? {
                    len if u64_of(len) == piece.len => Ok(()),
                    _ => Err(short(self.range(*stored)?)),
                };
            }
            (Some(stored), _) => (*stored, piece.within),
            (None, Some((stored, offset))) => (stored, u64::from(offset) + piece.within),
            (None, None) => return Err(corrupt(Place::Table("inode"), "read past the end of a file")),
        };
        let bytes = self.unpacked(stored)?;
        let part = bytes.get(usize_of(from)..).and_then(|rest| rest.get(..buffer.len()));
        let Some(part) = part else { return Err(short(self.range(stored)?)) };
        buffer.copy_from_slice(part);
        Ok(())
    }

    /// The ranges of the file of `map` that are stored, ascending.
    pub(super) fn stored_ranges(&self, map: &FileMap) -> Vec<ByteRange> {
        let size = self.block_size();
        let mut ranges: Vec<ByteRange> = Vec::new();
        let tail_index = u64_of(map.blocks.len());
        let blocks = (0..).zip(&map.blocks).filter(|(_, block)| block.size != StoredSize::HOLE);
        for index in blocks.map(|(index, _)| index).chain(map.tail.map(|_| tail_index)) {
            let start = index * size;
            let end = start.saturating_add(size).min(map.len);
            match ranges.last_mut() {
                Some(last) if last.end() == start => {
                    *last = ByteRange::new(last.start(), end - last.start()).unwrap_or(*last);
                }
                _ => ranges.extend(ByteRange::new(start, end.saturating_sub(start))),
            }
        }
        ranges
    }
}

/// A part of a file's block.
#[derive(Clone, Copy)]
struct Piece {
    /// Where it begins in the block.
    within: u64,
    /// Bytes of the whole block.
    len: u64,
}

/// The bytes of one file, for a tree: where they are is found out when they are wanted.
pub(super) struct FileSource<B> {
    reader: Arc<Reader<B>>,
    inode: MetadataRef,
    len: u64,
    map: OnceLock<FileMap>,
}

impl<B: Block> FileSource<B> {
    /// The content of the file at `inode`, of `len` bytes.
    pub(super) fn new(reader: Arc<Reader<B>>, inode: MetadataRef, len: u64) -> Self {
        Self { reader, inode, len, map: OnceLock::new() }
    }

    fn open(&self) -> Result<&FileMap, SquashfsError> {
        if let Some(map) = self.map.get() {
            return Ok(map);
        }
        let inode = self.reader.inode(self.inode)?;
        let map = self.reader.map(&inode)?;
        Ok(self.map.get_or_init(|| map))
    }
}

impl<B: Block> Source for FileSource<B> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError> {
        let mut read = || self.reader.read_map(self.open()?, buffer, offset);
        read().map_err(|error: SquashfsError| ContentError::Source(chain(&error)))
    }
}
