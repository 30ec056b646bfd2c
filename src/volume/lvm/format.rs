//! Label, headers and sums of an LVM2 physical volume.
//!
//! There is no standard; the source is what `pvck --dump headers` prints of volumes that LVM made, and
//! the field names of its manual pages (pvck(8), lvmsystemid(7)). Everything is little-endian. On the
//! disk: label in the second sector of 512 bytes, metadata area from 4 KiB to 1 MiB (a header of one
//! sector, then a ring of texts), extents from 1 MiB.
//!
//! Not supported: several metadata areas on one volume, a metadata area at the end, shared and
//! clustered groups.

use zerocopy::little_endian::{U32, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Magic of a label.
pub(super) const LABEL_MAGIC: [u8; 8] = *b"LABELONE";
/// What the label is of.
pub(super) const LABEL_TYPE: [u8; 8] = *b"LVM2 001";
/// Magic of a metadata area.
pub(super) const AREA_MAGIC: [u8; 16] = *b" LVM2 x[5A%r0N*>";
/// Sector in which sizes are counted, in bytes.
pub(super) const SECTOR: u64 = 512;
/// Where the label is, in bytes.
pub(super) const LABEL_OFFSET: u64 = SECTOR;
/// Where the metadata area begins, in bytes.
pub(super) const AREA_OFFSET: u64 = 4096;
/// Size of the metadata area, in bytes.
pub(super) const AREA_SIZE: u64 = (1 << 20) - AREA_OFFSET;
/// Where the first extent is, in bytes.
pub(super) const EXTENTS_OFFSET: u64 = 1 << 20;
/// Header of the metadata area: one sector; the ring of texts follows.
pub(super) const AREA_HEADER: u64 = SECTOR;

/// Start value of every sum.
const SUM_SEED: u32 = 0xf597_a6cf;

/// Label (`label_header`), with the header of the physical volume behind it, in one sector.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct Label {
    /// [`LABEL_MAGIC`].
    pub(super) id: [u8; 8],
    /// Number of the sector that this is in.
    pub(super) sector: U64,

    /// Sum from `offset` to the end of the sector.
    pub(super) crc: U32,
    /// Where the header of the volume begins in this sector: 32.
    pub(super) offset: U32,
    /// [`LABEL_TYPE`].
    pub(super) kind: [u8; 8],

    /// Identity of the volume: 32 letters.
    pub(super) pv_uuid: [u8; 32],

    /// Size of the device in bytes.
    pub(super) device_size: U64,
    /// The extents: from here …
    pub(super) data_offset: U64,
    /// … to the end (0).
    pub(super) data_size: U64,
    /// End of the list of data areas: two zeroes.
    pub(super) data_end: [U64; 2],
    /// The metadata area: offset …
    pub(super) area_offset: U64,
    /// … and size, in bytes.
    pub(super) area_size: U64,
    /// End of the list of metadata areas: two zeroes.
    pub(super) area_end: [U64; 2],
    /// Version of the extension: 2.
    pub(super) extension_version: U32,
    /// 1: the volume belongs to a group.
    pub(super) extension_flags: U32,
    /// End of the list of boot loader areas: two zeroes.
    pub(super) bootloader_end: [U64; 2],
    /// Zero.
    pub(super) rest: [u8; 352],
}

const _: () = assert!(size_of::<Label>() == 512);
const _: () = assert!(std::mem::offset_of!(Label, device_size) == 64);

/// Where the sum of a label begins.
pub(super) const LABEL_SUMMED_FROM: usize = 20;

/// Header of the metadata area (`mda_header`).
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct AreaHeader {
    /// Sum of the rest of the sector.
    pub(super) crc: U32,
    /// [`AREA_MAGIC`].
    pub(super) magic: [u8; 16],
    /// 1.
    pub(super) version: U32,
    /// Offset of this header on the device, in bytes.
    pub(super) start: U64,

    /// Size of the area in bytes, this header included.
    pub(super) size: U64,
    /// The text in force, one being committed, two unused.
    pub(super) texts: [TextLocation; 4],
    /// Zero.
    pub(super) rest: [u8; 376],
}

const _: () = assert!(size_of::<AreaHeader>() == 512);

