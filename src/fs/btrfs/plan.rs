//! The first pass of writing: everything that decides where what goes, from numbers of inodes to chunks on devices.
//!
//! Data are placed by the same code that places them later; what may be compressed counts as if nothing were saved,
//! so what is planned always suffices. Trees are counted by the same code that writes them.

use super::btree::{Counter, Emitter, Sink};
use super::checksum::Checksum;
use super::chunk::{Chunk, Use};
use super::csum::CsumTree;
use super::data_space::{DataSpace, Full};
use super::device_space::{CHUNK_UNIT, DeviceSpaces};
use super::error::BtrfsError;
use super::extents::{Checked, Extents};
use super::format::node::{HEADER_LEN, ITEM_LEN, POINTER_LEN};
use super::format::{COMPRESSED_MAX, SECTOR, objectid};
use super::inode::{NoBytes, SubvolumeItems};
use super::options::{NodeSize, Options};
use super::overlay::{self, Overlay, Parent};
use super::pieces::{Piece, Task, pieces};
use super::survey::Survey;
use super::volumes::Volumes;
use crate::units::{MIB, u64_of, usize_of};

/// Bytes of the chunk for the tree of chunks, as `mkfs.btrfs` makes it.
const SYSTEM_LEN: u64 = 8 * MIB;
/// Data get at least this much, so that the kernel knows their profile.
const DATA_MIN: u64 = 8 * MIB;
/// What is free for trees beside those that are written: the least, and a share of what they take. The kernel
/// cannot delete a file without some of it.
const METADATA_SPARE_MIN: u64 = 16 * MIB;
const METADATA_SPARE_SHARE: u64 = 8;
/// Items beyond those that are counted: of chunks that are only made after counting.
const ITEMS_SPARE: u64 = 256;

/// Everything decided before data are read.
#[derive(Debug)]
pub struct Plan<'s> {
    /// The top and the subvolumes.
    pub surveys: Vec<Survey<'s>>,
    /// The parent of each subvolume.
    pub parents: Vec<Parent>,
    /// What is stored of files.
    pub pieces: Vec<Piece>,
    /// For the tree of chunks.
    pub system: Chunk,
    /// For content of files.
    pub data: Vec<Chunk>,
    /// For all other trees.
    pub metadata: Vec<Chunk>,
    /// How many nodes trees have. The first places for nodes are for those of checksums.
    pub counted: Counted,
    /// Bytes that each device needs, without free space.
    pub least_len: u64,
    /// Bytes that each device needs, free space included.
    pub device_len: u64,
}

/// How many nodes the trees of some files have, at the most: kept by who measures first, so that writing does not
/// count again.
#[derive(Debug)]
pub struct Counted {
    /// The nodes of the tree of checksums.
    pub csum_nodes: u64,
    /// Those of all other trees but that of chunks.
    nodes: u64,
    /// What was counted besides names: where data are, in how many chunks, in which form.
    extents: Extents,
    data_chunks: usize,
    form: (NodeSize, Checksum),
}

/// Why there is no plan.
#[derive(Debug)]
pub enum PlanError {
    /// The devices are too small.
    Short,
    /// Something else.
    Other(BtrfsError),
}

impl From<BtrfsError> for PlanError {
    fn from(error: BtrfsError) -> Self {
        Self::Other(error)
    }
}

impl<'s> Plan<'s> {
    /// Decides everything for devices of the lengths `lens`.
    pub fn new(
        volumes: &'s Volumes<'s>,
        overlays: &'s [Overlay<'s>],
        parents: Vec<Parent>,
        (options, lens): (&Options, &[u64]),
    ) -> Result<Self, PlanError> {
        let surveys: Vec<Survey<'s>> = volumes
            .all()
            .zip(overlays)
            .map(|(filling, overlay)| Survey::new(filling, overlay))
            .collect::<Result<_, _>>()?;
        let pieces = pieces(&surveys);
        let mut spaces = DeviceSpaces::new(lens);
        let system = spaces.chunk(Use::System, options.metadata, SYSTEM_LEN).ok_or(PlanError::Short)?;
        let (data, extents) = place_data(&pieces, options, &mut spaces)?;
        let before = volumes.counted.filter(|before| before.is_of(&extents, (options, data.len())));
        let counted = match before {
            Some(before) => Counted { extents, ..*before },
            None => Counted::new(&surveys, extents, (options, data.len()))?,
        };
        let nodes = counted.csum_nodes + counted.nodes;
        let metadata = place_metadata(nodes * options.node_size.bytes(), options, &mut spaces)?;
        let free =
            options.free.bytes().saturating_mul(options.data.copies()).div_ceil(u64_of(lens.len().max(1)));
        let least_len = spaces.end();
        let device_len = least_len + free.next_multiple_of(CHUNK_UNIT);
        if lens.iter().any(|len| *len < device_len) {
            return Err(PlanError::Short);
        }
        Ok(Self { surveys, parents, pieces, system, data, metadata, counted, least_len, device_len })
    }

    /// All chunks, sorted by address.
    pub fn chunks(&self) -> Vec<Chunk> {
        let all = std::iter::once(&self.system).chain(&self.data).chain(&self.metadata);
        all.cloned().collect()
    }
}

/// The overlays of `volumes` and the subvolumes' parents: what [`Plan::new`] wants first.
pub fn overlays<'v>(volumes: &'v Volumes<'_>) -> Result<(Vec<Overlay<'v>>, Vec<Parent>), BtrfsError> {
    overlay::overlays(volumes)
}

