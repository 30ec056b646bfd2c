//! What goes onto a medium: names, sizes, attributes. Contents are the caller's.

use std::collections::BTreeMap;

use crate::error::PlanError;

/// Bytes of the longest name.
const NAME_MAX: usize = 255;

/// A file, directory or link of one [`Tree`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NodeId(usize);

impl NodeId {
    pub(crate) const fn index(self) -> usize {
        self.0
    }
}

/// Owner, permissions and time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attributes {
    /// Permission bits with set-uid, set-gid and sticky.
    pub permissions: u16,
    /// Owner.
    pub uid: u32,
    /// Owning group.
    pub gid: u32,
    /// Seconds since 1970.
    pub modified: i64,
}

impl Attributes {
    /// A file that everyone may read and root owns.
    pub const fn file(modified: i64) -> Self {
        Self { permissions: 0o444, uid: 0, gid: 0, modified }
    }

    /// A directory that everyone may enter and root owns.
    pub const fn directory(modified: i64) -> Self {
        Self { permissions: 0o555, uid: 0, gid: 0, modified }
    }
}

/// What a node is.
#[derive(Clone, Debug)]
pub(crate) enum Kind {
    Directory(BTreeMap<Vec<u8>, NodeId>),
    /// Bytes of the file, at most.
    File(u64),
    /// Where it leads.
    Symlink(Vec<u8>),
}

#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) attributes: Attributes,
    pub(crate) kind: Kind,
}

/// A directory tree. Files are stored in the order in which they were added.
#[derive(Clone, Debug)]
pub struct Tree {
    pub(crate) nodes: Vec<Node>,
    /// For directories that are made on the way.
    folder: Attributes,
}

impl Tree {
    pub(crate) const ROOT: NodeId = NodeId(0);

    /// An empty root directory with the attributes `folder`, which directories made on the way get too.
    pub fn new(folder: Attributes) -> Self {
        let root = Node { attributes: folder, kind: Kind::Directory(BTreeMap::new()) };
        Self { nodes: vec![root], folder }
    }

    /// Adds a file of at most `len` bytes at `path`, whose parts `/` separates.
    pub fn file(
        &mut self,
        path: impl AsRef<[u8]>,
        len: u64,
        attributes: Attributes,
    ) -> Result<NodeId, PlanError> {
        self.add(path.as_ref(), Node { attributes, kind: Kind::File(len) })
    }

    /// Adds a symbolic link to `target` at `path`.
    pub fn symlink(
        &mut self,
        path: impl AsRef<[u8]>,
        target: impl AsRef<[u8]>,
        attributes: Attributes,
    ) -> Result<NodeId, PlanError> {
        let target = target.as_ref();
        if target.is_empty() || target.contains(&0) {
            return Err(PlanError::Name(String::from_utf8_lossy(target).into_owned()));
        }
        self.add(path.as_ref(), Node { attributes, kind: Kind::Symlink(target.to_vec()) })
    }

    /// The directory at `path`, made with those on the way where it is missing.
    pub fn directory(&mut self, path: impl AsRef<[u8]>) -> Result<NodeId, PlanError> {
        let mut here = Self::ROOT;
        for part in path.as_ref().split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
            let Kind::Directory(entries) = &self.nodes[here.0].kind else {
                return Err(PlanError::NotADirectory(shown(path.as_ref())));
            };
            here = match entries.get(part) {
                Some(id) => *id,
                None => {
                    let node = Node { attributes: self.folder, kind: Kind::Directory(BTreeMap::new()) };
                    self.insert(here, part, node)?
                }
            };
        }
        match self.nodes[here.0].kind {
            Kind::Directory(_) => Ok(here),
            _ => Err(PlanError::NotADirectory(shown(path.as_ref()))),
        }
    }

    fn add(&mut self, path: &[u8], node: Node) -> Result<NodeId, PlanError> {
        let path = path.strip_prefix(b"/").unwrap_or(path);
        let split = path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = split.map_or((&b""[..], path), |at| (&path[..at], &path[at + 1..]));
        let parent = self.directory(folder)?;
        self.insert(parent, name, node)
    }

    fn insert(&mut self, parent: NodeId, name: &[u8], node: Node) -> Result<NodeId, PlanError> {
        if name.is_empty() || name == b"." || name == b".." || name.contains(&0) || name.len() > NAME_MAX {
            return Err(PlanError::Name(shown(name)));
        }
        let id = NodeId(self.nodes.len());
        let Kind::Directory(entries) = &mut self.nodes[parent.0].kind else {
            return Err(PlanError::NotADirectory(shown(name)));
        };
        if entries.contains_key(name) {
            return Err(PlanError::Exists(shown(name)));
        }
        entries.insert(name.to_vec(), id);
        self.nodes.push(node);
        Ok(id)
    }
}

/// A name for messages.
pub(crate) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).into_owned()
}
