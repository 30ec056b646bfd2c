//! What the copies in a folder do not say, set in the inodes: owners, permissions and times.
//!
//! Source: the Linux kernel's documentation (Documentation/filesystems/erofs.rst, "On-disk details"). Numbers are
//! little-endian.

use std::collections::BTreeSet;

use super::super::ExternalError;
use super::super::staging::Staging;
use super::BLOCK;
use crate::tree::{Kind, Metadata, NodeId, Tree};
use crate::units::{u64_of, usize_of};

/// Offset and magic of the superblock.
const SUPER: u64 = 1024;
const SUPER_MAGIC: u32 = 0xe0f5_e1e2;
/// In the superblock: sum, compatible features, block size as a power of two, root, where inodes begin.
const SUM: usize = 4;
const COMPATIBLE: usize = 8;
const BLOCK_BITS: usize = 12;
const ROOT: usize = 14;
const INODES: usize = 40;
/// The superblock has a sum over its block.
const HAS_SUM: u32 = 1;

/// Unit of inode numbers, in bytes.
const SLOT: u64 = 32;
/// Bytes of a large inode.
const INODE: usize = 64;
/// In an inode: format, attributes, mode, size, place of the data, owners, time.
const FORMAT: usize = 0;
const XATTRS: usize = 2;
const MODE: usize = 4;
const SIZE: usize = 8;
const PLACE: usize = 16;
const UID: usize = 24;
const GID: usize = 28;
const SECONDS: usize = 32;
const NANOSECONDS: usize = 40;
/// In the format: the inode is large; then how its data lie.
const LARGE: u16 = 1;
const PLAIN: u16 = 0;
const TAIL_INSIDE: u16 = 2;
/// Bytes of an entry of a directory, and in it the place of its name.
const ENTRY: usize = 12;
const NAME: usize = 8;

/// The error for what the tool made otherwise than it should.
pub(super) fn wrong(why: &str) -> ExternalError {
    ExternalError::Result { program: "mkfs.erofs", why: why.to_owned() }
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], ExternalError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().ok_or_else(|| wrong("something ends too early"))
}

fn le16(bytes: &[u8], at: usize) -> Result<u16, ExternalError> {
    array(bytes, at).map(u16::from_le_bytes)
}

fn le32(bytes: &[u8], at: usize) -> Result<u32, ExternalError> {
    array(bytes, at).map(u32::from_le_bytes)
}

/// Sets every inode's metadata as `tree` has them, and the sum of the superblock, whose block may hold inodes.
pub(super) fn finish(tree: &Tree, staging: &Staging) -> Result<(), ExternalError> {
    let mut superblock = vec![0; usize_of(BLOCK - SUPER)];
    staging.read_at(&mut superblock, SUPER)?;
    if le32(&superblock, 0)? != SUPER_MAGIC || u64_of(1 << superblock[BLOCK_BITS]) != BLOCK {
        return Err(wrong("there is no superblock with blocks of 4 KiB"));
    }
    let inodes = u64::from(le32(&superblock, INODES)?) * BLOCK;
    let root = u64::from(le16(&superblock, ROOT)?);
    let mut volume = Volume { staging, inodes, seen: BTreeSet::new() };
    volume.node(tree, (Tree::ROOT, root))?;
    staging.read_at(&mut superblock, SUPER)?;
    if le32(&superblock, COMPATIBLE)? & HAS_SUM != 0 {
        superblock[SUM..SUM + 4].fill(0);
        // CRC-32C without the final inversion.
        let sum = !crc32c::crc32c(&superblock);
        superblock[SUM..SUM + 4].copy_from_slice(&sum.to_le_bytes());
        staging.write_at(&superblock, SUPER)?;
    }
    Ok(())
}

struct Volume<'a> {
    staging: &'a Staging,
    /// Where inodes begin, in bytes.
    inodes: u64,
    /// Inodes that are done: a file may have several names.
    seen: BTreeSet<u64>,
}

