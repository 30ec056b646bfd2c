//! Which parts of the devices chunks may take, and who gets which.
//!
//! The first MiB of each device and its superblocks are nobody's, so no chunk covers a superblock's copy and no
//! address in a chunk is special.

use std::ops::Range;

use super::address::Logical;
use super::chunk::{Chunk, Stripe, Use};
use super::format::{DEVICE_RESERVED, superblock};
use super::profile::Profile;
use crate::units::{GIB, MIB, u64_of};

/// Chunks begin and end at multiples of this on each device.
pub const CHUNK_UNIT: u64 = MIB;
/// The longest stripe of a chunk, as the kernel makes them.
const STRIPE_MAX: u64 = GIB;
/// A hole below this size is passed over by chunks that could be divided.
const WORTHWHILE: u64 = 8 * MIB;

/// The free part of one device.
#[derive(Clone, Debug)]
struct DeviceSpace {
    free: Vec<Range<u64>>,
    /// End of the last byte that is taken.
    end: u64,
}

impl DeviceSpace {
    fn new(len: u64) -> Self {
        let mut free = Vec::new();
        let mut start = DEVICE_RESERVED;
        for mirror in superblock::OFFSETS.into_iter().skip(1) {
            free.push(start..mirror.min(len / CHUNK_UNIT * CHUNK_UNIT));
            start = (mirror + superblock::LEN).next_multiple_of(CHUNK_UNIT);
        }
        free.push(start..len / CHUNK_UNIT * CHUNK_UNIT);
        free.retain(|range| range.start < range.end);
        // Even an empty file system has its first superblock.
        Self { free, end: DEVICE_RESERVED }
    }

    fn total(&self) -> u64 {
        self.free.iter().map(|range| range.end - range.start).sum()
    }

    /// Up to `wanted` bytes of the first hole that is worthwhile.
    fn room(&self, wanted: u64) -> u64 {
        let least = wanted.min(WORTHWHILE);
        let hole = self.free.iter().find(|range| range.end - range.start >= least);
        hole.map_or(0, |range| (range.end - range.start).min(wanted))
    }

    /// Takes the first `len` bytes that are free in one piece.
    fn take(&mut self, len: u64) -> Option<u64> {
        let hole = self.free.iter_mut().find(|range| range.end - range.start >= len)?;
        let start = hole.start;
        hole.start += len;
        self.end = self.end.max(hole.start);
        self.free.retain(|range| range.start < range.end);
        Some(start)
    }
}

/// The free parts of all devices, and the next logical address.
#[derive(Clone, Debug)]
pub struct DeviceSpaces {
    devices: Vec<DeviceSpace>,
    next: Logical,
}

impl DeviceSpaces {
    /// Devices of these lengths, nothing taken.
    pub fn new(lens: &[u64]) -> Self {
        // Addresses begin where they may: below 1 MiB none is valid for data or trees.
        let devices = lens.iter().map(|len| DeviceSpace::new(*len)).collect();
        Self { devices, next: Logical(DEVICE_RESERVED) }
    }

    /// End of what is taken on the device where that is furthest.
    pub fn end(&self) -> u64 {
        self.devices.iter().map(|device| device.end).max().unwrap_or(0)
    }

    /// A chunk of exactly `len` bytes, a multiple of [`CHUNK_UNIT`]; on striped profiles it may be a little longer.
    pub fn chunk(&mut self, content: Use, profile: Profile, len: u64) -> Option<Chunk> {
        let devices = self.choose(profile);
        let stripes = profile.stripes(self.devices.len());
        let stripe = len.div_ceil(Chunk::data_stripes(profile, stripes).max(1)).next_multiple_of(CHUNK_UNIT);
        self.place(content, profile, (&devices, stripe))
    }

    /// A chunk of at most `len` bytes (rounded up), as long as the next hole and the kernel's limit allow.
    pub fn chunk_up_to(&mut self, content: Use, profile: Profile, len: u64) -> Option<Chunk> {
        let devices = self.choose(profile);
        let stripes = profile.stripes(self.devices.len());
        let wanted = len.div_ceil(Chunk::data_stripes(profile, stripes).max(1)).next_multiple_of(CHUNK_UNIT);
        let wanted = wanted.min(STRIPE_MAX);
        // Both copies of `dup` share a device.
        let shared = if profile == Profile::Dup { 2 } else { 1 };
        let room = devices.iter().map(|device| self.devices[*device].room(wanted * shared) / shared).min()?;
        let stripe = room / CHUNK_UNIT * CHUNK_UNIT;
        if stripe == 0 { None } else { self.place(content, profile, (&devices, stripe)) }
    }

    /// The device of each stripe: those with the most free space first.
    fn choose(&self, profile: Profile) -> Vec<usize> {
        let mut order: Vec<usize> = (0..self.devices.len()).collect();
        order.sort_by_key(|device| std::cmp::Reverse(self.devices[*device].total()));
        if profile == Profile::Dup {
            return order.iter().take(1).flat_map(|device| [*device; 2]).collect();
        }
        order.truncate(profile.stripes(self.devices.len()));
        order
    }

    fn place(&mut self, content: Use, profile: Profile, (devices, stripe): (&[usize], u64)) -> Option<Chunk> {
        if devices.len() < profile.stripes(self.devices.len()) || devices.is_empty() {
            return None;
        }
        let mut stripes = Vec::new();
        for device in devices {
            stripes.push(Stripe { device: *device, offset: self.devices[*device].take(stripe)? });
        }
        let len = stripe * Chunk::data_stripes(profile, u64_of(stripes.len()).try_into().ok()?);
        let start = self.next;
        self.next = start.plus(len);
        Some(Chunk { start, len, content, profile, stripes })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_chunk_covers_a_superblock() {
        let mut spaces = DeviceSpaces::new(&[300 << 30]);
        let mut taken = Vec::new();
        for len in [30 * MIB, 50 * MIB, 7 * MIB, 2 * GIB, 260 * GIB, 5 * MIB] {
            let Some(chunk) = spaces.chunk(Use::Metadata, Profile::Single, len) else { continue };
            taken.push(chunk.stripes[0].offset..chunk.stripes[0].offset + chunk.stripe_bytes());
        }
        for range in taken {
            for mirror in superblock::OFFSETS {
                assert!(range.end <= mirror || range.start >= mirror + superblock::LEN, "{range:?}");
            }
        }
    }

    #[test]
    fn raid1_takes_the_emptiest_devices() {
        let mut spaces = DeviceSpaces::new(&[100 * MIB, 400 * MIB, 300 * MIB]);
        let devices = |chunk: Chunk| chunk.stripes.iter().map(|stripe| stripe.device).collect::<Vec<_>>();
        assert_eq!(devices(spaces.chunk_up_to(Use::Data, Profile::Raid1, 50 * MIB).unwrap()), [1, 2]);
        assert_eq!(devices(spaces.chunk_up_to(Use::Data, Profile::Raid0, 50 * MIB).unwrap()), [1, 2, 0]);
        assert!(spaces.chunk(Use::Data, Profile::Raid1, 900 * MIB).is_none());
    }
}
