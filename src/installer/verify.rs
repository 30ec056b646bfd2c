//! Reading back what was written, by our own readers: the store against the hashes that Nix knows,
//! everything else against what it was made from.

use std::sync::Arc;

use crate::fs::{ext4, fat};
use crate::image::{ImageError, Leaf, System};
use crate::progress::{Progress, Step, Unit};
use crate::store::{PathInfo, verify};
use crate::tree::{Content, Kind, NodeId, Tree};
use crate::units::{u64_of, usize_of};

/// How much of a file is compared at a time.
const CHUNK: u64 = 1 << 20;

/// How many faults of a store are named.
const FAULTS_SHOWN: usize = 3;

/// Reads every file system of `leaves` and compares it.
///
/// # Errors
///
/// [`ImageError::Verify`] with the first difference and where it is.
pub(super) fn read_back(
    leaves: &[Leaf<'_>],
    system: &System,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    for leaf in leaves {
        let place =
            leaf.filesystem.mount.as_ref().map_or(&leaf.filesystem.device, |mount| &mount.path).clone();
        let path = format!("verify {place}");
        let step = Step::start(progress, &path, Some(leaf.tree.content_len()), Unit::Bytes);
        let outcome = match leaf.filesystem.format.as_str() {
            "vfat" | "fat" | "msdos" => read_fat(leaf),
            "ext4" => read_ext4(leaf, &place, system),
            other => {
                step.note(&format!("{place}: {other} is not read back"));
                Ok(())
            }
        };
        outcome.map_err(|why| ImageError::Verify { place, why })?;
        step.advance(leaf.tree.content_len());
        step.finish();
    }
    Ok(())
}

fn read_fat(leaf: &Leaf<'_>) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| crate::error::chain(error);
    let volume = fat::read(&*leaf.block).map_err(|error| text(&error))?;
    if let Some(problem) = volume.problems.first() {
        return Err(problem.to_string());
    }
    for (path, id) in leaf.tree.walk() {
        let path = String::from_utf8_lossy(&path).into_owned();
        let Kind::File(expected) = &leaf.tree.node(id).kind else { continue };
        let item = volume.find(&path).ok_or_else(|| format!("`{path}` is missing"))?;
        let bytes = volume.read(item).map_err(|error| text(&error))?;
        same(&path, expected, &Content::from(bytes))?;
    }
    Ok(())
}

fn read_ext4(leaf: &Leaf<'_>, place: &str, system: &System) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| crate::error::chain(error);
    let reader = ext4::read(leaf.block.clone()).map_err(|error| text(&error))?;
    let tree = Arc::new(reader).tree().map_err(|error| text(&error))?;
    // Where the store begins on this file system, by what it is mounted at.
    let store = match place {
        "/" => leaf.tree.lookup("nix/store").and_then(|_| tree.lookup("nix/store")),
        "/nix" => leaf.tree.lookup("store").and_then(|_| tree.lookup("store")),
        "/nix/store" => Some(Tree::ROOT),
        _ => None,
    };
    let expects_store = leaf.tree.content_len() > 0 && ["/", "/nix", "/nix/store"].contains(&place);
    if let Some(store) = store {
        let holds = tree.entries(store).next().is_some();
        if holds {
            store_matches(&tree, store, system)?;
        }
    } else if expects_store && leaf.tree.lookup("nix/store").is_some() {
        return Err("the store is missing".to_owned());
    }
    others_match(leaf.tree, &tree, store)
}

fn store_matches(tree: &Tree, store: NodeId, system: &System) -> Result<(), String> {
    let paths: Vec<PathInfo> = system.closure().paths().cloned().collect();
    let mut faults = verify::verify(tree, store, &paths);
    // The root of a file system mounted at the store has this folder besides.
    faults.retain(|fault| fault.path != "lost+found");
    if faults.is_empty() {
        return Ok(());
    }
    let shown: Vec<String> = faults.iter().take(FAULTS_SHOWN).map(ToString::to_string).collect();
    let more = faults.len().saturating_sub(FAULTS_SHOWN);
    Err(if more > 0 { format!("{} and {more} more", shown.join(", ")) } else { shown.join(", ") })
}

/// Everything but the store: each name, kind, owner and byte.
fn others_match(expected: &Tree, found: &Tree, store: Option<NodeId>) -> Result<(), String> {
    let mut pending = vec![(Tree::ROOT, Tree::ROOT, String::new())];
    while let Some((wanted, there, path)) = pending.pop() {
        if Some(there) == store {
            continue;
        }
        for (name, child) in expected.entries(wanted) {
            let path = format!("{path}/{name}");
            let Some((_, twin)) = found.entries(there).find(|(other, _)| *other == name) else {
                return Err(format!("`{path}` is missing"));
            };
            let (a, b) = (expected.node(child), found.node(twin));
            let owner =
                |node: &crate::tree::Node| (node.metadata.uid, node.metadata.gid, node.metadata.permissions);
            if !matches!(a.kind, Kind::Symlink(_)) && owner(a) != owner(b) {
                return Err(format!("`{path}` has another owner or mode"));
            }
            match (&a.kind, &b.kind) {
                (Kind::Directory(_), Kind::Directory(_)) => pending.push((child, twin, path)),
                (Kind::File(a), Kind::File(b)) => same(&path, a, b)?,
                (Kind::Symlink(a), Kind::Symlink(b)) if a == b => {}
                (a, b)
                    if std::mem::discriminant(a) == std::mem::discriminant(b)
                        && !matches!(a, Kind::Symlink(_)) => {}
                _ => return Err(format!("`{path}` is something else")),
            }
        }
    }
    Ok(())
}

/// Compares the bytes of a file.
fn same(path: &str, expected: &Content, found: &Content) -> Result<(), String> {
    let text = |error: &dyn std::error::Error| format!("`{path}`: {}", crate::error::chain(error));
    if expected.len() != found.len() {
        return Err(format!("`{path}` has {} bytes instead of {}", found.len(), expected.len()));
    }
    let (a, b) =
        (expected.open().map_err(|error| text(&error))?, found.open().map_err(|error| text(&error))?);
    let (mut left, mut right) = (vec![0; usize_of(CHUNK)], vec![0; usize_of(CHUNK)]);
    let mut offset = 0;
    while offset < expected.len() {
        let len = usize_of(CHUNK.min(expected.len() - offset));
        a.read_at(&mut left[..len], offset).map_err(|error| text(&error))?;
        b.read_at(&mut right[..len], offset).map_err(|error| text(&error))?;
        if let Some(at) = left[..len].iter().zip(&right[..len]).position(|(a, b)| a != b) {
            return Err(format!("`{path}` differs at byte {}", offset + u64_of(at)));
        }
        offset += u64_of(len);
    }
    Ok(())
}
