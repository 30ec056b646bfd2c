//! Checking a whole file system: every name, inode, attribute and block.

use std::collections::{BTreeMap, BTreeSet};

use super::super::error::{Place, SquashfsError};
use super::super::format::MetadataRef;
use super::inode::{Inode, InodeKind};
use super::{Reader, corrupt};
use crate::units::{u64_of, usize_of};
use crate::volume::Block;

/// An inode that has a name.
struct Named {
    number: u32,
    /// Names that it says it has; not counted for directories.
    links: u32,
    names: u32,
}

impl<B: Block> Reader<B> {
    /// Reads everything. Of files it is seen whether their blocks can be unpacked to the right length; blocks of
    /// xz and gzip also bear a checksum. Squashfs itself has none.
    ///
    /// # Errors
    ///
    /// Says what is damaged first, and where.
    pub fn check(&self) -> Result<(), SquashfsError> {
        let mut inodes: BTreeMap<MetadataRef, Named> = BTreeMap::new();
        let mut blocks: BTreeSet<u64> = BTreeSet::new();
        let mut buffer = vec![0; usize_of(self.block_size())];
        let root = self.root()?;
        inodes.insert(root.place, Named { number: root.number, links: 1, names: 1 });
        let mut open = vec![root];
        while let Some(folder) = open.pop() {
            for entry in self.entries(&folder)? {
                let wrong = |what: String| corrupt(Place::Inode(entry.inode.0), what);
                if let Some(known) = inodes.get_mut(&entry.inode) {
                    known.names += 1;
                    if known.names > known.links {
                        return Err(wrong("it has more names than it says".to_owned()));
                    }
                    continue;
                }
                let inode = self.inode(entry.inode)?;
                if inode.number != entry.number {
                    return Err(wrong(format!(
                        "it is number {}, its name says {}",
                        inode.number, entry.number
                    )));
                }
                self.xattrs(&inode)?;
                let is_directory = matches!(inode.kind, InodeKind::Directory(_));
                // Links within directories are `.` and `..`, which are not stored.
                let links = if is_directory { 1 } else { inode.links };
                inodes.insert(entry.inode, Named { number: inode.number, links, names: 1 });
                match inode.kind {
                    InodeKind::Directory(_) => open.push(inode),
                    InodeKind::File(_) => self.check_file(&inode, &mut buffer, &mut blocks)?,
                    _ => {}
                }
            }
        }
        self.check_numbers(&inodes)
    }

    /// Unpacks the blocks of a file that were not unpacked for another.
    fn check_file(
        &self,
        inode: &Inode,
        buffer: &mut [u8],
        known: &mut BTreeSet<u64>,
    ) -> Result<(), SquashfsError> {
        let map = self.map(inode)?;
        let mut is_new = false;
        for stored in map.stored() {
            is_new |= known.insert(stored.start);
        }
        if !is_new {
            return Ok(());
        }
        for range in self.stored_ranges(&map) {
            let mut at = range.start();
            while at < range.end() {
                let part = &mut buffer[..usize_of((range.end() - at).min(self.block_size()))];
                self.read_map(&map, part, at)?;
                at += u64_of(part.len());
            }
        }
        Ok(())
    }

    /// Whether the inodes found are those that the superblock counts and the export table lists.
    fn check_numbers(&self, inodes: &BTreeMap<MetadataRef, Named>) -> Result<(), SquashfsError> {
        let counted = self.superblock.inodes.get();
        if u64_of(inodes.len()) != u64::from(counted) {
            let what = format!("it counts {counted} inodes, and {} have names", inodes.len());
            return Err(corrupt(Place::Superblock, what));
        }
        for (place, Named { number, links, names }) in inodes {
            if links != names {
                let what = format!("it says that it has {links} names, and has {names}");
                return Err(corrupt(Place::Inode(place.0), what));
            }
            if self.exported(*number)?.is_some_and(|exported| exported != *place) {
                return Err(corrupt(Place::Table("export"), format!("inode {number} is not where it says")));
            }
        }
        Ok(())
    }
}
