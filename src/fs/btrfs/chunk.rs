//! Chunks: stretches of logical addresses and where they are on the devices.

use zerocopy::IntoBytes;

use super::address::Logical;
use super::format::chunk::{ChunkItem, StripeItem};
use super::format::objectid::EXTENT_TREE;
use super::format::{SECTOR, STRIPE, group};
use super::profile::Profile;
use crate::units::{low_u16, low_u32, u64_of};

/// What a chunk holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Use {
    /// Content of files.
    Data,
    /// All trees but one.
    Metadata,
    /// The tree of chunks.
    System,
}

impl Use {
    /// Its bit in the type of a chunk.
    pub const fn bit(self) -> u64 {
        match self {
            Self::Data => group::DATA,
            Self::Metadata => group::METADATA,
            Self::System => group::SYSTEM,
        }
    }
}

/// A stretch of a device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stripe {
    /// Which of the devices, from 0.
    pub device: usize,
    /// Where on it.
    pub offset: u64,
}

/// A chunk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Chunk {
    /// Its first address.
    pub start: Logical,
    /// How many addresses.
    pub len: u64,
    /// What it holds.
    pub content: Use,
    /// How it lies on the devices.
    pub profile: Profile,
    /// Where it lies there.
    pub stripes: Vec<Stripe>,
}

/// Bytes of a chunk on one device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece {
    /// Which device.
    pub device: usize,
    /// Where on it.
    pub offset: u64,
    /// Where in the bytes that were asked for.
    pub from: u64,
    /// How many bytes.
    pub len: u64,
}

impl Chunk {
    /// The address after the last.
    pub fn end(&self) -> Logical {
        self.start.plus(self.len)
    }

    /// Type of the chunk and flags of its block group.
    pub fn flags(&self) -> u64 {
        self.content.bit() | self.profile.bit()
    }

    /// How many different bytes a row of stripes holds: the stripes without their copies.
    pub fn data_stripes(profile: Profile, stripes: usize) -> u64 {
        u64_of(stripes) / profile.copies()
    }

    /// Bytes that the chunk takes on each of its stripes.
    pub fn stripe_bytes(&self) -> u64 {
        self.len / Self::data_stripes(self.profile, self.stripes.len()).max(1)
    }

    /// All places of `len` bytes from `start`, which must lie in the chunk; copies come one after the other.
    pub fn pieces(&self, start: Logical, len: u64) -> Vec<Piece> {
        let mut pieces = Vec::new();
        let mut done = 0;
        while done < len {
            let at = start.0 - self.start.0 + done;
            let located = self.profile.locate(self.stripes.len(), at, len - done);
            let copies = self.stripes.iter().skip(located.first).take(located.copies);
            pieces.extend(copies.map(|stripe| Piece {
                device: stripe.device,
                offset: stripe.offset + located.at,
                from: done,
                len: located.len,
            }));
            done += located.len;
        }
        pieces
    }

    /// The item that describes the chunk; `device` gives number and identity of each device.
    pub fn item(&self, device: impl Fn(usize) -> (u64, [u8; 16])) -> Vec<u8> {
        let head = ChunkItem {
            length: self.len.into(),
            owner: EXTENT_TREE.into(),
            stripe_len: STRIPE.into(),
            kind: self.flags().into(),
            io_align: low_u32(STRIPE).into(),
            io_width: low_u32(STRIPE).into(),
            sector_size: low_u32(SECTOR).into(),
            num_stripes: low_u16(u64_of(self.stripes.len())).into(),
            sub_stripes: self.profile.sub_stripes().into(),
        };
        let mut bytes = head.as_bytes().to_vec();
        for stripe in &self.stripes {
            let (devid, dev_uuid) = device(stripe.device);
            let stripe = StripeItem { devid: devid.into(), offset: stripe.offset.into(), dev_uuid };
            bytes.extend_from_slice(stripe.as_bytes());
        }
        bytes
    }
}

/// The chunk of `chunks`, which are sorted, that holds `address`.
pub fn find(chunks: &[Chunk], address: Logical) -> Option<&Chunk> {
    let index = chunks.partition_point(|chunk| chunk.start <= address).checked_sub(1)?;
    chunks.get(index).filter(|chunk| address < chunk.end())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_and_stripes_are_found_on_their_devices() {
        let stripe = |device, offset| Stripe { device, offset };
        let chunk = |profile, stripes, len| Chunk {
            start: Logical(1 << 20),
            len,
            content: Use::Data,
            profile,
            stripes,
        };
        let dup = chunk(Profile::Dup, vec![stripe(0, 1 << 20), stripe(0, 9 << 20)], 8 << 20);
        let piece = |device, offset, from, len| Piece { device, offset, from, len };
        assert_eq!(
            dup.pieces(Logical((1 << 20) + 4096), 8192),
            [piece(0, (1 << 20) + 4096, 0, 8192), piece(0, (9 << 20) + 4096, 0, 8192)]
        );
        let raid0 = chunk(Profile::Raid0, vec![stripe(0, 1 << 20), stripe(1, 5 << 20)], 8 << 20);
        assert_eq!(raid0.stripe_bytes(), 4 << 20);
        assert_eq!(
            raid0.pieces(Logical((1 << 20) + STRIPE - 4096), 8192),
            [piece(0, (1 << 20) + STRIPE - 4096, 0, 4096), piece(1, 5 << 20, 4096, 4096)]
        );
    }
}
