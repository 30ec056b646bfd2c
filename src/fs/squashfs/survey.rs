//! The first look at a tree: what Squashfs cannot store, the inodes' numbers, the runs of files.

use std::collections::BTreeMap;

use super::error::{SquashfsError, Unfit};
use super::format::inode::{SYMLINK_MAX, encode_device};
use super::options::Options;
use super::xattr::Xattrs;
use crate::tree::{Content, Kind, Node, NodeId, Tree};
use crate::units::{u64_of, usize_of};

/// The largest listing of a directory, in bytes: its index has 16 bits for one entry in 8 KiB, and names of the
/// greatest length leave room for few entries in each.
const LISTING_MAX: usize = 256 << 20;

/// Number of an inode, from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct InodeNumber(pub(super) u32);

/// Files that are packed by themselves.
#[derive(Clone, Debug)]
pub(super) struct Run {
    /// The regular files with content, in the order of their names.
    pub(super) files: Vec<NodeId>,
    /// What the caller says of their content.
    pub(super) identity: Option<[u8; 32]>,
}

/// A tree as it was found.
pub(super) struct Survey<'t> {
    pub(super) tree: &'t Tree,
    /// All directories, each before those within it.
    pub(super) directories: Vec<NodeId>,
    /// What is packed by itself, in the order of the names.
    pub(super) runs: Vec<Run>,
    pub(super) xattrs: Xattrs,
    pub(super) links: Vec<u32>,
    /// Owners and groups in the order of their first use.
    pub(super) ids: Vec<u32>,
    id_index: BTreeMap<u32, u16>,
    /// By the index of the node.
    numbers: Vec<InodeNumber>,
    /// Of each directory, by the index of the node.
    parents: Vec<NodeId>,
}

impl<'t> Survey<'t> {
    /// Looks at everything but the contents of `tree`.
    pub(super) fn new(tree: &'t Tree, options: &Options) -> Result<Self, SquashfsError> {
        let mut survey = Self {
            tree,
            directories: Vec::new(),
            runs: Vec::new(),
            xattrs: Xattrs::default(),
            links: tree.link_counts(),
            ids: Vec::new(),
            id_index: BTreeMap::new(),
            numbers: vec![InodeNumber::default(); tree.len()],
            parents: vec![Tree::ROOT; tree.len()],
        };
        survey.find_directories()?;
        survey.number()?;
        survey.runs = runs(tree, options);
        Ok(survey)
    }

    /// Number of node `id`.
    pub(super) fn inode(&self, id: NodeId) -> InodeNumber {
        self.numbers[id.index()]
    }

    /// How many inodes there are.
    pub(super) fn inodes(&self) -> u32 {
        // The root has the last number.
        self.inode(Tree::ROOT).0
    }

    /// Number of the directory above directory `id`; above the root it is one that no inode has.
    pub(super) fn parent(&self, id: NodeId) -> InodeNumber {
        match id {
            Tree::ROOT => InodeNumber(self.inodes().saturating_add(1)),
            _ => self.inode(self.parents[id.index()]),
        }
    }

    /// Place of `id`, which is an owner or a group of the tree, in the id table.
    pub(super) fn id_place(&self, id: u32) -> u16 {
        self.id_index.get(&id).copied().unwrap_or(0)
    }

    /// The inodes in the order in which they are stored: those of a directory's entries together, after all
    /// that is below them; the root last.
    pub(super) fn inode_order(&self) -> impl Iterator<Item = NodeId> {
        let mut seen = vec![false; self.tree.len()];
        let entries = self.directories.iter().rev().flat_map(|folder| self.tree.entries(*folder));
        entries
            .map(|(_, id)| id)
            .filter(move |id| !std::mem::replace(&mut seen[id.index()], true))
            .chain(std::iter::once(Tree::ROOT))
    }

    fn find_directories(&mut self) -> Result<(), SquashfsError> {
        let mut seen = vec![false; self.tree.len()];
        seen[0] = true;
        let mut open = vec![Tree::ROOT];
        while let Some(folder) = open.pop() {
            self.directories.push(folder);
            let mut listing = 0_usize;
            let before = open.len();
            for (name, id) in self.tree.entries(folder) {
                // An entry, and in the worst case a header of its own.
                listing = listing.saturating_add(20 + name.as_bytes().len());
                if matches!(self.tree.node(id).kind, Kind::Directory(_)) {
                    if std::mem::replace(&mut seen[id.index()], true) {
                        return Err(unfit(self.tree, id, Unfit::DirectoryLinked));
                    }
                    self.parents[id.index()] = folder;
                    open.push(id);
                }
            }
            open[before..].reverse();
            if listing > LISTING_MAX {
                return Err(unfit(self.tree, folder, Unfit::DirectoryTooLarge));
            }
        }
        Ok(())
    }

    fn number(&mut self) -> Result<(), SquashfsError> {
        let order: Vec<NodeId> = self.inode_order().collect();
        let mut number = 0_u32;
        for id in order {
            let too_many = || unfit(self.tree, id, Unfit::TooMany);
            // The number after the last stands for the directory above the root.
            number = number.checked_add(1).filter(|number| *number < u32::MAX).ok_or_else(too_many)?;
            self.numbers[id.index()] = InodeNumber(number);
            let node = self.tree.node(id);
            fits(node).map_err(|why| unfit(self.tree, id, why))?;
            self.xattrs.add(id, &node.metadata.xattrs).map_err(|why| unfit(self.tree, id, why))?;
            for owner in [node.metadata.uid, node.metadata.gid] {
                self.add_id(owner).map_err(|why| unfit(self.tree, id, why))?;
            }
        }
        Ok(())
    }

