//! A tree into a mounted file system.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use rustix::fs::{AtFlags, CWD, Timespec, Timestamps};

use crate::error::IoError;
use crate::progress::Step;
use crate::tree::{Content, Kind, Metadata, NodeId, Tree};
use crate::units::{u64_of, usize_of};

/// Bytes that are copied at a time.
const CHUNK: u64 = 1 << 20;

/// What a file system can keep.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Keeps {
    /// Owners, modes, links, devices, attributes.
    Everything,
    /// Names, bytes and times: FAT.
    BytesAlone,
}

/// Fills the folder `to`, the root of a file system that is mounted there, with `tree`. What is there already (mount
/// points) stays.
pub(super) fn copy(tree: &Tree, to: &Path, keeps: Keeps, step: Step<'_>) -> Result<(), CopyError> {
    let mut first_names: std::collections::HashMap<NodeId, PathBuf> = std::collections::HashMap::new();
    let links = tree.link_counts();
    let mut folders = vec![(to.to_owned(), Tree::ROOT)];
    for (path, id) in tree.walk() {
        let place = to.join(std::ffi::OsStr::from_bytes(&path));
        let node = tree.node(id);
        let is_shared = links.get(id.index()).is_some_and(|count| *count > 1);
        if !matches!(node.kind, Kind::Directory(_)) && is_shared {
            if let Some(first) = first_names.get(&id) {
                fs::hard_link(first, &place).map_err(|source| IoError::new("linking", &place, source))?;
                continue;
            }
            first_names.insert(id, place.clone());
        }
        make(&node.kind, &place, step)?;
        if matches!(node.kind, Kind::Directory(_)) {
            folders.push((place, id));
        } else {
            dress(&place, &node.metadata, &node.kind, keeps)?;
        }
    }
    // Folders get their times when nothing more is put into them.
    for (place, id) in folders.iter().rev() {
        dress(place, &tree.node(*id).metadata, &tree.node(*id).kind, keeps)?;
    }
    Ok(())
}

/// Why a tree could not be copied.
#[derive(Debug, thiserror::Error)]
pub enum CopyError {
    /// The file system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A file of the system could not be read.
    #[error(transparent)]
    Content(#[from] crate::tree::ContentError),
}

fn make(kind: &Kind, place: &Path, step: Step<'_>) -> Result<(), CopyError> {
    let failed = |source| IoError::new("creating", place, source);
    match kind {
        Kind::Directory(_) => match fs::create_dir(place) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists && place.is_dir() => {}
            other => other.map_err(failed)?,
        },
        Kind::File(content) => file(content, place, step)?,
        Kind::Symlink(target) => {
            let target = std::ffi::OsString::from_vec(target.clone());
            std::os::unix::fs::symlink(target, place).map_err(failed)?;
        }
        Kind::CharDevice(number) | Kind::BlockDevice(number) => {
            let is_block = matches!(kind, Kind::BlockDevice(_));
            let flag = if is_block { SFlag::S_IFBLK } else { SFlag::S_IFCHR };
            let device = makedev(u64::from(number.major), u64::from(number.minor));
            mknod(place, flag, Mode::empty(), device).map_err(|errno| failed(errno.into()))?;
        }
        Kind::Fifo => mknod(place, SFlag::S_IFIFO, Mode::empty(), 0).map_err(|errno| failed(errno.into()))?,
        Kind::Socket => {
            mknod(place, SFlag::S_IFSOCK, Mode::empty(), 0).map_err(|errno| failed(errno.into()))?
        }
    }
    Ok(())
}

fn file(content: &Content, place: &Path, step: Step<'_>) -> Result<(), CopyError> {
    let failed = |source| IoError::new("writing", place, source);
    let mut options = OpenOptions::new();
    let file: File = options.write(true).create_new(true).mode(0o600).open(place).map_err(failed)?;
    let open = content.open()?;
    let mut buffer = vec![0; usize_of(CHUNK.min(content.len()))];
    for range in content.data_ranges() {
        let mut offset = range.start();
        while offset < range.end() {
            let part = &mut buffer[..usize_of(CHUNK.min(range.end() - offset))];
            open.read_at(part, offset)?;
            file.write_all_at(part, offset).map_err(failed)?;
            offset += u64_of(part.len());
            step.advance(u64_of(part.len()));
        }
    }
    // A hole at the end has no byte to be written.
    file.set_len(content.len()).map_err(failed)?;
    Ok(())
}

