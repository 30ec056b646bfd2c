//! What a tree needs on a FAT volume, whatever the volume's type and cluster size.

use std::collections::HashMap;

use super::error::FatError;
use super::format::{ENTRY_LEN, SLOTS_MAX};
use super::name::{self, ShortName};
use super::options::Options;
use super::short_name::ShortNames;
use crate::tree::{Kind as NodeKind, Name, NodeId, Tree};
use crate::units::{ByteSize, u64_of};

/// The largest file, in bytes: sizes are 32 bits.
const FILE_MAX: u64 = 0xffff_ffff;

/// What an entry of a directory leads to, by its position in [`Survey`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    /// A directory.
    Directory(usize),
    /// A file.
    File(usize),
}

/// An entry of a directory.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    /// Its short name.
    pub(super) short: ShortName,
    /// Its name, where the short one does not say it all.
    pub(super) long: Option<Vec<u16>>,
    /// What it leads to.
    pub(super) target: Target,
}

/// A directory.
#[derive(Clone, Debug)]
pub(super) struct Directory {
    /// The node.
    pub(super) node: NodeId,
    /// The directory it is in; the root is in itself.
    pub(super) parent: usize,
    /// Path from the root, empty for the root.
    pub(super) path: String,
    /// What is in it, in the order of the names.
    pub(super) entries: Vec<Entry>,
    /// How many entries of 32 bytes it has on the volume.
    pub(super) slots: u64,
}

impl Directory {
    /// Its size in bytes.
    pub(super) const fn len(&self) -> u64 {
        self.slots * ENTRY_LEN
    }
}

/// A file; a hard link is one for each of its names.
#[derive(Clone, Debug)]
pub(super) struct File {
    /// The node.
    pub(super) node: NodeId,
    /// Path from the root.
    pub(super) path: String,
    /// Its size in bytes.
    pub(super) len: u32,
}

/// Everything in a tree, checked.
#[derive(Clone, Debug)]
pub(super) struct Survey {
    /// All directories, each before those in it; the first is the root.
    pub(super) directories: Vec<Directory>,
    /// All files, in the order of the directories and of the names in them.
    pub(super) files: Vec<File>,
}

impl Survey {
    /// Looks at all of `tree` and refuses what FAT cannot hold.
    pub(super) fn new(tree: &Tree, options: &Options) -> Result<Self, FatError> {
        let root = Directory {
            node: Tree::ROOT,
            parent: 0,
            path: String::new(),
            entries: Vec::new(),
            slots: u64::from(options.label.is_some()),
        };
        let mut survey = Self { directories: vec![root], files: Vec::new() };
        let mut index = 0;
        while index < survey.directories.len() {
            survey.enter(tree, index)?;
            index += 1;
        }
        Ok(survey)
    }

    /// Bytes of all files.
    pub(super) fn data(&self) -> ByteSize {
        ByteSize(self.files.iter().map(|file| u64::from(file.len)).sum())
    }

    /// Fills in the entries of directory `index`, and appends what they lead to.
    fn enter(&mut self, tree: &Tree, index: usize) -> Result<(), FatError> {
        let (node, path) = (self.directories[index].node, self.directories[index].path.clone());
        let too_large = |slots| FatError::DirectoryTooLarge { path: path.clone(), slots };
        let count = u64_of(tree.entries(node).count());
        if count > SLOTS_MAX {
            return Err(too_large(count));
        }
        let names = check_names(tree, node, &path)?;
        let mut short_names = ShortNames::default();
        let exact: Vec<_> = names.iter().map(|name| short_names.take_exact(name)).collect();
        let mut entries = Vec::with_capacity(names.len());
        let mut slots = self.directories[index].slots;
        for ((name, exact), (_, child)) in names.into_iter().zip(exact).zip(tree.entries(node)) {
            let short = exact.or_else(|| short_names.generate(name));
            let short = short.ok_or_else(|| too_large(count))?;
            let long: Option<Vec<u16>> =
                ShortName::exactly(name).is_none().then(|| name.encode_utf16().collect());
            slots += 1 + u64_of(name::long_entries(long.as_ref().map_or(0, Vec::len)));
            let target = self.append(tree, child, index, join(&path, name))?;
            entries.push(Entry { short, long, target });
        }
        if slots > SLOTS_MAX {
            return Err(too_large(slots));
        }
        let directory = &mut self.directories[index];
        directory.entries = entries;
        directory.slots = slots;
        Ok(())
    }

    /// Appends the node `child` of directory `parent`.
    fn append(
        &mut self,
        tree: &Tree,
        child: NodeId,
        parent: usize,
        path: String,
    ) -> Result<Target, FatError> {
        let what = match &tree.node(child).kind {
            NodeKind::Directory(_) => {
                // The entries of a directory for itself and the one above.
                let directory = Directory { node: child, parent, path, entries: Vec::new(), slots: 2 };
                self.directories.push(directory);
                return Ok(Target::Directory(self.directories.len() - 1));
            }
            NodeKind::File(content) => {
                let len = content.len();
                let Ok(len) = u32::try_from(len.min(FILE_MAX + 1)) else {
                    return Err(FatError::FileTooLarge { path, len: ByteSize(len) });
                };
                self.files.push(File { node: child, path, len });
                return Ok(Target::File(self.files.len() - 1));
            }
            NodeKind::Symlink(_) => "symbolic link",
            NodeKind::CharDevice(_) => "character device",
            NodeKind::BlockDevice(_) => "block device",
            NodeKind::Fifo => "named pipe",
            NodeKind::Socket => "socket",
        };
        Err(FatError::Unsupported { path, what })
    }
}

/// The names in directory `node`, all of which FAT can hold and none twice.
fn check_names<'a>(tree: &'a Tree, node: NodeId, path: &str) -> Result<Vec<&'a str>, FatError> {
    let full = |name: &Name| join(path, &String::from_utf8_lossy(name.as_bytes()));
    let mut names = Vec::new();
    let mut folded: HashMap<String, &str> = HashMap::new();
    for (name, _) in tree.entries(node) {
        let text = name::check(name.as_bytes()).map_err(|why| FatError::Name { path: full(name), why })?;
        if let Some(first) = folded.insert(name::fold(text), text) {
            return Err(FatError::SameName { first: join(path, first), second: full(name) });
        }
        names.push(text);
    }
    Ok(names)
}

fn join(folder: &str, name: &str) -> String {
    if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") }
}