    fn add_id(&mut self, id: u32) -> Result<(), Unfit> {
        if !self.id_index.contains_key(&id) {
            // `no_ids` counts to 65535.
            let place = u16::try_from(self.ids.len()).ok().filter(|place| *place < u16::MAX);
            self.id_index.insert(id, place.ok_or(Unfit::TooManyIds)?);
            self.ids.push(id);
        }
        Ok(())
    }
}

/// Whether the node by itself can be stored.
fn fits(node: &Node) -> Result<(), Unfit> {
    if node.metadata.permissions > 0o7777 {
        return Err(Unfit::Permissions(node.metadata.permissions));
    }
    match &node.kind {
        Kind::Symlink(target) if target.len() > SYMLINK_MAX => Err(Unfit::SymlinkTooLong(target.len())),
        Kind::Symlink(target) if target.is_empty() || target.contains(&0) => Err(Unfit::SymlinkTarget),
        Kind::CharDevice(device) | Kind::BlockDevice(device) => {
            encode_device(*device).map(drop).ok_or(Unfit::Device)
        }
        Kind::Symlink(_) | Kind::Directory(_) | Kind::File(_) | Kind::Fifo | Kind::Socket => Ok(()),
    }
}

/// Divides the files of `tree`, each where its first name is.
fn runs(tree: &Tree, options: &Options) -> Vec<Run> {
    let below = options.runs.below.trim_matches('/').as_bytes();
    // The run of each file, by the index of its node.
    let mut packed: Vec<Option<usize>> = vec![None; tree.len()];
    // Path of what each run is packed for, and its number, in the order of the names.
    let mut runs: Vec<Run> = Vec::new();
    let mut by_path: BTreeMap<Vec<u8>, usize> = BTreeMap::new();
    for (path, id) in tree.walk() {
        let Kind::File(content) = &tree.node(id).kind else { continue };
        if content.is_empty() {
            continue;
        }
        let (top, identity) = run_of(&path, below, options);
        let run = *by_path.entry(top.to_vec()).or_insert_with(|| {
            runs.push(Run { files: Vec::new(), identity });
            runs.len() - 1
        });
        match packed[id.index()] {
            None => {
                packed[id.index()] = Some(run);
                runs[run].files.push(id);
            }
            // The identity speaks of a file that is packed elsewhere.
            Some(other) if other != run => runs[run].identity = None,
            Some(_) => {}
        }
    }
    runs
}

/// The path that is packed by itself and that `path` belongs to, and what is known of it.
fn run_of<'p>(path: &'p [u8], below: &[u8], options: &Options) -> (&'p [u8], Option<[u8; 32]>) {
    let inside = match below {
        b"" => Some(path),
        _ => path.strip_prefix(below).and_then(|rest| rest.strip_prefix(b"/")),
    };
    let rest = inside.unwrap_or(path);
    let name_len = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
    let top = &path[..path.len() - rest.len() + name_len];
    let identity = inside.and_then(|rest| options.runs.identities.get(&rest[..name_len]).copied());
    (top, identity)
}

/// Bytes of node `id`'s content; zero for what has none.
pub(super) fn content(tree: &Tree, id: NodeId) -> Option<&Content> {
    match &tree.node(id).kind {
        Kind::File(content) => Some(content),
        _ => None,
    }
}

/// How many pieces of `block_size` bytes a file of `len` bytes has, the last of them shorter.
pub(super) fn pieces(len: u64, block_size: u64) -> usize {
    usize_of(len.div_ceil(block_size))
}

/// Bytes of all files' pieces in the worst case.
pub(super) fn data_len(survey: &Survey<'_>) -> u64 {
    let files = survey.runs.iter().flat_map(|run| &run.files);
    files.filter_map(|id| content(survey.tree, *id)).map(Content::len).fold(0, u64::saturating_add)
}

/// The first path of `id`, for messages.
pub(super) fn path_of(tree: &Tree, id: NodeId) -> String {
    let found = tree.walk().find(|(_, node)| *node == id);
    found.map_or_else(|| "/".to_owned(), |(path, _)| format!("/{}", String::from_utf8_lossy(&path)))
}

fn unfit(tree: &Tree, id: NodeId, why: Unfit) -> SquashfsError {
    SquashfsError::Unfit { path: path_of(tree, id), why }
}

/// Bytes of the nodes' inodes, names and attributes before compression, and a little more.
pub(super) fn metadata_max(survey: &Survey<'_>, block_size: u64) -> u64 {
    let mut bytes = 0_u64;
    for (_, node) in survey.tree.nodes() {
        let own = match &node.kind {
            // Names and headers of the entries, twice for the index.
            Kind::Directory(entries) => entries.keys().map(|name| 64 + u64_of(name.as_bytes().len())).sum(),
            Kind::File(content) => u64_of(pieces(content.len(), block_size)) * 4 + 32,
            Kind::Symlink(target) => u64_of(target.len()),
            Kind::CharDevice(_) | Kind::BlockDevice(_) | Kind::Fifo | Kind::Socket => 0,
        };
        let attributes: u64 =
            node.metadata.xattrs.iter().map(|xattr| 32 + u64_of(xattr.name.len() + xattr.value.len())).sum();
        // Inode, place in the export table, owners, list of attributes.
        bytes = bytes.saturating_add(own).saturating_add(attributes).saturating_add(128);
    }
    // Two bytes for each block of 8 KiB, eight in the lists, and for each table a block that is not full.
    bytes.saturating_add(bytes / 512).saturating_add(8 * 8192)
}
