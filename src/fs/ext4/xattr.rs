//! Extended attributes: which go into the inode and which into a block, and their bytes.

use std::borrow::Cow;

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::acl;
use super::block::{BlockNumber, BlockSize};
use super::checksum::ChecksumSeed;
use super::error::Unfit;
use super::format::inode;
use super::format::xattr::{
    BLOCK_HEADER, BlockHeader, ENTRY_SIZE, Entry, INODE_HEADER, MAGIC, TERMINATOR, prefix,
};
use crate::tree::Xattr;
use crate::units::usize_of;

/// Bytes of an inode behind its fields.
pub(super) const INODE_AREA: usize = usize_of(inode::SIZE) - size_of::<inode::Inode>();

/// The prefixes of attribute names, each with its number. Those that are whole names come first.
const PREFIXES: [(&[u8], u8); 6] = [
    (b"system.posix_acl_access", prefix::ACL_ACCESS),
    (b"system.posix_acl_default", prefix::ACL_DEFAULT),
    (b"user.", prefix::USER),
    (b"trusted.", prefix::TRUSTED),
    (b"security.", prefix::SECURITY),
    (b"system.", prefix::SYSTEM),
];

/// An attribute as the disk has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stored<'t> {
    index: u8,
    name: &'t [u8],
    value: Cow<'t, [u8]>,
}

impl<'t> Stored<'t> {
    fn new(xattr: &'t Xattr) -> Result<Self, Unfit> {
        let refused = || Unfit::XattrName(xattr.name.escape_ascii().to_string());
        let (index, name) = PREFIXES
            .iter()
            .find_map(|(prefix, index)| Some((*index, xattr.name.strip_prefix(*prefix)?)))
            .ok_or_else(refused)?;
        let is_acl = matches!(index, prefix::ACL_ACCESS | prefix::ACL_DEFAULT);
        // Nothing follows the two whole names, and something the others.
        if name.is_empty() != is_acl || name.len() > usize::from(u8::MAX) || name.contains(&0) {
            return Err(refused());
        }
        let value = match is_acl {
            true => Cow::Owned(acl::to_disk(&xattr.value)?),
            false => Cow::Borrowed(&*xattr.value),
        };
        Ok(Self { index, name, value })
    }

    /// Bytes it takes: entry, name and value, padded.
    fn size(&self) -> usize {
        ENTRY_SIZE + self.name.len().next_multiple_of(4) + self.value.len().next_multiple_of(4)
    }

    /// `e_hash`: of the name, byte for byte, and of the value, word for word.
    fn hash(&self) -> u32 {
        let name = self.name.iter().fold(0_u32, |hash, byte| hash.rotate_left(5) ^ u32::from(*byte));
        self.value.chunks(4).fold(name, |hash, chunk| {
            let mut word = [0; 4];
            word[..chunk.len()].copy_from_slice(chunk);
            hash.rotate_left(16) ^ u32::from_le_bytes(word)
        })
    }
}

/// The attributes of one inode, divided between its two places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct XattrPlan<'t> {
    inside: Vec<Stored<'t>>,
    block: Vec<Stored<'t>>,
}

impl<'t> XattrPlan<'t> {
    /// Divides `xattrs`: into the inode goes what fits there, in the order of the block's rule.
    pub fn new(xattrs: &'t [Xattr], block_size: BlockSize) -> Result<Self, Unfit> {
        let mut stored = xattrs.iter().map(Stored::new).collect::<Result<Vec<_>, _>>()?;
        // The kernel searches a block by this order: prefix, length, name.
        stored.sort_by(|a, b| (a.index, a.name.len(), a.name).cmp(&(b.index, b.name.len(), b.name)));
        let mut room = INODE_AREA - INODE_HEADER - TERMINATOR;
        let (inside, block) = stored.into_iter().partition(|attribute: &Stored<'_>| {
            let fits = attribute.size() <= room;
            room -= if fits { attribute.size() } else { 0 };
            fits
        });
        let plan = Self { inside, block };
        let needed: usize = plan.block.iter().map(Stored::size).sum();
        let max = usize_of(block_size.bytes()) - BLOCK_HEADER - TERMINATOR;
        if needed > max {
            return Err(Unfit::XattrsTooLarge { len: needed, max });
        }
        Ok(plan)
    }

    /// Whether a block is needed.
    pub fn needs_block(&self) -> bool {
        !self.block.is_empty()
    }

    /// What stands behind the inode's fields; all zero without attributes.
    pub fn inode_area(&self) -> [u8; INODE_AREA] {
        let mut area = [0; INODE_AREA];
        if !self.inside.is_empty() {
            area[..INODE_HEADER].copy_from_slice(&MAGIC.to_le_bytes());
            // Value offsets count from the first entry here.
            put_entries(&mut area[INODE_HEADER..], 0, &self.inside);
        }
        area
    }

    /// The block, for `refcount` inodes, at `place`.
    pub fn block(&self, size: BlockSize, refcount: u32, place: BlockNumber, seed: ChecksumSeed) -> Vec<u8> {
        let mut block = vec![0; usize_of(size.bytes())];
        put_entries(&mut block, BLOCK_HEADER, &self.block);
        let mut header = BlockHeader::new_zeroed();
        header.h_magic = U32::new(MAGIC);
        header.h_refcount = U32::new(refcount);
        header.h_blocks = U32::new(1);
        header.h_hash = U32::new(
            self.block.iter().fold(0, |hash: u32, attribute| hash.rotate_left(16) ^ attribute.hash()),
        );
        block[..BLOCK_HEADER].copy_from_slice(header.as_bytes());
        header.h_checksum = U32::new(seed.xattr_block(place, &block));
        block[..BLOCK_HEADER].copy_from_slice(header.as_bytes());
        block
    }
}

