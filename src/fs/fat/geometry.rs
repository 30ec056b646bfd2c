//! The areas of a volume: how large each is and where it begins.

use super::format::ENTRY_LEN;
use super::kind::Kind;
use crate::units::{ByteRange, ByteSize, SectorSize};

/// All areas begin and end at multiples of this many bytes: whole pages, and whole blocks of the file
/// system that holds the image.
const ALIGNMENT: u64 = 4096;

/// Sectors before the first table of a FAT32 volume, at least: what every program leaves.
const RESERVED_32: u64 = 32;

/// Copies of the table.
const FATS: u64 = 2;

/// A cluster's number; the first one is 2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(super) struct Cluster(pub(super) u32);

impl Cluster {
    /// The first cluster of every volume.
    pub(super) const FIRST: Self = Self(2);
}

/// What decides a volume's areas, its size apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Type of the volume.
    pub(super) kind: Kind,
    /// Its disk's sectors.
    pub(super) sector_size: SectorSize,
    /// Bytes of a cluster: a power of two, from a sector to 32 KiB.
    pub(super) cluster_size: u64,
    /// Entries of the root directory, whole multiples of [`ALIGNMENT`]; 0 on FAT32.
    pub(super) root_entries: u16,
}

/// The areas of a volume.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    /// What it follows from.
    pub(super) shape: Shape,
    /// Sectors before the first table.
    pub(super) reserved_sectors: u64,
    /// Sectors of one table.
    pub(super) fat_sectors: u64,
    /// How many clusters there are.
    pub(super) clusters: u32,
    /// Sectors of the volume.
    pub(super) total_sectors: u64,
}

impl Shape {
    /// The smallest volume with `clusters` clusters.
    pub(super) fn with_clusters(self, clusters: u32) -> Geometry {
        let fat_sectors = self.fat_sectors(clusters);
        let total = self.data_start(fat_sectors) + u64::from(clusters) * self.sectors_per_cluster();
        self.geometry(fat_sectors, clusters, total)
    }

    /// The volume that fills `sectors` sectors, or as many of them as its type has clusters for. `None`
    /// where too few clusters are left for the type, or where sectors would need more than 32 bits.
    pub(super) fn filling(self, sectors: u64) -> Option<Geometry> {
        u32::try_from(sectors).ok()?;
        let most = *self.kind.clusters().end();
        let room = |fat_sectors| {
            let data = sectors.saturating_sub(self.data_start(fat_sectors));
            u32::try_from(data / self.sectors_per_cluster()).unwrap_or(u32::MAX)
        };
        // A longer table leaves room for fewer clusters: the shortest that can number them all is sought.
        let unit = ALIGNMENT / self.sector_size.bytes();
        let numbered = |units: u64| self.fat_sectors(room(units * unit).min(most)) <= units * unit;
        let (mut short, mut long) = (0, self.fat_sectors(room(0).min(most)) / unit);
        while short < long {
            let middle = short + (long - short) / 2;
            if numbered(middle) { long = middle } else { short = middle + 1 }
        }
        let fat_sectors = short * unit;
        let clusters = room(fat_sectors);
        if clusters < *self.kind.clusters().start() {
            None
        } else if clusters > most {
            Some(self.with_clusters(most))
        } else {
            Some(self.geometry(fat_sectors, clusters, sectors))
        }
    }

    fn geometry(self, fat_sectors: u64, clusters: u32, total_sectors: u64) -> Geometry {
        let reserved_sectors = self.data_start(fat_sectors) - FATS * fat_sectors - self.root_sectors();
        Geometry { shape: self, reserved_sectors, fat_sectors, clusters, total_sectors }
    }

    /// Sectors of a table for `clusters` clusters, rounded up to the alignment.
    fn fat_sectors(self, clusters: u32) -> u64 {
        let bytes = ((u64::from(clusters) + 2) * self.kind.bits()).div_ceil(8);
        bytes.next_multiple_of(ALIGNMENT) / self.sector_size.bytes()
    }

    /// First sector of the clusters when a table has `fat_sectors` sectors.
    fn data_start(self, fat_sectors: u64) -> u64 {
        let reserved = match self.kind {
            Kind::Fat12 | Kind::Fat16 => ALIGNMENT / self.sector_size.bytes(),
            Kind::Fat32 => RESERVED_32,
        };
        let alignment = ALIGNMENT.max(self.cluster_size) / self.sector_size.bytes();
        (reserved + FATS * fat_sectors + self.root_sectors()).next_multiple_of(alignment)
    }

