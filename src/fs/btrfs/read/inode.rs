//! All that a subvolume tells of one inode.

use zerocopy::{FromBytes, Immutable, KnownLayout};

use super::super::error::BtrfsError;
use super::super::format::directory::DirItem;
use super::super::format::extent::{FileExtentHead, FileExtentTail, INLINE, INLINE_HEAD, PREALLOCATED};
use super::super::format::inode::{FLAG_NODATASUM, InodeItem};
use super::super::format::{COMPRESSED_MAX, SECTOR, kind};
use super::super::key::Key;
use super::corrupt;
use crate::tree::Xattr;
use crate::units::u64_of;

/// A copy of the structure at `at` of `bytes`; `None` where it is cut off.
pub fn struct_at<T: FromBytes + KnownLayout + Immutable>(bytes: &[u8], at: usize) -> Option<T> {
    let end = at.checked_add(size_of::<T>())?;
    T::read_from_bytes(bytes.get(at..end)?).ok()
}

/// Lists within items.
pub mod parts {
    use super::super::super::format::directory::{DirItem, InodeRef};
    use super::struct_at;

    /// The names in an `INODE_REF`, each with its place in the directory; up to the first that is cut off.
    pub fn refs(mut data: &[u8]) -> Vec<(u64, &[u8])> {
        let mut found = Vec::new();
        while let Some(head) = struct_at::<InodeRef>(data, 0) {
            let start = size_of::<InodeRef>();
            let end = start + usize::from(head.name_len.get());
            let Some(name) = data.get(start..end) else { break };
            found.push((head.index.get(), name));
            data = &data[end..];
        }
        found
    }

    /// An entry with its name and value.
    pub type Part<'d> = (DirItem, &'d [u8], &'d [u8]);

    /// The entries in a `DIR_ITEM`, `DIR_INDEX` or `XATTR_ITEM` with name and value; `None` where one is cut off.
    pub fn entries(mut data: &[u8]) -> Option<Vec<Part<'_>>> {
        let mut found = Vec::new();
        while !data.is_empty() {
            let head: DirItem = struct_at(data, 0)?;
            let start = size_of::<DirItem>();
            let middle = start + usize::from(head.name_len.get());
            let end = middle + usize::from(head.data_len.get());
            let (name, value) = (data.get(start..middle)?, data.get(middle..end)?);
            found.push((head, name, value));
            data = &data[end..];
        }
        Some(found)
    }
}

/// Where a part of a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Stored {
    /// Here.
    Inline(Vec<u8>),
    /// In an extent.
    Extent {
        /// Logical address of the extent.
        start: u64,
        /// Bytes of the extent on disk.
        disk_len: u64,
        /// Bytes of the extent uncompressed.
        ram_len: u64,
        /// Where in the uncompressed extent this part begins.
        skip: u64,
    },
    /// Nowhere: zeroes.
    Zeroes,
}

/// A part of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// Where in the file.
    pub offset: u64,
    /// How many bytes.
    pub len: u64,
    /// How it is compressed; 0 for not.
    pub compression: u8,
    /// Where it is.
    pub stored: Stored,
}

impl Part {
    /// The byte of the file behind it.
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.len)
    }
}

/// An entry of a directory.
#[derive(Clone, Debug)]
pub struct Entry {
    /// Its name.
    pub name: Vec<u8>,
    /// Key of what it leads to.
    pub location: Key,
}

/// An inode with its items.
#[derive(Clone, Debug)]
pub struct Inode {
    /// The inode itself.
    pub item: InodeItem,
    /// Its extended attributes, sorted.
    pub xattrs: Vec<Xattr>,
    /// A directory's entries, in the order of their places.
    pub entries: Vec<Entry>,
    /// A file's parts, ascending.
    pub parts: Vec<Part>,
}

impl Inode {
    /// An inode without further items.
    pub fn new(key: Key, data: &[u8]) -> Result<Self, BtrfsError> {
        let item =
            struct_at(data, 0).ok_or_else(|| corrupt(format!("inode {}", key.objectid), "it is cut off"))?;
        Ok(Self { item, xattrs: Vec::new(), entries: Vec::new(), parts: Vec::new() })
    }

    /// Whether its data have checksums.
    pub fn is_checked(&self) -> bool {
        self.item.flags.get() & FLAG_NODATASUM == 0
    }

    /// Adds what another item tells.
    pub fn add(&mut self, key: Key, data: &[u8]) -> Result<(), BtrfsError> {
        let wrong = |what: &str| corrupt(format!("inode {}", key.objectid), what);
        match key.kind {
            kind::XATTR_ITEM => {
                let found = parts::entries(data).ok_or_else(|| wrong("an attribute is cut off"))?;
                self.xattrs.extend(
                    found.iter().map(|(_, name, value)| Xattr { name: name.to_vec(), value: value.to_vec() }),
                );
                self.xattrs.sort();
            }
            kind::DIR_INDEX => {
                let found = parts::entries(data).ok_or_else(|| wrong("an entry is cut off"))?;
                let entry = |(head, name, _): &(DirItem, &[u8], &[u8])| Entry {
                    name: name.to_vec(),
                    location: head.location.into(),
                };
                self.entries.extend(found.iter().map(entry));
            }
            kind::EXTENT_DATA => {
                let part = part(key, data)?;
                if self.parts.last().is_some_and(|last| last.end() > part.offset) {
                    return Err(wrong("parts of the file overlap"));
                }
                self.parts.push(part);
            }
            _ => {}
        }
        Ok(())
    }
}

fn part(key: Key, data: &[u8]) -> Result<Part, BtrfsError> {
    let wrong = |what: &str| corrupt(format!("inode {}", key.objectid), what);
    let head: FileExtentHead = struct_at(data, 0).ok_or_else(|| wrong("a part of the file is cut off"))?;
    if head.encryption != 0 || head.other_encoding != [0; 2] {
        return Err(BtrfsError::Unsupported("encrypted files".to_owned()));
    }
    let compression = head.compression;
    if head.kind == INLINE {
        let bytes = data.get(INLINE_HEAD..).unwrap_or(&[]).to_vec();
        let len = head.ram_bytes.get();
        if len > COMPRESSED_MAX || (compression == 0 && len != u64_of(bytes.len())) {
            return Err(wrong("the length of an inline part cannot be"));
        }
        return Ok(Part { offset: key.offset, len, compression, stored: Stored::Inline(bytes) });
    }
    let tail: FileExtentTail =
        struct_at(data, INLINE_HEAD).ok_or_else(|| wrong("a part of the file is cut off"))?;
    let (len, skip, disk_len) = (tail.num_bytes.get(), tail.offset.get(), tail.disk_num_bytes.get());
    let ram_len = head.ram_bytes.get();
    let sound = len > 0
        && key.offset.checked_add(len).is_some()
        && skip.checked_add(len).is_some_and(|end| end <= ram_len)
        && [key.offset, len, skip, disk_len].iter().all(|number| number % SECTOR == 0)
        && (compression == 0 || (ram_len <= COMPRESSED_MAX && disk_len <= COMPRESSED_MAX));
    let start = tail.disk_bytenr.get();
    if start != 0 && (!sound || start.checked_add(disk_len).is_none()) {
        return Err(wrong("the place of a part cannot be"));
    }
    if start != 0 && compression == 0 && skip + len > disk_len {
        return Err(wrong("a part is longer than its extent"));
    }
    let stored = if start == 0 || head.kind == PREALLOCATED {
        Stored::Zeroes
    } else {
        Stored::Extent { start, disk_len, ram_len, skip }
    };
    Ok(Part { offset: key.offset, len, compression, stored })
}
