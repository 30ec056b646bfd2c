//! Where everything goes.

use crate::directory::{self, Directory, Extent, Places};
use crate::error::PlanError;
use crate::format::DESCRIPTORS;
use crate::identifier::Identifiers;
use crate::options::Options;
use crate::tree::{Kind, NodeId, Tree, shown};
use crate::units::{BLOCK, Lba, u64_of};

/// Block of the boot catalog: behind the three descriptors. It is there even when nothing boots.
pub(crate) const CATALOG: u32 = DESCRIPTORS + 3;

/// Where a boot image begins is a multiple of this, as partitions do.
const ALIGNMENT: u64 = 1 << 20;

/// Blocks behind everything else. Drives of old read ahead of what they were asked for and failed at the
/// end of a disc, so every writer leaves 300 KiB; a backup partition table takes the last 17 of them.
const TAIL: u64 = 150;

/// Directories that a path table can number.
const DIRECTORIES_MAX: usize = 65_535;

/// A medium with every place decided.
#[derive(Clone, Debug)]
pub struct Plan {
    pub(crate) tree: Tree,
    pub(crate) options: Options,
    /// In the order of the path table; the first is the root.
    pub(crate) directories: Vec<Directory>,
    /// Bytes of a path table.
    pub(crate) path_table_len: u64,
    /// Records of each directory, whole blocks.
    records: Vec<Extent>,
    /// By node: position of the directory, or first byte of the file.
    numbers: Vec<usize>,
    offsets: Vec<u64>,
    /// First byte behind the directories.
    data: u64,
    /// First byte behind the files.
    end_of_files: u64,
}

impl Plan {
    /// Decides where everything of `tree` goes.
    ///
    /// # Errors
    ///
    /// When there is too much of something for the format.
    pub fn new(tree: Tree, options: Options) -> Result<Self, PlanError> {
        let (directories, numbers) = directories(&tree)?;
        let path_table_len =
            directories.iter().map(|directory| path_record_len(directory.identifier.len())).sum();
        let nodes = tree.nodes.len();
        let mut plan = Self {
            tree,
            options,
            records: vec![Extent::default(); directories.len()],
            directories,
            path_table_len,
            numbers,
            offsets: vec![0; nodes],
            data: 0,
            end_of_files: 0,
        };
        plan.place_directories()?;
        plan.place_files();
        let last = plan.image_len().div_ceil(BLOCK);
        if u32::try_from(last).is_err() {
            return Err(PlanError::TooLarge { len: plan.image_len() });
        }
        Ok(plan)
    }

    /// Bytes of the whole image.
    pub fn image_len(&self) -> u64 {
        let end = self.boot_image().map_or(self.end_of_files, |(offset, len)| offset + len);
        (end.div_ceil(BLOCK) + TAIL) * BLOCK
    }

    /// First byte of `file`, which is one of the tree's.
    pub fn offset(&self, file: NodeId) -> u64 {
        self.offsets[file.index()]
    }

    /// First byte of the boot image and its length.
    pub fn boot_image(&self) -> Option<(u64, u64)> {
        self.options.boot_image.map(|len| (self.end_of_files.next_multiple_of(ALIGNMENT), len))
    }

    /// Says that `file` has only `len` bytes. What comes after it (files added later, the boot image) moves
    /// to where it ends, so this is to be said before that is written.
    ///
    /// A length over the planned one changes nothing.
    pub fn shorten(&mut self, file: NodeId, len: u64) {
        if let Kind::File(planned) = &mut self.tree.nodes[file.index()].kind {
            *planned = (*planned).min(len);
            self.place_files();
        }
    }

    /// Block of the path table with big-endian numbers; the other begins behind the catalog.
    pub(crate) fn path_table_m(&self) -> Lba {
        Lba(Self::PATH_TABLE_L.0.saturating_add(self.path_table_blocks()))
    }

