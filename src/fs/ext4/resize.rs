//! The resize inode: owner of the descriptor blocks that are reserved for growth.
//!
//! ```text
//! i_block[13] ─▶ block of pointers ─┬─▶ reserved block 0 of group 0 ─┬─▶ reserved block 0 of group 1
//!                                   │                                ├─▶ … of group 3, 5, 7, 9, 25 …
//!                                   └─▶ reserved block 1 of group 0 ─▶ …
//! ```
//!
//! The reserved blocks of group 0 are at the same time the lists of their copies in the other groups. When a
//! mounted file system grows, the kernel takes the next of them for descriptors and finds the copies to take
//! with it. Which pointer leads to a reserved block follows from its distance from the superblock.

use super::batch::{Batch, empty_block};
use super::block::{BlockNumber, BlockSize};
use super::checksum::InodeSeed;
use super::format::inode::mode;
use super::geometry::Geometry;
use super::inode::{INODE_BYTES, InodeFields};
use super::time::DiskTime;
use crate::units::{low_u32, u64_of, usize_of};
use crate::volume::BlockError;

/// Index in `i_block` of the block of blocks of pointers.
pub(super) const DOUBLE_INDIRECT: usize = 13;
/// Pointers in `i_block` that lead to content directly.
const DIRECT: u64 = 12;

/// Writes the block of pointers at `place`, and the reserved blocks of group 0.
pub(super) fn write(
    geometry: &Geometry,
    place: BlockNumber,
    batch: &mut Batch<'_>,
) -> Result<(), BlockError> {
    let pointers_per_block = geometry.block_size.bytes() / 4;
    let mut pointers = empty_block(geometry.block_size);
    for index in 0..geometry.reserved_descriptor_blocks {
        let reserved = primary(geometry, index);
        let slot = (geometry.descriptor_blocks + index) % pointers_per_block;
        put_pointer(&mut pointers, slot, reserved);
        let mut copies = empty_block(geometry.block_size);
        for (slot, group) in geometry.backup_groups().skip(1).enumerate() {
            let copy = reserved.plus(group * geometry.block_size.blocks_per_group());
            put_pointer(&mut copies, u64_of(slot), copy);
        }
        batch.put(reserved, &copies)?;
    }
    batch.put(place, &pointers)
}

/// The inode itself, whose block of pointers is at `place`.
pub(super) fn inode(
    geometry: &Geometry,
    place: BlockNumber,
    time: DiskTime,
    seed: InodeSeed,
) -> [u8; INODE_BYTES] {
    let mut fields = InodeFields::new(mode::REGULAR | 0o600, time);
    fields.i_block[DOUBLE_INDIRECT * 4..][..4].copy_from_slice(&low_u32(place.0).to_le_bytes());
    fields.size = size(geometry.block_size);
    let copies = u64_of(geometry.backup_groups().count());
    fields.blocks = 1 + geometry.reserved_descriptor_blocks * copies;
    fields.encode(geometry.block_size, seed)
}

/// Size of a file whose pointers reach to the end of the double indirection.
pub(super) fn size(block_size: BlockSize) -> u64 {
    let pointers = block_size.bytes() / 4;
    (DIRECT + pointers + pointers * pointers) * block_size.bytes()
}

/// The reserved block `index` of group 0.
fn primary(geometry: &Geometry, index: u64) -> BlockNumber {
    geometry.group(0).start.plus(1 + geometry.descriptor_blocks + index)
}

fn put_pointer(block: &mut [u8], slot: u64, target: BlockNumber) {
    // Reserved descriptors exist only where block numbers have 32 bits.
    block[usize_of(slot * 4)..][..4].copy_from_slice(&low_u32(target.0).to_le_bytes());
}
