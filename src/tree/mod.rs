//! Trees: what goes into a file system, whichever one.
//!
//! A [`Tree`] is a set of nodes, the first of them the root directory. Directories name their
//! entries; a node with two names is a hard link. Contents are not held in memory: a node says where
//! its bytes come from, and the writer fetches them when their place comes. Entries are ordered by
//! their bytes, so whatever is made from a Tree has one order everywhere.

mod content;
mod host;
mod name;
mod split;
mod walk;

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

pub use content::{Content, ContentError, HostFile, OpenContent, Source};
pub use host::{HostTreeError, host_tree};
pub use name::{Name, NameError};
pub use split::{MountPoint, split};
pub use walk::Walk;

use crate::timestamp::Timestamp;
use crate::units::{u64_of, usize_of};

/// Identifies a node of one [`Tree`]; an inode, so to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(u32);

impl NodeId {
    /// Position of the node among all nodes of its tree, from 0: usable as an index.
    pub fn index(self) -> usize {
        usize_of(u64::from(self.0))
    }
}

/// An extended attribute: full name (`security.capability`) and value.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Xattr {
    /// Name with its prefix, without a NUL.
    pub name: Vec<u8>,
    /// Value, as `getxattr` returns it (ACLs in the kernel's exchange format).
    pub value: Vec<u8>,
}

/// What every node has, whatever its kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Metadata {
    /// Permission bits with set-uid, set-gid and sticky: 0 to 0o7777.
    pub permissions: u16,
    /// Owner's user number.
    pub uid: u32,
    /// Owning group's number.
    pub gid: u32,
    /// Time of the last modification; writers use it for the other times too.
    pub modified: Timestamp,
    /// Extended attributes, sorted by name, no name twice.
    pub xattrs: Vec<Xattr>,
}

impl Metadata {
    /// Owned by root, modified when the Nix store says so, without extended attributes.
    pub const fn root(permissions: u16) -> Self {
        Self { permissions, uid: 0, gid: 0, modified: Timestamp::STORE, xattrs: Vec::new() }
    }
}

/// Number of a device, as `mknod` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct DeviceNumber {
    /// Which driver.
    pub major: u32,
    /// Which of its devices.
    pub minor: u32,
}

/// What a node is.
#[derive(Clone, Debug)]
pub enum Kind {
    /// Names of other nodes.
    Directory(BTreeMap<Name, NodeId>),
    /// Bytes.
    File(Content),
    /// A path to go on with; any bytes but NUL.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

impl Kind {
    /// A directory without entries.
    pub const fn directory() -> Self {
        Self::Directory(BTreeMap::new())
    }
}

/// A node: a file, directory, link or other object of a file system.
#[derive(Clone, Debug)]
pub struct Node {
    /// Owner, permissions, times, attributes.
    pub metadata: Metadata,
    /// What it is.
    pub kind: Kind,
}

impl Node {
    /// Type and permissions in the bits of `st_mode` (POSIX.1-2024, `<sys/stat.h>`, with the usual values).
    pub fn mode(&self) -> u32 {
        let kind = match &self.kind {
            Kind::Fifo => 0o010_000,
            Kind::CharDevice(_) => 0o020_000,
            Kind::Directory(_) => 0o040_000,
            Kind::BlockDevice(_) => 0o060_000,
            Kind::File(_) => 0o100_000,
            Kind::Symlink(_) => 0o120_000,
            Kind::Socket => 0o140_000,
        };
        kind | u32::from(self.metadata.permissions)
    }
}

/// Why something could not be put into a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeError {
    /// The name cannot be one.
    #[error(transparent)]
    Name(#[from] NameError),
    /// Something has that name already.
    #[error("`{0}` is there twice")]
    Exists(String),
    /// A part of the path is not a directory.
    #[error("`{0}` is not a directory")]
    NotADirectory(String),
    /// More nodes than any file system numbers.
    #[error("a tree holds at most 4,294,967,295 nodes")]
    TooMany,
}

/// A directory tree with its root.
#[derive(Clone, Debug)]
pub struct Tree {
    nodes: Vec<Node>,
}

impl Tree {
    /// The root of every tree.
    pub const ROOT: NodeId = NodeId(0);

    /// A tree with nothing but a root directory.
    pub fn new(root: Metadata) -> Self {
        Self { nodes: vec![Node { metadata: root, kind: Kind::directory() }] }
    }

    /// How many nodes there are, the root included; hard links count once.
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether the root is all there is.
    pub fn is_empty(&self) -> bool {
        self.nodes.len() == 1
    }

    /// The node `id`, which must be of this tree.
    pub fn node(&self, id: NodeId) -> &Node {
        &self.nodes[id.index()]
    }

    /// The node `id`'s metadata, to change them.
    pub fn metadata_mut(&mut self, id: NodeId) -> &mut Metadata {
        &mut self.nodes[id.index()].metadata
    }

    /// All nodes with their numbers, in the order in which they were added.
    pub fn nodes(&self) -> impl Iterator<Item = (NodeId, &Node)> {
        (0..).map(NodeId).zip(&self.nodes)
    }

