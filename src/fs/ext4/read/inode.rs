//! Inodes as they are read.

use zerocopy::{FromZeros, IntoBytes};

use super::super::block::{BlockNumber, InodeNumber};
use super::super::checksum::InodeSeed;
use super::super::error::{Ext4Error, Place};
use super::super::format::group::INODE_UNINIT;
use super::super::format::inode::{
    BASE_SIZE, FAST_SYMLINK_MAX, FLAG_EXTENTS, FLAG_HUGE_FILE, FLAG_INDEX, FLAG_INLINE_DATA, Inode as Fields,
    mode,
};
use super::super::inode::decode_device;
use super::super::time::DiskTime;
use super::{Reader, corrupt, join};
use crate::timestamp::Timestamp;
use crate::tree::DeviceNumber;
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// What an inode is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InodeKind {
    /// Names of other inodes.
    Directory,
    /// Bytes.
    File,
    /// A path to go on with.
    Symlink,
    /// A character device.
    CharDevice(DeviceNumber),
    /// A block device.
    BlockDevice(DeviceNumber),
    /// A named pipe.
    Fifo,
    /// A socket's name.
    Socket,
}

/// An inode that was read and checked.
#[derive(Clone, Debug)]
pub struct Inode {
    /// Its number.
    pub(in crate::fs::ext4) number: InodeNumber,
    /// Its fields; those that a short inode lacks are zero.
    pub(in crate::fs::ext4) fields: Fields,
    /// What stands behind the fields.
    pub(super) area: Vec<u8>,
    /// What its checksums start from.
    pub(super) seed: InodeSeed,
    kind: InodeKind,
}

impl Inode {
    /// Its number, from 1.
    pub fn number(&self) -> u32 {
        self.number.0
    }

    /// What it is.
    pub fn kind(&self) -> InodeKind {
        self.kind
    }

    /// Permission bits with set-uid, set-gid and sticky.
    pub fn permissions(&self) -> u16 {
        self.fields.i_mode.get() & !mode::KIND_MASK
    }

    /// Owner's user number.
    pub fn uid(&self) -> u32 {
        u32::from(self.fields.i_uid.get()) | u32::from(self.fields.l_i_uid_high.get()) << 16
    }

    /// Owning group's number.
    pub fn gid(&self) -> u32 {
        u32::from(self.fields.i_gid.get()) | u32::from(self.fields.l_i_gid_high.get()) << 16
    }

    /// How many names it has; 1 for a directory with more subdirectories than can be counted.
    pub fn links(&self) -> u16 {
        self.fields.i_links_count.get()
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        join(self.fields.i_size_lo.get(), self.fields.i_size_high.get())
    }

    /// Time of the last modification.
    pub fn modified(&self) -> Timestamp {
        let (seconds, extra) = (self.fields.i_mtime.get(), self.fields.i_mtime_extra.get());
        DiskTime { seconds, extra }.decode()
    }

    /// Units of 512 bytes that it takes; `None` where they are counted in blocks.
    pub(super) fn sectors(&self) -> Option<u64> {
        let sectors = join(self.fields.i_blocks_lo.get(), self.fields.l_i_blocks_high.get().into());
        (self.fields.i_flags.get() & FLAG_HUGE_FILE == 0).then_some(sectors)
    }

    /// Block of extended attributes.
    pub(in crate::fs::ext4) fn xattr_block(&self) -> Option<BlockNumber> {
        let block = join(self.fields.i_file_acl_lo.get(), self.fields.l_i_file_acl_high.get().into());
        (block != 0).then_some(BlockNumber(block))
    }

    /// Whether blocks are mapped by extents.
    pub(super) fn has_extents(&self) -> bool {
        self.fields.i_flags.get() & FLAG_EXTENTS != 0
    }

    /// Whether the directory has a hash tree.
    pub(super) fn has_index(&self) -> bool {
        self.fields.i_flags.get() & FLAG_INDEX != 0
    }

    /// Whether `i_block` maps blocks: it does not in short links, devices, pipes and sockets.
    pub(super) fn has_blocks(&self) -> bool {
        match self.kind {
            InodeKind::Directory | InodeKind::File => true,
            // Kernels tell a short link by its having no blocks; its length says the same.
            InodeKind::Symlink => self.has_extents() || self.size() > u64_of(FAST_SYMLINK_MAX),
            InodeKind::CharDevice(_) | InodeKind::BlockDevice(_) | InodeKind::Fifo | InodeKind::Socket => {
                false
            }
        }
    }
}

