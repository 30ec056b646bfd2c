//! What lies in a subvolume beside its tree: the places of nested subvolumes, swap files, and the directories
//! that lead there.

use std::collections::BTreeMap;

use super::error::BtrfsError;
use super::format::objectid::{FIRST_FREE, FS_TREE};
use super::volumes::{SubvolumePath, Volumes};
use crate::tree::Name;
use crate::units::u64_of;

/// What is added to a directory.
#[derive(Debug, Default)]
pub struct Overlay<'v> {
    /// By name.
    pub entries: BTreeMap<&'v Name, Added<'v>>,
}

/// Something that is added.
#[derive(Debug)]
pub enum Added<'v> {
    /// A directory, if there is none yet, with more in it.
    Folder(Overlay<'v>),
    /// The subvolume with this number.
    Subvolume(u64),
    /// The swap file with this place in the list of its subvolume.
    Swap(usize),
}

/// A subvolume's place in its parent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parent {
    /// The parent's place among all volumes, the top being 0.
    pub volume: usize,
}

/// The overlay of each volume of `volumes`, the top first, and the parent of each subvolume.
pub fn overlays<'v>(volumes: &'v Volumes<'_>) -> Result<(Vec<Overlay<'v>>, Vec<Parent>), BtrfsError> {
    let paths: Vec<&SubvolumePath> = volumes.subvolumes.keys().collect();
    let mut overlays: Vec<Overlay<'v>> = volumes.all().map(|_| Overlay::default()).collect();
    let mut parents = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        // Paths are sorted, so the nearest one above comes last before this one.
        let above = paths[..index].iter().rposition(|other| path.below(other).is_some());
        let (volume, names) = match above.and_then(|above| Some((above, path.below(paths[above])?))) {
            Some((above, names)) => (above + 1, names),
            None => (0, path.names()),
        };
        add(&mut overlays[volume], names, Added::Subvolume(number(index)), path)?;
        parents.push(Parent { volume });
    }
    for (overlay, filling) in overlays.iter_mut().zip(volumes.all()) {
        for (index, swap) in filling.swap_files.iter().enumerate() {
            add(overlay, swap.path.names(), Added::Swap(index), &swap.path)?;
        }
    }
    Ok((overlays, parents))
}

/// Number of the subvolume at place `index` of the sorted paths.
pub fn number(index: usize) -> u64 {
    FIRST_FREE + u64_of(index)
}

/// Number of the volume at place `index`: the top first, then the subvolumes.
pub fn volume_number(index: usize) -> u64 {
    match index.checked_sub(1) {
        None => FS_TREE,
        Some(index) => number(index),
    }
}

fn add<'v>(
    overlay: &mut Overlay<'v>,
    names: &'v [Name],
    what: Added<'v>,
    path: &SubvolumePath,
) -> Result<(), BtrfsError> {
    let taken = |why| BtrfsError::Place { path: path.to_string(), why };
    match names {
        [] => Ok(()),
        [name] => match overlay.entries.insert(name, what) {
            None => Ok(()),
            Some(_) => Err(taken("something else of the layout is there")),
        },
        [name, rest @ ..] => {
            let folder = overlay.entries.entry(name).or_insert_with(|| Added::Folder(Overlay::default()));
            match folder {
                Added::Folder(inner) => add(inner, rest, what, path),
                // What lies in a subvolume is in that one's overlay.
                Added::Subvolume(_) => Err(taken("it lies in another subvolume")),
                Added::Swap(_) => Err(taken("a swap file is in its way")),
            }
        }
    }
}
