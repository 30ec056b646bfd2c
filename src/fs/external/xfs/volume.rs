//! A reader of XFS, as far as finishing needs it: inodes and directories.
//!
//! Source: "XFS Filesystem Structure" (kernel.org, xfs-documentation), chapters "Superblocks", "On-disk Inode",
//! "Data Extents" and "Directories". Numbers are big-endian; only version 5 is read.

use super::super::ExternalError;
use super::super::staging::Staging;
use crate::units::{ByteRange, usize_of};

/// `XFSB`, the superblock.
const SUPER_MAGIC: &[u8] = b"XFSB";
/// `IN`, an inode.
const INODE_MAGIC: &[u8] = b"IN";
/// A directory of one block, and a block of a larger one.
const DIRECTORY_MAGICS: [&[u8]; 2] = [b"XDB3", b"XDD3"];
/// Bytes of an inode in front of what it holds.
const CORE: usize = 176;
/// From this offset in a directory on there are hashes, no entries.
const LEAF_OFFSET: u64 = 32 << 30;
/// Bytes in front of the entries of a directory's block.
const BLOCK_HEAD: usize = 64;
/// A block of a tree of extents, the bytes in front of what it holds, and how deep such trees may be.
const TREE_MAGIC: &[u8] = b"BMA3";
const TREE_HEAD: usize = 72;
const DEEPEST: u16 = 8;

/// Where things are.
#[derive(Debug)]
pub(super) struct Volume<'a> {
    staging: &'a Staging,
    block: u64,
    group_blocks: u64,
    group_log: u32,
    inode_len: u64,
    inodes_log: u32,
    /// Bytes of a block of a directory.
    directory_block: u64,
    /// The root directory.
    pub(super) root: u64,
    /// The inodes that the superblock names beside it: bitmap and summary of a realtime section.
    pub(super) realtime: [u64; 2],
    /// The log; empty when it is elsewhere.
    pub(super) log: ByteRange,
}

/// An inode's bytes and where they are.
#[derive(Debug)]
pub(super) struct Inode {
    /// All of it.
    pub(super) bytes: Vec<u8>,
    /// Offset in the file system.
    pub(super) offset: u64,
}

/// `N` bytes of `bytes` from `at`.
fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], ExternalError> {
    let part = bytes.get(at..).and_then(|rest| rest.first_chunk());
    part.copied().ok_or_else(|| wrong("something ends too early"))
}

fn be64(bytes: &[u8], at: usize) -> Result<u64, ExternalError> {
    array(bytes, at).map(u64::from_be_bytes)
}

fn be32(bytes: &[u8], at: usize) -> Result<u32, ExternalError> {
    array(bytes, at).map(u32::from_be_bytes)
}

fn be16(bytes: &[u8], at: usize) -> Result<u16, ExternalError> {
    array(bytes, at).map(u16::from_be_bytes)
}

fn byte(bytes: &[u8], at: usize) -> Result<u8, ExternalError> {
    array::<1>(bytes, at).map(|[byte]| byte)
}

/// The error for what the tool made otherwise than it should.
pub(super) fn wrong(why: &str) -> ExternalError {
    ExternalError::Result { program: "mkfs.xfs", why: why.to_owned() }
}

impl<'a> Volume<'a> {
    /// Reads the superblock.
    pub(super) fn open(staging: &'a Staging) -> Result<Self, ExternalError> {
        let mut sector = vec![0; 512];
        staging.read_at(&mut sector, 0)?;
        if !sector.starts_with(SUPER_MAGIC) || be16(&sector, 100)? & 0xf != 5 {
            return Err(wrong("there is no superblock of version 5"));
        }
        let block = u64::from(be32(&sector, 4)?);
        let (inode_log, group_log) = (u32::from(byte(&sector, 123)?), u32::from(byte(&sector, 124)?));
        let mut volume = Self {
            staging,
            block,
            group_blocks: u64::from(be32(&sector, 84)?),
            group_log,
            inode_len: u64::from(be16(&sector, 104)?),
            inodes_log: inode_log,
            directory_block: block.checked_shl(u32::from(byte(&sector, 192)?)).unwrap_or(block),
            root: be64(&sector, 56)?,
            realtime: [be64(&sector, 64)?, be64(&sector, 72)?],
            log: ByteRange::empty(),
        };
        let log_start = be64(&sector, 48)?;
        if log_start != 0 {
            let start = volume.offset(log_start)?;
            let len = u64::from(be32(&sector, 96)?).saturating_mul(block);
            volume.log = ByteRange::new(start, len).ok_or_else(|| wrong("the log lies nowhere"))?;
        }
        Ok(volume)
    }

