//! What a plan is made for: sizes, contents, identities.

use std::collections::BTreeMap;
use std::str::FromStr;

use crate::identity::Seed;
use crate::units::{ByteSize, SectorSize};

/// What a plan is made for. With the layout it decides every number of the plan.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where identities come from that the layout does not give.
    pub seed: Seed,
    /// Sizes of disks. A later one for the same disk counts; one for `*` counts where no other does.
    pub disks: Vec<DiskRequest>,
    /// What the file systems will hold.
    pub contents: Contents,
    /// Free space in file systems whose size is ours to choose.
    pub free: ByteSize,
}

impl Request {
    /// The free space where nobody says how much.
    pub const DEFAULT_FREE: ByteSize = ByteSize::mib(256);

    /// Nothing asked for: the smallest disks, empty.
    pub fn new(seed: Seed) -> Self {
        Self { seed, disks: Vec::new(), contents: Contents::default(), free: Self::DEFAULT_FREE }
    }
}

/// The size of a disk: `--disk NAME=SIZE`, or that of the device which was named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DiskRequest {
    /// The attribute name under `disk` in the layout; `*` for every disk.
    pub name: String,
    /// How large the disk is.
    pub size: ByteSize,
    /// Its logical sectors.
    pub sector_size: SectorSize,
}

/// `--disk` that is not `NAME=SIZE`.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not NAME=SIZE; write for example `main=64G` or `*=64G`")]
pub struct DiskRequestError {
    text: String,
}

/// Reads `main=64G`; 512-byte sectors.
impl FromStr for DiskRequest {
    type Err = DiskRequestError;

    fn from_str(text: &str) -> Result<Self, DiskRequestError> {
        let error = || DiskRequestError { text: text.to_owned() };
        // The name may hold `=`, the size cannot.
        let (name, size) = text.rsplit_once('=').ok_or_else(error)?;
        let size = size.parse().map_err(|_| error())?;
        if name.is_empty() {
            return Err(error());
        }
        Ok(Self { name: name.to_owned(), size, sector_size: SectorSize::S512 })
    }
}

/// How many bytes file systems need for what they will hold.
///
/// A place is a mount point (`/`, `/boot`), or the path of a device for what is not mounted. A file system that is mounted at
/// several places (subvolumes, datasets) needs the sum.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Contents(BTreeMap<String, Need>);

/// What one place needs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Need {
    least: ByteSize,
    /// Bytes besides, for the free space that was asked for; `None`: just that space.
    spare: Option<ByteSize>,
}

impl Contents {
    /// Says that the file system at `place` needs `bytes`, all of its own structures included.
    pub fn need(&mut self, place: impl Into<String>, bytes: ByteSize) {
        self.0.insert(place.into(), Need { least: bytes, spare: None });
    }

    /// Says that the file system at `place` needs `bytes`, and `with_free` for the same content and the free space of the
    /// request: more than the sum, since a larger file system has larger structures.
    pub fn need_with_free(&mut self, place: impl Into<String>, bytes: ByteSize, with_free: ByteSize) {
        let spare = with_free.checked_sub(bytes);
        self.0.insert(place.into(), Need { least: bytes, spare });
    }

    /// What the file system at these places needs; `None` when nothing is known of any.
    pub fn needed<'a>(&self, places: impl IntoIterator<Item = &'a str>) -> Option<ByteSize> {
        let known = places.into_iter().filter_map(|place| self.0.get(place));
        known.map(|need| need.least).reduce(|sum, bytes| ByteSize(sum.bytes().saturating_add(bytes.bytes())))
    }

    /// How much more the file system at one of these places needs for the free space of the request; `None` when nobody said.
    pub(super) fn spare<'a>(&self, places: impl IntoIterator<Item = &'a str>) -> Option<ByteSize> {
        places.into_iter().find_map(|place| self.0.get(place)?.spare)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_given_by_disk() {
        let request: DiskRequest = "main=64G".parse().unwrap();
        assert_eq!((request.name.as_str(), request.size), ("main", ByteSize::gib(64)));
        assert_eq!("*=1T".parse::<DiskRequest>().unwrap().name, "*");
        for text in ["main", "=64G", "main=", "main=big"] {
            assert!(text.parse::<DiskRequest>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_file_system_mounted_at_several_places_needs_the_sum() {
        let mut contents = Contents::default();
        contents.need("/", ByteSize::mib(10));
        contents.need("/nix", ByteSize::mib(500));
        assert_eq!(contents.needed(["/", "/nix", "/home"]), Some(ByteSize::mib(510)));
        assert_eq!(contents.needed(["/home"]), None);
    }
}
