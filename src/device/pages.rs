//! Memory that a disk reads and writes directly, in pages, and sets of pages.

use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

use crate::units::{u64_of, usize_of};

/// Bytes of a page: what every disk takes as a unit, whatever its sectors are.
pub(super) const PAGE: u64 = 4096;

/// Pages of a piece.
pub(super) const PAGES: usize = 256;

/// Bytes of a piece, the unit in which disks are read and written: long enough to cost one request.
pub(super) const PIECE: u64 = PAGE * 256;

/// One page, at an address that direct I/O takes (open(2), `O_DIRECT`).
#[derive(Clone, Copy, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C, align(4096))]
struct Page([u8; 4096]);

/// The memory of a piece.
pub(super) struct Pages(Vec<Page>);

impl Pages {
    /// All of it zero.
    pub fn new() -> Self {
        Self(vec![Page([0; 4096]); PAGES])
    }

    /// Its bytes.
    pub fn bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Its bytes, to be changed.
    pub fn bytes_mut(&mut self) -> &mut [u8] {
        self.0.as_mut_bytes()
    }
}

/// Which pages of a piece.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PageSet([u64; PAGES / 64]);

impl PageSet {
    /// Adds pages `first` to `end`, that one left out.
    pub fn insert(&mut self, first: usize, end: usize) {
        (first..end).for_each(|page| self.0[page / 64] |= 1 << (page % 64));
    }

    /// Takes pages `first` to `end` away, that one left out.
    pub fn remove(&mut self, first: usize, end: usize) {
        (first..end).for_each(|page| self.0[page / 64] &= !(1 << (page % 64)));
    }

    /// Whether `page` is one of them.
    pub fn contains(&self, page: usize) -> bool {
        self.0[page / 64] & 1 << (page % 64) != 0
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// How many.
    pub fn len(&self) -> usize {
        self.0.iter().map(|word| usize_of(u64::from(word.count_ones()))).sum()
    }

    /// Stretches of neighbours, ascending: the first page and the one behind the last.
    pub fn runs(&self) -> Vec<(usize, usize)> {
        let mut runs: Vec<(usize, usize)> = Vec::new();
        for page in (0..PAGES).filter(|page| self.contains(*page)) {
            match runs.last_mut() {
                Some((_, end)) if *end == page => *end += 1,
                _ => runs.push((page, page + 1)),
            }
        }
        runs
    }
}

/// Where page `page` begins in its piece.
pub(super) fn offset_of(page: usize) -> u64 {
    u64_of(page) * PAGE
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_lies_where_direct_io_takes_it() {
        let pages = Pages::new();
        assert_eq!(pages.bytes().as_ptr().addr() % usize_of(PAGE), 0);
        assert_eq!(u64_of(pages.bytes().len()), PIECE);
    }

    #[test]
    fn a_set_knows_its_runs() {
        let mut set = PageSet::default();
        assert!(set.is_empty() && set.runs().is_empty());
        set.insert(0, 3);
        set.insert(62, 66);
        set.insert(255, 256);
        set.remove(1, 2);
        assert_eq!(set.runs(), [(0, 1), (2, 3), (62, 66), (255, 256)]);
        assert_eq!(set.len(), 7);
    }
}
