//! Keys: what items of all trees are ordered by.

use super::format::node::DiskKey;

/// A key; ordered by its parts, first to last.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// Whose item it is: an inode, a tree, an address.
    pub objectid: u64,
    /// What it is: one of [`kind`](super::format::kind).
    pub kind: u8,
    /// Which of these: its meaning depends on the kind.
    pub offset: u64,
}

impl Key {
    /// No key is above it.
    pub const MAX: Self = Self::new(u64::MAX, u8::MAX, u64::MAX);

    /// The key of these parts.
    pub const fn new(objectid: u64, kind: u8, offset: u64) -> Self {
        Self { objectid, kind, offset }
    }
}

impl From<Key> for DiskKey {
    fn from(key: Key) -> Self {
        Self { objectid: key.objectid.into(), kind: key.kind, offset: key.offset.into() }
    }
}

impl From<DiskKey> for Key {
    fn from(key: DiskKey) -> Self {
        Self { objectid: key.objectid.get(), kind: key.kind, offset: key.offset.get() }
    }
}
