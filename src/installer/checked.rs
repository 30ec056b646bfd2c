//! A file of a medium that is read once, chunk by chunk, and compared with its digests on the way.

use std::fs::File;
use std::sync::{Arc, Mutex, PoisonError};

use super::digests::FileDigests;
use crate::cache::Cache;
use crate::units::{ByteRange, MIB, SectorSize, u64_of, usize_of};
use crate::volume::{Block, BlockError, FileBlock};

/// Bytes of chunks that are kept: what neighbouring blocks and the tables of a file system are in.
const KEPT: u64 = 16 * MIB;

/// The file, to be read. Damage is an error that names its place, whoever reads.
#[derive(Debug)]
pub struct CheckedBlock {
    block: FileBlock,
    digests: FileDigests,
    /// Chunks that were found to be good, by their offsets.
    chunks: Mutex<Cache<Arc<Vec<u8>>>>,
}

impl CheckedBlock {
    /// For `block`, which has `digests`.
    pub fn new(block: FileBlock, digests: FileDigests) -> Self {
        Self { block, digests, chunks: Mutex::new(Cache::new(usize_of(KEPT))) }
    }

    /// What is in chunk `index`, which takes `range`.
    fn chunk(&self, index: usize, range: ByteRange) -> Result<Arc<Vec<u8>>, BlockError> {
        if let Some(chunk) = self.chunks.lock().unwrap_or_else(PoisonError::into_inner).get(range.start()) {
            return Ok(chunk);
        }
        let mut bytes = vec![0; usize_of(range.len())];
        self.block.read_at(&mut bytes, range.start())?;
        self.digests.check(index, &bytes).map_err(|damage| BlockError::Corrupt {
            what: "the medium".to_owned(),
            why: damage.to_string(),
        })?;
        // A second copy of the medium in memory would serve nobody.
        self.block.forget(range);
        let chunk = Arc::new(bytes);
        let mut chunks = self.chunks.lock().unwrap_or_else(PoisonError::into_inner);
        chunks.put(range.start(), chunk.len(), chunk.clone());
        Ok(chunk)
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
        let (mut rest, mut at) = (buffer, offset);
        while !rest.is_empty() {
            // A file has no bytes behind its last chunk: reading says so.
            let Some(index) = self.digests.chunk_at(at) else { return self.block.read_at(rest, at) };
            let range = self.digests.chunk(index);
            let chunk = self.chunk(index, range)?;
            let bytes = &chunk[usize_of(at - range.start())..];
            let (now, later) = rest.split_at_mut(bytes.len().min(rest.len()));
            now.copy_from_slice(&bytes[..now.len()]);
            at += u64_of(now.len());
            rest = later;
        }
        Ok(())
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
