//! Owners, permissions and kinds of files as `fakeroot` is told them, and what became of them.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fmt::Write as _;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::super::ExternalError;
use super::super::staging::Staging;
use super::{LOST_AND_FOUND, bcachefs};
use crate::error::IoError;
use crate::tree::{Node, NodeId, Tree};

/// Mode and owners of an inode.
type Owned = (u32, u32, u32);

fn owned(node: &Node) -> Owned {
    (node.mode(), node.metadata.uid, node.metadata.gid)
}

/// Writes the list for `fakeroot -i` of all copies in `folder`, as `fakeroot -s` writes it (its manual page).
pub(super) fn write(tree: &Tree, folder: &Path, to: &Path) -> Result<PathBuf, ExternalError> {
    let mut text = String::new();
    for (path, id) in tree.walk() {
        let path = folder.join(OsStr::from_bytes(&path));
        let there =
            fs::symlink_metadata(&path).map_err(|source| IoError::new("looking at", &path, source))?;
        let (mode, uid, gid) = owned(tree.node(id));
        let (dev, ino, nlink) = (there.dev(), there.ino(), there.nlink());
        // Writing to a string does not fail.
        let _ =
            writeln!(text, "dev={dev:x},ino={ino},mode={mode:o},uid={uid},gid={gid},nlink={nlink},rdev=0");
    }
    let file = to.join("owners");
    fs::write(&file, text).map_err(|source| IoError::new("writing", &file, source))?;
    Ok(file)
}

/// Fails when the inodes that were made have not the owners of `tree`: a tool that is linked statically, for one, never
/// hears of `fakeroot`.
pub(super) fn check(tree: &Tree, staging: &Staging) -> Result<(), ExternalError> {
    let listed = bcachefs().args(["list", "-b", "inodes"]).arg(staging.image_path()).run()?;
    let mut made = parse(&String::from_utf8_lossy(&listed.stdout));
    let lost_and_found = (0o40_700, 0, 0);
    let inodes: BTreeSet<NodeId> = tree.walk().map(|(_, id)| id).chain([Tree::ROOT]).collect();
    let mut expected: Vec<Owned> = inodes.iter().map(|id| owned(tree.node(*id))).collect();
    expected.push(lost_and_found);
    expected.sort_unstable();
    made.sort_unstable();
    if made == expected {
        return Ok(());
    }
    let name = String::from_utf8_lossy(LOST_AND_FOUND);
    let why = format!(
        "of {} files and folders, {name} included, not all have the owners and permissions that they should: is \
         `bcachefs` linked statically, so that fakeroot cannot tell it of them?",
        expected.len()
    );
    Err(ExternalError::Result { program: "bcachefs format", why })
}

/// Mode and owners of each inode in what `bcachefs list` prints: a line for each field, the mode before the owners.
fn parse(listed: &str) -> Vec<Owned> {
    let mut found = Vec::new();
    let (mut mode, mut uid) = (0, 0);
    for word in listed.split_whitespace() {
        let Some((name, value)) = word.split_once('=') else { continue };
        match name {
            "mode" => mode = u32::from_str_radix(value, 8).unwrap_or(0),
            "bi_uid" => uid = value.parse().unwrap_or(u32::MAX),
            "bi_gid" => found.push((mode, uid, value.parse().unwrap_or(u32::MAX))),
            _ => {}
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mode_and_owners_of_each_inode_are_read() {
        let listed = "starting version 1.13\nu64s 16 type inode_v3 0:4096:U32_MAX len 0 ver 0: \n  mode=40755\n  \
                      flags=(16300000)\n  bi_size=0\n  bi_uid=0\n  bi_gid=30000\n  bi_nlink=2\nu64s 19 type inode_v3 \
                      0:4098:U32_MAX len 0 ver 0: \n  mode=100644\n  bi_uid=1000\n  bi_gid=100\n";
        assert_eq!(parse(listed), [(0o40_755, 0, 30_000), (0o100_644, 1000, 100)]);
    }
}
