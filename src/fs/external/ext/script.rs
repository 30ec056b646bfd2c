//! The commands for `debugfs`.
//!
//! A command stands on a line; words with other characters than letters stand in quotes, in which a quote is
//! doubled. Names are given from the directory that they are in: `cd` goes there first.

use std::collections::BTreeMap;
use std::path::Path;

use uuid::Uuid;

use super::super::ExternalError;
use super::super::staging::write_content;
use super::Journal;
use crate::tree::{Kind, Metadata, NodeId, Tree, Xattr};

/// The longest line that is read.
const LONGEST: usize = 8000;
/// The time of everything that has none of its own.
const TIME: &str = "@1";
/// `mke2fs` makes it.
const LOST_FOUND: &[u8] = b"lost+found";

/// Fails when `tree` holds what commands cannot say.
pub(super) fn check(tree: &Tree) -> Result<(), ExternalError> {
    for (path, id) in tree.walk() {
        let node = tree.node(id);
        let why = match &node.kind {
            _ if path.contains(&b'\n') => "has a line feed in its name, which debugfs cannot be told",
            _ if path.len() * 2 > LONGEST / 2 => "has a path that is too long for debugfs",
            Kind::Symlink(target) if target.contains(&b'\n') => "links to a path with a line feed",
            Kind::Socket => "is a socket, which debugfs cannot make",
            _ if !(0..=i64::from(i32::MAX)).contains(&node.metadata.modified.seconds) => {
                "has a time that an inode of ext2 cannot have"
            }
            _ => continue,
        };
        return Err(ExternalError::unsupported(&path, why));
    }
    Ok(())
}

/// The commands that fill an empty file system with `tree`, whose contents are put into `folder`.
pub(super) fn commands(
    journal: Journal,
    tree: &Tree,
    (uuid, folder): (Uuid, &Path),
) -> Result<Vec<u8>, ExternalError> {
    let mut script = Script { tree, folder, text: Vec::new(), known: BTreeMap::new(), count: 0 };
    script.line("set_current_time", &[TIME.as_bytes()]);
    for field in ["mkfs_time", "lastcheck", "wtime"] {
        script.line("ssv", &[field.as_bytes(), TIME.as_bytes()]);
    }
    // Where hashes of names begin: another number than the identity, and made of it.
    let hash_seed = Uuid::from_u128(!uuid.as_u128());
    script.line("ssv", &[b"hash_seed", hash_seed.to_string().as_bytes()]);
    let own: &[&[u8]] = match journal {
        Journal::None => &[b"<1>", b"<2>", b"<7>", b"<11>"],
        Journal::Inside => &[b"<1>", b"<2>", b"<7>", b"<8>", b"<11>"],
    };
    for inode in own {
        for field in ["atime", "ctime", "mtime", "crtime"] {
            script.line("sif", &[inode, field.as_bytes(), TIME.as_bytes()]);
        }
    }
    script.directory(Tree::ROOT, Vec::new())?;
    script.metadata(b"<2>", Tree::ROOT)?;
    let links = tree.link_counts();
    for (id, path) in std::mem::take(&mut script.known) {
        let count = links.get(id.index()).copied().unwrap_or(1);
        if count > 1 {
            script.line("sif", &[&path, b"links_count", count.to_string().as_bytes()]);
        }
    }
    Ok(script.text)
}

struct Script<'a> {
    tree: &'a Tree,
    /// Where contents go.
    folder: &'a Path,
    text: Vec<u8>,
    /// Nodes that are no directories and were made, by their paths.
    known: BTreeMap<NodeId, Vec<u8>>,
    /// Files in the folder.
    count: u64,
}

