//! Volumes: byte ranges with positioned I/O, from a file up to a mapped device.
//!
//! A [`Block`] is anything that has bytes at offsets. A partition is a [`SliceBlock`] of its disk; an
//! encrypted mapping, a logical volume or an array is a Block made of Blocks. Writers of file
//! systems see only this trait, so the same code fills an image file, a real disk, or memory.

mod claims;
mod create_args;
mod file;
pub mod gpt;
pub mod luks2;
pub mod lvm;
pub mod mbr;
pub mod md;
mod memory;
mod slice;

use std::cell::Cell;
use std::fs::File;
use std::ops::Deref;

pub use claims::{ClaimError, Claims};
pub use file::FileBlock;
pub use memory::MemoryBlock;
pub use slice::SliceBlock;

use crate::error::IoError;
use crate::units::{ByteRange, SectorSize, u64_of, usize_of};

/// How many bytes [`Block::copy_from`] moves at a time where it must carry them itself.
/// Small enough to stay in a processor's own cache between reading and writing: with 1 MiB it took twice as long.
const COPY_CHUNK: u64 = 256 << 10;

/// Why a Block could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum BlockError {
    /// The file or device below said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The caller asked for bytes past the end: a mistake of this program.
    #[error("{range} is outside of {what}, which has {len} bytes")]
    OutOfRange {
        /// The bytes asked for.
        range: String,
        /// What they were asked of.
        what: String,
        /// Its length in bytes.
        len: u64,
    },
    /// The layer's own data is wrong: a checksum, a header.
    #[error("{what}: {why}")]
    Corrupt {
        /// The layer.
        what: String,
        /// What is wrong with it.
        why: String,
    },
}

impl BlockError {
    /// The error for `len` bytes at `offset` of `what`, which holds `available` bytes.
    pub fn out_of_range(what: impl Into<String>, offset: u64, len: u64, available: u64) -> Self {
        let range = format!("{len} bytes at {offset}");
        Self::OutOfRange { range, what: what.into(), len: available }
    }
}

/// Bytes at offsets, from 0 to `len`, shared between threads.
///
/// Ranges written at the same time by two threads must not overlap. A read of bytes that nobody
/// wrote gives zeroes on a new image and anything on a used device.
#[expect(clippy::len_without_is_empty, reason = "a Block without bytes is of no use to anyone")]
pub trait Block: Send + Sync {
    /// Size in bytes; a multiple of the sector size.
    fn len(&self) -> u64;

    /// The unit of addressing that partition tables and headers on this Block use.
    fn sector_size(&self) -> SectorSize;

    /// Fills `buffer` from `offset`. Fails when any byte is past the end.
    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError>;

    /// Writes all of `data` at `offset`. Fails when any byte is past the end.
    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError>;

    /// Makes `range` read as zeroes, without taking space where the Block can do that.
    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError>;

    /// Waits until everything written so far would survive a power cut.
    fn flush(&self) -> Result<(), BlockError>;

    /// Copies `range` of the host file `source` to `offset`; between files on one file system
    /// that can, the bytes are shared and not copied.
    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        carry(source, range, |data, done| self.write_at(data, offset + done))
    }
}

/// Reads `range` of `source` chunk by chunk and hands each to `write` with its distance from the start.
fn carry(
    source: &File,
    range: ByteRange,
    mut write: impl FnMut(&[u8], u64) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    use std::os::unix::fs::FileExt;
    // One buffer for each thread: making and clearing it anew for every file costs a tenth of the copy.
    thread_local!(static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) });
    let mut buffer = BUFFER.take();
    buffer.resize(buffer.len().max(usize_of(range.len().min(COPY_CHUNK))), 0);
    let mut done = 0;
    while done < range.len() {
        let chunk = &mut buffer[..usize_of((range.len() - done).min(COPY_CHUNK))];
        let from = range.start() + done;
        source
            .read_exact_at(chunk, from)
            .map_err(|error| IoError::new("reading", "the source file", error).at(from))?;
        write(chunk, done)?;
        done += u64_of(chunk.len());
    }
    BUFFER.set(buffer);
    Ok(())
}

/// Checks that `len` bytes at `offset` lie within `available` bytes of `what`.
fn check_range(what: &str, offset: u64, len: u64, available: u64) -> Result<(), BlockError> {
    match offset.checked_add(len) {
        Some(end) if end <= available => Ok(()),
        _ => Err(BlockError::out_of_range(what, offset, len, available)),
    }
}

/// References and shared pointers to a Block are Blocks.
impl<P> Block for P
where
    P: Deref<Target: Block> + Send + Sync,
{
    fn len(&self) -> u64 {
        (**self).len()
    }

    fn sector_size(&self) -> SectorSize {
        (**self).sector_size()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        (**self).read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        (**self).write_at(data, offset)
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        (**self).zero_range(range)
    }

    fn flush(&self) -> Result<(), BlockError> {
        (**self).flush()
    }

    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        (**self).copy_from(source, range, offset)
    }
}
