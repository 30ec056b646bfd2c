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

use std::fs::File;
use std::ops::{Deref, Range};

pub use claims::{ClaimError, Claims};
pub use file::FileBlock;
pub use memory::MemoryBlock;
pub use slice::SliceBlock;

use crate::buffer::with_buffer;
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
        carry_file(source, range, |data, done| self.write_at(data, offset + done))
    }
}

/// [Carries](carry) bytes of a host file.
fn carry_file(
    source: &File,
    range: ByteRange,
    write: impl FnMut(&[u8], u64) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    use std::os::unix::fs::FileExt;
    let read = |chunk: &mut [u8], from| {
        let outcome = source.read_exact_at(chunk, from);
        outcome.map_err(|error| IoError::new("reading", "the source file", error).at(from).into())
    };
    carry(range, COPY_CHUNK, read, write)
}

/// Has `read` fetch `range`, at most `chunk` bytes at a time, and hands each piece to `write` with its distance from
/// the start.
pub fn carry<E>(
    range: ByteRange,
    chunk: u64,
    mut read: impl FnMut(&mut [u8], u64) -> Result<(), E>,
    mut write: impl FnMut(&[u8], u64) -> Result<(), E>,
) -> Result<(), E> {
    with_buffer(usize_of(range.len().min(chunk)), |buffer| {
        let mut done = 0;
        while done < range.len() {
            let piece = &mut buffer[..usize_of((range.len() - done).min(chunk))];
            read(piece, range.start() + done)?;
            write(piece, done)?;
            done += u64_of(piece.len());
        }
        Ok(())
    })
}

/// Hands zeroes for all of `range` to `write`, chunk by chunk, with their offsets.
pub fn write_zeroes(
    range: Range<u64>,
    mut write: impl FnMut(&[u8], u64) -> Result<(), BlockError>,
) -> Result<(), BlockError> {
    static ZEROES: [u8; 1 << 16] = [0; 1 << 16];
    let mut offset = range.start;
    while offset < range.end {
        let chunk = usize_of((range.end - offset).min(u64_of(ZEROES.len())));
        write(&ZEROES[..chunk], offset)?;
        offset += u64_of(chunk);
    }
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
