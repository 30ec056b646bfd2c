//! Listings of directories as they are read.

use super::super::error::{Place, SquashfsError};
use super::super::format::MetadataRef;
use super::super::format::directory::{ENTRIES_MAX, Entry, Header};
use super::inode::DirectoryPlace;
use super::{Inode, InodeKind, Reader, corrupt};
use crate::units::{low_u32, u64_of};
use crate::volume::Block;

/// An entry of a directory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DirectoryEntry {
    /// Its name; any bytes.
    pub name: Vec<u8>,
    /// Where its inode is.
    pub(in crate::fs::squashfs) inode: MetadataRef,
    /// The inode's number.
    pub(in crate::fs::squashfs) number: u32,
}

impl<B: Block> Reader<B> {
    /// The entries of directory `inode`, in the order in which they are stored.
    pub fn entries(&self, inode: &Inode) -> Result<Vec<DirectoryEntry>, SquashfsError> {
        let wrong = |what: &str| corrupt(Place::Inode(inode.place.0), what);
        let InodeKind::Directory(DirectoryPlace { place, len, .. }) = inode.kind else {
            return Err(wrong("it is not a directory"));
        };
        let mut entries = Vec::new();
        if len == 0 {
            return Ok(entries);
        }
        let (start, end) = (self.superblock.directory_table_start.get(), self.directory_table_end());
        let mut cursor = self.cursor(place, start, end)?;
        let mut rest = len;
        let mut spend = |bytes: usize| {
            rest = rest.checked_sub(low_u32(u64_of(bytes))).ok_or_else(|| wrong("its listing is cut off"))?;
            Ok::<u32, SquashfsError>(rest)
        };
        loop {
            spend(size_of::<Header>())?;
            let header: Header = cursor.take()?;
            let count = header.count.get();
            if u64::from(count) >= u64_of(ENTRIES_MAX) {
                return Err(wrong("a header of its listing counts too many entries"));
            }
            let mut left = 0;
            for _ in 0..=count {
                let entry: Entry = cursor.take()?;
                let name_len = usize::from(entry.size.get()) + 1;
                left = spend(size_of::<Entry>() + name_len)?;
                entries.push(DirectoryEntry {
                    name: cursor.bytes(name_len)?,
                    inode: MetadataRef::new(header.start_block.get().into(), entry.offset.get()),
                    number: header.inode_number.get().wrapping_add_signed(entry.inode_number.get().into()),
                });
            }
            if left == 0 {
                return Ok(entries);
            }
        }
    }

    /// Where the directory table ends: where the next table begins, as near as the superblock says it.
    fn directory_table_end(&self) -> u64 {
        let sb = &self.superblock;
        let start = sb.directory_table_start.get();
        [sb.fragment_table_start, sb.lookup_table_start, sb.id_table_start, sb.xattr_id_table_start]
            .map(|table| table.get())
            .into_iter()
            .filter(|table| *table > start)
            .fold(sb.bytes_used.get(), u64::min)
    }
}
