//! The inode tables: every inode's bytes from its place in tree and layout.

use super::block::{BlockNumber, InodeNumber};
use super::checksum::{ChecksumSeed, InodeSeed};
use super::directory::kind_codes;
use super::extent::ExtentTree;
use super::format::inode::{FAST_SYMLINK_MAX, FLAG_EXTENTS, FLAG_INDEX, I_BLOCK_SIZE, mode};
use super::inode::{INODE_BYTES, InodeFields, encode_device, unused};
use super::layout::Layout;
use super::resize;
use super::survey::{Role, Survey};
use super::time::DiskTime;
use super::xattr::{INODE_AREA, XattrPlan};
use crate::tree::{Kind, NodeId};
use crate::units::u64_of;

/// Permissions of a `lost+found` that is not the tree's.
const LOST_FOUND_MODE: u16 = 0o700;

/// Makes inodes.
#[derive(Debug)]
pub(super) struct Table<'l, 't> {
    /// What is placed.
    pub survey: &'l Survey<'t>,
    /// Where.
    pub layout: &'l Layout,
    /// What checksums start from.
    pub seed: ChecksumSeed,
    /// Time of inodes that are not the tree's.
    pub time: DiskTime,
}

impl Table<'_, '_> {
    /// What the checksums of inode `number` start from: generations are all zero.
    pub fn seed_of(&self, number: InodeNumber) -> InodeSeed {
        self.seed.inode(number, 0)
    }

    /// The bytes of inode `number`.
    pub fn inode(&self, number: InodeNumber) -> [u8; INODE_BYTES] {
        let seed = self.seed_of(number);
        let block_size = self.survey.block_size;
        match self.survey.role(number) {
            Role::Unused => unused(seed),
            Role::Resize => match self.layout.resize_block {
                Some(place) => resize::inode(&self.layout.geometry, place, self.time, seed),
                None => unused(seed),
            },
            Role::Journal if self.layout.geometry.journal_blocks == 0 => unused(seed),
            Role::Journal => self.mapped(number, mode::REGULAR | 0o600).encode(block_size, seed),
            Role::LostFound => {
                let mut fields = self.mapped(number, mode::DIRECTORY | LOST_FOUND_MODE);
                fields.links = 2;
                fields.encode(block_size, seed)
            }
            Role::Node(id) => self.node(number, id).encode(block_size, seed),
        }
    }

    /// The extent tree of inode `number`.
    pub fn extent_tree(&self, number: InodeNumber) -> ExtentTree {
        let map = self.layout.map(number);
        ExtentTree::new(map.extents, map.tree, self.survey.block_size, self.seed_of(number))
    }

    /// `i_block` and size of the journal, for the superblock's copy.
    pub fn journal(&self, number: InodeNumber) -> ([u8; I_BLOCK_SIZE], u64) {
        let fields = self.mapped(number, mode::REGULAR | 0o600);
        (fields.i_block, fields.size)
    }

    /// An inode whose size is that of its blocks.
    fn mapped(&self, number: InodeNumber, mode: u16) -> InodeFields {
        let map = self.layout.map(number);
        let mut fields = InodeFields::new(mode, self.time);
        fields.flags = FLAG_EXTENTS;
        fields.i_block = self.extent_tree(number).root;
        fields.blocks = map.blocks();
        let content: u64 = map.extents.iter().map(|extent| u64::from(extent.blocks)).sum();
        fields.size = content * self.survey.block_size.bytes();
        fields
    }

    fn node(&self, number: InodeNumber, id: NodeId) -> InodeFields {
        let node = self.survey.tree.node(id);
        let (_, kind_bits) = kind_codes(&node.kind);
        let mode = kind_bits | node.metadata.permissions;
        let mut fields = match &node.kind {
            Kind::Directory(_) => {
                let mut fields = self.mapped(number, mode);
                if self.survey.blocks(id) > 1 {
                    fields.flags |= FLAG_INDEX;
                }
                fields
            }
            Kind::File(content) => {
                let mut fields = self.mapped(number, mode);
                fields.size = content.len();
                fields
            }
            Kind::Symlink(target) if target.len() > FAST_SYMLINK_MAX => {
                let mut fields = self.mapped(number, mode);
                fields.size = u64_of(target.len());
                fields
            }
            Kind::Symlink(target) => {
                let mut fields = InodeFields::new(mode, self.time);
                fields.i_block[..target.len()].copy_from_slice(target);
                fields.size = u64_of(target.len());
                fields
            }
            Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                let mut fields = InodeFields::new(mode, self.time);
                // The survey has refused devices that have no encoding.
                fields.i_block = encode_device(*device).unwrap_or([0; I_BLOCK_SIZE]);
                fields
            }
            Kind::Fifo | Kind::Socket => InodeFields::new(mode, self.time),
        };
        fields.uid = node.metadata.uid;
        fields.gid = node.metadata.gid;
        fields.links = self.survey.links(id);
        // The survey has refused times that have no encoding.
        fields.time = DiskTime::encode(node.metadata.modified).unwrap_or_default();
        (fields.xattrs, fields.xattr_block) = self.xattrs(id);
        fields.blocks += u64::from(fields.xattr_block != BlockNumber(0));
        fields
    }

    /// The attributes in the inode of node `id`, and the block of the others.
    fn xattrs(&self, id: NodeId) -> ([u8; INODE_AREA], BlockNumber) {
        let xattrs = &self.survey.tree.node(id).metadata.xattrs;
        // The survey has refused attributes that do not fit.
        let area = match XattrPlan::new(xattrs, self.survey.block_size) {
            Ok(plan) => plan.inode_area(),
            Err(_) => [0; INODE_AREA],
        };
        let place = self.survey.xattr_blocks.of(id).map(|index| self.layout.xattr_blocks[index]);
        (area, place.unwrap_or_default())
    }
}
