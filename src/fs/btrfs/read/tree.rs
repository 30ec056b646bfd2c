//! A subvolume as a tree again.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::error::BtrfsError;
use super::super::format::inode::file_mode;
use super::super::format::kind;
use super::super::format::objectid::FIRST_FREE;
use super::super::key::Key;
use super::file::{FileSource, Sums};
use super::inode::{Inode, Stored};
use super::{Reader, corrupt};
use crate::tree::{Content, DeviceNumber, Kind, Metadata, Name, Node, Tree, TreeError};
use crate::units::low_u16;
use crate::volume::Block;

impl<B: Block> Reader<B> {
    /// All inodes of the subvolume `number`.
    pub(super) fn inodes(&self, number: u64) -> Result<BTreeMap<u64, Inode>, BtrfsError> {
        let mut inodes: BTreeMap<u64, Inode> = BTreeMap::new();
        self.walk(self.root_of(number)?, Key::default()..=Key::MAX, &mut |key, data| {
            if key.kind == kind::INODE_ITEM {
                inodes.insert(key.objectid, Inode::new(key, data)?);
            } else if let Some(mut last) = inodes.last_entry().filter(|last| *last.key() == key.objectid) {
                last.get_mut().add(key, data)?;
            }
            Ok(())
        })?;
        Ok(inodes)
    }
}

impl<B: Block + 'static> Reader<B> {
    /// Everything in the subvolume `number`. Contents stay where they are until they are wanted; subvolumes in it are empty
    /// directories.
    pub fn tree(self: &Arc<Self>, number: u64) -> Result<Tree, BtrfsError> {
        let inodes = self.inodes(number)?;
        let missing = |inode: u64| corrupt(format!("inode {inode}"), "it is named and not there");
        let root = inodes.get(&FIRST_FREE).ok_or_else(|| missing(FIRST_FREE))?;
        let mut tree = Tree::new(metadata(root));
        let mut nodes = BTreeMap::from([(FIRST_FREE, Tree::ROOT)]);
        let mut open = vec![(root, Tree::ROOT)];
        while let Some((folder, parent)) = open.pop() {
            for entry in &folder.entries {
                let name = Name::new(&entry.name).map_err(TreeError::from)?;
                if entry.location.kind == kind::ROOT_ITEM {
                    let node = Node { metadata: Metadata::root(0o755), kind: Kind::directory() };
                    tree.add(parent, name, node)?;
                    continue;
                }
                let target = entry.location.objectid;
                if let Some(known) = nodes.get(&target) {
                    if let Kind::Directory(_) = tree.node(*known).kind {
                        let what = format!("`{name}` is a second name of a directory");
                        return Err(corrupt(format!("inode {target}"), what));
                    }
                    tree.link(parent, name, *known)?;
                    continue;
                }
                let inode = inodes.get(&target).ok_or_else(|| missing(target))?;
                let node = Node { metadata: metadata(inode), kind: self.kind(target, inode)? };
                let is_folder = matches!(node.kind, Kind::Directory(_));
                let id = tree.add(parent, name, node)?;
                nodes.insert(target, id);
                if is_folder {
                    open.push((inode, id));
                }
            }
        }
        Ok(tree)
    }

    fn kind(self: &Arc<Self>, number: u64, inode: &Inode) -> Result<Kind, BtrfsError> {
        let rdev = inode.item.rdev.get();
        let device = || DeviceNumber {
            major: u32::try_from(rdev >> 20 & 0xfff).unwrap_or(0),
            minor: u32::try_from(rdev & 0xf_ffff).unwrap_or(0),
        };
        Ok(match inode.item.mode.get() & file_mode::MASK {
            file_mode::DIRECTORY => Kind::directory(),
            file_mode::REGULAR => {
                let sums = if inode.is_checked() { Sums::Verified } else { Sums::None };
                let parts = inode.parts.clone();
                let source = FileSource::new(Arc::clone(self), inode.item.size.get(), parts, sums);
                Kind::File(Content::Source(Arc::new(source)))
            }
            file_mode::SYMLINK => match inode.parts.first().map(|part| (&part.stored, part.compression)) {
                Some((Stored::Inline(target), 0)) => Kind::Symlink(target.clone()),
                _ => return Err(corrupt(format!("inode {number}"), "the link has no target")),
            },
            file_mode::CHAR_DEVICE => Kind::CharDevice(device()),
            file_mode::BLOCK_DEVICE => Kind::BlockDevice(device()),
            file_mode::FIFO => Kind::Fifo,
            file_mode::SOCKET => Kind::Socket,
            mode => return Err(corrupt(format!("inode {number}"), format!("its mode {mode:#o} cannot be"))),
        })
    }
}

fn metadata(inode: &Inode) -> Metadata {
    Metadata {
        permissions: low_u16(u64::from(inode.item.mode.get() & 0o7777)),
        uid: inode.item.uid.get(),
        gid: inode.item.gid.get(),
        modified: inode.item.mtime.into(),
        xattrs: inode.xattrs.clone(),
    }
}
