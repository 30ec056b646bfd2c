//! The report: areas of a disk, each with what is on it.

use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::btrfs::SubvolumeReport;
use super::system::{BootReport, SystemReport};
use super::{Depth, InspectError, bytes, open};
use crate::fs::btrfs::BtrfsError;
use crate::fs::probe::{Kind, probe};
use crate::fs::{ext4, fat, squashfs};
use crate::tree::{self, Tree};
use crate::units::{ByteRange, ByteSize};
use crate::volume::{Block, SliceBlock, gpt};

/// What is on an image or device.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// Bytes of the whole.
    pub size: ByteSize,
    /// Bytes of a logical sector, as the partition table counts them.
    pub sector_size: u64,
    /// The partition table; null where there is none.
    pub table: Option<TableReport>,
    /// The partitions, or the whole where there is no table.
    pub areas: Vec<Area>,
    /// The machine's boot files, from its EFI system partition.
    pub boot: Option<BootReport>,
    /// The systems installed in its Nix store.
    pub system: Option<SystemReport>,
    #[serde(skip)]
    depth: Depth,
}

/// A partition table.
#[derive(Clone, Debug, Serialize)]
pub struct TableReport {
    /// `gpt`.
    pub kind: &'static str,
    /// Identity of the disk.
    pub guid: String,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// A partition, or a disk without partitions.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Area {
    /// Number of the partition; null for the whole disk.
    pub number: Option<u32>,
    /// Its name in the table.
    pub name: Option<String>,
    /// What its type is called, or the type's GUID.
    pub partition_type: Option<String>,
    /// Its identity.
    pub guid: Option<String>,
    /// Where it begins, in bytes.
    pub start: u64,
    /// Its size.
    pub size: ByteSize,
    /// What is on it, as `mount` or `blkid` call it; null for nothing that is known.
    pub format: Option<String>,
    /// The content's own name.
    pub label: Option<String>,
    /// The content's identity.
    pub uuid: Option<String>,
    /// Subvolumes of a btrfs, by their numbers.
    pub subvolumes: Vec<SubvolumeReport>,
    /// Bytes free, of file systems that were read.
    pub free: Option<ByteSize>,
    /// What is told of a Squashfs file system.
    pub squashfs: Option<SquashfsReport>,
    /// What is wrong with the content.
    pub problems: Vec<String>,
}

/// A Squashfs file system.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SquashfsReport {
    /// How its blocks are compressed.
    pub compression: &'static str,
    /// Bytes of a block before compression.
    pub block_size: ByteSize,
    /// Bytes that it takes.
    pub used: ByteSize,
    /// Bytes of its files.
    pub content: ByteSize,
    /// How many inodes it has.
    pub inodes: u32,
    /// How many of them are files.
    pub files: usize,
    /// How many are directories.
    pub directories: usize,
    /// When it was made, in seconds from 1970.
    pub made: i64,
}

impl Report {
    /// Reads the image or device at `path`.
    ///
    /// # Errors
    ///
    /// When it cannot be read at all; damage of what is on it is part of the report.
    pub fn of(path: &Path, depth: Depth) -> Result<Self, InspectError> {
        let disk = open(path)?;
        let mut report = Self {
            size: ByteSize(disk.len()),
            sector_size: disk.sector_size().bytes(),
            table: None,
            areas: Vec::new(),
            boot: None,
            system: None,
            depth,
        };
        let disk: Arc<dyn Block> = Arc::new(disk);
        match gpt::read(&disk) {
            Ok(found) => report.add_partitions(&disk, &found)?,
            Err(gpt::ReadError::Block(error)) => return Err(error.into()),
            Err(_) => {
                if let Some(whole) = ByteRange::new(0, disk.len()) {
                    report.add_area(&disk, None, whole)?;
                }
            }
        }
        Ok(report)
    }

    fn add_partitions(&mut self, disk: &Arc<dyn Block>, found: &gpt::Found) -> Result<(), InspectError> {
        self.table = Some(TableReport {
            kind: "gpt",
            guid: found.table.disk_guid.to_string(),
            problems: found.problems.iter().map(ToString::to_string).collect(),
        });
        for (number, entry) in &found.table.entries {
            if let Some(range) = bytes(entry, disk.sector_size()) {
                self.add_area(disk, Some((*number, entry)), range)?;
            }
        }
        Ok(())
    }

