//! Reading a volume and judging it: what `inspect` shows, and what finds our own mistakes.

use std::collections::BTreeSet;
use std::fmt;

use super::chain::{Chains, Next};
use super::directory::{DirectoryEntry, parse as parse_directory};
use super::format::{
    ATTRIBUTE_DIRECTORY, ATTRIBUTE_LABEL, BACKUP_SECTOR, ENTRY_LEN, FS_INFO_SECTOR, FsInfo, SLOTS_MAX,
};
use super::geometry::{Cluster, Geometry};
use super::kind::Kind;
use super::label::VolumeLabel;
use super::name::{self, ShortName};
use super::superblock::Superblock;
use crate::timestamp::Timestamp;
use crate::tree::{Content, Metadata, Name, Node, Tree, TreeError};
use crate::units::{ByteRange, ByteSize, u64_of, usize_of};
use crate::volume::{Block, BlockError};
use zerocopy::FromBytes;

/// Why a volume cannot be read at all.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Reading failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The first sector is not a FAT boot sector.
    #[error("there is no FAT volume: {0}")]
    None(&'static str),
    /// It is one, and says what cannot be.
    #[error("the FAT volume's boot sector is wrong: {0}")]
    BootSector(&'static str),
}

/// What can be wrong with a volume that is readable.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The copy of the boot sector is another one.
    #[error("the backup boot sector differs from the boot sector")]
    BackupDiffers,
    /// FSInfo or its copy is not there.
    #[error("sector {sector} has no FSInfo signatures")]
    FsInfo {
        /// The sector.
        sector: u16,
    },
    /// FSInfo counts other free clusters than there are.
    #[error("FSInfo says that {stored} clusters are free; {counted} are")]
    FreeCount {
        /// What FSInfo says.
        stored: u32,
        /// What the table says.
        counted: u32,
    },
    /// The two copies of the table differ.
    #[error("the two tables differ")]
    TablesDiffer,
    /// The first two entries of the table are not those of a clean volume.
    #[error("the table's first entries are {first:#x} and {second:#x}")]
    FirstEntries {
        /// Entry 0.
        first: u32,
        /// Entry 1.
        second: u32,
    },
    /// A chain leads to where no cluster can be.
    #[error("the clusters of `{path}` lead to {entry:#x}, which is no cluster in use")]
    Chain {
        /// Whose chain.
        path: String,
        /// Where it leads.
        entry: u32,
    },
    /// Two chains have one cluster, or a chain leads in a circle.
    #[error("cluster {cluster} of `{path}` belongs to something else already")]
    Shared {
        /// Whose chain came second.
        path: String,
        /// The cluster.
        cluster: u32,
    },
    /// A file's size and its clusters do not agree.
    #[error("`{path}` has {len} bytes and {clusters} clusters")]
    Length {
        /// Which file.
        path: String,
        /// Its size.
        len: u32,
        /// Its clusters.
        clusters: u64,
    },
    /// Parts of a long name that belong to no short one, or not to theirs.
    #[error("a long name in `{folder}` is not whole")]
    LongName {
        /// The directory.
        folder: String,
    },
    /// A name that nothing can have.
    #[error("`{path}` cannot be a name: {why}")]
    Name {
        /// The path, the name escaped.
        path: String,
        /// Which rule it breaks.
        why: &'static str,
    },
    /// Two entries have one name.
    #[error("`{path}` is there twice")]
    SameName {
        /// The name's path.
        path: String,
    },
    /// The entries of a directory for itself and the one above are not right.
    #[error("the `.` or `..` of `{path}` is wrong")]
    DotEntries {
        /// The directory.
        path: String,
    },
    /// A directory is longer than any can be.
    #[error("directory `{path}` has more than 2 MiB")]
    DirectoryTooLarge {
        /// The directory.
        path: String,
    },
    /// Clusters are in use and belong to nothing.
    #[error("{clusters} clusters are in use by nothing")]
    Lost {
        /// How many.
        clusters: u32,
    },
    /// Boot sector and root directory have different labels.
    #[error("the boot sector's label is not the root directory's")]
    Label,
}

/// What an item is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ItemKind {
    /// It holds others.
    Directory,
    /// It holds bytes.
    File,
}