/// Where the sum of an area header begins.
pub(super) const AREA_SUMMED_FROM: usize = 4;

/// Where a text lies in the ring (`raw_locn`).
#[derive(Clone, Copy, Debug, Default, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct TextLocation {
    /// Offset from the area's start, in bytes; never below the header's size.
    pub(super) offset: U64,
    /// Size in bytes, the NUL at its end included.
    pub(super) size: U64,
    /// Sum of the text.
    pub(super) crc: U32,
    /// 1: ignore.
    pub(super) flags: U32,
}

/// LVM's sum: CRC-32 (polynomial of IEEE 802.3) with a start value of its own and without the final inversion.
pub(super) fn sum(bytes: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new_with_initial(!SUM_SEED);
    hasher.update(bytes);
    !hasher.finalize()
}

/// The letters of identities; `!` and `#` occur only in very old ones.
const LETTERS: &[u8; 62] = b"0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/// An identity as LVM writes it: 32 letters, in text with hyphens after 6, 4, 4, 4, 4, 4.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Id([u8; 32]);

impl Id {
    /// The identity that follows from 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes.map(|byte| LETTERS[usize::from(byte) % LETTERS.len()]))
    }

    /// The identity with these letters; hyphens are passed over.
    pub fn parse(text: &str) -> Option<Self> {
        let letters: Vec<u8> = text.bytes().filter(|byte| *byte != b'-').collect();
        let known = |byte: &u8| LETTERS.contains(byte) || *byte == b'!' || *byte == b'#';
        letters.try_into().ok().filter(|letters: &[u8; 32]| letters.iter().all(known)).map(Self)
    }

    /// The 32 letters.
    pub(super) const fn letters(self) -> [u8; 32] {
        self.0
    }
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            if index >= 6 && (index - 6) % 4 == 0 && index < 30 {
                f.write_str("-")?;
            }
            write!(f, "{}", char::from(*byte))?;
        }
        Ok(())
    }
}

impl std::fmt::Debug for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        std::fmt::Display::fmt(self, f)
    }
}

/// A label of a volume of `device_size` bytes, its sum included.
pub(super) fn label(id: Id, device_size: u64) -> Vec<u8> {
    let mut label = Label {
        id: LABEL_MAGIC,
        sector: (LABEL_OFFSET / SECTOR).into(),
        crc: 0.into(),
        offset: 32.into(),
        kind: LABEL_TYPE,
        pv_uuid: id.letters(),
        device_size: device_size.into(),
        data_offset: EXTENTS_OFFSET.into(),
        data_size: 0.into(),
        data_end: [0.into(); 2],
        area_offset: AREA_OFFSET.into(),
        area_size: AREA_SIZE.into(),
        area_end: [0.into(); 2],
        extension_version: 2.into(),
        extension_flags: 1.into(),
        bootloader_end: [0.into(); 2],
        rest: [0; 352],
    };
    label.crc = sum(&label.as_bytes()[LABEL_SUMMED_FROM..]).into();
    label.as_bytes().to_vec()
}

/// The header of a metadata area whose text is right behind it.
pub(super) fn area_header(text: &[u8]) -> Vec<u8> {
    let mut texts = [TextLocation::default(); 4];
    texts[0] = TextLocation {
        offset: AREA_HEADER.into(),
        size: crate::units::u64_of(text.len()).into(),
        crc: sum(text).into(),
        flags: 0.into(),
    };
    let mut header = AreaHeader {
        crc: 0.into(),
        magic: AREA_MAGIC,
        version: 1.into(),
        start: AREA_OFFSET.into(),
        size: AREA_SIZE.into(),
        texts,
        rest: [0; 376],
    };
    header.crc = sum(&header.as_bytes()[AREA_SUMMED_FROM..]).into();
    header.as_bytes().to_vec()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn identities_have_lvms_hyphens_and_read_back() {
        let id = Id::from_bytes([7; 32]);
        assert_eq!(id.to_string(), "777777-7777-7777-7777-7777-7777-777777");
        assert_eq!(Id::parse(&id.to_string()), Some(id));
        assert_eq!(Id::parse("short"), None);
    }
}
