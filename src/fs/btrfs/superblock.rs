//! The superblock of a file system that is written, and its copies.

use zerocopy::{FromZeros, IntoBytes};

use super::btree::{GENERATION, Root};
use super::checksum::Checksum;
use super::chunk::{Chunk, Use};
use super::compression::Compression;
use super::error::BtrfsError;
use super::format::node::DiskKey;
use super::format::superblock::{FLAG_WRITTEN, LEN, MAGIC, OFFSETS, RootBackup, Superblock};
use super::format::{SECTOR, compat_ro, incompat, objectid};
use super::identities::Identities;
use super::options::Options;
use super::profile::Profile;
use super::trees::{DeviceTotals, chunk_key};
use super::volumes::Volumes;
use crate::units::{low_u32, u64_of};
use crate::volume::Block;

/// What the superblock says beside the options.
pub struct Facts<'a> {
    /// All chunks.
    pub chunks: &'a [Chunk],
    /// The devices.
    pub totals: &'a DeviceTotals,
    /// Identities of everything.
    pub identities: &'a Identities,
    /// Roots of the trees of roots and of chunks.
    pub roots: (Root, Root),
    /// Roots of the trees of extents, of the top, of devices' extents and of checksums.
    pub kept: [Root; 4],
    /// Bytes that extents and nodes take.
    pub bytes_used: u64,
    /// `incompat_flags`.
    pub incompat: u64,
}

/// The features that must be understood to read a file system of `volumes` and `options`.
pub fn incompat(volumes: &Volumes<'_>, options: &Options) -> u64 {
    let mut flags =
        incompat::MIXED_BACKREF | incompat::EXTENDED_IREF | incompat::SKINNY_METADATA | incompat::NO_HOLES;
    if options.node_size.bytes() > SECTOR {
        flags |= incompat::BIG_METADATA;
    }
    if options.default_subvolume.is_some() {
        flags |= incompat::DEFAULT_SUBVOL;
    }
    for profile in [options.data, options.metadata] {
        if let Profile::Raid1c3 | Profile::Raid1c4 = profile {
            flags |= incompat::RAID1C34;
        }
    }
    for filling in volumes.all() {
        match filling.storage.compression {
            Some(Compression::Lzo) => flags |= incompat::COMPRESS_LZO,
            Some(Compression::Zstd(_)) => flags |= incompat::COMPRESS_ZSTD,
            Some(Compression::Zlib(_)) | None => {}
        }
    }
    flags
}

impl Facts<'_> {
    /// The superblock of device `index`, for offset `bytenr`.
    fn superblock(&self, index: usize, bytenr: u64, options: &Options) -> Superblock {
        let (tree_root, chunk_root) = self.roots;
        let mut block = Superblock::new_zeroed();
        block.fsid = self.identities.fsid;
        block.bytenr = bytenr.into();
        block.flags = FLAG_WRITTEN.into();
        block.magic = MAGIC;
        block.generation = GENERATION.into();
        block.root = tree_root.address.0.into();
        block.chunk_root = chunk_root.address.0.into();
        block.total_bytes = self.totals.lens.iter().sum::<u64>().into();
        block.bytes_used = self.bytes_used.into();
        block.root_dir_objectid = objectid::ROOT_TREE_DIR.into();
        block.num_devices = u64_of(self.totals.lens.len()).into();
        block.sectorsize = low_u32(SECTOR).into();
        block.nodesize = low_u32(options.node_size.bytes()).into();
        block.leafsize = block.nodesize;
        block.stripesize = block.sectorsize;
        block.chunk_root_generation = GENERATION.into();
        block.compat_ro_flags = (compat_ro::FREE_SPACE_TREE | compat_ro::FREE_SPACE_TREE_VALID).into();
        block.incompat_flags = self.incompat.into();
        block.csum_type = options.checksum.code().into();
        block.root_level = tree_root.level;
        block.chunk_root_level = chunk_root.level;
        block.dev_item = self.totals.item(index, self.identities);
        block.label = options.label.padded();
        block.uuid_tree_generation = GENERATION.into();
        self.put_system_chunks(&mut block);
        block.super_roots[0] = self.backup(&block);
        block
    }

    fn put_system_chunks(&self, block: &mut Superblock) {
        let mut at = 0;
        for chunk in self.chunks.iter().filter(|chunk| chunk.content == Use::System) {
            let key = DiskKey::from(chunk_key(chunk));
            let item = chunk.item(|device| self.identities.device(device));
            for bytes in [key.as_bytes(), &item] {
                block.sys_chunk_array[at..at + bytes.len()].copy_from_slice(bytes);
                at += bytes.len();
            }
        }
        block.sys_chunk_array_size = low_u32(u64_of(at)).into();
    }

    fn backup(&self, block: &Superblock) -> RootBackup {
        let root = |root: Root| [root.address.0.into(), GENERATION.into()];
        let (tree_root, chunk_root) = self.roots;
        let [extent, top, device, csum] = self.kept;
        RootBackup {
            tree_root: root(tree_root),
            chunk_root: root(chunk_root),
            extent_root: root(extent),
            fs_root: root(top),
            dev_root: root(device),
            csum_root: root(csum),
            total_bytes: block.total_bytes,
            bytes_used: block.bytes_used,
            num_devices: block.num_devices,
            unused: [0.into(); 4],
            levels: [tree_root, chunk_root, extent, top, device, csum].map(|root| root.level),
            unused_bytes: [0; 10],
        }
    }

    /// Writes all superblocks; the first of the first device comes last.
    pub fn write(&self, blocks: &[&dyn Block], options: &Options) -> Result<(), BtrfsError> {
        for bytenr in OFFSETS.into_iter().rev() {
            for (index, block) in blocks.iter().enumerate().rev() {
                if self.totals.lens[index] < bytenr + LEN {
                    continue;
                }
                let mut superblock = self.superblock(index, bytenr, options);
                superblock.csum = sum(&superblock, options.checksum);
                block.write_at(superblock.as_bytes(), bytenr)?;
            }
        }
        Ok(())
    }
}

/// The checksum that belongs into a superblock.
pub fn sum(superblock: &Superblock, checksum: Checksum) -> [u8; 32] {
    checksum.of(&superblock.as_bytes()[32..])
}