/// A file or directory of a volume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Path from the root, parts separated by `/`.
    pub path: String,
    /// The short name.
    pub short_name: String,
    /// Whether it is a directory.
    pub kind: ItemKind,
    /// Bytes of a file; 0 for a directory.
    pub len: u32,
    /// Time of the last change; `None` where none is stored.
    pub modified: Option<Timestamp>,
    /// Where its bytes are on the Block, in order: whole clusters, neighbours joined.
    pub extents: Vec<ByteRange>,
}

/// A volume that was read.
pub struct Volume<'a> {
    block: &'a (dyn Block + 'a),
    geometry: Geometry,
    /// Its name.
    pub label: Option<VolumeLabel>,
    /// Its serial number.
    pub serial: u32,
    /// How many clusters are free.
    pub free_clusters: u32,
    /// Everything on it, each directory before what is in it.
    pub items: Vec<Item>,
    /// What is wrong; empty for what [`write`](super::write()) makes.
    pub problems: Vec<Problem>,
}

/// Reads the volume that fills `block`, or the beginning of it, and checks all of its metadata.
pub fn read(block: &dyn Block) -> Result<Volume<'_>, ReadError> {
    let superblock = Superblock::read(block)?;
    let geometry = superblock.geometry;
    let [first, second] = geometry.fat_offsets();
    let chains = Chains::read(block, &geometry, first)?;
    let mut problems = Vec::new();
    if !chains.equals(&Chains::read(block, &geometry, second)?) {
        problems.push(Problem::TablesDiffer);
    }
    let in_use = vec![false; usize_of(u64::from(geometry.clusters))];
    let mut reader = Reader { block, geometry, chains, in_use, items: Vec::new(), problems, label: None };
    reader.check_first_entries();
    reader.walk(superblock.root_cluster)?;
    let free_clusters = reader.count_free();
    if geometry.shape.kind == Kind::Fat32 {
        reader.check_copies(free_clusters)?;
    }
    let Reader { items, mut problems, label, .. } = reader;
    // Other programs name only one of the two places.
    if label.is_some() && superblock.label.is_some() && label != superblock.label {
        problems.push(Problem::Label);
    }
    let label = label.or(superblock.label);
    Ok(Volume { block, geometry, label, serial: superblock.serial, free_clusters, items, problems })
}

struct Reader<'a> {
    block: &'a dyn Block,
    geometry: Geometry,
    chains: Chains,
    /// For each cluster whether it belongs to something.
    in_use: Vec<bool>,
    items: Vec<Item>,
    problems: Vec<Problem>,
    label: Option<VolumeLabel>,
}

/// A directory that is to be read.
struct Pending {
    path: String,
    /// As entries give it: 0 for the root.
    cluster: u32,
    /// The same of the directory above.
    above: u32,
    extents: Vec<ByteRange>,
}

