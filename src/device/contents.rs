//! What is on a disk, in words for a person and as one question: is it blank?

use std::fmt;
use std::fs::File;
use std::path::Path;
use std::sync::Arc;

use super::inventory::Disk;
use super::wipe;
use crate::error::IoError;
use crate::fs::probe::{Signature, probe, probe_all};
use crate::units::{ByteRange, MIB, SectorSize, usize_of};
use crate::volume::{Block, BlockError, FileBlock, SliceBlock, gpt};

/// How much of both ends must read as zeroes for a disk to be blank.
const EDGE: u64 = MIB;

/// What is on a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Contents {
    /// Nothing: no signature that we know, and zeroes at both ends.
    Blank,
    /// What an installation of this program left that did not come to its end. What was there before is
    /// gone.
    Unfinished,
    /// Something.
    Something {
        /// One line for each thing, outermost first.
        lines: Vec<String>,
    },
}

impl Contents {
    /// Looks at `disk`.
    pub fn of(disk: &Disk) -> Result<Self, BlockError> {
        let file = File::open(&disk.path).map_err(|source| IoError::new("opening", &disk.path, source))?;
        Self::of_file(file, &disk.path, disk.sector_size)
    }

    /// Looks at an open device or file.
    pub fn of_file(file: File, path: &Path, sector_size: SectorSize) -> Result<Self, BlockError> {
        let block: Arc<dyn Block> = Arc::new(FileBlock::open(file, path, sector_size)?);
        if wipe::is_marked(&*block)? {
            return Ok(Self::Unfinished);
        }
        let signatures = probe_all(&*block)?;
        let mut lines = partitions(&block)?;
        if lines.is_empty() {
            lines.extend(signatures.iter().map(Signature::to_string));
        }
        if lines.is_empty() && !edges_are_zero(&*block)? {
            lines.push("data of an unknown kind".to_owned());
        }
        Ok(if lines.is_empty() { Self::Blank } else { Self::Something { lines } })
    }

    /// Whether nobody can lose anything by writing to it.
    pub fn is_free(&self) -> bool {
        matches!(self, Self::Blank | Self::Unfinished)
    }
}

/// On one line.
impl fmt::Display for Contents {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Blank => f.write_str("blank"),
            Self::Unfinished => f.write_str("an installation that was interrupted"),
            Self::Something { lines } => f.write_str(&lines.join("; ")),
        }
    }
}

/// The partitions of a GUID partition table, each with what is on it.
fn partitions(disk: &Arc<dyn Block>) -> Result<Vec<String>, BlockError> {
    let found = match gpt::read(disk) {
        Ok(found) => found,
        Err(gpt::ReadError::Block(error)) => return Err(error),
        Err(_) => return Ok(Vec::new()),
    };
    let sector = disk.sector_size();
    let mut lines = Vec::new();
    for (number, entry) in &found.table.entries {
        let len = entry.last.0.checked_sub(entry.first.0).and_then(|count| count.checked_add(1));
        let range = len.and_then(|count| {
            ByteRange::new(entry.first.offset(sector)?, count.checked_mul(sector.bytes())?)
        });
        let content = match range.map(|range| SliceBlock::new(disk.clone(), range)) {
            Some(Ok(slice)) => probe(&slice)?.map(|signature| signature.to_string()),
            _ => None,
        };
        let name = entry.name.to_string();
        let name = if name.is_empty() { entry.type_guid.to_string() } else { format!("{name:?}") };
        lines.push(format!("{number}: {name} {}", content.as_deref().unwrap_or("(nothing known)")));
    }
    if lines.is_empty() {
        lines.push("an empty GUID partition table".to_owned());
    }
    Ok(lines)
}

/// Whether both ends of `block` read as zeroes.
fn edges_are_zero(block: &dyn Block) -> Result<bool, BlockError> {
    let len = EDGE.min(block.len());
    let mut bytes = vec![0; usize_of(len)];
    for offset in [0, block.len() - len] {
        block.read_at(&mut bytes, offset)?;
        if bytes.iter().any(|byte| *byte != 0) {
            return Ok(false);
        }
    }
    Ok(true)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use super::*;

    fn contents(fill: impl Fn(&File)) -> Contents {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().set_len(64 * MIB).unwrap();
        fill(file.as_file());
        Contents::of_file(file.reopen().unwrap(), file.path(), SectorSize::S512).unwrap()
    }

    #[test]
    fn zeroes_are_blank_and_one_byte_at_either_end_is_not() {
        assert_eq!(contents(|_| {}), Contents::Blank);
        for at in [0, MIB - 1, 64 * MIB - 1] {
            let found = contents(|file| file.write_all_at(b"x", at).unwrap());
            assert_eq!(found.to_string(), "data of an unknown kind", "byte {at}");
        }
    }

    #[test]
    fn a_signature_far_from_the_ends_is_something() {
        // btrfs: the magic is at 64 in the superblock, which is at 64 KiB.
        let found = contents(|file| file.write_all_at(b"_BHRfS_M", (64 << 10) + 64).unwrap());
        assert!(!found.is_free(), "{found}");
    }

    #[test]
    fn what_we_left_unfinished_is_known_again() {
        let mark = wipe::mark();
        let found = contents(|file| {
            file.write_all_at(&mark, 0).unwrap();
            file.write_all_at(b"_BHRfS_M", (64 << 10) + 64).unwrap();
        });
        assert_eq!(found, Contents::Unfinished);
        assert!(found.is_free());
    }
}
