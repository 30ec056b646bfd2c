//! From store paths on this host to nodes of a Tree: names, kinds and sizes, no contents.
//!
//! Every object gets the metadata that Nix gives it, whatever this host has: owner root, modified at
//! second 1, mode 0444 or 0555 by the owner's execute bit, no extended attributes. Files that the
//! host's store shares through hard links (`nix store optimise`) become files of their own: whether a
//! store was optimised must not show in the image.

use std::fs;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use crate::error::IoError;
use crate::tree::{Content, HostFile, Kind, Metadata, Name, NameError, Node, NodeId, Tree, TreeError};

/// Why a store path could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum ScanError {
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A store holds files, directories and symlinks only.
    #[error("`{0}` is a device, pipe or socket, which a store path cannot hold")]
    Kind(PathBuf),
    /// The entries do not make a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file has a name that none can have.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// What was found, before it is part of a Tree.
enum Found {
    Directory(Vec<(Name, Found)>),
    File { executable: bool, file: HostFile },
    Symlink(Vec<u8>),
}

/// Adds what is at each of `paths` to the directory `parent`, under the name beside it. Paths are
/// looked at by several threads; the result does not show it.
pub(super) fn add_objects(
    tree: &mut Tree,
    parent: NodeId,
    paths: &[(Name, PathBuf)],
) -> Result<(), ScanError> {
    for ((name, _), found) in paths.iter().zip(look_at_all(paths)) {
        add(tree, parent, name.clone(), found?)?;
    }
    Ok(())
}

/// Looks at each path; results in the order of the paths.
fn look_at_all(paths: &[(Name, PathBuf)]) -> Vec<Result<Found, ScanError>> {
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let index = next.fetch_add(1, Ordering::Relaxed);
            let Some((_, path)) = paths.get(index) else { return done };
            done.push((index, look_at(path)));
        }
    };
    let mut results: Vec<_> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        // A worker only ends early by a panic, which is passed on.
        workers
            .into_iter()
            .flat_map(|worker| worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
            .collect()
    });
    results.sort_by_key(|(index, _)| *index);
    results.into_iter().map(|(_, found)| found).collect()
}

fn look_at(path: &Path) -> Result<Found, ScanError> {
    let error = |source| IoError::new("reading", path, source);
    let metadata = fs::symlink_metadata(path).map_err(error)?;
    let kind = metadata.file_type();
    if kind.is_dir() {
        let mut entries = Vec::new();
        for entry in fs::read_dir(path).map_err(error)? {
            let entry = entry.map_err(error)?;
            let name = Name::new(&entry.file_name().into_vec())?;
            entries.push((name, look_at(&entry.path())?));
        }
        entries.sort_by(|(a, _), (b, _)| a.cmp(b));
        Ok(Found::Directory(entries))
    } else if kind.is_file() {
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let file = HostFile { path: path.to_owned(), len: metadata.size(), data: None };
        Ok(Found::File { executable, file })
    } else if kind.is_symlink() {
        Ok(Found::Symlink(fs::read_link(path).map_err(error)?.into_os_string().into_vec()))
    } else {
        Err(ScanError::Kind(path.to_owned()))
    }
}

fn add(tree: &mut Tree, parent: NodeId, name: Name, found: Found) -> Result<(), TreeError> {
    let mut node = |permissions, kind| {
        tree.add(parent, name.clone(), Node { metadata: Metadata::root(permissions), kind })
    };
    match found {
        Found::Directory(entries) => {
            let folder = node(0o555, Kind::directory())?;
            for (name, found) in entries {
                add(tree, folder, name, found)?;
            }
        }
        Found::File { executable, file } => {
            node(if executable { 0o555 } else { 0o444 }, Kind::File(Content::Host(file)))?;
        }
        Found::Symlink(target) => {
            node(0o777, Kind::Symlink(target))?;
        }
    }
    Ok(())
}
