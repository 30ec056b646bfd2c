//! Where a system comes from on this host.
//!
//! Two kinds of folders hold store paths and say what they are:
//!
//! - a *store root*, as `nix --store DIR` has it: `DIR/nix/store` with `DIR/nix/var/nix/db`; the
//!   machine's own store is the root `/`;
//! - a *closure-info* folder, as nixpkgs' `closureInfo` makes it: `registration` and `store-paths`. The
//!   paths themselves are in the store in which that folder is, or in the machine's own.
//!
//! Links inside of a store root are followed as they would be on a machine whose `/` it is: an absolute
//! target begins at the root again, `..` never leaves it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use super::database::{DATABASE_FILE, Database, DatabaseError, Snapshot};
use super::path::STORE_DIR;
use super::registration::{self, RegistrationError};
use super::{PathInfo, StorePath};
use crate::error::IoError;
use crate::files;

/// Links that are followed for one name before it counts as a loop: Linux's own limit.
const MAX_LINKS: usize = 40;

/// Store paths and what is known of them.
#[derive(Debug)]
pub struct Source {
    root: PathBuf,
    index: Index,
}

#[derive(Debug)]
enum Index {
    Database(Database),
    Registration(BTreeMap<StorePath, PathInfo>),
}

/// Why a source could not be opened or asked.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The database could not be read.
    #[error(transparent)]
    Database(#[from] DatabaseError),
    /// The registration could not be read.
    #[error(transparent)]
    Registration(#[from] RegistrationError),
    /// The two files of a closure-info folder contradict each other.
    #[error("`{folder}/store-paths` lists `{path}`, which `{folder}/registration` does not describe")]
    Unregistered {
        /// The closure-info folder.
        folder: PathBuf,
        /// The path that is in one file only.
        path: String,
    },
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
    /// What should be a system is not there.
    #[error("there is no system `{0}`")]
    NoSystem(PathBuf),
    /// What should be a system is not in the store.
    #[error("`{given}` is not in the store `{store}`; --system takes a system's store path or a link to one")]
    NotInStore {
        /// What was given.
        given: PathBuf,
        /// The store that was searched.
        store: PathBuf,
    },
    /// A name inside of the root leads nowhere.
    #[error("`{path}` does not exist in the store root `{root}`")]
    NotFound {
        /// The name, as seen from the root.
        path: String,
        /// The store root.
        root: PathBuf,
    },
    /// Links lead in a circle.
    #[error("`{path}` in the store root `{root}` is a circle of links")]
    Loop {
        /// The name, as seen from the root.
        path: String,
        /// The store root.
        root: PathBuf,
    },
}

impl Source {
    /// Opens a store root or a closure-info folder. What has a database is a store root, whatever else
    /// is in it; a folder with `nix/store` and a registration, but no database, is both.
    pub fn open(folder: &Path) -> Result<Self, SourceError> {
        let has = |name: &str| folder.join(name).exists();
        if has(DATABASE_FILE) || !(has("registration") && has("store-paths")) {
            let index = Index::Database(Database::open(folder)?);
            return Ok(Self { root: real(folder)?, index });
        }
        if has(&STORE_DIR[1..]) {
            return Self::closure_info(folder, folder);
        }
        let real = fs::canonicalize(folder).map_err(|error| IoError::new("opening", folder, error))?;
        Self::closure_info(folder, &store_root_of(&real).unwrap_or_else(|| PathBuf::from("/")))
    }

    /// Opens the closure-info folder `folder`, whose paths are in the store below `root`.
    pub fn closure_info(folder: &Path, root: &Path) -> Result<Self, SourceError> {
        let file = folder.join("registration");
        let records = registration::parse(&files::read_to_string(&file)?, &file)?;
        let infos: BTreeMap<_, _> = records.into_iter().map(|info| (info.path.clone(), info)).collect();
        let listed = files::read_to_string(&folder.join("store-paths"))?;
        for path in listed.lines() {
            let known = StorePath::from_absolute(path).is_ok_and(|path| infos.contains_key(&path));
            if !known {
                return Err(SourceError::Unregistered { folder: folder.to_owned(), path: path.to_owned() });
            }
        }
        Ok(Self { root: real(root)?, index: Index::Registration(infos) })
    }

    /// Opens the store below `root` whose paths the text `registration` describes (the file is `file`): how
    /// a medium has them.
    pub fn registered(registration: &str, file: &Path, root: &Path) -> Result<Self, SourceError> {
        let records = registration::parse(registration, file)?;
        let infos = records.into_iter().map(|info| (info.path.clone(), info)).collect();
        Ok(Self { root: absolute(root)?, index: Index::Registration(infos) })
    }

    /// The folder of this host that is `/` for the store paths.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What is known of `path`; `None` when it is not valid here.
    pub fn info(&self, path: &StorePath) -> Result<Option<PathInfo>, SourceError> {
        match &self.index {
            Index::Database(database) => Ok(database.info(path)?),
            Index::Registration(infos) => Ok(infos.get(path).cloned()),
        }
    }

    /// One state for all that is read until the guard is dropped; `None` where nobody could write.
    pub fn snapshot(&self) -> Result<Option<Snapshot<'_>>, SourceError> {
        match &self.index {
            Index::Database(database) => Ok(Some(database.snapshot()?)),
            Index::Registration(_) => Ok(None),
        }
    }

    /// Fails when what was read may not fit together because the source was written to meanwhile.
    pub fn check_unchanged(&self) -> Result<(), SourceError> {
        match &self.index {
            Index::Database(database) => Ok(database.check_unchanged()?),
            Index::Registration(_) => Ok(()),
        }
    }

    /// Where `path` is on this host.
    pub fn host_path(&self, path: &StorePath) -> PathBuf {
        self.root.join(&STORE_DIR[1..]).join(path.base_name())
    }

    /// The store path that `given` means: a store path, something inside of one, or a link to either;
    /// by its name on this host or by its name in the store.
    ///
    /// Links are followed one at a time until one lands in the store, because the last of them often
    /// leads to `/nix/store/…`, which is right inside of the root and nothing on this host.
    pub fn system(&self, given: &Path) -> Result<StorePath, SourceError> {
        let mut current = absolute(given)?;
        for _ in 0..MAX_LINKS {
            if let Some(path) = self.store_path_in(&current) {
                return Ok(path);
            }
            match fs::read_link(&current) {
                // Both relative and absolute targets: `join` replaces the path by an absolute one.
                Ok(target) => current = normal(&current.parent().unwrap_or(Path::new("/")).join(target)),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(SourceError::NoSystem(given.to_owned()));
                }
                // Not a link: perhaps one of the folders above it is.
                Err(_) => break,
            }
        }
        let real = fs::canonicalize(&current).ok();
        real.and_then(|real| self.store_path_in(&real)).ok_or_else(|| SourceError::NotInStore {
            given: given.to_owned(),
            store: self.root.join(&STORE_DIR[1..]),
        })
    }

    /// The store path in which the absolute name `path` lies, when it is in this store.
    fn store_path_in(&self, path: &Path) -> Option<StorePath> {
        let inside = path.strip_prefix(&self.root).ok().map(|inside| Path::new("/").join(inside));
        let names = inside.iter().map(PathBuf::as_path).chain([path]);
        names.filter_map(Path::to_str).find_map(|name| Some(StorePath::split(name).ok()?.0))
    }

    /// Follows every link of `path`, an absolute name inside of the root, and gives the absolute name
    /// of what it leads to: a name without links, still inside of the root.
    pub fn resolve(&self, path: &Path) -> Result<PathBuf, SourceError> {
        let shown = || path.to_string_lossy().into_owned();
        let not_found = || SourceError::NotFound { path: shown(), root: self.root.clone() };
        let mut pending: Vec<PathBuf> = vec![path.to_owned()];
        let mut done = PathBuf::from("/");
        let mut links = 0;
        while let Some(next) = pending.pop() {
            let mut components = next.components();
            let Some(first) = components.next() else { continue };
            let rest = components.as_path();
            if !rest.as_os_str().is_empty() {
                pending.push(rest.to_owned());
            }
            match first {
                Component::RootDir | Component::Prefix(_) => done = PathBuf::from("/"),
                Component::CurDir => {}
                Component::ParentDir => {
                    done.pop();
                }
                Component::Normal(name) => {
                    let candidate = done.join(name);
                    let host = self.on_host(&candidate);
                    let metadata = fs::symlink_metadata(&host).map_err(|_| not_found())?;
                    if !metadata.is_symlink() {
                        done = candidate;
                        continue;
                    }
                    links += 1;
                    if links > MAX_LINKS {
                        return Err(SourceError::Loop { path: shown(), root: self.root.clone() });
                    }
                    let target =
                        fs::read_link(&host).map_err(|error| IoError::new("reading", &host, error))?;
                    pending.push(target);
                }
            }
        }
        Ok(done)
    }

    /// Where the absolute name `path` of the root is on this host; links are not followed.
    pub fn on_host(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// The root of the store in which `path` lies.
fn store_root_of(path: &Path) -> Option<PathBuf> {
    let bytes = path.as_os_str().as_bytes();
    let needle = [STORE_DIR.as_bytes(), b"/"].concat();
    let at = bytes.windows(needle.len()).rposition(|window| window == needle)?;
    let root = Path::new(std::ffi::OsStr::from_bytes(&bytes[..at]));
    Some(if root.as_os_str().is_empty() { PathBuf::from("/") } else { root.to_owned() })
}

/// The name of a store root without links, so that a system below it is found by whichever name it is given.
fn real(root: &Path) -> Result<PathBuf, IoError> {
    fs::canonicalize(root).or_else(|_| absolute(root))
}

/// `path` from the root of this host, without `.` and `..`, its own links not followed.
fn absolute(path: &Path) -> Result<PathBuf, IoError> {
    let path = std::path::absolute(path).map_err(|error| IoError::new("opening", path, error))?;
    // The folders above are made real, so that two names of one folder compare equal.
    match (path.parent().map(fs::canonicalize), path.file_name()) {
        (Some(Ok(parent)), Some(name)) => Ok(parent.join(name)),
        _ => Ok(normal(&path)),
    }
}

/// `path` with `.` and `..` taken out by name.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for component in path.components() {
        match component {
            Component::ParentDir => {
                normal.pop();
            }
            Component::CurDir => {}
            other => normal.push(other),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use super::*;

    const BASE: &str = "nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src";

    /// A store root with one path that holds links of every kind.
    fn root() -> (tempfile::TempDir, Source) {
        let dir = tempfile::tempdir().unwrap();
        let object = dir.path().join("nix/store").join(BASE);
        fs::create_dir_all(object.join("real")).unwrap();
        fs::write(object.join("real/file"), b"content").unwrap();
        symlink(format!("/nix/store/{BASE}/real"), object.join("absolute")).unwrap();
        symlink("real/../absolute", object.join("relative")).unwrap();
        symlink("../../../../../../../../nix/store", object.join("escape")).unwrap();
        symlink("loop", object.join("loop")).unwrap();
        symlink("/etc/hostname", object.join("outside")).unwrap();
        symlink(format!("/nix/store/{BASE}"), dir.path().join("system")).unwrap();
        let index = Index::Registration(BTreeMap::new());
        let source = Source { root: fs::canonicalize(dir.path()).unwrap(), index };
        (dir, source)
    }

    #[test]
    fn links_are_followed_inside_of_the_root_only() {
        let (_dir, source) = root();
        let resolve = |inside: &str| source.resolve(&PathBuf::from(format!("/nix/store/{BASE}/{inside}")));
        let file = PathBuf::from(format!("/nix/store/{BASE}/real/file"));
        for inside in ["real/file", "absolute/file", "relative/file", &format!("escape/{BASE}/real/file")] {
            assert_eq!(resolve(inside).unwrap(), file, "{inside}");
        }
        assert!(matches!(resolve("loop"), Err(SourceError::Loop { .. })));
        // It exists on this host, but not in the root.
        assert!(matches!(resolve("outside"), Err(SourceError::NotFound { .. })));
    }

    #[test]
    fn a_system_is_found_by_any_of_its_names() {
        let (dir, source) = root();
        let path = StorePath::from_base_name(BASE).unwrap();
        let absolute = format!("/nix/store/{BASE}");
        for given in [dir.path().join("system"), absolute.into(), dir.path().join("nix/store").join(BASE)] {
            assert_eq!(source.system(&given).unwrap(), path, "{}", given.display());
        }
    }

    #[test]
    fn what_is_no_system_is_refused_by_name() {
        let (dir, source) = root();
        let missing = dir.path().join("missing");
        let message = source.system(&missing).unwrap_err().to_string();
        assert_eq!(message, format!("there is no system `{}`", missing.display()));
        let message = source.system(Path::new("/etc")).unwrap_err().to_string();
        let store = source.root().join("nix/store");
        let store = store.display();
        assert_eq!(
            message,
            format!(
                "`/etc` is not in the store `{store}`; --system takes a system's store path or a link to one"
            )
        );
    }

    #[test]
    fn the_root_of_a_store_is_in_front_of_the_store() {
        let cases =
            [("/nix/store/x/y", Some("/")), ("/a/nix/store/x", Some("/a")), ("/a/nix/storage/x", None)];
        for (path, root) in cases {
            assert_eq!(store_root_of(Path::new(path)), root.map(PathBuf::from));
        }
    }
}
