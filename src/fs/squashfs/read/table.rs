//! Tables of entries of one length, found by a list of their blocks.

use zerocopy::{FromBytes, FromZeros, IntoBytes};

use super::super::error::{Place, SquashfsError};
use super::super::format::table::Fragment;
use super::super::format::{METADATA_SIZE, MetadataRef, NO_TABLE};
use super::{Reader, corrupt};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// Where a table is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Table {
    /// Its name, for messages.
    pub(super) name: &'static str,
    /// Where the list of its blocks is, in bytes from the start of the volume.
    pub(super) list: u64,
    /// How many entries it has.
    pub(super) count: u32,
}

impl<B: Block> Reader<B> {
    /// Entry `index` of `table`.
    pub(super) fn entry<T>(&self, table: Table, index: u32) -> Result<T, SquashfsError>
    where
        T: FromZeros + FromBytes + IntoBytes,
    {
        let wrong = |what: String| corrupt(Place::Table(table.name), what);
        if index >= table.count {
            return Err(wrong(format!("it has {} entries, and one is number {index}", table.count)));
        }
        let at = u64::from(index) * u64_of(size_of::<T>());
        let (block, offset) = (at / u64_of(METADATA_SIZE), at % u64_of(METADATA_SIZE));
        let slot = table
            .list
            .checked_add(block * 8)
            .filter(|slot| slot.checked_add(8).is_some_and(|end| end <= self.superblock.bytes_used.get()));
        let slot = slot.ok_or_else(|| wrong("the list of its blocks is too long".to_owned()))?;
        let mut start = [0; 8];
        self.block.read_at(&mut start, slot)?;
        // Below 8192.
        let offset = u16::try_from(offset).unwrap_or(u16::MAX);
        self.cursor(MetadataRef::new(0, offset), u64::from_le_bytes(start), table.list)?.take()
    }

    /// Number `index` of the owners and groups.
    pub(super) fn id(&self, index: u16) -> Result<u32, SquashfsError> {
        let (list, count) = (self.superblock.id_table_start.get(), self.superblock.no_ids.get().into());
        let table = Table { name: "id", list, count };
        self.entry::<zerocopy::little_endian::U32>(table, index.into()).map(|id| id.get())
    }

    /// Fragment block number `index`.
    pub(in crate::fs::squashfs) fn fragment(&self, index: u32) -> Result<Fragment, SquashfsError> {
        let (list, count) = (self.superblock.fragment_table_start.get(), self.superblock.fragments.get());
        self.entry(Table { name: "fragment", list, count }, index)
    }

    /// Where inode `number` is, from 1; `None` without an export table.
    pub(super) fn exported(&self, number: u32) -> Result<Option<MetadataRef>, SquashfsError> {
        let (list, count) = (self.superblock.lookup_table_start.get(), self.superblock.inodes.get());
        if list == NO_TABLE {
            return Ok(None);
        }
        let table = Table { name: "export", list, count };
        let entry: zerocopy::little_endian::U64 = self.entry(table, number.wrapping_sub(1))?;
        Ok(Some(MetadataRef(entry.get())))
    }
}

/// How many bytes fit a buffer of at most `max`.
pub(super) fn bounded(len: u64, max: usize) -> Option<usize> {
    (len <= u64_of(max)).then(|| usize_of(len))
}
