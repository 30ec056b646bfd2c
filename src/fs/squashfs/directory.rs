//! Listings of directories as they are written.

use zerocopy::IntoBytes;

use super::error::SquashfsError;
use super::format::directory::{ENTRIES_MAX, Entry, Header, Index};
use super::format::inode::kind;
use super::format::{METADATA_SIZE, MetadataRef};
use super::metadata::MetadataWriter;
use super::survey::InodeNumber;
use crate::tree::Kind;
use crate::units::{low_u16, low_u32, u64_of};

/// An entry with the place of its inode.
pub(super) struct Listed<'n> {
    pub(super) name: &'n [u8],
    pub(super) inode: MetadataRef,
    pub(super) number: InodeNumber,
    /// Kind of the inode, in its basic form.
    pub(super) entry_type: u16,
}

/// Where a listing is.
#[derive(Clone, Debug, Default)]
pub(super) struct Listing {
    /// Distance of its block from the directory table's start.
    pub(super) start_block: u32,
    /// Place in the block.
    pub(super) offset: u16,
    /// Bytes of it.
    pub(super) len: u32,
    /// Where its further blocks begin.
    pub(super) index: Vec<IndexEntry>,
}

/// The first header in a metadata block of a listing.
#[derive(Clone, Debug)]
pub(super) struct IndexEntry {
    /// What is stored of its places.
    pub(super) fields: Index,
    /// Name of the entry that follows it.
    pub(super) name: Vec<u8>,
}

/// The kind of an inode as entries tell it.
pub(super) fn entry_type(kind: &Kind) -> u16 {
    match kind {
        Kind::Directory(_) => kind::DIRECTORY,
        Kind::File(_) => kind::FILE,
        Kind::Symlink(_) => kind::SYMLINK,
        Kind::BlockDevice(_) => kind::BLOCK_DEVICE,
        Kind::CharDevice(_) => kind::CHAR_DEVICE,
        Kind::Fifo => kind::FIFO,
        Kind::Socket => kind::SOCKET,
    }
}

/// Writes the listing of `entries`, which are in the order of their names, to the directory table.
pub(super) fn write(
    entries: &[Listed<'_>],
    table: &mut MetadataWriter<'_>,
) -> Result<Listing, SquashfsError> {
    let start = table.position();
    let mut listing =
        Listing { start_block: low_u32(start.block()), offset: start.offset(), len: 0, index: Vec::new() };
    let mut rest = entries;
    while let Some(first) = rest.first() {
        let at = table.position();
        // One entry of the index for the first header in each further block.
        let last_block =
            listing.index.last().map_or(listing.start_block, |last| last.fields.start_block.get());
        if low_u32(at.block()) != last_block {
            let fields = Index {
                index: listing.len.into(),
                start_block: low_u32(at.block()).into(),
                size: low_u32(u64_of(first.name.len() - 1)).into(),
            };
            listing.index.push(IndexEntry { fields, name: first.name.to_vec() });
        }
        let count = under_one_header(rest, usize::from(at.offset()));
        let (now, later) = rest.split_at(count);
        listing.len += put(now, table)?;
        rest = later;
    }
    Ok(listing)
}

/// How many of `entries` one header can stand for, when it is written at place `at` of a block: those whose
/// inodes are in one block and near each other. The header of those that begin in the next block is there, so
/// that the index finds them.
fn under_one_header(entries: &[Listed<'_>], at: usize) -> usize {
    let Some(first) = entries.first() else { return 0 };
    let mut end = at + size_of::<Header>();
    let mut count = 0;
    for entry in entries.iter().take(ENTRIES_MAX) {
        let near = distance(entry, first).is_some() && entry.inode.block() == first.inode.block();
        // The first one is there wherever its header ends.
        if count > 0 && (!near || end >= METADATA_SIZE) {
            break;
        }
        end += size_of::<Entry>() + entry.name.len();
        count += 1;
    }
    count
}

fn distance(entry: &Listed<'_>, first: &Listed<'_>) -> Option<i16> {
    i16::try_from(i64::from(entry.number.0) - i64::from(first.number.0)).ok()
}

/// Writes a header and the entries under it; how many bytes that were.
fn put(entries: &[Listed<'_>], table: &mut MetadataWriter<'_>) -> Result<u32, SquashfsError> {
    let Some(first) = entries.first() else { return Ok(0) };
    let header = Header {
        count: low_u32(u64_of(entries.len() - 1)).into(),
        start_block: low_u32(first.inode.block()).into(),
        inode_number: first.number.0.into(),
    };
    table.put(header.as_bytes())?;
    let mut len = size_of::<Header>();
    for entry in entries {
        let fields = Entry {
            offset: entry.inode.offset().into(),
            inode_number: distance(entry, first).unwrap_or(0).into(),
            entry_type: entry.entry_type.into(),
            size: low_u16(u64_of(entry.name.len() - 1)).into(),
        };
        table.put(fields.as_bytes())?;
        table.put(entry.name)?;
        len += size_of::<Entry>() + entry.name.len();
    }
    Ok(low_u32(u64_of(len)))
}
