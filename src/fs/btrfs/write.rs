//! Writing: data first, then the trees that tell where they are, the superblock last.

use std::collections::BTreeMap;

use super::btree::{Emitter, Root};
use super::chunk::Chunk;
use super::closing::{Closing, NodesBefore};
use super::csum::CsumTree;
use super::data::{Copied, Copying};
use super::device_space::CHUNK_UNIT;
use super::error::BtrfsError;
use super::extents::Extents;
use super::format::objectid;
use super::format::superblock::OFFSETS;
use super::format::{DEVICE_RESERVED, SECTOR};
use super::identities::Identities;
use super::inline::InlineReader;
use super::inode::{SubvolumeItems, emit_empty};
use super::measure::{check_devices, measure};
use super::metadata::{NodePlaces, NodeWriter, Outlet, Target, Written as WrittenNode};
use super::options::Options;
use super::overlay::{self, volume_number};
use super::plan::{Plan, PlanError, overlays};
use super::superblock::{Facts, incompat};
use super::survey::Survey;
use super::trees::{DeviceTotals, NO_ROOT, RootEntry, SubvolumePlace, chunk_tree, dev_tree, uuid_tree};
use super::volumes::Volumes;
use crate::progress::Step;
use crate::tree::Metadata;
use crate::units::{ByteRange, ByteSize};
use crate::volume::Block;

/// What was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// All devices together.
    pub size: ByteSize,
    /// Bytes that data take, compressed and before they are copied by the profile.
    pub data: ByteSize,
    /// Bytes that trees take, before they are copied by the profile.
    pub metadata: ByteSize,
}

/// Fills `blocks` with one btrfs file system that holds `volumes`, reporting the bytes of files to `step`.
///
/// Refuses before the first byte is written when the content, with the free space of `options`, does not fit, or holds
/// something that btrfs cannot store. What was on the blocks before is of no influence. The superblock of the first block
/// is written last, so an interrupted run leaves no file system that looks whole; the caller flushes.
pub fn write(
    volumes: &Volumes<'_>,
    options: &Options,
    blocks: &[&dyn Block],
    step: Step<'_>,
) -> Result<Written, BtrfsError> {
    check_devices(options, blocks.len())?;
    let default = default_subvolume(volumes, options)?;
    let lens: Vec<u64> = blocks.iter().map(|block| block.len() / SECTOR * SECTOR).collect();
    let (overlays, parents) = overlays(volumes)?;
    let plan = match Plan::new(volumes, &overlays, parents, (options, &lens)) {
        Ok(plan) => plan,
        Err(PlanError::Other(error)) => return Err(error),
        Err(PlanError::Short) => {
            let needed = measure(volumes, options, blocks.len())?.size;
            let available = ByteSize(lens.iter().copied().min().unwrap_or(0));
            return Err(BtrfsError::DoesNotFit { needed, available });
        }
    };
    erase(blocks)?;
    let identities = Identities::new(options, blocks.len(), plan.surveys.len());
    InlineReader::with(&plan.surveys, |small| {
        let facts = (default, incompat(volumes, options));
        fill(&plan, (options, &identities), facts, (blocks, lens), (small, step))
    })
}

