//! Whether a store holds what its database says: our own check, stricter than Nix's.
//!
//! `nix-store --verify --check-contents` notices a changed archive, but neither a wrong mode, owner or
//! time nor an object that nobody registered, and it forgets a missing path without a word. Here each
//! of these is a fault.

use std::collections::BTreeSet;
use std::fmt;

use super::nar::{self, NarError};
use super::{NarHash, PathInfo, StorePath};
use crate::parallel;
use crate::timestamp::Timestamp;
use crate::tree::{Kind, NodeId, Tree};
use crate::units::ByteSize;

/// Something in a store that is not as it should be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fault {
    /// The store path, or the name of what is not one.
    pub path: String,
    /// What is wrong.
    pub kind: FaultKind,
}

/// What is wrong with a store path.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum FaultKind {
    /// Registered, but not there.
    Missing,
    /// There, but not registered.
    NotRegistered,
    /// It refers to a path that is not registered.
    Dangling(StorePath),
    /// Its archive has another hash.
    Hash {
        /// As registered.
        expected: NarHash,
        /// As found.
        found: NarHash,
    },
    /// Its archive has another size (and the same hash: the registration is wrong).
    Size {
        /// As registered.
        expected: ByteSize,
        /// As found.
        found: ByteSize,
    },
    /// A file in it has an owner, mode or time that Nix would not have given it.
    Metadata(String),
    /// It could not be read.
    Unreadable(String),
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{}` ", self.path)?;
        match &self.kind {
            FaultKind::Missing => f.write_str("is registered but missing"),
            FaultKind::NotRegistered => f.write_str("is not registered"),
            FaultKind::Dangling(reference) => write!(f, "refers to `{reference}`, which is not registered"),
            FaultKind::Hash { expected, found } => write!(f, "has hash {found} instead of {expected}"),
            FaultKind::Size { expected, found } => {
                write!(f, "has {} bytes as archive instead of {}", found.bytes(), expected.bytes())
            }
            FaultKind::Metadata(what) => f.write_str(what),
            FaultKind::Unreadable(why) => write!(f, "cannot be read: {why}"),
        }
    }
}

/// Checks the directory `store` of `tree` against `paths`. Faults come sorted; none means that the
/// store is exactly what was registered. Several threads share the work.
pub fn verify(tree: &Tree, store: NodeId, paths: &[PathInfo]) -> Vec<Fault> {
    let registered: BTreeSet<&StorePath> = paths.iter().map(|info| &info.path).collect();
    let mut faults: Vec<Fault> = Vec::new();
    for (name, _) in tree.entries(store) {
        let path = StorePath::from_base_name(&name.to_string());
        // `.links` is Nix's own: files that were found to be equal.
        if name.as_bytes() != b".links" && !path.is_ok_and(|path| registered.contains(&path)) {
            faults.push(Fault { path: name.to_string(), kind: FaultKind::NotRegistered });
        }
    }
    let of_path = |info: &PathInfo| -> Vec<Fault> {
        let dangling = info.references.iter().filter(|reference| !registered.contains(reference));
        let kinds = dangling.cloned().map(FaultKind::Dangling).chain(check(tree, store, info));
        kinds.map(|kind| Fault { path: info.path.to_string(), kind }).collect()
    };
    faults.extend(parallel::map(paths, of_path).into_iter().flatten());
    faults.sort();
    faults
}

/// What is wrong with one path.
fn check(tree: &Tree, store: NodeId, info: &PathInfo) -> Vec<FaultKind> {
    let mut entries = tree.entries(store);
    let entry = entries.find(|(name, _)| name.as_bytes() == info.path.base_name().as_bytes());
    let Some((_, id)) = entry else { return vec![FaultKind::Missing] };
    let mut faults = Vec::new();
    match nar::hash(tree, id) {
        Ok(found) if found.hash != info.nar_hash => {
            faults.push(FaultKind::Hash { expected: info.nar_hash, found: found.hash });
        }
        Ok(found) if found.size != info.nar_size => {
            faults.push(FaultKind::Size { expected: info.nar_size, found: found.size });
        }
        Ok(_) => {}
        Err(error) => faults.push(FaultKind::Unreadable(message(&error))),
    }
    faults.extend(odd_metadata(tree, id, "").map(FaultKind::Metadata));
    faults
}

fn message(error: &NarError) -> String {
    crate::error::chain(error)
}

/// The first node at or below `id` whose metadata are not those of a store object.
fn odd_metadata(tree: &Tree, id: NodeId, inside: &str) -> Option<String> {
    let node = tree.node(id);
    let metadata = &node.metadata;
    let mode_fits = match node.kind {
        Kind::Symlink(_) => true,
        Kind::Directory(_) => metadata.permissions == 0o555,
        _ => matches!(metadata.permissions, 0o444 | 0o555),
    };
    let what = if (metadata.uid, metadata.gid) != (0, 0) {
        format!("belongs to {}:{}", metadata.uid, metadata.gid)
    } else if !mode_fits {
        format!("has mode {:04o}", metadata.permissions)
    } else if metadata.modified != Timestamp::STORE {
        format!("was modified at second {}", metadata.modified.seconds)
    } else if !metadata.xattrs.is_empty() {
        "has extended attributes".to_owned()
    } else {
        return tree.entries(id).find_map(|(name, id)| odd_metadata(tree, id, &format!("{inside}/{name}")));
    };
    Some(if inside.is_empty() { what } else { format!("holds `{inside}`, which {what}") })
}
