//! The bytes of a swap header, little-endian.

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// Bytes of a page.
pub(super) const PAGE: u64 = 4096;
/// The last bytes of the first page.
pub(super) const MAGIC: [u8; 10] = *b"SWAPSPACE2";
/// The only version of this header.
pub(super) const VERSION: u32 = 1;

/// The first page.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub(super) struct Header {
    /// Left to boot loaders and disk labels; zero here, so that no old signature survives in it.
    pub(super) boot_bits: [u8; 1024],

    /// [`VERSION`].
    pub(super) version: U32,
    /// Number of the last page; the header is page 0.
    pub(super) last_page: U32,
    /// How many bad pages are listed.
    pub(super) bad_pages: U32,
    /// Identity of the area.
    pub(super) uuid: [u8; 16],
    /// Its label, ended by a zero.
    pub(super) label: [u8; 16],
    /// Zero.
    pub(super) padding: [u8; 468],
    /// The list of bad pages would be here.
    pub(super) rest: [u8; 2550],
    /// [`MAGIC`].
    pub(super) magic: [u8; 10],
}

const _: () = assert!(size_of::<Header>() == 4096);
