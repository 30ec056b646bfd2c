//! A real disk as a Block.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::{FallocateFlags, fallocate};
use nix::libc::{EINVAL, O_DIRECT, O_EXCL};

use super::gather::Gather;
use super::pages::PAGE;
use crate::error::IoError;
use crate::sys::block_device;
use crate::units::{ByteRange, ByteSize, MIB, SectorSize};
use crate::volume::{Block, BlockError, FileBlock, write_zeroes};

/// How much is zeroed in one request: long enough to cost little, short enough to be interrupted.
const ZERO_STEP: u64 = 256 * MIB;

/// A disk, opened for nobody else, or a file in its place.
///
/// Unlike an image it does not read as zeroes. [`zero_range`](Block::zero_range) uses the device's own
/// means where it has them, and writes where it has none. What is written is on the disk after
/// [`flush`](Block::flush), no sooner.
#[derive(Debug)]
pub struct DeviceBlock {
    gather: Gather,
    sector_size: SectorSize,
}

impl DeviceBlock {
    /// Opens the disk at `path` for reading and writing; fails with `EBUSY` when it is mounted or part of
    /// something.
    pub fn open(path: &Path, sector_size: SectorSize) -> Result<Self, BlockError> {
        let failed = |source| IoError::new("opening", path, source);
        // On a block device O_EXCL without O_CREAT claims it (open(2)); files have no such claim.
        let is_device = std::fs::metadata(path).map_err(failed)?.file_type().is_block_device();
        let claim = if is_device { O_EXCL } else { 0 };
        let open = |flags| OpenOptions::new().read(true).write(true).custom_flags(flags).open(path);
        let file = match open(claim | O_DIRECT) {
            // Not every file system has direct I/O.
            Err(error) if error.raw_os_error() == Some(EINVAL) => open(claim),
            other => other,
        };
        let file = file.map_err(failed)?;
        let len = FileBlock::open(file.try_clone().map_err(failed)?, path, sector_size)?.len();
        Ok(Self { gather: Gather::new(file, path, len), sector_size })
    }

    fn file(&self) -> &File {
        self.gather.file()
    }

    /// Its path.
    pub fn path(&self) -> &Path {
        self.gather.path()
    }

    /// Reads what was written since the last time and compares it with checksums taken as it went out: where the
    /// first page begins that the device does not hold. `advance` is told of bytes as they are read.
    pub fn differing_page(&self, advance: &(dyn Fn(ByteSize) + Sync)) -> Result<Option<u64>, BlockError> {
        self.gather.differing_page(advance)
    }

    /// Bytes that [`differing_page`](Self::differing_page) would read, but for those that were not put out yet.
    pub fn due(&self) -> ByteSize {
        self.gather.due()
    }

    /// Makes all of it zero where the device does that by itself, without writing each byte. `false`:
    /// it cannot, and nothing is certain of what it holds. `advance` is told of bytes as they are done.
    pub fn zero_quickly(&self, advance: &mut dyn FnMut(ByteSize)) -> Result<bool, BlockError> {
        self.gather.put_out(None)?;
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
        self.gather.became_zero(whole(self));
        Ok(true)
    }

    /// Tells the device that nothing on it is wanted any more; devices that know no such request are
    /// left as they are.
    pub fn discard(&self) {
        if let Err(errno) = block_device::discard(self.file(), whole(self)) {
            tracing::debug!("discarding {}: {errno}", self.path().display());
        }
    }

    /// Writes out what is cached and forgets it: what is read next comes from the device.
    pub fn forget_cache(&self) -> Result<(), BlockError> {
        self.flush()?;
        match block_device::flush_buffers(self.file()) {
            Ok(()) | Err(nix::errno::Errno::ENOTTY) => Ok(()),
            Err(errno) => Err(IoError::new("flushing the cache of", self.path(), errno.into()).into()),
        }
    }

    /// Has the kernel read the partition table anew.
    pub fn reread_partitions(&self) -> nix::Result<()> {
        match block_device::reread_partitions(self.file()) {
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
        len == 0 || fallocate(self.file(), flags, start, len).is_ok()
    }
}

/// All bytes of `block`.
fn whole(block: &DeviceBlock) -> ByteRange {
    ByteRange::new(0, block.len()).unwrap_or(ByteRange::empty())
}

impl Block for DeviceBlock {
    fn len(&self) -> u64 {
        self.gather.len()
    }

