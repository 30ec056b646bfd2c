//! Where everything is: decided here, from a survey and a geometry, before a byte is written.
//!
//! The fixed part is as `mke2fs` has it: bitmaps and inode tables of 16 groups together at the start of the
//! first of them. Content follows in the order in which it is written: directories, long symbolic links,
//! attributes, journal, files.

use super::block::{BlockNumber, BlockSize, Extent, InodeNumber, Run};
use super::extent::{extents_for, tree_blocks};
use super::format::special;
use super::geometry::{GROUPS_PER_FLEX, Geometry};
use super::space::Space;
use super::survey::{Survey, segments};
use crate::tree::Kind;
use crate::units::{low_u32, u64_of, usize_of};

/// Where the bitmaps and inodes of a group are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct GroupPlaces {
    /// The block bitmap.
    pub block_bitmap: BlockNumber,
    /// The inode bitmap.
    pub inode_bitmap: BlockNumber,
    /// The first block of the inode table.
    pub inode_table: BlockNumber,
}

/// The place of everything.
#[derive(Debug)]
pub(super) struct Layout {
    /// Sizes.
    pub geometry: Geometry,
    /// Bitmaps and tables, by group.
    pub groups: Vec<GroupPlaces>,
    /// The block of pointers of the resize inode, where descriptors are reserved.
    pub resize_block: Option<BlockNumber>,
    /// Blocks of attributes, in the order of the survey.
    pub xattr_blocks: Vec<BlockNumber>,
    /// What stays free.
    pub free: Vec<Run>,
    maps: Maps,
}

/// Too little space: so many blocks more, at least, are needed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shortage(pub u64);

/// Where one inode's blocks are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileMap<'l> {
    /// Its content, ascending; gaps are holes.
    pub extents: &'l [Extent],
    /// Nodes of its extent tree.
    pub tree: &'l [BlockNumber],
}

impl FileMap<'_> {
    /// Blocks of content and tree.
    pub fn blocks(&self) -> u64 {
        let content: u64 = self.extents.iter().map(|extent| u64::from(extent.blocks)).sum();
        content + u64_of(self.tree.len())
    }
}

/// The maps of all inodes, in two flat lists: 16 bytes for most files.
#[derive(Debug, Default)]
struct Maps {
    extents: Vec<Extent>,
    /// By inode number: its extents' start and count.
    spans: Vec<(u32, u32)>,
    /// Inodes with tree blocks, ascending by their place here, not by number.
    trees: std::collections::BTreeMap<u32, Vec<BlockNumber>>,
}

impl Layout {
    /// Places everything of `survey` in `geometry`. `free` blocks, and those reserved for root, must remain.
    pub fn new(survey: &Survey<'_>, geometry: Geometry, free: u64) -> Result<Self, Shortage> {
        let mut space = free_space(&geometry);
        let groups = place_groups(&geometry, &mut space)?;
        let mut placing = Placing { survey, space, scratch: Vec::new(), maps: Maps::default() };
        placing.maps.spans = vec![(0, 0); usize_of(u64::from(survey.last_inode())) + 1];
        let resize_block = match geometry.reserved_descriptor_blocks {
            0 => None,
            _ => Some(placing.block()?),
        };
        placing.directories()?;
        placing.symlinks()?;
        let xattr_blocks = survey.xattr_blocks.iter().map(|_| placing.block()).collect::<Result<_, _>>()?;
        if geometry.journal_blocks > 0 {
            placing.map(InodeNumber(special::JOURNAL), [(0, geometry.journal_blocks)])?;
        }
        placing.files()?;
        let left = placing.space.free_blocks();
        let wanted = free + geometry.root_blocks;
        if left < wanted {
            return Err(Shortage(wanted - left));
        }
        let free = placing.space.free().collect();
        Ok(Self { geometry, groups, resize_block, xattr_blocks, free, maps: placing.maps })
    }

    /// Where the blocks of inode `number` are.
    pub fn map(&self, number: InodeNumber) -> FileMap<'_> {
        let index = usize_of(u64::from(number.0));
        let (start, count) = self.maps.spans.get(index).copied().unwrap_or_default();
        let start = usize_of(u64::from(start));
        let extents = &self.maps.extents[start..start + usize_of(u64::from(count))];
        FileMap { extents, tree: self.maps.trees.get(&number.0).map_or(&[], Vec::as_slice) }
    }

    /// The inodes whose extent trees have blocks of their own.
    pub fn inodes_with_tree_blocks(&self) -> impl Iterator<Item = InodeNumber> {
        self.maps.trees.keys().copied().map(InodeNumber)
    }

    /// Sum of all free blocks, those for root included.
    pub fn free_blocks(&self) -> u64 {
        self.free.iter().map(|run| run.blocks).sum()
    }

    /// Files that lie in more than one piece although they have no holes there.
    pub fn divided_files(&self) -> u64 {
        let numbers = (special::FIRST_ORDINARY..).take(self.maps.spans.len()).map(InodeNumber);
        let divided = |number: &InodeNumber| {
            let pairs = self.map(*number).extents.windows(2);
            pairs.into_iter().any(|pair| pair[0].logical + pair[0].blocks == pair[1].logical)
        };
        u64_of(numbers.filter(divided).count())
    }
}

