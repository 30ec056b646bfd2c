//! EROFS by `mkfs.erofs`, from a folder: a read-only file system in as many bytes as it takes.
//!
//! The folder holds copies that belong to whoever runs us; owners, permissions and times are set in the inodes
//! afterwards. Every inode is made large enough for them.

mod finish;

use super::arguments::{Allowed, passed_on};
use super::staging::{Links, Staging, stage};
use super::{ExternalError, Options};
use crate::command::Program;
use crate::error::IoError;
use crate::progress::Step;
use crate::tree::{Kind, Node, Tree};
use crate::units::{ByteSize, MIB, u64_of};
use crate::volume::Block;

/// Bytes of a block.
const BLOCK: u64 = 4096;
/// Bytes of an inode with all its fields.
const INODE: u64 = 64;

/// Names with a byte more are valid, but refused by erofs-utils 1.5.
const LONGEST_NAME: usize = 254;

/// What may be asked of mkfs.erofs.
pub(super) const ARGUMENTS: Allowed =
    Allowed { flags: &["--quiet"], values: &["-z", "-C", "-U", "-L"], refused: &[] };

/// See [`super::measure`].
pub(super) fn measure(tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    check(tree)?;
    // Nobody can write: `free` bytes would be lost, but a partition that grows has to be somewhere.
    let content: u64 = tree.nodes().map(|(_, node)| node_bytes(node)).sum();
    Ok(ByteSize(content.saturating_add(free.bytes()).saturating_add(MIB)).round_up(MIB))
}

fn node_bytes(node: &Node) -> u64 {
    // An inode whose tail does not fit behind it goes to the next block.
    let tail = |len: u64| len.next_multiple_of(BLOCK).saturating_add(INODE);
    INODE
        + match &node.kind {
            Kind::File(content) => tail(content.len()),
            Kind::Symlink(target) => 2 * u64_of(target.len()) + INODE,
            Kind::Directory(entries) => {
                let names = entries.keys().map(|name| 12 + u64_of(name.as_bytes().len())).sum::<u64>();
                tail(2 * names + 64)
            }
            _ => 0,
        }
}

/// Fails when `tree` holds what cannot be carried.
fn check(tree: &Tree) -> Result<(), ExternalError> {
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let why = if !node.metadata.xattrs.is_empty() {
            "has extended attributes, which only root could put where mkfs.erofs finds them"
        } else if !matches!(node.kind, Kind::Directory(_) | Kind::File(_) | Kind::Symlink(_)) {
            "is a device, pipe or socket, which only root could put where mkfs.erofs finds it"
        } else if path.rsplit(|byte| *byte == b'/').next().is_some_and(|name| name.len() > LONGEST_NAME) {
            "has a name that is too long for mkfs.erofs"
        } else if node.metadata.modified.seconds < 0 {
            "has a time before 1970"
        } else {
            continue;
        };
        return Err(ExternalError::unsupported(&path, why));
    }
    Ok(())
}

/// See [`super::write`].
pub(super) fn write(
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    check(tree)?;
    let staging = Staging::new(0)?;
    let folder = staging.path().join("root");
    stage(tree, &folder, Links::Kept)?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    let mut program =
        Program::new("mkfs.erofs", "erofs-utils").args(["-T1", "-Eforce-inode-extended", "-x-1"]);
    if !passed.iter().any(|word| word == "-U") {
        program = program.arg(format!("-U{}", options.uuid));
    }
    // It takes values only behind their letters.
    let mut words = ARGUMENTS.values_in(&passed);
    while let (Some(flag), Some(value)) = (words.next(), words.next()) {
        program = program.arg(format!("{flag}{value}"));
    }
    program.arg(staging.image_path()).arg(&folder).run()?;
    let path = staging.image_path();
    let len = std::fs::metadata(&path).map_err(|source| IoError::new("looking at", &path, source))?.len();
    if len > block.len() {
        let why = format!("it needs {} where there are {}", ByteSize(len), ByteSize(block.len()));
        return Err(finish::wrong(&why));
    }
    finish::finish(tree, &staging)?;
    staging.copy_to(block, step)
}
