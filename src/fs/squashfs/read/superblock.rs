//! The superblock as it is read.

use zerocopy::{FromZeros, IntoBytes};

use super::super::compressor::Algorithm;
use super::super::error::{Place, SquashfsError};
use super::super::format::NO_TABLE;
use super::super::format::superblock::{LEN, MAGIC, MAJOR, Superblock};
use super::super::options::BlockSize;
use super::corrupt;
use crate::volume::Block;

/// Reads and checks the superblock of `block`.
pub(super) fn read(block: &dyn Block) -> Result<(Superblock, Algorithm), SquashfsError> {
    let wrong = |what: String| corrupt(Place::Superblock, what);
    if block.len() < LEN {
        return Err(wrong("there is no room for one".to_owned()));
    }
    let mut sb = Superblock::new_zeroed();
    block.read_at(sb.as_mut_bytes(), 0)?;
    if sb.s_magic.get() != MAGIC {
        return Err(wrong("this is not a squashfs file system".to_owned()));
    }
    if (sb.s_major.get(), sb.s_minor.get()) != (MAJOR, 0) {
        return Err(SquashfsError::Unsupported(format!("version {}.{}", sb.s_major, sb.s_minor)));
    }
    let algorithm = Algorithm::from_number(sb.compression.get())
        .ok_or_else(|| SquashfsError::Unsupported(format!("compressor {}", sb.compression)))?;
    let size = BlockSize::new(sb.block_size.get().into());
    if size.is_none_or(|size| u16::from(size.log()) != sb.block_log.get()) {
        return Err(wrong(format!("blocks of {} bytes are impossible", sb.block_size)));
    }
    let used = sb.bytes_used.get();
    if used > block.len() {
        return Err(wrong(format!("it has {used} bytes and only {} are there", block.len())));
    }
    tables(&sb).map_err(|table| wrong(format!("the {table} table is not where one can be")))?;
    Ok((sb, algorithm))
}

/// Whether the tables are within the file system, in their order.
fn tables(sb: &Superblock) -> Result<(), &'static str> {
    let used = sb.bytes_used.get();
    let (inodes, directories) = (sb.inode_table_start.get(), sb.directory_table_start.get());
    let within = |start: u64| (LEN..=used).contains(&start);
    let optional = |start: u64| start == NO_TABLE || within(start);
    if !within(inodes) || inodes > directories {
        return Err("inode");
    }
    if !within(directories) {
        return Err("directory");
    }
    if !within(sb.id_table_start.get()) {
        return Err("id");
    }
    if sb.fragments.get() > 0 && !within(sb.fragment_table_start.get()) {
        return Err("fragment");
    }
    if !optional(sb.lookup_table_start.get()) {
        return Err("export");
    }
    if !optional(sb.xattr_id_table_start.get()) {
        return Err("attribute");
    }
    Ok(())
}
