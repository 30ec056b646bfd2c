//! Inodes: their 256 bytes.

use zerocopy::little_endian::{U16, U32};
use zerocopy::{FromZeros, IntoBytes};

use super::block::{BlockNumber, BlockSize};
use super::checksum::InodeSeed;
use super::format::inode::{self as format, EXTRA_SIZE, I_BLOCK_SIZE, LINKS_MAX};
use super::time::DiskTime;
use super::xattr::INODE_AREA;
use crate::tree::DeviceNumber;
use crate::units::{high_u32, low_u16, low_u32, usize_of};

/// Bytes of a whole inode.
pub(super) const INODE_BYTES: usize = usize_of(format::SIZE);

/// Everything an inode says.
#[derive(Clone, Debug)]
pub(super) struct InodeFields {
    /// Kind and permissions.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Names.
    pub links: u32,
    /// Size in bytes.
    pub size: u64,
    /// Blocks of content, extent tree and attributes.
    pub blocks: u64,
    /// Every one of its times.
    pub time: DiskTime,
    /// `i_flags`.
    pub flags: u32,
    /// `i_block`.
    pub i_block: [u8; I_BLOCK_SIZE],
    /// Block of attributes; 0: none.
    pub xattr_block: BlockNumber,
    /// Attributes in the inode.
    pub xattrs: [u8; INODE_AREA],
}

impl InodeFields {
    /// An inode of kind and permissions `mode` with nothing in it, owned by root.
    pub fn new(mode: u16, time: DiskTime) -> Self {
        Self {
            mode,
            uid: 0,
            gid: 0,
            links: 1,
            size: 0,
            blocks: 0,
            time,
            flags: 0,
            i_block: [0; I_BLOCK_SIZE],
            xattr_block: BlockNumber(0),
            xattrs: [0; INODE_AREA],
        }
    }

    /// The inode for the disk.
    pub fn encode(&self, block_size: BlockSize, seed: InodeSeed) -> [u8; INODE_BYTES] {
        // Units of 512 bytes, whatever the block size; 48 bits of them are more than any volume has.
        let sectors = self.blocks * (block_size.bytes() / 512);
        // A directory with more subdirectories than can be counted says 1 (feature `dir_nlink`).
        let links = if self.links > LINKS_MAX { 1 } else { self.links };
        let mut fields = format::Inode::new_zeroed();
        fields.i_mode = U16::new(self.mode);
        fields.i_uid = low_half(self.uid);
        fields.l_i_uid_high = high_half(self.uid);
        fields.i_gid = low_half(self.gid);
        fields.l_i_gid_high = high_half(self.gid);
        fields.i_size_lo = U32::new(low_u32(self.size));
        fields.i_size_high = U32::new(high_u32(self.size));
        fields.i_links_count = low_half(links);
        fields.i_blocks_lo = U32::new(low_u32(sectors));
        fields.l_i_blocks_high = low_half(high_u32(sectors));
        fields.i_flags = U32::new(self.flags);
        fields.i_block = self.i_block;
        fields.i_file_acl_lo = U32::new(low_u32(self.xattr_block.0));
        fields.l_i_file_acl_high = low_half(high_u32(self.xattr_block.0));
        fields.i_extra_isize = U16::new(EXTRA_SIZE);
        let (seconds, extra) = (U32::new(self.time.seconds), U32::new(self.time.extra));
        (fields.i_atime, fields.i_atime_extra) = (seconds, extra);
        (fields.i_ctime, fields.i_ctime_extra) = (seconds, extra);
        (fields.i_mtime, fields.i_mtime_extra) = (seconds, extra);
        (fields.i_crtime, fields.i_crtime_extra) = (seconds, extra);
        seal(fields, &self.xattrs, seed)
    }
}

/// A reserved inode that is not in use: zero but for its checksum, and the size that gives the checksum's
/// upper half a place.
pub(super) fn unused(seed: InodeSeed) -> [u8; INODE_BYTES] {
    let mut fields = format::Inode::new_zeroed();
    fields.i_extra_isize = U16::new(EXTRA_SIZE);
    seal(fields, &[0; INODE_AREA], seed)
}

/// Sets the checksum.
fn seal(mut fields: format::Inode, xattrs: &[u8; INODE_AREA], seed: InodeSeed) -> [u8; INODE_BYTES] {
    let mut bytes = [0; INODE_BYTES];
    let (front, back) = bytes.split_at_mut(size_of::<format::Inode>());
    front.copy_from_slice(fields.as_bytes());
    back.copy_from_slice(xattrs);
    let checksum = seed.inode(&bytes);
    fields.l_i_checksum_lo = low_half(checksum);
    fields.i_checksum_hi = high_half(checksum);
    bytes[..size_of::<format::Inode>()].copy_from_slice(fields.as_bytes());
    bytes
}

fn low_half(value: u32) -> U16 {
    U16::new(low_u16(u64::from(value)))
}

fn high_half(value: u32) -> U16 {
    U16::new(low_u16(u64::from(value >> 16)))
}

/// Largest major and minor number that the new encoding holds.
const DEVICE_MAX: DeviceNumber = DeviceNumber { major: 0xFFF, minor: 0xF_FFFF };

/// `i_block` of a device: the old encoding in the first word where the numbers fit it, else the new one in
/// the second. `None` where neither holds them.
pub(super) fn encode_device(device: DeviceNumber) -> Option<[u8; I_BLOCK_SIZE]> {
    let DeviceNumber { major, minor } = device;
    if major > DEVICE_MAX.major || minor > DEVICE_MAX.minor {
        return None;
    }
    let mut i_block = [0; I_BLOCK_SIZE];
    if major < 256 && minor < 256 {
        i_block[..4].copy_from_slice(&(major << 8 | minor).to_le_bytes());
    } else {
        let word = minor & 0xFF | major << 8 | (minor & !0xFF) << 12;
        i_block[4..8].copy_from_slice(&word.to_le_bytes());
    }
    Some(i_block)
}

/// The device that `i_block` means.
pub(super) fn decode_device(i_block: &[u8; I_BLOCK_SIZE]) -> DeviceNumber {
    let [old, new] = [0, 4].map(|at| {
        let mut word = [0; 4];
        word.copy_from_slice(&i_block[at..at + 4]);
        u32::from_le_bytes(word)
    });
    match old {
        0 => DeviceNumber { major: (new >> 8) & 0xFFF, minor: new & 0xFF | (new >> 12) & 0xF_FF00 },
        word => DeviceNumber { major: (word >> 8) & 0xFF, minor: word & 0xFF },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn devices_are_encoded_the_old_way_where_they_fit() {
        for (major, minor, word, value) in [
            (1, 3, 0, 0x0103),
            (255, 255, 0, 0xFFFF),
            (256, 0, 1, 0x1_0000),
            (8, 256, 1, 0x10_0800),
            (4095, 0xF_FFFF, 1, 0xFFFF_FFFF),
        ] {
            let device = DeviceNumber { major, minor };
            let i_block = encode_device(device).unwrap();
            let at: usize = word * 4;
            assert_eq!(i_block[at..at + 4], u32::to_le_bytes(value), "{major}:{minor}");
            assert_eq!(decode_device(&i_block), device);
        }
        assert_eq!(encode_device(DeviceNumber { major: 4096, minor: 0 }), None);
        assert_eq!(encode_device(DeviceNumber { major: 0, minor: 1 << 20 }), None);
    }
}
