//! Inodes as they are read.

use zerocopy::little_endian::U32;

use super::super::error::{Place, SquashfsError};
use super::super::format::inode::{
    Base, DIRECTORY_EXTRA, Device, Directory, File, Ipc, LongDirectory, LongFile, SYMLINK_MAX, Symlink,
    decode_device, kind,
};
use super::super::format::{MetadataRef, NONE};
use super::metadata::Cursor;
use super::table::bounded;
use super::{Reader, corrupt};
use crate::timestamp::Timestamp;
use crate::tree::DeviceNumber;
use crate::volume::Block;

/// What an inode is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum InodeKind {
    /// Names of other inodes.
    Directory(DirectoryPlace),
    /// Bytes.
    File(FilePlace),
    /// A path to go on with.
    Symlink(Vec<u8>),
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

/// Where a directory's listing is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DirectoryPlace {
    /// In the directory table.
    pub(in crate::fs::squashfs) place: MetadataRef,
    /// Bytes of it.
    pub(in crate::fs::squashfs) len: u32,
    /// Number of the directory above.
    pub(in crate::fs::squashfs) parent: u32,
    /// Entries of the index.
    pub(in crate::fs::squashfs) indexed: u16,
}

/// Where a file's bytes are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilePlace {
    /// Bytes of the file.
    pub(in crate::fs::squashfs) len: u64,
    /// Where the first block begins, in bytes from the start of the volume.
    pub(in crate::fs::squashfs) start: u64,
    /// Number of the fragment block with the end, and the place in it.
    pub(in crate::fs::squashfs) tail: Option<(u32, u32)>,
    /// Bytes in blocks that are not stored, as the inode says.
    pub(in crate::fs::squashfs) sparse: u64,
    /// Where the stored sizes of the blocks are, in the inode table.
    pub(super) sizes: MetadataRef,
}

/// An inode that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inode {
    /// Where it is.
    pub(in crate::fs::squashfs) place: MetadataRef,
    /// Its number, from 1.
    pub number: u32,
    /// Permission bits with set-uid, set-gid and sticky.
    pub permissions: u16,
    /// Owner's user number.
    pub uid: u32,
    /// Owning group's number.
    pub gid: u32,
    /// Time of the last modification.
    pub modified: Timestamp,
    /// How many names it has; 1 where that is not stored.
    pub links: u32,
    /// What it is.
    pub kind: InodeKind,
    /// Whether it has the long form.
    pub(in crate::fs::squashfs) is_extended: bool,
    /// Number of its attributes, or [`NONE`].
    pub(in crate::fs::squashfs) xattr: u32,
}

/// What the fields behind the base say.
struct Detail {
    kind: InodeKind,
    links: u32,
    xattr: u32,
}

