//! The log of a dm-mirror volume: which regions are equal on all copies.
//!
//! Source: what the kernel writes for `lvcreate --type mirror` (a header of a sector, the bits from the third on,
//! one for each region, little-endian).

use super::LvmError;
use super::format::SECTOR;
use crate::units::{ByteRange, usize_of};
use crate::volume::Block;

/// `MiRr`.
const MAGIC: u32 = 0x4d69_5272;
/// Version of the log.
const VERSION: u32 = 2;
/// Where the bits begin.
const BITS: u64 = 2 * SECTOR;

/// Writes a log that says that all of `regions` regions are equal.
pub(super) fn write(log: &dyn Block, regions: u64) -> Result<(), LvmError> {
    let len = regions.div_ceil(8);
    if BITS + len > log.len() {
        return Err(LvmError::Options("a mirror that is too large for its log".to_owned()));
    }
    if let Some(everything) = ByteRange::new(0, log.len()) {
        log.zero_range(everything)?;
    }
    let mut header = Vec::with_capacity(usize_of(SECTOR));
    header.extend(MAGIC.to_le_bytes());
    header.extend(VERSION.to_le_bytes());
    header.extend(regions.to_le_bytes());
    header.resize(usize_of(BITS), 0);
    let mut bits = vec![0xff_u8; usize_of(len)];
    if let Some(last) = bits.last_mut().filter(|_| !regions.is_multiple_of(8)) {
        *last >>= 8 - regions % 8;
    }
    header.extend(bits);
    Ok(log.write_at(&header, 0)?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::SectorSize;
    use crate::volume::MemoryBlock;

    #[test]
    fn a_bit_stands_for_each_region() {
        let log = MemoryBlock::new(4096, SectorSize::S512);
        write(&log, 11).unwrap();
        let mut bytes = [0; 1028];
        log.read_at(&mut bytes, 0).unwrap();
        assert_eq!((&bytes[..4], bytes[8]), (&b"rRiM"[..], 11));
        assert_eq!(bytes[1024..], [0xff, 0b111, 0, 0]);
        assert!(write(&log, 1 << 20).is_err());
    }
}
