//! Inodes with all that belongs to them: the items of a subvolume, in the order of their keys.

use std::collections::BTreeMap;

use zerocopy::IntoBytes;

use super::address::sectors;
use super::btree::{Emitter, GENERATION, item_max};
use super::error::{BtrfsError, Unfit};
use super::extents::{Extent, Form};
use super::format::directory::{DirItem, InodeExtref, InodeRef, file_type};
use super::format::extent::{
    FileExtent, FileExtentHead, FileExtentTail, INLINE, INLINE_HEAD, PREALLOCATED, REGULAR,
};
use super::format::inode::{FLAG_NODATACOW, FLAG_NODATASUM, FLAG_PREALLOC, InodeItem, file_mode};
use super::format::kind;
use super::format::node::DiskKey;
use super::hash::{extref_hash, name_hash};
use super::key::Key;
use super::options::NodeSize;
use super::survey::{Entry, InodeNumber, Link, Origin, Survey, Target};
use super::volumes::Overwriting;
use crate::tree::{Kind, Metadata, Xattr};
use crate::units::{low_u16, low_u32, u64_of, usize_of};

/// Names of one parent are gathered in one item up to this many bytes; the rest go into items of their own.
const REFS_MAX: usize = 3072;

/// Where the bytes of small files come from, in the order of inodes.
pub trait Inline {
    /// Appends the `len` bytes of the file at `place` to `bytes`.
    fn append(&mut self, place: usize, len: usize, bytes: &mut Vec<u8>) -> Result<(), BtrfsError>;
}

/// Zeroes in place of every file: for counting.
#[derive(Clone, Copy, Debug)]
pub struct NoBytes;

impl Inline for NoBytes {
    fn append(&mut self, _place: usize, len: usize, bytes: &mut Vec<u8>) -> Result<(), BtrfsError> {
        bytes.resize(bytes.len() + len, 0);
        Ok(())
    }
}

/// A subvolume whose items are wanted.
pub struct SubvolumeItems<'a, 's> {
    /// Its inodes.
    pub survey: &'a Survey<'s>,
    /// Its extents, in order.
    pub extents: &'a [Extent],
    /// Size of a node.
    pub node_size: NodeSize,
}

impl SubvolumeItems<'_, '_> {
    /// Gives all items to `out`.
    pub fn emit(&self, inline: &mut dyn Inline, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let mut extents = self.extents;
        for place in 0..self.survey.inodes.len() {
            let count = extents.iter().take_while(|extent| extent.inode == place).count();
            let (own, rest) = extents.split_at(count);
            extents = rest;
            self.inode(place, own, out)?;
            self.names(place, out)?;
            self.xattrs(place, out)?;
            match self.survey.kind(place) {
                Some(Kind::Symlink(target)) => self.symlink(place, target, out)?,
                Some(Kind::File(_)) if self.survey.is_inline(place) => {
                    self.inline(place, inline, out)?;
                }
                _ => {}
            }
            self.entries(place, out)?;
            self.extents(place, own, out)?;
        }
        Ok(())
    }

    fn unfit(&self, place: usize, why: Unfit) -> BtrfsError {
        BtrfsError::Unfit { path: self.survey.path(place), why }
    }

    fn inode(&self, place: usize, extents: &[Extent], out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let survey = self.survey;
        let metadata = survey.metadata(place);
        let (mode, rdev) = mode_and_device(survey.inodes[place].origin, survey.kind(place));
        let size = match survey.kind(place) {
            Some(Kind::Symlink(target)) => u64_of(target.len()),
            _ if survey.file_type(place) == file_type::DIRECTORY => {
                survey.entries(place).map(|(_, entry)| 2 * u64_of(entry.name.as_bytes().len())).sum()
            }
            _ => survey.file_len(place),
        };
        let nbytes = match survey.kind(place) {
            Some(Kind::Symlink(_)) => size,
            _ if survey.is_inline(place) => size,
            _ => extents.iter().map(|extent| extent.len).sum(),
        };
        let item = InodeItem {
            size: size.into(),
            nbytes: nbytes.into(),
            nlink: survey.link_count(place).into(),
            mode: (mode | u32::from(metadata.permissions)).into(),
            rdev: rdev.into(),
            flags: self.flags(place).into(),
            ..inode_item(metadata)
        };
        out.item(Key::new(survey.number(place).0, kind::INODE_ITEM, 0), item.as_bytes())
    }

    fn flags(&self, place: usize) -> u64 {
        match (self.survey.inodes[place].origin, self.survey.filling.storage.overwriting) {
            (Origin::Swap(_), _) => FLAG_NODATASUM | FLAG_NODATACOW | FLAG_PREALLOC,
            _ if self.survey.file_type(place) != file_type::REGULAR => 0,
            (_, Overwriting::CopyOnWrite) => 0,
            (_, Overwriting::InPlace) => FLAG_NODATASUM | FLAG_NODATACOW,
            (_, Overwriting::Unchecked) => FLAG_NODATASUM,
        }
    }

