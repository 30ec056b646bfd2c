//! The checksums of the feature `metadata_csum` ("Checksums",
//! <https://docs.kernel.org/filesystems/ext4/overview.html#checksums>): where each starts and what it
//! covers.
//!
//! All are CRC-32C without the customary inversion at the end. Most start from a value derived from
//! the UUID, so that blocks of another file system are not mistaken for ours; those of an inode's own
//! blocks also from its number and generation, so that a block cannot stand in for another file's.

use uuid::Uuid;
use zerocopy::little_endian::U32;
use zerocopy::{FromZeros, IntoBytes};

use super::block::{BlockNumber, InodeNumber};
use super::format::directory::{DX_TAIL_SIZE, TAIL_SIZE};
use super::format::group::GroupDescriptor;
use super::format::inode::Inode;
use super::format::journal::JournalSuperblock;
use super::format::superblock::Superblock;
use super::format::xattr::BlockHeader;
use crate::units::low_u16;

/// A running CRC-32C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Crc(u32);

impl Crc {
    const START: Self = Self(u32::MAX);

    fn update(self, data: &[u8]) -> Self {
        // The library inverts before and after; ext4 does not.
        Self(!crc32c::crc32c_append(!self.0, data))
    }

    /// The bytes of `data` with those of `hole` taken as zero.
    fn update_without(self, data: &[u8], hole: std::ops::Range<usize>) -> Self {
        const ZEROES: [u8; 4] = [0; 4];
        let before = &data[..hole.start];
        let after = &data[hole.end..];
        self.update(before).update(&ZEROES[..hole.len()]).update(after)
    }
}

/// What the checksums of one file system start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ChecksumSeed(Crc);

/// What the checksums of one inode and its blocks start from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InodeSeed(Crc);

impl ChecksumSeed {
    /// The seed that follows from the UUID.
    pub fn from_uuid(uuid: Uuid) -> Self {
        Self(Crc::START.update(uuid.as_bytes()))
    }

    /// The seed stored as `s_checksum_seed`.
    pub const fn from_stored(seed: u32) -> Self {
        Self(Crc(seed))
    }

    /// The seed of inode `number`, whose `i_generation` is `generation`.
    pub fn inode(self, number: InodeNumber, generation: u32) -> InodeSeed {
        InodeSeed(self.0.update(U32::new(number.0).as_bytes()).update(U32::new(generation).as_bytes()))
    }

    /// `bg_checksum` of the descriptor of group `group`, over its first `size` bytes (32 or 64).
    pub fn group(self, group: u32, descriptor: &GroupDescriptor, size: usize) -> u16 {
        let hole = std::mem::offset_of!(GroupDescriptor, bg_checksum);
        let bytes = &descriptor.as_bytes()[..size];
        let crc = self.0.update(U32::new(group).as_bytes()).update_without(bytes, hole..hole + 2);
        low_u16(u64::from(crc.0))
    }

    /// Checksum of a bitmap: of as many bytes as the group's blocks or inodes need.
    pub fn bitmap(self, bits: &[u8]) -> u32 {
        self.0.update(bits).0
    }

    /// `h_checksum` of the block of extended attributes at `block`.
    pub fn xattr_block(self, block: BlockNumber, bytes: &[u8]) -> u32 {
        let hole = std::mem::offset_of!(BlockHeader, h_checksum);
        self.0.update(&block.0.to_le_bytes()).update_without(bytes, hole..hole + 4).0
    }
}

impl InodeSeed {
    /// The inode's checksum over all its bytes; the upper half is stored only where the inode is
    /// longer than 128 bytes.
    pub fn inode(self, bytes: &[u8]) -> u32 {
        let low = std::mem::offset_of!(Inode, l_i_checksum_lo);
        let high = std::mem::offset_of!(Inode, i_checksum_hi);
        if bytes.len() < high + 2 {
            return self.0.update_without(bytes, low..low + 2).0;
        }
        self.0.update_without(&bytes[..high], low..low + 2).update(&[0; 2]).update(&bytes[high + 2..]).0
    }

    /// `et_checksum` of a block of the extent tree: `bytes` end where the checksum is.
    pub fn extent_block(self, bytes: &[u8]) -> u32 {
        self.0.update(bytes).0
    }

    /// `det_checksum` of a block of directory entries.
    pub fn directory_block(self, block: &[u8]) -> u32 {
        self.0.update(&block[..block.len() - TAIL_SIZE]).0
    }

    /// `dt_checksum` of a hash tree node whose entries in use end at byte `end`.
    pub fn hash_node(self, block: &[u8], end: usize) -> u32 {
        // The tail counts as eight zero bytes: a reserved word, and the checksum itself.
        self.0.update(&block[..end]).update(&[0; DX_TAIL_SIZE]).0
    }
}

/// `s_checksum`: over everything before it, from no seed, so that a reader can trust the UUID.
pub(super) fn superblock(superblock: &Superblock) -> u32 {
    let bytes = superblock.as_bytes();
    Crc::START.update(&bytes[..bytes.len() - 4]).0
}

/// `s_checksum` of the journal's superblock.
pub(super) fn journal(superblock: &JournalSuperblock) -> u32 {
    let mut copy = *superblock;
    copy.s_checksum.zero();
    Crc::START.update(copy.as_bytes()).0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_crc_is_castagnoli_without_final_inversion() {
        // RFC 3720, B.4: the inverted CRC-32C of 32 zero bytes is 0x8A9136AA.
        assert_eq!(!Crc::START.update(&[0; 32]).0, 0x8A91_36AA);
        assert_eq!(Crc::START.update(b"123456789").0, !0xE306_9283);
        assert_eq!(Crc::START.update(b"1234").update(b"56789"), Crc::START.update(b"123456789"));
    }

    #[test]
    fn a_hole_reads_as_zeroes() {
        let with = Crc::START.update_without(b"abXYcd", 2..4);
        assert_eq!(with, Crc::START.update(b"ab\0\0cd"));
    }

    #[test]
    fn every_seed_matters() {
        let seed = ChecksumSeed::from_uuid(Uuid::from_u128(1));
        assert_ne!(seed, ChecksumSeed::from_uuid(Uuid::from_u128(2)));
        assert_ne!(seed.inode(InodeNumber(1), 0), seed.inode(InodeNumber(2), 0));
        assert_ne!(seed.inode(InodeNumber(1), 0), seed.inode(InodeNumber(1), 1));
        assert_ne!(
            seed.xattr_block(BlockNumber(1), &[0; 1024]),
            seed.xattr_block(BlockNumber(2), &[0; 1024])
        );
    }
}