    fn root_sectors(self) -> u64 {
        (u64::from(self.root_entries) * ENTRY_LEN).div_ceil(self.sector_size.bytes())
    }

    /// Sectors of a cluster.
    pub(super) fn sectors_per_cluster(self) -> u64 {
        self.cluster_size / self.sector_size.bytes()
    }

    /// Clusters that `bytes` bytes take.
    pub(super) fn clusters_for(self, bytes: u64) -> u64 {
        bytes.div_ceil(self.cluster_size)
    }
}

impl Geometry {
    /// Size of the volume.
    pub(super) fn size(&self) -> ByteSize {
        ByteSize(self.total_sectors * self.shape.sector_size.bytes())
    }

    /// Bytes of one table.
    pub(super) fn fat_len(&self) -> u64 {
        self.fat_sectors * self.shape.sector_size.bytes()
    }

    /// Offsets of the two tables.
    pub(super) fn fat_offsets(&self) -> [u64; 2] {
        let first = self.reserved_sectors * self.shape.sector_size.bytes();
        [first, first + self.fat_len()]
    }

    /// Offset of the fixed root directory; that of the first cluster on FAT32.
    pub(super) fn root_offset(&self) -> u64 {
        let [_, second] = self.fat_offsets();
        second + self.fat_len()
    }

    /// Offset of the first cluster.
    pub(super) fn data_offset(&self) -> u64 {
        self.root_offset() + self.shape.root_sectors() * self.shape.sector_size.bytes()
    }

    /// Offset of a cluster.
    pub(super) fn cluster_offset(&self, cluster: Cluster) -> u64 {
        self.data_offset() + u64::from(cluster.0.saturating_sub(2)) * self.shape.cluster_size
    }

    /// The bytes of a cluster that is one of the volume's.
    pub(super) fn cluster_range(&self, cluster: Cluster) -> Option<ByteRange> {
        let index = cluster.0.checked_sub(2).filter(|index| *index < self.clusters)?;
        ByteRange::new(self.cluster_offset(Cluster(index + 2)), self.shape.cluster_size)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shape(kind: Kind, sector_size: SectorSize, cluster_size: u64) -> Shape {
        let root_entries = if kind == Kind::Fat32 { 0 } else { 512 };
        Shape { kind, sector_size, cluster_size, root_entries }
    }

    #[test]
    fn every_area_is_aligned_and_the_tables_number_every_cluster() {
        for sector_size in [SectorSize::S512, SectorSize::S4096] {
            for kind in [Kind::Fat12, Kind::Fat16, Kind::Fat32] {
                for cluster_size in
                    [512, 4096, 32_768].into_iter().filter(|size| *size >= sector_size.bytes())
                {
                    let shape = shape(kind, sector_size, cluster_size);
                    for clusters in [*kind.clusters().start(), 4068.max(*kind.clusters().start())] {
                        let geometry = shape.with_clusters(clusters);
                        let [first, second] = geometry.fat_offsets();
                        assert!([first, second, geometry.root_offset()].iter().all(|at| at % 4096 == 0));
                        assert_eq!(geometry.data_offset() % cluster_size.max(4096), 0);
                        assert!(geometry.fat_len() * 8 >= (u64::from(clusters) + 2) * kind.bits());
                        assert_eq!(shape.filling(geometry.total_sectors), Some(geometry));
                    }
                }
            }
        }
    }

    #[test]
    fn one_sector_less_holds_one_cluster_less() {
        let shape = shape(Kind::Fat32, SectorSize::S512, 4096);
        for clusters in [65_541, 66_558, 66_559, 100_000, 1_000_000] {
            let total = shape.with_clusters(clusters).total_sectors;
            assert!(shape.filling(total).unwrap().clusters >= clusters);
            let less = shape.filling(total - 1).map_or(0, |geometry| geometry.clusters);
            assert!(less < clusters, "{clusters}");
        }
    }

    #[test]
    fn a_volume_beyond_the_types_clusters_uses_what_it_can() {
        let shape = shape(Kind::Fat12, SectorSize::S512, 4096);
        let geometry = shape.filling(1 << 20).unwrap();
        assert_eq!(geometry.clusters, 4068);
        assert_eq!(geometry, shape.with_clusters(4068));
        assert_eq!(shape.filling(1 << 32), None);
        assert_eq!(self::shape(Kind::Fat32, SectorSize::S512, 4096).filling(65_541 * 8), None);
    }
}
