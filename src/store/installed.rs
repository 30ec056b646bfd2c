//! What a root file system says is installed on it: the reader of what [`install`](super::install)
//! writes, for images and disks of any origin.

use std::path::Path;

use super::database::{DATABASE_FILE, Database, DatabaseError};
use super::path::STORE_DIR;
use super::{PathInfo, StorePath};
use crate::tree::{Content, ContentError, Kind, NodeId, Tree};

/// Folder of the profiles, relative to the root.
const PROFILES: &str = "nix/var/nix/profiles";

/// A Nix store and its system profile.
#[derive(Clone, Debug)]
pub struct Installed {
    /// The store directory's node.
    pub store: NodeId,
    /// Every valid path, sorted.
    pub paths: Vec<PathInfo>,
    /// The generations of the system profile, by number.
    pub generations: Vec<InstalledGeneration>,
    /// The generation that the profile is at.
    pub current: Option<u32>,
}

/// A generation of the system profile.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledGeneration {
    /// Its number.
    pub number: u32,
    /// The system.
    pub toplevel: StorePath,
}

/// Why an installed system could not be read.
#[derive(Debug, thiserror::Error)]
pub enum InstalledError {
    /// A file could not be read.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
}

impl Installed {
    /// What is installed on the root file system `root`; `None` when there is no Nix store on it.
    pub fn read(root: &Tree) -> Result<Option<Self>, InstalledError> {
        let (Some(store), Some(database)) = (root.lookup(STORE_DIR), file(root, DATABASE_FILE)) else {
            return Ok(None);
        };
        // A system that was running has the latest changes in the log beside the database.
        let log = file(root, &format!("{DATABASE_FILE}-wal")).map(Content::to_vec).transpose()?;
        let database = Database::from_files(&database.to_vec()?, log.as_deref())?;
        let mut paths = Vec::new();
        for path in database.paths()? {
            paths.extend(database.info(&path)?);
        }
        let generations = generations(root);
        let current = link(root, &format!("{PROFILES}/system")).and_then(|target| generation_number(&target));
        Ok(Some(Self { store, paths, generations, current }))
    }
}

/// The links `system-N-link` of the profiles' folder, by number.
fn generations(root: &Tree) -> Vec<InstalledGeneration> {
    let Some(folder) = root.lookup(PROFILES) else { return Vec::new() };
    let mut generations: Vec<_> = root
        .entries(folder)
        .filter_map(|(name, _)| {
            let name = name.to_string();
            let target = link(root, &format!("{PROFILES}/{name}"))?;
            let toplevel = StorePath::from_absolute(&target).ok()?;
            Some(InstalledGeneration { number: generation_number(&name)?, toplevel })
        })
        .collect();
    generations.sort_by_key(|generation| generation.number);
    generations
}

/// The number in `system-N-link`.
fn generation_number(link: &str) -> Option<u32> {
    let name = Path::new(link).file_name()?.to_str()?;
    name.strip_prefix("system-")?.strip_suffix("-link")?.parse().ok()
}

fn file<'a>(tree: &'a Tree, path: &str) -> Option<&'a Content> {
    match &tree.node(tree.lookup(path)?).kind {
        Kind::File(content) => Some(content),
        _ => None,
    }
}

fn link(tree: &Tree, path: &str) -> Option<String> {
    match &tree.node(tree.lookup(path)?).kind {
        Kind::Symlink(target) => String::from_utf8(target.clone()).ok(),
        _ => None,
    }
}
