//! Putting a volume on a Block: everything decided, nothing left to fail but I/O.

use zerocopy::IntoBytes;

use super::chain::ChainWriter;
use super::error::FatError;
use super::format::{
    ATTRIBUTE_ARCHIVE, ATTRIBUTE_DIRECTORY, ATTRIBUTE_LABEL, BACKUP_SECTOR, BOOT_SIGNATURE,
    BOOT_SIGNATURE_AT, BootSector, BootSector32, BootSectorEnd, EXTENDED_BOOT_SIGNATURE, FS_INFO_SECTOR,
    FsInfo, MEDIA, ShortEntry,
};
use super::geometry::{Cluster, Geometry};
use super::kind::Kind;
use super::label::{NO_NAME, VolumeLabel};
use super::layout::{Layout, Measure, Run};
use super::name::{self, ShortName};
use super::options::Options;
use super::survey::{File, Survey, Target};
use super::time::DosTime;
use crate::progress::Step;
use crate::timestamp::Timestamp;
use crate::tree::{Content, ContentError, Kind as NodeKind, NodeId, Tree};
use crate::units::{ByteRange, ByteSize, low_u8, low_u16, low_u32, usize_of};
use crate::volume::{Block, BlockError};

/// What a BIOS finds that starts the volume: interrupt 18h, "nothing to boot here", then a halt.
const BOOT_CODE: [u8; 5] = [0xcd, 0x18, 0xf4, 0xeb, 0xfd];

/// Up to so many zeroes are written as such.
static ZEROES: [u8; 4095] = [0; 4095];

/// Makes a volume of `tree` that fills `block`. `step` counts the bytes of files.
///
/// Nothing is written when the tree cannot be on FAT or does not fit. The boot sector is the last write:
/// before it, nobody takes the Block for a FAT volume. The caller flushes.
pub fn write(
    tree: &Tree,
    options: &Options,
    block: &dyn Block,
    step: &Step<'_>,
) -> Result<Measure, FatError> {
    if options.sector_size != block.sector_size() {
        return Err(FatError::SectorSize { planned: options.sector_size, found: block.sector_size() });
    }
    let survey = Survey::new(tree, options)?;
    let layout = Layout::new(&survey, options, ByteSize(block.len()))?;
    let writer = Writer { tree, options, survey: &survey, layout: &layout, block };
    writer.clear_metadata()?;
    writer.write_directories()?;
    writer.write_files(step)?;
    writer.write_chains()?;
    writer.write_boot_sectors()?;
    Ok(layout.measure(&survey))
}

struct Writer<'a> {
    tree: &'a Tree,
    options: &'a Options,
    survey: &'a Survey,
    layout: &'a Layout,
    block: &'a dyn Block,
}

