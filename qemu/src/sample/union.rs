//! Many store paths as one tree of links: what NixOS's system path and `/etc` are.
//!
//! A directory that only one path has becomes one link, as `buildEnv` of Nix does it: a link to a store
//! path is longer than the 60 bytes that ext4 keeps in an inode, so each costs a block.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Component, Path, PathBuf};

use super::store::Store;
use super::{SampleError, files};

/// What to unite, and how.
#[derive(Debug)]
pub(super) struct Union<'a> {
    /// Full store paths; of two that have the same file, the first gives it.
    pub(super) sources: Vec<&'a str>,
    /// The directory of each source that is taken; empty for the whole.
    pub(super) below: &'a str,
    /// Names directly below that directory that are left out.
    pub(super) leave_out: &'a [&'a str],
    /// Directories, as locations in a source, that stay directories even where one source alone has them.
    pub(super) keep: &'a [&'a str],
}

impl Union<'_> {
    /// Makes the united tree at `to`.
    pub(super) fn build(&self, store: &Store, to: &Path) -> Result<(), SampleError> {
        files::make_directory(to)?;
        self.merge(store, &self.sources, Path::new(self.below), to)
    }

    fn merge(&self, store: &Store, sources: &[&str], at: &Path, to: &Path) -> Result<(), SampleError> {
        let mut owners: BTreeMap<OsString, Vec<&str>> = BTreeMap::new();
        for source in sources {
            let directory = store.on_host(source).join(at);
            if files::metadata(&directory).is_ok_and(|meta| meta.is_dir()) {
                for name in files::names(&directory)? {
                    owners.entry(name).or_default().push(source);
                }
            }
        }
        if at == Path::new(self.below) {
            owners.retain(|name, _| !self.leave_out.iter().any(|left_out| name == left_out));
        }
        for (name, owners) in owners {
            let (location, place) = (at.join(&name), to.join(&name));
            let is_directory = |source: &&str| {
                files::metadata(&store.on_host(source).join(&location)).is_ok_and(|meta| meta.is_dir())
            };
            let directories: Vec<_> = owners.iter().copied().filter(is_directory).collect();
            let kept = |keep: &&str| location.starts_with(keep) || Path::new(keep).starts_with(&location);
            let kept = self.keep.iter().any(kept);
            match directories[..] {
                [] => self.link(store, owners[0], &location, &place)?,
                [only] if !kept => files::link(Path::new(only).join(&location), &place)?,
                _ => {
                    files::make_directory(&place)?;
                    self.merge(store, &directories, &location, &place)?;
                }
            }
        }
        Ok(())
    }

    /// A link to a file. One to a link repeats its text instead, unless that leads out of the united tree
    /// by `..`: programs that compare names, such as systemd with its aliases, then see what they would
    /// see on an installed Debian.
    fn link(&self, store: &Store, source: &str, location: &Path, place: &Path) -> Result<(), SampleError> {
        let on_host = store.on_host(source).join(location);
        if files::metadata(&on_host)?.is_symlink() {
            let text = files::read_link(&on_host)?;
            if text.is_absolute() || self.has(&plain(&location.with_file_name(&text))) {
                return files::link(text, place);
            }
        }
        files::link(Path::new(source).join(location), place)
    }

    /// Whether the location is one of those that are united.
    fn has(&self, location: &Path) -> bool {
        let inside = location.strip_prefix(self.below);
        inside.is_ok_and(|inside| !self.leave_out.iter().any(|name| inside.starts_with(name)))
    }
}

/// A location without `..`, read by its letters alone.
fn plain(location: &Path) -> PathBuf {
    let mut plain = PathBuf::new();
    for component in location.components() {
        match component {
            Component::ParentDir => drop(plain.pop()),
            other => plain.push(other),
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(store: &mut Store, name: &str, content: &[&str]) -> String {
        let tree = store.scratch();
        for file in content {
            match file.split_once(" -> ") {
                Some((place, target)) => files::link(target, &tree.join(place)).unwrap(),
                None => files::write(&tree.join(file), name).unwrap(),
            }
        }
        store.add(name, &tree).unwrap()
    }

    #[test]
    fn directories_are_links_unless_shared_or_kept() {
        let folder = tempfile::tempdir().unwrap();
        let mut store = Store::create(folder.path()).unwrap();
        let a = path(&mut store, "a", &["bin/a", "share/only-a/x", "lib/systemd/one", "etc/left-out"]);
        let b = path(
            &mut store,
            "b",
            &["bin/b", "bin/a", "bin/alias -> b", "bin/etc -> ../etc/x", "bin/null -> /dev/null"],
        );
        let to = store.scratch();
        let union = Union { sources: vec![&a, &b], below: "", leave_out: &["etc"], keep: &["lib/systemd"] };
        union.build(&store, &to).unwrap();
        let read = |place: &str| files::read_link(&to.join(place)).unwrap().to_str().unwrap().to_owned();
        assert_eq!(read("bin/a"), format!("{a}/bin/a"), "the first source wins");
        assert_eq!((read("bin/alias").as_str(), read("bin/null").as_str()), ("b", "/dev/null"));
        assert_eq!(read("bin/etc"), format!("{b}/bin/etc"), "`etc` is left out, so its text would be wrong");
        assert_eq!(read("share"), format!("{a}/share"));
        assert!(files::metadata(&to.join("lib/systemd")).unwrap().is_dir());
        assert!(!files::exists(&to.join("etc")));
        files::remove_tree(&folder.path().join("nix")).unwrap();
    }
}
