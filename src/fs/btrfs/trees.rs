//! The small trees: roots, chunks, devices' extents, UUIDs, free space.

use std::collections::BTreeMap;
use std::ops::Range;

use zerocopy::IntoBytes;

use super::address::Logical;
use super::btree::{Emitter, GENERATION, Root};
use super::chunk::Chunk;
use super::error::BtrfsError;
use super::format::chunk::{DevExtent, DevItem, FreeSpaceInfo};
use super::format::directory::{RootRef, file_type};
use super::format::inode::{InodeItem, file_mode};
use super::format::node::DiskKey;
use super::format::root::RootItem;
use super::format::{SECTOR, kind, objectid};
use super::identities::Identities;
use super::inode::{dir_item, inode_item, inode_ref};
use super::key::Key;
use super::options::Options;
use crate::tree::Metadata;
use crate::units::{low_u16, low_u32, u64_of};

/// The sizes of the devices and what chunks take of them.
#[derive(Clone, Debug)]
pub struct DeviceTotals {
    /// Bytes of each device.
    pub lens: Vec<u64>,
    /// Bytes of each that chunks take.
    pub used: Vec<u64>,
}

impl DeviceTotals {
    /// What `chunks` take of devices of the lengths `lens`.
    pub fn new(lens: Vec<u64>, chunks: &[Chunk]) -> Self {
        let mut used = vec![0; lens.len()];
        for chunk in chunks {
            for stripe in &chunk.stripes {
                used[stripe.device] += chunk.stripe_bytes();
            }
        }
        Self { lens, used }
    }

    /// The item of device `index`.
    pub fn item(&self, index: usize, identities: &Identities) -> DevItem {
        let (devid, uuid) = identities.device(index);
        DevItem {
            devid: devid.into(),
            total_bytes: self.lens[index].into(),
            bytes_used: self.used[index].into(),
            io_align: low_u32(SECTOR).into(),
            io_width: low_u32(SECTOR).into(),
            sector_size: low_u32(SECTOR).into(),
            kind: 0.into(),
            generation: 0.into(),
            start_offset: 0.into(),
            dev_group: 0.into(),
            seek_speed: 0,
            bandwidth: 0,
            uuid,
            fsid: identities.fsid,
        }
    }
}

/// The tree of chunks: devices, then chunks.
pub fn chunk_tree(
    chunks: &[Chunk],
    totals: &DeviceTotals,
    identities: &Identities,
    out: &mut Emitter<'_>,
) -> Result<(), BtrfsError> {
    for index in 0..totals.lens.len() {
        let (devid, _) = identities.device(index);
        let key = Key::new(objectid::DEV_ITEMS, kind::DEV_ITEM, devid);
        out.item(key, totals.item(index, identities).as_bytes())?;
    }
    chunks
        .iter()
        .try_for_each(|chunk| out.item(chunk_key(chunk), &chunk.item(|device| identities.device(device))))
}

/// Key of a chunk's item.
pub fn chunk_key(chunk: &Chunk) -> Key {
    Key::new(objectid::FIRST_FREE, kind::CHUNK_ITEM, chunk.start.0)
}

/// The tree of the devices' extents: the chunks, seen from the devices.
pub fn dev_tree(chunks: &[Chunk], identities: &Identities, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
    let mut extents = BTreeMap::new();
    for chunk in chunks {
        for stripe in &chunk.stripes {
            let (devid, _) = identities.device(stripe.device);
            let extent = DevExtent {
                chunk_tree: objectid::CHUNK_TREE.into(),
                chunk_objectid: objectid::FIRST_FREE.into(),
                chunk_offset: chunk.start.0.into(),
                length: chunk.stripe_bytes().into(),
                chunk_tree_uuid: identities.chunk_tree,
            };
            extents.insert(Key::new(devid, kind::DEV_EXTENT, stripe.offset), extent);
        }
    }
    extents.iter().try_for_each(|(key, extent)| out.item(*key, extent.as_bytes()))
}

/// The tree of UUIDs: number of each subvolume by its UUID.
pub fn uuid_tree(volumes: &[u64], identities: &Identities, out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
    let half = |bytes: &[u8; 16], from: usize| {
        bytes[from..from + 8].iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
    };
    let mut sorted: Vec<(Key, u64)> = volumes
        .iter()
        .zip(&identities.subvolumes)
        .map(|(number, uuid)| (Key::new(half(uuid, 0), kind::UUID_SUBVOL, half(uuid, 8)), *number))
        .collect();
    sorted.sort_unstable();
    sorted.iter().try_for_each(|(key, number)| out.item(*key, &number.to_le_bytes()))
}

/// The free stretches of `chunk`, whose used ones are `used` in ascending order.
pub fn free_stretches(chunk: &Chunk, used: impl Iterator<Item = Range<u64>>) -> Vec<Range<u64>> {
    let mut free = Vec::new();
    let mut at = chunk.start.0;
    for range in used {
        if range.start > at {
            free.push(at..range.start);
        }
        at = range.end;
    }
    if at < chunk.end().0 {
        free.push(at..chunk.end().0);
    }
    free
}

/// A chunk with what is free of it.
#[derive(Clone, Debug)]
pub struct FreeSpace<'a> {
    /// The chunk.
    pub chunk: &'a Chunk,
    /// Its free stretches, in ascending order.
    pub stretches: Vec<Range<u64>>,
}

