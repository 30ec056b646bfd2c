//! Building trees from items that come in the order of their keys: leaves are filled to the brim, and each
//! full node goes out at once, so a tree takes no more memory than a node of each level.
//!
//! The same code counts nodes before anything has a place and writes them later: only the [`Sink`] differs.

use zerocopy::IntoBytes;

use super::address::Logical;
use super::error::BtrfsError;
use super::format::node::{HEADER_LEN, ITEM_LEN, ItemHeader, POINTER_LEN, Pointer};
use super::key::Key;
use super::options::NodeSize;
use crate::units::{low_u32, u64_of, usize_of};

/// The transaction that everything is written in.
pub const GENERATION: u64 = 1;

/// What a node's header says, places and checksums apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NodeHead {
    /// Its tree.
    pub owner: u64,
    /// Distance from the leaves.
    pub level: u8,
    /// How many items or pointers.
    pub items: u32,
}

/// Takes complete nodes.
pub trait Sink {
    /// Takes a node whose header is still empty; gives its address.
    fn put(&mut self, head: NodeHead, node: &mut [u8]) -> Result<Logical, BtrfsError>;
}

/// The root of a complete tree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Root {
    /// Where it is.
    pub address: Logical,
    /// Its distance from the leaves.
    pub level: u8,
    /// How many nodes the tree has.
    pub nodes: u64,
}

/// A node being filled.
struct Filling {
    bytes: Vec<u8>,
    items: usize,
    first: Key,
}

/// A tree being built.
pub struct TreeBuilder {
    owner: u64,
    node_size: NodeSize,
    leaf: Filling,
    /// Where the data of the leaf's last item begin.
    tail: usize,
    /// Inner nodes, from level 1.
    inner: Vec<Filling>,
    nodes: u64,
}

/// Bytes of an item's data that a leaf has room for.
pub fn item_max(node_size: NodeSize) -> usize {
    usize_of(node_size.bytes()) - HEADER_LEN - ITEM_LEN
}

impl TreeBuilder {
    /// An empty tree.
    pub fn new(owner: u64, node_size: NodeSize) -> Self {
        let leaf = Filling::new(node_size);
        let tail = usize_of(node_size.bytes());
        Self { owner, node_size, leaf, tail, inner: Vec::new(), nodes: 0 }
    }

    /// Adds an item whose key is above all before it, and whose data have at most [`item_max`] bytes.
    pub fn push(&mut self, key: Key, data: &[u8], sink: &mut dyn Sink) -> Result<(), BtrfsError> {
        debug_assert!(data.len() <= item_max(self.node_size), "{key:?}: {} bytes", data.len());
        let header = HEADER_LEN + self.leaf.items * ITEM_LEN;
        if self.leaf.items > 0 && header + ITEM_LEN + data.len() > self.tail {
            self.flush_leaf(sink)?;
        }
        if self.leaf.items == 0 {
            self.leaf.first = key;
        }
        self.tail -= data.len();
        let item = ItemHeader {
            key: key.into(),
            offset: low_u32(u64_of(self.tail - HEADER_LEN)).into(),
            size: low_u32(u64_of(data.len())).into(),
        };
        let at = HEADER_LEN + self.leaf.items * ITEM_LEN;
        self.leaf.bytes[at..at + ITEM_LEN].copy_from_slice(item.as_bytes());
        self.leaf.bytes[self.tail..self.tail + data.len()].copy_from_slice(data);
        self.leaf.items += 1;
        Ok(())
    }

    /// Puts out what is left; the root comes last.
    pub fn finish(mut self, sink: &mut dyn Sink) -> Result<Root, BtrfsError> {
        if self.inner.is_empty() {
            let address = self.put(0, sink)?;
            return Ok(Root { address, level: 0, nodes: self.nodes });
        }
        self.flush_leaf(sink)?;
        let mut level = 1;
        loop {
            let is_root = self.inner.len() == level;
            let first = self.inner[level - 1].first;
            let address = self.put(level, sink)?;
            if is_root {
                return Ok(Root { address, level: height(level), nodes: self.nodes });
            }
            self.point(level + 1, (first, address), sink)?;
            level += 1;
        }
    }

