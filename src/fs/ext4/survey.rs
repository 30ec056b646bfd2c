//! What a tree needs, before anything has a place: inode numbers, and how many blocks each node takes.
//!
//! Everything that ext4 cannot store is found here, so what comes later fails only for want of space and
//! for I/O. A directory's entries get consecutive inodes in the order of their names: `ls -l` reads one
//! stretch of the inode table.

use super::block::{BlockSize, InodeNumber};
use super::directory::{Entry, fits_one_block, kind_codes};
use super::error::{Ext4Error, Unfit};
use super::extent::{extents_for, tree_blocks};
use super::format::directory::file_type;
use super::format::inode::{FAST_SYMLINK_MAX, LINKS_MAX};
use super::format::special;
use super::hash::HashSeed;
use super::htree::HashTree;
use super::inode::encode_device;
use super::options::Options;
use super::sharing::XattrBlocks;
use super::time::DiskTime;
use super::xattr::XattrPlan;
use crate::tree::{Content, Kind, Metadata, Node, NodeId, Tree};
use crate::units::{ByteSize, u64_of, usize_of};

/// Name of the directory that `e2fsck` puts lost inodes into.
pub(super) const LOST_FOUND: &[u8] = b"lost+found";
/// Bytes of a `lost+found` that we make: room for repairs on a full file system, as `mke2fs` gives.
const LOST_FOUND_BYTES: u64 = 16 << 10;
/// The most blocks of one that we make: as many as an inode without extents reaches directly.
const LOST_FOUND_BLOCKS_MAX: u64 = 12;
/// A number that no inode has.
const UNNUMBERED: u32 = 0;

/// A tree, numbered and measured.
#[derive(Debug)]
pub(super) struct Survey<'t> {
    /// The tree.
    pub tree: &'t Tree,
    /// Size of a block.
    pub block_size: BlockSize,
    /// What directory hashes start from.
    pub hash_seed: HashSeed,
    /// Inode number of each node, by its index.
    numbers: Vec<u32>,
    /// The nodes that are neither the root nor `lost+found`, in the order of their inodes.
    order: Vec<NodeId>,
    /// Each directory's parent, by its index; other nodes say nothing.
    parents: Vec<NodeId>,
    /// Names of each node, by its index.
    links: Vec<u32>,
    /// Blocks of content of each node, by its index; a file's holes not counted.
    blocks: Vec<u32>,
    /// The node that is `lost+found`, where the tree has one.
    lost_found: Option<NodeId>,
    /// The blocks of extended attributes.
    pub xattr_blocks: XattrBlocks,
    /// Blocks of all nodes, with those of attributes and of extent trees where no file is divided.
    pub content_blocks: u64,
    /// Bytes of all files that are copied.
    pub data_bytes: u64,
}

/// What an inode number stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// Reserved and not in use.
    Unused,
    /// The owner of reserved descriptor blocks.
    Resize,
    /// The journal.
    Journal,
    /// A `lost+found` that is not the tree's.
    LostFound,
    /// A node of the tree.
    Node(NodeId),
}

impl<'t> Survey<'t> {
    /// Numbers and measures `tree`; fails on the first node, in the order of inodes, that does not fit ext4.
    pub fn new(tree: &'t Tree, options: &Options) -> Result<Self, Ext4Error> {
        let mut survey = Self {
            tree,
            block_size: options.block_size,
            hash_seed: HashSeed::new(options.hash_seed),
            numbers: vec![UNNUMBERED; tree.len()],
            order: Vec::with_capacity(tree.len()),
            parents: vec![Tree::ROOT; tree.len()],
            links: Vec::new(),
            blocks: vec![0; tree.len()],
            lost_found: None,
            xattr_blocks: XattrBlocks::default(),
            content_blocks: 0,
            data_bytes: 0,
        };
        survey.number()?;
        survey.links = tree.link_counts();
        if survey.lost_found.is_none() {
            survey.links[Tree::ROOT.index()] += 1;
            survey.content_blocks += survey.lost_found_blocks();
        }
        let ids: Vec<NodeId> = survey.nodes().collect();
        for id in ids {
            survey.measure(id).map_err(|why| Ext4Error::Unfit { path: survey.path(id), why })?;
        }
        survey.content_blocks += u64_of(survey.xattr_blocks.len());
        Ok(survey)
    }

