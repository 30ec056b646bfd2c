//! Directories as they are read.

use std::ops::Range;

use zerocopy::FromBytes;

use super::super::block::{BlockNumber, InodeNumber};
use super::super::error::{Ext4Error, Place};
use super::super::format::directory::{
    DX_ENTRY_SIZE, DX_NODE_ENTRIES, DX_ROOT_ENTRIES, DX_TAIL_SIZE, DxCountLimit, DxEntry, DxRootInfo, DxTail,
    ENTRY_HEADER, EntryHeader, TAIL_FILE_TYPE, TAIL_SIZE, Tail,
};
use super::super::format::inode::LINKS_MAX;
use super::super::format::superblock::HASH_HALF_MD4;
use super::inode::{Inode, InodeKind};
use super::{Reader, corrupt};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// A name in a directory, and what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// The name's bytes; `.` and `..` are not listed.
    pub name: Vec<u8>,
    /// Number of the inode.
    pub inode: u32,
    /// What the entry says the inode is.
    pub(in crate::fs::ext4) file_type: u8,
}

/// A block of a directory, checked.
struct DirectoryBlock {
    place: BlockNumber,
    bytes: Vec<u8>,
    /// How many bytes hold entries.
    room: usize,
}

/// A node of a hash tree: hashes with blocks of the directory. The first hash is that of the node itself.
#[derive(Debug)]
struct HashNode {
    children: Vec<(u32, u32)>,
    /// Levels below this one before the leaves.
    levels: u8,
}

impl<B: Block> Reader<B> {
    /// The entries of directory `inode`, in the order in which they are stored, without `.` and `..`.
    pub fn entries(&self, inode: &Inode) -> Result<Vec<DirectoryEntry>, Ext4Error> {
        let mut entries = self.all_entries(inode)?;
        entries.retain(|entry| entry.name != b"." && entry.name != b"..");
        Ok(entries)
    }

    /// The entries of directory `inode` with `.` and `..`.
    pub(super) fn all_entries(&self, inode: &Inode) -> Result<Vec<DirectoryEntry>, Ext4Error> {
        if inode.kind() != InodeKind::Directory {
            return Err(corrupt(Place::Inode(inode.number.0), "it is not a directory"));
        }
        let mut entries = Vec::new();
        for (index, place) in self.directory_places(inode)?.into_iter().enumerate() {
            let block = self.directory_block(inode, index, place)?;
            entries.extend(self.parse(inode, &block)?);
        }
        Ok(entries)
    }

    /// The blocks of directory `inode`, in order; a directory has no holes.
    pub(super) fn directory_places(&self, inode: &Inode) -> Result<Vec<BlockNumber>, Ext4Error> {
        let wrong = |what: &str| corrupt(Place::Inode(inode.number.0), what);
        let mut places = Vec::new();
        for extent in self.map(inode)?.extents {
            if u64::from(extent.logical) != u64_of(places.len()) {
                return Err(wrong("the directory has a hole"));
            }
            places.extend((0..extent.blocks).map(|index| extent.start.plus(index.into())));
        }
        if inode.size() != u64_of(places.len()) * self.block_size.bytes() {
            return Err(wrong("the directory's size is not that of its blocks"));
        }
        Ok(places)
    }

