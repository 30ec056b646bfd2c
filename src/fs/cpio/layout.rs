//! Which members an archive has, decided before any byte is written.

use super::format::{
    ALIGNMENT, HEADER_LEN, Header, NAME_MAX, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFREG, S_IFSOCK,
    TRAILER,
};
use crate::error::IoError;
use crate::tree::{Content, ContentError, DeviceNumber, Kind, Metadata, Tree};
use crate::units::{ByteSize, u64_of};

/// Why an archive was not measured or written.
#[derive(Debug, thiserror::Error)]
pub enum CpioError {
    /// Sizes have eight hexadecimal digits.
    #[error("cpio cannot hold `{path}`: it has {len}, and 4 GiB or more")]
    FileTooLarge {
        /// Path in the tree.
        path: String,
        /// Its size.
        len: ByteSize,
    },
    /// The kernel unpacks no longer path.
    #[error("cpio cannot hold `{path}`: the path is longer than 4095 bytes")]
    PathTooLong {
        /// Path in the tree.
        path: String,
    },
    /// Times are unsigned numbers of 32 bits.
    #[error("cpio cannot hold the time of `{path}`: {seconds} seconds from 1970")]
    Time {
        /// Path in the tree.
        path: String,
        /// Its time.
        seconds: i64,
    },
    /// The format has no extended attributes.
    #[error("cpio cannot hold the extended attributes of `{path}`")]
    Xattrs {
        /// Path in the tree.
        path: String,
    },
    /// A file's bytes could not be had.
    #[error("copying `{path}`")]
    Content {
        /// Path in the tree.
        path: String,
        /// Why.
        source: ContentError,
    },
    /// Writing failed.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// What follows a header and its name.
#[derive(Clone, Debug)]
pub(super) enum Body<'a> {
    /// Nothing.
    None,
    /// Target of a symbolic link.
    Target(&'a [u8]),
    /// A file's bytes.
    Content(&'a Content),
}

/// A member of an archive.
#[derive(Clone, Debug)]
pub(super) struct Member<'a> {
    /// Its header.
    pub(super) header: Header,
    /// Its name, without the zero.
    pub(super) path: Vec<u8>,
    /// Its content.
    pub(super) body: Body<'a>,
}

impl Member<'_> {
    /// Bytes of header and name with the zeroes behind them.
    pub(super) fn head_len(&self) -> u64 {
        (HEADER_LEN + u64::from(self.header.namesize)).next_multiple_of(ALIGNMENT)
    }

    /// Bytes of the content with the zeroes behind it.
    pub(super) fn body_len(&self) -> u64 {
        u64::from(self.header.filesize).next_multiple_of(ALIGNMENT)
    }
}

/// The members for `tree`, the trailer last.
pub(super) fn members(tree: &Tree) -> Result<Vec<Member<'_>>, CpioError> {
    let links = tree.link_counts();
    let mut seen = vec![0_u32; tree.len()];
    let mut inodes = vec![0_u32; tree.len()];
    let mut members = Vec::new();
    let mut next_inode = 1;
    let paths = std::iter::once((b".".to_vec(), Tree::ROOT)).chain(tree.walk());
    for (path, id) in paths {
        let index = id.index();
        if seen[index] == 0 {
            inodes[index] = next_inode;
            next_inode += 1;
        }
        seen[index] += 1;
        let node = tree.node(id);
        let (kind, body, device) = parts(&node.kind);
        // A file with several names has its content with the last of them.
        let body = match body {
            Body::Content(_) if seen[index] < links[index] => Body::None,
            body => body,
        };
        let header = Header {
            ino: inodes[index],
            nlink: links[index],
            mode: kind,
            rdevmajor: device.major,
            rdevminor: device.minor,
            ..Header::default()
        };
        members.push(member(&node.metadata, path, header, body)?);
    }
    let header = Header { nlink: 1, namesize: u32_of(u64_of(TRAILER.len()) + 1), ..Header::default() };
    members.push(Member { header, path: TRAILER.to_vec(), body: Body::None });
    Ok(members)
}

/// What a header says of a node's kind, and what follows the header.
fn parts(kind: &Kind) -> (u32, Body<'_>, DeviceNumber) {
    let no_device = DeviceNumber { major: 0, minor: 0 };
    match kind {
        Kind::Directory(_) => (S_IFDIR, Body::None, no_device),
        Kind::File(content) => (S_IFREG, Body::Content(content), no_device),
        Kind::Symlink(target) => (S_IFLNK, Body::Target(target), no_device),
        Kind::CharDevice(device) => (S_IFCHR, Body::None, *device),
        Kind::BlockDevice(device) => (S_IFBLK, Body::None, *device),
        Kind::Fifo => (S_IFIFO, Body::None, no_device),
        Kind::Socket => (S_IFSOCK, Body::None, no_device),
    }
}

/// The member for one name of a node, `header` saying what its metadata does not.
fn member<'a>(
    metadata: &Metadata,
    path: Vec<u8>,
    header: Header,
    body: Body<'a>,
) -> Result<Member<'a>, CpioError> {
    let text = || String::from_utf8_lossy(&path).into_owned();
    let len = match &body {
        Body::None => 0,
        Body::Target(target) => u64_of(target.len()),
        Body::Content(content) => content.len(),
    };
    if !metadata.xattrs.is_empty() {
        return Err(CpioError::Xattrs { path: text() });
    }
    let namesize = u64_of(path.len()) + 1;
    if namesize > NAME_MAX {
        return Err(CpioError::PathTooLong { path: text() });
    }
    let seconds = metadata.modified.seconds;
    let header = Header {
        mode: header.mode | u32::from(metadata.permissions),
        uid: metadata.uid,
        gid: metadata.gid,
        mtime: u32::try_from(seconds).map_err(|_| CpioError::Time { path: text(), seconds })?,
        filesize: u32::try_from(len)
            .map_err(|_| CpioError::FileTooLarge { path: text(), len: ByteSize(len) })?,
        namesize: u32_of(namesize),
        ..header
    };
    Ok(Member { header, path, body })
}

/// A number that is known to be small: at most [`NAME_MAX`].
fn u32_of(value: u64) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// Exactly as many bytes as [`write`](super::write()) writes for `tree`; a multiple of four.
pub fn measure(tree: &Tree) -> Result<ByteSize, CpioError> {
    let members = members(tree)?;
    Ok(ByteSize(members.iter().map(|member| member.head_len() + member.body_len()).sum()))
}
