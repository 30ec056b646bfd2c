//! Extended attributes as they are read.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromZeros, IntoBytes};

use super::super::error::{Place, SquashfsError};
use super::super::format::table::{
    XATTR_ELSEWHERE, XATTR_NAME_MAX, XATTR_PREFIXES, XATTR_VALUE_MAX, XattrEntry, XattrId, XattrTable,
};
use super::super::format::{MetadataRef, NO_TABLE, NONE};
use super::metadata::Cursor;
use super::table::{Table, bounded};
use super::{Inode, Reader, corrupt};
use crate::tree::Xattr;
use crate::units::u64_of;
use crate::volume::Block;

impl<B: Block> Reader<B> {
    /// The extended attributes of `inode`, sorted by name.
    pub fn xattrs(&self, inode: &Inode) -> Result<Vec<Xattr>, SquashfsError> {
        let mut xattrs = Vec::new();
        if inode.xattr == NONE {
            return Ok(xattrs);
        }
        let wrong = |what: &str| corrupt(Place::Inode(inode.place.0), what);
        let header_at = self.superblock.xattr_id_table_start.get();
        if header_at == NO_TABLE {
            return Err(wrong("it has attributes, and there is no table of them"));
        }
        let list = header_at.saturating_add(u64_of(size_of::<XattrTable>()));
        if list > self.superblock.bytes_used.get() {
            return Err(corrupt(Place::Table("attribute"), "its header is cut off"));
        }
        let mut header = XattrTable::new_zeroed();
        self.block.read_at(header.as_mut_bytes(), header_at)?;
        let table = Table { name: "attribute", list, count: header.xattr_ids.get() };
        let id: XattrId = self.entry(table, inode.xattr)?;
        let start = header.xattr_table_start.get();
        let mut cursor = self.cursor(MetadataRef(id.xattr.get()), start, header_at)?;
        for _ in 0..id.count.get() {
            xattrs.push(self.xattr(&mut cursor, start, header_at)?);
        }
        xattrs.sort();
        if xattrs.windows(2).any(|pair| pair[0].name == pair[1].name) {
            return Err(wrong("it has two attributes of one name"));
        }
        Ok(xattrs)
    }

    /// The attribute at `cursor`, in a table that lies from `start` to `end`.
    fn xattr(&self, cursor: &mut Cursor<'_, B>, start: u64, end: u64) -> Result<Xattr, SquashfsError> {
        let wrong = |what: &str| corrupt(Place::Table("attribute"), what);
        let entry: XattrEntry = cursor.take()?;
        let kind = entry.entry_type.get();
        let prefix = XATTR_PREFIXES.get(usize::from(kind & !XATTR_ELSEWHERE));
        let prefix = *prefix.ok_or_else(|| wrong("a name has no known prefix"))?;
        let rest = cursor.bytes(usize::from(entry.size.get()))?;
        let name = [prefix, rest.as_slice()].concat();
        if name.len() > XATTR_NAME_MAX || name.contains(&0) {
            return Err(wrong("a name is none"));
        }
        let len = cursor.take::<U32>()?.get();
        let value = if kind & XATTR_ELSEWHERE == 0 {
            value(cursor, len)?
        } else if len == 8 {
            let place = MetadataRef(cursor.take::<U64>()?.get());
            let mut cursor = self.cursor(place, start, end)?;
            let len = cursor.take::<U32>()?.get();
            value(&mut cursor, len)?
        } else {
            return Err(wrong("the place of a value has an impossible length"));
        };
        Ok(Xattr { name, value })
    }
}

fn value<B: Block>(cursor: &mut Cursor<'_, B>, len: u32) -> Result<Vec<u8>, SquashfsError> {
    let wrong = || corrupt(Place::Table("attribute"), "a value is longer than Linux takes");
    cursor.bytes(bounded(len.into(), XATTR_VALUE_MAX).ok_or_else(wrong)?)
}