    /// Gives every node its number, directory by directory.
    fn number(&mut self) -> Result<(), Ext4Error> {
        let tree = self.tree;
        self.numbers[Tree::ROOT.index()] = special::ROOT;
        let mut open = vec![Tree::ROOT];
        while let Some(parent) = open.pop() {
            let folders_before = open.len();
            for (name, id) in tree.entries(parent) {
                let unfit = |why| {
                    let path = format!("{}{name}", self.path_of_directory(parent));
                    Ext4Error::Unfit { path, why }
                };
                let is_directory = matches!(tree.node(id).kind, Kind::Directory(_));
                let is_lost_found = parent == Tree::ROOT && name.as_bytes() == LOST_FOUND;
                if is_lost_found && !is_directory {
                    return Err(unfit(Unfit::LostAndFound));
                }
                if is_directory {
                    if self.numbers[id.index()] != UNNUMBERED {
                        return Err(unfit(Unfit::DirectoryLinked));
                    }
                    self.parents[id.index()] = parent;
                    open.push(id);
                }
                if is_lost_found {
                    self.lost_found = Some(id);
                    self.numbers[id.index()] = special::FIRST_ORDINARY;
                } else if self.numbers[id.index()] == UNNUMBERED {
                    self.order.push(id);
                    self.numbers[id.index()] = self.last_inode();
                }
            }
            // The directory that comes first in the order of names is entered first.
            open[folders_before..].reverse();
        }
        Ok(())
    }

    /// Checks node `id` and counts its blocks.
    fn measure(&mut self, id: NodeId) -> Result<(), Unfit> {
        let Node { metadata, kind } = self.tree.node(id);
        check_metadata(metadata)?;
        let plan = XattrPlan::new(&metadata.xattrs, self.block_size)?;
        if plan.needs_block() {
            self.xattr_blocks.add(id, &plan, self.block_size);
        }
        let links = self.links[id.index()];
        if !matches!(kind, Kind::Directory(_)) && links > LINKS_MAX {
            return Err(Unfit::TooManyLinks(links));
        }
        let (blocks, extents) = match kind {
            Kind::Directory(_) => {
                let blocks = self.directory(id)?.blocks();
                (blocks, extents_for(blocks))
            }
            Kind::File(content) => {
                let mut sum = (0, 0);
                for (_, blocks) in segments(content, self.block_size)? {
                    sum = (sum.0 + blocks, sum.1 + extents_for(blocks));
                }
                self.data_bytes += content.data_ranges().map(|range| range.len()).sum::<u64>();
                sum
            }
            Kind::Symlink(target) => (self.symlink_blocks(target)?, 1),
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                encode_device(*device).ok_or(Unfit::Device)?;
                (0, 0)
            }
            Kind::Fifo | Kind::Socket => (0, 0),
        };
        self.content_blocks += blocks + tree_blocks(extents, self.block_size);
        let size = || ByteSize(blocks.saturating_mul(self.block_size.bytes()));
        self.blocks[id.index()] = u32::try_from(blocks).map_err(|_| Unfit::FileTooLarge(size()))?;
        Ok(())
    }

    fn symlink_blocks(&self, target: &[u8]) -> Result<u64, Unfit> {
        // The kernel wants room for a NUL behind the target.
        let max = usize_of(self.block_size.bytes()) - 1;
        match target.len() {
            0 => Err(Unfit::SymlinkTarget),
            _ if target.contains(&0) => Err(Unfit::SymlinkTarget),
            len if len > max => Err(Unfit::SymlinkTooLong { len, max }),
            len => Ok(u64::from(len > FAST_SYMLINK_MAX)),
        }
    }

    /// The entries of directory `id`, packed as they will be written.
    pub fn directory(&self, id: NodeId) -> Result<Directory<'t>, Unfit> {
        let entry = |(name, id): (&'t crate::tree::Name, NodeId)| {
            let (file_type, _) = kind_codes(&self.tree.node(id).kind);
            Entry { name: name.as_bytes(), inode: self.inode(id), file_type }
        };
        let mut entries: Vec<Entry<'t>> = self.tree.entries(id).map(entry).collect();
        if id == Tree::ROOT && self.lost_found.is_none() {
            let inode = InodeNumber(special::FIRST_ORDINARY);
            let own = Entry { name: LOST_FOUND, inode, file_type: file_type::DIRECTORY };
            let place = entries.partition_point(|entry| entry.name < LOST_FOUND);
            entries.insert(place, own);
        }
        if fits_one_block(&entries, self.block_size) {
            return Ok(Directory::Block(entries));
        }
        HashTree::new(entries, self.hash_seed, self.block_size).map(Directory::Tree)
    }

    /// The root, `lost+found` where it is a node, and all others in the order of their inodes.
    pub fn nodes(&self) -> impl Iterator<Item = NodeId> {
        std::iter::once(Tree::ROOT).chain(self.lost_found).chain(self.order.iter().copied())
    }

    /// The inode of node `id`.
    pub fn inode(&self, id: NodeId) -> InodeNumber {
        InodeNumber(self.numbers[id.index()])
    }

    /// The parent of directory `id`; of the root the root.
    pub fn parent(&self, id: NodeId) -> NodeId {
        self.parents[id.index()]
    }

    /// How many names node `id` has.
    pub fn links(&self, id: NodeId) -> u32 {
        self.links[id.index()]
    }

    /// Blocks of the content of node `id`.
    pub fn blocks(&self, id: NodeId) -> u64 {
        u64::from(self.blocks[id.index()])
    }

    /// Blocks of a `lost+found` that is not the tree's.
    pub fn lost_found_blocks(&self) -> u64 {
        self.block_size.blocks_for(LOST_FOUND_BYTES).min(LOST_FOUND_BLOCKS_MAX)
    }

    /// Whether `lost+found` is not the tree's.
    pub fn makes_lost_found(&self) -> bool {
        self.lost_found.is_none()
    }

    /// The last inode in use; all before it are reserved or in use too.
    pub fn last_inode(&self) -> u32 {
        // A tree has fewer than 2³² nodes; that number and the reserved inodes are checked by the geometry.
        special::FIRST_ORDINARY.saturating_add(u32::try_from(self.order.len()).unwrap_or(u32::MAX))
    }

    /// How many inodes of group `group` are in use, the first so many, when a group has `per_group`.
    pub fn inodes_in(&self, group: u64, per_group: u64) -> u64 {
        u64::from(self.last_inode()).saturating_sub(group * per_group).min(per_group)
    }

    /// What inode `number` is, up to the last one in use.
    pub fn role(&self, number: InodeNumber) -> Role {
        match number.0 {
            special::ROOT => Role::Node(Tree::ROOT),
            special::RESIZE => Role::Resize,
            special::JOURNAL => Role::Journal,
            special::FIRST_ORDINARY => self.lost_found.map_or(Role::LostFound, Role::Node),
            low if low < special::FIRST_ORDINARY => Role::Unused,
            ordinary => {
                let index = usize_of(u64::from(ordinary - special::FIRST_ORDINARY)) - 1;
                self.order.get(index).map_or(Role::Unused, |id| Role::Node(*id))
            }
        }
    }

    /// Path of node `id` in the tree, for messages: its first in the order of names.
    pub fn path(&self, id: NodeId) -> String {
        if id == Tree::ROOT {
            return "/".to_owned();
        }
        let found = self.tree.walk().find(|(_, candidate)| *candidate == id);
        found.map_or_else(String::new, |(path, _)| format!("/{}", String::from_utf8_lossy(&path)))
    }

    /// Path of a directory that has its parents already, with a `/` behind it.
    fn path_of_directory(&self, mut id: NodeId) -> String {
        let mut parts = Vec::new();
        while id != Tree::ROOT {
            let parent = self.parents[id.index()];
            let name = self.tree.entries(parent).find(|(_, child)| *child == id);
            parts.push(name.map_or_else(String::new, |(name, _)| name.to_string()));
            id = parent;
        }
        parts.push(String::new());
        parts.reverse();
        parts.join("/") + "/"
    }
}