    /// The entries of directory `id` in the order of their names; empty for what is no directory.
    pub fn entries(&self, id: NodeId) -> impl Iterator<Item = (&Name, NodeId)> {
        let entries = match &self.node(id).kind {
            Kind::Directory(entries) => Some(entries.iter().map(|(name, id)| (name, *id))),
            _ => None,
        };
        entries.into_iter().flatten()
    }

    /// Adds `node` as `name` in directory `parent`.
    pub fn add(&mut self, parent: NodeId, name: Name, node: Node) -> Result<NodeId, TreeError> {
        let id = NodeId(u32::try_from(self.nodes.len()).map_err(|_| TreeError::TooMany)?);
        self.link(parent, name, id)?;
        self.nodes.push(node);
        Ok(id)
    }

    /// Gives the node `id` one more name: a hard link.
    pub fn link(&mut self, parent: NodeId, name: Name, id: NodeId) -> Result<(), TreeError> {
        match &mut self.nodes[parent.index()].kind {
            Kind::Directory(entries) => match entries.entry(name) {
                Entry::Occupied(there) => Err(TreeError::Exists(there.key().to_string())),
                Entry::Vacant(free) => {
                    free.insert(id);
                    Ok(())
                }
            },
            _ => Err(TreeError::NotADirectory(name.to_string())),
        }
    }

    /// Adds `node` at `path` (parts separated by `/`), making missing directories with `folder`'s metadata.
    pub fn insert(&mut self, path: &str, node: Node, folder: &Metadata) -> Result<NodeId, TreeError> {
        let path = path.trim_matches('/');
        let (parents, name) = path.rsplit_once('/').unwrap_or(("", path));
        let parent = self.make_directories(parents, folder)?;
        self.add(parent, Name::new(name.as_bytes())?, node).map_err(|error| {
            if let TreeError::Exists(_) = error { TreeError::Exists(path.to_owned()) } else { error }
        })
    }

    /// The directory at `path`, made with `folder`'s metadata where it is missing.
    pub fn make_directories(&mut self, path: &str, folder: &Metadata) -> Result<NodeId, TreeError> {
        let mut here = Self::ROOT;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let name = Name::new(part.as_bytes())?;
            here = match &self.node(here).kind {
                Kind::Directory(entries) => match entries.get(&name) {
                    Some(id) => *id,
                    None => {
                        let node = Node { metadata: folder.clone(), kind: Kind::directory() };
                        self.add(here, name, node)?
                    }
                },
                _ => return Err(TreeError::NotADirectory(path.to_owned())),
            };
        }
        match self.node(here).kind {
            Kind::Directory(_) => Ok(here),
            _ => Err(TreeError::NotADirectory(path.to_owned())),
        }
    }

    /// Adds everything that is in `other`. A directory that is there already keeps its metadata; anything
    /// else that is there already is an error.
    pub fn merge(&mut self, other: &Self) -> Result<(), TreeError> {
        let mut pending = vec![(Self::ROOT, Self::ROOT, String::new())];
        // Nodes of `other` that have a place already: a second name of one is a hard link.
        let mut placed = BTreeMap::new();
        while let Some((from, to, path)) = pending.pop() {
            for (name, child) in other.entries(from) {
                let here = match &self.node(to).kind {
                    Kind::Directory(entries) => entries.get(name).copied(),
                    _ => return Err(TreeError::NotADirectory(path)),
                };
                let path = format!("{path}/{name}");
                let node = other.node(child);
                let is_directory = matches!(node.kind, Kind::Directory(_));
                let id = match here {
                    Some(id) if is_directory => id,
                    Some(_) => return Err(TreeError::Exists(path)),
                    None => match placed.get(&child) {
                        Some(id) => {
                            self.link(to, name.clone(), *id)?;
                            *id
                        }
                        None if is_directory => {
                            let kind = Kind::directory();
                            self.add(to, name.clone(), Node { metadata: node.metadata.clone(), kind })?
                        }
                        None => self.add(to, name.clone(), node.clone())?,
                    },
                };
                if is_directory {
                    pending.push((child, id, path));
                } else {
                    placed.insert(child, id);
                }
            }
        }
        Ok(())
    }

    /// Adds the node `id` of `other`, with all below it, under `name` in the directory `parent`.
    pub fn graft(
        &mut self,
        (parent, name): (NodeId, Name),
        (other, id): (&Self, NodeId),
    ) -> Result<(), TreeError> {
        let mut pending = vec![(parent, name, id)];
        // Nodes that have a place already: a second name of one is a hard link.
        let mut placed = BTreeMap::new();
        while let Some((parent, name, from)) = pending.pop() {
            if let Some(id) = placed.get(&from) {
                self.link(parent, name, *id)?;
                continue;
            }
            let node = other.node(from);
            if !matches!(node.kind, Kind::Directory(_)) {
                placed.insert(from, self.add(parent, name, node.clone())?);
                continue;
            }
            let metadata = node.metadata.clone();
            let folder = self.add(parent, name, Node { metadata, kind: Kind::directory() })?;
            // The last one in is the first one out: names keep their order.
            let before = pending.len();
            pending.extend(other.entries(from).map(|(name, child)| (folder, name.clone(), child)));
            pending[before..].reverse();
        }
        Ok(())
    }