impl Reader<'_> {
    fn check_first_entries(&mut self) {
        let (first, second) = (self.chains.get(0), self.chains.get(1));
        let mask = self.geometry.shape.kind.mask();
        // The two highest bits of the second say "unmounted" and "without errors"; both types of end mark occur.
        if first & 0xff < 0xf0 || first | 0xff != mask || second < mask - 7 {
            self.problems.push(Problem::FirstEntries { first, second });
        }
    }

    fn walk(&mut self, root_cluster: Option<u32>) -> Result<(), BlockError> {
        let extents = match root_cluster {
            Some(cluster) => self.follow(cluster, "").0,
            None => {
                let (start, end) = (self.geometry.root_offset(), self.geometry.data_offset());
                ByteRange::new(start, end - start).into_iter().collect()
            }
        };
        let mut pending = vec![Pending { path: String::new(), cluster: 0, above: 0, extents }];
        while let Some(directory) = pending.pop() {
            let first_child = pending.len();
            self.enter(&directory, &mut pending)?;
            // The last one pushed is popped first: the order of the entries is kept.
            pending[first_child..].reverse();
        }
        Ok(())
    }

    /// Reads the entries of `directory`; those that are directories are added to `pending`.
    fn enter(&mut self, directory: &Pending, pending: &mut Vec<Pending>) -> Result<(), BlockError> {
        let len: u64 = directory.extents.iter().map(|extent| extent.len()).sum();
        if len > SLOTS_MAX * ENTRY_LEN {
            self.problems.push(Problem::DirectoryTooLarge { path: directory.path.clone() });
            return Ok(());
        }
        let bytes = read_extents(self.block, &directory.extents, len)?;
        let parsed = parse_directory(&bytes);
        if parsed.broken_long_names {
            self.problems.push(Problem::LongName { folder: directory.path.clone() });
        }
        let is_root = directory.path.is_empty();
        let mut names = BTreeSet::new();
        let mut dots = Vec::new();
        for entry in &parsed.entries {
            if entry.attributes & ATTRIBUTE_LABEL != 0 {
                self.label = self.label.or_else(|| VolumeLabel::from_padded(entry.short.bytes));
            } else if [ShortName::DOT.bytes, ShortName::DOT_DOT.bytes].contains(&entry.short.bytes) {
                dots.push((entry.short.bytes[1] == b'.', entry.cluster));
            } else {
                self.add(directory, entry, &mut names, pending);
            }
        }
        let expected: &[_] = &[(false, directory.cluster), (true, directory.above)];
        if dots != if is_root { &[] } else { expected } {
            self.problems.push(Problem::DotEntries { path: directory.path.clone() });
        }
        Ok(())
    }

    fn add(
        &mut self,
        directory: &Pending,
        entry: &DirectoryEntry,
        names: &mut BTreeSet<String>,
        pending: &mut Vec<Pending>,
    ) {
        let text = entry.name();
        let path =
            if directory.path.is_empty() { text.clone() } else { format!("{}/{text}", directory.path) };
        let name = Name::new(text.as_bytes()).map_err(|_| "no file can have it");
        if let Err(why) = name.and_then(|name| name::check(name.as_bytes()).map(|_| ())) {
            self.problems.push(Problem::Name { path: path.escape_debug().to_string(), why });
            return;
        }
        if !names.insert(name::fold(&text)) {
            self.problems.push(Problem::SameName { path });
            return;
        }
        let (extents, clusters) = match entry.cluster {
            0 => (Vec::new(), 0),
            cluster => self.follow(cluster, &path),
        };
        let is_directory = entry.attributes & ATTRIBUTE_DIRECTORY != 0;
        let expected = self.geometry.shape.clusters_for(entry.size.into());
        let wrong = if is_directory { entry.size != 0 || clusters == 0 } else { clusters != expected };
        if wrong {
            self.problems.push(Problem::Length { path: path.clone(), len: entry.size, clusters });
        }
        let kind = if is_directory { ItemKind::Directory } else { ItemKind::File };
        let short_name = entry.short.to_string();
        let modified = entry.modified.timestamp();
        self.items.push(Item {
            path: path.clone(),
            short_name,
            kind,
            len: if is_directory { 0 } else { entry.size },
            modified,
            extents: extents.clone(),
        });
        if is_directory {
            pending.push(Pending { path, cluster: entry.cluster, above: directory.cluster, extents });
        }
    }

    /// The extents of the chain that starts with `cluster`, and how many clusters it has. Ends early
    /// where the chain is broken or runs into another one.
    fn follow(&mut self, cluster: u32, path: &str) -> (Vec<ByteRange>, u64) {
        let mut extents: Vec<ByteRange> = Vec::new();
        let (mut clusters, mut entry) = (0, cluster);
        loop {
            let Some(range) = self.geometry.cluster_range(Cluster(entry)) else {
                self.problems.push(Problem::Chain { path: path.to_owned(), entry });
                break;
            };
            let in_use = self.in_use.get_mut(usize_of(u64::from(entry) - 2));
            if in_use.is_some_and(|in_use| std::mem::replace(in_use, true)) {
                self.problems.push(Problem::Shared { path: path.to_owned(), cluster: entry });
                break;
            }
            clusters += 1;
            match extents.last().filter(|last| last.end() == range.start()) {
                Some(last) => {
                    let joined = ByteRange::new(last.start(), last.len() + range.len());
                    extents.pop();
                    extents.extend(joined);
                }
                None => extents.push(range),
            }
            match Next::of(self.chains.get(entry), &self.geometry) {
                Next::Cluster(next) => entry = next,
                Next::End => break,
                Next::Free => {
                    self.problems.push(Problem::Chain { path: path.to_owned(), entry: 0 });
                    break;
                }
                Next::Bad(entry) => {
                    self.problems.push(Problem::Chain { path: path.to_owned(), entry });
                    break;
                }
            }
        }
        (extents, clusters)
    }

    /// Counts the free clusters, and those that are not free and belong to nothing.
    fn count_free(&mut self) -> u32 {
        let (mut free, mut lost) = (0, 0);
        for (number, in_use) in (2..).zip(&self.in_use) {
            match Next::of(self.chains.get(number), &self.geometry) {
                Next::Free => free += 1,
                Next::Bad(entry) if entry == self.geometry.shape.kind.mask() - 8 => {}
                _ if *in_use => {}
                _ => lost += 1,
            }
        }
        if lost > 0 {
            self.problems.push(Problem::Lost { clusters: lost });
        }
        free
    }

    /// Compares FSInfo and the copies of the boot sectors.
    fn check_copies(&mut self, counted: u32) -> Result<(), BlockError> {
        let boot = self.sector(0)?;
        if self.sector(BACKUP_SECTOR)? != boot {
            self.problems.push(Problem::BackupDiffers);
        }
        for sector in [FS_INFO_SECTOR, BACKUP_SECTOR + FS_INFO_SECTOR] {
            match FsInfo::read_from_bytes(&self.sector(sector)?) {
                // The copy is not kept up to date by anybody: its count means nothing.
                Ok(info) if info.is_signed() => {
                    let stored = info.free_count.get();
                    if sector == FS_INFO_SECTOR && stored != counted && stored != u32::MAX {
                        self.problems.push(Problem::FreeCount { stored, counted });
                    }
                }
                _ => self.problems.push(Problem::FsInfo { sector }),
            }
        }
        Ok(())
    }

    /// The first 512 bytes of a sector before the tables.
    fn sector(&self, number: u16) -> Result<[u8; 512], BlockError> {
        let mut bytes = [0; 512];
        self.block.read_at(&mut bytes, u64::from(number) * self.geometry.shape.sector_size.bytes())?;
        Ok(bytes)
    }
}

