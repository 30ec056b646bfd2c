//! Listings of directories: runs of entries, each under a header that says what they have in common.

use zerocopy::little_endian::{I16, U16, U32};
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

/// The most entries under one header (`SQUASHFS_DIR_COUNT`).
pub const ENTRIES_MAX: usize = 256;

/// `struct squashfs_dir_header`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Header {
    /// Entries that follow, less one.
    pub count: U32,
    /// The block of the inode table that holds all their inodes.
    pub start_block: U32,
    /// An inode number near those of the entries.
    pub inode_number: U32,
}

/// `struct squashfs_dir_entry`; the name follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Entry {
    /// Place of the inode in its block.
    pub offset: U16,
    /// Distance of the inode's number from the header's.
    pub inode_number: I16,
    /// Kind of the inode, in its basic form.
    pub entry_type: U16,
    /// Bytes of the name, less one.
    pub size: U16,
}

/// `struct squashfs_dir_index`; the name follows: that of the first entry under a header, with its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, FromBytes, IntoBytes, Immutable, KnownLayout, Unaligned)]
#[repr(C)]
pub struct Index {
    /// Distance of the header from the start of the listing.
    pub index: U32,
    /// The block of the directory table where the header is.
    pub start_block: U32,
    /// Bytes of the name, less one.
    pub size: U32,
}

const _: () = assert!(size_of::<Header>() == 12 && size_of::<Entry>() == 8 && size_of::<Index>() == 12);