/// A directory's content as it will be written.
#[derive(Debug)]
pub(super) enum Directory<'t> {
    /// All in one block.
    Block(Vec<Entry<'t>>),
    /// In many.
    Tree(HashTree<'t>),
}

impl Directory<'_> {
    /// How many blocks.
    pub fn blocks(&self) -> u64 {
        match self {
            Self::Block(_) => 1,
            Self::Tree(tree) => tree.blocks(),
        }
    }
}

fn check_metadata(metadata: &Metadata) -> Result<(), Unfit> {
    if metadata.permissions > 0o7777 {
        return Err(Unfit::Permissions(metadata.permissions));
    }
    DiskTime::encode(metadata.modified).ok_or(Unfit::Time(metadata.modified.seconds))?;
    Ok(())
}

/// The stretches of a file that hold data, in whole blocks: first block within the file and count. What
/// lies between is holes. Ascending, not touching.
pub(super) fn segments(content: &Content, block_size: BlockSize) -> Result<Vec<(u32, u64)>, Unfit> {
    // The last block number, 2³² - 1, is kept free: it means "to the end" in places.
    if block_size.blocks_for(content.len()) > u64::from(u32::MAX) {
        return Err(Unfit::FileTooLarge(ByteSize(content.len())));
    }
    let mut segments: Vec<(u32, u64)> = Vec::new();
    for range in content.data_ranges() {
        let start = range.start() / block_size.bytes();
        let end = block_size.blocks_for(range.end());
        match segments.last_mut() {
            // Two ranges within one block, or in neighbours.
            Some((first, blocks)) if u64::from(*first) + *blocks >= start => {
                *blocks = end.saturating_sub(u64::from(*first)).max(*blocks);
            }
            _ => segments.push((u32::try_from(start).unwrap_or(u32::MAX), end - start)),
        }
    }
    Ok(segments)
}
