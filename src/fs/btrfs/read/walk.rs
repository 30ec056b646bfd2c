//! Going through the items of a tree.

use std::ops::RangeInclusive;

use super::super::address::Logical;
use super::super::error::BtrfsError;
use super::super::key::Key;
use super::{Reader, TreeRoot, corrupt};
use crate::volume::Block;

/// The highest level that a tree can have (`BTRFS_MAX_LEVEL` − 1).
const LEVEL_MAX: u8 = 7;

/// Who is shown items.
pub(super) type Visit<'v> = &'v mut dyn FnMut(Key, &[u8]) -> Result<(), BtrfsError>;

impl<B: Block> Reader<B> {
    /// Shows `visit` every item of the tree whose key is in `range`, in order.
    pub(super) fn walk(
        &self,
        root: TreeRoot,
        range: RangeInclusive<Key>,
        visit: Visit<'_>,
    ) -> Result<(), BtrfsError> {
        if root.level > LEVEL_MAX {
            return Err(corrupt(format!("node {}", root.address.0), "a tree cannot be so high"));
        }
        self.below(root.address, root.level, (Key::default(), &range), visit)
    }

    /// Shows `visit` the items below a node whose keys are in `range`. `least` is the key that its parent has for it.
    fn below(
        &self,
        address: Logical,
        level: u8,
        (least, range): (Key, &RangeInclusive<Key>),
        visit: Visit<'_>,
    ) -> Result<(), BtrfsError> {
        let node = self.node(address, level)?;
        if node.len > 0 && node.key(0) < least {
            return Err(corrupt(format!("node {}", address.0), "its keys belong elsewhere"));
        }
        let first = node.lower_bound(*range.start());
        if level == 0 {
            for index in (first..node.len).take_while(|index| node.key(*index) <= *range.end()) {
                visit(node.key(index), node.data(index))?;
            }
            return Ok(());
        }
        // The child before the first key that is large enough may end with keys that are.
        for index in first.saturating_sub(1)..node.len {
            let key = node.key(index);
            if key > *range.end() {
                break;
            }
            self.below(node.child(index), level - 1, (key, range), visit)?;
        }
        Ok(())
    }
}
