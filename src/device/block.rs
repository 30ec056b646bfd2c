//! A real disk as a Block.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc::O_EXCL;

use crate::error::IoError;
use crate::sys::block_device;
use crate::units::{ByteRange, ByteSize, MIB, SectorSize};
use crate::volume::{Block, BlockError, FileBlock};

/// How much is zeroed in one request: long enough to cost little, short enough to be interrupted.
const ZERO_STEP: u64 = 256 * MIB;

/// A disk, opened for nobody else, or a file in its place.
///
/// Unlike an image it does not read as zeroes. [`zero_range`](Block::zero_range) uses the device's own
/// means where it has them, and writes where it has none.
#[derive(Debug)]
pub struct DeviceBlock {
    block: FileBlock,
    file: File,
    path: std::path::PathBuf,
    sector_size: SectorSize,
}

impl DeviceBlock {
    /// Opens the disk at `path` for reading and writing; fails with `EBUSY` when it is mounted or part of
    /// something.
    pub fn open(path: &Path, sector_size: SectorSize) -> Result<Self, BlockError> {
        let failed = |source| IoError::new("opening", path, source);
        // On a block device O_EXCL without O_CREAT claims it (open(2)); files have no such claim.
        let is_device = std::fs::metadata(path).map_err(failed)?;
        let is_device = std::os::unix::fs::FileTypeExt::is_block_device(&is_device.file_type());
        let mut options = OpenOptions::new();
        options.read(true).write(true).custom_flags(if is_device { O_EXCL } else { 0 });
        let file = options.open(path).map_err(failed)?;
        let twin = file.try_clone().map_err(failed)?;
        Ok(Self {
            block: FileBlock::open(twin, path, sector_size)?,
            file,
            path: path.to_owned(),
            sector_size,
        })
    }

    /// The open device.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes all of it zero where the device does that by itself, without writing each byte. `false`:
    /// it cannot, and nothing is certain of what it holds. `advance` is told of bytes as they are done.
    pub fn zero_quickly(&self, advance: &mut dyn FnMut(ByteSize)) -> Result<bool, BlockError> {
        let mut offset = 0;
        while offset < self.len() {
            let step = ZERO_STEP.min(self.len() - offset);
            // The sum is at most the device's length.
            let Some(range) = ByteRange::new(offset, step) else { return Ok(false) };
            if !self.punch(range) {
                return Ok(false);
            }
            offset += step;
            advance(ByteSize(step));
        }
        Ok(true)
    }

    /// Tells the device that nothing on it is wanted any more; devices that know no such request are
    /// left as they are.
    pub fn discard(&self) {
        if let Some(everything) = ByteRange::new(0, self.len())
            && let Err(errno) = block_device::discard(&self.file, everything)
        {
            tracing::debug!("discarding {}: {errno}", self.path.display());
        }
    }

    /// Writes out what is cached and forgets it: what is read next comes from the device.
    pub fn forget_cache(&self) -> Result<(), BlockError> {
        self.flush()?;
        match block_device::flush_buffers(&self.file) {
            Ok(()) | Err(nix::errno::Errno::ENOTTY) => Ok(()),
            Err(errno) => Err(IoError::new("flushing the cache of", &self.path, errno.into()).into()),
        }
    }

    /// Has the kernel read the partition table anew.
    pub fn reread_partitions(&self) -> nix::Result<()> {
        match block_device::reread_partitions(&self.file) {
            // A file has none, and so have disks whose driver does not look for partitions.
            Err(nix::errno::Errno::ENOTTY | nix::errno::Errno::EINVAL) => Ok(()),
            other => other,
        }
    }

    /// On a device, PUNCH_HOLE zeroes without falling back to writing (fallocate(2) for block devices,
    /// Linux 4.9 and newer), or says that it cannot.
    fn punch(&self, range: ByteRange) -> bool {
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let (Ok(start), Ok(len)) = (i64::try_from(range.start()), i64::try_from(range.len())) else {
            return false;
        };
        len == 0 || fallocate(&self.file, flags, start, len).is_ok()
    }
}

impl Block for DeviceBlock {
    fn len(&self) -> u64 {
        self.block.len()
    }

    fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.block.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.block.write_at(data, offset)
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        let sector = self.sector_size.bytes();
        let aligned = range.start().is_multiple_of(sector) && range.len().is_multiple_of(sector);
        // Short ranges are written: a request to the device would wait for what is cached.
        if range.len() >= MIB && aligned && range.end() <= self.len() && self.punch(range) {
            return Ok(());
        }
        self.block.zero_range(range)
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.block.flush()
    }

    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        self.block.copy_from(source, range, offset)
    }
}