    fn add_area(
        &mut self,
        disk: &Arc<dyn Block>,
        partition: Option<(u32, &gpt::Entry)>,
        range: ByteRange,
    ) -> Result<(), InspectError> {
        let mut area = Area {
            number: partition.map(|(number, _)| number),
            name: partition.map(|(_, entry)| entry.name.to_string()).filter(|name| !name.is_empty()),
            partition_type: partition.map(|(_, entry)| entry.type_guid.to_string()),
            guid: partition.map(|(_, entry)| entry.unique_guid.to_string()),
            start: range.start(),
            size: ByteSize(range.len()),
            format: None,
            label: None,
            uuid: None,
            subvolumes: Vec::new(),
            free: None,
            squashfs: None,
            problems: Vec::new(),
        };
        match SliceBlock::new(disk.clone(), range) {
            Ok(block) => self.read_content(&mut area, &block)?,
            Err(error) => area.problems.push(error.to_string()),
        }
        self.areas.push(area);
        Ok(())
    }

    fn read_content(
        &mut self,
        area: &mut Area,
        block: &SliceBlock<Arc<dyn Block>>,
    ) -> Result<(), InspectError> {
        let Some(signature) = probe(block)? else { return Ok(()) };
        area.format = Some(signature.kind.name().to_owned());
        area.label = signature.label;
        area.uuid = signature.uuid;
        match signature.kind {
            Kind::Fat => self.read_fat(area, block),
            Kind::Ext2 | Kind::Ext3 | Kind::Ext4 => self.read_ext4(area, block),
            Kind::Btrfs => self.read_btrfs(area, block),
            Kind::Squashfs => read_squashfs(area, block),
            _ => {}
        }
        Ok(())
    }

    fn read_fat(&mut self, area: &mut Area, block: &dyn Block) {
        let volume = match fat::read(block) {
            Ok(volume) => volume,
            Err(error) => return area.problems.push(crate::error::chain(&error)),
        };
        area.problems.extend(volume.problems.iter().map(ToString::to_string));
        area.free =
            Some(ByteSize(u64::from(volume.free_clusters).saturating_mul(volume.cluster_size().bytes())));
        match volume.tree() {
            Ok(tree) => self.add_boot(area, &tree),
            Err(error) => area.problems.push(crate::error::chain(&error)),
        }
    }

    fn add_boot(&mut self, area: &mut Area, tree: &Tree) {
        match BootReport::of(tree) {
            Ok(boot) if boot.is_empty() => {}
            Ok(boot) => self.boot = Some(boot),
            Err(error) => area.problems.push(crate::error::chain(&error)),
        }
    }

    fn read_btrfs(&mut self, area: &mut Area, block: &SliceBlock<Arc<dyn Block>>) {
        match super::btrfs::Found::read(block.clone(), self.depth) {
            Ok(found) => {
                area.free = Some(found.free);
                area.subvolumes = found.subvolumes;
                area.problems.extend(found.problems);
                self.system = found.system.or(self.system.take());
            }
            // The others may be on other disks, which nobody showed us.
            Err(BtrfsError::DevicesMissing { .. }) => {}
            Err(error) => area.problems.push(crate::error::chain(&error)),
        }
    }

    fn read_ext4(&mut self, area: &mut Area, block: &SliceBlock<Arc<dyn Block>>) {
        let reader = match ext4::read(block.clone()) {
            Ok(reader) => reader,
            Err(error) => return area.problems.push(crate::error::chain(&error)),
        };
        area.free = Some(reader.free());
        if !reader.is_clean() {
            area.problems.push("it was not unmounted cleanly".to_owned());
        }
        let tree = match Arc::new(reader).tree() {
            Ok(tree) => tree,
            Err(error) => return area.problems.push(crate::error::chain(&error)),
        };
        match SystemReport::of(&tree, self.depth) {
            Ok(Some(system)) => self.system = Some(system),
            Ok(None) => {}
            Err(error) => area.problems.push(crate::error::chain(&error)),
        }
    }
}

fn read_squashfs(area: &mut Area, block: &SliceBlock<Arc<dyn Block>>) {
    let found = squashfs::read(block.clone()).map(Arc::new).and_then(|reader| Ok((reader.tree()?, reader)));
    let (tree, reader) = match found {
        Ok(found) => found,
        Err(error) => return area.problems.push(crate::error::chain(&error)),
    };
    let facts = reader.facts();
    let count =
        |is_wanted: fn(&tree::Kind) -> bool| tree.nodes().filter(|(_, node)| is_wanted(&node.kind)).count();
    area.squashfs = Some(SquashfsReport {
        compression: facts.algorithm.name(),
        block_size: facts.block_size,
        used: facts.used,
        content: ByteSize(tree.content_len()),
        inodes: facts.inodes,
        files: count(|kind| matches!(kind, tree::Kind::File(_))),
        directories: count(|kind| matches!(kind, tree::Kind::Directory(_))),
        made: facts.made.seconds,
    });
}
