//! The tree of extents: every stretch in use with who uses it, and every block group.

use zerocopy::IntoBytes;

use super::address::Logical;
use super::btree::{Emitter, GENERATION};
use super::chunk::Chunk;
use super::error::BtrfsError;
use super::extents::Extent;
use super::format::chunk::BlockGroupItem;
use super::format::extent::{DataExtentItem, ExtentItem, FLAG_DATA, FLAG_TREE_BLOCK, TreeBlockExtent};
use super::format::{kind, objectid};
use super::key::Key;
use super::metadata::Written;
use super::survey::InodeNumber;
use crate::units::u64_of;

/// Something in use.
#[derive(Clone, Copy, Debug)]
pub enum InUse<'a> {
    /// A node, and where.
    Node(Written, Logical),
    /// Data, and the number of the subvolume that has them.
    Data(&'a Extent, u64),
}

impl InUse<'_> {
    /// Where it begins.
    pub fn start(&self) -> Logical {
        match self {
            Self::Node(_, address) => *address,
            Self::Data(extent, _) => extent.start,
        }
    }

    /// How many bytes it takes, nodes having `node_bytes`.
    pub fn len(&self, node_bytes: u64) -> u64 {
        match self {
            Self::Node(..) => node_bytes,
            Self::Data(extent, _) => extent.disk_len,
        }
    }

    fn emit(&self, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
        let item =
            |flags: u64| ExtentItem { refs: 1.into(), generation: GENERATION.into(), flags: flags.into() };
        match self {
            Self::Node(node, address) => {
                let extent = TreeBlockExtent {
                    item: item(FLAG_TREE_BLOCK),
                    ref_kind: kind::TREE_BLOCK_REF,
                    root: node.owner.into(),
                };
                let key = Key::new(address.0, kind::METADATA_ITEM, u64::from(node.level));
                out.item(key, extent.as_bytes())
            }
            Self::Data(extent, root) => {
                let item = DataExtentItem {
                    item: item(FLAG_DATA),
                    ref_kind: kind::EXTENT_DATA_REF,
                    root: (*root).into(),
                    objectid: (InodeNumber::ROOT.0 + u64_of(extent.inode)).into(),
                    offset: extent.offset.into(),
                    count: 1.into(),
                };
                out.item(Key::new(extent.start.0, kind::EXTENT_ITEM, extent.disk_len), item.as_bytes())
            }
        }
    }
}

/// A chunk with what is in use of it.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// The chunk.
    pub chunk: &'a Chunk,
    /// Bytes of it that are in use.
    pub used: u64,
}

/// The whole tree: `in_use` and `groups`, both sorted by address.
pub fn extent_tree<'a>(
    in_use: impl Iterator<Item = InUse<'a>>,
    groups: &[Group<'_>],
    out: &mut Emitter<'_>,
) -> Result<(), BtrfsError> {
    let mut groups = groups.iter().peekable();
    for used in in_use {
        // A group's item comes behind that of the extent with the same address.
        while let Some(group) = groups.next_if(|group| group.chunk.start < used.start()) {
            emit_group(group, out)?;
        }
        used.emit(out)?;
    }
    groups.try_for_each(|group| emit_group(group, out))
}

fn emit_group(group: &Group<'_>, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
    let item = BlockGroupItem {
        used: group.used.into(),
        chunk_objectid: objectid::FIRST_FREE.into(),
        flags: group.chunk.flags().into(),
    };
    let key = Key::new(group.chunk.start.0, kind::BLOCK_GROUP_ITEM, group.chunk.len);
    out.item(key, item.as_bytes())
}
