//! Reading archives, one behind the other, as the kernel unpacks them.

use std::collections::HashMap;
use std::io::Read;

use super::format::{
    ALIGNMENT, HEADER_LEN, Header, NAME_MAX, S_IFBLK, S_IFCHR, S_IFDIR, S_IFIFO, S_IFLNK, S_IFMT, S_IFREG,
    S_IFSOCK, TRAILER,
};
use crate::error::IoError;
use crate::timestamp::Timestamp;
use crate::tree::{Content, DeviceNumber, Kind, Metadata, Name, NameError, Node, NodeId, Tree, TreeError};
use crate::units::{low_u16, u64_of};

/// A member of an archive.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub path: Vec<u8>,
    /// Which of the archives in the file it is from, from 0: inode numbers count anew in each.
    pub archive: u32,
    /// Its inode's number.
    pub inode: u32,
    /// Type and permissions, as `st_mode`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// How many names its inode has.
    pub links: u32,
    /// Time of the last change, seconds since 1970.
    pub modified: u32,
    /// What a device node stands for.
    pub device: DeviceNumber,
    /// Its content; target of a symbolic link.
    pub body: Vec<u8>,
}

/// Why a file is not an archive.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Something else than a header.
    #[error("no header of a cpio archive at byte {offset}")]
    Header {
        /// Where it should be.
        offset: u64,
    },
    /// A name that is empty, too long, or without its zero.
    #[error("bad name of a cpio member at byte {offset}")]
    Name {
        /// Where its header is.
        offset: u64,
    },
    /// The file ends within an archive.
    #[error("the cpio archive ends at byte {offset}, before its trailer")]
    Truncated {
        /// Length of the file.
        offset: u64,
    },
}

/// Reads all archives of `source`, which follow each other with any number of zeroes between them.
/// Contents are held in memory.
pub fn read(source: &mut dyn Read) -> Result<Vec<Member>, ReadError> {
    let mut reader = Reader { source, offset: 0 };
    let mut members = Vec::new();
    let mut archive = 0;
    while let Some(first) = reader.skip_zeroes()? {
        let mut first = Some(first);
        while let Some(member) = reader.member(first.take(), archive)? {
            members.push(member);
        }
        archive += 1;
    }
    Ok(members)
}

struct Reader<'a> {
    source: &'a mut dyn Read,
    offset: u64,
}

impl Reader<'_> {
    /// The next `len` bytes; fewer at the end of the file. Takes no more memory than there are bytes.
    fn take(&mut self, len: u64) -> Result<Vec<u8>, ReadError> {
        let mut bytes = Vec::new();
        let error = |source| IoError::new("reading", "the cpio archive", source);
        Read::take(&mut *self.source, len).read_to_end(&mut bytes).map_err(error)?;
        self.offset += u64_of(bytes.len());
        Ok(bytes)
    }

    /// Exactly the next `len` bytes.
    fn exactly(&mut self, len: u64) -> Result<Vec<u8>, ReadError> {
        let bytes = self.take(len)?;
        if u64_of(bytes.len()) == len { Ok(bytes) } else { Err(ReadError::Truncated { offset: self.offset }) }
    }

    /// The first byte that is not zero, or `None` at the end of the file.
    fn skip_zeroes(&mut self) -> Result<Option<u8>, ReadError> {
        loop {
            match self.take(1)?.first() {
                None => return Ok(None),
                Some(0) => {}
                Some(byte) => return Ok(Some(*byte)),
            }
        }
    }

    /// Reads up to the next multiple of the alignment, counted from the start of the file.
    fn align(&mut self) -> Result<(), ReadError> {
        let padding = self.offset.next_multiple_of(ALIGNMENT) - self.offset;
        // The last bytes of the last archive are not needed.
        self.take(padding).map(|_| ())
    }

    /// The next member, whose first byte may have been read; `None` for the trailer.
    fn member(&mut self, first: Option<u8>, archive: u32) -> Result<Option<Member>, ReadError> {
        let start = self.offset - u64::from(first.is_some());
        let mut bytes: Vec<u8> = first.into_iter().collect();
        bytes.extend(self.exactly(HEADER_LEN - u64_of(bytes.len()))?);
        let header = bytes.first_chunk().and_then(Header::decode);
        let header = header.ok_or(ReadError::Header { offset: start })?;
        let namesize = u64::from(header.namesize);
        if !(2..=NAME_MAX).contains(&namesize) {
            return Err(ReadError::Name { offset: start });
        }
        let mut path = self.exactly(namesize)?;
        if path.pop() != Some(0) || path.contains(&0) {
            return Err(ReadError::Name { offset: start });
        }
        self.align()?;
        if path == TRAILER {
            return Ok(None);
        }
        let body = self.exactly(header.filesize.into())?;
        self.align()?;
        Ok(Some(Member {
            path,
            archive,
            inode: header.ino,
            mode: header.mode,
            uid: header.uid,
            gid: header.gid,
            links: header.nlink,
            modified: header.mtime,
            device: DeviceNumber { major: header.rdevmajor, minor: header.rdevminor },
            body,
        }))
    }
}

