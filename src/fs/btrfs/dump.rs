//! A file system as text, for goldens and for `landfall inspect`.

use std::fmt::Write;
use std::sync::Arc;

use super::error::BtrfsError;
use super::read::Reader;
use crate::tree::Kind;
use crate::volume::Block;

/// What the file system is and which subvolumes it has, one line each; then the paths of each subvolume with mode, size and
/// time.
pub fn dump<B: Block + 'static>(reader: &Arc<Reader<B>>) -> Result<String, BtrfsError> {
    let mut out = String::new();
    // Writing into a String cannot fail.
    let _ = writeln!(
        out,
        "btrfs {} bytes, {} used, label {:?}, {} {}",
        reader.size().bytes(),
        reader.used().bytes(),
        reader.label(),
        reader.uuid(),
        reader.checksum()
    );
    let default = reader.default_subvolume()?;
    for subvolume in reader.subvolumes()? {
        let mark = if subvolume.number == default { " default" } else { "" };
        let _ = writeln!(out, "subvolume {} /{} {}{mark}", subvolume.number, subvolume.path, subvolume.uuid);
        let tree = reader.tree(subvolume.number)?;
        for (path, id) in tree.walk() {
            let node = tree.node(id);
            let (letter, size) = match &node.kind {
                Kind::Directory(_) => ('d', 0),
                Kind::File(content) => ('f', content.len()),
                Kind::Symlink(target) => ('l', crate::units::u64_of(target.len())),
                Kind::CharDevice(_) => ('c', 0),
                Kind::BlockDevice(_) => ('b', 0),
                Kind::Fifo => ('p', 0),
                Kind::Socket => ('s', 0),
            };
            let metadata = &node.metadata;
            let _ = writeln!(
                out,
                "  {letter} {:o} {}:{} {size} @{}.{:09} {}",
                metadata.permissions,
                metadata.uid,
                metadata.gid,
                metadata.modified.seconds,
                metadata.modified.nanoseconds,
                path.escape_ascii()
            );
        }
    }
    Ok(out)
}
