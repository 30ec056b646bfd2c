//! Going through a tree in its one order.

use std::collections::btree_map::Iter;

use super::{Kind, Name, NodeId, Tree};

/// Iterator of [`Tree::walk`]: paths (relative, parts separated by `/`) with their nodes.
#[derive(Debug)]
pub struct Walk<'a> {
    tree: &'a Tree,
    /// The directories we are in, each with the length of its path.
    open: Vec<(usize, Iter<'a, Name, NodeId>)>,
    path: Vec<u8>,
}

impl<'a> Walk<'a> {
    pub(super) fn new(tree: &'a Tree) -> Self {
        let mut walk = Self { tree, open: Vec::new(), path: Vec::new() };
        walk.enter(Tree::ROOT);
        walk
    }

    fn enter(&mut self, id: NodeId) {
        if let Kind::Directory(entries) = &self.tree.node(id).kind {
            self.open.push((self.path.len(), entries.iter()));
        }
    }
}

impl Iterator for Walk<'_> {
    type Item = (Vec<u8>, NodeId);

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let (folder_len, entries) = self.open.last_mut()?;
            self.path.truncate(*folder_len);
            let Some((name, id)) = entries.next() else {
                self.open.pop();
                continue;
            };
            if !self.path.is_empty() {
                self.path.push(b'/');
            }
            self.path.extend_from_slice(name.as_bytes());
            self.enter(*id);
            return Some((self.path.clone(), *id));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Metadata, Node};
    use super::*;

    #[test]
    fn folders_come_before_what_is_in_them() {
        let mut tree = Tree::new(Metadata::root(0o755));
        let folder = Metadata::root(0o755);
        for path in ["b/x", "a", "b/y/z", "c"] {
            tree.insert(path, Node { metadata: folder.clone(), kind: Kind::Fifo }, &folder).unwrap();
        }
        let paths: Vec<_> = tree.walk().map(|(path, _)| String::from_utf8(path).unwrap()).collect();
        assert_eq!(paths, ["a", "b", "b/x", "b/y", "b/y/z", "c"]);
    }
}
