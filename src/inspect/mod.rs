//! What is on an image or a disk, from the partition table down to the generations of a system.
//!
//! Everything is read by our own readers, and nothing is believed: what does not check out is listed
//! as a problem beside what could be read.

mod architecture;
mod btrfs;
mod report;
mod system;
mod text;

pub use architecture::boot_architecture;
pub use btrfs::SubvolumeReport;
pub use report::{Area, Report, SquashfsReport, TableReport};
pub use system::{BootReport, EntryReport, GenerationReport, SystemReport};

use std::io;
use std::path::Path;

use crate::error::IoError;
use crate::files;
use crate::fs::fat;
use crate::units::{ByteRange, SectorSize};
use crate::volume::{BlockError, FileBlock, gpt};

/// How much is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Depth {
    /// Tables, metadata, lists.
    #[default]
    Lists,
    /// Every store path too, compared with what it was registered as.
    Contents,
}

/// Why an image could not be inspected.
#[derive(Debug, thiserror::Error)]
pub enum InspectError {
    /// The file or device failed.
    #[error(transparent)]
    Io(#[from] IoError),
    /// Bytes of it could not be read.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// Its partition table could not be read.
    #[error(transparent)]
    Gpt(#[from] gpt::ReadError),
    /// A FAT volume on it could not be read.
    #[error(transparent)]
    Fat(#[from] fat::ReadError),
}

impl InspectError {
    /// Whether there was nothing to inspect at that path.
    pub fn is_not_found(&self) -> bool {
        let not_found = |error: &IoError| error.kind() == io::ErrorKind::NotFound;
        matches!(self, Self::Io(error) | Self::Block(BlockError::Io(error)) if not_found(error))
    }
}

/// Opens an image or device for reading, in the sectors in which it has a partition table.
fn open(path: &Path) -> Result<FileBlock, InspectError> {
    let with = |sector_size| -> Result<FileBlock, InspectError> {
        Ok(FileBlock::open(files::open(path)?, path, sector_size)?)
    };
    let block = with(SectorSize::S512)?;
    if gpt::read(&block).is_ok() {
        return Ok(block);
    }
    let native = with(SectorSize::S4096)?;
    if gpt::read(&native).is_ok() { Ok(native) } else { Ok(block) }
}

/// The bytes of a partition; `None` for one that ends before it starts or past 64 bits.
fn bytes(entry: &gpt::Entry, sector: SectorSize) -> Option<ByteRange> {
    let sectors = entry.last.0.checked_sub(entry.first.0)?.checked_add(1)?;
    ByteRange::new(entry.first.offset(sector)?, sectors.checked_mul(sector.bytes())?)
}
