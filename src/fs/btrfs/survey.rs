//! Inode numbers, names and entries of a subvolume, before anything has a place.
//!
//! Everything that btrfs cannot store is found here or while items are first counted, before a byte is
//! written. A directory's entries get consecutive inodes in the order of their names, as `ls -l` and a
//! reader of the whole want them.

use std::collections::BTreeMap;
use std::ops::Range;

use super::error::{BtrfsError, Unfit};
use super::format::objectid::FIRST_FREE;
use super::format::{SECTOR, directory::file_type};
use super::overlay::{Added, Overlay};
use super::volumes::{Filling, Overwriting};
use crate::tree::{Kind, Metadata, Name, NodeId, Tree};
use crate::units::{ByteSize, u64_of};

/// The most names of an inode (`BTRFS_LINK_MAX`).
pub const LINKS_MAX: u32 = 65535;
/// Place of a directory's first entry: 0 and 1 are left for `.` and `..`.
pub const INDEX_FIRST: u64 = 2;
/// Files up to this size lie beside their inodes (the kernel's default of `max_inline`).
pub const INLINE_MAX: u64 = 2048;

/// Number of an inode in its subvolume.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct InodeNumber(pub u64);

impl InodeNumber {
    /// The root directory of every subvolume.
    pub const ROOT: Self = Self(FIRST_FREE);
}

/// What an inode is made from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A node of the tree.
    Node(NodeId),
    /// A directory that leads to a subvolume or swap file.
    Folder,
    /// A swap file, by its place in the list.
    Swap(usize),
}

/// A name of an inode: an entry of a directory, seen from below.
#[derive(Clone, Copy, Debug)]
pub struct Link<'s> {
    /// The directory, by its place among the inodes.
    pub parent: usize,
    /// The entry's place in the directory.
    pub index: u64,
    /// The name.
    pub name: &'s Name,
}

/// An inode.
#[derive(Clone, Debug)]
pub struct Inode<'s> {
    /// What it is made from.
    pub origin: Origin,
    /// Its first name; `None` for the root.
    pub link: Option<Link<'s>>,
    /// The entries of a directory, as places among all entries.
    pub entries: Range<usize>,
}

/// What an entry leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// An inode, by its place.
    Inode(usize),
    /// A subvolume.
    Subvolume(u64),
}

/// An entry of a directory.
#[derive(Clone, Copy, Debug)]
pub struct Entry<'s> {
    /// Its name.
    pub name: &'s Name,
    /// What it leads to.
    pub target: Target,
}

/// Where a nested subvolume is in its parent.
#[derive(Clone, Copy, Debug)]
pub struct SubvolumeLink<'s> {
    /// Its number.
    pub subvolume: u64,
    /// Its name there.
    pub link: Link<'s>,
}

/// A subvolume, numbered.
#[derive(Debug)]
pub struct Survey<'s> {
    /// What it is made from.
    pub filling: &'s Filling<'s>,
    /// All inodes, in the order of their numbers.
    pub inodes: Vec<Inode<'s>>,
    entries: Vec<Entry<'s>>,
    /// Names beyond the first, by the inode's place.
    more_links: BTreeMap<usize, Vec<Link<'s>>>,
    /// Where nested subvolumes are.
    pub nested: Vec<SubvolumeLink<'s>>,
}

static ROOT_METADATA: Metadata = Metadata::root(0o755);

/// A directory still to be entered.
struct Open<'s> {
    inode: usize,
    node: Option<NodeId>,
    overlay: Option<&'s Overlay<'s>>,
}

impl<'s> Survey<'s> {
    /// Numbers what is in `filling` and `overlay`.
    pub fn new(filling: &'s Filling<'s>, overlay: &'s Overlay<'s>) -> Result<Self, BtrfsError> {
        let mut survey = Self {
            filling,
            inodes: Vec::with_capacity(filling.tree.len()),
            entries: Vec::with_capacity(filling.tree.len()),
            more_links: BTreeMap::new(),
            nested: Vec::new(),
        };
        survey.inodes.push(Inode { origin: Origin::Node(Tree::ROOT), link: None, entries: 0..0 });
        let mut known = vec![None; filling.tree.len()];
        let mut open = vec![Open { inode: 0, node: Some(Tree::ROOT), overlay: Some(overlay) }];
        while let Some(folder) = open.pop() {
            let before = open.len();
            survey.enter(&folder, &mut known, &mut open)?;
            // The directory that comes first in the order of names is entered first.
            open[before..].reverse();
        }
        for place in 0..survey.inodes.len() {
            survey.check(place).map_err(|why| BtrfsError::Unfit { path: survey.path(place), why })?;
        }
        Ok(survey)
    }

