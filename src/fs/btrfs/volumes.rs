//! What goes into a file system: a tree for the top, and one for each subvolume.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use super::compression::Compression;
use super::plan::Counted;
use crate::tree::{Name, NameError, Tree};
use crate::units::ByteSize;

/// Path of a subvolume from the top of the file system: one name or more.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubvolumePath(Vec<Name>);

impl SubvolumePath {
    /// Its names, from the top.
    pub fn names(&self) -> &[Name] {
        &self.0
    }

    /// What is left of the path below `above`, if it lies below that.
    pub(super) fn below(&self, above: &Self) -> Option<&[Name]> {
        self.0.strip_prefix(&above.0[..]).filter(|rest| !rest.is_empty())
    }
}

/// Reads `persist/home`; slashes at both ends are passed over, as disko's `/persist/home` has one.
impl FromStr for SubvolumePath {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        let names = text.trim_matches('/').split('/').map(|name| Name::new(name.as_bytes()));
        names.collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for SubvolumePath {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, name) in self.0.iter().enumerate() {
            write!(f, "{}{name}", if index == 0 { "" } else { "/" })?;
        }
        Ok(())
    }
}

/// Whether data are overwritten in place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Overwriting {
    /// Changes go to a new place; data have checksums and may be compressed.
    #[default]
    CopyOnWrite,
    /// Changes go to the same place; neither checksums nor compression (`nodatacow`).
    InPlace,
    /// Changes go to a new place; no checksums and no compression (`nodatasum`).
    Unchecked,
}

/// Which extents a compressor is tried on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Effort {
    /// Those that do not look random in a sample, of files that do not begin as compressed ones do (`compress`): the
    /// kernel gives a file up after the first extent that could not be made smaller.
    #[default]
    Promising,
    /// Each (`compress-force`).
    Always,
}

/// How the files of a subvolume are stored: what its mount options ask for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Storage {
    /// How files are compressed; `None` for not.
    pub compression: Option<Compression>,
    /// Which extents are tried.
    pub effort: Effort,
    /// Whether files are overwritten in place.
    pub overwriting: Overwriting,
}

/// A swap file: preallocated, never copied on write, with the header of a swap area.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SwapFile {
    /// Its path in the subvolume; directories on the way are made where they are missing.
    pub path: SubvolumePath,
    /// Its size: a multiple of 4096.
    pub size: ByteSize,
}

/// What goes into the top or into a subvolume.
#[derive(Clone, Debug)]
pub struct Filling<'t> {
    /// Its files.
    pub tree: &'t Tree,
    /// How they are stored.
    pub storage: Storage,
    /// Swap files besides.
    pub swap_files: Vec<SwapFile>,
}

impl<'t> From<&'t Tree> for Filling<'t> {
    fn from(tree: &'t Tree) -> Self {
        Self { tree, storage: Storage::default(), swap_files: Vec::new() }
    }
}

/// Everything that goes into a file system.
#[derive(Clone, Debug)]
pub struct Volumes<'t> {
    /// The top.
    pub top: Filling<'t>,
    /// The subvolumes. They are numbered in the order of their paths.
    pub subvolumes: BTreeMap<SubvolumePath, Filling<'t>>,
    /// What measuring counted, where the same files were measured before.
    pub counted: Option<&'t Counted>,
}

impl<'t> From<&'t Tree> for Volumes<'t> {
    fn from(tree: &'t Tree) -> Self {
        Self { top: tree.into(), subvolumes: BTreeMap::new(), counted: None }
    }
}

impl<'t> Volumes<'t> {
    /// The top, then the subvolumes in the order of their numbers.
    pub(super) fn all(&self) -> impl Iterator<Item = &Filling<'t>> {
        std::iter::once(&self.top).chain(self.subvolumes.values())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lie_below_their_whole_parts_only() {
        let path = |text: &str| text.parse::<SubvolumePath>().unwrap();
        assert_eq!(path("/persist/home/").to_string(), "persist/home");
        assert_eq!(path("persist/home").below(&path("/persist")).map(<[Name]>::len), Some(1));
        assert_eq!(path("persistent").below(&path("persist")), None);
        assert!("a//b".parse::<SubvolumePath>().is_err());
        assert!("/".parse::<SubvolumePath>().is_err());
    }
}
