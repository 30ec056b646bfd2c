//! The store being filled: trees go in, store paths with hashes and references come out.

use std::path::{Path, PathBuf};

use nix_archive::nar::{CaseHack, ReferencePattern, ReferenceScan};

use super::digest::{PLACEHOLDER, STORE, base32, output_path, source_path};
use super::{SampleError, files};

/// What the Nix database has to know of a store path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PathInfo {
    /// The full path, `/nix/store/…`.
    pub path: String,
    /// SHA-256 of the path's Nix archive.
    pub nar_sha256: [u8; 32],
    /// Bytes of the path's Nix archive.
    pub nar_size: u64,
    /// Full paths of everything it refers to, itself included where it does; sorted.
    pub references: Vec<String>,
    /// The content address as Nix writes it, where the path's name follows from its content alone.
    pub content_address: Option<String>,
}

impl PathInfo {
    /// The record of this path in a registration stream (`nix-store --load-db`): path, hash, size,
    /// deriver (none), count of references, references.
    pub(super) fn registration(&self) -> String {
        let mut text = format!(
            "{}\nsha256:{}\n{}\n\n{}\n",
            self.path,
            base32(&self.nar_sha256),
            self.nar_size,
            self.references.len()
        );
        for reference in &self.references {
            text.push_str(reference);
            text.push('\n');
        }
        text
    }
}

/// A store under construction, in `nix/store` of a directory.
#[derive(Debug)]
pub(super) struct Store {
    root: PathBuf,
    scratch: PathBuf,
    scratches: usize,
    infos: Vec<PathInfo>,
}

impl Store {
    /// An empty store in `root`, where nothing may be yet.
    pub(super) fn create(root: &Path) -> Result<Self, SampleError> {
        let scratch = root.join("scratch");
        files::make_directory(&scratch)?;
        files::make_directory(&root.join(&STORE[1..]))?;
        Ok(Self { root: root.to_owned(), scratch, scratches: 0, infos: Vec::new() })
    }

    /// A place on the same filesystem where the next tree can be put together.
    pub(super) fn scratch(&mut self) -> PathBuf {
        self.scratches += 1;
        self.scratch.join(self.scratches.to_string())
    }

    /// Where a store path, or a path below one, is on this host.
    pub(super) fn on_host(&self, path: &str) -> PathBuf {
        self.root.join(path.trim_start_matches('/'))
    }

    /// Makes the tree at `from` a store path called `name`: everything in it must be there, and it must
    /// not mention its own path.
    pub(super) fn add(&mut self, name: &str, from: &Path) -> Result<String, SampleError> {
        let scan = self.scan(from, &[])?;
        let references = self.references(&scan);
        let path = source_path(name, &scan.nar_sha256, &references);
        let address = format!("fixed:r:sha256:{}", base32(&scan.nar_sha256));
        self.settle(
            from,
            PathInfo {
                path,
                nar_sha256: scan.nar_sha256,
                nar_size: scan.nar_size,
                references,
                content_address: Some(address),
            },
        )
    }

    /// Makes a store path that mentions itself. `fill` is called twice, each time with an empty place and
    /// the path to mention: first a placeholder, so that a name follows from the content, then that name.
    pub(super) fn add_self_referring(
        &mut self,
        name: &str,
        fill: &dyn Fn(&Path, &str) -> Result<(), SampleError>,
    ) -> Result<String, SampleError> {
        let draft = self.scratch();
        fill(&draft, &format!("{STORE}/{PLACEHOLDER}-{name}"))?;
        let path = output_path(name, &self.scan(&draft, &[])?.nar_sha256);
        files::remove_tree(&draft)?;

        let real = self.scratch();
        fill(&real, &path)?;
        let scan = self.scan(&real, &[&path])?;
        let mut references = self.references(&scan);
        if scan.matches.contains(&self.infos.len()) {
            references.push(path.clone());
            references.sort();
        }
        let (nar_sha256, nar_size) = (scan.nar_sha256, scan.nar_size);
        self.settle(&real, PathInfo { path, nar_sha256, nar_size, references, content_address: None })
    }