/// Writes entries from `start` and values from the end of `area`. The caller has seen that they fit.
fn put_entries(area: &mut [u8], start: usize, attributes: &[Stored<'_>]) {
    let (mut entry_at, mut value_at) = (start, area.len());
    for attribute in attributes {
        let value_len = attribute.value.len();
        value_at -= value_len.next_multiple_of(4);
        area[value_at..][..value_len].copy_from_slice(&attribute.value);
        // An empty value is nowhere: its offset is zero, as the kernel leaves it.
        let value_offset = if value_len == 0 { 0 } else { value_at };
        let header = Entry {
            // Names of up to 255 bytes and areas of up to 4096 were checked when they were stored.
            e_name_len: u8::try_from(attribute.name.len()).unwrap_or(u8::MAX),
            e_name_index: attribute.index,
            e_value_offs: U16::new(u16::try_from(value_offset).unwrap_or(u16::MAX)),
            e_value_inum: U32::ZERO,
            e_value_size: U32::new(u32::try_from(value_len).unwrap_or(u32::MAX)),
            e_hash: U32::new(attribute.hash()),
        };
        area[entry_at..][..ENTRY_SIZE].copy_from_slice(header.as_bytes());
        area[entry_at + ENTRY_SIZE..][..attribute.name.len()].copy_from_slice(attribute.name);
        entry_at += ENTRY_SIZE + attribute.name.len().next_multiple_of(4);
    }
}

/// The full name of a stored attribute; `None` for a prefix that we do not know.
pub(super) fn full_name(index: u8, name: &[u8]) -> Option<Vec<u8>> {
    let (prefix, _) = PREFIXES.iter().find(|(_, number)| *number == index)?;
    Some([*prefix, name].concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn xattr(name: &str, len: usize) -> Xattr {
        Xattr { name: name.into(), value: vec![b'v'; len] }
    }

    #[test]
    fn small_attributes_stay_in_the_inode_and_large_ones_leave() {
        let xattrs = [xattr("user.large", 2000), xattr("user.small", 10)];
        let plan = XattrPlan::new(&xattrs, BlockSize::B4096).unwrap();
        assert_eq!(plan.inside.iter().map(|a| a.name).collect::<Vec<_>>(), [b"small"]);
        assert_eq!(plan.block.iter().map(|a| a.name).collect::<Vec<_>>(), [b"large"]);
    }

    #[test]
    fn the_inode_is_filled_to_its_last_byte() {
        // 96 bytes - magic 4 - end 4 - entry 16 - name 4 = 68.
        let fits = [xattr("user.abcd", 68)];
        assert!(!XattrPlan::new(&fits, BlockSize::B1024).unwrap().needs_block());
        let too_long = [xattr("user.abcd", 69)];
        assert!(XattrPlan::new(&too_long, BlockSize::B1024).unwrap().needs_block());
    }

    #[test]
    fn a_block_is_filled_to_its_last_byte() {
        // 1024 bytes - header 32 - end 4 - entry 16 - name 4 = 968.
        assert!(XattrPlan::new(&[xattr("user.abcd", 968)], BlockSize::B1024).is_ok());
        let error = XattrPlan::new(&[xattr("user.abcd", 969)], BlockSize::B1024).unwrap_err();
        assert_eq!(error, Unfit::XattrsTooLarge { len: 992, max: 988 });
    }

    #[test]
    fn names_without_a_namespace_are_refused() {
        for name in ["comment", "user.", "system.posix_acl_access.more", "os2.x", ""] {
            let error = XattrPlan::new(&[xattr(name, 1)], BlockSize::B4096).unwrap_err();
            assert_eq!(error, Unfit::XattrName(name.to_owned()));
        }
    }
}
