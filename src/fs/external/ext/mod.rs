//! ext2 and ext3 by `mke2fs`, filled by `debugfs` with a list of commands.
//!
//! `mke2fs -d` would take owners from the files of a folder and their order from the host; commands say all of
//! that, so an ordinary user gets the same bytes everywhere. Directories have no hash trees: the kernel makes
//! them when it adds names.

mod script;
mod used;

use std::fs;

use super::arguments::{Allowed, passed_on};
use super::staging::Staging;
use super::{ExternalError, Options};
use crate::command::Program;
use crate::error::IoError;
use crate::progress::Step;
use crate::tree::{Kind, Node, Tree};
use crate::units::{ByteSize, KIB, MIB, u64_of};
use crate::volume::Block;

/// The two kinds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Journal {
    /// ext2.
    None,
    /// ext3.
    Inside,
}

/// Bytes of a block: said to mke2fs, whose own choice depends on a file of the host.
const BLOCK: u64 = 4096;
/// Bytes of an inode.
const INODE: u64 = 256;
/// Block numbers in a block of them.
const NUMBERS: u64 = BLOCK / 4;
/// Blocks whose numbers an inode has.
const DIRECT: u64 = 12;
/// Bytes of a link that its inode has.
const FAST_LINK: usize = 60;
/// What mke2fs calls small ratios of inodes: one for each so many bytes.
const BYTES_PER_INODE: u64 = 16 * KIB;
/// `lost+found`, first superblock and room for the tables' ends.
const OVERHEAD: u64 = MIB;

/// Features that ext2 and ext3 have with kernels of all times; mke2fs would look them up in a file of the host.
const FEATURES: &str = "none,ext_attr,resize_inode,dir_index,filetype,sparse_super,large_file";

/// What may be asked of mke2fs.
pub(super) const ARGUMENTS: Allowed =
    Allowed { flags: &["-F", "-q", "-v"], values: &["-L", "-m", "-N", "-U", "-e"], refused: &[] };

/// See [`super::measure`].
pub(super) fn measure(journal: Journal, tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    script::check(tree)?;
    let content: u64 = tree.nodes().map(|(_, node)| node_blocks(node)).sum();
    let content = content.saturating_mul(BLOCK).saturating_add(free.bytes());
    // A journal has at most 1 GiB, and much less on small file systems.
    let log = match journal {
        Journal::None => 0,
        Journal::Inside => (content / 8).clamp(8 * MIB, 1 << 30),
    };
    let used = content.saturating_add(log).saturating_add(inodes(tree, content) * INODE);
    // Bitmaps, copies of descriptors with room for more, and what is kept for root: 5 parts in a hundred.
    let size = used.saturating_add(used / 12).saturating_add(used / 64).saturating_add(OVERHEAD);
    Ok(ByteSize(size).round_up(MIB))
}

/// Inodes for `tree` in a file system of about `size` bytes.
fn inodes(tree: &Tree, size: u64) -> u64 {
    u64_of(tree.len()) + size / BYTES_PER_INODE + 16
}

/// Blocks that a node takes.
fn node_blocks(node: &Node) -> u64 {
    let data = match &node.kind {
        Kind::File(content) => content.data_ranges().map(|range| range.len().div_ceil(BLOCK) + 1).sum(),
        Kind::Symlink(target) => u64::from(target.len() >= FAST_LINK),
        Kind::Directory(entries) => {
            let names = entries.keys().map(|name| 8 + u64_of(name.as_bytes().len()).next_multiple_of(4));
            // An entry does not go over the end of a block.
            1 + names.sum::<u64>() * 16 / 15 / (BLOCK - 264)
        }
        _ => 0,
    };
    let numbers = if data > DIRECT { 2 + data.div_ceil(NUMBERS) } else { 0 };
    data + numbers + u64::from(!node.metadata.xattrs.is_empty())
}

/// See [`super::write`].
pub(super) fn write(
    journal: Journal,
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    script::check(tree)?;
    let staging = Staging::new(block.len())?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    let has = |flag: &str| passed.iter().any(|word| word == flag);
    let mut program = Program::new("mke2fs", "e2fsprogs").args(["-q", "-F", "-b", "4096", "-I", "256"]);
    program = match journal {
        Journal::None => program.args(["-t", "ext2", "-O", FEATURES]),
        Journal::Inside => program.args(["-t", "ext3", "-O", &format!("{FEATURES},has_journal")]),
    };
    if !has("-U") {
        program = program.arg("-U").arg(options.uuid.to_string());
    }
    if !has("-N") {
        program = program.arg("-N").arg(inodes(tree, block.len()).to_string());
    }
    // Tables are zero already, and there is nothing to discard.
    program = program.args(["-E", "nodiscard,lazy_itable_init=0"]);
    program.args(ARGUMENTS.values_in(&passed)).arg(staging.image_path()).run()?;
    fill(journal, tree, options, &staging)?;
    used::zero_holes(&staging, block)?;
    staging.copy_to(block, step)
}

/// Runs the commands that fill the file system.
fn fill(journal: Journal, tree: &Tree, options: &Options, staging: &Staging) -> Result<(), ExternalError> {
    let commands = staging.path().join("commands");
    let text = script::commands(journal, tree, (options.uuid, staging.path()))?;
    fs::write(&commands, text).map_err(|source| IoError::new("writing", &commands, source))?;
    let program = Program::new("debugfs", "e2fsprogs").args(["-w", "-f"]).arg(&commands);
    let output = program.arg(staging.image_path()).run()?;
    // It ends well whatever its commands said: all but its own version is a complaint.
    let said = String::from_utf8_lossy(&output.stderr);
    match said.lines().find(|line| !line.is_empty() && !line.starts_with("debugfs ")) {
        Some(line) => Err(ExternalError::Result { program: "debugfs", why: line.to_owned() }),
        None => Ok(()),
    }
}