impl<B: Block> Reader<B> {
    /// The inode `number`, which must be in use.
    pub(in crate::fs::ext4) fn inode(&self, number: InodeNumber) -> Result<Inode, Ext4Error> {
        let (fields, area) = self.inode_fields(number)?;
        let seed = self.seed.inode(number, fields.i_generation.get());
        let wrong = |what: String| corrupt(Place::Inode(number.0), what);
        let kind = match fields.i_mode.get() & mode::KIND_MASK {
            mode::DIRECTORY => InodeKind::Directory,
            mode::REGULAR => InodeKind::File,
            mode::SYMLINK => InodeKind::Symlink,
            mode::CHAR_DEVICE => InodeKind::CharDevice(decode_device(&fields.i_block)),
            mode::BLOCK_DEVICE => InodeKind::BlockDevice(decode_device(&fields.i_block)),
            mode::FIFO => InodeKind::Fifo,
            mode::SOCKET => InodeKind::Socket,
            0 => return Err(wrong("it is not in use".to_owned())),
            other => return Err(wrong(format!("its mode {other:#x} is of no kind"))),
        };
        if fields.i_flags.get() & FLAG_INLINE_DATA != 0 {
            return Err(Ext4Error::Unsupported("files inside of inodes".to_owned()));
        }
        Ok(Inode { number, fields, area, seed, kind })
    }

    /// The fields of inode `number`, in use or not, and what stands behind them.
    pub(super) fn inode_fields(&self, number: InodeNumber) -> Result<(Fields, Vec<u8>), Ext4Error> {
        let wrong = |what: &str| corrupt(Place::Inode(number.0), what);
        let sb = &self.superblock;
        if number.0 == 0 || number.0 > sb.s_inodes_count.get() {
            return Err(wrong("there is no inode of this number"));
        }
        let index = number.0 - 1;
        let group = index / sb.s_inodes_per_group.get();
        let slot = u64::from(index % sb.s_inodes_per_group.get());
        let descriptor = &self.groups[usize_of(group.into())];
        if descriptor.bg_flags.get() & INODE_UNINIT != 0 && self.has_uninit_groups() {
            return Err(wrong("its group says that none of its inodes is in use"));
        }
        let size = usize_of(sb.s_inode_size.get().into());
        let mut bytes = vec![0; size];
        let offset = self.inode_table(descriptor).offset(self.block_size) + slot * u64_of(size);
        self.block.read_at(&mut bytes, offset)?;
        let mut fields = Fields::new_zeroed();
        fields.as_mut_bytes()[..BASE_SIZE].copy_from_slice(&bytes[..BASE_SIZE]);
        if size == BASE_SIZE {
            self.check_inode(number, &fields, &bytes)?;
            return Ok((fields, Vec::new()));
        }
        let known = size_of::<Fields>();
        fields.as_mut_bytes()[BASE_SIZE..].copy_from_slice(&bytes[BASE_SIZE..known]);
        self.check_inode(number, &fields, &bytes)?;
        let extra = usize::from(fields.i_extra_isize.get());
        if extra > size - BASE_SIZE || !extra.is_multiple_of(4) {
            return Err(wrong("the size of its fields is impossible"));
        }
        // Fields that this inode does not have are somebody's attributes, and zero to us.
        let present = (BASE_SIZE + extra).min(known);
        fields.as_mut_bytes()[present..].fill(0);
        Ok((fields, bytes[BASE_SIZE + extra..].to_vec()))
    }

    fn check_inode(&self, number: InodeNumber, fields: &Fields, bytes: &[u8]) -> Result<(), Ext4Error> {
        // An inode that was never written is all zero, its checksum too.
        if !self.has_checksums() || bytes.iter().all(|byte| *byte == 0) {
            return Ok(());
        }
        let expected = self.seed.inode(number, fields.i_generation.get()).inode(bytes);
        let low = u32::from(fields.l_i_checksum_lo.get());
        let right = match fields.i_extra_isize.get() {
            // Without room for the upper half only the lower is kept.
            0..4 => low == expected & 0xFFFF,
            _ => low | u32::from(fields.i_checksum_hi.get()) << 16 == expected,
        };
        if right { Ok(()) } else { Err(corrupt(Place::Inode(number.0), "its checksum is wrong")) }
    }
}
