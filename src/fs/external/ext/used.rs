//! Which blocks of a file system are in use: the tool leaves holes where they are zero, and the target may hold
//! anything there.
//!
//! Source: the kernel's Documentation/filesystems/ext4/{super,group_descr,bitmaps}.rst, without the features of
//! ext4. Numbers are little-endian.

use super::super::ExternalError;
use super::super::staging::{Staging, le32};
use super::BLOCK;
use crate::units::{ByteRange, u64_of, usize_of};
use crate::volume::Block;

/// Offset of the superblock; in it the count of blocks, blocks of a group, magic.
const SUPER: u64 = 1024;
const BLOCKS: usize = 4;
const PER_GROUP: usize = 32;
const MAGIC_AT: usize = 56;
const MAGIC: [u8; 2] = [0x53, 0xef];
/// Bytes of a descriptor; its first field is the place of the bitmap.
const DESCRIPTOR: u64 = 32;

/// Makes zero on `block` whatever is in use and a hole in `staging`.
pub(super) fn zero_holes(staging: &Staging, block: &dyn Block) -> Result<(), ExternalError> {
    let wrong = || ExternalError::Result { program: "mke2fs", why: "there is no superblock".to_owned() };
    let mut superblock = [0; 1024];
    staging.read_at(&mut superblock, SUPER)?;
    let (blocks, per_group) = (u64::from(le32(&superblock, BLOCKS)), u64::from(le32(&superblock, PER_GROUP)));
    let fits = blocks.checked_mul(BLOCK).is_some_and(|len| len <= block.len());
    if superblock[MAGIC_AT..MAGIC_AT + 2] != MAGIC || !fits || per_group != 8 * BLOCK {
        return Err(wrong());
    }
    let written = staging.data_ranges(block.len())?;
    let mut written = written.iter().peekable();
    for group in 0..blocks.div_ceil(per_group) {
        let mut place = [0; 4];
        staging.read_at(&mut place, BLOCK + group * DESCRIPTOR)?;
        let mut bits = vec![0; usize_of(BLOCK)];
        staging.read_at(&mut bits, u64::from(u32::from_le_bytes(place)) * BLOCK)?;
        let start = group * per_group;
        for run in runs(&bits, start, (blocks - start).min(per_group)) {
            let mut at = run.start();
            while at < run.end() {
                while written.next_if(|data| data.end() <= at).is_some() {}
                let data = written.peek().map_or(u64::MAX, |data| data.start());
                if let Some(hole) = ByteRange::new(at, data.clamp(at, run.end()) - at) {
                    block.zero_range(hole)?;
                }
                at = written.peek().map_or(run.end(), |data| data.end().max(at));
            }
        }
    }
    Ok(())
}

/// The runs of blocks whose bits are set among the first `count` of `bits`, in bytes; the first bit is block `start`.
fn runs(bits: &[u8], start: u64, count: u64) -> Vec<ByteRange> {
    let mut runs: Vec<ByteRange> = Vec::new();
    let is_set = |index: &u64| bits[usize_of(index / 8)] >> (index % 8) & 1 == 1;
    for index in (0..count.min(8 * u64_of(bits.len()))).filter(is_set) {
        let at = (start + index) * BLOCK;
        match runs.last_mut().filter(|last| last.end() == at) {
            Some(last) => *last = ByteRange::new(last.start(), last.len() + BLOCK).unwrap_or(*last),
            None => runs.extend(ByteRange::new(at, BLOCK)),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn runs_of_bits_are_ranges_of_blocks() {
        let found = runs(&[0b1100_0111, 0b1], 100, 16);
        let range = |from: u64, count: u64| ByteRange::new(from * BLOCK, count * BLOCK).unwrap();
        assert_eq!(found, [range(100, 3), range(106, 3)]);
        assert_eq!(runs(&[0xff], 0, 5), [range(0, 5)]);
    }
}
