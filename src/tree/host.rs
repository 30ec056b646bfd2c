//! Trees of directories of this host, with everything that Linux keeps of a file.
//!
//! Taken along: owner, mode, modification time to the nanosecond, extended attributes (ACLs and
//! capabilities among them), hard links within the directory, devices, and where sparse files have
//! holes. Not taken along: access and change times, inode flags. Contents are not read.

use std::collections::BTreeMap;
use std::fs::{self, File, Metadata as HostMetadata};
use std::io;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;

use rustix::fs::{SeekFrom, lgetxattr, lgetxattr_query, llistxattr, llistxattr_query, seek};
use rustix::io::Errno;

use super::{
    Content, DeviceNumber, HostFile, Kind, Metadata, Name, NameError, Node, NodeId, Tree, TreeError, Xattr,
};
use crate::error::IoError;
use crate::timestamp::Timestamp;
use crate::units::{ByteRange, low_u16};

/// `st_blocks` counts these, whatever the file system's block size (stat(2)).
const STAT_BLOCK: u64 = 512;

/// Why a directory could not be taken in.
#[derive(Debug, thiserror::Error)]
pub enum HostTreeError {
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The entries do not make a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A file has a name that none can have.
    #[error(transparent)]
    Name(#[from] NameError),
}

/// The Tree of the directory `folder` of this host. Nodes are numbered in the order of their names, so
/// the order of entries on disk does not show.
///
/// # Errors
///
/// When `folder` is not a directory, or something in it cannot be read.
pub fn host_tree(folder: &Path) -> Result<Tree, HostTreeError> {
    let metadata = fs::metadata(folder).map_err(|error| IoError::new("reading", folder, error))?;
    let mut reader = Reader { tree: Tree::new(metadata_of(folder, &metadata)?), linked: BTreeMap::new() };
    reader.add_entries(Tree::ROOT, folder)?;
    Ok(reader.tree)
}

struct Reader {
    tree: Tree,
    /// Nodes of files with several names, by device and inode number.
    linked: BTreeMap<(u64, u64), NodeId>,
}

impl Reader {
    fn add_entries(&mut self, parent: NodeId, folder: &Path) -> Result<(), HostTreeError> {
        let error = |source| IoError::new("reading", folder, source);
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(error)? {
            names.push(entry.map_err(error)?.file_name());
        }
        names.sort_by(|a, b| a.as_bytes().cmp(b.as_bytes()));
        for name in names {
            self.add(parent, Name::new(name.as_bytes())?, &folder.join(&name))?;
        }
        Ok(())
    }

