//! The binary index in which kmod and udev look modules up (`modules.*.bin`).
//!
//! Format: kmod's `libkmod-index`, version 2.1, all numbers big endian. A file is a magic number, a
//! version, the root's offset, and nodes of a trie whose edges are the bytes of the keys. A node is the
//! text all its keys share (ended by a zero byte), a table of child offsets from the first to the last
//! byte that occurs, and the values of the key that ends here; three bits of its offset say which of
//! these it has. Keys are ASCII.

use std::collections::BTreeMap;

/// First four bytes of an index.
const MAGIC: u32 = 0xB007_F457;

/// Version 2.1.
const VERSION: u32 = 0x0002_0001;

/// Offset flag: the node has shared text.
const HAS_PREFIX: u32 = 0x8000_0000;

/// Offset flag: the node has values.
const HAS_VALUES: u32 = 0x4000_0000;

/// Offset flag: the node has children.
const HAS_CHILDREN: u32 = 0x2000_0000;

/// What the node's offset itself may be.
const OFFSET_MASK: u32 = 0x0FFF_FFFF;

/// Bytes before the first node: magic number, version, root offset.
const HEADER: usize = 12;

/// A key's value and its rank among the values of that key: a module's place in the kernel's link order.
type Value = (u32, String);

/// An index being collected.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ModuleIndex {
    entries: BTreeMap<String, Vec<Value>>,
}

impl ModuleIndex {
    /// Adds a value of a key. Keys that are not ASCII cannot be looked up and are left out.
    pub(super) fn insert(&mut self, key: &str, value: &str, rank: u32) {
        if key.is_ascii() {
            self.entries.entry(key.to_owned()).or_default().push((rank, value.to_owned()));
        }
    }

    /// The file's content; `None` when it would be larger than its offsets reach (256 MiB).
    pub(super) fn encode(mut self) -> Option<Vec<u8>> {
        for values in self.entries.values_mut() {
            values.sort();
            values.dedup();
        }
        let entries: Vec<_> =
            self.entries.iter().map(|(key, values)| (key.as_bytes(), &values[..])).collect();
        let mut bytes = vec![0; HEADER];
        let root = node(&entries, 0, &mut bytes)?;
        for (index, word) in [MAGIC, VERSION, root].into_iter().enumerate() {
            bytes[index * 4..][..4].copy_from_slice(&word.to_be_bytes());
        }
        Some(bytes)
    }
}

/// Writes the node of `entries`, whose keys share their first `depth` bytes, after its children; gives
/// its offset with the flags.
fn node(entries: &[(&[u8], &[Value])], depth: usize, bytes: &mut Vec<u8>) -> Option<u32> {
    let shared = match entries {
        // Keys are sorted, so what the first and the last share, all share.
        [(first, _), .., (last, _)] => {
            first[depth..].iter().zip(&last[depth..]).take_while(|(a, b)| a == b).count()
        }
        [(only, _)] => only.len() - depth,
        [] => 0,
    };
    let end = depth + shared;
    let (here, below): (Vec<_>, Vec<_>) = entries.iter().copied().partition(|(key, _)| key.len() == end);

    let mut children = BTreeMap::new();
    for group in below.chunk_by(|(a, _), (b, _)| a[end] == b[end]) {
        children.insert(group[0].0[end], node(group, end + 1, bytes)?);
    }
    let mut offset = u32::try_from(bytes.len()).ok().filter(|offset| *offset <= OFFSET_MASK)?;
    if shared > 0 {
        offset |= HAS_PREFIX;
        bytes.extend_from_slice(&entries[0].0[depth..end]);
        bytes.push(0);
    }
    if let (Some((&first, _)), Some((&last, _))) = (children.first_key_value(), children.last_key_value()) {
        offset |= HAS_CHILDREN;
        bytes.extend([first, last]);
        for byte in first..=last {
            bytes.extend(children.get(&byte).copied().unwrap_or(0).to_be_bytes());
        }
    }
    if let Some((_, values)) = here.first() {
        offset |= HAS_VALUES;
        bytes.extend(u32::try_from(values.len()).ok()?.to_be_bytes());
        for (rank, value) in *values {
            bytes.extend(rank.to_be_bytes());
            bytes.extend_from_slice(value.as_bytes());
            bytes.push(0);
        }
    }
    Some(offset)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn word(bytes: &[u8], at: usize) -> u32 {
        u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap())
    }

    fn text(bytes: &[u8], at: usize) -> &[u8] {
        bytes[at..].split(|byte| *byte == 0).next().unwrap()
    }

    /// Looks a key up as the format says, without patterns.
    fn look_up(bytes: &[u8], key: &[u8]) -> Vec<String> {
        assert_eq!((word(bytes, 0), word(bytes, 4)), (MAGIC, VERSION));
        let (mut offset, mut rest) = (word(bytes, 8), key);
        loop {
            let mut at = usize::try_from(offset & OFFSET_MASK).unwrap();
            if offset & HAS_PREFIX != 0 {
                let prefix = text(bytes, at);
                let Some(after) = rest.strip_prefix(prefix) else { return vec![] };
                rest = after;
                at += prefix.len() + 1;
            }
            let children = (offset & HAS_CHILDREN != 0).then(|| (bytes[at], bytes[at + 1], at + 2));
            if let Some((first, last, table)) = children {
                at = table + 4 * (usize::from(last - first) + 1);
            }
            let Some((&next, after)) = rest.split_first() else {
                let count = if offset & HAS_VALUES == 0 { 0 } else { word(bytes, at) };
                at += 4;
                let value = |_| {
                    let value = text(bytes, at + 4);
                    at += 4 + value.len() + 1;
                    String::from_utf8(value.to_vec()).unwrap()
                };
                return (0..count).map(value).collect();
            };
            let Some((first, last, table)) = children else { return vec![] };
            if !(first..=last).contains(&next) {
                return vec![];
            }
            (offset, rest) = (word(bytes, table + 4 * usize::from(next - first)), after);
            if offset == 0 {
                return vec![];
            }
        }
    }

    #[test]
    fn every_key_is_found_with_its_values_in_their_rank() {
        let mut index = ModuleIndex::default();
        let keys = ["ext4", "ext2", "ex", "virtio_blk", "virtio_net", "virtio", "a"];
        for (rank, key) in (0..).zip(keys) {
            index.insert(key, &format!("{key}.ko: "), rank);
        }
        index.insert("ext4", "second", 9);
        index.insert("ext4", "first", 0);
        index.insert("näh", "left out", 0);
        let bytes = index.encode().unwrap();
        for key in ["ext2", "ex", "virtio_blk", "virtio", "a"] {
            assert_eq!(look_up(&bytes, key.as_bytes()), [format!("{key}.ko: ")]);
        }
        assert_eq!(look_up(&bytes, b"ext4"), ["ext4.ko: ", "first", "second"]);
        for absent in ["", "e", "ext", "ext44", "zzz", "virtio_"] {
            assert!(look_up(&bytes, absent.as_bytes()).is_empty(), "{absent}");
        }
    }

    #[test]
    fn an_empty_index_is_a_root_with_nothing() {
        assert_eq!(
            ModuleIndex::default().encode().unwrap(),
            [0xB0, 0x07, 0xF4, 0x57, 0, 2, 0, 1, 0, 0, 0, 12]
        );
    }
}
