//! A node, checked.

use std::sync::{Arc, PoisonError};

use super::super::address::Logical;
use super::super::error::BtrfsError;
use super::super::format::node::{HEADER_LEN, Header, ITEM_LEN, ItemHeader, POINTER_LEN, Pointer};
use super::super::key::Key;
use super::inode::struct_at;
use super::{CACHE_NODES, Reader, corrupt};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// A node whose checksum, header and places were found right.
#[derive(Debug)]
pub struct Node {
    bytes: Vec<u8>,
    /// Distance from the leaves.
    pub level: u8,
    /// How many items or pointers.
    pub len: usize,
}

impl Node {
    /// The key at `index`, which must be below `len`.
    pub fn key(&self, index: usize) -> Key {
        let step = if self.level == 0 { ITEM_LEN } else { POINTER_LEN };
        let key: Option<super::super::format::node::DiskKey> =
            struct_at(&self.bytes, HEADER_LEN + index * step);
        key.map_or(Key::MAX, Key::from)
    }

    /// The data of the item at `index` of a leaf.
    pub fn data(&self, index: usize) -> &[u8] {
        let item: Option<ItemHeader> = struct_at(&self.bytes, HEADER_LEN + index * ITEM_LEN);
        let place = item.and_then(|item| {
            let start = HEADER_LEN + usize_of(u64::from(item.offset.get()));
            self.bytes.get(start..start + usize_of(u64::from(item.size.get())))
        });
        place.unwrap_or(&[])
    }

    /// The child at `index` of an inner node.
    pub fn child(&self, index: usize) -> Logical {
        let pointer: Option<Pointer> = struct_at(&self.bytes, HEADER_LEN + index * POINTER_LEN);
        Logical(pointer.map_or(0, |pointer| pointer.blockptr.get()))
    }

    /// The first of the entries whose key is at least `key`.
    pub fn lower_bound(&self, key: Key) -> usize {
        let (mut low, mut high) = (0, self.len);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.key(middle) < key { low = middle + 1 } else { high = middle }
        }
        low
    }
}

impl<B: Block> Reader<B> {
    /// The node at `address`, which must be of `level`.
    pub(super) fn node(&self, address: Logical, level: u8) -> Result<Arc<Node>, BtrfsError> {
        let mut cache = self.cache.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(node) = cache.get(&address.0).filter(|node| node.level == level) {
            return Ok(Arc::clone(node));
        }
        let node = Arc::new(self.read_node(address, level)?);
        if cache.len() >= CACHE_NODES {
            cache.clear();
        }
        cache.insert(address.0, Arc::clone(&node));
        Ok(node)
    }

    fn read_node(&self, address: Logical, level: u8) -> Result<Node, BtrfsError> {
        let mut bytes = vec![0; usize_of(self.node_bytes())];
        let mut first = None;
        for copy in 0.. {
            if !self.read_copy(address, &mut bytes, copy)? {
                break;
            }
            match self.check_node(address, level, &bytes) {
                Ok(header) => {
                    let len = usize_of(u64::from(header.nritems.get()));
                    return Ok(Node { bytes, level, len });
                }
                Err(error) => first = first.or(Some(error)),
            }
        }
        Err(first.unwrap_or_else(|| corrupt(format!("node {}", address.0), "it has no copy")))
    }

    fn check_node(&self, address: Logical, level: u8, bytes: &[u8]) -> Result<Header, BtrfsError> {
        let wrong = |what: &str| corrupt(format!("node {}", address.0), what);
        let header: Header = struct_at(bytes, 0).ok_or_else(|| wrong("it is too short"))?;
        let sum = self.checksum.of(&bytes[32..]);
        if sum[..self.checksum.len()] != header.csum[..self.checksum.len()] {
            return Err(wrong("its checksum is wrong"));
        }
        if header.bytenr.get() != address.0 || header.fsid != self.superblock.fsid {
            return Err(wrong("it is of another place or file system"));
        }
        if header.level != level {
            return Err(wrong("its level is not the one expected"));
        }
        let count = usize_of(u64::from(header.nritems.get()));
        let step = if level == 0 { ITEM_LEN } else { POINTER_LEN };
        if count > (bytes.len() - HEADER_LEN) / step || (level > 0 && count == 0) {
            return Err(wrong("the number of its items cannot be"));
        }
        let mut last = None;
        let mut tail = bytes.len() - HEADER_LEN;
        for index in 0..count {
            let at = HEADER_LEN + index * step;
            let key: super::super::format::node::DiskKey =
                struct_at(bytes, at).ok_or_else(|| wrong("a key is cut off"))?;
            let key = Key::from(key);
            if last.is_some_and(|last| last >= key) {
                return Err(wrong("its keys are not in order"));
            }
            last = Some(key);
            if level == 0 {
                let item: ItemHeader = struct_at(bytes, at).ok_or_else(|| wrong("an item is cut off"))?;
                let (start, size) = (u64::from(item.offset.get()), u64::from(item.size.get()));
                // Data are packed from the end, each right before the one of the item before.
                if start + size != u64_of(tail) || usize_of(start) + HEADER_LEN < at + step {
                    return Err(wrong("the places of its items cannot be"));
                }
                tail = usize_of(start);
            }
        }
        Ok(header)
    }
}
