//! The boot sector of a volume that somebody made.

use zerocopy::FromBytes;

use super::format::{
    BOOT_SIGNATURE, BOOT_SIGNATURE_AT, BootSector, BootSector32, BootSectorEnd, EXTENDED_BOOT_SIGNATURE,
};
use super::geometry::{Geometry, Shape};
use super::kind::Kind;
use super::label::VolumeLabel;
use super::read::ReadError;
use crate::units::SectorSize;
use crate::volume::Block;

/// What a boot sector says, checked as far as it says where things are.
pub(super) struct Superblock {
    /// The areas.
    pub(super) geometry: Geometry,
    /// First cluster of the root directory, on FAT32.
    pub(super) root_cluster: Option<u32>,
    /// Serial number.
    pub(super) serial: u32,
    /// Label.
    pub(super) label: Option<VolumeLabel>,
}

impl Superblock {
    /// Reads the first sector. Every area of the result is within `block`.
    pub(super) fn read(block: &dyn Block) -> Result<Self, ReadError> {
        if block.len() < 512 {
            return Err(ReadError::None("it is shorter than a sector"));
        }
        let mut bytes = [0; 512];
        block.read_at(&mut bytes, 0)?;
        if bytes[BOOT_SIGNATURE_AT..] != BOOT_SIGNATURE {
            return Err(ReadError::None("the first sector has no signature"));
        }
        let bad = |_| ReadError::None("the first sector is no boot sector");
        let (head, rest) = BootSector::read_from_prefix(&bytes).map_err(bad)?;
        // Any boot record has the signature; only a boot sector begins with a jump and has a media byte.
        if !matches!(head.jump, [0xeb, _, 0x90] | [0xe9, _, _]) || head.media < 0xf0 {
            return Err(ReadError::None("the first sector is no boot sector"));
        }
        let (middle, rest) = match head.fat_sectors_16.get() {
            0 => BootSector32::read_from_prefix(rest).map(|(middle, rest)| (Some(middle), rest)),
            _ => Ok((None, rest)),
        }
        .map_err(|_| ReadError::None("the first sector is no boot sector"))?;
        let (end, _) = BootSectorEnd::read_from_prefix(rest)
            .map_err(|_| ReadError::None("the first sector is no boot sector"))?;
        let geometry = geometry(&head, middle.as_ref()).map_err(ReadError::BootSector)?;
        if geometry.size().bytes() > block.len() {
            return Err(ReadError::BootSector("it says that the volume is larger than its partition"));
        }
        let named = end.boot_signature == EXTENDED_BOOT_SIGNATURE;
        Ok(Self {
            geometry,
            root_cluster: middle.map(|middle| middle.root_cluster.get()),
            serial: if named { end.serial.get() } else { 0 },
            label: VolumeLabel::from_padded(end.label).filter(|_| named),
        })
    }
}

/// The areas that a boot sector describes.
fn geometry(head: &BootSector, middle: Option<&BootSector32>) -> Result<Geometry, &'static str> {
    let sector_size = SectorSize::from_bytes(head.bytes_per_sector.get().into())
        .ok_or("its sectors have neither 512 nor 4096 bytes")?;
    if !head.sectors_per_cluster.is_power_of_two() {
        return Err("its clusters are not a power of two of sectors");
    }
    if head.fats != 2 {
        return Err("it has not two tables");
    }
    let reserved_sectors = u64::from(head.reserved_sectors.get());
    if reserved_sectors == 0 || (middle.is_some() && reserved_sectors < 8) {
        return Err("it reserves too few sectors");
    }
    let total_sectors = match head.total_sectors_16.get() {
        0 => u64::from(head.total_sectors_32.get()),
        sectors => sectors.into(),
    };
    let fat_sectors = match middle {
        Some(middle) => u64::from(middle.fat_sectors.get()),
        None => head.fat_sectors_16.get().into(),
    };
    let cluster_size = u64::from(head.sectors_per_cluster) * sector_size.bytes();
    let mut shape =
        Shape { kind: Kind::Fat32, sector_size, cluster_size, root_entries: head.root_entries.get() };
    if middle.is_some() && shape.root_entries != 0 {
        return Err("a FAT32 volume has a fixed root directory");
    }
    let mut geometry = Geometry { shape, reserved_sectors, fat_sectors, clusters: 0, total_sectors };
    let data_sector = geometry.data_offset() / sector_size.bytes();
    let data_sectors =
        total_sectors.checked_sub(data_sector).ok_or("its tables leave no room for clusters")?;
    geometry.clusters = u32::try_from(data_sectors / shape.sectors_per_cluster())
        .ok()
        .filter(|clusters| (1..=*Kind::Fat32.clusters().end()).contains(clusters))
        .ok_or("it has no clusters, or too many")?;
    // Linux goes by the place of the table's length, FATGEN by the number of clusters.
    shape.kind = match (middle, Kind::of(geometry.clusters)) {
        (Some(_), _) => Kind::Fat32,
        (None, Kind::Fat32) => return Err("it has too many clusters for FAT16"),
        (None, kind) => kind,
    };
    geometry.shape = shape;
    if geometry.fat_len() * 8 < (u64::from(geometry.clusters) + 2) * shape.kind.bits() {
        return Err("its tables are too short for its clusters");
    }
    Ok(geometry)
}