/// The first `len` bytes of `extents`.
fn read_extents(block: &dyn Block, extents: &[ByteRange], len: u64) -> Result<Vec<u8>, BlockError> {
    let mut bytes = vec![0; usize_of(len)];
    let mut done = 0;
    for extent in extents {
        let part = usize_of(extent.len().min(len - u64_of(done)));
        block.read_at(&mut bytes[done..done + part], extent.start())?;
        done += part;
    }
    Ok(bytes)
}

impl fmt::Debug for Volume<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Volume<'_> {
    /// The type of the volume.
    pub fn kind(&self) -> Kind {
        self.geometry.shape.kind
    }

    /// Bytes of a cluster.
    pub fn cluster_size(&self) -> ByteSize {
        ByteSize(self.geometry.shape.cluster_size)
    }

    /// Size of the volume, which may be less than its Block's.
    pub fn size(&self) -> ByteSize {
        self.geometry.size()
    }

    /// The item at `path`, in the case in which it is stored.
    pub fn find(&self, path: &str) -> Option<&Item> {
        self.items.iter().find(|item| item.path == path)
    }

    /// The bytes of a file of this volume, all in memory; zeroes where its clusters are missing.
    pub fn read(&self, item: &Item) -> Result<Vec<u8>, BlockError> {
        // A size beyond the clusters is one of the problems; it must not take memory.
        let allocated: u64 = item.extents.iter().map(|extent| extent.len()).sum();
        read_extents(self.block, &item.extents, u64::from(item.len).min(allocated))
    }

    /// The whole volume as a tree, all bytes in memory: files 0644, directories 0755, owned by root.
    pub fn tree(&self) -> Result<Tree, VolumeTreeError> {
        let mut tree = Tree::new(Metadata::root(0o755));
        for item in &self.items {
            let (permissions, kind) = match item.kind {
                ItemKind::Directory => (0o755, crate::tree::Kind::directory()),
                ItemKind::File => (0o644, crate::tree::Kind::File(Content::from(self.read(item)?))),
            };
            let modified = item.modified.unwrap_or_default();
            let metadata = Metadata { modified, ..Metadata::root(permissions) };
            tree.insert(&item.path, Node { metadata, kind }, &Metadata::root(0o755))?;
        }
        Ok(tree)
    }
}

/// Why a volume could not be made into a tree.
#[derive(Debug, thiserror::Error)]
pub enum VolumeTreeError {
    /// Reading failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// Something has no place in a tree.
    #[error(transparent)]
    Tree(#[from] TreeError),
}
