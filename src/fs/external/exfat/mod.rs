//! exFAT: an empty volume by `mkfs.exfat`, which we fill, for its tools fill none.
//!
//! mkfs takes the serial number from the clock; it is set afterwards. Names, bytes and times are all that exFAT keeps:
//! owners and permissions of a tree are dropped as on FAT, a hard link becomes a second file.

mod entries;
mod fill;
mod volume;

use std::collections::HashMap;

use super::arguments::{Allowed, passed_on};
use super::staging::Staging;
use super::{ExternalError, Options};
use crate::command::Program;
use crate::fs::fat;
use crate::progress::Step;
use crate::tree::{Content, Kind, NodeId, Tree};
use crate::units::{ByteRange, ByteSize, GIB, KIB, MIB, u64_of};
use crate::volume::Block;

/// Boot region, upcase table and the alignment of what mkfs makes.
const OVERHEAD: u64 = 8 * MIB;

/// The smallest clusters, with which every tree takes least room.
const SMALL: u64 = 4 * KIB;
/// What mkfs takes up to 32 GiB.
const MIDDLE: u64 = 32 * KIB;

/// Bytes of the longest directory ("exFAT file system specification", section 7.6.7).
const LONGEST_DIRECTORY: u64 = 256 * MIB;

/// What may be asked of mkfs.exfat.
pub(super) const ARGUMENTS: Allowed =
    Allowed { flags: &["--pack-bitmap", "-f", "-q"], values: &["-L", "-n", "-c", "-b"], refused: &[] };

/// See [`super::measure`].
pub(super) fn measure(tree: &Tree, free: ByteSize) -> Result<ByteSize, ExternalError> {
    check(tree)?;
    let data = clusters(tree, SMALL).saturating_mul(SMALL).saturating_add(free.bytes());
    Ok(ByteSize(data.saturating_add(tables(data, SMALL))).round_up(MIB))
}

/// Bytes of what is not data on a volume with `len` bytes of it: four in the FAT for each cluster, and a bit.
const fn tables(len: u64, cluster: u64) -> u64 {
    OVERHEAD + len / cluster * 5
}

/// How many clusters of `cluster` bytes `tree` takes.
fn clusters(tree: &Tree, cluster: u64) -> u64 {
    let of_node = |id: NodeId| match &tree.node(id).kind {
        Kind::File(content) => content.len().div_ceil(cluster),
        _ => entries::directory_len(tree, id).div_ceil(cluster).max(1),
    };
    tree.walk().map(|(_, id)| of_node(id)).fold(of_node(Tree::ROOT), u64::saturating_add)
}

/// Fails when `tree` holds what exFAT cannot.
fn check(tree: &Tree) -> Result<(), ExternalError> {
    let mut folded: HashMap<(Vec<u8>, String), Vec<u8>> = HashMap::new();
    for (path, id) in tree.walk() {
        let refused = |why: String| Err(ExternalError::unsupported(&path, why));
        let split = path.iter().rposition(|byte| *byte == b'/');
        let (folder, name) = split.map_or((&[][..], &path[..]), |at| (&path[..at], &path[at + 1..]));
        match fat::check_name(name) {
            Err(why) => return refused(format!("has a name that exFAT cannot hold: {why}")),
            Ok(text) => {
                if let Some(first) = folded.insert((folder.to_vec(), fat::fold_name(text)), path.clone()) {
                    let first = String::from_utf8_lossy(&first).into_owned();
                    return refused(format!("and `/{first}` are one name to exFAT, which ignores case"));
                }
            }
        }
        match &tree.node(id).kind {
            Kind::File(_) => {}
            Kind::Directory(_) if entries::directory_len(tree, id) <= LONGEST_DIRECTORY => {}
            Kind::Directory(_) => return refused("has too many entries for exFAT".to_owned()),
            _ => return refused("is a link, device, pipe or socket, which exFAT cannot hold".to_owned()),
        }
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
    let staging = Staging::new(block.len())?;
    let passed = passed_on(&options.arguments, &ARGUMENTS)?;
    // A full format would fill the file, and older tools call the label `-n`.
    let words = passed.iter().filter(|word| !["-f", "-q"].contains(&word.as_str()));
    let words = words.map(|word| if word == "-n" { "-L" } else { word.as_str() });
    let mut program = Program::new("mkfs.exfat", "exfatprogs").args(words);
    if !passed.iter().any(|word| word == "-c") {
        program = program.arg("-c").arg(cluster_size(tree, block.len()).to_string());
    }
    program.arg(staging.image_path()).run()?;
    let mut volume = volume::Volume::read(&staging)?;
    let files = fill::fill(tree, &mut volume)?;
    let (serial, _, _, _) = options.uuid.as_fields();
    volume.finish(serial)?;
    staging.copy_to(block, step)?;
    for file in files {
        if let Kind::File(content) = &tree.node(file.node).kind {
            write_file(content, file.offset, (block, step))?;
        }
    }
    Ok(())
}

/// The clusters that mkfs would take on `len` bytes; smaller ones where `tree` needs them to fit.
fn cluster_size(tree: &Tree, len: u64) -> u64 {
    let usual = match len {
        0..=0x1000_0000 => SMALL,
        _ if len <= 32 * GIB => MIDDLE,
        _ => 4 * MIDDLE,
    };
    let fits = |cluster: &u64| {
        let data = clusters(tree, *cluster).saturating_mul(*cluster);
        *cluster <= usual && data.saturating_add(tables(len, *cluster)) <= len
    };
    [usual, MIDDLE, SMALL].into_iter().find(fits).unwrap_or(SMALL)
}

/// Writes a file's bytes; holes become zeroes, for exFAT has none.
fn write_file(
    content: &Content,
    offset: u64,
    (block, step): (&dyn Block, &Step<'_>),
) -> Result<(), ExternalError> {
    let open = content.open()?;
    let end = ByteRange::new(content.len(), 0);
    let mut at = 0;
    for range in content.data_ranges().chain(end) {
        if let Some(hole) = ByteRange::new(offset + at, range.start() - at).filter(|hole| !hole.is_empty()) {
            block.zero_range(hole)?;
        }
        if !range.is_empty() {
            open.copy_to(range, block, offset + range.start())?;
        }
        at = range.end();
    }
    step.advance(content.len());
    Ok(())
}

/// The error for what mkfs made otherwise than it should, or too small.
fn wrong(why: impl Into<String>) -> ExternalError {
    ExternalError::Result { program: "mkfs.exfat", why: why.into() }
}

/// How many units of UTF-16 `name` has.
fn units(name: &str) -> u64 {
    u64_of(name.encode_utf16().count())
}