    /// Reads block `index` of a directory and checks its checksum, whichever kind of block it is.
    fn directory_block(
        &self,
        inode: &Inode,
        index: usize,
        place: BlockNumber,
    ) -> Result<DirectoryBlock, Ext4Error> {
        let bytes = self.block_of(inode.number, place)?;
        let mut block = DirectoryBlock { place, room: bytes.len(), bytes };
        if !self.has_checksums() {
            return Ok(block);
        }
        let wrong = |what: &str| {
            corrupt(
                Place::BlockOf { inode: inode.number.0, block: place.0 },
                format!("the directory: {what}"),
            )
        };
        if inode.has_index() && (index == 0 || is_hash_node(&block.bytes)) {
            let start = if index == 0 { DX_ROOT_ENTRIES } else { DX_NODE_ENTRIES };
            let (limit, count) =
                counts(&block.bytes, start).ok_or_else(|| wrong("its counts are impossible"))?;
            let tail_at = start + limit * DX_ENTRY_SIZE;
            let tail = block
                .bytes
                .get(tail_at..tail_at + DX_TAIL_SIZE)
                .and_then(|tail| DxTail::ref_from_bytes(tail).ok());
            let expected = inode.seed.hash_node(&block.bytes, start + count * DX_ENTRY_SIZE);
            if tail.is_none_or(|tail| tail.dt_checksum.get() != expected) {
                return Err(wrong("its checksum is wrong"));
            }
            return Ok(block);
        }
        block.room -= TAIL_SIZE;
        let tail = Tail::ref_from_bytes(&block.bytes[block.room..]).map_err(|_| wrong("no tail"))?;
        if tail.det_reserved_ft != TAIL_FILE_TYPE || usize::from(tail.det_rec_len.get()) != TAIL_SIZE {
            return Err(wrong("no place for its checksum"));
        }
        if tail.det_checksum.get() != inode.seed.directory_block(&block.bytes) {
            return Err(wrong("its checksum is wrong"));
        }
        Ok(block)
    }

    fn parse(&self, inode: &Inode, block: &DirectoryBlock) -> Result<Vec<DirectoryEntry>, Ext4Error> {
        let place = Place::BlockOf { inode: inode.number.0, block: block.place.0 };
        let wrong = |what: &str| corrupt(place, format!("the directory: {what}"));
        let mut entries = Vec::new();
        let mut at = 0;
        while at < block.room {
            let rest = &block.bytes[at..block.room];
            let (header, names) =
                EntryHeader::read_from_prefix(rest).map_err(|_| wrong("an entry is cut off"))?;
            let (len, name_len) = (usize::from(header.rec_len.get()), usize::from(header.name_len));
            // The root of a hash tree says that `..` reaches to the block's end, checksum and all.
            let len = if len > rest.len() && len == block.bytes.len() - at { rest.len() } else { len };
            if len < ENTRY_HEADER || len > rest.len() || !len.is_multiple_of(4) {
                return Err(wrong("the length of an entry is impossible"));
            }
            if header.inode.get() != 0 {
                if name_len == 0 || ENTRY_HEADER + name_len > len {
                    return Err(wrong("the length of a name is impossible"));
                }
                let (name, inode) = (names[..name_len].to_vec(), header.inode.get());
                entries.push(DirectoryEntry { name, inode, file_type: header.file_type });
            }
            at += len;
        }
        Ok(entries)
    }

    /// Checks the hash tree of directory `inode`: that every name is where its hash leads.
    pub(super) fn check_index(&self, inode: &Inode) -> Result<(), Ext4Error> {
        let places = self.directory_places(inode)?;
        let wrong = |what: &str| corrupt(Place::Inode(inode.number.0), format!("the hash tree: {what}"));
        let mut leaves = vec![None; places.len()];
        let mut open = vec![(0_u32, 0..u64::from(u32::MAX) + 1, None)];
        while let Some((index, range, levels)) = open.pop() {
            let slot = usize_of(index.into());
            let place = *places.get(slot).ok_or_else(|| wrong("a child outside of the directory"))?;
            if levels == Some(0) {
                if leaves[slot].replace(range).is_some() {
                    return Err(wrong("two children are one block"));
                }
                continue;
            }
            let block = self.directory_block(inode, slot, place)?;
            let node = self.hash_node(&block, levels).ok_or_else(|| wrong("a node makes no sense"))?;
            if open.len() + node.children.len() > places.len() {
                return Err(wrong("more children than blocks"));
            }
            open.extend(ranges(&node, range).ok_or_else(|| wrong("hashes out of order"))?);
        }
        for (slot, range) in leaves.iter().enumerate() {
            let Some(range) = range else { continue };
            let block = self.directory_block(inode, slot, places[slot])?;
            for entry in self.parse(inode, &block)? {
                let major = self.hash_seed().hash(&entry.name, self.hash_signedness()).major;
                if !range.contains(&u64::from(major)) {
                    return Err(wrong("a name is not where its hash leads"));
                }
            }
        }
        Ok(())
    }