    /// Block of the path table with little-endian numbers.
    pub(crate) const PATH_TABLE_L: Lba = Lba(CATALOG + 1);

    fn path_table_blocks(&self) -> u32 {
        // At most 65535 records of 40 bytes.
        u32::try_from(self.path_table_len.div_ceil(BLOCK)).unwrap_or(u32::MAX)
    }

    /// The records of directories do not get longer by places, but by parts of files: those are at their
    /// largest now.
    fn place_directories(&mut self) -> Result<(), PlanError> {
        let first = self.path_table_m().0.saturating_add(self.path_table_blocks());
        let mut offset = Lba(first).offset();
        for index in 0..self.directories.len() {
            let rendered = directory::render(&self.tree, &self.directories, index, self);
            let start = Lba::at(offset).ok_or(PlanError::TooLarge { len: offset })?;
            self.records[index] = Extent { start, len: u64_of(rendered.records.len()) };
            offset += u64_of(rendered.records.len() + rendered.continuation.len());
        }
        self.data = offset;
        Ok(())
    }

    fn place_files(&mut self) {
        let mut offset = self.data;
        for (node, place) in self.tree.nodes.iter().zip(&mut self.offsets) {
            if let Kind::File(len) = &node.kind {
                *place = offset;
                offset = offset.saturating_add(len.next_multiple_of(BLOCK));
            }
        }
        self.end_of_files = offset;
    }
}

impl Places for Plan {
    fn directory(&self, index: usize) -> Extent {
        self.records[index]
    }

    fn index(&self, node: NodeId) -> usize {
        self.numbers[node.index()]
    }

    fn file(&self, node: NodeId) -> Extent {
        let len = if let Kind::File(len) = self.tree.nodes[node.index()].kind { len } else { 0 };
        // The whole image has been seen to have fewer than 2^32 blocks.
        Extent { start: Lba::at(self.offset(node)).unwrap_or_default(), len }
    }
}

/// Bytes of a record of the path table (ECMA-119, 9.4).
pub(crate) const fn path_record_len(identifier: usize) -> u64 {
    u64_of(8 + identifier + identifier % 2)
}

/// The directories in the order of the path table (6.9.1): by level, then by the number of the one above,
/// then by identifier. And by node, the position of each.
fn directories(tree: &Tree) -> Result<(Vec<Directory>, Vec<usize>), PlanError> {
    let mut numbers = vec![0; tree.nodes.len()];
    let mut directories = vec![Directory {
        node: Tree::ROOT,
        parent: 0,
        // The identifier of a root is one zero.
        identifier: vec![0],
        entries: Vec::new(),
        folders: 0,
    }];
    let mut index = 0;
    while index < directories.len() {
        if directories.len() > DIRECTORIES_MAX {
            return Err(PlanError::TooManyDirectories(directories.len()));
        }
        let node = directories[index].node;
        let Kind::Directory(entries) = &tree.nodes[node.index()].kind else { break };
        let mut taken = Identifiers::default();
        let mut named = Vec::with_capacity(entries.len());
        for (name, id) in entries {
            let is_folder = matches!(tree.nodes[id.index()].kind, Kind::Directory(_));
            let identifier = if is_folder { taken.directory(name) } else { taken.file(name) };
            let identifier = identifier.ok_or_else(|| PlanError::NamesAlike(shown(name)))?;
            named.push((identifier, name.clone(), *id));
        }
        named.sort();
        for (identifier, _, id) in &named {
            if matches!(tree.nodes[id.index()].kind, Kind::Directory(_)) {
                numbers[id.index()] = directories.len();
                directories[index].folders = directories[index].folders.saturating_add(1);
                directories.push(Directory {
                    node: *id,
                    parent: index,
                    identifier: identifier.bytes(),
                    entries: Vec::new(),
                    folders: 0,
                });
            }
        }
        directories[index].entries = named;
        index += 1;
    }
    Ok((directories, numbers))
}