/// Owner, mode, attributes and times.
fn dress(place: &Path, metadata: &Metadata, kind: &Kind, keeps: Keeps) -> Result<(), IoError> {
    let is_link = matches!(kind, Kind::Symlink(_));
    if keeps == Keeps::Everything {
        let failed = |source| IoError::new("changing the owner of", place, source);
        std::os::unix::fs::lchown(place, Some(metadata.uid), Some(metadata.gid)).map_err(failed)?;
        if !is_link {
            // After the owner, whose change clears the bits for other users' rights.
            let permissions = fs::Permissions::from_mode(u32::from(metadata.permissions));
            fs::set_permissions(place, permissions)
                .map_err(|source| IoError::new("changing the mode of", place, source))?;
        }
        for xattr in &metadata.xattrs {
            let name = std::ffi::OsStr::from_bytes(&xattr.name);
            rustix::fs::lsetxattr(place, name, &xattr.value, rustix::fs::XattrFlags::empty())
                .map_err(|errno| IoError::new("giving an attribute to", place, errno.into()))?;
        }
    }
    let time =
        Timespec { tv_sec: metadata.modified.seconds, tv_nsec: i64::from(metadata.modified.nanoseconds) };
    let times = Timestamps { last_access: time, last_modification: time };
    match rustix::fs::utimensat(CWD, place, &times, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(()) => Ok(()),
        // FAT begins in 1980.
        Err(_) if keeps == Keeps::BytesAlone => Ok(()),
        Err(errno) => Err(IoError::new("setting the time of", place, errno.into())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::progress::{Silent, Unit};
    use crate::tree::{Name, Node, host_tree};
    use std::os::unix::fs::MetadataExt;

    #[test]
    fn a_tree_comes_out_as_it_went_in() {
        let folder = tempfile::tempdir().unwrap();
        let owner = fs::metadata(folder.path()).unwrap();
        let with =
            |permissions| Metadata { uid: owner.uid(), gid: owner.gid(), ..Metadata::root(permissions) };
        let mut tree = Tree::new(with(0o750));
        let file = Node { metadata: with(0o4711), kind: Kind::File(Content::from(b"content".to_vec())) };
        let first = tree.insert("a/b/file", file, &with(0o555)).unwrap();
        let a = tree.lookup("a").unwrap();
        tree.link(a, Name::new(b"twin").unwrap(), first).unwrap();
        let link = Node { metadata: with(0o777), kind: Kind::Symlink(b"../elsewhere".to_vec()) };
        tree.insert("a/link", link, &with(0o555)).unwrap();
        let out = folder.path().join("out");
        // A mount point is there before.
        fs::create_dir_all(out.join("a")).unwrap();
        copy(&tree, &out, Keeps::Everything, Step::start(&Silent, "copy", None, Unit::Bytes)).unwrap();
        let back = host_tree(&out).unwrap();
        let names = |tree: &Tree| -> Vec<_> { tree.walk().map(|(path, _)| path).collect() };
        assert_eq!(names(&back), names(&tree));
        let found = fs::metadata(out.join("a/twin")).unwrap();
        assert_eq!((found.mode() & 0o7777, found.nlink(), found.mtime()), (0o4711, 2, 1));
        assert_eq!(fs::metadata(out.join("a")).unwrap().mode() & 0o7777, 0o555);
        assert_eq!(fs::read_link(out.join("a/link")).unwrap(), Path::new("../elsewhere"));
        // An ordinary user could not remove what lies in folders without the right to write.
        for place in ["a", "a/b"] {
            fs::set_permissions(out.join(place), fs::Permissions::from_mode(0o755)).unwrap();
        }
    }
}
