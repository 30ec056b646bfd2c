//! Block and inode bitmaps ("Block and Inode Bitmaps",
//! <https://docs.kernel.org/filesystems/ext4/globals.html#block-and-inode-bitmaps>): bit n of a group is
//! bit n % 8 of byte n / 8, set where the block or inode is in use. Bits behind the last block or inode are
//! set too.

use super::block::{BlockSize, Run};
use crate::units::{u64_of, usize_of};

/// The block bitmap of the blocks `group`: everything is in use but what is in `free`.
pub(super) fn of_blocks(group: Run, free: &[Run], block_size: BlockSize) -> Vec<u8> {
    let mut bits = vec![0xFF; usize_of(block_size.bytes())];
    for run in overlapping(group, free) {
        let start = run.start.0 - group.start.0;
        clear(&mut bits, start, start + run.blocks);
    }
    bits
}

/// The bitmap of a group whose first `used` inodes of `all` are in use.
pub(super) fn of_inodes(used: u64, all: u64, block_size: BlockSize) -> Vec<u8> {
    let mut bits = vec![0xFF; usize_of(block_size.bytes())];
    clear(&mut bits, used, all);
    bits
}

/// The parts of `runs`, which ascend, that lie in `group`.
pub(super) fn overlapping(group: Run, runs: &[Run]) -> impl Iterator<Item = Run> {
    let first = runs.partition_point(|run| run.end() <= group.start);
    runs[first..].iter().take_while(move |run| run.start < group.end()).map(move |run| {
        let start = run.start.max(group.start);
        Run::new(start, run.end().min(group.end()).0 - start.0)
    })
}

/// How many bits of the first `len` are clear.
pub(super) fn count_clear(bits: &[u8], len: u64) -> u64 {
    let whole = usize_of(len / 8);
    let in_bytes: u64 = bits[..whole].iter().map(|byte| u64::from(byte.count_zeros())).sum();
    let rest = (len / 8 * 8..len).filter(|bit| !is_set(bits, *bit)).count();
    in_bytes + u64_of(rest)
}

/// Whether bit `bit` is set.
pub(super) fn is_set(bits: &[u8], bit: u64) -> bool {
    bits[usize_of(bit / 8)] & (1 << (bit % 8)) != 0
}

/// Clears the bits from `start` to before `end`.
fn clear(bits: &mut [u8], start: u64, end: u64) {
    let (first_whole, last_whole) = (start.next_multiple_of(8).min(end), end / 8 * 8);
    for bit in start..first_whole {
        bits[usize_of(bit / 8)] &= !(1 << (bit % 8));
    }
    if first_whole < last_whole {
        bits[usize_of(first_whole / 8)..usize_of(last_whole / 8)].fill(0);
    }
    for bit in last_whole.max(first_whole)..end {
        bits[usize_of(bit / 8)] &= !(1 << (bit % 8));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::block::BlockNumber;

    #[test]
    fn bits_are_cleared_as_one_by_one() {
        for start in 0..40 {
            for end in start..40 {
                let mut bits = [0xFF; 5];
                clear(&mut bits, start, end);
                for bit in 0..40 {
                    assert_eq!(is_set(&bits, bit), !(start..end).contains(&bit), "{start}..{end}: {bit}");
                }
                assert_eq!(count_clear(&bits, 40), end - start);
            }
        }
    }

    #[test]
    fn free_runs_are_cut_at_the_ends_of_the_group() {
        let run = |start, blocks| Run::new(BlockNumber(start), blocks);
        let free = [run(0, 5), run(90, 20), run(150, 100), run(300, 1)];
        let bits = of_blocks(run(100, 100), &free, BlockSize::B1024);
        let clear: Vec<u64> = (0..8192).filter(|bit| !is_set(&bits, *bit)).collect();
        let expected: Vec<u64> = (0..10).chain(50..100).collect();
        assert_eq!(clear, expected);
    }
}