impl<B: Block> Reader<B> {
    /// The inode at `place`.
    pub(in crate::fs::squashfs) fn inode(&self, place: MetadataRef) -> Result<Inode, SquashfsError> {
        let wrong = |what: String| corrupt(Place::Inode(place.0), what);
        let mut cursor = self.inode_cursor(place)?;
        let base: Base = cursor.take()?;
        let stored = base.inode_type.get();
        let basic = if stored > kind::EXTENDED { stored - kind::EXTENDED } else { stored };
        let is_extended = stored != basic;
        let detail = match basic {
            kind::DIRECTORY if is_extended => long_directory(&mut cursor)?,
            kind::DIRECTORY => directory(&mut cursor)?,
            kind::FILE => self.file(&mut cursor, is_extended)?,
            kind::SYMLINK => {
                let fields: Symlink = cursor.take()?;
                let len = bounded(fields.symlink_size.get().into(), SYMLINK_MAX).filter(|len| *len > 0);
                let len = len.ok_or_else(|| wrong("its target's length is impossible".to_owned()))?;
                let target = cursor.bytes(len)?;
                if target.contains(&0) {
                    return Err(wrong("its target holds a NUL".to_owned()));
                }
                Detail { kind: InodeKind::Symlink(target), links: fields.nlink.get(), xattr: NONE }
            }
            kind::BLOCK_DEVICE | kind::CHAR_DEVICE => {
                let fields: Device = cursor.take()?;
                let device = decode_device(fields.rdev.get());
                let kind = match basic {
                    kind::BLOCK_DEVICE => InodeKind::BlockDevice(device),
                    _ => InodeKind::CharDevice(device),
                };
                Detail { kind, links: fields.nlink.get(), xattr: NONE }
            }
            kind::FIFO | kind::SOCKET => {
                let fields: Ipc = cursor.take()?;
                let kind = if basic == kind::FIFO { InodeKind::Fifo } else { InodeKind::Socket };
                Detail { kind, links: fields.nlink.get(), xattr: NONE }
            }
            other => return Err(wrong(format!("its kind {other} does not exist"))),
        };
        // Links, devices, pipes and sockets end with it in their long form.
        let xattr = match (is_extended, &detail.kind) {
            (true, InodeKind::Directory(_) | InodeKind::File(_)) | (false, _) => detail.xattr,
            (true, _) => cursor.take::<U32>()?.get(),
        };
        if base.mode.get() > 0o7777 {
            return Err(wrong(format!("its permissions {:#o} are beyond 0o7777", base.mode)));
        }
        Ok(Inode {
            place,
            number: base.inode_number.get(),
            permissions: base.mode.get(),
            uid: self.id(base.uid.get())?,
            gid: self.id(base.guid.get())?,
            modified: Timestamp::seconds(base.mtime.get().into()),
            links: detail.links,
            kind: detail.kind,
            is_extended,
            xattr,
        })
    }

    /// A cursor in the inode table.
    pub(super) fn inode_cursor(&self, place: MetadataRef) -> Result<Cursor<'_, B>, SquashfsError> {
        let (start, end) =
            (self.superblock.inode_table_start.get(), self.superblock.directory_table_start.get());
        self.cursor(place, start, end)
    }

    fn file(&self, cursor: &mut Cursor<'_, B>, is_extended: bool) -> Result<Detail, SquashfsError> {
        let (start, len, sparse, links, fragment, offset, xattr) = if is_extended {
            let fields: LongFile = cursor.take()?;
            let (start, len) = (fields.start_block.get(), fields.file_size.get());
            let (fragment, offset) = (fields.fragment.get(), fields.offset.get());
            (start, len, fields.sparse.get(), fields.nlink.get(), fragment, offset, fields.xattr.get())
        } else {
            let fields: File = cursor.take()?;
            let (start, len) = (fields.start_block.get().into(), fields.file_size.get().into());
            (start, len, 0, 1, fields.fragment.get(), fields.offset.get(), NONE)
        };
        let tail = (fragment != NONE).then_some((fragment, offset));
        let sizes = cursor.place(self.superblock.inode_table_start.get());
        let kind = InodeKind::File(FilePlace { len, start, tail, sparse, sizes });
        Ok(Detail { kind, links, xattr })
    }
}

fn directory<B: Block>(cursor: &mut Cursor<'_, B>) -> Result<Detail, SquashfsError> {
    let fields: Directory = cursor.take()?;
    let place = DirectoryPlace {
        place: MetadataRef::new(fields.start_block.get().into(), fields.offset.get()),
        len: u32::from(fields.file_size.get()).saturating_sub(DIRECTORY_EXTRA),
        parent: fields.parent_inode.get(),
        indexed: 0,
    };
    Ok(Detail { kind: InodeKind::Directory(place), links: fields.nlink.get(), xattr: NONE })
}

fn long_directory<B: Block>(cursor: &mut Cursor<'_, B>) -> Result<Detail, SquashfsError> {
    let fields: LongDirectory = cursor.take()?;
    let place = DirectoryPlace {
        place: MetadataRef::new(fields.start_block.get().into(), fields.offset.get()),
        len: fields.file_size.get().saturating_sub(DIRECTORY_EXTRA),
        parent: fields.parent_inode.get(),
        indexed: fields.i_count.get(),
    };
    Ok(Detail { kind: InodeKind::Directory(place), links: fields.nlink.get(), xattr: fields.xattr.get() })
}