impl Script<'_> {
    fn line(&mut self, command: &str, words: &[&[u8]]) {
        self.text.extend(command.as_bytes());
        for word in words {
            self.text.extend(b" \"");
            for byte in *word {
                if *byte == b'"' {
                    self.text.push(b'"');
                }
                self.text.push(*byte);
            }
            self.text.push(b'"');
        }
        self.text.push(b'\n');
    }

    /// A new path in the folder.
    fn new_file(&mut self) -> std::path::PathBuf {
        self.count += 1;
        self.folder.join(self.count.to_string())
    }

    /// Makes what is in the directory `id`, whose path is `path` without a slash at its end.
    fn directory(&mut self, id: NodeId, path: Vec<u8>) -> Result<(), ExternalError> {
        let enter = |script: &mut Self| script.line("cd", &[if path.is_empty() { b"/" } else { &path }]);
        enter(self);
        let mut folders = Vec::new();
        for (name, id) in self.tree.entries(id) {
            let name = name.as_bytes();
            let here = [b"./", name].concat();
            let full = [&path, b"/".as_slice(), name].concat();
            if let Some(first) = self.known.get(&id) {
                let first = first.clone();
                self.line("ln", &[&first, name]);
                continue;
            }
            if let Kind::Directory(_) = self.tree.node(id).kind {
                if !(path.is_empty() && name == LOST_FOUND) {
                    self.line("mkdir", &[name]);
                }
                folders.push((id, full));
                continue;
            }
            self.node(name, id)?;
            self.known.insert(id, full);
            self.metadata(&here, id)?;
        }
        for (id, full) in folders {
            self.directory(id, full.clone())?;
            self.metadata(&full, id)?;
        }
        Ok(())
    }

    /// Makes a node that is no directory in the current one.
    fn node(&mut self, name: &[u8], id: NodeId) -> Result<(), ExternalError> {
        let device = |kind: &'static [u8], device: &crate::tree::DeviceNumber| {
            (kind, device.major.to_string(), device.minor.to_string())
        };
        let (kind, major, minor) = match &self.tree.node(id).kind {
            Kind::File(content) => {
                let file = self.new_file();
                write_content(content, &file)?;
                self.line("write", &[file.as_os_str().as_encoded_bytes(), name]);
                return Ok(());
            }
            Kind::Symlink(target) => {
                let target = target.clone();
                self.line("symlink", &[name, &target]);
                return Ok(());
            }
            Kind::Fifo => {
                self.line("mknod", &[name, b"p"]);
                return Ok(());
            }
            Kind::CharDevice(number) => device(b"c", number),
            Kind::BlockDevice(number) => device(b"b", number),
            // Sockets were refused, and directories are made elsewhere.
            Kind::Socket | Kind::Directory(_) => return Ok(()),
        };
        self.line("mknod", &[name, kind, major.as_bytes(), minor.as_bytes()]);
        Ok(())
    }

    /// Sets owner, mode, times and attributes of the node at `place`.
    fn metadata(&mut self, place: &[u8], id: NodeId) -> Result<(), ExternalError> {
        let node = self.tree.node(id);
        let Metadata { uid, gid, modified, xattrs, .. } = &node.metadata;
        let nanoseconds = u64::from(modified.nanoseconds) << 2;
        for (field, value) in [
            ("mode", format!("0{:o}", node.mode())),
            ("uid", uid.to_string()),
            ("gid", gid.to_string()),
            ("mtime", format!("@{}", modified.seconds)),
            ("mtime_extra", nanoseconds.to_string()),
        ] {
            self.line("sif", &[place, field.as_bytes(), value.as_bytes()]);
        }
        for Xattr { name, value } in xattrs {
            let file = self.new_file();
            let content = crate::tree::Content::from(value.clone());
            write_content(&content, &file)?;
            self.line("ea_set", &[b"-f", file.as_os_str().as_encoded_bytes(), place, name]);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::{Content, Name, Node};

    fn text(tree: &Tree) -> String {
        let folder = tempfile::tempdir().unwrap();
        let uuid = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
        let text = commands(Journal::None, tree, (uuid, folder.path())).unwrap();
        String::from_utf8(text).unwrap().replace(folder.path().to_str().unwrap(), "DIR")
    }

    #[test]
    fn names_stand_in_quotes_from_their_directory() {
        let mut tree = Tree::new(Metadata::root(0o755));
        let folder = tree.make_directories("a \"b\"", &Metadata::root(0o700)).unwrap();
        let file = Node { metadata: Metadata::root(0o644), kind: Kind::File(Content::from(b"x".to_vec())) };
        let id = tree.add(folder, Name::new(b"<12>").unwrap(), file).unwrap();
        tree.link(folder, Name::new(b"second").unwrap(), id).unwrap();
        let text = text(&tree);
        for line in [
            "mkdir \"a \"\"b\"\"\"\n",
            "cd \"/a \"\"b\"\"\"\nwrite \"DIR/1\" \"<12>\"\nsif \"./<12>\" \"mode\" \"0100644\"\n",
            "ln \"/a \"\"b\"\"/<12>\" \"second\"\n",
            "sif \"/a \"\"b\"\"/<12>\" \"links_count\" \"2\"\n",
            "sif \"/a \"\"b\"\"\" \"mode\" \"040700\"\n",
        ] {
            assert!(text.contains(line), "no `{line}` in\n{text}");
        }
    }
}