    fn flush_leaf(&mut self, sink: &mut dyn Sink) -> Result<(), BtrfsError> {
        let first = self.leaf.first;
        let address = self.put(0, sink)?;
        self.tail = usize_of(self.node_size.bytes());
        self.point(1, (first, address), sink)
    }

    /// Adds a pointer to the node being filled at `level`.
    fn point(
        &mut self,
        level: usize,
        (key, address): (Key, Logical),
        sink: &mut dyn Sink,
    ) -> Result<(), BtrfsError> {
        if self.inner.len() < level {
            self.inner.push(Filling::new(self.node_size));
        }
        let most = (usize_of(self.node_size.bytes()) - HEADER_LEN) / POINTER_LEN;
        if self.inner[level - 1].items == most {
            let first = self.inner[level - 1].first;
            let address = self.put(level, sink)?;
            self.point(level + 1, (first, address), sink)?;
        }
        let node = &mut self.inner[level - 1];
        if node.items == 0 {
            node.first = key;
        }
        let pointer = Pointer { key: key.into(), blockptr: address.0.into(), generation: GENERATION.into() };
        let at = HEADER_LEN + node.items * POINTER_LEN;
        node.bytes[at..at + POINTER_LEN].copy_from_slice(pointer.as_bytes());
        node.items += 1;
        Ok(())
    }

    /// Puts out the node being filled at `level` and empties it.
    fn put(&mut self, level: usize, sink: &mut dyn Sink) -> Result<Logical, BtrfsError> {
        let node = if level == 0 { &mut self.leaf } else { &mut self.inner[level - 1] };
        let items = low_u32(u64_of(node.items));
        let head = NodeHead { owner: self.owner, level: height(level), items };
        let address = sink.put(head, &mut node.bytes)?;
        node.bytes.fill(0);
        node.items = 0;
        self.nodes += 1;
        Ok(address)
    }
}

impl Filling {
    fn new(node_size: NodeSize) -> Self {
        Self { bytes: vec![0; usize_of(node_size.bytes())], items: 0, first: Key::default() }
    }
}

/// A level as headers store it: eight are the most that 64-bit addresses can need.
fn height(level: usize) -> u8 {
    crate::units::low_u8(u64_of(level))
}

/// Counts nodes and notes their levels in the order in which they come.
#[derive(Debug, Default)]
pub struct Counter {
    /// The level of each node.
    pub levels: Vec<u8>,
}

impl Sink for Counter {
    fn put(&mut self, head: NodeHead, _node: &mut [u8]) -> Result<Logical, BtrfsError> {
        self.levels.push(head.level);
        Ok(Logical(0))
    }
}

/// A tree being built together with where it goes.
pub struct Emitter<'s> {
    builder: TreeBuilder,
    sink: &'s mut dyn Sink,
}

impl<'s> Emitter<'s> {
    /// An empty tree whose nodes go to `sink`.
    pub fn new(owner: u64, node_size: NodeSize, sink: &'s mut dyn Sink) -> Self {
        Self { builder: TreeBuilder::new(owner, node_size), sink }
    }

    /// Adds an item.
    pub fn item(&mut self, key: Key, data: &[u8]) -> Result<(), BtrfsError> {
        self.builder.push(key, data, self.sink)
    }

    /// Completes the tree.
    pub fn finish(self) -> Result<Root, BtrfsError> {
        self.builder.finish(self.sink)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn count(items: u64, len: usize) -> (Root, Vec<u8>) {
        let mut counter = Counter::default();
        let mut builder = TreeBuilder::new(5, NodeSize::default());
        for number in 0..items {
            builder.push(Key::new(number, 1, 0), &vec![0; len], &mut counter).unwrap();
        }
        (builder.finish(&mut counter).unwrap(), counter.levels)
    }

    #[test]
    fn leaves_are_full_and_the_root_comes_last() {
        assert_eq!(count(0, 0).1, [0], "an empty tree is an empty leaf");
        // 16,384 − 101 bytes hold 87 items of 25 + 160 bytes (and 188 bytes remain).
        assert_eq!(count(88, 160).1, [0]);
        assert_eq!(count(89, 160).1, [0, 0, 1]);
        // 493 pointers fit an inner node; leaves of one large item each.
        let (root, levels) = count(494, 16_000);
        assert_eq!((root.level, root.nodes), (2, 494 + 2 + 1));
        assert_eq!(levels.last(), Some(&2));
    }
}
