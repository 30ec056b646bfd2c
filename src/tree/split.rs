//! One tree over several file systems: cut at the mount points.

use std::collections::BTreeMap;

use super::{Kind, Metadata, Name, Node, NodeId, Tree, TreeError};

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
    let mut trees = BTreeMap::new();
    copy_from(&tree, Tree::ROOT, &by_node, "/".to_owned(), &mut trees)?;
    Ok(trees)
}

/// Copies what is below `root` of `tree`, up to the next mount points, into a tree for `mount_point`.
fn copy_from(
    tree: &Tree,
    root: NodeId,
    mounts: &BTreeMap<NodeId, MountPoint>,
    mount_point: MountPoint,
    trees: &mut BTreeMap<MountPoint, Tree>,
) -> Result<(), TreeError> {
    let mut copy = Tree::new(tree.node(root).metadata.clone());
    let mut copied: BTreeMap<NodeId, NodeId> = BTreeMap::new();
    let mut folders = vec![(root, Tree::ROOT)];
    let mut below = Vec::new();
    while let Some((from, to)) = folders.pop() {
        let entries: Vec<(Name, NodeId)> = tree.entries(from).map(|(name, id)| (name.clone(), id)).collect();
        for (name, id) in entries {
            if let Some(known) = copied.get(&id) {
                copy.link(to, name, *known)?;
                continue;
            }
            let node = tree.node(id);
            let is_folder = matches!(node.kind, Kind::Directory(_));
            let kind = if is_folder { Kind::directory() } else { node.kind.clone() };
            let new = if let Some(mount) = mounts.get(&id) {
                below.push((id, mount.clone()));
                copy.add(to, name, Node { metadata: Metadata::root(0o755), kind })?
            } else {
                let new = copy.add(to, name, Node { metadata: node.metadata.clone(), kind })?;
                if is_folder {
                    folders.push((id, new));
                }
                new
            };
            copied.insert(id, new);
        }
    }
    trees.insert(mount_point, copy);
    for (id, mount) in below {
        copy_from(tree, id, mounts, mount, trees)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::Content;

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
