//! Closures: a system and everything that it refers to, directly or not.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::source::SourceError;
use super::{PathInfo, Source, StorePath};
use crate::tree::Tree;
use crate::units::ByteSize;

/// Why a closure is not complete.
#[derive(Debug, thiserror::Error)]
pub enum ClosureError {
    /// The source could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The system itself is not registered.
    #[error("`{path}` is not registered in the store of `{root}`")]
    NotValid {
        /// The system.
        path: String,
        /// The source's root.
        root: PathBuf,
    },
    /// A path is needed that is not registered.
    #[error(
        "`{path}` is missing from the store of `{root}`, but `{needed_by}` needs it; copy the whole closure there"
    )]
    Missing {
        /// What is missing.
        path: String,
        /// Who refers to it.
        needed_by: String,
        /// The source's root.
        root: PathBuf,
    },
    /// A path is registered but its files are gone.
    #[error(
        "`{path}` is registered but not on disk below `{root}`; `{needed_by}` needs it; repair the store with `nix-store --verify --check-contents --repair`"
    )]
    Gone {
        /// What is gone.
        path: String,
        /// Who refers to it; itself for the system.
        needed_by: String,
        /// The source's root.
        root: PathBuf,
    },
}

/// A system's closure: complete, each path once, sorted.
#[derive(Clone, Debug)]
pub struct Closure {
    root: PathBuf,
    toplevel: StorePath,
    paths: BTreeMap<StorePath, PathInfo>,
    /// What the store holds, where it is not read from this host's folders.
    packed: Option<Arc<Tree>>,
}

impl Closure {
    /// Follows the references of `toplevel` in `source` until there are no more.
    ///
    /// # Errors
    ///
    /// When a path on the way is not registered or not on disk; the error names who needs it.
    pub fn read(source: &Source, toplevel: &StorePath) -> Result<Self, ClosureError> {
        let mut closure = Self {
            root: source.root().to_owned(),
            toplevel: toplevel.clone(),
            paths: BTreeMap::new(),
            packed: None,
        };
        let _one_state = source.snapshot()?;
        let mut pending = vec![(toplevel.clone(), toplevel.clone())];
        while let Some((path, needed_by)) = pending.pop() {
            if closure.paths.contains_key(&path) {
                continue;
            }
            let Some(info) = source.info(&path)? else { return Err(closure.missing(&path, &needed_by)) };
            if std::fs::symlink_metadata(closure.host_path(&path)).is_err() {
                return Err(closure.gone(&path, &needed_by));
            }
            pending.extend(info.references.iter().map(|reference| (reference.clone(), path.clone())));
            closure.paths.insert(path, info);
        }
        source.check_unchanged()?;
        Ok(closure)
    }

    /// The same closure, whose objects are taken from `packed`: a tree with each of them at its top, by its
    /// base name.
    pub fn packed_in(self, packed: Arc<Tree>) -> Self {
        Self { packed: Some(packed), ..self }
    }

    /// Where the objects are taken from, if not from this host's folders.
    pub(super) fn packed(&self) -> Option<&Tree> {
        self.packed.as_deref()
    }

    /// The system.
    pub fn toplevel(&self) -> &StorePath {
        &self.toplevel
    }

    /// Every path, sorted.
    pub fn paths(&self) -> impl ExactSizeIterator<Item = &PathInfo> {
        self.paths.values()
    }

    /// What is known of `path`, when it is in the closure.
    pub fn info(&self, path: &StorePath) -> Option<&PathInfo> {
        self.paths.get(path)
    }

    /// Bytes of all archives: close to what the files take, exact to say how much there is to do.
    pub fn nar_size(&self) -> ByteSize {
        ByteSize(self.paths().map(|info| info.nar_size.bytes()).fold(0, u64::saturating_add))
    }

    /// The folder of this host that is `/` for the store paths.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Where `path` is on this host.
    pub fn host_path(&self, path: &StorePath) -> PathBuf {
        self.root.join(&path.to_string()[1..])
    }

    fn missing(&self, path: &StorePath, needed_by: &StorePath) -> ClosureError {
        let (name, root) = (path.to_string(), self.root.clone());
        // Only the system itself is looked up on its own account.
        if path == needed_by {
            return ClosureError::NotValid { path: name, root };
        }
        ClosureError::Missing { path: name, needed_by: needed_by.to_string(), root }
    }

    fn gone(&self, path: &StorePath, needed_by: &StorePath) -> ClosureError {
        let (path, needed_by) = (path.to_string(), needed_by.to_string());
        ClosureError::Gone { path, needed_by, root: self.root.clone() }
    }
}
