//! XFS by `mkfs.xfs -p`: a protofile says what goes in.
//!
//! A protofile has owners, permissions, links and devices, but no sticky bits and no times; these are set in the
//! inodes afterwards, and with them what mkfs takes from the clock.

mod finish;
mod protofile;
mod volume;

use super::arguments::{Allowed, passed_on, says};
use super::staging::Staging;
use super::{ExternalError, Options};
use crate::command::Program;
use crate::progress::Step;
use crate::tree::{Kind, Node, Tree};
use crate::units::{ByteRange, ByteSize, SectorSize, u64_of};
use crate::volume::Block;

/// What mkfs.xfs refuses to go below.
const LEAST: ByteSize = ByteSize::mib(300);

/// Size of the log, said to mkfs so that the host's processors do not decide.
const LOG: ByteSize = ByteSize::mib(64);

/// Superblocks, headers of allocation groups, their trees and what the kernel keeps back in each.
const OVERHEAD: ByteSize = ByteSize::mib(24);

/// Bytes of a block: mkfs.xfs' default.
const BLOCK: u64 = 4096;

/// Bytes of an inode, its share of the inode tree included.
const INODE: u64 = 512 + 64;

/// Bytes of an inode that a small directory or link has for itself.
const INLINE: u64 = 336;

/// Up to this size a file system has four allocation groups.
const FOUR_GROUPS: ByteSize = ByteSize::gib(4096);

/// See [`super::measure`].
pub(super) fn measure(tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    protofile::check(tree)?;
    let content: u64 = tree.nodes().map(|(_, node)| node_bytes(node)).sum();
    let content = content.saturating_add(content / 32).saturating_add(free.bytes());
    let size = content.saturating_add(LOG.bytes() + OVERHEAD.bytes());
    // The largest file must lie in one piece, so in one allocation group of two.
    let largest = 2 * group_for(largest_file(tree));
    Ok(ByteSize(size.max(largest).max(LEAST.bytes())).round_up(1 << 20))
}

/// Bytes that a node takes.
fn node_bytes(node: &Node) -> u64 {
    INODE
        + match &node.kind {
            Kind::File(content) => content.len().next_multiple_of(BLOCK),
            Kind::Symlink(target) if u64_of(target.len()) > INLINE => BLOCK,
            Kind::Directory(entries) => {
                let lens = entries.keys().map(|name| u64_of(name.as_bytes().len()));
                let inline: u64 = lens.clone().map(|len| len + 8).sum();
                let data: u64 = lens.map(|len| (len + 12).next_multiple_of(8)).sum();
                // Hashes stand in blocks of their own, which may be half empty, once there is more than a block.
                let hashes = 16 * u64_of(entries.len());
                if inline < INLINE { 0 } else { (data + data / 8 + hashes).next_multiple_of(BLOCK) + BLOCK }
            }
            _ => 0,
        }
}

fn largest_file(tree: &Tree) -> u64 {
    let len = |node: &Node| if let Kind::File(content) = &node.kind { content.len() } else { 0 };
    tree.nodes().map(|(_, node)| len(node)).max().unwrap_or(0)
}

/// Bytes of an allocation group that has a file of `len` bytes in one piece, and the log.
fn group_for(len: u64) -> u64 {
    len.saturating_add(len / 16).saturating_add(LOG.bytes() + OVERHEAD.bytes())
}

/// What may be asked of mkfs.xfs.
pub(super) const ARGUMENTS: Allowed = Allowed {
    flags: &["-f", "-K", "-q"],
    values: &["-b", "-m", "-d", "-i", "-l", "-n", "-s", "-L"],
    refused: &["name", "file", "logdev", "size"],
};

/// See [`super::write`].
pub(super) fn write(
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    let staging = Staging::new(block.len())?;
    let proto = protofile::write(tree, staging.path())?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    let mut program = Program::new("mkfs.xfs", "xfsprogs").args(["-q", "-K", "-f", "-p"]).arg(proto);
    if !says(&passed, "-m", "uuid=") {
        program = program.arg("-m").arg(format!("uuid={}", options.uuid));
    }
    if !says(&passed, "-d", "ag") && ByteSize(block.len()) < FOUR_GROUPS {
        let groups = if group_for(largest_file(tree)) > block.len() / 4 { 2 } else { 4 };
        program = program.arg("-d").arg(format!("agcount={groups}"));
    }
    if !passed.iter().any(|word| word == "-l") && ByteSize(block.len()) < ByteSize::gib(128) {
        program = program.arg("-l").arg(format!("size={}", LOG.bytes()));
    }
    if block.sector_size() != SectorSize::S512 && !passed.iter().any(|word| word == "-s") {
        program = program.arg("-s").arg(format!("size={}", block.sector_size().bytes()));
    }
    program.args(ARGUMENTS.values_in(&passed)).arg(staging.image_path()).run()?;
    let log = finish::finish(tree, &staging)?;
    // mkfs may have left the log a hole, and what is below need not be zero.
    if let Some(log) = ByteRange::new(log.start(), log.len()) {
        block.zero_range(log)?;
    }
    staging.copy_to(block, step)
}
