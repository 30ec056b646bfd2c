//! bcachefs by `bcachefs format --source`, which fills it from a folder.
//!
//! The folder holds copies that belong to whoever runs us. Owners and permissions cannot be set afterwards, since all
//! that bcachefs writes is under checksums of trees and journal: `fakeroot` shows the tool others while it reads, and
//! what became of them is compared. The tool takes seeds and identities of devices from the operating system, so that
//! no two runs give the same bytes.

mod owners;

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::ExitStatus;

use nix::sys::signal::Signal;
use rustix::fs::{AtFlags, CWD, FsWord, Timespec, Timestamps, statfs, utimensat};

use super::arguments::{Allowed, passed_on};
use super::staging::{Links, Staging, stage};
use super::{ExternalError, Options};
use crate::command::{CommandError, Program};
use crate::error::IoError;
use crate::progress::Step;
use crate::tree::{Kind, Node, Tree};
use crate::units::ByteSize;
use crate::volume::Block;

/// Bytes of a block, said to the tool so that the host's file system does not decide.
const BLOCK: u64 = 4096;

/// Superblocks, the journal, and a node for each tree.
const OVERHEAD: ByteSize = ByteSize::mib(64);

/// A node of a tree, most of which are half empty, has keys of an inode, its name and its extents.
const KEYS: u64 = 1024;

/// Files are in extents of this size, each with a key.
const EXTENT: u64 = 64 << 10;

/// Bytes of the key of an extent, its checksum and what leads back to it.
const EXTENT_KEYS: u64 = 256;

/// What `bcachefs format` makes in each root.
const LOST_AND_FOUND: &[u8] = b"lost+found";

/// How often the tool is run until it ends well.
const ATTEMPTS: usize = 6;

/// Of `<linux/magic.h>`.
const TMPFS_MAGIC: FsWord = 0x0102_1994;

/// See [`super::measure`].
pub(super) fn measure(tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    check(tree)?;
    if !tree.is_empty() {
        fakeroot().check_installed()?;
    }
    let content = tree.nodes().map(|(_, node)| node_bytes(node)).fold(free.bytes(), u64::saturating_add);
    // 8 parts in a hundred are kept back for moving what is there.
    Ok(ByteSize(content.saturating_add(content / 8).saturating_add(OVERHEAD.bytes())).round_up(1 << 20))
}

fn node_bytes(node: &Node) -> u64 {
    let Kind::File(content) = &node.kind else { return KEYS };
    let data = content.len().next_multiple_of(BLOCK);
    KEYS + data + data.div_ceil(EXTENT) * EXTENT_KEYS
}

/// Fails when `tree` holds what cannot be carried.
fn check(tree: &Tree) -> Result<(), ExternalError> {
    let refused = |path: &[u8], why: &str| Err(ExternalError::unsupported(path, why));
    let root = &tree.node(Tree::ROOT).metadata;
    if (root.permissions, root.uid, root.gid) != (0o755, 0, 0) {
        return refused(
            b"",
            "has other owners or permissions than 0:0 and 0755, which bcachefs gives its root",
        );
    }
    for (path, id) in std::iter::once((Vec::new(), Tree::ROOT)).chain(tree.walk()) {
        let node = tree.node(id);
        if !node.metadata.xattrs.is_empty() {
            return refused(&path, "has extended attributes, which are not passed to bcachefs");
        }
        if matches!(node.kind, Kind::CharDevice(_) | Kind::BlockDevice(_)) {
            return refused(&path, "is a device, which is not passed to bcachefs");
        }
        if path == LOST_AND_FOUND {
            return refused(&path, "has the name of a folder that bcachefs format makes itself");
        }
    }
    Ok(())
}

/// What may be asked of `bcachefs format`.
pub(super) const ARGUMENTS: Allowed = Allowed {
    flags: &[
        "-f",
        "-q",
        "-v",
        "--acl",
        "--discard",
        "--force",
        "--grpquota",
        "--inodes_32bit",
        "--journal_transaction_names",
        "--nocow",
        "--prjquota",
        "--quiet",
        "--usrquota",
        "--verbose",
        "--wide_macs",
    ],
    values: &[
        "-L",
        "-U",
        "-l",
        "--background_compression",
        "--block_size",
        "--btree_node_size",
        "--bucket",
        "--compression",
        "--data_allowed",
        "--data_checksum",
        "--data_replicas",
        "--durability",
        "--encoded_extent_max",
        "--errors",
        "--fs_label",
        "--gc_reserve_bytes",
        "--gc_reserve_percent",
        "--label",
        "--metadata_checksum",
        "--metadata_replicas",
        "--replicas",
        "--root_reserve_percent",
        "--str_hash",
        "--superblock_size",
        "--uuid",
        "--version",
    ],
    refused: &[],
};

