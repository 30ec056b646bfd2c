//! Times of an inode ("Index Nodes", section "Inode Timestamps",
//! <https://docs.kernel.org/filesystems/ext4/dynamic.html#inode-timestamps>): seconds in 32 bits, two more
//! bits of them and the nanoseconds in an extra word.

use crate::timestamp::Timestamp;
use crate::units::low_u32;

/// Bits of the extra word that extend the seconds.
const EPOCH_BITS: u32 = 2;

/// A time as the inode has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct DiskTime {
    /// The low 32 bits of the seconds, signed.
    pub seconds: u32,
    /// Nanoseconds << 2, and how many times 2³² seconds to add.
    pub extra: u32,
}

impl DiskTime {
    /// `time` for the disk; `None` before 1901-12-13 or after 2446-05-10.
    pub fn encode(time: Timestamp) -> Option<Self> {
        const SPAN: i64 = 1 << 32;
        // The low half is read as a signed number, so an epoch begins 2³¹ seconds early.
        let epoch = time.seconds.checked_add(SPAN / 2)?.div_euclid(SPAN);
        let epoch = u32::try_from(epoch).ok().filter(|epoch| *epoch < 1 << EPOCH_BITS)?;
        let seconds = low_u32(time.seconds.cast_unsigned());
        Some(Self { seconds, extra: epoch | time.nanoseconds << EPOCH_BITS })
    }

    /// The time that the disk means.
    pub fn decode(self) -> Timestamp {
        let epoch = i64::from(self.extra & ((1 << EPOCH_BITS) - 1));
        let seconds = i64::from(self.seconds.cast_signed()) + (epoch << 32);
        // 30 bits could say more than a second; such a time is damaged, and a second is its bound.
        let nanoseconds = (self.extra >> EPOCH_BITS).min(999_999_999);
        Timestamp { seconds, nanoseconds }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_epoch_is_encoded_as_the_kernel_documents_it() {
        // "Inode Timestamps": the table of the extra epoch bits.
        for (seconds, low, epoch) in [
            (-0x8000_0000, 0x8000_0000, 0),
            (-1, 0xFFFF_FFFF, 0),
            (0, 0, 0),
            (0x7FFF_FFFF, 0x7FFF_FFFF, 0),
            (0x8000_0000, 0x8000_0000, 1),
            (0x1_7FFF_FFFF, 0x7FFF_FFFF, 1),
            (0x3_7FFF_FFFF, 0x7FFF_FFFF, 3),
        ] {
            let time = Timestamp::new(seconds, 999_999_999).unwrap();
            let disk = DiskTime::encode(time).unwrap();
            assert_eq!((disk.seconds, disk.extra & 3), (low, epoch), "{seconds}");
            assert_eq!(disk.decode(), time);
        }
    }

    #[test]
    fn times_outside_are_refused() {
        for seconds in [-0x8000_0001, 0x3_8000_0000, i64::MIN, i64::MAX] {
            assert_eq!(DiskTime::encode(Timestamp::seconds(seconds)), None, "{seconds}");
        }
    }
}
