//! The protofile: every node as mkfs.xfs(8) wants it said, and the files that hold its contents.

use std::fs;
use std::io::Write;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::super::ExternalError;
use super::super::staging::write_content;
use crate::error::IoError;
use crate::tree::{Content, Kind, Metadata, NodeId, Tree};

/// What fits an inode of 512 bytes. Longer links get a block of their own, which xfsprogs 6.1 leaves without the
/// header and the checksum that a version 5 file system must have.
const LONGEST_LINK: usize = 336;

/// Fails when `tree` holds what a protofile cannot say.
pub(super) fn check(tree: &Tree) -> Result<(), ExternalError> {
    for (path, id) in tree.walk() {
        let name = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let node = tree.node(id);
        if !is_word(name) || name == b"$" {
            return Err(ExternalError::unsupported(
                &path,
                "has a name that no protofile of mkfs.xfs can hold",
            ));
        }
        if !node.metadata.xattrs.is_empty() {
            return Err(ExternalError::unsupported(
                &path,
                "has extended attributes, which mkfs.xfs cannot write",
            ));
        }
        match &node.kind {
            Kind::Symlink(target) if !is_word(target) => {
                let why = "is a link to a name that no protofile of mkfs.xfs can hold";
                return Err(ExternalError::unsupported(&path, why));
            }
            Kind::Symlink(target) if target.len() > LONGEST_LINK => {
                let why = format!(
                    "is a link of more than {LONGEST_LINK} bytes, which mkfs.xfs writes without its header"
                );
                return Err(ExternalError::unsupported(&path, why));
            }
            Kind::Socket => {
                return Err(ExternalError::unsupported(&path, "is a socket, which mkfs.xfs cannot make"));
            }
            _ => {}
        }
    }
    Ok(())
}

/// Whether mkfs.xfs reads `text` as one word: words end at white space, and a colon begins a comment.
fn is_word(text: &[u8]) -> bool {
    !text.is_empty() && text[0] != b':' && !text.iter().any(|byte| b" \t\n".contains(byte))
}

/// Writes the protofile of `tree` into `folder`, and beside it the contents that no file of the host has; gives
/// its path.
pub(super) fn write(tree: &Tree, folder: &Path) -> Result<PathBuf, ExternalError> {
    check(tree)?;
    if !is_word(folder.as_os_str().as_bytes()) {
        let why = "is where temporary files go, and no protofile of mkfs.xfs can name it; set TMPDIR";
        return Err(ExternalError::unsupported(folder.as_os_str().as_bytes(), why));
    }
    let path = folder.join("protofile");
    let files = folder.join("files");
    fs::create_dir(&files).map_err(|source| IoError::new("creating", &files, source))?;
    let mut writer = Writer { tree, files: &files, out: Vec::new(), count: 0 };
    // A name that is not read, and two numbers that once meant something.
    writer.out.extend_from_slice(b"/\n0 0\n");
    writer.head(b'd', &tree.node(Tree::ROOT).metadata);
    writer.out.push(b'\n');
    writer.directory(Tree::ROOT)?;
    let mut file = fs::File::create_new(&path).map_err(|source| IoError::new("creating", &path, source))?;
    file.write_all(&writer.out).map_err(|source| IoError::new("writing", &path, source))?;
    Ok(path)
}

struct Writer<'a> {
    tree: &'a Tree,
    files: &'a Path,
    out: Vec<u8>,
    /// Contents so far.
    count: usize,
}

impl Writer<'_> {
    /// What is in a directory, and the sign for its end.
    fn directory(&mut self, id: NodeId) -> Result<(), ExternalError> {
        for (name, id) in self.tree.entries(id) {
            let node = self.tree.node(id);
            self.out.extend_from_slice(name.as_bytes());
            self.out.push(b' ');
            match &node.kind {
                Kind::Directory(_) => {
                    self.head(b'd', &node.metadata);
                    self.out.push(b'\n');
                    self.directory(id)?;
                    continue;
                }
                Kind::File(content) => {
                    self.head(b'-', &node.metadata);
                    let source = self.source(content)?;
                    self.word(source.as_os_str().as_bytes());
                }
                Kind::Symlink(target) => {
                    self.head(b'l', &node.metadata);
                    self.word(target);
                }
                Kind::CharDevice(device) | Kind::BlockDevice(device) => {
                    let letter = if matches!(node.kind, Kind::CharDevice(_)) { b'c' } else { b'b' };
                    self.head(letter, &node.metadata);
                    self.word(format!("{} {}", device.major, device.minor).as_bytes());
                }
                // A socket was refused before.
                Kind::Fifo | Kind::Socket => self.head(b'p', &node.metadata),
            }
            self.out.push(b'\n');
        }
        self.out.extend_from_slice(b"$\n");
        Ok(())
    }

    /// Kind, permissions and owner.
    fn head(&mut self, letter: u8, metadata: &Metadata) {
        let bit = |mask: u16, letter| if metadata.permissions & mask != 0 { letter } else { b'-' };
        self.out.extend([letter, bit(0o4000, b'u'), bit(0o2000, b'g')]);
        let rest = format!("{:03o} {} {}", metadata.permissions & 0o777, metadata.uid, metadata.gid);
        self.out.extend_from_slice(rest.as_bytes());
    }

    fn word(&mut self, word: &[u8]) {
        self.out.push(b' ');
        self.out.extend_from_slice(word);
    }

    /// A path from which mkfs can read `content`, in one word.
    fn source(&mut self, content: &Content) -> Result<PathBuf, ExternalError> {
        if let Content::Host(file) = content
            && file.path.is_absolute()
            && is_word(file.path.as_os_str().as_bytes())
        {
            // Opened once, so that a file that has changed is noticed.
            content.open()?;
            return Ok(file.path.clone());
        }
        let path = self.files.join(self.count.to_string());
        self.count += 1;
        write_content(content, &path)?;
        Ok(path)
    }
}