impl Volume<'_> {
    /// Sets the inode of a node and those of everything below it.
    fn node(&mut self, tree: &Tree, (id, number): (NodeId, u64)) -> Result<(), ExternalError> {
        if !self.seen.insert(number) {
            return Ok(());
        }
        let offset = self.inodes + number * SLOT;
        let mut inode = [0; INODE];
        self.staging.read_at(&mut inode, offset)?;
        let format = le16(&inode, FORMAT)?;
        if format & LARGE == 0 {
            return Err(wrong("an inode is small"));
        }
        if let Kind::Directory(expected) = &tree.node(id).kind {
            let entries = self.entries(&inode, offset)?;
            if entries.len() != expected.len() {
                return Err(wrong("a directory has not the entries that it should"));
            }
            for (name, number) in entries {
                let below = expected.get(name.as_slice());
                let below = below.ok_or_else(|| wrong("a name is there that should not be"))?;
                self.node(tree, (*below, number))?;
            }
        }
        set(&mut inode, &tree.node(id).metadata)?;
        Ok(self.staging.write_at(&inode, offset)?)
    }

    /// Names and inodes of a directory but for itself and its parent.
    fn entries(&self, inode: &[u8; INODE], offset: u64) -> Result<Vec<(Vec<u8>, u64)>, ExternalError> {
        let data = self.data(inode, offset)?;
        let mut entries = Vec::new();
        for block in data.chunks(usize_of(BLOCK)) {
            // The first name stands behind the last entry.
            let count = usize::from(le16(block, NAME)?) / ENTRY;
            for index in 0..count {
                let at = index * ENTRY;
                let start = usize::from(le16(block, at + NAME)?);
                let end = if index + 1 < count {
                    usize::from(le16(block, at + ENTRY + NAME)?)
                } else {
                    block.len()
                };
                let name = block.get(start..end).ok_or_else(|| wrong("a name lies outside of its block"))?;
                // The last name ends with the block, or with a zero.
                let name = name.split(|byte| *byte == 0).next().unwrap_or_default();
                if name != b"." && name != b".." {
                    entries.push((name.to_vec(), u64::from_le_bytes(array(block, at)?)));
                }
            }
        }
        Ok(entries)
    }

    /// The data of a directory, which are never compressed.
    fn data(&self, inode: &[u8; INODE], offset: u64) -> Result<Vec<u8>, ExternalError> {
        let len = u64::from_le_bytes(array(inode, SIZE)?);
        let place = u64::from(le32(inode, PLACE)?) * BLOCK;
        let attributes = match u64::from(le16(inode, XATTRS)?) {
            0 => 0,
            count => 12 + 4 * (count - 1),
        };
        let whole = match le16(inode, FORMAT)? >> 1 & 7 {
            PLAIN => len,
            TAIL_INSIDE => len / BLOCK * BLOCK,
            _ => return Err(wrong("a directory is compressed")),
        };
        let mut data = vec![0; usize_of(len)];
        let (blocks, tail) = data.split_at_mut(usize_of(whole));
        self.staging.read_at(blocks, place)?;
        self.staging.read_at(tail, offset + u64_of(INODE) + attributes)?;
        Ok(data)
    }
}

fn set(inode: &mut [u8; INODE], metadata: &Metadata) -> Result<(), ExternalError> {
    let mode = le16(inode, MODE)? & !0o7777 | metadata.permissions;
    inode[MODE..MODE + 2].copy_from_slice(&mode.to_le_bytes());
    inode[UID..UID + 4].copy_from_slice(&metadata.uid.to_le_bytes());
    inode[GID..GID + 4].copy_from_slice(&metadata.gid.to_le_bytes());
    inode[SECONDS..SECONDS + 8].copy_from_slice(&metadata.modified.seconds.to_le_bytes());
    inode[NANOSECONDS..NANOSECONDS + 4].copy_from_slice(&metadata.modified.nanoseconds.to_le_bytes());
    Ok(())
}