impl Writer<'_> {
    fn geometry(&self) -> &Geometry {
        &self.layout.geometry
    }

    /// Zeroes everything before the first cluster.
    fn clear_metadata(&self) -> Result<(), FatError> {
        self.zero(0, self.geometry().data_offset())
    }

    fn zero(&self, offset: u64, len: u64) -> Result<(), FatError> {
        // The end of a page whose beginning was just written: a hole there would save nothing.
        if let Some(zeroes) = ZEROES.get(..usize_of(len)) {
            return Ok(self.block.write_at(zeroes, offset)?);
        }
        let range = ByteRange::new(offset, len)
            .ok_or_else(|| BlockError::out_of_range("the volume", offset, len, self.block.len()))?;
        Ok(self.block.zero_range(range)?)
    }

    fn write_directories(&self) -> Result<(), FatError> {
        for (index, run) in self.layout.directories.iter().enumerate() {
            let mut bytes = self.directory(index);
            let offset = match (index, self.geometry().shape.kind) {
                // It has its own area, which is zero already.
                (0, Kind::Fat12 | Kind::Fat16) => self.geometry().root_offset(),
                _ => {
                    bytes.resize(usize_of(u64::from(run.clusters) * self.geometry().shape.cluster_size), 0);
                    self.geometry().cluster_offset(run.first)
                }
            };
            self.block.write_at(&bytes, offset)?;
        }
        Ok(())
    }

    /// The entries of directory `index`.
    fn directory(&self, index: usize) -> Vec<u8> {
        let directory = &self.survey.directories[index];
        let mut bytes = Vec::with_capacity(usize_of(directory.len()));
        if index > 0 {
            let own = self.entry(ShortName::DOT, directory.node, self.directory_cluster(index));
            let above = self.survey.directories[directory.parent].node;
            let above = self.entry(ShortName::DOT_DOT, above, self.directory_cluster(directory.parent));
            bytes.extend_from_slice(own.as_bytes());
            bytes.extend_from_slice(above.as_bytes());
        } else if let Some(label) = &self.options.label {
            bytes.extend_from_slice(label_entry(label, self.options.timestamp).as_bytes());
        }
        for entry in &directory.entries {
            if let Some(long) = &entry.long {
                name::push_long_entries(&mut bytes, long, entry.short.checksum());
            }
            let record = match entry.target {
                Target::Directory(index) => {
                    let node = self.survey.directories[index].node;
                    self.entry(entry.short, node, self.directory_cluster(index))
                }
                Target::File(index) => {
                    let (file, run) = (&self.survey.files[index], self.layout.files[index]);
                    ShortEntry {
                        attributes: ATTRIBUTE_ARCHIVE,
                        size: file.len.into(),
                        ..self.entry(entry.short, file.node, first_cluster(run))
                    }
                }
            };
            bytes.extend_from_slice(record.as_bytes());
        }
        bytes
    }

    /// The cluster that entries give for directory `index`; 0 for the root, wherever it is (FATGEN).
    fn directory_cluster(&self, index: usize) -> u32 {
        if index == 0 { 0 } else { first_cluster(self.layout.directories[index]) }
    }

    /// The entry of a directory.
    fn entry(&self, name: ShortName, node: NodeId, cluster: u32) -> ShortEntry {
        let time = DosTime::from(self.tree.node(node).metadata.modified);
        ShortEntry {
            name: name.bytes,
            attributes: ATTRIBUTE_DIRECTORY,
            nt_case: name.case,
            creation_hundredths: time.hundredths,
            creation_time: time.time.into(),
            creation_date: time.date.into(),
            access_date: time.date.into(),
            cluster_high: low_u16(u64::from(cluster) >> 16).into(),
            write_time: time.time.into(),
            write_date: time.date.into(),
            cluster_low: low_u16(cluster.into()).into(),
            size: 0.into(),
        }
    }

    fn write_files(&self, step: &Step<'_>) -> Result<(), FatError> {
        for (file, run) in self.survey.files.iter().zip(&self.layout.files) {
            if let NodeKind::File(content) = &self.tree.node(file.node).kind {
                self.write_file(file, content, *run)?;
                step.advance(content.len());
            }
        }
        Ok(())
    }

    fn write_file(&self, file: &File, content: &Content, run: Run) -> Result<(), FatError> {
        let offset = self.geometry().cluster_offset(run.first);
        let error = |source: ContentError| FatError::Content { path: file.path.clone(), source };
        let mut written = 0;
        if run.clusters > 0 {
            let open = content.open().map_err(error)?;
            for range in content.data_ranges() {
                // What is between the data may hold something else's old bytes.
                self.zero(offset + written, range.start() - written)?;
                open.copy_to(range, self.block, offset + range.start()).map_err(error)?;
                written = range.end();
            }
        }
        let allocated = u64::from(run.clusters) * self.geometry().shape.cluster_size;
        self.zero(offset + written, allocated - written)
    }

    fn write_chains(&self) -> Result<(), FatError> {
        let mut writer = ChainWriter::new(self.block, self.geometry())?;
        for run in self.layout.directories.iter().chain(&self.layout.files) {
            writer.push_run(*run)?;
        }
        Ok(writer.finish()?)
    }

    fn write_boot_sectors(&self) -> Result<(), FatError> {
        let boot = self.boot_sector();
        if self.geometry().shape.kind == Kind::Fat32 {
            let (used, all) = (self.layout.used, self.geometry().clusters);
            // A full volume has no next free cluster: all ones say that it is not known.
            let next = if used < all { Cluster::FIRST.0 + used } else { u32::MAX };
            let info = FsInfo::new(all - used, next);
            self.write_sector(FS_INFO_SECTOR, info.as_bytes())?;
            self.write_sector(BACKUP_SECTOR, &boot)?;
            self.write_sector(BACKUP_SECTOR + FS_INFO_SECTOR, info.as_bytes())?;
        }
        self.write_sector(0, &boot)
    }

    fn write_sector(&self, sector: u16, bytes: &[u8]) -> Result<(), FatError> {
        Ok(self.block.write_at(bytes, u64::from(sector) * self.options.sector_size.bytes())?)
    }

    /// The first 512 bytes of the volume.
    fn boot_sector(&self) -> [u8; 512] {
        let geometry = self.geometry();
        let kind = geometry.shape.kind;
        let head = boot_sector_head(geometry, self.options.hidden_sectors);
        let end = BootSectorEnd {
            drive: 0x80,
            dirty: 0,
            boot_signature: EXTENDED_BOOT_SIGNATURE,
            serial: self.options.serial.into(),
            label: self.options.label.map_or(NO_NAME, |label| label.padded()),
            kind: *kind.name(),
        };
        let mut bytes = head.as_bytes().to_vec();
        if kind == Kind::Fat32 {
            let middle = BootSector32 {
                fat_sectors: low_u32(geometry.fat_sectors).into(),
                extended_flags: 0.into(),
                version: 0.into(),
                root_cluster: Cluster::FIRST.0.into(),
                fs_info: FS_INFO_SECTOR.into(),
                backup: BACKUP_SECTOR.into(),
                reserved: [0; 12],
            };
            bytes.extend_from_slice(middle.as_bytes());
        }
        bytes.extend_from_slice(end.as_bytes());
        bytes.extend_from_slice(&BOOT_CODE);
        let mut sector = [0; 512];
        sector[..bytes.len()].copy_from_slice(&bytes);
        sector[BOOT_SIGNATURE_AT..].copy_from_slice(&BOOT_SIGNATURE);
        sector
    }
}

