//! Comparing what trees say of each other: who uses which bytes, and how many they are.

use std::collections::BTreeMap;

use super::super::error::BtrfsError;
use super::super::format::chunk::BlockGroupItem;
use super::super::format::extent::ExtentItem;
use super::super::format::kind;
use super::super::format::objectid::{EXTENT_TREE, FIRST_FREE, FS_TREE, LAST_FREE};
use super::super::key::Key;
use super::inode::{Stored, struct_at};
use super::{Reader, TreeRoot, corrupt};
use crate::volume::Block;

impl<B: Block> Reader<B> {
    /// Reads every node of every tree and compares what is in use with what the tree of extents, the block groups and the
    /// superblock say. Contents of files are not read; whoever reads them verifies them.
    pub fn verify(&self) -> Result<(), BtrfsError> {
        let mut used: BTreeMap<u64, u64> = BTreeMap::new();
        for root in self.roots.values() {
            self.nodes(*root, &mut used)?;
        }
        for tree in self.roots.keys().filter(|tree| is_subvolume(**tree)) {
            for inode in self.inodes(*tree)?.values() {
                for part in &inode.parts {
                    if let Stored::Extent { start, disk_len, .. } = part.stored {
                        used.insert(start, disk_len);
                    }
                }
            }
        }
        self.compare(&used)
    }

    /// Notes every node of a tree.
    fn nodes(&self, root: TreeRoot, used: &mut BTreeMap<u64, u64>) -> Result<(), BtrfsError> {
        let mut open = vec![(root.address, root.level)];
        while let Some((address, level)) = open.pop() {
            let node = self.node(address, level)?;
            if used.insert(address.0, self.node_bytes()).is_some() {
                return Err(corrupt(format!("node {}", address.0), "it is in use twice"));
            }
            if level > 0 {
                open.extend((0..node.len).map(|index| (node.child(index), level - 1)));
            }
        }
        Ok(())
    }

    /// Compares `used` (addresses with lengths) with the tree of extents and the block groups.
    fn compare(&self, used: &BTreeMap<u64, u64>) -> Result<(), BtrfsError> {
        let mut listed: BTreeMap<u64, u64> = BTreeMap::new();
        let mut groups: Vec<(u64, u64, u64)> = Vec::new();
        self.walk(self.root_of(EXTENT_TREE)?, Key::default()..=Key::MAX, &mut |key, data| {
            let wrong = || corrupt(format!("extent {}", key.objectid), "its item is cut off");
            match key.kind {
                kind::METADATA_ITEM => {
                    listed.insert(key.objectid, self.node_bytes());
                }
                kind::EXTENT_ITEM => {
                    struct_at::<ExtentItem>(data, 0).ok_or_else(wrong)?;
                    listed.insert(key.objectid, key.offset);
                }
                kind::BLOCK_GROUP_ITEM => {
                    let item: BlockGroupItem = struct_at(data, 0).ok_or_else(wrong)?;
                    groups.push((key.objectid, key.offset, item.used.get()));
                }
                _ => {}
            }
            Ok(())
        })?;
        if let Some((start, len)) = used.iter().find(|(start, len)| listed.get(start) != Some(len)) {
            let what = format!("its {len} bytes are in use and not listed so");
            return Err(corrupt(format!("extent {start}"), what));
        }
        let chunks: Vec<(u64, u64)> = self.chunks.iter().map(|chunk| (chunk.start.0, chunk.len)).collect();
        let known: Vec<(u64, u64)> = groups.iter().map(|(start, len, _)| (*start, *len)).collect();
        if chunks != known {
            return Err(corrupt("block groups", "they are not the chunks"));
        }
        for (start, len, claimed) in &groups {
            let found: u64 = listed.range(*start..start.saturating_add(*len)).map(|(_, len)| *len).sum();
            if found != *claimed {
                let what = format!("it has {found} bytes in use and says {claimed}");
                return Err(corrupt(format!("block group {start}"), what));
            }
        }
        let total: u64 = listed.values().fold(0, |sum, len| sum.saturating_add(*len));
        if total == self.superblock.bytes_used.get() {
            Ok(())
        } else {
            Err(corrupt("superblock", format!("{total} bytes are in use, it says {}", self.used().bytes())))
        }
    }
}

fn is_subvolume(tree: u64) -> bool {
    tree == FS_TREE || (FIRST_FREE..=LAST_FREE).contains(&tree)
}