    /// Names: those of one parent in one item, up to a limit.
    fn names(&self, place: usize, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let number = self.survey.number(place).0;
        if place == 0 {
            // The root directory names itself.
            return out.item(Key::new(number, kind::INODE_REF, number), &inode_ref(0, b".."));
        }
        let mut links = self.survey.links(place);
        if let (1, Some(link)) = (self.survey.link_count(place), links.next()) {
            let parent = self.survey.number(link.parent).0;
            let name = inode_ref(link.index, link.name.as_bytes());
            return out.item(Key::new(number, kind::INODE_REF, parent), &name);
        }
        let mut by_parent: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let mut extended: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let limit = REFS_MAX.min(item_max(self.node_size));
        for Link { parent, index, name } in self.survey.links(place) {
            let parent = self.survey.number(*parent).0;
            let names = by_parent.entry(parent).or_default();
            let bytes = inode_ref(*index, name.as_bytes());
            if names.len() + bytes.len() <= limit {
                names.extend_from_slice(&bytes);
                continue;
            }
            let head = InodeExtref {
                parent_objectid: parent.into(),
                index: (*index).into(),
                name_len: low_u16(u64_of(name.as_bytes().len())).into(),
            };
            let names = extended.entry(extref_hash(parent, name.as_bytes())).or_default();
            names.extend_from_slice(head.as_bytes());
            names.extend_from_slice(name.as_bytes());
            if names.len() > item_max(self.node_size) {
                return Err(self.unfit(place, Unfit::Collision(name.to_string())));
            }
        }
        for (parent, names) in by_parent {
            out.item(Key::new(number, kind::INODE_REF, parent), &names)?;
        }
        for (hash, names) in extended {
            out.item(Key::new(number, kind::INODE_EXTREF, hash), &names)?;
        }
        Ok(())
    }

    fn xattrs(&self, place: usize, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let mut by_hash: BTreeMap<u64, Vec<u8>> = BTreeMap::new();
        let max = item_max(self.node_size);
        for Xattr { name, value } in &self.survey.metadata(place).xattrs {
            let unfit = |len| {
                let name = name.escape_ascii().to_string();
                self.unfit(place, Unfit::Xattr { name, len, max })
            };
            let (Ok(name_len), Ok(data_len)) = (u16::try_from(name.len()), u16::try_from(value.len())) else {
                return Err(unfit(name.len() + value.len()));
            };
            let head = DirItem {
                location: DiskKey::default(),
                transid: GENERATION.into(),
                data_len: data_len.into(),
                name_len: name_len.into(),
                kind: file_type::XATTR,
            };
            let item = by_hash.entry(name_hash(name)).or_default();
            item.extend_from_slice(head.as_bytes());
            item.extend_from_slice(name);
            item.extend_from_slice(value);
            if item.len() > max {
                return Err(unfit(item.len()));
            }
        }
        let number = self.survey.number(place).0;
        by_hash.iter().try_for_each(|(hash, item)| out.item(Key::new(number, kind::XATTR_ITEM, *hash), item))
    }

