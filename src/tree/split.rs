//! One tree over several file systems: cut at the mount points.

use std::collections::BTreeMap;

use super::{Kind, Metadata, Node, NodeId, Tree, TreeError};

/// Where a file system is mounted: an absolute path without `.`, `..`, doubled or trailing slashes.
/// `/` is the root.
pub type MountPoint = String;

/// Cuts `tree` into one tree for each of `mount_points`, keyed by it; `/` is always among them.
///
/// In the tree above, a mount point is an empty directory; it is made (owned by root, mode 0755) where
/// it is missing. The root of a cut-off tree keeps the metadata of the directory it was. A node with
/// names on both sides of a cut becomes two nodes: hard links do not cross file systems.
pub fn split(mut tree: Tree, mount_points: &[MountPoint]) -> Result<BTreeMap<MountPoint, Tree>, TreeError> {
    let mut by_node = BTreeMap::new();
    for mount_point in mount_points.iter().filter(|path| *path != "/") {
        let id = tree.make_directories(mount_point, &Metadata::root(0o755))?;
        by_node.insert(id, mount_point.clone());
    }
    let mut names = vec![0_u32; tree.len()];
    for node in &tree.nodes {
        if let Kind::Directory(entries) = &node.kind {
            entries.values().for_each(|id| names[id.index()] += 1);
        }
    }
    let mut trees = BTreeMap::new();
    Cutter { names, nodes: tree.nodes, mounts: by_node }.cut(Tree::ROOT, "/".to_owned(), &mut trees)?;
    Ok(trees)
}

/// A tree on its way into several.
struct Cutter {
    nodes: Vec<Node>,
    /// How many names each node has.
    names: Vec<u32>,
    mounts: BTreeMap<NodeId, MountPoint>,
}

impl Cutter {
    /// Moves what is below `root`, up to the next mount points, into a tree for `mount_point`.
    fn cut(
        &mut self,
        root: NodeId,
        mount_point: MountPoint,
        trees: &mut BTreeMap<MountPoint, Tree>,
    ) -> Result<(), TreeError> {
        let root = self.take(root);
        let mut part = Tree::new(root.metadata);
        // Nodes with further names, which may come later.
        let mut linked: BTreeMap<NodeId, NodeId> = BTreeMap::new();
        let mut folders = vec![(root.kind, Tree::ROOT)];
        let mut below = Vec::new();
        while let Some((folder, to)) = folders.pop() {
            let Kind::Directory(entries) = folder else { continue };
            for (name, id) in entries {
                if let Some(known) = linked.get(&id) {
                    part.link(to, name, *known)?;
                    continue;
                }
                let mut node = if let Some(mount) = self.mounts.get(&id) {
                    below.push((id, mount.clone()));
                    Node { metadata: Metadata::root(0o755), kind: Kind::directory() }
                } else {
                    self.take(id)
                };
                let folder = matches!(node.kind, Kind::Directory(_))
                    .then(|| std::mem::replace(&mut node.kind, Kind::directory()));
                let new = part.add(to, name, node)?;
                folders.extend(folder.map(|folder| (folder, new)));
                if self.names[id.index()] > 1 {
                    linked.insert(id, new);
                }
            }
        }
        trees.insert(mount_point, part);
        below.into_iter().try_for_each(|(id, mount)| self.cut(id, mount, trees))
    }

    /// The node `id`, which stays only where it has further names.
    fn take(&mut self, id: NodeId) -> Node {
        let node = &mut self.nodes[id.index()];
        if self.names[id.index()] > 1 {
            return node.clone();
        }
        std::mem::replace(node, Node { metadata: Metadata::root(0), kind: Kind::Fifo })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Name};

    fn sample() -> Tree {
        let mut tree = Tree::new(Metadata::root(0o755));
        let folder = Metadata::root(0o750);
        for path in ["nix/store/a/file", "etc/NIXOS", "home/me/notes"] {
            let node = Node {
                metadata: Metadata::root(0o644),
                kind: Kind::File(Content::from(path.as_bytes().to_vec())),
            };
            tree.insert(path, node, &folder).unwrap();
        }
        tree
    }

    fn paths(tree: &Tree) -> Vec<String> {
        tree.walk().map(|(path, _)| String::from_utf8(path).unwrap()).collect()
    }

    #[test]
    fn nested_mount_points_each_get_their_own_part() {
        let trees =
            split(sample(), &["/".into(), "/nix".into(), "/nix/store".into(), "/srv".into()]).unwrap();
        assert_eq!(
            paths(&trees["/"]),
            ["etc", "etc/NIXOS", "home", "home/me", "home/me/notes", "nix", "srv"]
        );
        assert_eq!(paths(&trees["/nix"]), ["store"]);
        assert_eq!(paths(&trees["/nix/store"]), ["a", "a/file"]);
        assert!(trees["/srv"].is_empty());
        assert_eq!(trees["/nix"].node(Tree::ROOT).metadata.permissions, 0o750);
    }

    #[test]
    fn hard_links_stay_links_on_one_side_of_a_cut() {
        let mut tree = sample();
        let id = tree.lookup("etc/NIXOS").unwrap();
        for (folder, name) in [("etc", "again"), ("home", "other")] {
            let folder = tree.lookup(folder).unwrap();
            tree.link(folder, Name::new(name.as_bytes()).unwrap(), id).unwrap();
        }
        let trees = split(tree, &["/home".into()]).unwrap();
        let root = &trees["/"];
        assert_eq!(root.lookup("etc/NIXOS"), root.lookup("etc/again"));
        assert!(trees["/home"].lookup("other").is_some());
    }

    #[test]
    fn a_file_where_a_mount_point_should_be_is_an_error() {
        assert!(matches!(split(sample(), &["/etc/NIXOS".into()]), Err(TreeError::NotADirectory(_))));
    }
}
