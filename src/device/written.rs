//! What was written to a disk, as a checksum for each page: enough to tell later whether the disk holds it.

use std::collections::BTreeMap;

use xxhash_rust::xxh64::xxh64;

use super::pages::{PAGE, PAGES, PIECE, PageSet, offset_of};
use crate::units::{ByteRange, ByteSize, usize_of};

/// The checksum of a page. It tells damage, not malice, and costs a fraction of the time that writing takes.
pub(super) fn checksum(page: &[u8]) -> u64 {
    xxh64(page, 0)
}

/// The checksums of all pages of `bytes`.
pub(super) fn checksums(bytes: &[u8]) -> Vec<u64> {
    bytes.chunks(usize_of(PAGE)).map(checksum).collect()
}

/// The checksums of one piece.
#[derive(Clone, Debug)]
pub(super) struct Sums {
    /// Pages that were written.
    written: PageSet,
    /// Those of them that were not compared since.
    pub due: PageSet,
    sums: Box<[u64; PAGES]>,
}

impl Sums {
    fn new() -> Self {
        Self { written: PageSet::default(), due: PageSet::default(), sums: Box::new([0; PAGES]) }
    }

    /// The checksum of a `page` that is due.
    pub fn of(&self, page: usize) -> u64 {
        self.sums[page]
    }
}

/// Pages that were written, by the starts of their pieces.
#[derive(Debug, Default)]
pub(super) struct Written {
    pieces: BTreeMap<u64, Sums>,
}

impl Written {
    /// Remembers the checksums of pages that went to the piece at `start`, from page `first` on.
    pub fn record(&mut self, start: u64, first: usize, sums: &[u64]) {
        let piece = self.pieces.entry(start).or_insert_with(Sums::new);
        for set in [&mut piece.written, &mut piece.due] {
            set.insert(first, first + sums.len());
        }
        piece.sums[first..first + sums.len()].copy_from_slice(sums);
    }

    /// Whether `page` of the piece at `start` was written.
    pub fn contains(&self, start: u64, page: usize) -> bool {
        self.pieces.get(&start).is_some_and(|piece| piece.written.contains(page))
    }

    /// Whether a page was written that has bytes in `range`.
    pub fn reaches(&self, range: ByteRange) -> bool {
        let is_in = |at: u64| at < range.end() && at + PAGE > range.start();
        self.pieces.range(range.start() / PIECE * PIECE..range.end()).any(|(start, piece)| {
            (0..PAGES).any(|page| piece.written.contains(page) && is_in(start + offset_of(page)))
        })
    }

    /// Forgets the whole pages of `range`: they were made zero by other means.
    pub fn forget(&mut self, range: ByteRange) {
        let (first, end) = (range.start().div_ceil(PAGE), range.end() / PAGE);
        if end <= first {
            return;
        }
        for (start, piece) in self.pieces.range_mut(first * PAGE / PIECE * PIECE..end * PAGE) {
            let own = start / PAGE;
            let within = |page: u64| usize_of(page.saturating_sub(own)).min(PAGES);
            for set in [&mut piece.written, &mut piece.due] {
                set.remove(within(first), within(end));
            }
        }
        self.pieces.retain(|_, piece| !piece.written.is_empty());
    }

    /// Bytes of the pages that were not compared since they were written.
    pub fn due(&self) -> ByteSize {
        ByteSize(self.pieces.values().map(|piece| offset_of(piece.due.len())).sum())
    }

    /// The pieces with pages that were not compared since they were written, ascending. They count as compared
    /// from now on.
    pub fn take_due(&mut self) -> Vec<(u64, Sums)> {
        let due = self.pieces.iter_mut().filter(|(_, piece)| !piece.due.is_empty());
        due.map(|(start, piece)| {
            let taken = (*start, piece.clone());
            piece.due = PageSet::default();
            taken
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::MIB;

    fn runs(due: &[(u64, Sums)]) -> Vec<(u64, Vec<(usize, usize)>)> {
        due.iter().map(|(start, sums)| (*start, sums.due.runs())).collect()
    }

    #[test]
    fn what_became_zero_by_other_means_is_forgotten() {
        let mut written = Written::default();
        written.record(0, 250, &[1; 6]);
        written.record(MIB, 0, &checksums(&[2; 3 * 4096 + 512]));
        assert_eq!(written.due(), ByteSize(10 * PAGE));
        // From the middle of page 251 to the middle of page 257: those two are not zero.
        let range = ByteRange::new(251 * PAGE + 512, 6 * PAGE).unwrap();
        assert!(written.reaches(range));
        written.forget(range);
        assert_eq!(runs(&written.take_due()), [(0, vec![(250, 252)]), (MIB, vec![(1, 4)])]);
        assert!(written.take_due().is_empty());
        assert!(written.contains(0, 250) && !written.contains(0, 252));
        assert!(!written.reaches(ByteRange::new(252 * PAGE, 5 * PAGE).unwrap()));
    }
}
