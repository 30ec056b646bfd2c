//! Where nodes go: one after the other through the chunks for them, gathered and written in large pieces.

use std::sync::mpsc::{SyncSender, sync_channel};

use zerocopy::IntoBytes;

use super::address::Logical;
use super::btree::{GENERATION, NodeHead, Sink};
use super::checksum::Checksum;
use super::chunk::{Chunk, find};
use super::error::BtrfsError;
use super::format::node::{FLAGS, HEADER_LEN, Header};
use super::identities::Identities;
use crate::parallel;
use crate::units::{u64_of, usize_of};
use crate::volume::{Block, BlockError};

/// Bytes gathered before they are written.
const BATCH_BYTES: usize = 1 << 20;
/// Batches that may wait for the thread that writes them.
const BATCHES: usize = 2;

/// The devices, and the chunks that say what lies where on them.
#[derive(Clone, Copy)]
pub struct Target<'a> {
    /// The devices.
    pub devices: &'a [&'a dyn Block],
    /// The chunks, sorted by address.
    pub chunks: &'a [Chunk],
}

impl Target<'_> {
    /// Writes `bytes` at `start` with all copies; they must lie in one chunk.
    pub fn write(&self, start: Logical, bytes: &[u8]) -> Result<(), BlockError> {
        let len = u64_of(bytes.len());
        let chunk = find(self.chunks, start).filter(|chunk| start.plus(len) <= chunk.end());
        let chunk =
            chunk.ok_or_else(|| BlockError::out_of_range("the file system's chunks", start.0, len, 0))?;
        for piece in chunk.pieces(start, len) {
            let part = &bytes[usize_of(piece.from)..usize_of(piece.from + piece.len)];
            self.devices[piece.device].write_at(part, piece.offset)?;
        }
        Ok(())
    }
}

/// Nodes one behind the other, and where they go.
type Batch = (Logical, Vec<u8>);

/// How nodes get to the devices.
pub enum Outlet<'a> {
    /// At once.
    Direct(Target<'a>),
    /// By another thread, which is busy with one batch while the next is made.
    Thread(SyncSender<Batch>),
}

impl Outlet<'_> {
    /// Calls `use_it` with an outlet to a thread of its own; returns when that has written everything.
    pub fn with_thread<R>(
        target: Target<'_>,
        use_it: impl FnOnce(Outlet<'static>) -> Result<R, BtrfsError>,
    ) -> Result<R, BtrfsError> {
        let (sender, batches) = sync_channel::<Batch>(BATCHES);
        let write = move || batches.iter().try_for_each(|(start, bytes)| target.write(start, &bytes));
        let (written, result) = parallel::both(write, || use_it(Outlet::Thread(sender)));
        // Who could send no more has only seen that this failed.
        written?;
        result
    }

    /// Takes the nodes in `bytes`, which is left empty.
    fn put(&self, start: Logical, bytes: &mut Vec<u8>) -> Result<(), BtrfsError> {
        match self {
            Self::Direct(target) => {
                target.write(start, bytes)?;
                bytes.clear();
            }
            Self::Thread(sender) => {
                let ended = |_| BlockError::out_of_range("the thread that writes nodes", start.0, 0, 0);
                let full = std::mem::replace(bytes, Vec::with_capacity(BATCH_BYTES));
                sender.send((start, full)).map_err(ended)?;
            }
        }
        Ok(())
    }
}

/// The places for nodes: the chunks of one use, counted in nodes.
#[derive(Clone, Copy)]
pub struct NodePlaces<'a> {
    /// The chunks, sorted.
    pub chunks: &'a [Chunk],
    /// Bytes of a node.
    pub node_bytes: u64,
}

impl NodePlaces<'_> {
    /// Address of the node with place `index`; `None` behind the last.
    pub fn address(&self, mut index: u64) -> Option<Logical> {
        for chunk in self.chunks {
            let nodes = chunk.len / self.node_bytes;
            if index < nodes {
                return Some(chunk.start.plus(index * self.node_bytes));
            }
            index -= nodes;
        }
        None
    }
}

/// What a node is, kept for the tree of extents.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// The tree.
    pub owner: u64,
    /// Distance from the leaves.
    pub level: u8,
}

/// Completes nodes and writes them.
pub struct NodeWriter<'a> {
    outlet: Outlet<'a>,
    places: NodePlaces<'a>,
    identities: &'a Identities,
    checksum: Checksum,
    /// Place of the next node.
    next: u64,
    /// What was written, from the first place on.
    pub written: Vec<Written>,
    batch: Vec<u8>,
    batch_start: Logical,
}

impl<'a> NodeWriter<'a> {
    /// Writes to `places` from place `first` on.
    pub fn new(
        outlet: Outlet<'a>,
        (places, first): (NodePlaces<'a>, u64),
        identities: &'a Identities,
        checksum: Checksum,
    ) -> Self {
        Self {
            outlet,
            places,
            identities,
            checksum,
            next: first,
            written: Vec::new(),
            batch: Vec::new(),
            batch_start: Logical(0),
        }
    }

    /// Writes what was gathered.
    pub fn flush(&mut self) -> Result<(), BtrfsError> {
        if !self.batch.is_empty() {
            self.outlet.put(self.batch_start, &mut self.batch)?;
        }
        Ok(())
    }

    /// Fills in the header of a node for `address`.
    fn seal(&self, head: NodeHead, address: Logical, node: &mut [u8]) {
        let header = Header {
            csum: [0; 32],
            fsid: self.identities.fsid,
            bytenr: address.0.into(),
            flags: FLAGS.into(),
            chunk_tree_uuid: self.identities.chunk_tree,
            generation: GENERATION.into(),
            owner: head.owner.into(),
            nritems: head.items.into(),
            level: head.level,
        };
        node[..HEADER_LEN].copy_from_slice(header.as_bytes());
        let sum = self.checksum.of(&node[32..]);
        node[..32].copy_from_slice(&sum);
    }
}

impl Sink for NodeWriter<'_> {
    fn put(&mut self, head: NodeHead, node: &mut [u8]) -> Result<Logical, BtrfsError> {
        let full = || BlockError::out_of_range("the chunks for trees", self.next, 1, self.next);
        let address = self.places.address(self.next).ok_or_else(full)?;
        self.seal(head, address, node);
        let behind = self.batch_start.plus(u64_of(self.batch.len()));
        let chunk = |address| find(self.places.chunks, address).map(|chunk| chunk.start);
        let same_chunk = chunk(address) == chunk(self.batch_start);
        if behind != address || self.batch.len() + node.len() > BATCH_BYTES || !same_chunk {
            self.flush()?;
            self.batch_start = address;
        }
        self.batch.extend_from_slice(node);
        self.written.push(Written { owner: head.owner, level: head.level });
        self.next += 1;
        Ok(address)
    }
}