    fn scan(&self, tree: &Path, extra: &[&str]) -> Result<ReferenceScan, SampleError> {
        let known = self.infos.iter().map(|info| info.path.as_str());
        // The digest of a store path: 32 letters after the store's own name.
        let digests = known.chain(extra.iter().copied()).map(|path| &path[STORE.len() + 1..STORE.len() + 33]);
        let failed = |source: Box<dyn std::error::Error + Send + Sync>| SampleError::Hash {
            path: tree.to_owned(),
            source,
        };
        let pattern = ReferencePattern::new(digests).map_err(|e| failed(e.into()))?;
        pattern.scan_path(tree, CaseHack::Disabled).map_err(|e| failed(e.into()))
    }

    fn references(&self, scan: &ReferenceScan) -> Vec<String> {
        let known = scan.matches.iter().filter_map(|&index| self.infos.get(index));
        let mut references: Vec<_> = known.map(|info| info.path.clone()).collect();
        references.sort();
        references
    }

    /// Moves a tree to its name, gives it a store's modes and times, and remembers it. Two packages with
    /// the same content and name are one path.
    fn settle(&mut self, from: &Path, info: PathInfo) -> Result<String, SampleError> {
        let path = info.path.clone();
        if self.infos.iter().any(|known| known.path == path) {
            files::remove_tree(from)?;
            return Ok(path);
        }
        let to = self.on_host(&path);
        files::rename(from, &to)?;
        // Only now: an ordinary user cannot move a directory that he may not write.
        files::canonicalise(&to)?;
        self.infos.push(info);
        Ok(path)
    }

    /// Drops every path that `toplevel` does not need, clears the scratch space and gives up the rest,
    /// sorted by path.
    pub(super) fn finish(self, toplevel: &str) -> Result<Vec<PathInfo>, SampleError> {
        files::remove_tree(&self.scratch)?;
        let mut needed = vec![toplevel];
        let mut next = 0;
        while let Some(path) = needed.get(next) {
            let references = self.infos.iter().filter(|i| i.path == **path).flat_map(|i| &i.references);
            let new: Vec<_> = references.filter(|r| !needed.contains(&r.as_str())).collect();
            needed.extend(new.iter().map(|reference| reference.as_str()));
            next += 1;
        }
        let (mut kept, dropped): (Vec<_>, Vec<_>) =
            self.infos.iter().cloned().partition(|info| needed.contains(&info.path.as_str()));
        for info in dropped {
            files::remove_tree(&self.on_host(&info.path))?;
        }
        kept.sort_by(|a, b| a.path.cmp(&b.path));
        for directory in ["nix/store", "nix"] {
            files::set_store_time(&self.root.join(directory))?;
        }
        Ok(kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(store: &mut Store, name: &str, content: &str) -> String {
        let tree = store.scratch();
        files::write(&tree.join("file"), content).unwrap();
        store.add(name, &tree).unwrap()
    }

    #[test]
    fn a_reference_is_what_the_content_mentions() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let a = made(&mut store, "a", "leaf");
        let b = made(&mut store, "b", &format!("needs {a}/file"));
        let unused = made(&mut store, "c", "nobody needs this");
        let infos = store.finish(&b).unwrap();
        assert_eq!(infos.len(), 2);
        let of = |path: &str| infos.iter().find(|info| info.path == path).unwrap().clone();
        assert_eq!(of(&b).references.join(" "), a);
        assert!(of(&a).references.is_empty());
        assert!(!folder.path().join(unused.trim_start_matches('/')).exists());
        files::remove_tree(&folder.path().join("nix")).unwrap();
    }

    #[test]
    fn a_path_that_mentions_itself_is_registered_as_doing_so() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let fill = |at: &Path, own: &str| files::write(&at.join("init"), format!("I am {own}"));
        let path = store.add_self_referring("top", &fill).unwrap();
        let text = String::from_utf8(files::read(&store.on_host(&path).join("init")).unwrap()).unwrap();
        assert_eq!(text, format!("I am {path}"));
        let infos = store.finish(&path).unwrap();
        assert_eq!(infos[0].references.join(" "), path);
        assert!(infos[0].registration().ends_with(&format!("\n\n1\n{path}\n")));
        files::remove_tree(&folder.path().join("nix")).unwrap();
    }

    #[test]
    fn the_same_tree_twice_is_one_path() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let first = made(&mut store, "a", "same");
        assert_eq!(first, made(&mut store, "a", "same"));
        assert_eq!(store.finish(&first).unwrap().len(), 1);
        files::remove_tree(&folder.path().join("nix")).unwrap();
    }
}
