//! The subvolumes, by number and path.

use std::collections::BTreeMap;

use uuid::Uuid;

use super::super::error::BtrfsError;
use super::super::format::directory::{DirItem, RootRef};
use super::super::format::kind;
use super::super::format::objectid::{FIRST_FREE, FS_TREE, LAST_FREE, ROOT_TREE, ROOT_TREE_DIR};
use super::super::format::root::RootItem;
use super::super::key::Key;
use super::inode::{parts, struct_at};
use super::{Reader, corrupt};
use crate::volume::Block;

/// A subvolume.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subvolume {
    /// Its number: 5 for the top, from 256 for others.
    pub number: u64,
    /// Number of the one that it lies in; 0 for the top.
    pub parent: u64,
    /// Its path from the top; empty for the top. Bytes that are not UTF-8 are replaced.
    pub path: String,
    /// Its identity.
    pub uuid: Uuid,
}

/// Where a subvolume is: its parent, the directory there, its name.
struct Place {
    parent: u64,
    directory: u64,
    name: Vec<u8>,
}

impl<B: Block> Reader<B> {
    /// The top and all subvolumes, in the order of their numbers.
    pub fn subvolumes(&self) -> Result<Vec<Subvolume>, BtrfsError> {
        let mut places: BTreeMap<u64, Place> = BTreeMap::new();
        let mut uuids: BTreeMap<u64, Uuid> = BTreeMap::new();
        let wrong = |key: Key| corrupt(format!("subvolume {}", key.objectid), "an item about it is cut off");
        self.walk(self.root_of(ROOT_TREE)?, Key::default()..=Key::MAX, &mut |key, data| {
            if key.objectid != FS_TREE && !(FIRST_FREE..=LAST_FREE).contains(&key.objectid) {
                return Ok(());
            }
            match key.kind {
                kind::ROOT_ITEM => {
                    let item: RootItem = struct_at(data, 0).ok_or_else(|| wrong(key))?;
                    uuids.insert(key.objectid, Uuid::from_bytes(item.uuid));
                }
                kind::ROOT_BACKREF => {
                    let head: RootRef = struct_at(data, 0).ok_or_else(|| wrong(key))?;
                    let name = data.get(size_of::<RootRef>()..).ok_or_else(|| wrong(key))?.to_vec();
                    let place = Place { parent: key.offset, directory: head.dirid.get(), name };
                    places.insert(key.objectid, place);
                }
                _ => {}
            }
            Ok(())
        })?;
        let mut found = Vec::new();
        for (number, uuid) in uuids {
            let parent = places.get(&number).map_or(0, |place| place.parent);
            found.push(Subvolume { number, parent, path: self.path_of(number, &places)?, uuid });
        }
        Ok(found)
    }

    /// Number of the subvolume that is mounted where none is named.
    pub fn default_subvolume(&self) -> Result<u64, BtrfsError> {
        let mut found = FS_TREE;
        let range =
            Key::new(ROOT_TREE_DIR, kind::DIR_ITEM, 0)..=Key::new(ROOT_TREE_DIR, kind::DIR_ITEM, u64::MAX);
        self.walk(self.root_of(ROOT_TREE)?, range, &mut |_, data| {
            if let Some(head) = struct_at::<DirItem>(data, 0) {
                found = head.location.objectid.get();
            }
            Ok(())
        })?;
        Ok(found)
    }

    fn path_of(&self, number: u64, places: &BTreeMap<u64, Place>) -> Result<String, BtrfsError> {
        let circle = || corrupt(format!("subvolume {number}"), "its parents lead in a circle");
        let mut names: Vec<String> = Vec::new();
        let mut here = number;
        let mut steps = 0;
        while let Some(place) = places.get(&here) {
            names.push(String::from_utf8_lossy(&place.name).into_owned());
            let above = self.directory_path(place.parent, place.directory)?;
            names.extend(above.iter().rev().map(|name| String::from_utf8_lossy(name).into_owned()));
            here = place.parent;
            steps += 1;
            if steps > places.len() {
                return Err(circle());
            }
        }
        names.reverse();
        Ok(names.join("/"))
    }

    /// The names on the way from a subvolume's root to one of its directories.
    fn directory_path(&self, subvolume: u64, directory: u64) -> Result<Vec<Vec<u8>>, BtrfsError> {
        let root = self.root_of(subvolume)?;
        let mut names = Vec::new();
        let mut here = directory;
        while here != FIRST_FREE {
            let mut above = None;
            let range = Key::new(here, kind::INODE_REF, 0)..=Key::new(here, kind::INODE_REF, u64::MAX);
            self.walk(root, range, &mut |key, data| {
                above = parts::refs(data).into_iter().next().map(|(_, name)| (key.offset, name.to_vec()));
                Ok(())
            })?;
            let (parent, name) =
                above.ok_or_else(|| corrupt(format!("inode {here}"), "the directory has no name"))?;
            names.push(name);
            here = parent;
            // Paths have at most 4096 bytes, so no more names than that.
            if names.len() > 4096 {
                return Err(corrupt(format!("inode {directory}"), "its parents lead in a circle"));
            }
        }
        names.reverse();
        Ok(names)
    }
}