/// Those of them that are ours to give.
const OURS: [&str; 6] = ["-f", "-q", "-v", "--force", "--quiet", "--verbose"];

fn fakeroot() -> Program {
    Program::new("fakeroot", "fakeroot")
}

fn bcachefs() -> Program {
    Program::new("bcachefs", "bcachefs-tools")
}

/// See [`super::write`].
pub(super) fn write(
    tree: &Tree,
    options: &Options,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    check(tree)?;
    let staging = Staging::new(block.len())?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    let says = |flags: &[&str]| passed.iter().any(|word| flags.contains(&word.as_str()));
    let mut format = vec!["format".to_owned(), "--quiet".to_owned(), "--force".to_owned()];
    if !says(&["-U", "--uuid"]) {
        format.push(format!("--uuid={}", options.uuid));
    }
    if !says(&["--block_size"]) {
        format.push(format!("--block_size={BLOCK}"));
    }
    format.extend(passed.iter().filter(|word| !OURS.contains(&word.as_str())).cloned());
    if tree.is_empty() {
        run(|| bcachefs().args(&format).arg(staging.image_path()), &staging)?;
        return staging.copy_to(block, step);
    }
    let folder = staging.path().join("root");
    stage(tree, &folder, Links::Kept)?;
    refuse_memory(&folder)?;
    finish_copies(tree, &folder)?;
    let database = owners::write(tree, &folder, staging.path())?;
    let program = || {
        let program = fakeroot().arg("-i").arg(&database).arg("--").arg(bcachefs().path());
        program.args(&format).arg("--source").arg(&folder).arg(staging.image_path())
    };
    run(program, &staging)?;
    owners::check(tree, &staging)?;
    staging.copy_to(block, step)
}

/// Runs `program`, and again on an empty file when it broke down: version 1.12 corrupts its heap in one of some fifteen runs,
/// when all is written and its threads end. Whoever ends well is believed.
fn run(program: impl Fn() -> Program, staging: &Staging) -> Result<(), ExternalError> {
    for _ in 1..ATTEMPTS {
        match program().run() {
            Err(CommandError::Failed { line, status, stderr }) if broke_down(status) => {
                tracing::debug!("once more: `{line}` ended with {status}: {stderr}");
                staging.clear()?;
            }
            other => return Ok(other.map(drop)?),
        }
    }
    Ok(program().run().map(drop)?)
}

/// Whether the operating system ended a program that broke its rules, told by a shell between us too.
fn broke_down(status: ExitStatus) -> bool {
    let signal = status.signal().or_else(|| status.code().map(|code| code - 128));
    let signal = signal.and_then(|number| Signal::try_from(number).ok());
    matches!(signal, Some(Signal::SIGABRT | Signal::SIGBUS | Signal::SIGSEGV))
}

/// The tool asks where the extents of files are, which a file system in memory does not say.
fn refuse_memory(folder: &Path) -> Result<(), ExternalError> {
    let of = statfs(folder).map_err(|errno| IoError::new("looking at", folder, errno.into()))?;
    if of.f_type != TMPFS_MAGIC {
        return Ok(());
    }
    let why = "it cannot read files of a folder in memory; let TMPDIR name one on a disk";
    Err(ExternalError::Result { program: "bcachefs format", why: why.to_owned() })
}

/// Gives the copies what they still lack: stand-ins for what only the list of owners says what it is, and times, which
/// come last since new names change those of a folder.
fn finish_copies(tree: &Tree, folder: &Path) -> Result<(), ExternalError> {
    let on_host = |path: &[u8]| folder.join(OsStr::from_bytes(path));
    for (path, id) in tree.walk() {
        if matches!(tree.node(id).kind, Kind::Fifo | Kind::Socket) {
            let path = on_host(&path);
            File::create_new(&path).map_err(|source| IoError::new("creating", &path, source))?;
        }
    }
    for (path, id) in tree.walk() {
        let modified = tree.node(id).metadata.modified;
        let time = Timespec { tv_sec: modified.seconds, tv_nsec: modified.nanoseconds.into() };
        let times = Timestamps { last_access: time, last_modification: time };
        let path = on_host(&path);
        utimensat(CWD, &path, &times, AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|errno| IoError::new("setting the time of", &path, errno.into()))?;
    }
    Ok(())
}
