//! Reading back what was written, by our own readers: the store against the hashes that Nix knows,
//! everything else against what it was made from.

use std::sync::Arc;

use crate::fs::{btrfs, ext4, fat};
use crate::image::{ImageError, Leaf, LeafPart, System};
use crate::progress::{Progress, Step, Unit};
use crate::store::{PathInfo, verify};
use crate::tree::{Content, Kind, NodeId, Tree};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

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
    system: Option<&System>,
    progress: &dyn Progress,
) -> Result<(), ImageError> {
    for leaf in leaves {
        let mounts = leaf.parts.iter().filter_map(|part| part.mount);
        let place = mounts.min().unwrap_or(&leaf.filesystem.device).to_owned();
        let path = format!("verify {place}");
        let len = leaf.parts.iter().map(|part| part.tree.content_len()).fold(0, u64::saturating_add);
        let step = Step::start(progress, &path, Some(len), Unit::Bytes);
        let outcome = match leaf.filesystem.format.as_str() {
            "vfat" | "fat" | "msdos" => read_fat(leaf),
            "ext4" => read_ext4(leaf, system),
            "btrfs" => read_btrfs(leaf, system),
            other => {
                step.note(&format!("{place}: {other} is not read back; its own tools made it"));
                Ok(())
            }
        };
        outcome.map_err(|why| ImageError::Verify { place, why })?;
        step.advance(len);
        step.finish();
    }
    Ok(())
}

fn read_fat(leaf: &Leaf<'_>) -> Result<(), String> {
    let (block, part) = only(leaf)?;
    let volume = fat::read(block).map_err(|error| text(&error))?;
    if let Some(problem) = volume.problems.first() {
        return Err(problem.to_string());
    }
    for (path, id) in part.tree.walk() {
        let path = String::from_utf8_lossy(&path).into_owned();
        let Kind::File(expected) = &part.tree.node(id).kind else { continue };
        let item = volume.find(&path).ok_or_else(|| format!("`{path}` is missing"))?;
        let bytes = volume.read(item).map_err(|error| text(&error))?;
        same(&path, expected, &Content::from(bytes))?;
    }
    Ok(())
}

fn read_ext4(leaf: &Leaf<'_>, system: Option<&System>) -> Result<(), String> {
    let (block, part) = only(leaf)?;
    let reader = ext4::read(block.clone()).map_err(|error| text(&error))?;
    let tree = Arc::new(reader).tree().map_err(|error| text(&error))?;
    part_matches(part, &tree, system)
}

/// Every subvolume, through the checksums of the file system itself besides.
fn read_btrfs(leaf: &Leaf<'_>, system: Option<&System>) -> Result<(), String> {
    let reader = Arc::new(btrfs::read(leaf.blocks.clone()).map_err(|error| text(&error))?);
    let subvolumes = reader.subvolumes().map_err(|error| text(&error))?;
    for part in &leaf.parts {
        let missing = || format!("the subvolume `{}` is missing", part.subvolume);
        let found = subvolumes.iter().find(|found| found.path == part.subvolume).ok_or_else(missing)?;
        let tree = reader.tree(found.number).map_err(|error| text(&error))?;
        part_matches(part, &tree, system)?;
    }
    Ok(())
}

/// Device and content of a file system that has one of each.
fn only<'l, 'a>(leaf: &'l Leaf<'a>) -> Result<(&'l Arc<dyn Block>, &'l LeafPart<'a>), String> {
    match (&leaf.blocks[..], &leaf.parts[..]) {
        ([block], [part]) => Ok((block, part)),
        _ => Err(format!("{} has one device and no subvolumes", leaf.filesystem.format)),
    }
}

fn text(error: &dyn std::error::Error) -> String {
    crate::error::chain(error)
}

/// Compares what was found in a part with what was to be there: the store with Nix's hashes, the rest with the tree.
fn part_matches(part: &LeafPart<'_>, found: &Tree, system: Option<&System>) -> Result<(), String> {
    // Where the store begins on this file system, by what it is mounted at.
    let path = match part.mount {
        Some("/") => "nix/store",
        Some("/nix") => "store",
        Some("/nix/store") => "",
        _ => return others_match(part.tree, found, None),
    };
    let at = |tree: &Tree| if path.is_empty() { Some(Tree::ROOT) } else { tree.lookup(path) };
    // Where another file system has the store, there is an empty folder here, or none.
    let holds = |tree: &Tree| at(tree).filter(|store| tree.entries(*store).next().is_some());
    let (Some(_), Some(system)) = (holds(part.tree), system) else {
        return others_match(part.tree, found, None);
    };
    let store = holds(found).ok_or("the store is missing")?;
    store_matches(found, store, system)?;
    others_match(part.tree, found, Some(store))
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