/// The part of the boot sector that says where everything is.
fn boot_sector_head(geometry: &Geometry, hidden_sectors: u32) -> BootSector {
    let shape = geometry.shape;
    let is_32 = shape.kind == Kind::Fat32;
    let total_16 = u16::try_from(geometry.total_sectors).ok().filter(|_| !is_32);
    BootSector {
        // A jump to the code behind all this, and a NOP.
        jump: [0xeb, if is_32 { 0x58 } else { 0x3c }, 0x90],
        oem_name: *b"MSWIN4.1",
        bytes_per_sector: low_u16(shape.sector_size.bytes()).into(),
        // At most 64: clusters have up to 32 KiB.
        sectors_per_cluster: low_u8(shape.sectors_per_cluster()),
        reserved_sectors: low_u16(geometry.reserved_sectors).into(),
        fats: 2,
        root_entries: shape.root_entries.into(),
        total_sectors_16: total_16.unwrap_or(0).into(),
        media: MEDIA,
        fat_sectors_16: if is_32 { 0 } else { low_u16(geometry.fat_sectors) }.into(),
        sectors_per_track: 63.into(),
        heads: 255.into(),
        hidden_sectors: hidden_sectors.into(),
        total_sectors_32: if total_16.is_some() { 0 } else { low_u32(geometry.total_sectors) }.into(),
    }
}

/// The number of a run's first cluster as entries give it: 0 when it has none.
fn first_cluster(run: Run) -> u32 {
    if run.clusters == 0 { 0 } else { run.first.0 }
}

fn label_entry(label: &VolumeLabel, timestamp: Timestamp) -> ShortEntry {
    let time = DosTime::from(timestamp);
    ShortEntry {
        name: label.padded(),
        attributes: ATTRIBUTE_LABEL,
        nt_case: 0,
        creation_hundredths: time.hundredths,
        creation_time: time.time.into(),
        creation_date: time.date.into(),
        access_date: time.date.into(),
        cluster_high: 0.into(),
        write_time: time.time.into(),
        write_date: time.date.into(),
        cluster_low: 0.into(),
        size: 0.into(),
    }
}
