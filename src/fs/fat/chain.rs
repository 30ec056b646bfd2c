//! The table of clusters: for each, which one follows it.

use super::geometry::Geometry;
use super::kind::Kind;
use super::layout::Run;
use crate::units::{low_u8, u64_of, usize_of};
use crate::volume::{Block, BlockError};

/// How many bytes of the table are kept before they are written.
const CHUNK: usize = 1 << 20;

/// Writes both copies of a table from its first entry on, in order.
pub(super) struct ChainWriter<'a> {
    block: &'a dyn Block,
    kind: Kind,
    offsets: [u64; 2],
    /// Bytes that were not written yet.
    buffer: Vec<u8>,
    /// The lower entry of a pair, on FAT12.
    half: Option<u32>,
}

impl<'a> ChainWriter<'a> {
    /// Begins with the two entries that belong to no cluster: the media byte, and a mark that says that
    /// the volume was unmounted and is without errors.
    pub(super) fn new(block: &'a dyn Block, geometry: &Geometry) -> Result<Self, BlockError> {
        let kind = geometry.shape.kind;
        let offsets = geometry.fat_offsets();
        let mut writer = Self { block, kind, offsets, buffer: Vec::new(), half: None };
        writer.push(kind.mask() & 0xffff_ff00 | u32::from(super::format::MEDIA))?;
        writer.push(kind.end_of_chain())?;
        Ok(writer)
    }

    /// Adds the entries of `run`, which starts with the next cluster: each leads to the next.
    pub(super) fn push_run(&mut self, run: Run) -> Result<(), BlockError> {
        let Some(last) = run.clusters.checked_sub(1) else { return Ok(()) };
        for index in 0..last {
            self.push(run.first.0 + index + 1)?;
        }
        self.push(self.kind.end_of_chain())
    }

    /// Writes what is left. The entries behind it must be zero already.
    pub(super) fn finish(mut self) -> Result<(), BlockError> {
        if let Some(low) = self.half.take() {
            self.push_pair(low, 0);
        }
        self.flush()
    }

    fn push(&mut self, entry: u32) -> Result<(), BlockError> {
        match self.kind {
            Kind::Fat12 => match self.half.take() {
                None => self.half = Some(entry),
                Some(low) => self.push_pair(low, entry),
            },
            // An entry of FAT16 has only the lower half.
            Kind::Fat16 => self.buffer.extend_from_slice(&entry.to_le_bytes()[..2]),
            Kind::Fat32 => self.buffer.extend_from_slice(&entry.to_le_bytes()),
        }
        if self.buffer.len() >= CHUNK { self.flush() } else { Ok(()) }
    }

    /// Two entries of 12 bits in three bytes.
    fn push_pair(&mut self, low: u32, high: u32) {
        let pair = u64::from(low | high << 12);
        self.buffer.extend([low_u8(pair), low_u8(pair >> 8), low_u8(pair >> 16)]);
    }

    fn flush(&mut self) -> Result<(), BlockError> {
        for offset in &mut self.offsets {
            self.block.write_at(&self.buffer, *offset)?;
            *offset += u64_of(self.buffer.len());
        }
        self.buffer.clear();
        Ok(())
    }
}

/// The entries of one copy of a table, in memory.
pub(super) struct Chains {
    kind: Kind,
    bytes: Vec<u8>,
}

impl Chains {
    /// Reads the copy at `offset`: as many entries as there are clusters, and the two before them.
    pub(super) fn read(block: &dyn Block, geometry: &Geometry, offset: u64) -> Result<Self, BlockError> {
        let kind = geometry.shape.kind;
        let len = ((u64::from(geometry.clusters) + 2) * kind.bits()).div_ceil(8);
        let mut bytes = vec![0; usize_of(len)];
        block.read_at(&mut bytes, offset)?;
        Ok(Self { kind, bytes })
    }

    /// What follows cluster `number`; 0 for a number that is not in the table.
    pub(super) fn get(&self, number: u32) -> u32 {
        let bit = u64::from(number) * self.kind.bits();
        let mut entry = [0; 4];
        for (byte, from) in entry.iter_mut().zip(self.bytes.iter().skip(usize_of(bit / 8))) {
            *byte = *from;
        }
        // Odd entries of FAT12 begin in the middle of a byte.
        u32::from_le_bytes(entry) >> (bit % 8) & self.kind.mask()
    }

    /// Whether two copies are the same.
    pub(super) fn equals(&self, other: &Self) -> bool {
        self.bytes == other.bytes
    }
}

/// What an entry of the table says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// The cluster is free.
    Free,
    /// Another cluster follows.
    Cluster(u32),
    /// It is the last of its chain.
    End,
    /// It cannot be used: a bad cluster, or a number that is none.
    Bad(u32),
}

impl Next {
    /// The meaning of `entry` on a volume like `geometry` (FATGEN, "FAT Data Structure").
    pub(super) fn of(entry: u32, geometry: &Geometry) -> Self {
        let kind = geometry.shape.kind;
        if entry == 0 {
            Self::Free
        } else if entry > kind.mask() - 8 {
            Self::End
        } else if entry >= 2 && entry - 2 < geometry.clusters {
            Self::Cluster(entry)
        } else {
            Self::Bad(entry)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::geometry::{Cluster, Shape};
    use super::*;
    use crate::units::SectorSize;
    use crate::volume::MemoryBlock;

    #[test]
    fn every_type_reads_back_its_chains() {
        for (kind, root_entries) in [(Kind::Fat12, 512), (Kind::Fat16, 512), (Kind::Fat32, 0)] {
            let shape = Shape { kind, sector_size: SectorSize::S512, cluster_size: 512, root_entries };
            let geometry = shape.with_clusters((*kind.clusters().start()).max(400));
            let block = MemoryBlock::new(geometry.size().bytes(), SectorSize::S512);
            let mut writer = ChainWriter::new(&block, &geometry).unwrap();
            for (first, clusters) in [(2, 1), (3, 200), (203, 0), (203, 2)] {
                writer.push_run(Run { first: Cluster(first), clusters }).unwrap();
            }
            writer.finish().unwrap();
            let [first, second] =
                geometry.fat_offsets().map(|at| Chains::read(&block, &geometry, at).unwrap());
            assert!(first.equals(&second));
            let next = |number| Next::of(first.get(number), &geometry);
            assert_eq!(first.get(0) & 0xff, 0xf8);
            assert_eq!((next(2), next(3), next(201)), (Next::End, Next::Cluster(4), Next::Cluster(202)));
            assert_eq!((next(202), next(203), next(204)), (Next::End, Next::Cluster(204), Next::End));
            assert_eq!((next(205), next(206)), (Next::Free, Next::Free));
            assert_eq!(Next::of(1, &geometry), Next::Bad(1));
            assert_eq!(Next::of(kind.mask() - 8, &geometry), Next::Bad(kind.mask() - 8));
        }
    }
}