    /// Offset of a block by its number, whose upper bits count the allocation groups.
    fn offset(&self, number: u64) -> Result<u64, ExternalError> {
        let group = number.checked_shr(self.group_log).unwrap_or(0);
        let within = number & ((1 << self.group_log) - 1);
        let blocks = group.checked_mul(self.group_blocks).and_then(|blocks| blocks.checked_add(within));
        let offset = blocks.and_then(|blocks| blocks.checked_mul(self.block));
        offset.ok_or_else(|| wrong("a block lies beyond all bounds"))
    }

    /// Reads an inode.
    pub(super) fn inode(&self, number: u64) -> Result<Inode, ExternalError> {
        let within = number & ((1 << self.inodes_log) - 1);
        let offset = self.offset(number >> self.inodes_log)? + within * self.inode_len;
        let mut bytes = vec![0; usize_of(self.inode_len)];
        self.staging.read_at(&mut bytes, offset)?;
        if !bytes.starts_with(INODE_MAGIC) || byte(&bytes, 4)? != 3 {
            return Err(wrong("there is no inode where one should be"));
        }
        Ok(Inode { bytes, offset })
    }

    /// The entries of a directory, by name, with the numbers of their inodes; without `.` and `..`.
    pub(super) fn entries(&self, inode: &Inode) -> Result<Vec<(Vec<u8>, u64)>, ExternalError> {
        match byte(&inode.bytes, 5)? {
            1 => inline_entries(&inode.bytes[CORE..]),
            2 => self.entries_in(&listed_extents(&inode.bytes)?),
            3 => self.entries_in(&self.extents_of_tree(&inode.bytes)?),
            _ => Err(wrong("a directory is stored in an unknown way")),
        }
    }

    /// The entries in all blocks of a directory that are no hashes.
    fn entries_in(&self, extents: &[Extent]) -> Result<Vec<(Vec<u8>, u64)>, ExternalError> {
        let mut entries = Vec::new();
        let step = usize_of((self.directory_block / self.block).max(1));
        for extent in extents.iter().filter(|extent| extent.first.saturating_mul(self.block) < LEAF_OFFSET) {
            for piece in (0..extent.blocks).step_by(step) {
                self.block_entries(self.offset(extent.start + piece)?, &mut entries)?;
            }
        }
        Ok(entries)
    }

    /// The extents of an inode that has them in a tree: the root stands in the inode.
    fn extents_of_tree(&self, inode: &[u8]) -> Result<Vec<Extent>, ExternalError> {
        let fork = match byte(inode, 82)? {
            0 => inode.len().saturating_sub(CORE),
            units => usize::from(units) * 8,
        };
        // Two numbers, then as many keys and as many pointers as there is room for.
        let pointers = CORE + 4 + fork.saturating_sub(4) / 16 * 8;
        let mut open = Vec::new();
        for number in 0..usize::from(be16(inode, CORE + 2)?) {
            open.push((be64(inode, pointers + 8 * number)?, be16(inode, CORE)?));
        }
        let mut extents = Vec::new();
        while let Some((number, level)) = open.pop() {
            let mut block = vec![0; usize_of(self.block)];
            self.staging.read_at(&mut block, self.offset(number)?)?;
            let (below, count) = (be16(&block, 4)?, usize::from(be16(&block, 6)?));
            if !block.starts_with(TREE_MAGIC) || level > DEEPEST || below + 1 != level {
                return Err(wrong("a directory's tree is none"));
            }
            let pointers = TREE_HEAD + (block.len() - TREE_HEAD) / 16 * 8;
            for entry in 0..count {
                if below == 0 {
                    extents.push(Extent::read(&block, TREE_HEAD + 16 * entry)?);
                } else {
                    open.push((be64(&block, pointers + 8 * entry)?, below));
                }
            }
        }
        Ok(extents)
    }

