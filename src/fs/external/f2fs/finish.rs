//! What sload.f2fs cannot be told, set in the inodes: owners, permissions and times.
//!
//! Source: the Linux kernel's documentation (Documentation/filesystems/f2fs.rst) and its published on-disk
//! structures (include/linux/f2fs_fs.h). Numbers are little-endian. An inode fills a block: it has its own name and
//! the number of its directory, and the block's footer has its number, so that inodes are found and placed without
//! the tables that lead to them.

use std::collections::{BTreeMap, HashMap};

use super::super::ExternalError;
use super::super::staging::{Staging, le32};
use crate::tree::{Metadata, NodeId, Tree};
use crate::units::{u64_of, usize_of};

/// Offset and magic of the superblock.
const SUPER: u64 = 1024;
const SUPER_MAGIC: u32 = 0xf2f5_2010;
/// In the superblock: number of segments, first block of the main area, the root's number, UUID, features.
const SEGMENTS: usize = 68;
const MAIN: usize = 92;
const ROOT: usize = 96;
const UUID: usize = 108;
const FEATURES: usize = 2180;
/// Inodes have a checksum (`F2FS_FEATURE_INODE_CHKSUM`).
const INODE_CHECKSUM: u32 = 0x20;

/// Bytes of a block, and blocks of a segment.
const BLOCK: usize = 4096;
const SEGMENT: u64 = 512;

/// In an inode.
const MODE: usize = 0;
const UID: usize = 4;
const GID: usize = 8;
const TIMES: [usize; 3] = [32, 40, 48];
const NANOSECONDS: [usize; 3] = [56, 60, 64];
const GENERATION: usize = 68;
const PARENT: usize = 84;
const NAME_LEN: usize = 88;
const NAME: usize = 92;
/// With `extra_attr`, in the area behind the name: its length, then further on checksum and birth.
const INLINE_FLAGS: usize = 3;
const HAS_EXTRA: u8 = 0x20;
const EXTRA: usize = 360;
const EXTRA_CHECKSUM: usize = 368;
const EXTRA_BIRTH: usize = 372;
/// In a block's footer: number of the node and of the inode that it belongs to.
const FOOTER_NODE: usize = BLOCK - 24;
const FOOTER_INODE: usize = BLOCK - 20;

fn put32(bytes: &mut [u8], at: usize, value: u32) {
    bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
}

fn wrong(why: &str) -> ExternalError {
    ExternalError::Result { program: "sload.f2fs", why: why.to_owned() }
}

/// Sets every inode's metadata as `tree` has them.
pub(super) fn finish(tree: &Tree, staging: &Staging) -> Result<(), ExternalError> {
    let mut superblock = vec![0; BLOCK - usize_of(SUPER)];
    staging.read_at(&mut superblock, SUPER)?;
    if le32(&superblock, 0) != SUPER_MAGIC {
        return Err(wrong("there is no superblock"));
    }
    let root = le32(&superblock, ROOT);
    let has_sums = le32(&superblock, FEATURES) & INODE_CHECKSUM != 0;
    let seed = has_sums.then(|| crc32(!0, &superblock[UUID..UUID + 16]));
    let found = inodes(&superblock, staging)?;
    // An inode has stood in several blocks; a block of a file may look like one of another volume. Who has not
    // the name and the directory that it should is none of ours.
    let mut children: HashMap<u32, BTreeMap<&[u8], u32>> = HashMap::new();
    for place in found.iter().filter(|place| place.inode != root) {
        children.entry(place.parent).or_default().insert(&place.name, place.inode);
    }
    let mut nodes: HashMap<u32, (NodeId, u32, &[u8])> = HashMap::new();
    let mut open: Vec<(NodeId, u32, u32, &[u8])> = vec![(Tree::ROOT, root, root, b"")];
    while let Some((id, number, parent, name)) = open.pop() {
        nodes.insert(number, (id, parent, name));
        for (name, id) in tree.entries(id) {
            let below = children.get(&number).and_then(|below| below.get(name.as_bytes()));
            open.push((id, *below.ok_or_else(|| wrong("a file is missing"))?, number, name.as_bytes()));
        }
    }
    for place in &found {
        let Some((id, parent, name)) = nodes.get(&place.inode) else { continue };
        if place.inode == root || (place.parent == *parent && place.name == *name) {
            set(tree, *id, (staging, place.offset, seed))?;
        }
    }
    Ok(())
}

