//! Making a disk free of what was on it, so that nothing old shows through what is new.
//!
//! The first write of all puts a mark into the first sector: from then on the disk is known as one whose
//! old contents are gone, and a second attempt after a power cut may take it. The partition table, which
//! comes last, takes the mark's place.

use crate::units::{ByteRange, ByteSize, KIB, MIB, usize_of};
use crate::volume::{Block, BlockError, gpt};

use super::DeviceBlock;

/// Bytes of the mark.
pub const MARK_LEN: u64 = 512;

/// What the mark says; zeroes follow.
const MARK: &[u8] =
    b"landfall: an installation is under way, or was interrupted. What was on this disk is gone.\n";

// The table of a boot record begins at byte 440 with the disk's signature.
const _: () = assert!(MARK.len() < 440);

/// Where signatures lie in a partition or on a disk, from its start: tables and most file systems at the
/// front, btrfs' copies at 64 MiB and 256 GiB (btrfs documentation, "On-disk format", superblock).
const FROM_START: [(u64, u64); 3] = [(0, MIB), (64 * MIB, 8 * KIB), (256 << 30, 8 * KIB)];

/// How much at the end is cleared: ZFS labels, md's older superblocks, the backup of the table.
const AT_END: u64 = MIB;

/// What wiping came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wipe {
    /// Every byte reads as zero.
    Zeroed,
    /// The places of signatures are zero, the rest is as it was.
    Signatures,
}

/// The mark, as it lies at the start of a disk.
pub(super) fn mark() -> Vec<u8> {
    let mut mark = MARK.to_vec();
    mark.resize(usize_of(MARK_LEN), 0);
    mark
}

/// Whether `block` begins with the mark.
pub(super) fn is_marked(block: &dyn Block) -> Result<bool, BlockError> {
    let mut bytes = vec![0; MARK.len()];
    if block.len() < MARK_LEN {
        return Ok(false);
    }
    block.read_at(&mut bytes, 0)?;
    Ok(bytes == MARK)
}

impl DeviceBlock {
    /// Marks the disk, then makes it blank: wholly where the device does that quickly, otherwise in all
    /// places where signatures lie on it, on the partitions that it had, and in the ranges `parts` that it
    /// will have.
    pub fn wipe(&self, parts: &[ByteRange], advance: &mut dyn FnMut(ByteSize)) -> Result<Wipe, BlockError> {
        let old = old_partitions(self)?;
        self.write_at(&mark(), 0)?;
        self.flush()?;
        self.discard();
        if self.zero_quickly(advance)? {
            self.write_at(&mark(), 0)?;
            self.flush()?;
            return Ok(Wipe::Zeroed);
        }
        // The device may have forgotten the mark with the rest.
        self.write_at(&mark(), 0)?;
        let whole = ByteRange::new(0, self.len());
        for range in whole.into_iter().chain(old).chain(parts.iter().copied()) {
            clear_signatures(self, range)?;
        }
        self.flush()?;
        Ok(Wipe::Signatures)
    }

    /// Takes the mark away where no table took its place: the last write on a disk without one. A boot
    /// record keeps its table, which lies behind the mark's text.
    pub fn unmark(&self) -> Result<(), BlockError> {
        if is_marked(self)? {
            self.write_at(&vec![0; MARK.len()], 0)?;
            self.flush()?;
        }
        Ok(())
    }
}

/// Clears the places of signatures in `range`, except for the mark.
fn clear_signatures(block: &dyn Block, range: ByteRange) -> Result<(), BlockError> {
    let end = range.end().min(block.len());
    let tail = (end.saturating_sub(AT_END.min(range.len())), AT_END.min(range.len()));
    let front = FROM_START.iter().map(|(offset, len)| (range.start() + offset, *len));
    for (start, len) in front.chain([tail]) {
        let start = start.max(MARK_LEN);
        let stop = start.saturating_add(len).min(end);
        if let Some(range) = stop.checked_sub(start).and_then(|len| ByteRange::new(start, len)) {
            block.zero_range(range)?;
        }
    }
    Ok(())
}

/// The ranges of the partitions that a table on `block` names.
fn old_partitions(block: &DeviceBlock) -> Result<Vec<ByteRange>, BlockError> {
    let found = match gpt::read(block) {
        Ok(found) => found,
        Err(gpt::ReadError::Block(error)) => return Err(error),
        Err(_) => return Ok(Vec::new()),
    };
    let sector = block.sector_size();
    let range = |entry: &gpt::Entry| {
        let sectors = entry.last.0.checked_sub(entry.first.0)?.checked_add(1)?;
        let range = ByteRange::new(entry.first.offset(sector)?, sectors.checked_mul(sector.bytes())?)?;
        (range.end() <= block.len()).then_some(range)
    };
    Ok(found.table.entries.values().filter_map(range).collect())
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::fs::probe::probe_all;
    use crate::units::SectorSize;

    const LEN: u64 = 128 * MIB;

    fn garbage() -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        for at in 0..LEN / MIB {
            file.as_file().write_all_at(&vec![0xA5; usize_of(MIB)], at * MIB).unwrap();
        }
        file
    }

    #[test]
    fn a_file_is_zeroed_but_for_the_mark_and_unmarking_ends_it() {
        let file = garbage();
        let block = DeviceBlock::open(file.path(), SectorSize::S512).unwrap();
        assert_eq!(block.wipe(&[], &mut |_| {}).unwrap(), Wipe::Zeroed);
        assert!(is_marked(&block).unwrap());
        block.unmark().unwrap();
        let mut bytes = vec![1; usize_of(LEN)];
        block.read_at(&mut bytes, 0).unwrap();
        assert!(bytes.iter().all(|byte| *byte == 0));
    }

    #[test]
    fn without_quick_zeroing_every_signature_goes() {
        let file = garbage();
        let part = ByteRange::new(2 * MIB, 100 * MIB).unwrap();
        let places = [
            // md 1.0 and ZFS at the end of a partition, btrfs' mirror, an ext superblock.
            (part.end() - 8 * KIB, &b"\xfc\x4e\x2b\xa9\x01\0\0\0"[..]),
            (part.start() + 64 * MIB + 64, b"_BHRfS_M"),
            (part.start() + 1024 + 56, b"\x53\xef"),
            (LEN - 512, b"EFI PART"),
        ];
        for (at, magic) in places {
            file.as_file().write_all_at(magic, at).unwrap();
        }
        let block = DeviceBlock::open(file.path(), SectorSize::S512).unwrap();
        for range in [ByteRange::new(0, LEN).unwrap(), part] {
            clear_signatures(&block, range).unwrap();
        }
        for (at, magic) in places {
            let mut bytes = vec![0; magic.len()];
            block.read_at(&mut bytes, at).unwrap();
            assert_ne!(bytes, magic, "at {at}");
        }
        assert!(probe_all(&block).unwrap().is_empty());
    }
}
