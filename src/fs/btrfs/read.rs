//! Reading: opens a file system, verifying every checksum on the way, and gives back what is in it.
//!
//! Reads what this writer, `mkfs.btrfs` and the kernel make without parity profiles. A log that a crash has left is not
//! replayed. Nothing that is read is trusted: every number is compared with the bounds that the superblock and the Blocks give
//! before it is used. Where a profile keeps copies, the next one is tried when one is damaged.

mod chunks;
mod file;
mod inode;
mod node;
mod subvolume;
mod superblock;
mod tree;
mod verify;
mod walk;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use uuid::Uuid;

use super::address::Logical;
use super::checksum::Checksum;
use super::chunk::Chunk;
use super::error::{BtrfsError, Corruption};
use super::format::root::RootItem;
use super::format::superblock::Superblock;
use super::format::{kind, objectid};
use super::key::Key;
use crate::units::ByteSize;
use crate::volume::Block;

use node::Node;
pub use subvolume::Subvolume;

/// Nodes that are kept after they were read.
const CACHE_NODES: usize = 256;

/// A btrfs file system that can be read.
#[derive(Debug)]
pub struct Reader<B> {
    /// The devices in the order of their numbers.
    devices: Vec<B>,
    superblock: Superblock,
    checksum: Checksum,
    chunks: Vec<Chunk>,
    /// The trees by number.
    roots: BTreeMap<u64, TreeRoot>,
    cache: Mutex<BTreeMap<u64, Arc<Node>>>,
}

/// Where a tree begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct TreeRoot {
    address: Logical,
    level: u8,
}

/// Opens the file system that lies on `devices`, in any order: superblocks, chunks and the tree of roots are read and checked.
///
/// Fails with [`BtrfsError::Corrupt`] where there is none or a damaged one, or where a device is missing, and with
/// [`BtrfsError::Unsupported`] where it needs a feature that this reader lacks.
pub fn read<B: Block>(devices: Vec<B>) -> Result<Reader<B>, BtrfsError> {
    let (devices, superblock) = superblock::open(devices)?;
    let checksum = superblock::checksum(&superblock)?;
    let chunks = superblock::system_chunks(&superblock, devices.len())?;
    let cache = Mutex::new(BTreeMap::new());
    let mut reader = Reader { devices, superblock, checksum, chunks, roots: BTreeMap::new(), cache };
    reader.chunks = reader.read_chunks()?;
    reader.roots = reader.read_roots()?;
    Ok(reader)
}

impl<B: Block> Reader<B> {
    /// The label; bytes that are not UTF-8 are replaced.
    pub fn label(&self) -> String {
        let label = &self.superblock.label;
        let end = label.iter().position(|byte| *byte == 0).unwrap_or(label.len());
        String::from_utf8_lossy(&label[..end]).into_owned()
    }

    /// Identity of the file system.
    pub fn uuid(&self) -> Uuid {
        Uuid::from_bytes(self.superblock.fsid)
    }

    /// Size of all devices together.
    pub fn size(&self) -> ByteSize {
        ByteSize(self.superblock.total_bytes.get())
    }

    /// Bytes that data and trees take, copies not counted.
    pub fn used(&self) -> ByteSize {
        ByteSize(self.superblock.bytes_used.get())
    }

    /// Which checksum it uses.
    pub const fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Whether it was unmounted cleanly: whether no log waits to be replayed.
    pub fn is_clean(&self) -> bool {
        self.superblock.log_root.get() == 0
    }

    fn node_bytes(&self) -> u64 {
        u64::from(self.superblock.nodesize.get())
    }

    fn root_of(&self, tree: u64) -> Result<TreeRoot, BtrfsError> {
        let missing = || corrupt("tree of roots", format!("there is no tree {tree}"));
        self.roots.get(&tree).copied().ok_or_else(missing)
    }

    fn read_roots(&self) -> Result<BTreeMap<u64, TreeRoot>, BtrfsError> {
        let own =
            TreeRoot { address: Logical(self.superblock.root.get()), level: self.superblock.root_level };
        let mut roots = BTreeMap::from([(objectid::ROOT_TREE, own)]);
        let chunk = self.chunk_root();
        roots.insert(objectid::CHUNK_TREE, chunk);
        self.walk(own, Key::default()..=Key::MAX, &mut |key, data| {
            if key.kind != kind::ROOT_ITEM {
                return Ok(());
            }
            let item: RootItem = self::inode::struct_at(data, 0).ok_or_else(|| {
                corrupt("tree of roots", format!("the item of tree {} is too short", key.objectid))
            })?;
            roots.insert(key.objectid, TreeRoot { address: Logical(item.bytenr.get()), level: item.level });
            Ok(())
        })?;
        Ok(roots)
    }

    fn chunk_root(&self) -> TreeRoot {
        let superblock = &self.superblock;
        TreeRoot { address: Logical(superblock.chunk_root.get()), level: superblock.chunk_root_level }
    }
}

fn corrupt(place: impl Into<String>, what: impl Into<String>) -> BtrfsError {
    Corruption::new(place, what).into()
}
