//! What a protofile cannot say, set in the inodes: sticky bits and times, and with them what mkfs took from the
//! clock.

use super::super::ExternalError;
use super::super::staging::Staging;
use super::volume::{Inode, Volume, wrong};
use crate::timestamp::Timestamp;
use crate::tree::{Metadata, NodeId, Tree};
use crate::units::ByteRange;

/// Offset of the mode.
const MODE: usize = 2;
/// Offsets of the times: access, modification, change, birth.
const TIMES: [usize; 4] = [32, 40, 48, 144];
/// Offset of the generation, which may be chance.
const GENERATION: usize = 92;
/// Offset of the checksum.
const CHECKSUM: usize = 100;
/// Offset of the second flags.
const FLAGS2: usize = 120;
/// Times are counted in nanoseconds from 1901 (`XFS_DIFLAG2_BIGTIME`).
const BIGTIME: u64 = 8;
/// Sticky.
const STICKY: u16 = 0o1000;

/// Sets every inode's times and sticky bit as `tree` has them; where the log is.
pub(super) fn finish(tree: &Tree, staging: &Staging) -> Result<ByteRange, ExternalError> {
    let volume = Volume::open(staging)?;
    let plain = Metadata::root(0);
    for number in volume.realtime {
        if number != u64::MAX {
            let mut inode = volume.inode(number)?;
            set(&mut inode, &plain)?;
            volume.put(&inode)?;
        }
    }
    node(&volume, tree, (Tree::ROOT, volume.root))?;
    Ok(volume.log)
}

/// Sets the inode of a node and those of everything below it.
fn node(volume: &Volume<'_>, tree: &Tree, (id, number): (NodeId, u64)) -> Result<(), ExternalError> {
    let mut inode = volume.inode(number)?;
    if let crate::tree::Kind::Directory(expected) = &tree.node(id).kind {
        let entries = volume.entries(&inode)?;
        if entries.len() != expected.len() {
            return Err(wrong("a directory has not the entries that it should"));
        }
        for (name, number) in entries {
            let below =
                expected.get(name.as_slice()).ok_or_else(|| wrong("a name is there that should not be"))?;
            node(volume, tree, (*below, number))?;
        }
    }
    set(&mut inode, &tree.node(id).metadata)?;
    volume.put(&inode)
}

fn set(inode: &mut Inode, metadata: &Metadata) -> Result<(), ExternalError> {
    let bytes = &mut inode.bytes;
    let mode = u16::from_be_bytes([bytes[MODE], bytes[MODE + 1]]) & !STICKY | metadata.permissions & STICKY;
    bytes[MODE..MODE + 2].copy_from_slice(&mode.to_be_bytes());
    let mut flags = [0; 8];
    flags.copy_from_slice(&bytes[FLAGS2..FLAGS2 + 8]);
    let time = encoded(metadata.modified, u64::from_be_bytes(flags) & BIGTIME != 0)
        .ok_or_else(|| wrong("a time does not fit an inode"))?;
    for at in TIMES {
        bytes[at..at + 8].copy_from_slice(&time);
    }
    bytes[GENERATION..GENERATION + 4].fill(0);
    bytes[CHECKSUM..CHECKSUM + 4].fill(0);
    let sum = crc32c::crc32c(bytes);
    bytes[CHECKSUM..CHECKSUM + 4].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// A time as an inode has it: nanoseconds from the earliest 32-bit second, or seconds and nanoseconds.
fn encoded(time: Timestamp, is_big: bool) -> Option<[u8; 8]> {
    if is_big {
        let seconds = u64::try_from(time.seconds.checked_add(1 << 31)?).ok()?;
        let nanoseconds = seconds.checked_mul(1_000_000_000)?.checked_add(u64::from(time.nanoseconds))?;
        return Some(nanoseconds.to_be_bytes());
    }
    let mut bytes = [0; 8];
    bytes[..4].copy_from_slice(&i32::try_from(time.seconds).ok()?.to_be_bytes());
    bytes[4..].copy_from_slice(&time.nanoseconds.to_be_bytes());
    Some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_count_from_the_earliest_second_of_32_bits() {
        let one = Timestamp::seconds(1);
        assert_eq!(encoded(one, true), Some((((1_u64 << 31) + 1) * 1_000_000_000).to_be_bytes()));
        assert_eq!(encoded(one, false), Some([0, 0, 0, 1, 0, 0, 0, 0]));
        assert_eq!(encoded(Timestamp::seconds(1 << 40), false), None);
        assert_eq!(encoded(Timestamp::seconds(-(1 << 31) - 1), true), None);
    }
}