    /// Entries of a directory, by hash and by place.
    fn entries(&self, place: usize, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let number = self.survey.number(place).0;
        let mut by_hash: Vec<(u64, u64, &Entry<'_>)> = self
            .survey
            .entries(place)
            .map(|(index, entry)| (name_hash(entry.name.as_bytes()), index, entry))
            .collect();
        by_hash.sort_unstable_by_key(|(hash, index, _)| (*hash, *index));
        let mut item = Vec::new();
        for same in by_hash.chunk_by(|a, b| a.0 == b.0) {
            item.clear();
            same.iter().for_each(|(_, _, entry)| self.append_entry(entry, &mut item));
            let (hash, _, first) = same[0];
            if item.len() > item_max(self.node_size) {
                return Err(self.unfit(place, Unfit::Collision(first.name.to_string())));
            }
            out.item(Key::new(number, kind::DIR_ITEM, hash), &item)?;
        }
        self.survey.entries(place).try_for_each(|(index, entry)| {
            item.clear();
            self.append_entry(entry, &mut item);
            out.item(Key::new(number, kind::DIR_INDEX, index), &item)
        })
    }

    fn append_entry(&self, entry: &Entry<'_>, item: &mut Vec<u8>) {
        let (location, kind) = match entry.target {
            Target::Inode(place) => {
                (Key::new(self.survey.number(place).0, kind::INODE_ITEM, 0), self.survey.file_type(place))
            }
            Target::Subvolume(number) => (Key::new(number, kind::ROOT_ITEM, u64::MAX), file_type::DIRECTORY),
        };
        append_dir_item((location, kind), entry.name.as_bytes(), item);
    }

    fn symlink(&self, place: usize, target: &[u8], out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let max = (item_max(self.node_size) - INLINE_HEAD).min(4095);
        if target.len() > max {
            return Err(self.unfit(place, Unfit::SymlinkTooLong { len: target.len(), max }));
        }
        let mut item = inline_head(u64_of(target.len())).as_bytes().to_vec();
        item.extend_from_slice(target);
        out.item(Key::new(self.survey.number(place).0, kind::EXTENT_DATA, 0), &item)
    }

    fn inline(&self, place: usize, inline: &mut dyn Inline, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let len = self.survey.file_len(place);
        let mut item = inline_head(len).as_bytes().to_vec();
        inline.append(place, usize_of(len), &mut item)?;
        out.item(Key::new(self.survey.number(place).0, kind::EXTENT_DATA, 0), &item)
    }

    fn extents(&self, place: usize, extents: &[Extent], out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let number = self.survey.number(place).0;
        extents.iter().try_for_each(|extent| {
            let key = Key::new(number, kind::EXTENT_DATA, extent.offset);
            out.item(key, file_extent(extent).as_bytes())
        })
    }
}

/// The root directory of a subvolume without content, as the tree for the relocation of data has it.
pub fn emit_empty(metadata: &Metadata, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
    let number = InodeNumber::ROOT.0;
    let item = InodeItem {
        nlink: 1.into(),
        mode: (file_mode::DIRECTORY | u32::from(metadata.permissions)).into(),
        ..inode_item(metadata)
    };
    out.item(Key::new(number, kind::INODE_ITEM, 0), item.as_bytes())?;
    out.item(Key::new(number, kind::INODE_REF, number), &inode_ref(0, b".."))
}

/// An inode with owner and times; the rest is zero.
pub fn inode_item(metadata: &Metadata) -> InodeItem {
    let time = metadata.modified.into();
    InodeItem {
        generation: GENERATION.into(),
        transid: GENERATION.into(),
        size: 0.into(),
        nbytes: 0.into(),
        block_group: 0.into(),
        nlink: 0.into(),
        uid: metadata.uid.into(),
        gid: metadata.gid.into(),
        mode: 0.into(),
        rdev: 0.into(),
        flags: 0.into(),
        sequence: 0.into(),
        reserved: [0.into(); 4],
        atime: time,
        ctime: time,
        mtime: time,
        otime: time,
    }
}

/// An entry of a directory that leads to `location`, which is of `kind`.
pub fn dir_item(location: Key, kind: u8, name: &[u8]) -> Vec<u8> {
    let mut item = Vec::new();
    append_dir_item((location, kind), name, &mut item);
    item
}

fn append_dir_item((location, kind): (Key, u8), name: &[u8], item: &mut Vec<u8>) {
    let head = DirItem {
        location: location.into(),
        transid: GENERATION.into(),
        data_len: 0.into(),
        name_len: low_u16(u64_of(name.len())).into(),
        kind,
    };
    item.extend_from_slice(head.as_bytes());
    item.extend_from_slice(name);
}

/// A name of an inode.
pub fn inode_ref(index: u64, name: &[u8]) -> Vec<u8> {
    let head = InodeRef { index: index.into(), name_len: low_u16(u64_of(name.len())).into() };
    [head.as_bytes(), name].concat()
}

fn inline_head(len: u64) -> FileExtentHead {
    FileExtentHead {
        generation: GENERATION.into(),
        ram_bytes: len.into(),
        compression: 0,
        encryption: 0,
        other_encoding: [0; 2],
        kind: INLINE,
    }
}

fn file_extent(extent: &Extent) -> FileExtent {
    debug_assert_eq!(extent.len, sectors(extent.len));
    let (kind, compression) = match extent.form {
        Form::Plain | Form::Separate => (REGULAR, 0),
        Form::Compressed(code) => (REGULAR, code),
        Form::Preallocated => (PREALLOCATED, 0),
    };
    FileExtent {
        head: FileExtentHead { kind, compression, ..inline_head(extent.len) },
        tail: FileExtentTail {
            disk_bytenr: extent.start.0.into(),
            disk_num_bytes: extent.disk_len.into(),
            offset: 0.into(),
            num_bytes: extent.len.into(),
        },
    }
}

fn mode_and_device(origin: Origin, kind: Option<&Kind>) -> (u32, u64) {
    let number = |device: &crate::tree::DeviceNumber| {
        u64::from(low_u32(u64::from(device.major) << 20 | u64::from(device.minor)))
    };
    match (origin, kind) {
        (Origin::Swap(_), _) | (_, Some(Kind::File(_))) => (file_mode::REGULAR, 0),
        (Origin::Folder, _) | (_, Some(Kind::Directory(_)) | None) => (file_mode::DIRECTORY, 0),
        (_, Some(Kind::Symlink(_))) => (file_mode::SYMLINK, 0),
        (_, Some(Kind::CharDevice(device))) => (file_mode::CHAR_DEVICE, number(device)),
        (_, Some(Kind::BlockDevice(device))) => (file_mode::BLOCK_DEVICE, number(device)),
        (_, Some(Kind::Fifo)) => (file_mode::FIFO, 0),
        (_, Some(Kind::Socket)) => (file_mode::SOCKET, 0),
    }
}