/// Makes chunks for `pieces` as they are needed, and places each as if nothing could be compressed.
fn place_data(
    pieces: &[Piece],
    options: &Options,
    spaces: &mut DeviceSpaces,
) -> Result<(Vec<Chunk>, Extents), PlanError> {
    let mut left: u64 = pieces.iter().map(|piece| piece.len).sum();
    // A compressed extent that does not fit the rest of a chunk leaves that rest free.
    let compresses = pieces.iter().any(|piece| matches!(piece.task, Task::Compress(..)));
    let waste = if compresses { COMPRESSED_MAX } else { 0 };
    let mut extents = Extents::default();
    let mut space = DataSpace::new(Vec::new());
    for piece in pieces {
        while !space.fits(piece) {
            let len = if space.chunks.is_empty() { left.max(DATA_MIN) } else { left };
            let chunk = spaces.chunk_up_to(Use::Data, options.data, len + waste);
            space.chunks.push(chunk.ok_or(PlanError::Short)?);
            left = left.saturating_sub(space.chunks.last().map_or(0, |chunk| chunk.len - waste));
            left = left.max(piece.len);
        }
        space.place(piece, None, &mut extents).map_err(|Full| PlanError::Short)?;
    }
    if space.chunks.is_empty() {
        let chunk = spaces.chunk_up_to(Use::Data, options.data, DATA_MIN);
        space.chunks.push(chunk.ok_or(PlanError::Short)?);
    }
    Ok((space.chunks, extents))
}

fn place_metadata(used: u64, options: &Options, spaces: &mut DeviceSpaces) -> Result<Vec<Chunk>, PlanError> {
    let mut left = used + METADATA_SPARE_MIN.max(used / METADATA_SPARE_SHARE);
    let mut chunks: Vec<Chunk> = Vec::new();
    while left > 0 {
        let chunk = spaces.chunk_up_to(Use::Metadata, options.metadata, left).ok_or(PlanError::Short)?;
        left = left.saturating_sub(chunk.len);
        chunks.push(chunk);
    }
    Ok(chunks)
}

impl Counted {
    fn new(
        surveys: &[Survey<'_>],
        extents: Extents,
        (options, data_chunks): (&Options, usize),
    ) -> Result<Self, BtrfsError> {
        let csum_nodes = count_csum_nodes(&extents, options)? + u64_of(data_chunks) + 1;
        let mut nodes = 0;
        for (volume, survey) in surveys.iter().enumerate() {
            let mut counter = Counter::default();
            let mut emitter = Emitter::new(objectid::FS_TREE, options.node_size, &mut counter);
            let own = extents.of_volume(volume);
            SubvolumeItems { survey, extents: own, node_size: options.node_size }
                .emit(&mut NoBytes, &mut emitter)?;
            nodes += emitter.finish()?.nodes;
        }
        let chunks = u64_of(data_chunks) + ITEMS_SPARE;
        let bound = |items: u64, len: usize| bound(items, len + ITEM_LEN, options);
        // Tree of roots, of UUIDs, of devices' extents, of free space, for relocation.
        let volumes = u64_of(surveys.len());
        nodes += bound(3 * volumes + ITEMS_SPARE, 439) + bound(volumes, 8);
        nodes += bound(chunks * 16, 48) + bound(chunks * 3, 8) + 1;
        nodes += count_extent_nodes(csum_nodes + nodes, u64_of(extents.iter().len()) + chunks, options);
        let form = (options.node_size, options.checksum);
        Ok(Self { csum_nodes, nodes, extents, data_chunks, form })
    }

    /// Whether the same files would be counted alike with data at `extents`.
    fn is_of(&self, extents: &Extents, (options, data_chunks): (&Options, usize)) -> bool {
        self.form == (options.node_size, options.checksum)
            && self.data_chunks == data_chunks
            && self.extents == *extents
    }
}

fn count_csum_nodes(extents: &Extents, options: &Options) -> Result<u64, BtrfsError> {
    let mut counter = Counter::default();
    let mut csums = CsumTree::new(options.checksum, options.node_size);
    let zeroes = vec![0; usize_of(MIB / SECTOR) * options.checksum.len()];
    for extent in extents.iter().filter(|extent| extent.checked == Checked::Yes) {
        let sink: &mut dyn Sink = &mut counter;
        for done in (0..extent.disk_len).step_by(usize_of(MIB)) {
            let sectors = usize_of((extent.disk_len - done).min(MIB) / SECTOR);
            csums.push(extent.start.plus(done), &zeroes[..sectors * options.checksum.len()], sink)?;
        }
    }
    Ok(csums.finish(&mut counter)?.nodes)
}

/// The nodes of the tree of extents, which has an item for each of its own nodes, too.
fn count_extent_nodes(other_nodes: u64, data_items: u64, options: &Options) -> u64 {
    let mut own = 1;
    loop {
        // No item is longer than one for data: 53 bytes.
        let needed = bound(other_nodes + own + data_items, 53 + ITEM_LEN, options);
        if needed <= own {
            return own;
        }
        own = needed;
    }
}

/// The most nodes that a tree of `items` items has, each of at most `len` bytes with its place.
fn bound(items: u64, len: usize, options: &Options) -> u64 {
    let room = usize_of(options.node_size.bytes()) - HEADER_LEN;
    let mut level = items.div_ceil(u64_of(room / len)).max(1);
    let mut nodes = level;
    while level > 1 {
        level = level.div_ceil(u64_of(room / POINTER_LEN));
        nodes += level;
    }
    nodes
}
