//! Directories: entries packed into blocks, in one block or as the leaves of a hash tree.
//!
//! What fits one block is written in the order of names. Anything larger gets a hash tree (`htree.rs`), as
//! the kernel would have made it.

use zerocopy::IntoBytes;
use zerocopy::little_endian::{U16, U32};

use super::block::{BlockSize, InodeNumber};
use super::checksum::InodeSeed;
use super::format::directory::{ENTRY_HEADER, EntryHeader, TAIL_FILE_TYPE, TAIL_SIZE, Tail, file_type};
use super::format::inode::mode;
use crate::tree::Kind;
use crate::units::{low_u8, low_u16, u64_of, usize_of};

/// An entry to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Entry<'t> {
    /// 1 to 255 bytes.
    pub name: &'t [u8],
    /// What it names.
    pub inode: InodeNumber,
    /// A value of [`file_type`].
    pub file_type: u8,
}

impl Entry<'_> {
    /// Bytes it takes at least.
    pub fn size(&self) -> usize {
        (ENTRY_HEADER + self.name.len()).next_multiple_of(4)
    }
}

/// A directory's own number and its parent's: what `.` and `..` name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family {
    /// The directory.
    pub own: InodeNumber,
    /// The directory that names it; of the root the root.
    pub parent: InodeNumber,
}

impl Family {
    /// `.` and `..`, first in every directory.
    pub fn entries(self) -> [Entry<'static>; 2] {
        let entry = |name, inode| Entry { name, inode, file_type: file_type::DIRECTORY };
        [entry(b".", self.own), entry(b"..", self.parent)]
    }
}

/// Bytes of a block for entries: all but the checksum's.
pub(super) const fn leaf_room(block_size: BlockSize) -> usize {
    usize_of(block_size.bytes()) - TAIL_SIZE
}

/// Whether `.`, `..` and `entries` fit one block.
pub(super) fn fits_one_block(entries: &[Entry<'_>], block_size: BlockSize) -> bool {
    const DOTS: usize = 24;
    DOTS + entries.iter().map(Entry::size).sum::<usize>() <= leaf_room(block_size)
}

/// A block of entries with its checksum. The last entry's length reaches to the tail; without entries an
/// empty one does.
pub(super) fn leaf_block<'e>(
    entries: impl IntoIterator<Item = Entry<'e>>,
    block_size: BlockSize,
    seed: InodeSeed,
) -> Vec<u8> {
    let mut block = vec![0; usize_of(block_size.bytes())];
    let room = leaf_room(block_size);
    let (mut last, mut at) = (None, 0);
    for entry in entries {
        put_entry(&mut block[at..], &entry, entry.size());
        last = Some((at, entry));
        at += entry.size();
    }
    match last {
        Some((at, entry)) => put_entry(&mut block[at..], &entry, room - at),
        None => {
            let free = Entry { name: b"", inode: InodeNumber(0), file_type: 0 };
            put_entry(&mut block, &free, room);
        }
    }
    let tail = Tail {
        det_reserved_zero1: U32::ZERO,
        det_rec_len: U16::new(low_u16(u64_of(TAIL_SIZE))),
        det_reserved_zero2: 0,
        det_reserved_ft: TAIL_FILE_TYPE,
        det_checksum: U32::new(seed.directory_block(&block)),
    };
    block[room..].copy_from_slice(tail.as_bytes());
    block
}

/// Writes `entry` at the start of `bytes`, saying that it is `len` bytes long.
pub(super) fn put_entry(bytes: &mut [u8], entry: &Entry<'_>, len: usize) {
    let header = EntryHeader {
        inode: U32::new(entry.inode.0),
        rec_len: U16::new(low_u16(u64_of(len))),
        name_len: low_u8(u64_of(entry.name.len())),
        file_type: entry.file_type,
    };
    bytes[..ENTRY_HEADER].copy_from_slice(header.as_bytes());
    bytes[ENTRY_HEADER..][..entry.name.len()].copy_from_slice(entry.name);
}

/// How entries and inodes say what a node is: the value of [`file_type`] and the bits of `i_mode`.
pub(super) const fn kind_codes(kind: &Kind) -> (u8, u16) {
    match kind {
        Kind::Directory(_) => (file_type::DIRECTORY, mode::DIRECTORY),
        Kind::File(_) => (file_type::REGULAR, mode::REGULAR),
        Kind::Symlink(_) => (file_type::SYMLINK, mode::SYMLINK),
        Kind::CharDevice(_) => (file_type::CHAR_DEVICE, mode::CHAR_DEVICE),
        Kind::BlockDevice(_) => (file_type::BLOCK_DEVICE, mode::BLOCK_DEVICE),
        Kind::Fifo => (file_type::FIFO, mode::FIFO),
        Kind::Socket => (file_type::SOCKET, mode::SOCKET),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fs::ext4::checksum::ChecksumSeed;

    fn seed() -> InodeSeed {
        ChecksumSeed::from_stored(1).inode(InodeNumber(2), 0)
    }

    #[test]
    fn the_last_entry_reaches_to_the_tail() {
        let entry = |name| Entry { name, inode: InodeNumber(12), file_type: file_type::REGULAR };
        let block = leaf_block([entry(b"a"), entry(b"bcdef")], BlockSize::B1024, seed());
        assert_eq!(block[4..6], [12, 0]);
        assert_eq!(block[12 + 4..12 + 6], 1000_u16.to_le_bytes());
        assert_eq!(block[1012..1020], [0, 0, 0, 0, 12, 0, 0, 0xDE]);
        assert_eq!(block[1020..], seed().directory_block(&block).to_le_bytes());
    }

    #[test]
    fn a_block_is_filled_to_its_last_byte() {
        // 1024 bytes - tail 12 - dots 24 = 988 = 3 entries of 248 bytes and one of 244.
        let entry = |len: usize| Entry { name: &[b'n'; 255][..len], inode: InodeNumber(12), file_type: 1 };
        assert!(fits_one_block(&[entry(240), entry(240), entry(240), entry(236)], BlockSize::B1024));
        assert!(!fits_one_block(&[entry(240), entry(240), entry(240), entry(237)], BlockSize::B1024));
    }
}