/// The tree of free space.
pub fn free_space_tree(free: &[FreeSpace<'_>], out: &mut Emitter<'_>) -> Result<(), BtrfsError> {
    for FreeSpace { chunk, stretches } in free {
        let info = FreeSpaceInfo { extent_count: low_u32(u64_of(stretches.len())).into(), flags: 0.into() };
        out.item(Key::new(chunk.start.0, kind::FREE_SPACE_INFO, chunk.len), info.as_bytes())?;
        for stretch in stretches {
            let key = Key::new(stretch.start, kind::FREE_SPACE_EXTENT, stretch.end - stretch.start);
            out.item(key, &[])?;
        }
    }
    Ok(())
}

/// A subvolume's place in its parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubvolumePlace {
    /// The parent's number.
    pub parent: u64,
    /// The directory there.
    pub directory: u64,
    /// The entry's place in the directory.
    pub index: u64,
    /// The entry's name.
    pub name: Vec<u8>,
}

/// A tree, as the tree of roots has it.
#[derive(Clone, Debug)]
pub struct RootEntry {
    /// Its root node.
    pub root: Root,
    /// For a subvolume: its identity, and its place unless it is the top.
    pub subvolume: Option<([u8; 16], Option<SubvolumePlace>)>,
    /// Whether it has a root directory.
    pub has_directory: bool,
}

/// The tree of roots.
pub fn root_tree(
    roots: &BTreeMap<u64, RootEntry>,
    default_subvolume: u64,
    options: &Options,
    out: &mut Emitter<'_>,
) -> Result<(), BtrfsError> {
    let mut items: BTreeMap<Key, Vec<u8>> = BTreeMap::new();
    for (number, entry) in roots {
        let item = root_item(entry, options);
        items.insert(Key::new(*number, kind::ROOT_ITEM, 0), item.as_bytes().to_vec());
        if let Some((_, Some(place))) = &entry.subvolume {
            let head = RootRef {
                dirid: place.directory.into(),
                sequence: place.index.into(),
                name_len: low_u16(u64_of(place.name.len())).into(),
            };
            let item = [head.as_bytes(), &place.name].concat();
            items.insert(Key::new(place.parent, kind::ROOT_REF, *number), item.clone());
            items.insert(Key::new(*number, kind::ROOT_BACKREF, place.parent), item);
        }
    }
    directory(default_subvolume, options, &mut items);
    items.iter().try_for_each(|(key, item)| out.item(*key, item))
}

/// The directory in the tree of roots whose one entry leads to the default subvolume.
fn directory(default_subvolume: u64, options: &Options, items: &mut BTreeMap<Key, Vec<u8>>) {
    const NAME: &[u8] = b"default";
    let own = objectid::ROOT_TREE_DIR;
    let inode = InodeItem {
        nlink: 1.into(),
        nbytes: options.node_size.bytes().into(),
        mode: (file_mode::DIRECTORY | 0o755).into(),
        ..own_inode(options)
    };
    items.insert(Key::new(own, kind::INODE_ITEM, 0), inode.as_bytes().to_vec());
    items.insert(Key::new(own, kind::INODE_REF, own), inode_ref(0, b".."));
    let location = Key::new(default_subvolume, kind::ROOT_ITEM, u64::MAX);
    let entry = dir_item(location, file_type::DIRECTORY, NAME);
    items.insert(Key::new(own, kind::DIR_ITEM, super::hash::name_hash(NAME)), entry);
}

fn own_inode(options: &Options) -> InodeItem {
    inode_item(&Metadata { modified: options.timestamp, ..Metadata::root(0o755) })
}

fn root_item(entry: &RootEntry, options: &Options) -> RootItem {
    let (root, zero, no_time) = (entry.root, 0.into(), super::format::inode::DiskTime::default());
    let is_subvolume = entry.subvolume.is_some();
    let (generation, time) =
        if is_subvolume { (GENERATION.into(), options.timestamp.into()) } else { (zero, no_time) };
    RootItem {
        inode: InodeItem {
            generation: 1.into(),
            transid: zero,
            size: 3.into(),
            nlink: 1.into(),
            nbytes: options.node_size.bytes().into(),
            mode: (file_mode::DIRECTORY | 0o755).into(),
            atime: no_time,
            ctime: no_time,
            mtime: no_time,
            otime: no_time,
            ..own_inode(options)
        },
        generation: GENERATION.into(),
        root_dirid: if entry.has_directory { objectid::FIRST_FREE } else { 0 }.into(),
        bytenr: root.address.0.into(),
        byte_limit: zero,
        bytes_used: (root.nodes * options.node_size.bytes()).into(),
        last_snapshot: zero,
        flags: zero,
        refs: 1.into(),
        drop_progress: DiskKey::default(),
        drop_level: 0,
        level: root.level,
        generation_v2: GENERATION.into(),
        uuid: entry.subvolume.as_ref().map_or([0; 16], |(uuid, _)| *uuid),
        parent_uuid: [0; 16],
        received_uuid: [0; 16],
        ctransid: generation,
        otransid: generation,
        stransid: zero,
        rtransid: zero,
        ctime: time,
        otime: time,
        stime: no_time,
        rtime: no_time,
        reserved: [zero; 8],
    }
}

/// A root that is not written yet, for counting.
pub const NO_ROOT: Root = Root { address: Logical(0), level: 0, nodes: 0 };
