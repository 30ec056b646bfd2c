//! What is on a btrfs: subvolumes, and a system that may be spread over them.

use std::sync::Arc;

use serde::Serialize;

use super::Depth;
use super::system::SystemReport;
use crate::fs::btrfs::{self, BtrfsError, Reader};
use crate::tree::{Metadata, Tree, TreeError};
use crate::units::ByteSize;
use crate::volume::{Block, SliceBlock};

/// A subvolume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SubvolumeReport {
    /// Its number.
    pub number: u64,
    /// Its path from the top of the file system.
    pub path: String,
    /// Its identity.
    pub uuid: String,
    /// Whether it is mounted where none is named.
    pub default: bool,
}

/// What was found.
pub(super) struct Found {
    pub(super) subvolumes: Vec<SubvolumeReport>,
    pub(super) free: ByteSize,
    pub(super) system: Option<SystemReport>,
    pub(super) problems: Vec<String>,
}

impl Found {
    /// Reads the file system on `block` with every node of it.
    pub(super) fn read(block: SliceBlock<Arc<dyn Block>>, depth: Depth) -> Result<Self, BtrfsError> {
        let reader = Arc::new(btrfs::read(vec![block])?);
        let free = reader.size().checked_sub(reader.used()).unwrap_or_default();
        let default = reader.default_subvolume()?;
        let all = reader.subvolumes()?;
        let mut found = Self { subvolumes: Vec::new(), free, system: None, problems: Vec::new() };
        for subvolume in &all {
            let tree = reader.tree(subvolume.number)?;
            match system_of(&tree, depth) {
                Ok(system) => found.system = found.system.or(system),
                Err(problem) => found.problems.push(problem),
            }
        }
        let below_top = all.iter().filter(|subvolume| subvolume.parent != 0);
        found.subvolumes = below_top
            .map(|subvolume| SubvolumeReport {
                number: subvolume.number,
                path: subvolume.path.clone(),
                uuid: subvolume.uuid.to_string(),
                default: subvolume.number == default,
            })
            .collect();
        found.check(&reader);
        Ok(found)
    }

    fn check<B: Block>(&mut self, reader: &Reader<B>) {
        if !reader.is_clean() {
            self.problems.push("it was not unmounted cleanly".to_owned());
        }
        if let Err(error) = reader.verify() {
            self.problems.push(crate::error::chain(&error));
        }
    }
}

/// The system in a subvolume, be it mounted at `/` or at `/nix`.
fn system_of(tree: &Tree, depth: Depth) -> Result<Option<SystemReport>, String> {
    let describe = |tree: &Tree| SystemReport::of(tree, depth).map_err(|error| crate::error::chain(&error));
    let is_nix = tree.lookup("store").is_some() && tree.lookup("var/nix").is_some();
    match describe(tree)? {
        None if is_nix => describe(&below_nix(tree).map_err(|error| error.to_string())?),
        found => Ok(found),
    }
}

/// The tree with everything below `nix`.
fn below_nix(tree: &Tree) -> Result<Tree, TreeError> {
    let folder = Metadata::root(0o755);
    let mut moved = Tree::new(folder.clone());
    for (path, id) in tree.walk() {
        let mut node = tree.node(id).clone();
        if let crate::tree::Kind::Directory(_) = node.kind {
            node.kind = crate::tree::Kind::directory();
        }
        // Folders come before what is in them, so each parent is there already. Names that are not UTF-8 are nobody's in a
        // store.
        moved.insert(&format!("nix/{}", String::from_utf8_lossy(&path)), node, &folder)?;
    }
    Ok(moved)
}