    /// The node at `path` (parts separated by `/`); symbolic links are not followed.
    pub fn lookup(&self, path: &str) -> Option<NodeId> {
        let mut here = Self::ROOT;
        for part in path.split('/').filter(|part| !part.is_empty()) {
            let Kind::Directory(entries) = &self.node(here).kind else { return None };
            here = *entries.get(part.as_bytes())?;
        }
        Some(here)
    }

    /// How many names each node has, by its index; directories count their entry, `.` and each
    /// child's `..`, as `st_nlink` does.
    pub fn link_counts(&self) -> Vec<u32> {
        let mut counts = vec![0_u32; self.nodes.len()];
        counts[0] = 1;
        for node in &self.nodes {
            let Kind::Directory(entries) = &node.kind else { continue };
            for id in entries.values() {
                counts[id.index()] += 1;
            }
        }
        for (index, node) in self.nodes.iter().enumerate() {
            let Kind::Directory(entries) = &node.kind else { continue };
            let is_directory = |id: &&NodeId| matches!(self.node(**id).kind, Kind::Directory(_));
            let folders = entries.values().filter(is_directory).count();
            counts[index] += 1 + u32::try_from(folders).unwrap_or(u32::MAX - 2);
        }
        counts
    }

    /// Every entry below the root with its path, directories before what is in them, in byte order of
    /// the names. A hard link comes once for each name.
    pub fn walk(&self) -> Walk<'_> {
        Walk::new(self)
    }

    /// Bytes of all files' contents, holes included; hard links count once.
    pub fn content_len(&self) -> u64 {
        let len = |node: &Node| match &node.kind {
            Kind::File(content) => content.len(),
            Kind::Symlink(target) => u64_of(target.len()),
            _ => 0,
        };
        self.nodes.iter().map(len).fold(0, u64::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(bytes: &[u8]) -> Node {
        Node { metadata: Metadata::root(0o644), kind: Kind::File(Content::from(bytes.to_vec())) }
    }

    #[test]
    fn inserting_makes_the_folders_and_refuses_a_second_of_the_same_name() {
        let mut tree = Tree::new(Metadata::root(0o755));
        let id = tree.insert("EFI/BOOT/BOOTX64.EFI", file(b"x"), &Metadata::root(0o755)).unwrap();
        assert_eq!(tree.lookup("/EFI/BOOT/BOOTX64.EFI"), Some(id));
        let again = tree.insert("EFI/BOOT/BOOTX64.EFI", file(b"y"), &Metadata::root(0o755));
        assert_eq!(again.unwrap_err(), TreeError::Exists("EFI/BOOT/BOOTX64.EFI".into()));
        let below_file = tree.insert("EFI/BOOT/BOOTX64.EFI/more", file(b"y"), &Metadata::root(0o755));
        assert!(matches!(below_file, Err(TreeError::NotADirectory(_))));
    }

    #[test]
    fn merging_fills_folders_and_refuses_to_replace() {
        let folder = Metadata::root(0o755);
        let mut tree = Tree::new(folder.clone());
        tree.insert("etc/NIXOS", file(b""), &folder).unwrap();
        let mut extra = Tree::new(folder.clone());
        let key = extra.insert("etc/ssh/key", file(b"k"), &Metadata::root(0o700)).unwrap();
        let ssh = extra.lookup("etc/ssh").unwrap();
        extra.link(ssh, Name::new(b"again").unwrap(), key).unwrap();
        tree.merge(&extra).unwrap();
        assert_eq!(tree.lookup("etc/ssh/key"), tree.lookup("etc/ssh/again"));
        assert_eq!(tree.node(tree.lookup("etc/ssh").unwrap()).metadata.permissions, 0o700);
        assert_eq!(tree.merge(&extra), Err(TreeError::Exists("/etc/ssh/again".to_owned())));
        let mut over = Tree::new(folder.clone());
        over.insert("etc/NIXOS/x", file(b""), &folder).unwrap();
        assert!(matches!(tree.merge(&over), Err(TreeError::NotADirectory(_))));
    }

    #[test]
    fn link_counts_are_those_of_stat() {
        let mut tree = Tree::new(Metadata::root(0o755));
        let id = tree.insert("a/b/one", file(b"x"), &Metadata::root(0o755)).unwrap();
        let folder = tree.lookup("a").unwrap();
        tree.link(folder, Name::new(b"two").unwrap(), id).unwrap();
        let counts = tree.link_counts();
        assert_eq!(counts[id.index()], 2);
        assert_eq!(counts[Tree::ROOT.index()], 3);
        assert_eq!(counts[folder.index()], 3);
        assert_eq!(counts[tree.lookup("a/b").unwrap().index()], 2);
    }
}
