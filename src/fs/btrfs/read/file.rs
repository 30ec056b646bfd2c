//! The bytes of a file.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::super::address::Logical;
use super::super::compression::decompress;
use super::super::error::BtrfsError;
use super::super::format::{SECTOR, kind, objectid};
use super::super::key::Key;
use super::inode::{Part, Stored};
use super::{Reader, corrupt};
use crate::tree::{ContentError, Source};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// Whether a file's data have checksums.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sums {
    /// They are verified.
    Verified,
    /// There are none.
    None,
}

impl<B: Block> Reader<B> {
    /// Fills `buffer`, whole sectors, from `start`, and compares it with its checksums where it has some; where a copy is
    /// damaged, the next is tried.
    pub(super) fn data(&self, start: Logical, buffer: &mut [u8], sums: Sums) -> Result<(), BtrfsError> {
        let expected = match sums {
            Sums::Verified => self.sums(start, u64_of(buffer.len()))?,
            Sums::None => Vec::new(),
        };
        for copy in 0.. {
            if !self.read_copy(start, buffer, copy)? {
                break;
            }
            let mut found = Vec::with_capacity(expected.len());
            if sums == Sums::Verified {
                self.checksum.of_sectors(buffer, &mut found);
            }
            if found == expected {
                return Ok(());
            }
        }
        Err(corrupt(format!("data at {}", start.0), "the checksum is wrong"))
    }

    /// The checksums of the `len` bytes from `start`, in order.
    fn sums(&self, start: Logical, len: u64) -> Result<Vec<u8>, BtrfsError> {
        let size = self.checksum.len();
        // No item covers more than a whole node of checksums.
        let reach = self.node_bytes() / u64_of(size) * SECTOR;
        let key = |at: u64| Key::new(objectid::EXTENT_CSUM, kind::EXTENT_CSUM, at);
        let end = start.0.saturating_add(len);
        let mut found = vec![0; usize_of(len / SECTOR) * size];
        let mut covered = 0;
        let range = key(start.0.saturating_sub(reach))..=key(end.saturating_sub(1));
        self.walk(self.root_of(objectid::CSUM_TREE)?, range, &mut |key, data| {
            let first = key.offset;
            let last = first.saturating_add(u64_of(data.len() / size) * SECTOR);
            let (from, to) = (first.max(start.0), last.min(end));
            if from < to && first % SECTOR == start.0 % SECTOR {
                let source = usize_of((from - first) / SECTOR) * size;
                let target = usize_of((from - start.0) / SECTOR) * size;
                let bytes = usize_of((to - from) / SECTOR) * size;
                found[target..target + bytes].copy_from_slice(&data[source..source + bytes]);
                covered += bytes;
            }
            Ok(())
        })?;
        if covered == found.len() {
            Ok(found)
        } else {
            Err(corrupt(format!("data at {}", start.0), "checksums are missing"))
        }
    }
}

/// A file of a file system that is read when its bytes are wanted.
pub struct FileSource<B> {
    reader: Arc<Reader<B>>,
    len: u64,
    parts: Vec<Part>,
    sums: Sums,
    /// The compressed extent that was read last, by its place.
    last: Mutex<Option<(u64, Arc<Vec<u8>>)>>,
}

impl<B> fmt::Debug for FileSource<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FileSource").field("len", &self.len).field("parts", &self.parts.len()).finish()
    }
}

impl<B: Block> FileSource<B> {
    /// A file of `len` bytes with these parts.
    pub fn new(reader: Arc<Reader<B>>, len: u64, parts: Vec<Part>, sums: Sums) -> Self {
        Self { reader, len, parts, sums, last: Mutex::new(None) }
    }

    /// Fills `buffer` with the bytes of `part` from its byte `from`.
    fn part(&self, part: &Part, from: u64, buffer: &mut [u8]) -> Result<(), BtrfsError> {
        match &part.stored {
            Stored::Zeroes => buffer.fill(0),
            Stored::Inline(bytes) => {
                let bytes = match part.compression {
                    0 => bytes.clone(),
                    code => self.unpack(code, bytes, usize_of(part.len))?,
                };
                let start = usize_of(from);
                let there = bytes.get(start..start + buffer.len());
                buffer.copy_from_slice(there.ok_or_else(|| corrupt("file", "an inline part is too short"))?);
            }
            Stored::Extent { start, disk_len, ram_len, skip } if part.compression != 0 => {
                let known = self.last.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let bytes = match known.filter(|(whose, _)| whose == start) {
                    Some((_, bytes)) => bytes,
                    None => {
                        let mut packed = vec![0; usize_of(*disk_len)];
                        self.reader.data(Logical(*start), &mut packed, self.sums)?;
                        Arc::new(self.unpack(part.compression, &packed, usize_of(*ram_len))?)
                    }
                };
                let at = usize_of(skip + from);
                buffer.copy_from_slice(&bytes[at..at + buffer.len()]);
                *self.last.lock().unwrap_or_else(PoisonError::into_inner) = Some((*start, bytes));
            }
            Stored::Extent { start, skip, .. } => {
                // Checksums are of whole sectors.
                let first = skip + from;
                let aligned = first / SECTOR * SECTOR;
                let end = (first + u64_of(buffer.len())).next_multiple_of(SECTOR);
                let mut sectors = vec![0; usize_of(end - aligned)];
                self.reader.data(Logical(start + aligned), &mut sectors, self.sums)?;
                let at = usize_of(first - aligned);
                buffer.copy_from_slice(&sectors[at..at + buffer.len()]);
            }
        }
        Ok(())
    }

    fn unpack(&self, code: u8, bytes: &[u8], len: usize) -> Result<Vec<u8>, BtrfsError> {
        decompress(code, bytes, len).ok_or_else(|| corrupt("file", "compressed data cannot be read"))
    }
}

impl<B: Block> Source for FileSource<B> {
    fn len(&self) -> u64 {
        self.len
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), ContentError> {
        buffer.fill(0);
        let end = offset.saturating_add(u64_of(buffer.len()));
        let first = self.parts.partition_point(|part| part.end() <= offset);
        for part in self.parts[first..].iter().take_while(|part| part.offset < end) {
            let (from, to) = (part.offset.max(offset), part.end().min(end));
            let target = &mut buffer[usize_of(from - offset)..usize_of(to - offset)];
            self.part(part, from - part.offset, target)
                .map_err(|error| ContentError::Source(crate::error::chain(&error)))?;
        }
        Ok(())
    }
}
