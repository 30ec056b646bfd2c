//! Extended attributes as they are read.

use zerocopy::FromBytes;

use super::super::acl;
use super::super::block::BlockNumber;
use super::super::error::{Ext4Error, Place};
use super::super::format::xattr::{
    BLOCK_HEADER, BlockHeader, ENTRY_SIZE, Entry, INODE_HEADER, MAGIC, prefix,
};
use super::super::xattr::full_name;
use super::inode::Inode;
use super::{Reader, corrupt};
use crate::tree::Xattr;
use crate::units::usize_of;
use crate::volume::Block;

impl<B: Block> Reader<B> {
    /// The extended attributes of `inode`, sorted by name.
    pub fn xattrs(&self, inode: &Inode) -> Result<Vec<Xattr>, Ext4Error> {
        let own = Place::Inode(inode.number.0);
        let mut xattrs = Vec::new();
        if inode.area.get(..INODE_HEADER) == Some(MAGIC.to_le_bytes().as_slice()) {
            // Value offsets count from the first entry here.
            let area = &inode.area[INODE_HEADER..];
            parse(area, 0, own, &mut xattrs)?;
        }
        if let Some(place) = inode.xattr_block() {
            let bytes = self.block_of(inode.number, place)?;
            let here = Place::BlockOf { inode: inode.number.0, block: place.0 };
            self.check_xattr_block(place, &bytes, here)?;
            parse(&bytes, BLOCK_HEADER, here, &mut xattrs)?;
        }
        xattrs.sort();
        if xattrs.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err(corrupt(own, "an extended attribute is there twice"));
        }
        Ok(xattrs)
    }

    /// Checks the header of a block of attributes; how many inodes it says use it.
    pub(super) fn check_xattr_block(
        &self,
        place: BlockNumber,
        bytes: &[u8],
        here: Place,
    ) -> Result<u32, Ext4Error> {
        let wrong = |what: &str| corrupt(here, format!("the extended attributes: {what}"));
        let (header, _) = BlockHeader::read_from_prefix(bytes).map_err(|_| wrong("no header"))?;
        if header.h_magic.get() != MAGIC || header.h_blocks.get() != 1 {
            return Err(wrong("its magic number is missing"));
        }
        if self.has_checksums() && header.h_checksum.get() != self.seed.xattr_block(place, bytes) {
            return Err(wrong("its checksum is wrong"));
        }
        Ok(header.h_refcount.get())
    }
}

/// The attributes whose entries start at `start` of `area`; value offsets count from the start of `area`.
fn parse(area: &[u8], start: usize, here: Place, xattrs: &mut Vec<Xattr>) -> Result<(), Ext4Error> {
    let wrong = |what: &str| corrupt(here, format!("the extended attributes: {what}"));
    let mut at = start;
    loop {
        let rest = area.get(at..).unwrap_or_default();
        // Four zero bytes end the list; so does the area's end.
        if rest.len() < 4 || rest[..4] == [0; 4] {
            return Ok(());
        }
        let (entry, names) = Entry::read_from_prefix(rest).map_err(|_| wrong("an entry is cut off"))?;
        let name_len = usize::from(entry.e_name_len);
        let name = names.get(..name_len).ok_or_else(|| wrong("a name is cut off"))?;
        if entry.e_value_inum.get() != 0 {
            return Err(Ext4Error::Unsupported("extended attributes in inodes of their own".to_owned()));
        }
        let value_at = usize::from(entry.e_value_offs.get());
        let value_len = usize_of(entry.e_value_size.get().into());
        let value = area.get(value_at..).and_then(|value| value.get(..value_len));
        let value = value.ok_or_else(|| wrong("a value lies outside"))?;
        let full =
            full_name(entry.e_name_index, name).ok_or_else(|| wrong("a name has an unknown prefix"))?;
        let value = match entry.e_name_index {
            prefix::ACL_ACCESS | prefix::ACL_DEFAULT => {
                acl::to_exchange(value).ok_or_else(|| wrong("an access control list is none"))?
            }
            _ => value.to_vec(),
        };
        xattrs.push(Xattr { name: full, value });
        at += ENTRY_SIZE + name_len.next_multiple_of(4);
    }
}