    /// Numbers the entries of one directory and lists those to be entered.
    fn enter(
        &mut self,
        folder: &Open<'s>,
        known: &mut [Option<usize>],
        open: &mut Vec<Open<'s>>,
    ) -> Result<(), BtrfsError> {
        let tree = self.filling.tree;
        let first = self.entries.len();
        let mut of_tree = folder.node.into_iter().flat_map(|node| tree.entries(node)).peekable();
        let mut of_overlay = folder.overlay.into_iter().flat_map(|overlay| &overlay.entries).peekable();
        // Both come in the order of names.
        loop {
            let next = match (of_tree.peek(), of_overlay.peek()) {
                (None, None) => break,
                (Some((name, _)), Some((other, _))) => (*name).min(**other),
                (Some((name, _)), None) => name,
                (None, Some((name, _))) => name,
            };
            let id = of_tree.next_if(|(name, _)| *name == next).map(|(_, id)| id);
            let added = of_overlay.next_if(|(name, _)| **name == next).map(|(_, added)| added);
            let index = INDEX_FIRST + u64_of(self.entries.len() - first);
            let link = Link { parent: folder.inode, index, name: next };
            let target = match (id, added) {
                (id, Some(added)) => self.add(link, id, added, open)?,
                (Some(id), None) => self.node(link, id, known, open)?,
                // The next name is that of one of the two.
                (None, None) => continue,
            };
            self.entries.push(Entry { name: next, target });
        }
        self.inodes[folder.inode].entries = first..self.entries.len();
        Ok(())
    }

    /// Numbers something of the overlay, which may meet a directory of the tree.
    fn add(
        &mut self,
        link: Link<'s>,
        id: Option<NodeId>,
        added: &'s Added<'s>,
        open: &mut Vec<Open<'s>>,
    ) -> Result<Target, BtrfsError> {
        let tree = self.filling.tree;
        let taken = |survey: &Self, why| {
            let path = format!("{}/{}", survey.path(link.parent), link.name);
            BtrfsError::Place { path: path.trim_start_matches('/').to_owned(), why }
        };
        let is_folder = |id: NodeId| matches!(tree.node(id).kind, Kind::Directory(_));
        match (added, id) {
            (Added::Folder(_), Some(id)) if !is_folder(id) => {
                Err(taken(self, "something that is no directory is in its way"))
            }
            (Added::Folder(overlay), id) => {
                let origin = id.map_or(Origin::Folder, Origin::Node);
                let inode = self.push(origin, link);
                open.push(Open { inode, node: id, overlay: Some(overlay) });
                Ok(Target::Inode(inode))
            }
            (Added::Subvolume(_), Some(id)) if !is_folder(id) || tree.entries(id).next().is_some() => {
                Err(taken(self, "what is there is not an empty directory"))
            }
            (Added::Subvolume(subvolume), _) => {
                self.nested.push(SubvolumeLink { subvolume: *subvolume, link });
                Ok(Target::Subvolume(*subvolume))
            }
            (Added::Swap(_), Some(_)) => Err(taken(self, "a file of that name is there")),
            (Added::Swap(index), None) => Ok(Target::Inode(self.push(Origin::Swap(*index), link))),
        }
    }

    fn node(
        &mut self,
        link: Link<'s>,
        id: NodeId,
        known: &mut [Option<usize>],
        open: &mut Vec<Open<'s>>,
    ) -> Result<Target, BtrfsError> {
        let is_folder = matches!(self.filling.tree.node(id).kind, Kind::Directory(_));
        if let Some(place) = known[id.index()] {
            if is_folder {
                return Err(BtrfsError::Unfit { path: self.path(place), why: Unfit::DirectoryLinked });
            }
            self.more_links.entry(place).or_default().push(link);
            return Ok(Target::Inode(place));
        }
        let place = self.push(Origin::Node(id), link);
        known[id.index()] = Some(place);
        if is_folder {
            if id == Tree::ROOT {
                return Err(BtrfsError::Unfit { path: self.path(place), why: Unfit::DirectoryLinked });
            }
            open.push(Open { inode: place, node: Some(id), overlay: None });
        }
        Ok(Target::Inode(place))
    }

    fn push(&mut self, origin: Origin, link: Link<'s>) -> usize {
        self.inodes.push(Inode { origin, link: Some(link), entries: 0..0 });
        self.inodes.len() - 1
    }

    fn check(&self, place: usize) -> Result<(), Unfit> {
        let metadata = self.metadata(place);
        if metadata.permissions > 0o7777 {
            return Err(Unfit::Permissions(metadata.permissions));
        }
        let links = self.link_count(place);
        if links > LINKS_MAX {
            return Err(Unfit::TooManyLinks(links));
        }
        match self.kind(place) {
            Some(Kind::CharDevice(device) | Kind::BlockDevice(device))
                if device.major > 0xfff || device.minor > 0xf_ffff =>
            {
                Err(Unfit::Device)
            }
            Some(Kind::Symlink(target)) if target.is_empty() || target.contains(&0) => {
                Err(Unfit::SymlinkTarget)
            }
            Some(Kind::File(content)) if content.len() > u64::MAX / 4 => {
                Err(Unfit::FileTooLarge(ByteSize(content.len())))
            }
            _ => Ok(()),
        }
    }