/// Writes everything of `plan`, the trees with what `small` reads meanwhile.
fn fill(
    plan: &Plan<'_>,
    (options, identities): (&Options, &Identities),
    (default, incompat): (u64, u64),
    (blocks, lens): (&[&dyn Block], Vec<u64>),
    (small, step): (&mut InlineReader, Step<'_>),
) -> Result<Written, BtrfsError> {
    let copied = copy(plan, identities, (options, blocks), step)?;
    let data = copied.space.trimmed(CHUNK_UNIT);
    let chunks: Vec<Chunk> =
        std::iter::once(plan.system.clone()).chain(data).chain(plan.metadata.iter().cloned()).collect();
    let totals = DeviceTotals::new(lens, &chunks);
    let trees = Trees {
        plan,
        options,
        identities,
        totals: &totals,
        target: Target { devices: blocks, chunks: &chunks },
        extents: &copied.extents,
        csums: (copied.csums, &copied.csum_nodes),
        default,
    };
    let done = trees.write(small)?;
    let facts = Facts {
        chunks: &chunks,
        totals: &totals,
        identities,
        roots: done.roots,
        kept: done.kept,
        bytes_used: done.bytes_used,
        incompat,
    };
    facts.write(blocks, options)?;
    let data = copied.extents.disk_len();
    Ok(Written {
        size: ByteSize(totals.lens.iter().sum()),
        data: ByteSize(data),
        metadata: ByteSize(done.bytes_used - data),
    })
}

/// Number of the default subvolume.
fn default_subvolume(volumes: &Volumes<'_>, options: &Options) -> Result<u64, BtrfsError> {
    let Some(path) = &options.default_subvolume else { return Ok(objectid::FS_TREE) };
    match volumes.subvolumes.keys().position(|known| known == path) {
        Some(index) => Ok(overlay::number(index)),
        None => Err(BtrfsError::Place {
            path: path.to_string(),
            why: "there is no such subvolume to be the default",
        }),
    }
}

/// Makes zero what must not be found again: the front, the end, and superblocks of an older file system.
fn erase(blocks: &[&dyn Block]) -> Result<(), BtrfsError> {
    for block in blocks {
        let ends = [0, block.len().saturating_sub(DEVICE_RESERVED)];
        for start in ends.into_iter().chain(OFFSETS) {
            let len = block.len().saturating_sub(start).min(DEVICE_RESERVED);
            if let Some(range) = ByteRange::new(start, len).filter(|range| !range.is_empty()) {
                block.zero_range(range)?;
            }
        }
    }
    Ok(())
}

fn copy(
    plan: &Plan<'_>,
    identities: &Identities,
    (options, blocks): (&Options, &[&dyn Block]),
    step: Step<'_>,
) -> Result<Copied, BtrfsError> {
    let chunks = plan.chunks();
    let target = Target { devices: blocks, chunks: &chunks };
    let places = NodePlaces { chunks: &plan.metadata, node_bytes: options.node_size.bytes() };
    let writer = NodeWriter::new(Outlet::Direct(target), (places, 0), identities, options.checksum);
    let copying = Copying {
        surveys: &plan.surveys,
        pieces: &plan.pieces,
        target,
        checksum: options.checksum,
        seed: options.seed,
        threads: options.threads,
        step,
    };
    copying.copy(plan.data.clone(), CsumTree::new(options.checksum, options.node_size), writer)
}

/// Everything that the trees tell.
struct Trees<'a> {
    plan: &'a Plan<'a>,
    options: &'a Options,
    identities: &'a Identities,
    totals: &'a DeviceTotals,
    target: Target<'a>,
    extents: &'a Extents,
    csums: (Root, &'a [WrittenNode]),
    default: u64,
}

/// What the superblock says of the trees.
struct Done {
    roots: (Root, Root),
    kept: [Root; 4],
    bytes_used: u64,
}

impl Trees<'_> {
    /// A writer for the tree of chunks, and one for all others, which goes by `outlet`.
    fn node_writers<'w>(&'w self, outlet: Outlet<'w>) -> (NodeWriter<'w>, NodeWriter<'w>) {
        let node_bytes = self.options.node_size.bytes();
        let system = NodePlaces { chunks: std::slice::from_ref(&self.plan.system), node_bytes };
        let main = NodePlaces { chunks: &self.plan.metadata, node_bytes };
        let writer = |outlet, places| NodeWriter::new(outlet, places, self.identities, self.options.checksum);
        let system = writer(Outlet::Direct(self.target), (system, 0));
        (system, writer(outlet, (main, self.plan.counted.csum_nodes)))
    }

    fn emit(
        &self,
        tree: u64,
        writer: &mut NodeWriter<'_>,
        items: impl FnOnce(&mut Emitter<'_>) -> Result<(), BtrfsError>,
    ) -> Result<Root, BtrfsError> {
        let mut emitter = Emitter::new(tree, self.options.node_size, writer);
        items(&mut emitter)?;
        emitter.finish()
    }

    fn write(&self, small: &mut InlineReader) -> Result<Done, BtrfsError> {
        Outlet::with_thread(self.target, |outlet| self.write_by(outlet, small))
    }

    fn write_by(&self, outlet: Outlet<'_>, small: &mut InlineReader) -> Result<Done, BtrfsError> {
        let (mut system, mut main) = self.node_writers(outlet);
        let chunk_root = self.emit(objectid::CHUNK_TREE, &mut system, |out| {
            chunk_tree(self.target.chunks, self.totals, self.identities, out)
        })?;
        system.flush()?;
        let mut roots = BTreeMap::new();
        let plain = |root, has_directory| RootEntry { root, subvolume: None, has_directory };
        for (volume, survey) in self.plan.surveys.iter().enumerate() {
            let root = self.subvolume(volume, survey, (small, &mut main))?;
            let place = self.place(volume);
            let subvolume = Some((self.identities.subvolumes[volume], place));
            roots.insert(volume_number(volume), RootEntry { root, subvolume, has_directory: true });
        }
        let dev_root = self
            .emit(objectid::DEV_TREE, &mut main, |out| dev_tree(self.target.chunks, self.identities, out))?;
        let numbers: Vec<u64> = (0..self.plan.surveys.len()).map(volume_number).collect();
        let uuid_root =
            self.emit(objectid::UUID_TREE, &mut main, |out| uuid_tree(&numbers, self.identities, out))?;
        let own = Metadata { modified: self.options.timestamp, ..Metadata::root(0o755) };
        let relocation = self.emit(objectid::DATA_RELOC_TREE, &mut main, |out| emit_empty(&own, out))?;
        roots.insert(objectid::DEV_TREE, plain(dev_root, false));
        roots.insert(objectid::UUID_TREE, plain(uuid_root, false));
        roots.insert(objectid::DATA_RELOC_TREE, plain(relocation, true));
        roots.insert(objectid::CSUM_TREE, plain(self.csums.0, false));
        roots.insert(objectid::EXTENT_TREE, plain(NO_ROOT, false));
        roots.insert(objectid::FREE_SPACE_TREE, plain(NO_ROOT, false));
        let top = roots[&objectid::FS_TREE].root;
        let closing = Closing {
            chunks: self.target.chunks,
            extents: self.extents,
            nodes: NodesBefore {
                system: (&self.plan.system, &system.written),
                csums: self.csums.1,
                main: (&self.plan.metadata, self.plan.counted.csum_nodes, &main.written.clone()),
            },
            options: self.options,
            default: self.default,
        };
        let (tree_root, extent_root, bytes_used) = closing.write(roots, &mut main)?;
        Ok(Done {
            roots: (tree_root, chunk_root),
            kept: [extent_root, top, dev_root, self.csums.0],
            bytes_used,
        })
    }

    fn subvolume(
        &self,
        volume: usize,
        survey: &Survey<'_>,
        (small, main): (&mut InlineReader, &mut NodeWriter<'_>),
    ) -> Result<Root, BtrfsError> {
        let extents = self.extents.of_volume(volume);
        let items = SubvolumeItems { survey, extents, node_size: self.options.node_size };
        self.emit(volume_number(volume), main, |out| items.emit(small, out))
    }

    /// Where a subvolume is in its parent; `None` for the top.
    fn place(&self, volume: usize) -> Option<SubvolumePlace> {
        let parent = self.plan.parents.get(volume.checked_sub(1)?)?.volume;
        let survey = &self.plan.surveys[parent];
        let own = volume_number(volume);
        let nested = survey.nested.iter().find(|nested| nested.subvolume == own)?;
        Some(SubvolumePlace {
            parent: volume_number(parent),
            directory: survey.number(nested.link.parent).0,
            index: nested.link.index,
            name: nested.link.name.as_bytes().to_vec(),
        })
    }
}