    fn block_entries(&self, offset: u64, entries: &mut Vec<(Vec<u8>, u64)>) -> Result<(), ExternalError> {
        let mut bytes = vec![0; usize_of(self.directory_block)];
        self.staging.read_at(&mut bytes, offset)?;
        if !DIRECTORY_MAGICS.iter().any(|magic| bytes.starts_with(magic)) {
            return Err(wrong("a directory's block is none"));
        }
        let mut end = bytes.len();
        if bytes.starts_with(DIRECTORY_MAGICS[0]) {
            // Hashes and their number stand at the end of a directory of one block.
            let count = usize_of(u64::from(be32(&bytes, end - 8)?));
            end = end.saturating_sub(8 + count.saturating_mul(8));
        }
        let mut at = BLOCK_HEAD;
        while at < end {
            if be16(&bytes, at)? == 0xffff {
                at += usize::from(be16(&bytes, at + 2)?).max(8);
                continue;
            }
            let len = usize::from(byte(&bytes, at + 8)?);
            let name = bytes.get(at + 9..at + 9 + len).ok_or_else(|| wrong("a name ends too late"))?;
            if name != b"." && name != b".." {
                entries.push((name.to_vec(), be64(&bytes, at)?));
            }
            // Number, length of the name, name, kind, and the entry's own place.
            at += (8 + 1 + len + 1 + 2).next_multiple_of(8);
        }
        Ok(())
    }

    /// Writes an inode back.
    pub(super) fn put(&self, inode: &Inode) -> Result<(), ExternalError> {
        Ok(self.staging.write_at(&inode.bytes, inode.offset)?)
    }
}

/// A run of blocks of a file.
#[derive(Clone, Copy, Debug)]
struct Extent {
    /// Its first block in the file.
    first: u64,
    /// The same in the file system.
    start: u64,
    blocks: u64,
}

impl Extent {
    /// Reads 128 bits: a flag, 54 bits of place in the file, 52 of the first block, 21 of the count.
    fn read(bytes: &[u8], at: usize) -> Result<Self, ExternalError> {
        let (high, low) = (be64(bytes, at)?, be64(bytes, at + 8)?);
        Ok(Self {
            first: (high >> 9) & ((1 << 54) - 1),
            start: (high & 0x1ff) << 43 | low >> 21,
            blocks: low & 0x1f_ffff,
        })
    }
}

/// The extents that an inode lists.
fn listed_extents(inode: &[u8]) -> Result<Vec<Extent>, ExternalError> {
    // With large counters the number stands elsewhere (`XFS_DIFLAG2_NREXT64`).
    let is_large = be64(inode, 120)? & 0x10 != 0;
    let count = if is_large { be64(inode, 24)? } else { u64::from(be32(inode, 76)?) };
    (0..count.min(64)).map(|number| Extent::read(inode, CORE + 16 * usize_of(number))).collect()
}

/// Entries that stand in the inode itself.
fn inline_entries(fork: &[u8]) -> Result<Vec<(Vec<u8>, u64)>, ExternalError> {
    let (count, large) = (byte(fork, 0)?, byte(fork, 1)? > 0);
    let number_len = if large { 8 } else { 4 };
    let mut at = 2 + number_len;
    let mut entries = Vec::new();
    for _ in 0..count {
        let len = usize::from(byte(fork, at)?);
        let name = fork.get(at + 3..at + 3 + len).ok_or_else(|| wrong("a name ends too late"))?;
        // Behind the name its kind, then the number.
        let number_at = at + 3 + len + 1;
        let number = if large { be64(fork, number_at)? } else { u64::from(be32(fork, number_at)?) };
        entries.push((name.to_vec(), number));
        at = number_at + number_len;
    }
    Ok(entries)
}