    /// What the inode at `place` is in the tree; `None` for what is not of the tree.
    pub fn kind(&self, place: usize) -> Option<&'s Kind> {
        match self.inodes[place].origin {
            Origin::Node(id) => Some(&self.filling.tree.node(id).kind),
            Origin::Folder | Origin::Swap(_) => None,
        }
    }

    /// Owner, permissions and so on of the inode at `place`; for a swap file those that
    /// `btrfs filesystem mkswapfile` gives.
    pub fn metadata(&self, place: usize) -> &'s Metadata {
        static SWAP: Metadata = Metadata::root(0o600);
        match self.inodes[place].origin {
            Origin::Node(id) => &self.filling.tree.node(id).metadata,
            Origin::Folder => &ROOT_METADATA,
            Origin::Swap(_) => &SWAP,
        }
    }

    /// The entries of the directory at `place`, each with its place in the directory.
    pub fn entries(&self, place: usize) -> impl Iterator<Item = (u64, &Entry<'s>)> {
        (INDEX_FIRST..).zip(&self.entries[self.inodes[place].entries.clone()])
    }

    /// All names of the inode at `place`.
    pub fn links(&self, place: usize) -> impl Iterator<Item = &Link<'s>> {
        self.inodes[place].link.iter().chain(self.more_links.get(&place).into_iter().flatten())
    }

    /// How many names the inode at `place` has; 1 for every directory.
    pub fn link_count(&self, place: usize) -> u32 {
        let more = self.more_links.get(&place).map_or(0, Vec::len);
        u32::try_from(more).unwrap_or(u32::MAX - 1) + 1
    }

    /// Number of the inode at `place`.
    pub fn number(&self, place: usize) -> InodeNumber {
        InodeNumber(FIRST_FREE + u64_of(place))
    }

    /// What an entry says of its target.
    pub fn file_type(&self, place: usize) -> u8 {
        match (self.inodes[place].origin, self.kind(place)) {
            (Origin::Swap(_), _) | (_, Some(Kind::File(_))) => file_type::REGULAR,
            (Origin::Folder, _) | (_, Some(Kind::Directory(_)) | None) => file_type::DIRECTORY,
            (_, Some(Kind::Symlink(_))) => file_type::SYMLINK,
            (_, Some(Kind::CharDevice(_))) => file_type::CHAR_DEVICE,
            (_, Some(Kind::BlockDevice(_))) => file_type::BLOCK_DEVICE,
            (_, Some(Kind::Fifo)) => file_type::FIFO,
            (_, Some(Kind::Socket)) => file_type::SOCKET,
        }
    }

    /// Size of the file at `place`; 0 for what is no file.
    pub fn file_len(&self, place: usize) -> u64 {
        match (self.inodes[place].origin, self.kind(place)) {
            (Origin::Swap(index), _) => self.filling.swap_files[index].size.bytes(),
            (_, Some(Kind::File(content))) => content.len(),
            _ => 0,
        }
    }

    /// Whether the file at `place` lies beside its inode.
    pub fn is_inline(&self, place: usize) -> bool {
        let len = self.file_len(place);
        len > 0
            && len <= INLINE_MAX
            && self.filling.storage.overwriting != Overwriting::InPlace
            && matches!(self.kind(place), Some(Kind::File(content)) if content.data_ranges().next().is_some())
    }

    /// The stretches of the file at `place` that are stored in extents, in whole sectors, ascending and not touching.
    pub fn stretches(&self, place: usize) -> Vec<Range<u64>> {
        let Some(Kind::File(content)) = self.kind(place) else { return Vec::new() };
        if self.is_inline(place) {
            return Vec::new();
        }
        let mut stretches: Vec<Range<u64>> = Vec::new();
        for range in content.data_ranges() {
            let start = range.start() / SECTOR * SECTOR;
            let end = range.end().min(content.len()).next_multiple_of(SECTOR);
            match stretches.last_mut() {
                Some(last) if last.end >= start => last.end = last.end.max(end),
                _ if start < end => stretches.push(start..end),
                _ => {}
            }
        }
        stretches
    }

    /// Path of the inode at `place`, for messages.
    pub fn path(&self, place: usize) -> String {
        let mut names = Vec::new();
        let mut here = place;
        while let Some(link) = self.inodes[here].link {
            names.push(link.name.to_string());
            here = link.parent;
        }
        names.reverse();
        names.join("/")
    }
}