/// A block that holds an inode, or looks like it.
struct Found {
    offset: u64,
    inode: u32,
    parent: u32,
    name: Vec<u8>,
}

/// Every inode of the main area.
fn inodes(superblock: &[u8], staging: &Staging) -> Result<Vec<Found>, ExternalError> {
    let first = u64::from(le32(superblock, MAIN));
    let blocks = u64::from(le32(superblock, SEGMENTS)) * SEGMENT;
    let mut found = Vec::new();
    let mut block = vec![0; BLOCK];
    for range in staging.data_ranges((first + blocks) * u64_of(BLOCK))? {
        let from = (range.start() / u64_of(BLOCK)).max(first);
        for number in from..range.end() / u64_of(BLOCK) {
            let offset = number * u64_of(BLOCK);
            staging.read_at(&mut block, offset)?;
            let inode = le32(&block, FOOTER_INODE);
            let len = usize_of(u64::from(le32(&block, NAME_LEN)));
            if inode != 0 && inode == le32(&block, FOOTER_NODE) && len <= 255 {
                let name = block[NAME..NAME + len].to_vec();
                found.push(Found { offset, inode, parent: le32(&block, PARENT), name });
            }
        }
    }
    Ok(found)
}

fn set(
    tree: &Tree,
    id: NodeId,
    (staging, offset, seed): (&Staging, u64, Option<u32>),
) -> Result<(), ExternalError> {
    let mut block = vec![0; BLOCK];
    staging.read_at(&mut block, offset)?;
    let Metadata { permissions, uid, gid, modified, .. } = tree.node(id).metadata;
    let mode = u16::from_le_bytes([block[MODE], block[MODE + 1]]) & 0o170_000 | permissions;
    block[MODE..MODE + 2].copy_from_slice(&mode.to_le_bytes());
    put32(&mut block, UID, uid);
    put32(&mut block, GID, gid);
    for (time, nanoseconds) in TIMES.into_iter().zip(NANOSECONDS) {
        block[time..time + 8].copy_from_slice(&modified.seconds.to_le_bytes());
        put32(&mut block, nanoseconds, modified.nanoseconds);
    }
    if block[INLINE_FLAGS] & HAS_EXTRA != 0 {
        let len = usize::from(u16::from_le_bytes([block[EXTRA], block[EXTRA + 1]]));
        if len >= EXTRA_BIRTH + 12 - EXTRA {
            block[EXTRA_BIRTH..EXTRA_BIRTH + 8].copy_from_slice(&modified.seconds.to_le_bytes());
            put32(&mut block, EXTRA_BIRTH + 8, modified.nanoseconds);
        }
        if let Some(seed) = seed.filter(|_| len >= EXTRA_CHECKSUM + 4 - EXTRA) {
            let sum = checksum(&block, seed);
            put32(&mut block, EXTRA_CHECKSUM, sum);
        }
    }
    Ok(staging.write_at(&block, offset)?)
}

/// The checksum of an inode: over its number, its generation, and its block with the checksum zero.
fn checksum(block: &[u8], seed: u32) -> u32 {
    let seed = crc32(seed, &block[FOOTER_INODE..FOOTER_INODE + 4]);
    let seed = crc32(seed, &block[GENERATION..GENERATION + 4]);
    let seed = crc32(seed, &block[..EXTRA_CHECKSUM]);
    let seed = crc32(seed, &[0; 4]);
    crc32(seed, &block[EXTRA_CHECKSUM + 4..])
}

/// CRC-32 as f2fs has it: without inversion at either end.
fn crc32(seed: u32, bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!seed);
    hasher.update(bytes);
    !hasher.finalize()
}
