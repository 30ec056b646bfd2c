//! Inodes as they are written: in the short form where that can say everything.

use zerocopy::IntoBytes;

use super::directory::{Listing, entry_type};
use super::error::SquashfsError;
use super::format::inode::{
    Base, DIRECTORY_EXTRA, Device, Directory, File, Ipc, LongDirectory, LongFile, Symlink, encode_device,
    kind,
};
use super::format::{NONE, StoredSize};
use super::layout::{Blocks, Layout, Place};
use super::metadata::MetadataWriter;
use super::options::stored_time;
use super::survey::Survey;
use crate::tree::{Content, Kind, NodeId};
use crate::units::{low_u16, low_u32, u64_of, usize_of};

/// Where chunks ended up, by their numbers.
#[derive(Debug, Default)]
pub(super) struct Stored {
    /// Where each begins, in bytes from the start of the volume.
    pub(super) starts: Vec<u64>,
    /// How long each is there.
    pub(super) sizes: Vec<StoredSize>,
}

/// Writes inodes.
pub(super) struct InodeWriter<'w, 't> {
    pub(super) survey: &'w Survey<'t>,
    pub(super) layout: &'w Layout,
    pub(super) stored: &'w Stored,
    pub(super) block_size: u64,
}

impl InodeWriter<'_, '_> {
    /// Writes the inode of node `id`, which has `listing` if it is a directory.
    pub(super) fn write(
        &self,
        id: NodeId,
        listing: &Listing,
        table: &mut MetadataWriter<'_>,
    ) -> Result<(), SquashfsError> {
        let links = self.survey.links[id.index()];
        let xattr = self.survey.xattrs.of(id);
        let mut tail = Vec::new();
        let extended = match &self.survey.tree.node(id).kind {
            Kind::Directory(_) => self.directory(id, listing, &mut tail),
            Kind::File(content) => self.file(id, content, &mut tail),
            Kind::Symlink(target) => {
                let symlink_size = low_u32(u64_of(target.len())).into();
                tail.extend_from_slice(Symlink { nlink: links.into(), symlink_size }.as_bytes());
                tail.extend_from_slice(target);
                push_xattr(xattr, &mut tail)
            }
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                // Devices that cannot be encoded were refused.
                let rdev = encode_device(*device).unwrap_or(0).into();
                tail.extend_from_slice(Device { nlink: links.into(), rdev }.as_bytes());
                push_xattr(xattr, &mut tail)
            }
            Kind::Fifo | Kind::Socket => {
                tail.extend_from_slice(Ipc { nlink: links.into() }.as_bytes());
                push_xattr(xattr, &mut tail)
            }
        };
        table.put(self.base(id, extended).as_bytes())?;
        table.put(&tail)
    }

    fn base(&self, id: NodeId, extended: Extended) -> Base {
        let node = self.survey.tree.node(id);
        let basic = entry_type(&node.kind);
        let inode_type = match extended {
            Extended::No => basic,
            Extended::Yes => basic + kind::EXTENDED,
        };
        Base {
            inode_type: inode_type.into(),
            mode: node.metadata.permissions.into(),
            uid: self.survey.id_place(node.metadata.uid).into(),
            guid: self.survey.id_place(node.metadata.gid).into(),
            mtime: stored_time(node.metadata.modified).into(),
            inode_number: self.survey.inode(id).0.into(),
        }
    }

    fn directory(&self, id: NodeId, listing: &Listing, tail: &mut Vec<u8>) -> Extended {
        let xattr = self.survey.xattrs.of(id);
        let nlink = self.survey.links[id.index()].into();
        let parent_inode = self.survey.parent(id).0.into();
        // Listings were limited to a fraction of 32 bits.
        let len = listing.len.saturating_add(DIRECTORY_EXTRA);
        if let Ok(file_size) = u16::try_from(len)
            && xattr == NONE
            && listing.index.is_empty()
        {
            let fields = Directory {
                start_block: listing.start_block.into(),
                nlink,
                file_size: file_size.into(),
                offset: listing.offset.into(),
                parent_inode,
            };
            tail.extend_from_slice(fields.as_bytes());
            return Extended::No;
        }
        let fields = LongDirectory {
            nlink,
            file_size: len.into(),
            start_block: listing.start_block.into(),
            parent_inode,
            i_count: low_u16(u64_of(listing.index.len())).into(),
            offset: listing.offset.into(),
            xattr: xattr.into(),
        };
        tail.extend_from_slice(fields.as_bytes());
        for entry in &listing.index {
            tail.extend_from_slice(entry.fields.as_bytes());
            tail.extend_from_slice(&entry.name);
        }
        Extended::Yes
    }

    fn file(&self, id: NodeId, content: &Content, tail: &mut Vec<u8>) -> Extended {
        let place = self.layout.place(id);
        let start = place.first.map_or(0, |first| self.stored.starts[usize_of(first.0.into())]);
        let (fragment, offset) = place.tail.map_or((NONE, 0), |tail| (tail.fragment, tail.offset));
        let (links, xattr) = (self.survey.links[id.index()], self.survey.xattrs.of(id));
        let sizes = self.sizes(place);
        let holes = u64_of(sizes.iter().filter(|size| **size == StoredSize::HOLE).count());
        // The last block may be shorter, and then so is its hole.
        let sparse = (holes * self.block_size).min(content.len());
        let extended = match (u32::try_from(start), u32::try_from(content.len())) {
            (Ok(start), Ok(len)) if links == 1 && xattr == NONE && sparse == 0 => {
                let fields = File {
                    start_block: start.into(),
                    fragment: fragment.into(),
                    offset: offset.into(),
                    file_size: len.into(),
                };
                tail.extend_from_slice(fields.as_bytes());
                Extended::No
            }
            _ => {
                let fields = LongFile {
                    start_block: start.into(),
                    file_size: content.len().into(),
                    sparse: sparse.into(),
                    nlink: links.into(),
                    fragment: fragment.into(),
                    offset: offset.into(),
                    xattr: xattr.into(),
                };
                tail.extend_from_slice(fields.as_bytes());
                Extended::Yes
            }
        };
        tail.extend(sizes.iter().flat_map(|size| size.0.to_le_bytes()));
        extended
    }

    /// The stored sizes of a file's blocks.
    fn sizes(&self, place: &Place) -> Vec<StoredSize> {
        let first = place.first.map_or(0, |first| usize_of(first.0.into()));
        match &place.blocks {
            Blocks::None => Vec::new(),
            Blocks::All(count) => self.stored.sizes[first..][..usize_of(u64::from(*count))].to_vec(),
            Blocks::Some(stored) => {
                let mut next = self.stored.sizes[first..].iter();
                let size = |is_stored: &bool| match is_stored {
                    true => next.next().copied().unwrap_or(StoredSize::HOLE),
                    false => StoredSize::HOLE,
                };
                stored.iter().map(size).collect()
            }
        }
    }
}

/// Whether an inode has the long form.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Extended {
    No,
    Yes,
}

/// Ends an inode that has the long form only for its attributes.
fn push_xattr(xattr: u32, tail: &mut Vec<u8>) -> Extended {
    if xattr == NONE {
        return Extended::No;
    }
    tail.extend_from_slice(&xattr.to_le_bytes());
    Extended::Yes
}