/// All blocks but the boot block and the copies of superblock and descriptors.
fn free_space(geometry: &Geometry) -> Space {
    let mut runs: Vec<Run> = Vec::new();
    for group in geometry.backup_groups() {
        let here = geometry.group(group);
        // A last group may hold less than its copies: such a geometry does not come up, being dropped.
        let base_end = here.start.plus(geometry.base_blocks(group)).min(BlockNumber(geometry.blocks));
        if let Some(before) = runs.last_mut() {
            before.blocks = here.start.0.saturating_sub(before.start.0);
        }
        runs.push(Run::new(base_end, geometry.blocks - base_end.0));
    }
    Space::new(runs)
}

/// Places bitmaps and tables: for 16 groups together where there is room, else each where there is.
fn place_groups(geometry: &Geometry, space: &mut Space) -> Result<Vec<GroupPlaces>, Shortage> {
    let table = geometry.table_blocks;
    let mut places = Vec::with_capacity(usize_of(geometry.groups));
    for first in (0..geometry.groups).step_by(usize_of(GROUPS_PER_FLEX)) {
        let count = (geometry.groups - first).min(GROUPS_PER_FLEX);
        let goal = geometry.group(first).start;
        if let Some(start) = space.take_whole_near(goal, count * (2 + table)) {
            places.extend((0..count).map(|index| GroupPlaces {
                block_bitmap: start.plus(index),
                inode_bitmap: start.plus(count + index),
                inode_table: start.plus(2 * count + index * table),
            }));
            continue;
        }
        for _ in 0..count {
            let mut take = |blocks| space.take_whole_near(goal, blocks).ok_or(Shortage(blocks));
            places.push(GroupPlaces {
                block_bitmap: take(1)?,
                inode_bitmap: take(1)?,
                inode_table: take(table)?,
            });
        }
    }
    Ok(places)
}

/// A layout under way.
struct Placing<'s, 't> {
    survey: &'s Survey<'t>,
    space: Space,
    scratch: Vec<Run>,
    maps: Maps,
}

impl Placing<'_, '_> {
    /// One block.
    fn block(&mut self) -> Result<BlockNumber, Shortage> {
        self.space.take_whole_near(BlockNumber(0), 1).ok_or(Shortage(1))
    }

    fn directories(&mut self) -> Result<(), Shortage> {
        let survey = self.survey;
        if survey.makes_lost_found() {
            self.map(InodeNumber(special::FIRST_ORDINARY), [(0, survey.lost_found_blocks())])?;
        }
        self.nodes(|kind| matches!(kind, Kind::Directory(_)))
    }

    fn symlinks(&mut self) -> Result<(), Shortage> {
        self.nodes(|kind| matches!(kind, Kind::Symlink(_)))
    }

    /// Places the content of all nodes of some kind, without holes.
    fn nodes(&mut self, wanted: impl Fn(&Kind) -> bool) -> Result<(), Shortage> {
        let survey = self.survey;
        for id in survey.nodes().filter(|id| wanted(&survey.tree.node(*id).kind)) {
            if survey.blocks(id) > 0 {
                self.map(survey.inode(id), [(0, survey.blocks(id))])?;
            }
        }
        Ok(())
    }

    fn files(&mut self) -> Result<(), Shortage> {
        let survey = self.survey;
        for id in survey.nodes() {
            if let Kind::File(content) = &survey.tree.node(id).kind
                && survey.blocks(id) > 0
            {
                // The survey has seen that the file is not too large.
                let segments = segments(content, survey.block_size).unwrap_or_default();
                self.map(survey.inode(id), segments)?;
            }
        }
        Ok(())
    }

    /// Places the stretches of one inode, and its extent tree behind them.
    fn map(
        &mut self,
        number: InodeNumber,
        segments: impl IntoIterator<Item = (u32, u64)>,
    ) -> Result<(), Shortage> {
        let start = self.maps.extents.len();
        let mut on_disk = 0;
        for (first, blocks) in segments {
            self.scratch.clear();
            if !self.space.take(blocks, &mut self.scratch) {
                return Err(Shortage(blocks - self.space.free_blocks()));
            }
            let mut logical = first;
            for run in &self.scratch {
                // A file has fewer than 2³² blocks: the survey has seen to that.
                let blocks = low_u32(run.blocks);
                self.maps.extents.push(Extent { logical, blocks, start: run.start });
                on_disk += extents_for(run.blocks);
                logical = logical.saturating_add(blocks);
            }
        }
        let count = self.maps.extents.len() - start;
        let as_u32 = |value: usize| u32::try_from(value).unwrap_or(u32::MAX);
        self.maps.spans[usize_of(u64::from(number.0))] = (as_u32(start), as_u32(count));
        self.tree(number, tree_blocks(on_disk, self.survey.block_size))
    }

    fn tree(&mut self, number: InodeNumber, blocks: u64) -> Result<(), Shortage> {
        if blocks == 0 {
            return Ok(());
        }
        let places = (0..blocks).map(|_| self.block()).collect::<Result<Vec<_>, _>>()?;
        self.maps.trees.insert(number.0, places);
        Ok(())
    }
}

/// Blocks that the layout takes of a file system beside the fixed ones and the content: the journal, with
/// its extent tree, and the resize inode's block of pointers.
pub(super) fn extra_blocks(geometry: &Geometry, block_size: BlockSize) -> u64 {
    let journal = geometry.journal_blocks;
    let resize = u64::from(geometry.reserved_descriptor_blocks > 0);
    journal + tree_blocks(extents_for(journal), block_size) + resize
}
