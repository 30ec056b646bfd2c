//! Which type of volume, which clusters, and who gets them. Measuring is the first half of writing.

use super::error::FatError;
use super::geometry::{Cluster, Geometry, Shape};
use super::kind::Kind;
use super::options::Options;
use super::survey::Survey;
use crate::tree::Tree;
use crate::units::{ByteSize, GIB};

/// The smallest and the largest cluster, in bytes.
const CLUSTER_MIN: u64 = 512;
const CLUSTER_MAX: u64 = 32 << 10;
/// Entries of a fixed root directory: what mkfs.fat and Windows make.
const ROOT_ENTRIES_MIN: u64 = 512;
/// How many more entries at a time: 4 KiB of them.
const ROOT_ENTRIES_STEP: u64 = 128;

/// What a volume for a tree takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Measure {
    /// The whole volume.
    pub size: ByteSize,
    /// Bytes of files that will be copied into it: what progress counts to.
    pub data: ByteSize,
    /// Its type.
    pub kind: Kind,
    /// Bytes of a cluster.
    pub cluster_size: ByteSize,
}

impl Measure {
    fn of(survey: &Survey, geometry: &Geometry) -> Self {
        let Shape { kind, cluster_size, .. } = geometry.shape;
        Self { size: geometry.size(), data: survey.data(), kind, cluster_size: ByteSize(cluster_size) }
    }
}

/// The smallest volume for `tree` with `options.free` left over, of the type and cluster size that the
/// options say or that are best. [`write`](super::write()) accepts a Block of that size, and every larger one.
///
/// Fails where FAT cannot hold something in the tree, or all of it.
pub fn measure(tree: &Tree, options: &Options) -> Result<Measure, FatError> {
    let survey = Survey::new(tree, options)?;
    smallest(&survey, options).map(|geometry| Measure::of(&survey, &geometry))
}

/// Clusters that follow each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Run {
    /// The first of them; meaningless when there are none.
    pub(super) first: Cluster,
    /// How many.
    pub(super) clusters: u32,
}

/// A volume whose every cluster is decided.
#[derive(Clone, Debug)]
pub(super) struct Layout {
    /// The areas.
    pub(super) geometry: Geometry,
    /// The clusters of each directory; none for a fixed root directory.
    pub(super) directories: Vec<Run>,
    /// The clusters of each file; none for an empty one.
    pub(super) files: Vec<Run>,
    /// How many clusters are in use, all from the first one on.
    pub(super) used: u32,
}

impl Layout {
    /// The layout of `survey` on a volume of `size`.
    pub(super) fn new(survey: &Survey, options: &Options, size: ByteSize) -> Result<Self, FatError> {
        let geometry = choose(survey, options, size)?;
        let mut used = 0;
        let mut take = |bytes: u64| {
            // `choose` has found that the sum of all these fits the volume.
            let clusters = u32::try_from(geometry.shape.clusters_for(bytes)).unwrap_or(u32::MAX);
            let run = Run { first: Cluster(Cluster::FIRST.0 + used), clusters };
            used += clusters;
            run
        };
        let shape = geometry.shape;
        let directory_len = |index: usize, len| if index == 0 { root_len(shape, len) } else { len };
        let directories = survey.directories.iter().enumerate();
        let directories = directories.map(|(index, found)| take(directory_len(index, found.len()))).collect();
        let files = survey.files.iter().map(|file| take(u64::from(file.len))).collect();
        Ok(Self { geometry, directories, files, used })
    }

    /// What there is to say about it.
    pub(super) fn measure(&self, survey: &Survey) -> Measure {
        Measure::of(survey, &self.geometry)
    }
}

/// Bytes that a root directory of `len` bytes takes from the clusters.
fn root_len(shape: Shape, len: u64) -> u64 {
    match shape.kind {
        Kind::Fat12 | Kind::Fat16 => 0,
        // The root has a cluster even when it is empty.
        Kind::Fat32 => len.max(1),
    }
}

/// Clusters that everything in `survey` takes.
fn clusters_needed(survey: &Survey, shape: Shape) -> u64 {
    let mut directories = survey.directories.iter();
    let root = directories.next().map_or(0, |root| shape.clusters_for(root_len(shape, root.len())));
    let below: u64 = directories.map(|directory| shape.clusters_for(directory.len())).sum();
    let files: u64 = survey.files.iter().map(|file| shape.clusters_for(u64::from(file.len))).sum();
    root + below + files
}

