//! Superblocks of the devices.

use std::collections::BTreeMap;

use zerocopy::{FromZeros, IntoBytes};

use super::super::checksum::Checksum;
use super::super::chunk::Chunk;
use super::super::error::BtrfsError;
use super::super::format::node::DiskKey;
use super::super::format::superblock::{LEN, MAGIC, OFFSETS, Superblock};
use super::super::format::{SECTOR, incompat, kind};
use super::super::key::Key;
use super::super::options::NodeSize;
use super::super::superblock::sum;
use super::chunks::parse_chunk;
use super::corrupt;
use super::inode::struct_at;
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

const PLACE: &str = "superblock";

/// The features without which a file system cannot be understood that we do understand.
const KNOWN: u64 = incompat::MIXED_BACKREF
    | incompat::DEFAULT_SUBVOL
    | incompat::MIXED_GROUPS
    | incompat::COMPRESS_LZO
    | incompat::COMPRESS_ZSTD
    | incompat::BIG_METADATA
    | incompat::EXTENDED_IREF
    | incompat::RAID56
    | incompat::SKINNY_METADATA
    | incompat::NO_HOLES
    | incompat::RAID1C34;

/// Sorts `devices` by their numbers and gives the superblock of the first.
pub fn open<B: Block>(devices: Vec<B>) -> Result<(Vec<B>, Superblock), BtrfsError> {
    let mut sorted = BTreeMap::new();
    for device in devices {
        let superblock = read(&device)?;
        let number = superblock.dev_item.devid.get();
        if sorted.insert(number, (device, superblock)).is_some() {
            return Err(corrupt(PLACE, format!("two devices have the number {number}")));
        }
    }
    let Some((_, first)) = sorted.values().next() else {
        return Err(corrupt(PLACE, "no device was given"));
    };
    let first = *first;
    let expected = first.num_devices.get();
    if expected != u64_of(sorted.len()) {
        return Err(BtrfsError::DevicesMissing { expected, found: sorted.len() });
    }
    for (place, (number, (_, other))) in (1_u64..).zip(&sorted) {
        if other.fsid != first.fsid || other.generation != first.generation {
            return Err(corrupt(PLACE, format!("device {number} is of another file system or time")));
        }
        if place != *number {
            // Devices were removed and added: nothing of ours, and stripes would need a table.
            return Err(BtrfsError::Unsupported("devices that are not numbered from 1".to_owned()));
        }
    }
    Ok((sorted.into_values().map(|(device, _)| device).collect(), first))
}

/// The first superblock of a device, checked.
fn read(device: &impl Block) -> Result<Superblock, BtrfsError> {
    let [first, ..] = OFFSETS;
    if device.len() < first + LEN {
        return Err(corrupt(PLACE, "the volume is too small for a btrfs file system"));
    }
    let mut superblock = Superblock::new_zeroed();
    device.read_at(superblock.as_mut_bytes(), first)?;
    if superblock.magic != MAGIC {
        return Err(corrupt(PLACE, "there is no btrfs file system"));
    }
    let checksum = checksum(&superblock)?;
    if sum(&superblock, checksum)[..checksum.len()] != superblock.csum[..checksum.len()] {
        return Err(corrupt(PLACE, "its checksum is wrong"));
    }
    if superblock.bytenr.get() != first {
        return Err(corrupt(PLACE, "it is a copy of another place"));
    }
    if u64::from(superblock.sectorsize.get()) != SECTOR {
        let what = format!("sectors of {} bytes", superblock.sectorsize.get());
        return Err(BtrfsError::Unsupported(what));
    }
    if NodeSize::from_bytes(u64::from(superblock.nodesize.get())).is_none() {
        return Err(corrupt(PLACE, "the size of nodes cannot be"));
    }
    if superblock.dev_item.total_bytes.get() > device.len() {
        return Err(corrupt(PLACE, "the device is shorter than it should be"));
    }
    match superblock.incompat_flags.get() & !KNOWN {
        0 => Ok(superblock),
        unknown => Err(BtrfsError::Unsupported(format!("the features {unknown:#x}"))),
    }
}

/// The checksum that a superblock names.
pub fn checksum(superblock: &Superblock) -> Result<Checksum, BtrfsError> {
    let code = superblock.csum_type.get();
    Checksum::from_code(code).ok_or_else(|| BtrfsError::Unsupported(format!("checksums of kind {code}")))
}

/// The chunks of the tree of chunks, which the superblock holds itself.
pub fn system_chunks(superblock: &Superblock, devices: usize) -> Result<Vec<Chunk>, BtrfsError> {
    let bytes = superblock.sys_chunk_array.get(..usize_of(u64::from(superblock.sys_chunk_array_size.get())));
    let mut bytes = bytes.ok_or_else(|| corrupt(PLACE, "its chunks are longer than itself"))?;
    let mut chunks = Vec::new();
    while !bytes.is_empty() {
        let key: DiskKey = struct_at(bytes, 0).ok_or_else(|| corrupt(PLACE, "a chunk's key is cut off"))?;
        let key = Key::from(key);
        if key.kind != kind::CHUNK_ITEM {
            return Err(corrupt(PLACE, "among its chunks is something else"));
        }
        let item = &bytes[size_of::<DiskKey>()..];
        let (chunk, len) = parse_chunk(key, item, devices)?;
        chunks.push(chunk);
        bytes = &item[len..];
    }
    chunks.sort_by_key(|chunk| chunk.start);
    Ok(chunks)
}
