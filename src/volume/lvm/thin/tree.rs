//! Trees of a pool's metadata: built from sorted entries in one go, and walked.

use std::collections::BTreeSet;

use zerocopy::{FromBytes, IntoBytes};

use super::super::LvmError;
use super::super::text::corrupt;
use super::format::{BLOCK, BLOCK_LEN, Bytes, INTERNAL, Kind, LEAF, NODE_HEADER, NodeHeader, most_entries};
use crate::units::usize_of;
use crate::volume::Block;

/// Trees deeper than this are not the kernel's: four levels map more than any pool has.
const DEEPEST: usize = 8;

/// Blocks of metadata, given out from the front and written at once.
pub(super) struct Blocks<'a> {
    target: &'a dyn Block,
    /// The next free one.
    pub(super) next: u64,
    /// How many there are.
    pub(super) total: u64,
}

impl<'a> Blocks<'a> {
    /// All of `target` but the superblock.
    pub(super) fn new(target: &'a dyn Block, total: u64) -> Self {
        Self { target, next: 1, total }
    }

    /// Takes a block.
    pub(super) fn take(&mut self) -> Result<u64, LvmError> {
        if self.next >= self.total {
            return Err(LvmError::PoolFull { what: "blocks of metadata", count: self.total });
        }
        self.next += 1;
        Ok(self.next - 1)
    }

    /// Writes a block.
    pub(super) fn put(&self, number: u64, bytes: &Bytes) -> Result<(), LvmError> {
        Ok(self.target.write_at(bytes, number * BLOCK)?)
    }
}

/// Builds a tree of `entries`, which are in the order of their keys; the number of its root.
pub(super) fn build<const SIZE: usize>(
    blocks: &mut Blocks<'_>,
    entries: &[(u64, [u8; SIZE])],
) -> Result<u64, LvmError> {
    let mut level = nodes(blocks, entries, LEAF)?;
    while level.len() > 1 {
        level = nodes(blocks, &level, INTERNAL)?;
    }
    level.first().map(|(_, root)| u64::from_le_bytes(*root)).ok_or_else(|| corrupt("a tree without a root"))
}

/// One level: nodes that are filled evenly, for none but the root may be nearly empty. Gives the first key and
/// the number of each.
fn nodes<const SIZE: usize>(
    blocks: &mut Blocks<'_>,
    entries: &[(u64, [u8; SIZE])],
    flags: u32,
) -> Result<Vec<(u64, [u8; 8])>, LvmError> {
    let most = most_entries(SIZE);
    let count = entries.len().div_ceil(most).max(1);
    let mut level = Vec::new();
    let mut rest = entries;
    for left in (1..=count).rev() {
        let (part, others) = rest.split_at(rest.len().div_ceil(left));
        rest = others;
        let number = blocks.take()?;
        blocks.put(number, &node(number, part, flags))?;
        level.push((part.first().map_or(0, |(key, _)| *key), number.to_le_bytes()));
    }
    Ok(level)
}

fn node<const SIZE: usize>(number: u64, entries: &[(u64, [u8; SIZE])], flags: u32) -> Bytes {
    let small = |value: usize| u32::try_from(value).unwrap_or(u32::MAX).into();
    let most = most_entries(SIZE);
    let header = NodeHeader {
        sum: 0.into(),
        flags: flags.into(),
        number: number.into(),
        entries: small(entries.len()),
        most: small(most),
        value_size: small(SIZE),
        padding: 0.into(),
    };
    let mut block = [0; BLOCK_LEN];
    block[..NODE_HEADER].copy_from_slice(header.as_bytes());
    for (place, (key, value)) in entries.iter().enumerate() {
        let at = NODE_HEADER + 8 * place;
        block[at..at + 8].copy_from_slice(&key.to_le_bytes());
        let at = NODE_HEADER + 8 * most + SIZE * place;
        block[at..at + SIZE].copy_from_slice(value);
    }
    Kind::Node.seal(&mut block);
    block
}

/// Reads trees of the metadata on `source`; no node twice.
pub(super) struct Walker<'a> {
    source: &'a dyn Block,
    seen: BTreeSet<u64>,
}

impl<'a> Walker<'a> {
    /// A walker that has seen nothing.
    pub(super) fn new(source: &'a dyn Block) -> Self {
        Self { source, seen: BTreeSet::new() }
    }

    /// The entries of the tree of 64-bit values at `root`, in the order of their keys.
    pub(super) fn entries(&mut self, root: u64) -> Result<Vec<(u64, u64)>, LvmError> {
        let mut entries = Vec::new();
        self.walk(root, 0, &mut entries)?;
        if !entries.is_sorted_by(|(one, _), (other, _)| one < other) {
            return Err(corrupt("a tree of the thin pool is out of order"));
        }
        Ok(entries)
    }

    fn walk(&mut self, number: u64, depth: usize, entries: &mut Vec<(u64, u64)>) -> Result<(), LvmError> {
        if depth > DEEPEST || !self.seen.insert(number) {
            return Err(corrupt("a tree of the thin pool goes round"));
        }
        let mut block = [0; BLOCK_LEN];
        let offset = number.checked_mul(BLOCK).filter(|offset| *offset < self.source.len());
        self.source.read_at(
            &mut block,
            offset.ok_or_else(|| corrupt("a node of the thin pool lies outside of its metadata"))?,
        )?;
        let header = NodeHeader::read_from_prefix(&block).map_err(|_| corrupt("a short node"))?.0;
        if !Kind::Node.is_sound(&block) || header.number.get() != number {
            return Err(corrupt(&format!("block {number} of the thin pool's metadata is damaged")));
        }
        let (count, most) = (usize_of(header.entries.get().into()), usize_of(header.most.get().into()));
        if header.value_size.get() != 8 || count > most || most > most_entries(8) {
            return Err(corrupt("a node of the thin pool has impossible entries"));
        }
        let value = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&block[NODE_HEADER + 8 * at..][..8]);
            u64::from_le_bytes(bytes)
        };
        for place in 0..count {
            match header.flags.get() {
                INTERNAL => self.walk(value(most + place), depth + 1, entries)?,
                LEAF => entries.push((value(place), value(most + place))),
                _ => return Err(corrupt("a node of the thin pool is of no kind")),
            }
        }
        Ok(())
    }
}
