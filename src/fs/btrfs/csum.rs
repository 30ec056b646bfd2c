//! The tree of checksums: one checksum for each sector of data, in as few items as leaves allow.

use super::address::Logical;
use super::btree::{Root, Sink, TreeBuilder};
use super::checksum::Checksum;
use super::error::BtrfsError;
use super::format::node::{HEADER_LEN, ITEM_LEN};
use super::format::{SECTOR, kind, objectid};
use super::key::Key;
use super::options::NodeSize;
use crate::units::{u64_of, usize_of};

/// Checksums in the order of the addresses that they are for, on their way into the tree.
pub struct CsumTree {
    builder: TreeBuilder,
    checksum: Checksum,
    /// The address of the first checksum in `run`.
    start: Logical,
    /// Checksums of sectors that follow each other.
    run: Vec<u8>,
    /// How many bytes of them an item may have.
    most: usize,
}

impl CsumTree {
    /// An empty tree.
    pub fn new(checksum: Checksum, node_size: NodeSize) -> Self {
        // `MAX_CSUM_ITEMS` of the kernel: what fits a leaf beside two items' places, less one, at most 4096.
        let room = usize_of(node_size.bytes()) - HEADER_LEN - 2 * ITEM_LEN;
        let most = (room / checksum.len() - 1).min(4096) * checksum.len();
        Self {
            builder: TreeBuilder::new(objectid::CSUM_TREE, node_size),
            checksum,
            start: Logical(0),
            run: Vec::with_capacity(most),
            most,
        }
    }

    /// Adds the checksums `sums` of the sectors from `start`, which is above all before.
    pub fn push(&mut self, start: Logical, mut sums: &[u8], sink: &mut dyn Sink) -> Result<(), BtrfsError> {
        if self.end() != start {
            self.flush(sink)?;
            self.start = start;
        }
        while !sums.is_empty() {
            let (now, rest) = sums.split_at(sums.len().min(self.most - self.run.len()));
            self.run.extend_from_slice(now);
            sums = rest;
            if self.run.len() == self.most {
                let next = self.end();
                self.flush(sink)?;
                self.start = next;
            }
        }
        Ok(())
    }

    /// The address behind the last sector.
    fn end(&self) -> Logical {
        self.start.plus(u64_of(self.run.len() / self.checksum.len()) * SECTOR)
    }

    fn flush(&mut self, sink: &mut dyn Sink) -> Result<(), BtrfsError> {
        if !self.run.is_empty() {
            let key = Key::new(objectid::EXTENT_CSUM, kind::EXTENT_CSUM, self.start.0);
            self.builder.push(key, &self.run, sink)?;
            self.run.clear();
        }
        Ok(())
    }

    /// Completes the tree.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<Root, BtrfsError> {
        self.flush(sink)?;
        self.builder.finish(sink)
    }
}
