//! Profiles: how many copies of a chunk there are, on how many devices.

use std::fmt;

use super::format::{STRIPE, group};

/// How chunks of a kind lie on the devices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Profile {
    /// One copy on one device.
    Single,
    /// Two copies on one device.
    Dup,
    /// One copy, striped over all devices.
    Raid0,
    /// Two copies on two devices.
    Raid1,
    /// Three copies on three devices.
    Raid1c3,
    /// Four copies on four devices.
    Raid1c4,
    /// Two copies, striped over an even number of devices.
    Raid10,
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Single, Self::Dup, Self::Raid0, Self::Raid1, Self::Raid1c3, Self::Raid1c4, Self::Raid10];

    /// The profile that `mkfs.btrfs -d` and `-m` call `name`; upper case counts too.
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|profile| profile.name() == name.to_lowercase())
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Single => "single",
            Self::Dup => "dup",
            Self::Raid0 => "raid0",
            Self::Raid1 => "raid1",
            Self::Raid1c3 => "raid1c3",
            Self::Raid1c4 => "raid1c4",
            Self::Raid10 => "raid10",
        }
    }

    /// Its bit in the type of a chunk; 0 for `single`.
    pub(super) const fn bit(self) -> u64 {
        match self {
            Self::Single => 0,
            Self::Dup => group::DUP,
            Self::Raid0 => group::RAID0,
            Self::Raid1 => group::RAID1,
            Self::Raid1c3 => group::RAID1C3,
            Self::Raid1c4 => group::RAID1C4,
            Self::Raid10 => group::RAID10,
        }
    }

    /// The profile of a chunk's type; `None` for one with parity.
    pub(super) fn from_bits(kind: u64) -> Option<Self> {
        let bits = kind & !(group::DATA | group::SYSTEM | group::METADATA);
        Self::ALL.into_iter().find(|profile| profile.bit() == bits)
    }

    /// The least number of devices (that of the kernel; RAID0 and RAID10 degenerate below what one expects).
    pub const fn devices_min(self) -> usize {
        match self {
            Self::Single | Self::Dup | Self::Raid0 => 1,
            Self::Raid1 | Self::Raid10 => 2,
            Self::Raid1c3 => 3,
            Self::Raid1c4 => 4,
        }
    }

    /// How many times each byte is stored.
    pub const fn copies(self) -> u64 {
        match self {
            Self::Single | Self::Raid0 => 1,
            Self::Dup | Self::Raid1 | Self::Raid10 => 2,
            Self::Raid1c3 => 3,
            Self::Raid1c4 => 4,
        }
    }

    /// How many stripes a chunk on `devices` devices has; on `dup` both are on one device.
    pub(super) const fn stripes(self, devices: usize) -> usize {
        match self {
            Self::Single => 1,
            Self::Dup | Self::Raid1 => 2,
            Self::Raid0 => devices,
            Self::Raid1c3 => 3,
            Self::Raid1c4 => 4,
            Self::Raid10 => devices / 2 * 2,
        }
    }

    /// Copies of each piece where striped: `sub_stripes` of the chunk.
    pub(super) const fn sub_stripes(self) -> u16 {
        match self {
            Self::Raid10 => 2,
            _ => 1,
        }
    }

    /// Where byte `offset` of a chunk with `stripes` stripes is: in which stripes and at which byte of
    /// them, and how many bytes follow there.
    pub(super) fn locate(self, stripes: usize, offset: u64, rest: u64) -> Located {
        let (row, within) = (offset / STRIPE, offset % STRIPE);
        let count = crate::units::u64_of(stripes);
        match self {
            Self::Single | Self::Dup | Self::Raid1 | Self::Raid1c3 | Self::Raid1c4 => {
                Located { first: 0, copies: stripes, at: offset, len: rest }
            }
            Self::Raid0 => Located {
                first: crate::units::usize_of(row % count),
                copies: 1,
                at: row / count * STRIPE + within,
                len: rest.min(STRIPE - within),
            },
            Self::Raid10 => {
                let pairs = count / 2;
                Located {
                    first: crate::units::usize_of(row % pairs * 2),
                    copies: 2,
                    at: row / pairs * STRIPE + within,
                    len: rest.min(STRIPE - within),
                }
            }
        }
    }
}

/// Where a byte of a chunk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Located {
    /// The first stripe that has it.
    pub first: usize,
    /// How many stripes from there have it.
    pub copies: usize,
    /// Where in each of these stripes.
    pub at: u64,
    /// How many bytes follow it there.
    pub len: u64,
}

impl fmt::Display for Profile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripes_go_round_the_devices() {
        let at = |profile: Profile, stripes, row: u64| profile.locate(stripes, row * STRIPE + 5, 1 << 30);
        let raid0 = at(Profile::Raid0, 3, 4);
        assert_eq!(raid0, Located { first: 1, copies: 1, at: STRIPE + 5, len: STRIPE - 5 });
        let raid10 = at(Profile::Raid10, 4, 3);
        assert_eq!(raid10, Located { first: 2, copies: 2, at: STRIPE + 5, len: STRIPE - 5 });
        assert_eq!(at(Profile::Dup, 2, 9), Located { first: 0, copies: 2, at: 9 * STRIPE + 5, len: 1 << 30 });
    }

    #[test]
    fn names_and_bits_are_those_of_mkfs_and_the_kernel() {
        for profile in Profile::ALL {
            assert_eq!(Profile::from_name(&profile.to_string()), Some(profile));
            assert_eq!(Profile::from_bits(profile.bit() | group::DATA), Some(profile));
        }
        assert_eq!(Profile::from_name("RAID1"), Some(Profile::Raid1));
        // RAID5.
        assert_eq!(Profile::from_bits(1 << 7), None);
    }
}
