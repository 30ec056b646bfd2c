//! The check of a whole file system: every block has one owner and is marked so, every inode has as many
//! names as it says, every count is right.
//!
//! It finds what `e2fsck -n` would call an error in what this writer makes, in process. It mends nothing,
//! and of several mistakes it tells the first.

use std::collections::BTreeMap;

use zerocopy::{FromZeros, IntoBytes};

use super::super::bitmap;
use super::super::block::{BlockNumber, Extent, InodeNumber, Run};
use super::super::checksum;
use super::super::error::{Ext4Error, Place};
use super::super::format::directory::file_type;
use super::super::format::group::{BLOCK_UNINIT, INODE_UNINIT};
use super::super::format::journal::{JournalSuperblock, MAGIC as JOURNAL_MAGIC};
use super::super::format::superblock::{MAGIC, Superblock};
use super::super::format::{compat, special};
use super::bits::BlockSet;
use super::directory::{directory_links_match, dot};
use super::inode::{Inode, InodeKind};
use super::map::Map;
use super::{Reader, corrupt};
use crate::units::{low_u32, u64_of, usize_of};
use crate::volume::Block;

impl<B: Block> Reader<B> {
    /// Checks everything but the bytes of files; see the module's words. Takes memory in proportion to blocks
    /// (a bit each) and inodes (a few bytes each).
    pub fn check(&self) -> Result<(), Ext4Error> {
        if !self.is_clean() {
            return Err(corrupt(
                Place::Superblock,
                "the file system was not unmounted; its journal has changes",
            ));
        }
        let mut check = Check {
            reader: self,
            owned: BlockSet::new(self.blocks()),
            xattr_blocks: BTreeMap::new(),
            kinds: Vec::new(),
        };
        check.fixed_blocks()?;
        check.inodes()?;
        check.xattr_blocks()?;
        check.names()?;
        check.groups()?;
        self.check_journal()?;
        self.check_copies()
    }

    fn check_journal(&self) -> Result<(), Ext4Error> {
        if !self.has_compat(compat::HAS_JOURNAL) {
            return Ok(());
        }
        let wrong = |what: &str| corrupt(Place::Journal, what);
        let inode = self.inode(InodeNumber(self.superblock.s_journal_inum.get()))?;
        let mut journal = JournalSuperblock::new_zeroed();
        if inode.size() < u64_of(size_of::<JournalSuperblock>()) {
            return Err(wrong("it is too short"));
        }
        self.read_at(&inode, journal.as_mut_bytes(), 0)?;
        if journal.h_magic.get() != JOURNAL_MAGIC {
            return Err(wrong("its magic number is missing"));
        }
        // Journals without checksums of their own have zero here.
        if journal.s_checksum_type != 0 && journal.s_checksum.get() != checksum::journal(&journal) {
            return Err(wrong("its superblock's checksum is wrong"));
        }
        if u64::from(journal.s_blocksize.get()) != self.block_size.bytes()
            || u64::from(journal.s_maxlen.get()) * self.block_size.bytes() > inode.size()
        {
            return Err(wrong("its size is not that of its inode"));
        }
        if journal.s_start.get() != 0 {
            return Err(wrong("it holds changes"));
        }
        Ok(())
    }

