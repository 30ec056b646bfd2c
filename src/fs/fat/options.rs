//! What a caller may decide about a volume.

use super::kind::Kind;
use super::label::VolumeLabel;
use crate::timestamp::Timestamp;
use crate::units::{ByteSize, SectorSize};

/// How a volume is to be. The default is what `measure` and `write` choose for a small EFI system partition
/// without a label; the serial number should come from a seed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// Its name, if it has one.
    pub label: Option<VolumeLabel>,
    /// Its serial number: `UUID=1234-5678` of Linux for 0x12345678.
    pub serial: u32,
    /// The time of the label's entry in the root directory; files have their own.
    pub timestamp: Timestamp,
    /// The sectors of the disk below.
    pub sector_size: SectorSize,
    /// The type; `None`: FAT32 where the clusters can be small enough for it, else FAT16, else FAT12.
    pub kind: Option<Kind>,
    /// Bytes of a cluster, a power of two from a sector to 32 KiB; `None`: 4 KiB, less where that makes
    /// FAT32 possible, more on volumes over 8 GiB.
    pub cluster_size: Option<ByteSize>,
    /// How much `measure` leaves free. `write` fills whatever it is given.
    pub free: ByteSize,
    /// The sectors before the volume on its disk: the partition's first sector (0 where that needs more
    /// than 32 bits). BIOS boot code wants it.
    pub hidden_sectors: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            label: None,
            serial: 0,
            timestamp: Timestamp::STORE,
            sector_size: SectorSize::S512,
            kind: None,
            cluster_size: None,
            free: ByteSize::ZERO,
            hidden_sectors: 0,
        }
    }
}
