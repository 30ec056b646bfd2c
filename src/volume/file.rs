//! A Block in a file or on a device of the host.

use std::fs::File;
use std::io::{self, Seek, SeekFrom};
use std::os::fd::AsFd;
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use nix::fcntl::{FallocateFlags, PosixFadviseAdvice, fallocate, posix_fadvise};

use super::{Block, BlockError, carry_file, check_range, write_zeroes};
use crate::error::IoError;
use crate::sys::clone_range;
use crate::units::{ByteRange, SectorSize, u64_of};

/// What file systems share bytes by: their blocks, of this many bytes in most.
const SHARED_UNIT: u64 = 4096;

/// A regular file or block device.
#[derive(Debug)]
pub struct FileBlock {
    file: File,
    path: PathBuf,
    len: u64,
    sector_size: SectorSize,
    flushing: Flushing,
    /// Set once the file system has said that it shares no bytes.
    cannot_share: AtomicBool,
}

/// What [`Block::flush`] does on a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flushing {
    /// Waits for the disk below.
    Syncs,
    /// Nothing: an image that is lost in a power cut is made again.
    Cached,
}

impl FileBlock {
    /// Makes `file` exactly `len` zero bytes, all of them holes. `path` is for messages.
    pub fn create(file: File, path: &Path, len: u64, sector_size: SectorSize) -> Result<Self, BlockError> {
        let error = |source| IoError::new("setting the length of", path, source);
        // Emptying a file that is empty would not be for nothing: ext4 then writes all of it out when it is
        // closed, to be safe when a file is replaced by truncation.
        if file.metadata().map_err(error)?.len() > 0 {
            file.set_len(0).map_err(error)?;
        }
        file.set_len(len).map_err(error)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            len,
            sector_size,
            flushing: Flushing::Syncs,
            cannot_share: AtomicBool::new(false),
        })
    }

    /// What is in `file` already: an image or a device, opened for what the caller will do.
    pub fn open(file: File, path: &Path, sector_size: SectorSize) -> Result<Self, BlockError> {
        let error = |source| IoError::new("finding the length of", path, source);
        // The metadata of a device says 0; its end says the truth, for files too.
        let len = (&file).seek(SeekFrom::End(0)).map_err(error)?;
        Ok(Self {
            file,
            path: path.to_owned(),
            len,
            sector_size,
            flushing: Flushing::Syncs,
            cannot_share: AtomicBool::new(false),
        })
    }

    /// The same without waiting for the disk of the host: for images, which are made again when a power
    /// cut takes them, and never for the disk that a machine will boot from.
    pub fn cached(self) -> Self {
        Self { flushing: Flushing::Cached, ..self }
    }

    /// The file or device, as it was named.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Tells the kernel that nobody will read `range` again, so that it keeps its memory for others.
    pub fn forget(&self, range: ByteRange) {
        let (Ok(start), Ok(len)) = (i64::try_from(range.start()), i64::try_from(range.len())) else { return };
        // A kernel that keeps it has not failed.
        let _ = posix_fadvise(&self.file, start, len, PosixFadviseAdvice::POSIX_FADV_DONTNEED);
    }

    fn error(&self, operation: &'static str, offset: u64) -> impl Fn(io::Error) -> BlockError {
        let path = self.path.clone();
        move |source| IoError::new(operation, &path, source).at(offset).into()
    }

    fn check(&self, offset: u64, len: u64) -> Result<(), BlockError> {
        check_range(&self.path.to_string_lossy(), offset, len, self.len)
    }

    /// Shares `range` of `source` with this file where the file system below can; whether it did.
    fn share(&self, source: &File, range: ByteRange, offset: u64) -> bool {
        if range.is_empty() || self.cannot_share.load(Ordering::Relaxed) {
            return false;
        }
        let Err(error) = clone_range(source, range, &self.file, offset) else { return true };
        let never = [nix::libc::EOPNOTSUPP, nix::libc::ENOTTY, nix::libc::ENOSYS];
        if error.raw_os_error().is_some_and(|code| never.contains(&code)) {
            self.cannot_share.store(true, Ordering::Relaxed);
        }
        false
    }
}

