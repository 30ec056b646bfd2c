//! A file system as a tree again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::{Place, SquashfsError};
use super::super::format::MetadataRef;
use super::file::FileSource;
use super::inode::{FilePlace, Inode, InodeKind};
use super::{Reader, corrupt};
use crate::tree::{Content, Kind, Metadata, Name, Node, NodeId, Tree, TreeError};
use crate::volume::Block;

/// What was made of an inode.
struct Made {
    id: NodeId,
    /// Names that it may still get: what bounds the number of names that damaged bytes can give.
    names_left: u32,
    is_directory: bool,
}

impl<B: Block + 'static> Reader<B> {
    /// Everything in the file system. Contents stay where they are until they are wanted, and what is kept of
    /// them in memory is bounded.
    ///
    /// # Errors
    ///
    /// When names, inodes or attributes are damaged. Damaged contents are seen when they are read.
    pub fn tree(self: &Arc<Self>) -> Result<Tree, SquashfsError> {
        let root = self.root()?;
        if !matches!(root.kind, InodeKind::Directory(_)) {
            return Err(corrupt(Place::Inode(root.place.0), "the root is not a directory"));
        }
        let mut tree = Tree::new(self.metadata(&root)?);
        let own = Made { id: Tree::ROOT, names_left: 0, is_directory: true };
        let mut made: BTreeMap<MetadataRef, Made> = BTreeMap::from([(root.place, own)]);
        let mut open = vec![(root, Tree::ROOT)];
        while let Some((folder, parent)) = open.pop() {
            let before = open.len();
            for entry in self.entries(&folder)? {
                let name = Name::new(&entry.name).map_err(TreeError::from)?;
                if let Some(known) = made.get_mut(&entry.inode) {
                    let wrong = |what: String| corrupt(Place::Inode(entry.inode.0), what);
                    if known.is_directory {
                        return Err(wrong(format!("`{name}` is a second name of a directory")));
                    }
                    known.names_left = known
                        .names_left
                        .checked_sub(1)
                        .ok_or_else(|| wrong("it has more names than it says".to_owned()))?;
                    tree.link(parent, name, known.id)?;
                    continue;
                }
                let inode = self.inode(entry.inode)?;
                let node = Node { metadata: self.metadata(&inode)?, kind: kind(self, &inode) };
                let id = tree.add(parent, name, node)?;
                let is_directory = matches!(inode.kind, InodeKind::Directory(_));
                let names_left = inode.links.saturating_sub(1);
                made.insert(entry.inode, Made { id, names_left, is_directory });
                if is_directory {
                    open.push((inode, id));
                }
            }
            open[before..].reverse();
        }
        Ok(tree)
    }

    fn metadata(&self, inode: &Inode) -> Result<Metadata, SquashfsError> {
        Ok(Metadata {
            permissions: inode.permissions,
            uid: inode.uid,
            gid: inode.gid,
            modified: inode.modified,
            xattrs: self.xattrs(inode)?,
        })
    }
}

fn kind<B: Block + 'static>(reader: &Arc<Reader<B>>, inode: &Inode) -> Kind {
    match &inode.kind {
        InodeKind::Directory(_) => Kind::directory(),
        InodeKind::File(FilePlace { len, .. }) => {
            Kind::File(Content::Source(Arc::new(FileSource::new(Arc::clone(reader), inode.place, *len))))
        }
        InodeKind::Symlink(target) => Kind::Symlink(target.clone()),
        InodeKind::CharDevice(device) => Kind::CharDevice(*device),
        InodeKind::BlockDevice(device) => Kind::BlockDevice(*device),
        InodeKind::Fifo => Kind::Fifo,
        InodeKind::Socket => Kind::Socket,
    }
}
