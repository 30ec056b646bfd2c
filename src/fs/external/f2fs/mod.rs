//! F2FS by `mkfs.f2fs` and `sload.f2fs`, which fills it from a folder.
//!
//! The folder holds copies that belong to whoever runs us; owners, permissions and times are set in the inodes
//! afterwards.

mod finish;

use super::arguments::{Allowed, passed_on};
use super::staging::{Links, Staging, stage};
use super::{ExternalError, Options};
use crate::command::Program;
use crate::progress::Step;
use crate::tree::{Kind, Node, Tree};
use crate::units::{ByteSize, SectorSize, u64_of};
use crate::volume::Block;

/// Bytes of a block, and of every inode.
const BLOCK: u64 = 4096;

/// Fixed areas and the segments that are kept in reserve.
const OVERHEAD: ByteSize = ByteSize::mib(96);

/// Blocks that a node with block numbers holds.
const NUMBERS: u64 = 1018;

/// Entries of a block of a directory.
const ENTRIES: u64 = 214;

/// See [`super::measure`].
pub(super) fn measure(tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    check(tree)?;
    let blocks: u64 = tree.nodes().map(|(_, node)| node_blocks(node)).sum();
    let content = blocks.saturating_mul(BLOCK).saturating_add(free.bytes());
    // A part of the volume is kept back for cleaning; the smaller the volume, the larger the part.
    let size = content.saturating_add(content / 8).saturating_add(OVERHEAD.bytes());
    Ok(ByteSize(size).round_up(2 << 20))
}

fn node_blocks(node: &Node) -> u64 {
    let data = match &node.kind {
        Kind::File(content) => content.len().div_ceil(BLOCK),
        Kind::Symlink(_) => 1,
        // Names go to the bucket of their hash, so that blocks are not full.
        Kind::Directory(entries) => 2 + 3 * u64_of(entries.len()).div_ceil(ENTRIES),
        _ => 0,
    };
    1 + data + data.div_ceil(NUMBERS)
}

/// Fails when `tree` holds what cannot be carried.
fn check(tree: &Tree) -> Result<(), ExternalError> {
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        if !node.metadata.xattrs.is_empty() {
            return Err(ExternalError::unsupported(
                &path,
                "has extended attributes, which sload.f2fs cannot write",
            ));
        }
        if !matches!(node.kind, Kind::Directory(_) | Kind::File(_) | Kind::Symlink(_)) {
            return Err(ExternalError::unsupported(
                &path,
                "is a device, pipe or socket, which sload.f2fs cannot make",
            ));
        }
    }
    Ok(())
}

/// What may be asked of mkfs.f2fs.
pub(super) const ARGUMENTS: Allowed = Allowed {
    flags: &["-f", "-q", "-a", "-i"],
    values: &["-l", "-U", "-O", "-e", "-E", "-o", "-s", "-z", "-C", "-w", "-g"],
    refused: &[],
};

/// See [`super::write`].
pub(super) fn write(
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    check(tree)?;
    let staging = Staging::new(block.len())?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    // No chance, no clock, and nothing to discard.
    let mut program = Program::new("mkfs.f2fs", "f2fs-tools").args(["-q", "-f", "-r", "-t", "0", "-T", "1"]);
    if !passed.iter().any(|word| word == "-U") {
        program = program.arg("-U").arg(options.uuid.to_string());
    }
    if block.sector_size() != SectorSize::S512 && !passed.iter().any(|word| word == "-w") {
        program = program.arg("-w").arg(block.sector_size().bytes().to_string());
    }
    let words = passed.iter().filter(|word| !["-f", "-q"].contains(&word.as_str()));
    program.args(words).arg(staging.image_path()).run()?;
    if !tree.is_empty() {
        let folder = staging.path().join("root");
        stage(tree, &folder, Links::Copied)?;
        let program = Program::new("sload.f2fs", "f2fs-tools").args(["-T", "1", "-f"]).arg(&folder);
        program.arg(staging.image_path()).run()?;
    }
    finish::finish(tree, &staging)?;
    staging.copy_to(block, step)
}