impl Block for FileBlock {
    fn len(&self) -> u64 {
        self.len
    }

    fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.check(offset, u64_of(buffer.len()))?;
        self.file.read_exact_at(buffer, offset).map_err(self.error("reading", offset))
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.check(offset, u64_of(data.len()))?;
        self.file.write_all_at(data, offset).map_err(self.error("writing", offset))
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        self.check(range.start(), range.len())?;
        if range.is_empty() {
            return Ok(());
        }
        // PUNCH_HOLE reads back as zeroes on files and on devices that say so; where it is not
        // supported the zeroes are written.
        let flags = FallocateFlags::FALLOC_FL_PUNCH_HOLE | FallocateFlags::FALLOC_FL_KEEP_SIZE;
        let is_device = self.file.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device());
        let signed = |value: u64| i64::try_from(value).ok();
        if !is_device
            && let (Some(start), Some(len)) = (signed(range.start()), signed(range.len()))
            && fallocate(self.file.as_fd(), flags, start, len).is_ok()
        {
            return Ok(());
        }
        write_zeroes(range.start()..range.end(), |zeroes, offset| self.write_at(zeroes, offset))
    }

    fn flush(&self) -> Result<(), BlockError> {
        match self.flushing {
            Flushing::Syncs => self.file.sync_data().map_err(self.error("syncing", 0)),
            Flushing::Cached => Ok(()),
        }
    }

    fn copy_from(&self, source: &File, range: ByteRange, offset: u64) -> Result<(), BlockError> {
        self.check(offset, range.len())?;
        // `copy_file_range` would do this too, but where nothing is shared it moves page by page through a
        // pipe, at half the speed of reading and writing.
        // Only whole blocks can be shared.
        let whole = range.len() / SHARED_UNIT * SHARED_UNIT;
        let shared = match ByteRange::new(range.start(), whole) {
            Some(whole) if self.share(source, whole, offset) => whole.len(),
            _ => 0,
        };
        let Some(rest) = ByteRange::new(range.start() + shared, range.len() - shared) else { return Ok(()) };
        carry_file(source, rest, |data, done| self.write_at(data, offset + shared + done))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn a_new_file_is_all_holes_and_copies_land_at_their_offset() {
        let mut source = tempfile::tempfile().unwrap();
        source.write_all(&[7; 10_000]).unwrap();
        let target = tempfile::NamedTempFile::new().unwrap();
        let block =
            FileBlock::create(target.reopen().unwrap(), target.path(), 1 << 30, SectorSize::S512).unwrap();
        assert_eq!(target.as_file().metadata().unwrap().blocks(), 0);
        block.copy_from(&source, ByteRange::new(1, 9_999).unwrap(), 1 << 20).unwrap();
        let mut bytes = [0; 10_001];
        block.read_at(&mut bytes, (1 << 20) - 1).unwrap();
        assert_eq!((bytes[0], bytes[1], bytes[9_999], bytes[10_000]), (0, 7, 7, 0));
        block.zero_range(ByteRange::new(1 << 20, 4096).unwrap()).unwrap();
        block.read_at(&mut bytes, 1 << 20).unwrap();
        assert_eq!((bytes[4095], bytes[4096]), (0, 7));
    }

    #[test]
    fn a_source_that_became_shorter_is_an_error() {
        let source = tempfile::tempfile().unwrap();
        let target = tempfile::NamedTempFile::new().unwrap();
        let block =
            FileBlock::create(target.reopen().unwrap(), target.path(), 1 << 20, SectorSize::S512).unwrap();
        assert!(block.copy_from(&source, ByteRange::new(0, 10).unwrap(), 0).is_err());
    }
}