/// The shapes that `options` allow for a volume of about `size`, the best first: FAT32 before FAT16
/// before FAT12; clusters of the usual size, then smaller ones, then larger ones.
fn shapes(survey: &Survey, options: &Options, size: ByteSize) -> Result<Vec<Shape>, FatError> {
    let cluster_sizes = cluster_sizes(options, size)?;
    let kinds = match options.kind {
        Some(kind) => vec![kind],
        None => vec![Kind::Fat32, Kind::Fat16, Kind::Fat12],
    };
    let slots = survey.directories.first().map_or(0, |root| root.slots);
    let root_entries = slots.max(ROOT_ENTRIES_MIN).next_multiple_of(ROOT_ENTRIES_STEP);
    let mut shapes = Vec::new();
    for kind in kinds {
        let root_entries = match (kind, u16::try_from(root_entries)) {
            (Kind::Fat32, _) => 0,
            (_, Ok(entries)) => entries,
            (_, Err(_)) => continue,
        };
        let shape =
            |cluster_size| Shape { kind, sector_size: options.sector_size, cluster_size, root_entries };
        shapes.extend(cluster_sizes.iter().map(|size| shape(*size)));
    }
    Ok(shapes)
}

fn cluster_sizes(options: &Options, size: ByteSize) -> Result<Vec<u64>, FatError> {
    let sector = options.sector_size.bytes();
    if let Some(found) = options.cluster_size {
        let bytes = found.bytes();
        let good = bytes.is_power_of_two() && (sector..=CLUSTER_MAX).contains(&bytes);
        return match good {
            true => Ok(vec![bytes]),
            false => Err(FatError::ClusterSize { found, sector: ByteSize(sector) }),
        };
    }
    // FATGEN's table for FAT32: tables of more than 16 MiB are slow to search.
    let table = [(8 * GIB, 4 << 10), (16 * GIB, 8 << 10), (32 * GIB, 16 << 10)];
    let usual = table.iter().find(|(up_to, _)| size.bytes() <= *up_to).map_or(CLUSTER_MAX, |row| row.1);
    let all = || (CLUSTER_MIN.ilog2()..=CLUSTER_MAX.ilog2()).map(|shift| 1_u64 << shift);
    let smaller = all().rev().filter(|size| *size <= usual && *size >= sector);
    let larger = all().filter(|size| *size > usual);
    Ok(smaller.chain(larger).collect())
}

/// The smallest volume, of the best shape that needs no more clusters than the content to be of its type.
fn smallest(survey: &Survey, options: &Options) -> Result<Geometry, FatError> {
    let wanted = ByteSize(survey.data().bytes().saturating_add(options.free.bytes()));
    let too_large =
        FatError::TooLarge { size: wanted, kind: options.kind, cluster_size: options.cluster_size };
    let mut padded: Option<Geometry> = None;
    for shape in shapes(survey, options, wanted)? {
        let needed = clusters_needed(survey, shape) + shape.clusters_for(options.free.bytes());
        let Ok(needed) = u32::try_from(needed) else { continue };
        let range = shape.kind.clusters();
        if needed > *range.end() {
            continue;
        }
        let geometry = shape.with_clusters(needed.max(*range.start()));
        if u32::try_from(geometry.total_sectors).is_err() {
            continue;
        }
        if range.contains(&needed) {
            return Ok(geometry);
        }
        // More clusters than needed make it the type that was asked for.
        if padded.is_none_or(|padded| geometry.total_sectors < padded.total_sectors) {
            padded = Some(geometry);
        }
    }
    padded.ok_or(too_large)
}

/// The volume that fills `size`: of the best shape that holds the content.
fn choose(survey: &Survey, options: &Options, size: ByteSize) -> Result<Geometry, FatError> {
    let sectors = size.bytes() / options.sector_size.bytes();
    let mut cut: Option<Geometry> = None;
    for shape in shapes(survey, options, size)? {
        let Some(geometry) = shape.filling(sectors) else { continue };
        if clusters_needed(survey, shape) > u64::from(geometry.clusters) {
            continue;
        }
        if geometry.total_sectors == sectors {
            return Ok(geometry);
        }
        // No more clusters are possible: what is left of the space stays unused.
        if cut.is_none_or(|cut| geometry.total_sectors > cut.total_sectors) {
            cut = Some(geometry);
        }
    }
    let too_large = FatError::TooLarge { size, kind: options.kind, cluster_size: options.cluster_size };
    match cut {
        Some(cut) if cut.total_sectors >= sectors / 2 => Ok(cut),
        Some(_) => Err(too_large),
        None if u32::try_from(sectors).is_err() => Err(too_large),
        None => {
            let needed = smallest(survey, options).map(|geometry| geometry.size())?;
            Err(FatError::DoesNotFit { needed, available: size })
        }
    }
}
