//! The unlocked device: plain text above, cipher text below.

use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::xts::{Direction, Xts};
use crate::buffer::with_buffer;
use crate::units::{ByteRange, SectorSize, u64_of, usize_of};
use crate::volume::{Block, BlockError, write_zeroes};

/// How many bytes are encrypted at a time.
const CHUNK: usize = 256 << 10;

/// The plain text of a LUKS2 device's data segment. The caller sees bytes; below, whole encryption
/// sectors are read and written.
pub struct Luks2Block<B> {
    inner: B,
    segment: ByteRange,
    xts: Xts,
    /// Encryption sector in bytes.
    sector: u64,
    /// Number of the segment's first sector for the IV.
    iv_tweak: u64,
    /// Two threads may write into different parts of one sector; its read, change and write is one step.
    partial: Mutex<()>,
}

impl<B> fmt::Debug for Luks2Block<B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Luks2Block")
            .field("segment", &self.segment)
            .field("sector", &self.sector)
            .finish_non_exhaustive()
    }
}

/// How a segment is encrypted.
pub(super) struct Cipher {
    pub(super) xts: Xts,
    /// Encryption sector in bytes: 512, 1024, 2048 or 4096.
    pub(super) sector: u64,
    /// Number of the first sector for the IV.
    pub(super) iv_tweak: u64,
}

impl<B: Block> Luks2Block<B> {
    /// The bytes `segment` of `inner`, both ends on encryption sectors.
    pub(super) fn new(inner: B, segment: ByteRange, cipher: Cipher) -> Self {
        let Cipher { xts, sector, iv_tweak } = cipher;
        Self { inner, segment, xts, sector, iv_tweak, partial: Mutex::new(()) }
    }

    /// The device whose segment this is.
    pub(super) const fn below(&self) -> &B {
        &self.inner
    }

    fn check(&self, offset: u64, len: usize) -> Result<(), BlockError> {
        match offset.checked_add(u64_of(len)) {
            Some(end) if end <= self.segment.len() => Ok(()),
            _ => Err(BlockError::out_of_range("the LUKS2 device", offset, u64_of(len), self.segment.len())),
        }
    }

    fn iv(&self, offset: u64) -> u64 {
        self.iv_tweak.wrapping_add(offset / 512)
    }

    /// Reads whole sectors from `offset`, a multiple of the sector.
    fn read_sectors(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.inner.read_at(buffer, self.segment.start() + offset)?;
        self.xts.apply(Direction::Decrypt, buffer, usize_of(self.sector), self.iv(offset));
        Ok(())
    }

    /// Encrypts whole sectors in place and writes them at `offset`, a multiple of the sector.
    fn write_sectors(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.xts.apply(Direction::Encrypt, buffer, usize_of(self.sector), self.iv(offset));
        self.inner.write_at(buffer, self.segment.start() + offset)
    }

    /// Writes less than a sector: reads it, changes it, writes it back.
    fn write_partial(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        let _one_at_a_time = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        let start = offset / self.sector * self.sector;
        let mut sector = vec![0; usize_of(self.sector)];
        self.read_sectors(&mut sector, start)?;
        sector[usize_of(offset - start)..][..data.len()].copy_from_slice(data);
        self.write_sectors(&mut sector, start)
    }
}

impl<B: Block> Block for Luks2Block<B> {
    fn len(&self) -> u64 {
        self.segment.len()
    }

    fn sector_size(&self) -> SectorSize {
        // The mapping announces its encryption sector, as dm-crypt does, but never less than the disk's.
        SectorSize::from_bytes(self.sector.max(self.inner.sector_size().bytes())).unwrap_or_default()
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> Result<(), BlockError> {
        self.check(offset, buffer.len())?;
        with_buffer(CHUNK, |work| {
            let mut done = 0;
            while done < buffer.len() {
                let here = offset + u64_of(done);
                let start = here / self.sector * self.sector;
                let skip = usize_of(here - start);
                let wanted = (buffer.len() - done).min(work.len() - skip);
                let whole = (skip + wanted).next_multiple_of(usize_of(self.sector));
                self.read_sectors(&mut work[..whole], start)?;
                buffer[done..done + wanted].copy_from_slice(&work[skip..skip + wanted]);
                done += wanted;
            }
            Ok(())
        })
    }

    fn write_at(&self, data: &[u8], offset: u64) -> Result<(), BlockError> {
        self.check(offset, data.len())?;
        with_buffer(CHUNK, |work| {
            let mut done = 0;
            while done < data.len() {
                let here = offset + u64_of(done);
                let rest = u64_of(data.len() - done);
                let into = here % self.sector;
                if into != 0 || rest < self.sector {
                    let part = usize_of(rest.min(self.sector - into));
                    self.write_partial(&data[done..done + part], here)?;
                    done += part;
                } else {
                    let whole = usize_of((rest / self.sector * self.sector).min(u64_of(CHUNK)));
                    work[..whole].copy_from_slice(&data[done..done + whole]);
                    self.write_sectors(&mut work[..whole], here)?;
                    done += whole;
                }
            }
            Ok(())
        })
    }

    fn zero_range(&self, range: ByteRange) -> Result<(), BlockError> {
        // Zeroes of the plain text are no zeroes below: they have to be written.
        write_zeroes(range.start()..range.end(), |zeroes, offset| self.write_at(zeroes, offset))
    }

    fn flush(&self) -> Result<(), BlockError> {
        self.inner.flush()
    }
}
