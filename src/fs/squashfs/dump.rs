//! A file system as text: every number that it holds, in one order, for goldens and for whoever looks for damage.
//!
//! Two file systems with the same dump differ at most in the bytes of files.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::error::{Corruption, Place, SquashfsError};
use super::format::{Form, StoredSize};
use super::read::{Inode, InodeKind, Reader};
use crate::tree::Xattr;
use crate::volume::Block;

/// Writes the file system that `reader` reads as text to `out`: superblock, fragment blocks, then every inode
/// from the root down.
pub fn dump<B: Block>(reader: &Reader<B>, out: &mut dyn Write) -> Result<(), DumpError> {
    superblock(reader, out)?;
    for number in 0..reader.superblock().fragments.get() {
        let fields = reader.fragment(number)?;
        let size = StoredSize(fields.size.get());
        writeln!(out, "fragment block {number}: at {} {}", fields.start_block, shown(size))?;
    }
    let root = reader.root()?;
    inode(reader, "/", &root, out)?;
    let mut seen = BTreeSet::from([root.place]);
    let mut open = vec![(String::new(), root)];
    while let Some((path, folder)) = open.pop() {
        let mut folders = Vec::new();
        for entry in reader.entries(&folder)? {
            let path = format!("{path}/{}", entry.name.escape_ascii());
            let inode = reader.inode(entry.inode)?;
            self::inode(reader, &path, &inode, out)?;
            if let InodeKind::Directory(_) = inode.kind {
                // A damaged file system may lead in circles.
                if !seen.insert(inode.place) {
                    let place = Place::Inode(inode.place.0);
                    let error = Corruption::new(place, "the directory has two names");
                    return Err(SquashfsError::from(error).into());
                }
                folders.push((path, inode));
            }
        }
        open.extend(folders.into_iter().rev());
    }
    Ok(())
}

/// Why there is no dump.
#[derive(Debug, thiserror::Error)]
pub enum DumpError {
    /// The file system could not be read.
    #[error(transparent)]
    Read(#[from] SquashfsError),
    /// The text could not be written.
    #[error("writing the dump")]
    Write(#[from] fmt::Error),
}

fn superblock<B: Block>(reader: &Reader<B>, out: &mut dyn Write) -> fmt::Result {
    let sb = reader.superblock();
    writeln!(out, "superblock")?;
    writeln!(out, "  compressor {} block size {}", reader.facts().algorithm.name(), sb.block_size)?;
    writeln!(out, "  flags {:#06x} made {}", sb.flags, sb.mkfs_time)?;
    writeln!(out, "  inodes {} fragments {} ids {}", sb.inodes, sb.fragments, sb.no_ids)?;
    let root = sb.root_inode.get();
    writeln!(out, "  root {}:{} bytes used {}", root >> 16, root & 0xFFFF, sb.bytes_used)?;
    for (name, start) in [
        ("inode", sb.inode_table_start),
        ("directory", sb.directory_table_start),
        ("fragment", sb.fragment_table_start),
        ("export", sb.lookup_table_start),
        ("id", sb.id_table_start),
        ("attribute", sb.xattr_id_table_start),
    ] {
        match start.get() {
            super::format::NO_TABLE => writeln!(out, "  no {name} table")?,
            start => writeln!(out, "  {name} table at {start}")?,
        }
    }
    Ok(())
}

fn inode<B: Block>(
    reader: &Reader<B>,
    path: &str,
    inode: &Inode,
    out: &mut dyn Write,
) -> Result<(), DumpError> {
    write!(
        out,
        "{path}: inode {} at {}:{}{} mode {:04o} owner {}:{} modified {} links {}",
        inode.number,
        inode.place.block(),
        inode.place.offset(),
        if inode.is_extended { " long" } else { "" },
        inode.permissions,
        inode.uid,
        inode.gid,
        inode.modified.seconds,
        inode.links,
    )?;
    match &inode.kind {
        InodeKind::Directory(directory) => writeln!(
            out,
            " directory, listing of {} bytes at {}:{}, parent {}, index of {}",
            directory.len,
            directory.place.block(),
            directory.place.offset(),
            directory.parent,
            directory.indexed
        )?,
        InodeKind::File(file) => {
            write!(out, " file of {} bytes", file.len)?;
            let map = reader.map(inode)?;
            let sizes: Vec<String> = map.sizes().map(shown).collect();
            if !sizes.is_empty() {
                write!(out, ", at {} blocks {}", file.start, sizes.join(" "))?;
            }
            if let Some((fragment, offset)) = file.tail {
                write!(out, ", in fragment block {fragment} at {offset}")?;
            }
            if file.sparse > 0 {
                write!(out, ", {} bytes not stored", file.sparse)?;
            }
            writeln!(out)?;
        }
        InodeKind::Symlink(target) => writeln!(out, " link to {:?}", target.escape_ascii().to_string())?,
        InodeKind::CharDevice(device) => writeln!(out, " char device {}:{}", device.major, device.minor)?,
        InodeKind::BlockDevice(device) => writeln!(out, " block device {}:{}", device.major, device.minor)?,
        InodeKind::Fifo => writeln!(out, " fifo")?,
        InodeKind::Socket => writeln!(out, " socket")?,
    }
    for Xattr { name, value } in reader.xattrs(inode)? {
        writeln!(out, "  {} = {:?}", name.escape_ascii(), value.escape_ascii().to_string())?;
    }
    Ok(())
}

/// A stored size: `hole`, `1234`, `1234 raw`.
fn shown(size: StoredSize) -> String {
    match (size, size.form()) {
        (StoredSize::HOLE, _) => "hole".to_owned(),
        (size, Form::Compressed) => size.len().to_string(),
        (size, Form::Raw) => format!("{}-raw", size.len()),
    }
}
