//! Which blocks are free, and who gets them next.
//!
//! Requests come in the order in which the blocks will be written, and are granted in that order of
//! addresses, so that writing is sequential. A file that does not fit before the next obstacle (the copy
//! of a superblock) goes behind it whole; what stays free before it is filled by later, smaller files.
//! Only when no free run is long enough is a file divided. Blocks that were granted are never granted
//! again: that no two owners overlap follows from this.

use super::block::{BlockNumber, Run};

/// The free blocks of a file system.
#[derive(Clone, Debug)]
pub(super) struct Space {
    /// Free runs in the order of their addresses; used up ones stay, empty, until [`free`](Self::free).
    runs: Vec<Run>,
    /// The run being filled; earlier ones hold gaps at most.
    current: usize,
    /// The first run that is not used up.
    first: usize,
}

impl Space {
    /// Everything in `runs`, which ascend and do not touch.
    pub fn new(runs: Vec<Run>) -> Self {
        Self { runs, current: 0, first: 0 }
    }

    /// Sum of all free blocks.
    pub fn free_blocks(&self) -> u64 {
        self.runs.iter().map(|run| run.blocks).sum()
    }

    /// What is still free, without empty runs.
    pub fn free(&self) -> impl Iterator<Item = Run> {
        self.runs.iter().copied().filter(|run| run.blocks > 0)
    }

    /// `blocks` blocks side by side, the first such place at or after `goal`, else the last one before it;
    /// `None` where no free run is long enough.
    pub fn take_whole_near(&mut self, goal: BlockNumber, blocks: u64) -> Option<BlockNumber> {
        let from = self.runs.partition_point(|run| run.end() <= goal);
        let fits = |run: &Run| run.start.max(goal).plus(blocks) <= run.end();
        if let Some(behind) = self.runs[from..].iter().position(fits) {
            let index = self.split(from + behind, goal);
            return Some(self.take_from(index, blocks));
        }
        let index = self.runs.iter().rposition(|run| run.blocks >= blocks)?;
        Some(self.take_from(index, blocks))
    }

    /// Cuts run `index` at `goal` where it starts before; the index of what lies from `goal` on.
    fn split(&mut self, index: usize, goal: BlockNumber) -> usize {
        let run = self.runs[index];
        if run.start >= goal {
            return index;
        }
        let before = goal.0 - run.start.0;
        self.runs[index].blocks = before;
        self.runs.insert(index + 1, Run::new(goal, run.blocks - before));
        index + 1
    }

    /// `blocks` blocks, in as few runs as there can be, appended to `granted`. `false`, with nothing
    /// taken, when fewer are free.
    pub fn take(&mut self, blocks: u64, granted: &mut Vec<Run>) -> bool {
        if blocks == 0 {
            return true;
        }
        if let Some(index) = self.whole(blocks) {
            self.current = self.current.max(index);
            let start = self.take_from(index, blocks);
            granted.push(Run::new(start, blocks));
            return true;
        }
        if self.free_blocks() < blocks {
            return false;
        }
        self.take_divided(blocks, granted);
        true
    }

    /// The run to take `blocks` blocks from: a gap, the current run, or the next that is long enough.
    fn whole(&self, blocks: u64) -> Option<usize> {
        let candidates = self.runs.iter().enumerate().skip(self.first);
        candidates.filter(|(_, run)| run.blocks >= blocks).map(|(index, _)| index).next()
    }

    /// Takes from the current run on, then from the gaps before it.
    fn take_divided(&mut self, blocks: u64, granted: &mut Vec<Run>) {
        let mut left = blocks;
        for index in (self.current..self.runs.len()).chain(0..self.current) {
            let part = left.min(self.runs[index].blocks);
            if part == 0 {
                continue;
            }
            let start = self.take_from(index, part);
            granted.push(Run::new(start, part));
            left -= part;
            if left == 0 {
                self.current = self.current.max(index);
                return;
            }
        }
    }

    fn take_from(&mut self, index: usize, blocks: u64) -> BlockNumber {
        let run = &mut self.runs[index];
        let start = run.start;
        *run = Run::new(start.plus(blocks), run.blocks - blocks);
        while self.runs.get(self.first).is_some_and(|run| run.blocks == 0) {
            self.first += 1;
        }
        start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn space(runs: &[(u64, u64)]) -> Space {
        Space::new(runs.iter().map(|(start, blocks)| Run::new(BlockNumber(*start), *blocks)).collect())
    }

    fn take(space: &mut Space, blocks: u64) -> Vec<(u64, u64)> {
        let mut granted = Vec::new();
        assert!(space.take(blocks, &mut granted));
        granted.iter().map(|run| (run.start.0, run.blocks)).collect()
    }

    #[test]
    fn a_file_goes_behind_the_obstacle_and_smaller_ones_fill_the_gap() {
        let mut space = space(&[(10, 10), (30, 100)]);
        assert_eq!(take(&mut space, 6), [(10, 6)]);
        assert_eq!(take(&mut space, 20), [(30, 20)]);
        assert_eq!(take(&mut space, 3), [(16, 3)]);
        assert_eq!(take(&mut space, 2), [(50, 2)]);
        assert_eq!(take(&mut space, 1), [(19, 1)]);
        assert_eq!(space.free_blocks(), 78);
    }

    #[test]
    fn a_file_is_divided_only_when_no_run_is_long_enough() {
        let mut space = space(&[(0, 10), (20, 10), (40, 10)]);
        assert_eq!(take(&mut space, 25), [(0, 10), (20, 10), (40, 5)]);
        let mut granted = Vec::new();
        assert!(!space.take(6, &mut granted));
        assert!(granted.is_empty());
        assert_eq!(take(&mut space, 5), [(45, 5)]);
        assert_eq!(space.free().count(), 0);
    }

    #[test]
    fn whole_runs_are_sought_from_their_goal_on_and_then_before_it() {
        let mut space = space(&[(0, 10), (20, 4), (40, 10)]);
        assert_eq!(space.take_whole_near(BlockNumber(20), 6), Some(BlockNumber(40)));
        assert_eq!(space.take_whole_near(BlockNumber(20), 6), Some(BlockNumber(0)));
        assert_eq!(space.take_whole_near(BlockNumber(20), 6), None);
        assert_eq!(space.take_whole_near(BlockNumber(22), 2), Some(BlockNumber(22)));
        let free: Vec<_> = space.free().map(|run| (run.start.0, run.blocks)).collect();
        assert_eq!(free, [(6, 4), (20, 2), (46, 4)]);
    }
}