    /// The copies of superblock and descriptors. What changes in use (counts, flags, times) may be older
    /// there.
    fn check_copies(&self) -> Result<(), Ext4Error> {
        for number in (1..u64_of(self.groups.len())).filter(|number| self.has_copies(*number)) {
            let place = Place::Group(low_u32(number));
            let start = self.group_blocks(number).start;
            let mut copy = Superblock::new_zeroed();
            self.block.read_at(copy.as_mut_bytes(), start.offset(self.block_size))?;
            let same_place = |sb: &Superblock| (sb.s_uuid, sb.s_blocks_count_lo, sb.s_inodes_per_group);
            if copy.s_magic.get() != MAGIC || same_place(&copy) != same_place(&self.superblock) {
                return Err(corrupt(place, "the copy of the superblock is another file system's"));
            }
            if self.has_checksums() && copy.s_checksum.get() != checksum::superblock(&copy) {
                return Err(corrupt(place, "the checksum of the superblock's copy is wrong"));
            }
            for (own, copy) in self.groups.iter().zip(self.read_groups(start.plus(1))?) {
                let places =
                    |group| (self.block_bitmap(group), self.inode_bitmap(group), self.inode_table(group));
                if places(own) != places(&copy) {
                    return Err(corrupt(place, "the copy of the group descriptors differs"));
                }
            }
        }
        Ok(())
    }
}

/// A check under way.
struct Check<'c, B> {
    reader: &'c Reader<B>,
    /// Blocks that were found to belong to something.
    owned: BlockSet,
    /// Blocks of attributes with the inodes that use them counted.
    xattr_blocks: BTreeMap<BlockNumber, u32>,
    /// The `file_type` of each inode by its number; 0 where it is not in use.
    kinds: Vec<u8>,
}

