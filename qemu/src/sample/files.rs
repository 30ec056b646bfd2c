//! `std::fs` with the path in the error, in the order that makes a build repeatable.

use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};

use nix::fcntl::AT_FDCWD;
use nix::sys::stat::{UtimensatFlags, utimensat};
use nix::sys::time::TimeSpec;

use super::SampleError;

/// The time that every file of a Nix store bears: one second after the epoch.
const STORE_TIME: TimeSpec = TimeSpec::new(1, 0);

/// A file's whole content.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, SampleError> {
    fs::read(path).map_err(SampleError::io("reading", path))
}

/// Writes a file of mode 0644, making its directories.
pub(super) fn write(path: &Path, content: impl AsRef<[u8]>) -> Result<(), SampleError> {
    make_parent(path)?;
    fs::write(path, content).map_err(SampleError::io("writing", path))
}

/// Writes a file that can be run, making its directories.
pub(super) fn write_program(path: &Path, content: impl AsRef<[u8]>) -> Result<(), SampleError> {
    write(path, content)?;
    set_mode(path, 0o755)
}

/// Makes a symbolic link, and the directories it lies in.
pub(super) fn link(target: impl AsRef<Path>, path: &Path) -> Result<(), SampleError> {
    make_parent(path)?;
    symlink(target, path).map_err(SampleError::io("linking", path))
}

/// Makes a directory and those above it.
pub(super) fn make_directory(path: &Path) -> Result<(), SampleError> {
    fs::create_dir_all(path).map_err(SampleError::io("creating", path))
}

/// Makes the directory that `path` lies in.
pub(super) fn make_parent(path: &Path) -> Result<(), SampleError> {
    path.parent().map_or(Ok(()), make_directory)
}

/// Renames within one filesystem.
pub(super) fn rename(from: &Path, to: &Path) -> Result<(), SampleError> {
    fs::rename(from, to).map_err(SampleError::io("renaming", from))
}

/// Where a symbolic link points.
pub(super) fn read_link(path: &Path) -> Result<PathBuf, SampleError> {
    fs::read_link(path).map_err(SampleError::io("reading the link", path))
}

/// What is at `path` itself, a link not followed.
pub(super) fn metadata(path: &Path) -> Result<Metadata, SampleError> {
    fs::symlink_metadata(path).map_err(SampleError::io("examining", path))
}

/// Whether there is anything at `path`, a dangling link counting.
pub(super) fn exists(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// The names in a directory, sorted by their bytes: the order of a directory must not reach a build.
pub(super) fn names(path: &Path) -> Result<Vec<OsString>, SampleError> {
    let mut names = Vec::new();
    for entry in fs::read_dir(path).map_err(SampleError::io("listing", path))? {
        names.push(entry.map_err(SampleError::io("listing", path))?.file_name());
    }
    names.sort();
    Ok(names)
}

/// Everything below `path` that is not a directory, sorted, as paths that begin with `path`.
pub(super) fn leaves(path: &Path) -> Result<Vec<PathBuf>, SampleError> {
    let mut found = Vec::new();
    let mut pending = vec![path.to_owned()];
    while let Some(directory) = pending.pop() {
        for name in names(&directory)? {
            let child = directory.join(name);
            if metadata(&child)?.is_dir() {
                pending.push(child);
            } else {
                found.push(child);
            }
        }
    }
    found.sort();
    Ok(found)
}

/// Gives a tree the modes and times of a Nix store: 0444 or 0555, and time 1.
pub(super) fn canonicalise(path: &Path) -> Result<(), SampleError> {
    let meta = metadata(path)?;
    if meta.is_dir() {
        for name in names(path)? {
            canonicalise(&path.join(name))?;
        }
    }
    if !meta.is_symlink() {
        let executable = meta.is_dir() || meta.permissions().mode() & 0o100 != 0;
        set_mode(path, if executable { 0o555 } else { 0o444 })?;
    }
    set_store_time(path)
}

/// Sets the time of a file, directory or link to that of a Nix store.
pub(super) fn set_store_time(path: &Path) -> Result<(), SampleError> {
    utimensat(AT_FDCWD, path, &STORE_TIME, &STORE_TIME, UtimensatFlags::NoFollowSymlink)
        .map_err(|errno| SampleError::io("setting the time of", path)(errno.into()))
}

/// Removes a tree, also one whose directories have lost their write permission to [`canonicalise`].
pub(super) fn remove_tree(path: &Path) -> Result<(), SampleError> {
    if !exists(path) {
        return Ok(());
    }
    make_directories_writable(path)?;
    fs::remove_dir_all(path).map_err(SampleError::io("removing", path))
}

fn make_directories_writable(path: &Path) -> Result<(), SampleError> {
    if !metadata(path)?.is_dir() {
        return Ok(());
    }
    set_mode(path, 0o755)?;
    for name in names(path)? {
        make_directories_writable(&path.join(name))?;
    }
    Ok(())
}

/// Sets a file's permissions.
pub(super) fn set_mode(path: &Path, mode: u32) -> Result<(), SampleError> {
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(SampleError::io("setting the mode of", path))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_canonical_tree_has_store_modes_and_can_be_removed() {
        let folder = tempfile::tempdir().unwrap();
        let tree = folder.path().join("tree");
        write(&tree.join("a/plain"), "x").unwrap();
        write_program(&tree.join("a/program"), "x").unwrap();
        link("nowhere", &tree.join("a/link")).unwrap();
        canonicalise(&tree).unwrap();
        let mode = |name: &str| metadata(&tree.join(name)).unwrap().permissions().mode() & 0o7777;
        assert_eq!((mode("a"), mode("a/plain"), mode("a/program")), (0o555, 0o444, 0o555));
        use std::os::unix::fs::MetadataExt as _;
        assert!(["a", "a/plain", "a/link"].iter().all(|n| metadata(&tree.join(n)).unwrap().mtime() == 1));
        remove_tree(&tree).unwrap();
        assert!(!exists(&tree));
    }
}