    fn add(&mut self, parent: NodeId, name: Name, path: &Path) -> Result<(), HostTreeError> {
        let host = fs::symlink_metadata(path).map_err(|error| IoError::new("reading", path, error))?;
        let identity = (host.dev(), host.ino());
        if let Some(id) = self.linked.get(&identity) {
            return Ok(self.tree.link(parent, name, *id)?);
        }
        let node = Node { metadata: metadata_of(path, &host)?, kind: kind_of(path, &host)? };
        let id = self.tree.add(parent, name, node)?;
        if host.is_dir() {
            self.add_entries(id, path)?;
        } else if host.nlink() > 1 {
            self.linked.insert(identity, id);
        }
        Ok(())
    }
}

fn metadata_of(path: &Path, host: &HostMetadata) -> Result<Metadata, IoError> {
    // The kernel gives nanoseconds below a second; anything else counts as none.
    let nanoseconds = u32::try_from(host.mtime_nsec()).unwrap_or(0);
    let modified = Timestamp::new(host.mtime(), nanoseconds).unwrap_or(Timestamp::seconds(host.mtime()));
    Ok(Metadata {
        permissions: low_u16(u64::from(host.mode())) & 0o7777,
        uid: host.uid(),
        gid: host.gid(),
        modified,
        xattrs: xattrs_of(path).map_err(|error| IoError::new("reading attributes of", path, error))?,
    })
}

fn kind_of(path: &Path, host: &HostMetadata) -> Result<Kind, IoError> {
    let error = |source| IoError::new("reading", path, source);
    let kind = host.file_type();
    let device = || {
        let (major, minor) = (rustix::fs::major(host.rdev()), rustix::fs::minor(host.rdev()));
        DeviceNumber { major, minor }
    };
    Ok(if kind.is_dir() {
        Kind::directory()
    } else if kind.is_file() {
        let data = data_ranges(path, host).map_err(error)?;
        Kind::File(Content::Host(HostFile { path: path.to_owned(), len: host.size(), data }))
    } else if kind.is_symlink() {
        Kind::Symlink(fs::read_link(path).map_err(error)?.into_os_string().into_vec())
    } else if kind.is_char_device() {
        Kind::CharDevice(device())
    } else if kind.is_block_device() {
        Kind::BlockDevice(device())
    } else if kind.is_fifo() {
        Kind::Fifo
    } else {
        Kind::Socket
    })
}

/// Where a sparse file has data; `None` when all of it is data.
fn data_ranges(path: &Path, host: &HostMetadata) -> io::Result<Option<Vec<ByteRange>>> {
    let len = host.size();
    if host.blocks().saturating_mul(STAT_BLOCK) >= len {
        return Ok(None);
    }
    let file = File::open(path)?;
    let mut ranges = Vec::new();
    let mut at = 0;
    while at < len {
        let start = match seek(&file, SeekFrom::Data(at)) {
            Ok(start) => start,
            // No data behind `at`.
            Err(Errno::NXIO) => break,
            // A file system without holes: all of it is data.
            Err(Errno::INVAL) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let end = seek(&file, SeekFrom::Hole(start))?.min(len);
        ranges.extend(end.checked_sub(start).and_then(|length| ByteRange::new(start, length)));
        at = end.max(start + 1);
    }
    let all = ByteRange::new(0, len);
    Ok(if ranges.first().copied() == all { None } else { Some(ranges) })
}

/// The extended attributes of `path` itself, sorted by name.
fn xattrs_of(path: &Path) -> io::Result<Vec<Xattr>> {
    let names = match sized(|| llistxattr_query(path), |buffer| llistxattr(path, buffer)) {
        // A file system without extended attributes.
        Err(Errno::NOTSUP) => return Ok(Vec::new()),
        names => names?,
    };
    let mut xattrs = Vec::new();
    for name in names.split(|byte| *byte == 0).filter(|name| !name.is_empty()) {
        match sized(|| lgetxattr_query(path, name), |buffer| lgetxattr(path, name, buffer)) {
            Ok(value) => xattrs.push(Xattr { name: name.to_vec(), value }),
            // Gone since the names were listed.
            Err(Errno::NODATA) => {}
            Err(error) => return Err(error.into()),
        }
    }
    xattrs.sort();
    Ok(xattrs)
}

/// Calls `get` with a buffer of the size that `query` gives, again when the value grew in between.
fn sized(
    query: impl Fn() -> Result<usize, Errno>,
    get: impl Fn(&mut [u8]) -> Result<usize, Errno>,
) -> Result<Vec<u8>, Errno> {
    loop {
        let mut buffer = vec![0; query()?];
        match get(&mut buffer) {
            Ok(length) => {
                buffer.truncate(length);
                return Ok(buffer);
            }
            Err(Errno::RANGE) => {}
            Err(error) => return Err(error),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{FileExt, PermissionsExt, symlink};

    use rustix::fs::{XattrFlags, lsetxattr};

    use super::*;

    fn folder() -> tempfile::TempDir {
        tempfile::tempdir().unwrap()
    }

    #[test]
    fn files_links_and_times_are_taken_along() {
        let dir = folder();
        let file = dir.path().join("file");
        fs::write(&file, b"12345").unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o4751)).unwrap();
        fs::hard_link(&file, dir.path().join("same")).unwrap();
        symlink("no\u{e4}where", dir.path().join("link")).unwrap();
        let time = std::time::UNIX_EPOCH + std::time::Duration::new(1_000_000_001, 123_456_789);
        File::open(&file).unwrap().set_modified(time).unwrap();

        let tree = host_tree(dir.path()).unwrap();
        let id = tree.lookup("file").unwrap();
        assert_eq!(tree.lookup("same"), Some(id));
        let node = tree.node(id);
        assert_eq!(node.metadata.permissions, 0o4751);
        assert_eq!(node.metadata.modified, Timestamp { seconds: 1_000_000_001, nanoseconds: 123_456_789 });
        assert_eq!(node.metadata.uid, nix::unistd::geteuid().as_raw());
        let Kind::File(content) = &node.kind else { panic!("{node:?}") };
        assert_eq!(content.to_vec().unwrap(), b"12345");
        let link = tree.node(tree.lookup("link").unwrap());
        assert!(matches!(&link.kind, Kind::Symlink(target) if target == "no\u{e4}where".as_bytes()));
    }

    #[test]
    fn holes_are_found() {
        let dir = folder();
        let file = File::create(dir.path().join("sparse")).unwrap();
        file.set_len(64 << 20).unwrap();
        file.write_all_at(&[1; 4096], 32 << 20).unwrap();
        File::create(dir.path().join("void")).unwrap().set_len(1 << 20).unwrap();
        let tree = host_tree(dir.path()).unwrap();
        let ranges = |name| match &tree.node(tree.lookup(name).unwrap()).kind {
            Kind::File(content) => content.data_ranges().collect::<Vec<_>>(),
            other => panic!("{other:?}"),
        };
        let sparse = ranges("sparse");
        assert_eq!(sparse.len(), 1);
        assert!(sparse[0].start() <= 32 << 20 && sparse[0].end() > 32 << 20 && sparse[0].len() < 1 << 20);
        assert_eq!(ranges("void"), []);
    }

    #[test]
    fn attributes_are_sorted_by_name() {
        let dir = folder();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        for (name, value) in [("user.b", &b"\0second"[..]), ("user.a", b"")] {
            match lsetxattr(&file, name, value, XattrFlags::empty()) {
                Err(Errno::NOTSUP) => {
                    eprintln!("skipped: no extended attributes in {}", dir.path().display());
                    return;
                }
                outcome => outcome.unwrap(),
            }
        }
        let tree = host_tree(dir.path()).unwrap();
        let xattrs = &tree.node(tree.lookup("file").unwrap()).metadata.xattrs;
        let expected = [("user.a", &b""[..]), ("user.b", b"\0second")];
        let expected = expected.map(|(name, value)| Xattr { name: name.into(), value: value.into() });
        assert_eq!(*xattrs, expected);
    }

    #[test]
    fn pipes_sockets_and_names_of_any_bytes_are_nodes() {
        use std::ffi::OsStr;
        let dir = folder();
        nix::unistd::mkfifo(&dir.path().join("pipe"), nix::sys::stat::Mode::S_IRWXU).unwrap();
        let _socket = std::os::unix::net::UnixListener::bind(dir.path().join("socket")).unwrap();
        fs::write(dir.path().join(OsStr::from_bytes(b"\xff\xfe")), b"").unwrap();
        let tree = host_tree(dir.path()).unwrap();
        let kind = |name| &tree.node(tree.lookup(name).unwrap()).kind;
        assert!(matches!(kind("pipe"), Kind::Fifo));
        assert!(matches!(kind("socket"), Kind::Socket));
        assert!(tree.walk().any(|(path, _)| path == b"\xff\xfe"));
    }

    #[test]
    fn what_is_no_directory_is_named() {
        let dir = folder();
        let file = dir.path().join("file");
        fs::write(&file, b"").unwrap();
        let error = host_tree(&file).unwrap_err();
        assert_eq!(error.to_string(), format!("reading `{}`", file.display()));
    }
}