impl<B: Block> Check<'_, B> {
    fn claim(&mut self, run: Run, place: Place) -> Result<(), Ext4Error> {
        self.owned
            .claim(run)
            .map_err(|block| corrupt(place, format!("block {block} belongs to something else")))
    }

    /// Copies of superblock and descriptors, bitmaps, tables.
    fn fixed_blocks(&mut self) -> Result<(), Ext4Error> {
        let reader = self.reader;
        self.claim(Run::new(BlockNumber(0), reader.first_data_block().0), Place::Superblock)?;
        for (number, descriptor) in (0..).zip(&reader.groups) {
            let place = Place::Group(number);
            let blocks = reader.group_blocks(number.into());
            let copies = reader.copies_blocks(number.into());
            if copies > blocks.blocks {
                return Err(corrupt(place, "it is too small for its copies of the superblock"));
            }
            self.claim(Run::new(blocks.start, copies), place)?;
            self.claim(Run::new(reader.block_bitmap(descriptor), 1), place)?;
            self.claim(Run::new(reader.inode_bitmap(descriptor), 1), place)?;
            self.claim(Run::new(reader.inode_table(descriptor), reader.table_blocks()), place)?;
        }
        Ok(())
    }

    /// Every inode that is in use, and its blocks.
    fn inodes(&mut self) -> Result<(), Ext4Error> {
        let reader = self.reader;
        // The tables were found not to overlap, so this many inodes exist.
        self.kinds = vec![0; usize_of(u64::from(reader.superblock.s_inodes_count.get())) + 1];
        let per_group = reader.superblock.s_inodes_per_group.get();
        for group in 0..low_u32(u64_of(reader.groups.len())) {
            let Some(bits) = self.inode_bitmap(group)? else { continue };
            for slot in (0..per_group).filter(|slot| bitmap::is_set(&bits, u64::from(*slot))) {
                let number = InodeNumber(group * per_group + slot + 1);
                let (fields, _) = reader.inode_fields(number)?;
                if number.0 < special::FIRST_ORDINARY && fields.i_mode.get() == 0 {
                    continue;
                }
                let inode = reader.inode(number)?;
                self.kinds[usize_of(number.0.into())] = file_type_of(inode.kind());
                self.inode(&inode)?;
            }
        }
        Ok(())
    }

    fn inode(&mut self, inode: &Inode) -> Result<(), Ext4Error> {
        let place = Place::Inode(inode.number.0);
        let map = self.reader.map(inode)?;
        let runs = |extents: &[Extent]| {
            extents.iter().map(|extent| Run::new(extent.start, extent.blocks.into())).collect()
        };
        let content: Vec<Run> = runs(&[map.extents.as_slice(), &map.unwritten].concat());
        let mut blocks: u64 = content.iter().map(|run| run.blocks).sum::<u64>() + u64_of(map.nodes.len());
        if inode.number.0 == special::RESIZE && self.reader.has_compat(compat::RESIZE_INODE) {
            self.resize_inode(&map)?;
        } else {
            let nodes = map.nodes.iter().map(|node| Run::new(*node, 1));
            content.into_iter().chain(nodes).try_for_each(|run| self.claim(run, place))?;
        }
        if let Some(block) = inode.xattr_block() {
            *self.xattr_blocks.entry(block).or_default() += 1;
            blocks += 1;
        }
        self.reader.xattrs(inode)?;
        if inode.kind() == InodeKind::Symlink {
            self.reader.target(inode)?;
        }
        let sectors = blocks * (self.reader.block_size.bytes() / 512);
        if inode.sectors().is_some_and(|said| said != sectors) {
            return Err(corrupt(place, format!("it says it takes other than {sectors} sectors")));
        }
        Ok(())
    }

    /// The resize inode owns the reserved descriptor blocks, which are claimed already, in all copies.
    fn resize_inode(&mut self, map: &Map) -> Result<(), Ext4Error> {
        let reader = self.reader;
        let place = Place::Inode(special::RESIZE);
        let Some((pointers, lists)) = map.nodes.split_first() else {
            return Err(corrupt(place, "it has no block of pointers"));
        };
        self.claim(Run::new(*pointers, 1), place)?;
        let reserved = u64::from(reader.superblock.s_reserved_gdt_blocks.get());
        let of_group = |group: u64| {
            let start = reader.group_blocks(group).start.plus(1 + reader.descriptor_blocks());
            (0..reserved).map(move |index| start.plus(index))
        };
        let copies = (1..u64_of(reader.groups.len())).filter(|group| reader.has_copies(*group));
        let mut expected: Vec<BlockNumber> = copies.flat_map(of_group).collect();
        let mut found: Vec<BlockNumber> = Vec::new();
        for extent in &map.extents {
            found.extend((0..extent.blocks).map(|index| extent.start.plus(index.into())));
        }
        found.sort_unstable();
        expected.sort_unstable();
        let mut lists = lists.to_vec();
        lists.sort_unstable();
        if found != expected || lists != of_group(0).collect::<Vec<_>>() {
            return Err(corrupt(place, "it does not own the reserved descriptor blocks"));
        }
        Ok(())
    }

    fn xattr_blocks(&mut self) -> Result<(), Ext4Error> {
        for (block, users) in std::mem::take(&mut self.xattr_blocks) {
            let place = Place::BlockOf { inode: 0, block: block.0 };
            self.claim(Run::new(block, 1), place)?;
            let bytes = self.reader.block_at(block)?;
            let said = self.reader.check_xattr_block(block, &bytes, place)?;
            if said != users {
                let what = format!("the extended attributes are used by {users} inodes and say {said}");
                return Err(corrupt(place, what));
            }
        }
        Ok(())
    }

    /// Walks all directories from the root and compares names with link counts.
    fn names(&self) -> Result<(), Ext4Error> {
        let mut names = vec![0_u64; self.kinds.len()];
        let mut folders = 0;
        let mut open = vec![(InodeNumber(special::ROOT), InodeNumber(special::ROOT))];
        while let Some((number, parent)) = open.pop() {
            folders += 1;
            let inode = self.reader.inode(number)?;
            let place = Place::Inode(number.0);
            let entries = self.reader.all_entries(&inode)?;
            if dot(&entries, b".") != Some(number) || dot(&entries, b"..") != Some(parent) {
                return Err(corrupt(place, "`.` or `..` of the directory is wrong"));
            }
            if inode.has_index() {
                self.reader.check_index(&inode)?;
            }
            let mut children = 0;
            for entry in entries.iter().filter(|entry| entry.name != b"." && entry.name != b"..") {
                let slot = usize_of(entry.inode.into());
                if self.kinds.get(slot) != Some(&entry.file_type) || entry.file_type == 0 {
                    let name = entry.name.escape_ascii();
                    return Err(corrupt(place, format!("`{name}` names an inode that is not what it says")));
                }
                names[slot] += 1;
                if entry.file_type == file_type::DIRECTORY {
                    children += 1;
                    if names[slot] > 1 || entry.inode == special::ROOT {
                        return Err(corrupt(Place::Inode(entry.inode), "the directory has two names"));
                    }
                    open.push((InodeNumber(entry.inode), number));
                }
            }
            if !directory_links_match(inode.links(), children) {
                return Err(corrupt(
                    place,
                    format!("its link count is wrong: it has {children} subdirectories"),
                ));
            }
        }
        if folders != self.kinds.iter().filter(|kind| **kind == file_type::DIRECTORY).count() {
            return Err(corrupt(Place::Superblock, "a directory cannot be reached from the root"));
        }
        self.link_counts(&names)
    }

    fn link_counts(&self, names: &[u64]) -> Result<(), Ext4Error> {
        for (number, kind) in (0..).zip(&self.kinds) {
            let special = number < special::FIRST_ORDINARY;
            if *kind == 0 || *kind == file_type::DIRECTORY || special {
                continue;
            }
            let said = self.reader.inode(InodeNumber(number))?.links();
            let found = names[usize_of(number.into())];
            if u64::from(said) != found {
                return Err(corrupt(Place::Inode(number), format!("it has {found} names and says {said}")));
            }
        }
        Ok(())
    }

    /// The bitmaps and counts of every group, and their sums in the superblock.
    fn groups(&self) -> Result<(), Ext4Error> {
        let (mut free_blocks, mut free_inodes) = (0, 0);
        for group in 0..low_u32(u64_of(self.reader.groups.len())) {
            free_blocks += self.block_bitmap(group)?;
            free_inodes += self.inode_counts(group)?;
        }
        let said = self.reader.free().bytes() / self.reader.block_size.bytes();
        if said != free_blocks || u64::from(self.reader.superblock.s_free_inodes_count.get()) != free_inodes {
            let what =
                format!("its free counts are wrong: {free_blocks} blocks and {free_inodes} inodes are free");
            return Err(corrupt(Place::Superblock, what));
        }
        Ok(())
    }

    /// Compares the block bitmap of `group` with what was found; how many blocks are free.
    fn block_bitmap(&self, group: u32) -> Result<u64, Ext4Error> {
        let reader = self.reader;
        let place = Place::Group(group);
        let descriptor = &reader.groups[usize_of(group.into())];
        let blocks = reader.group_blocks(group.into());
        let mut expected = vec![0xFF; usize_of(reader.block_size.bytes())];
        for bit in 0..blocks.blocks {
            if !self.owned.contains(blocks.start.plus(bit)) {
                expected[usize_of(bit / 8)] &= !(1 << (bit % 8));
            }
        }
        let free = bitmap::count_clear(&expected, blocks.blocks);
        let high = if reader.is_64bit() { descriptor.bg_free_blocks_count_hi.get() } else { 0 };
        if u64::from(descriptor.bg_free_blocks_count_lo.get()) | u64::from(high) << 16 != free {
            return Err(corrupt(place, format!("it has {free} free blocks and says otherwise")));
        }
        if descriptor.bg_flags.get() & BLOCK_UNINIT != 0 {
            return Ok(free);
        }
        let found = reader.block_at(reader.block_bitmap(descriptor))?;
        let len = usize_of(u64::from(reader.superblock.s_blocks_per_group.get()) / 8);
        let sums = (descriptor.bg_block_bitmap_csum_lo.get(), descriptor.bg_block_bitmap_csum_hi.get());
        self.check_sum(&found[..len], sums, place)?;
        if found[..len] != expected[..len] {
            return Err(corrupt(place, "the block bitmap is not what is in use"));
        }
        Ok(free)
    }

    /// Compares the counts of `group` with the inodes in use; how many are free.
    fn inode_counts(&self, group: u32) -> Result<u64, Ext4Error> {
        let reader = self.reader;
        let place = Place::Group(group);
        let descriptor = &reader.groups[usize_of(group.into())];
        let per_group = u64::from(reader.superblock.s_inodes_per_group.get());
        let bits = self.inode_bitmap(group)?;
        let free = bits.as_ref().map_or(per_group, |bits| bitmap::count_clear(bits, per_group));
        let high = |half: u16| if reader.is_64bit() { u64::from(half) << 16 } else { 0 };
        let said = u64::from(descriptor.bg_free_inodes_count_lo.get())
            | high(descriptor.bg_free_inodes_count_hi.get());
        let unused =
            u64::from(descriptor.bg_itable_unused_lo.get()) | high(descriptor.bg_itable_unused_hi.get());
        let dirs =
            u64::from(descriptor.bg_used_dirs_count_lo.get()) | high(descriptor.bg_used_dirs_count_hi.get());
        if said != free {
            return Err(corrupt(place, format!("it has {free} free inodes and says {said}")));
        }
        let used_behind = |bits: &Vec<u8>| {
            (per_group.saturating_sub(unused)..per_group).any(|bit| bitmap::is_set(bits, bit))
        };
        if reader.has_uninit_groups() && bits.as_ref().is_some_and(used_behind) {
            return Err(corrupt(place, "an inode is in use where it says that none was ever"));
        }
        let first = usize_of(u64::from(group) * per_group) + 1;
        let found = self.kinds[first..first + usize_of(per_group)].iter();
        if u64_of(found.filter(|kind| **kind == file_type::DIRECTORY).count()) != dirs {
            return Err(corrupt(place, "its count of directories is wrong"));
        }
        Ok(free)
    }

    /// The inode bitmap of `group`, or `None` where none of its inodes is in use.
    fn inode_bitmap(&self, group: u32) -> Result<Option<Vec<u8>>, Ext4Error> {
        let reader = self.reader;
        let descriptor = &reader.groups[usize_of(group.into())];
        if descriptor.bg_flags.get() & INODE_UNINIT != 0 && reader.has_uninit_groups() {
            return Ok(None);
        }
        let bits = reader.block_at(reader.inode_bitmap(descriptor))?;
        let len = usize_of(u64::from(reader.superblock.s_inodes_per_group.get()) / 8);
        let sums = (descriptor.bg_inode_bitmap_csum_lo.get(), descriptor.bg_inode_bitmap_csum_hi.get());
        self.check_sum(&bits[..len], sums, Place::Group(group))?;
        Ok(Some(bits))
    }

    fn check_sum(&self, bits: &[u8], (low, high): (u16, u16), place: Place) -> Result<(), Ext4Error> {
        let sum = self.reader.seed.bitmap(bits);
        let said =
            u32::from(low) | if self.reader.is_64bit() { u32::from(high) << 16 } else { sum & 0xFFFF_0000 };
        if self.reader.has_checksums() && sum != said {
            return Err(corrupt(place, "the checksum of a bitmap is wrong"));
        }
        Ok(())
    }
}

/// How an entry says what an inode of `kind` is.
fn file_type_of(kind: InodeKind) -> u8 {
    match kind {
        InodeKind::Directory => file_type::DIRECTORY,
        InodeKind::File => file_type::REGULAR,
        InodeKind::Symlink => file_type::SYMLINK,
        InodeKind::CharDevice(_) => file_type::CHAR_DEVICE,
        InodeKind::BlockDevice(_) => file_type::BLOCK_DEVICE,
        InodeKind::Fifo => file_type::FIFO,
        InodeKind::Socket => file_type::SOCKET,
    }
}