/// Why members do not make a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TreeFault {
    /// A mode that is none.
    #[error("`{path}` has mode {mode:o}, which is nothing")]
    Mode {
        /// Name of the member.
        path: String,
        /// Its mode.
        mode: u32,
    },
    /// The directory of a member is not there before it.
    #[error("`{path}` has no directory")]
    NoDirectory {
        /// Name of the member.
        path: String,
    },
    /// Two members have one name, or a name is bad.
    #[error("`{path}` has no place")]
    Place {
        /// Name of the member.
        path: String,
        /// Why.
        source: TreeError,
    },
}

/// The tree that `members` unpack to. Two members of one name, which the kernel would unpack over
/// each other, are an error.
pub fn tree(members: &[Member]) -> Result<Tree, TreeFault> {
    let mut tree = Tree::new(Metadata { modified: Timestamp::default(), ..Metadata::root(0o755) });
    let mut links: HashMap<(u32, u32), NodeId> = HashMap::new();
    // A file with several names has its content with one of them only.
    let mut contents: HashMap<(u32, u32), &[u8]> = HashMap::new();
    for member in members.iter().filter(|member| !member.body.is_empty()) {
        contents.insert((member.archive, member.inode), &member.body);
    }
    for member in members {
        let metadata = metadata(member);
        if member.path == b"." {
            *tree.metadata_mut(Tree::ROOT) = metadata;
            continue;
        }
        let (parent, name) = place(&tree, member)?;
        let key = (member.archive, member.inode);
        let place = |source| TreeFault::Place { path: text(member), source };
        let may_be_linked = member.links > 1 && member.mode & S_IFMT != S_IFDIR;
        if let Some(id) = links.get(&key).filter(|_| may_be_linked) {
            tree.link(parent, name, *id).map_err(place)?;
            continue;
        }
        let body = contents.get(&key).filter(|_| may_be_linked).copied().unwrap_or(&member.body);
        let kind = kind(member, body)?;
        let id = tree.add(parent, name, Node { metadata, kind }).map_err(place)?;
        links.insert(key, id);
    }
    Ok(tree)
}

fn metadata(member: &Member) -> Metadata {
    Metadata {
        permissions: low_u16(u64::from(member.mode & 0o7777)),
        uid: member.uid,
        gid: member.gid,
        modified: Timestamp::seconds(member.modified.into()),
        xattrs: Vec::new(),
    }
}

fn place(tree: &Tree, member: &Member) -> Result<(NodeId, Name), TreeFault> {
    let path = member.path.strip_prefix(b"./").unwrap_or(&member.path);
    let (folder, name) = match path.iter().rposition(|byte| *byte == b'/') {
        Some(slash) => (&path[..slash], &path[slash + 1..]),
        None => (&path[..0], path),
    };
    let mut parent = Tree::ROOT;
    for part in folder.split(|byte| *byte == b'/').filter(|part| !part.is_empty()) {
        let missing = TreeFault::NoDirectory { path: text(member) };
        let Kind::Directory(entries) = &tree.node(parent).kind else { return Err(missing) };
        parent = *entries.get(part).ok_or(missing)?;
    }
    let bad = |error: NameError| TreeFault::Place { path: text(member), source: error.into() };
    Name::new(name).map(|name| (parent, name)).map_err(bad)
}

fn kind(member: &Member, body: &[u8]) -> Result<Kind, TreeFault> {
    Ok(match member.mode & S_IFMT {
        S_IFDIR => Kind::directory(),
        S_IFREG => Kind::File(Content::from(body.to_vec())),
        S_IFLNK => Kind::Symlink(body.to_vec()),
        S_IFCHR => Kind::CharDevice(member.device),
        S_IFBLK => Kind::BlockDevice(member.device),
        S_IFIFO => Kind::Fifo,
        S_IFSOCK => Kind::Socket,
        _ => return Err(TreeFault::Mode { path: text(member), mode: member.mode }),
    })
}

fn text(member: &Member) -> String {
    String::from_utf8_lossy(&member.path).into_owned()
}
