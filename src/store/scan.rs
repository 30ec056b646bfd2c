//! From store paths on this host to nodes of a Tree: names, kinds and sizes, no contents.
//!
//! Every object gets the metadata that Nix gives it, whatever this host has: owner root, modified at
//! second 1, mode 0444 or 0555 by the owner's execute bit, no extended attributes. Files that the
//! host's store shares through hard links (`nix store optimise`) become files of their own: whether a
//! store was optimised must not show in the image.

use std::ffi::OsStr;
use std::os::fd::BorrowedFd;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, CWD, Dir, FileType, Mode, OFlags, openat, readlinkat, statat};
use rustix::io::Errno;

use crate::error::IoError;
use crate::parallel;
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
/// looked at by several threads, in this order; the result does not show it.
pub(super) fn add_objects(
    tree: &mut Tree,
    parent: NodeId,
    paths: &[(Name, PathBuf)],
) -> Result<(), ScanError> {
    for ((name, _), found) in paths.iter().zip(parallel::map(paths, |(_, path)| look_at(path))) {
        add(tree, parent, name.clone(), found?)?;
    }
    Ok(())
}

fn look_at(path: &Path) -> Result<Found, ScanError> {
    look_at_entry(CWD, path, FileType::Unknown, path)
}

/// What `name` is in the open directory `parent`; `path` is the same for messages and for later. Names
/// are looked up from their directory, and not from the root each time: that halves the work.
fn look_at_entry(
    parent: BorrowedFd<'_>,
    name: impl rustix::path::Arg + Copy,
    kind: FileType,
    path: &Path,
) -> Result<Found, ScanError> {
    let error = |errno: Errno| IoError::new("reading", path, errno.into());
    match kind {
        FileType::Directory => {
            let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
            let folder = openat(parent, name, flags, Mode::empty()).map_err(error)?;
            look_at_folder(Dir::new(folder).map_err(error)?, path)
        }
        FileType::Symlink => {
            let target = readlinkat(parent, name, Vec::with_capacity(128)).map_err(error)?;
            Ok(Found::Symlink(target.into_bytes()))
        }
        FileType::RegularFile | FileType::Unknown => {
            let stat = statat(parent, name, AtFlags::SYMLINK_NOFOLLOW).map_err(error)?;
            match FileType::from_raw_mode(stat.st_mode) {
                FileType::RegularFile => {
                    let len = u64::try_from(stat.st_size).unwrap_or(0);
                    let executable = Mode::from_raw_mode(stat.st_mode).contains(Mode::XUSR);
                    Ok(Found::File { executable, file: HostFile { path: path.to_owned(), len, data: None } })
                }
                found @ (FileType::Directory | FileType::Symlink) => look_at_entry(parent, name, found, path),
                _ => Err(ScanError::Kind(path.to_owned())),
            }
        }
        _ => Err(ScanError::Kind(path.to_owned())),
    }
}

fn look_at_folder(mut folder: Dir, path: &Path) -> Result<Found, ScanError> {
    let error = |errno: Errno| IoError::new("reading", path, errno.into());
    let mut listed = Vec::new();
    while let Some(entry) = folder.read() {
        let entry = entry.map_err(error)?;
        if !matches!(entry.file_name().to_bytes(), b"." | b"..") {
            listed.push((entry.file_name().to_owned(), entry.file_type()));
        }
    }
    listed.sort_by(|(a, _), (b, _)| a.cmp(b));
    let parent = folder.fd().map_err(error)?;
    let mut entries = Vec::with_capacity(listed.len());
    for (name, kind) in listed {
        let path = path.join(OsStr::from_bytes(name.as_bytes()));
        let found = look_at_entry(parent, name.as_c_str(), kind, &path)?;
        entries.push((Name::new(name.as_bytes())?, found));
    }
    Ok(Found::Directory(entries))
}

fn add(tree: &mut Tree, parent: NodeId, name: Name, found: Found) -> Result<(), TreeError> {
    let (permissions, kind, entries) = match found {
        Found::Directory(entries) => (0o555, Kind::directory(), entries),
        Found::File { executable, file } => {
            (if executable { 0o555 } else { 0o444 }, Kind::File(Content::Host(file)), Vec::new())
        }
        Found::Symlink(target) => (0o777, Kind::Symlink(target), Vec::new()),
    };
    let id = tree.add(parent, name, Node { metadata: Metadata::root(permissions), kind })?;
    entries.into_iter().try_for_each(|(name, found)| add(tree, id, name, found))
}