    /// The node in `block`, which is `levels` above the leaves, or the root where that is not said.
    fn hash_node(&self, block: &DirectoryBlock, levels: Option<u8>) -> Option<HashNode> {
        let (start, levels) = match levels {
            Some(levels) => (DX_NODE_ENTRIES, levels),
            None => {
                let info = block.bytes.get(DX_ROOT_ENTRIES - size_of::<DxRootInfo>()..DX_ROOT_ENTRIES)?;
                let info = DxRootInfo::ref_from_bytes(info).ok()?;
                // Other hashes exist; nothing has made them the default for twenty years.
                if info.hash_version != HASH_HALF_MD4 || info.indirect_levels > 2 {
                    return None;
                }
                (DX_ROOT_ENTRIES, info.indirect_levels + 1)
            }
        };
        let (_, count) = counts(&block.bytes, start)?;
        let bytes = block.bytes.get(start..start + count * DX_ENTRY_SIZE)?;
        let entries = <[DxEntry]>::ref_from_bytes(bytes).ok()?;
        let children = entries.iter().map(|entry| (entry.hash.get(), entry.block.get())).collect();
        Some(HashNode { children, levels })
    }
}

/// Children of `node`, each with the hashes that it may hold and its levels; `None` where hashes do not
/// ascend within `whole`.
#[expect(clippy::type_complexity, reason = "the list of a walk under way, named nowhere else")]
fn ranges(node: &HashNode, whole: Range<u64>) -> Option<Vec<(u32, Range<u64>, Option<u8>)>> {
    // The low bit says that names of this hash are in the child before too.
    let start = |index: usize| match index {
        0 => whole.start,
        _ => u64::from(node.children[index].0 & !1),
    };
    let end = |index: usize| match node.children.get(index + 1) {
        // Of the same hash there may be names in both.
        Some((hash, _)) => u64::from(hash & !1) + u64::from(hash & 1),
        None => whole.end,
    };
    let ranges: Vec<_> = (0..node.children.len())
        .map(|index| (node.children[index].1, start(index)..end(index), Some(node.levels - 1)))
        .collect();
    let ascending = ranges.iter().all(|(_, range, _)| range.start <= range.end && range.end <= whole.end);
    ascending.then_some(ranges)
}

/// Whether a block that is not the first is a node of a hash tree: one free entry that fills it, tail and
/// all.
fn is_hash_node(bytes: &[u8]) -> bool {
    EntryHeader::read_from_prefix(bytes)
        .is_ok_and(|(header, _)| header.inode.get() == 0 && usize::from(header.rec_len.get()) == bytes.len())
}

/// Limit and count of the hash tree node whose entries start at `start`; `None` where they cannot be.
fn counts(bytes: &[u8], start: usize) -> Option<(usize, usize)> {
    let (counts, _) = DxCountLimit::read_from_prefix(bytes.get(start..)?).ok()?;
    let (limit, count) = (usize::from(counts.limit.get()), usize::from(counts.count.get()));
    let fits = start + limit * DX_ENTRY_SIZE <= bytes.len();
    (fits && (1..=limit).contains(&count)).then_some((limit, count))
}

/// Whether `links` is what a directory with `folders` subdirectories says.
pub(super) fn directory_links_match(links: u16, folders: u64) -> bool {
    // One for its entry, one for `.`, one for each child's `..`; or 1 where they cannot be counted any more.
    u64::from(links) == 2 + folders || (links == 1 && 2 + folders > u64::from(LINKS_MAX))
}

/// The number that `.` or `..` names.
pub(super) fn dot(entries: &[DirectoryEntry], name: &[u8]) -> Option<InodeNumber> {
    entries.iter().find(|entry| entry.name == name).map(|entry| InodeNumber(entry.inode))
}
