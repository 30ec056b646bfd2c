//! A file of a medium whose bytes are compared with its digests when they are read for the first time.

use std::fs::File;
use std::sync::atomic::{AtomicBool, Ordering};

use super::digests::FileDigests;
use crate::units::{ByteRange, SectorSize, u64_of, usize_of};
use crate::volume::{Block, BlockError, FileBlock};

/// The file, to be read. Damage is an error that names its place, whoever reads.
#[derive(Debug)]
pub struct CheckedBlock {
    block: FileBlock,
    digests: FileDigests,
    /// Whether each chunk is known to be good.
    good: Vec<AtomicBool>,
}

impl CheckedBlock {
    /// For `block`, which has `digests`.
    pub fn new(block: FileBlock, digests: FileDigests) -> Self {
        let good = (0..digests.chunks()).map(|_| AtomicBool::new(false)).collect();
        Self { block, digests, good }
    }

    fn check(&self, index: usize, buffer: &mut Vec<u8>) -> Result<(), BlockError> {
        if self.good[index].load(Ordering::Relaxed) {
            return Ok(());
        }
        let range = self.digests.chunk(index);
        buffer.resize(usize_of(range.len()), 0);
        self.block.read_at(buffer, range.start())?;
        self.digests.check(index, buffer).map_err(|damage| BlockError::Corrupt {
            what: "the medium".to_owned(),
            why: damage.to_string(),
        })?;
        self.good[index].store(true, Ordering::Relaxed);
        Ok(())
    }
}

impl Block for CheckedBlock {
    fn len(&self) -> u64 {
        self.block.len()
    }

    fn sector_size(&self) -> SectorSize {
        self.block.sector_size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        let end = offset.saturating_add(u64_of(buffer.len()));
        let mut chunk = Vec::new();
        for index in self.digests.chunks_in(offset, end) {
            self.check(index, &mut chunk)?;
        }
        self.block.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.block.write_at(data, offset)
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        self.block.zero_range(range)
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.block.flush()
    }

    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        self.block.copy_from(source, range, offset)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::FileExt;

    use super::*;
    use crate::installer::FileDigester;

    #[test]
    fn damage_is_told_to_whoever_reads_it_and_to_nobody_else() {
        let content: Vec<u8> = (0..3_500_000_u32).map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[2]).collect();
        let mut digester = FileDigester::new("nix-store.squashfs");
        digester.write_all(&content).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all_at(&content, 0).unwrap();
        file.as_file().write_all_at(&[!content[2_100_000]], 2_100_000).unwrap();
        let block = FileBlock::open(file.reopen().unwrap(), file.path(), SectorSize::S512).unwrap();
        let block = CheckedBlock::new(block, digester.finish());
        let mut read = vec![0; 1_100_000];
        block.read_at(&mut read, 900_000).unwrap();
        assert!(read == content[900_000..2_000_000]);
        block.read_at(&mut read[..9], 3_499_990).unwrap();
        let error = block.read_at(&mut read[..10], 3_145_720).unwrap_err().to_string();
        assert!(
            error.contains("`nix-store.squashfs` is damaged between byte 2097152 and byte 3145728"),
            "{error}"
        );
    }
}
