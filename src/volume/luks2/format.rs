//! The binary header of LUKS2.
//!
//! Source: LUKS2 On-Disk Format Specification, version 1.1.x, section 2 (Milan Brož). All numbers are
//! big-endian. On the disk, in this order: primary binary header (4096 bytes), its JSON area,
//! secondary binary header at offset `hdr_size`, its JSON area, the binary keyslots areas, then the
//! data segment.
//!
//! Not supported: detached headers, reencryption in progress, LUKS1.

use zerocopy::big_endian::{U16, U64};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout};

/// Magic of the primary header.
pub(super) const MAGIC_PRIMARY: [u8; 6] = *b"LUKS\xba\xbe";
/// Magic of the secondary header.
pub(super) const MAGIC_SECONDARY: [u8; 6] = *b"SKUL\xba\xbe";
/// The only version of this format.
pub(super) const VERSION: u16 = 2;
/// Size of the binary header in bytes.
pub(super) const BINARY_SIZE: u64 = 4096;
/// Size of a binary header with its JSON area, in bytes: the smallest one that the specification lists.
pub(super) const HEADER_SIZE: u64 = 16 << 10;
/// Where the data begins on what we format: what cryptsetup uses, room for the keyslots areas.
pub(super) const DATA_OFFSET: u64 = 16 << 20;
/// Keyslots areas begin and end at multiples of this.
pub(super) const AREA_ALIGNMENT: u64 = 4096;

/// Offset of `csum` in the binary header: the field is zero while the sum is computed.
pub(super) const CHECKSUM_OFFSET: usize = 0x1c0;
/// Size of `csum`.
pub(super) const CHECKSUM_SIZE: usize = 64;

/// Binary header, specification section 2.1. Text fields are ASCII, ended by NUL.
#[derive(Clone, Debug, FromBytes, IntoBytes, Immutable, KnownLayout)]
#[repr(C)]
pub(super) struct BinaryHeader {
    /// [`MAGIC_PRIMARY`] or [`MAGIC_SECONDARY`].
    pub(super) magic: [u8; 6],
    /// [`VERSION`].
    pub(super) version: U16,
    /// Size of the binary header and its JSON area, in bytes: 16 KiB to 4 MiB, a power of two.
    pub(super) hdr_size: U64,

    /// Grows with every update; the header with the larger number counts.
    pub(super) seqid: U64,
    /// Label, or empty.
    pub(super) label: [u8; 48],
    /// Name of the hash of `csum`: `sha256`.
    pub(super) checksum_alg: [u8; 32],
    /// Salt, different in each of the two headers, so that their sums differ.
    pub(super) salt: [u8; 64],
    /// UUID in text form.
    pub(super) uuid: [u8; 40],
    /// Optional second label.
    pub(super) subsystem: [u8; 48],
    /// Offset of this header on the device, in bytes.
    pub(super) hdr_offset: U64,
    /// Zero.
    pub(super) padding: [u8; 184],
    /// Sum over binary header and JSON area with this field zero.
    pub(super) csum: [u8; CHECKSUM_SIZE],
    /// Zero.
    pub(super) padding4096: [u8; 3584],
}

const _: () = assert!(size_of::<BinaryHeader>() == 4096);
const _: () = assert!(std::mem::offset_of!(BinaryHeader, csum) == CHECKSUM_OFFSET);

/// `text` in a field of `N` bytes, ended by NUL; `None` when there is no room for it.
pub(super) fn text_field<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut field = [0; N];
    if text.len() >= N {
        return None;
    }
    field[..text.len()].copy_from_slice(text.as_bytes());
    Some(field)
}

/// The text of a field, up to its NUL.
pub(super) fn field_text(field: &[u8]) -> String {
    let end = field.iter().position(|byte| *byte == 0).unwrap_or(field.len());
    String::from_utf8_lossy(&field[..end]).into_owned()
}
