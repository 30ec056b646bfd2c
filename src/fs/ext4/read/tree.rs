//! A file system as a tree again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::block::InodeNumber;
use super::super::error::{Ext4Error, Place};
use super::super::format::special;
use super::file::FileSource;
use super::inode::{Inode, InodeKind};
use super::{Reader, corrupt};
use crate::tree::{Content, Kind, Metadata, Name, Node, Tree, TreeError};
use crate::volume::Block;

impl<B: Block + Clone + 'static> Reader<B> {
    /// Everything in the file system. Contents stay where they are until they are wanted; `lost+found` is
    /// there like any other directory.
    pub fn tree(&self) -> Result<Tree, Ext4Error> {
        let shared = Arc::new(self.clone());
        let root = self.root()?;
        let mut tree = Tree::new(self.metadata(&root)?);
        let mut nodes = BTreeMap::from([(special::ROOT, Tree::ROOT)]);
        let mut open = vec![(root, Tree::ROOT)];
        while let Some((folder, parent)) = open.pop() {
            for entry in self.entries(&folder)? {
                let name = Name::new(&entry.name).map_err(TreeError::from)?;
                if let Some(known) = nodes.get(&entry.inode) {
                    if let Kind::Directory(_) = tree.node(*known).kind {
                        let what = format!("`{name}` is a second name of a directory");
                        return Err(corrupt(Place::Inode(folder.number()), what));
                    }
                    tree.link(parent, name, *known)?;
                    continue;
                }
                let inode = self.inode(InodeNumber(entry.inode))?;
                let node = Node { metadata: self.metadata(&inode)?, kind: kind(&shared, &inode)? };
                let id = tree.add(parent, name, node)?;
                nodes.insert(entry.inode, id);
                if inode.kind() == InodeKind::Directory {
                    open.push((inode, id));
                }
            }
        }
        Ok(tree)
    }

    fn metadata(&self, inode: &Inode) -> Result<Metadata, Ext4Error> {
        Ok(Metadata {
            permissions: inode.permissions(),
            uid: inode.uid(),
            gid: inode.gid(),
            modified: inode.modified(),
            xattrs: self.xattrs(inode)?,
        })
    }
}

fn kind<B: Block + 'static>(reader: &Arc<Reader<B>>, inode: &Inode) -> Result<Kind, Ext4Error> {
    Ok(match inode.kind() {
        InodeKind::Directory => Kind::directory(),
        InodeKind::File => Kind::File(Content::Source(Arc::new(FileSource::new(Arc::clone(reader), inode)))),
        InodeKind::Symlink => Kind::Symlink(reader.target(inode)?),
        InodeKind::CharDevice(device) => Kind::CharDevice(device),
        InodeKind::BlockDevice(device) => Kind::BlockDevice(device),
        InodeKind::Fifo => Kind::Fifo,
        InodeKind::Socket => Kind::Socket,
    })
}