    fn sector_size(&self) -> SectorSize {
        self.sector_size
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.gather.read_at(buffer, offset)
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.gather.write_at(data, offset)
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        if self.gather.is_known_zero(range) {
            return Ok(());
        }
        let write = |part| write_zeroes(part, |zeroes, offset| self.gather.write_at(zeroes, offset));
        let all = range.start()..range.end();
        // Short ranges are written: a request to the device costs more. So are the ends of others, where pages
        // have other bytes besides.
        let pages = (range.start().next_multiple_of(PAGE), range.end() / PAGE * PAGE);
        let inner = pages.1.checked_sub(pages.0).filter(|len| *len >= MIB);
        let inner =
            inner.and_then(|len| ByteRange::new(pages.0, len)).filter(|inner| inner.end() <= self.len());
        let Some(inner) = inner else { return write(all) };
        self.gather.put_out(Some(inner))?;
        if !self.punch(inner) {
            return write(all);
        }
        self.gather.became_zero(inner);
        write(range.start()..inner.start())?;
        write(inner.end()..range.end())
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.gather.flush()
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::FileExt;

    use proptest::prelude::*;

    use super::*;
    use crate::units::usize_of;

    fn disk(len: u64, fill: u8) -> tempfile::NamedTempFile {
        let file = tempfile::NamedTempFile::new().unwrap();
        file.as_file().write_all_at(&vec![fill; usize_of(len)], 0).unwrap();
        file
    }

    #[derive(Clone, Debug)]
    enum Step {
        Write(u64, usize, u8),
        Zero(u64, u64),
        Read(u64, usize),
        ZeroAll,
        Flush,
        Compare,
    }

    const LEN: u64 = 5 * MIB + 512;

    fn step() -> impl Strategy<Value = Step> {
        let unit = prop_oneof![Just(1_u64), Just(512), Just(4096)];
        let at = (unit, 0..LEN).prop_map(|(unit, at)| at / unit * unit);
        let len = prop_oneof![0..5000_usize, Just(4096), Just(1 << 20), 0..3_000_000_usize];
        prop_oneof![
            8 => (at.clone(), len.clone(), any::<u8>()).prop_map(|(at, len, byte)| Step::Write(at, len, byte)),
            2 => (at.clone(), 0..3 * MIB).prop_map(|(at, len)| Step::Zero(at, len)),
            3 => (at, len).prop_map(|(at, len)| Step::Read(at, len)),
            1 => Just(Step::ZeroAll),
            1 => Just(Step::Flush),
            1 => Just(Step::Compare),
        ]
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        #[test]
        fn a_device_holds_what_a_plain_array_would(steps in prop::collection::vec(step(), 1..30)) {
            let file = disk(LEN, 0xA5);
            let block = DeviceBlock::open(file.path(), SectorSize::S512).unwrap();
            let mut model = vec![0xA5; usize_of(LEN)];
            for step in steps {
                match step {
                    Step::Write(at, len, byte) => {
                        let len = len.min(usize_of(LEN - at));
                        let data: Vec<u8> = (0..len).map(|n| byte.wrapping_add(n.to_le_bytes()[0])).collect();
                        block.write_at(&data, at).unwrap();
                        model[usize_of(at)..][..len].copy_from_slice(&data);
                    }
                    Step::Zero(at, len) => {
                        let len = len.min(LEN - at);
                        block.zero_range(ByteRange::new(at, len).unwrap()).unwrap();
                        model[usize_of(at)..][..usize_of(len)].fill(0);
                    }
                    Step::Read(at, len) => {
                        let mut read = vec![1; len.min(usize_of(LEN - at))];
                        block.read_at(&mut read, at).unwrap();
                        prop_assert!(read == model[usize_of(at)..][..read.len()], "at {at}");
                    }
                    Step::ZeroAll => {
                        let is_quick = block.zero_quickly(&mut |_| {}).unwrap();
                        prop_assert!(is_quick);
                        model.fill(0);
                    }
                    Step::Flush => {
                        block.flush().unwrap();
                        prop_assert!(std::fs::read(file.path()).unwrap() == model);
                    }
                    Step::Compare => prop_assert_eq!(block.differing_page(&|_| {}).unwrap(), None),
                }
            }
            prop_assert_eq!(block.differing_page(&|_| {}).unwrap(), None);
            block.flush().unwrap();
            prop_assert!(std::fs::read(file.path()).unwrap() == model);
        }
    }

    #[test]
    fn several_threads_fill_more_pieces_than_are_kept() {
        const PART: u64 = 12 * MIB;
        let file = disk(0, 0);
        file.as_file().set_len(4 * PART).unwrap();
        let block = DeviceBlock::open(file.path(), SectorSize::S512).unwrap();
        std::thread::scope(|scope| {
            for (thread, byte) in (0..4_u64).zip(1..) {
                let block = &block;
                scope.spawn(move || {
                    // Every piece is shared by all threads, and none is filled in one go.
                    for at in (0..4 * PART).step_by(usize_of(64 << 10)).filter(|at| at >> 16 & 3 == thread) {
                        block.write_at(&vec![byte; 40_000], at).unwrap();
                        block.write_at(&vec![byte; 25_536], at + 40_000).unwrap();
                    }
                });
            }
        });
        assert_eq!(block.differing_page(&|_| {}).unwrap(), None);
        block.flush().unwrap();
        for (number, part) in std::fs::read(file.path()).unwrap().chunks(64 << 10).enumerate() {
            let byte = [1, 2, 3, 4][number % 4];
            assert!(part.iter().all(|found| *found == byte), "in part {number}");
        }
    }

    #[test]
    fn a_page_that_the_disk_lost_is_named() {
        let file = disk(0, 0);
        file.as_file().set_len(8 * MIB).unwrap();
        let block = DeviceBlock::open(file.path(), SectorSize::S512).unwrap();
        block.write_at(&vec![7; usize_of(3 * MIB)], MIB + 512).unwrap();
        block.flush().unwrap();
        file.as_file().write_all_at(&[8], 3 * MIB + 5000).unwrap();
        assert_eq!(block.differing_page(&|_| {}).unwrap(), Some(3 * MIB + 4096));
        // What was compared is not compared again: tables are written after that.
        assert_eq!(block.differing_page(&|_| {}).unwrap(), None);
        block.write_at(&[9; 512], 0).unwrap();
        assert_eq!(block.due(), ByteSize::ZERO);
        block.flush().unwrap();
        assert_eq!(block.due(), ByteSize(4096));
        assert_eq!(block.differing_page(&|_| {}).unwrap(), None);
    }
}
