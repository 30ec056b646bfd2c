//! A file system as text: every number that it holds, in one order, for goldens and for `landfall inspect`.
//!
//! Fields that are zero are left out, the contents of files are told by size and place only. Two file systems
//! with the same dump differ at most in the bytes of files, in checksums, and in what is not in use.

use std::collections::BTreeSet;
use std::fmt::{self, Write};

use super::block::{BlockSize, Extent, InodeNumber};
use super::error::{Corruption, Ext4Error, Place};
use super::format::special;
use super::format::superblock::Superblock;
use super::read::{Inode, InodeKind, Reader};
use super::time::DiskTime;
use crate::tree::Xattr;
use crate::volume::Block;

/// Writes the file system that `reader` reads as text to `out`: superblock, groups, then every inode from the
/// root down, directories with their entries.
pub fn dump<B: Block>(reader: &Reader<B>, out: &mut dyn Write) -> Result<(), DumpError> {
    superblock(reader.superblock(), reader.block_size(), out)?;
    groups(reader, out)?;
    for number in [special::RESIZE, special::JOURNAL] {
        if let Ok(inode) = reader.inode(InodeNumber(number)) {
            self::inode(reader, &format!("<{number}>"), &inode, out)?;
        }
    }
    let root = reader.root()?;
    self::inode(reader, "/", &root, out)?;
    let mut seen = BTreeSet::from([root.number()]);
    let mut open = vec![(String::new(), root)];
    while let Some((path, folder)) = open.pop() {
        let mut entries = reader.entries(&folder)?;
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        let mut folders = Vec::new();
        for entry in entries {
            let path = format!("{path}/{}", entry.name.escape_ascii());
            let inode = reader.inode(InodeNumber(entry.inode))?;
            self::inode(reader, &path, &inode, out)?;
            if inode.kind() == InodeKind::Directory {
                // A damaged file system may lead in circles.
                if !seen.insert(inode.number()) {
                    let what = "the directory has two names";
                    return Err(Ext4Error::from(Corruption::new(Place::Inode(inode.number()), what)).into());
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
    Read(#[from] Ext4Error),
    /// The text could not be written.
    #[error("writing the dump")]
    Write(#[from] fmt::Error),
}

fn superblock(sb: &Superblock, block_size: BlockSize, out: &mut dyn Write) -> fmt::Result {
    let name = sb.s_volume_name.split(|byte| *byte == 0).next().unwrap_or_default();
    writeln!(out, "superblock")?;
    writeln!(
        out,
        "  label {:?} uuid {}",
        name.escape_ascii().to_string(),
        uuid::Uuid::from_bytes(sb.s_uuid)
    )?;
    writeln!(out, "  block size {}", block_size.bytes())?;
    // Halves stand side by side, high before low.
    let numbers: [(&str, u64); 33] = [
        ("s_blocks_count_hi", sb.s_blocks_count_hi.get().into()),
        ("s_blocks_count_lo", sb.s_blocks_count_lo.get().into()),
        ("s_r_blocks_count_lo", sb.s_r_blocks_count_lo.get().into()),
        ("s_free_blocks_count_lo", sb.s_free_blocks_count_lo.get().into()),
        ("s_inodes_count", sb.s_inodes_count.get().into()),
        ("s_free_inodes_count", sb.s_free_inodes_count.get().into()),
        ("s_first_data_block", sb.s_first_data_block.get().into()),
        ("s_blocks_per_group", sb.s_blocks_per_group.get().into()),
        ("s_inodes_per_group", sb.s_inodes_per_group.get().into()),
        ("s_reserved_gdt_blocks", sb.s_reserved_gdt_blocks.get().into()),
        ("s_desc_size", sb.s_desc_size.get().into()),
        ("s_inode_size", sb.s_inode_size.get().into()),
        ("s_first_ino", sb.s_first_ino.get().into()),
        ("s_rev_level", sb.s_rev_level.get().into()),
        ("s_state", sb.s_state.get().into()),
        ("s_errors", sb.s_errors.get().into()),
        ("s_mkfs_time", sb.s_mkfs_time.get().into()),
        ("s_mtime", sb.s_mtime.get().into()),
        ("s_wtime", sb.s_wtime.get().into()),
        ("s_lastcheck", sb.s_lastcheck.get().into()),
        ("s_mnt_count", sb.s_mnt_count.get().into()),
        ("s_max_mnt_count", sb.s_max_mnt_count.get().into()),
        ("s_checkinterval", sb.s_checkinterval.get().into()),
        ("s_journal_inum", sb.s_journal_inum.get().into()),
        ("s_last_orphan", sb.s_last_orphan.get().into()),
        ("s_def_hash_version", sb.s_def_hash_version.into()),
        ("s_min_extra_isize", sb.s_min_extra_isize.get().into()),
        ("s_want_extra_isize", sb.s_want_extra_isize.get().into()),
        ("s_log_groups_per_flex", sb.s_log_groups_per_flex.into()),
        ("s_checksum_type", sb.s_checksum_type.into()),
        ("s_overhead_clusters", sb.s_overhead_clusters.get().into()),
        ("s_kbytes_written", sb.s_kbytes_written.get()),
        ("s_free_blocks_count_hi", sb.s_free_blocks_count_hi.get().into()),
    ];
    for (name, number) in numbers.iter().filter(|(_, number)| *number != 0) {
        writeln!(out, "  {name} {number}")?;
    }
    for (name, bits) in [
        ("s_feature_compat", sb.s_feature_compat),
        ("s_feature_incompat", sb.s_feature_incompat),
        ("s_feature_ro_compat", sb.s_feature_ro_compat),
        ("s_flags", sb.s_flags),
        ("s_default_mount_opts", sb.s_default_mount_opts),
    ] {
        writeln!(out, "  {name} {:#x}", bits.get())?;
    }
    write!(out, "  s_hash_seed")?;
    sb.s_hash_seed.iter().try_for_each(|word| write!(out, " {:08x}", word.get()))?;
    writeln!(out)
}

fn groups<B: Block>(reader: &Reader<B>, out: &mut dyn Write) -> fmt::Result {
    for (number, group) in reader.groups().iter().enumerate() {
        let join = |low: u32, high: u32| u64::from(low) | u64::from(high) << 32;
        let count = |low: u16, high: u16| u32::from(low) | u32::from(high) << 16;
        writeln!(
            out,
            "group {number}: block bitmap {} inode bitmap {} inode table {} free blocks {} free inodes {} \
             unused inodes {} directories {} flags {:#x}",
            join(group.bg_block_bitmap_lo.get(), group.bg_block_bitmap_hi.get()),
            join(group.bg_inode_bitmap_lo.get(), group.bg_inode_bitmap_hi.get()),
            join(group.bg_inode_table_lo.get(), group.bg_inode_table_hi.get()),
            count(group.bg_free_blocks_count_lo.get(), group.bg_free_blocks_count_hi.get()),
            count(group.bg_free_inodes_count_lo.get(), group.bg_free_inodes_count_hi.get()),
            count(group.bg_itable_unused_lo.get(), group.bg_itable_unused_hi.get()),
            count(group.bg_used_dirs_count_lo.get(), group.bg_used_dirs_count_hi.get()),
            group.bg_flags.get(),
        )?;
    }
    Ok(())
}

fn inode<B: Block>(
    reader: &Reader<B>,
    path: &str,
    inode: &Inode,
    out: &mut dyn Write,
) -> Result<(), DumpError> {
    let fields = &inode.fields;
    write!(
        out,
        "{path}: inode {} mode {:06o} owner {}:{} links {} size {} flags {:#x}",
        inode.number(),
        fields.i_mode.get(),
        inode.uid(),
        inode.gid(),
        inode.links(),
        inode.size(),
        fields.i_flags.get(),
    )?;
    times(inode, out)?;
    match inode.kind() {
        InodeKind::Symlink => write!(out, " target {:?}", reader.target(inode)?.escape_ascii().to_string())?,
        InodeKind::CharDevice(device) | InodeKind::BlockDevice(device) => {
            write!(out, " device {}:{}", device.major, device.minor)?;
        }
        InodeKind::Directory | InodeKind::File | InodeKind::Fifo | InodeKind::Socket => {}
    }
    writeln!(out)?;
    let map = reader.map(inode)?;
    extents("data", &map.extents, out)?;
    extents("unwritten", &map.unwritten, out)?;
    if !map.nodes.is_empty() {
        write!(out, "  map in")?;
        map.nodes.iter().try_for_each(|node| write!(out, " {node}"))?;
        writeln!(out)?;
    }
    if let Some(block) = inode.xattr_block() {
        writeln!(out, "  attributes in {block}")?;
    }
    for Xattr { name, value } in reader.xattrs(inode)? {
        writeln!(out, "  {} = {:?}", name.escape_ascii(), value.escape_ascii().to_string())?;
    }
    Ok(())
}

/// The time of modification, and the others where they differ.
fn times(inode: &Inode, out: &mut dyn Write) -> fmt::Result {
    let fields = &inode.fields;
    let show = |seconds: zerocopy::little_endian::U32, extra: zerocopy::little_endian::U32| {
        let time = DiskTime { seconds: seconds.get(), extra: extra.get() }.decode();
        format!("{}.{:09}", time.seconds, time.nanoseconds)
    };
    let modified = show(fields.i_mtime, fields.i_mtime_extra);
    write!(out, " modified {modified}")?;
    for (name, time) in [
        ("accessed", show(fields.i_atime, fields.i_atime_extra)),
        ("changed", show(fields.i_ctime, fields.i_ctime_extra)),
        ("created", show(fields.i_crtime, fields.i_crtime_extra)),
    ] {
        if time != modified {
            write!(out, " {name} {time}")?;
        }
    }
    Ok(())
}

fn extents(what: &str, extents: &[Extent], out: &mut dyn Write) -> fmt::Result {
    if extents.is_empty() {
        return Ok(());
    }
    write!(out, "  {what}")?;
    for extent in extents {
        let last = u64::from(extent.logical) + u64::from(extent.blocks) - 1;
        write!(out, " {}..={last} at {}", extent.logical, extent.start)?;
    }
    writeln!(out)
}
