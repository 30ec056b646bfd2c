//! Extents of data: which part of which file is where.

use super::address::Logical;
use super::format::EXTENT_MAX;

/// How an extent's bytes are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As they are.
    Plain,
    /// Compressed; the number of the method.
    Compressed(u8),
    /// Not at all: the place is reserved and reads as zeroes.
    Preallocated,
    /// As they are, and an extent by itself.
    Separate,
}

/// An extent, used by one part of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Extent {
    /// Where it is.
    pub start: Logical,
    /// Bytes there.
    pub disk_len: u64,
    /// Bytes of the file that it stands for, in whole sectors.
    pub len: u64,
    /// The subvolume's place among all volumes.
    pub volume: usize,
    /// The inode's place in the subvolume.
    pub inode: usize,
    /// Where in the file.
    pub offset: u64,
    /// How it is stored.
    pub form: Form,
    /// Whether its bytes have checksums.
    pub checked: Checked,
}

/// Whether data have checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checked {
    /// In the tree of checksums.
    Yes,
    /// They have none.
    No,
}

/// All extents: sorted by address, and at the same time by volume, inode and place in the file.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Extents {
    all: Vec<Extent>,
}

impl Extents {
    /// Adds an extent above all others, joining it to the last where the two are one. `joins` is false at the
    /// first address of a chunk: extents do not cross chunks.
    pub fn add(&mut self, extent: Extent, joins: Joins) {
        if let (Some(last), Joins::Possibly) = (self.all.last_mut(), joins)
            && last.form == Form::Plain
            && extent.form == Form::Plain
            && (last.volume, last.inode) == (extent.volume, extent.inode)
            && last.start.plus(last.len) == extent.start
            && last.offset + last.len == extent.offset
            && last.len + extent.len <= EXTENT_MAX
        {
            last.len += extent.len;
            last.disk_len += extent.disk_len;
            return;
        }
        self.all.push(extent);
    }

    /// All of them, in order.
    pub fn iter(&self) -> std::slice::Iter<'_, Extent> {
        self.all.iter()
    }

    /// Those of one volume, in order.
    pub fn of_volume(&self, volume: usize) -> &[Extent] {
        let start = self.all.partition_point(|extent| extent.volume < volume);
        let end = self.all.partition_point(|extent| extent.volume <= volume);
        &self.all[start..end]
    }

    /// Bytes that all of them take.
    pub fn disk_len(&self) -> u64 {
        self.all.iter().map(|extent| extent.disk_len).sum()
    }
}

/// Whether an extent may continue the one before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Joins {
    /// If they fit each other.
    Possibly,
    /// It begins a chunk.
    Never,
}
