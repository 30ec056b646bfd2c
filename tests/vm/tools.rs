//! Programs that the sample system's distribution has not: ZFS and bcachefs, in the folder where they are kept.

use std::fs;
use std::path::{Path, PathBuf};

use landfall::store::Source;

use crate::harness::Sample;

/// ZFS for the kernel of `sample`.
pub fn zfs(sample: &Sample) -> Option<PathBuf> {
    let source = Source::open(sample.root()).unwrap();
    let modules = format!("{}/kernel-modules/lib/modules", sample.toplevel());
    let modules = source.on_host(&source.resolve(Path::new(&modules)).unwrap());
    let version = fs::read_dir(modules).unwrap().next().unwrap().unwrap().file_name();
    require(&Path::new("zfs").join(version), "make zfs")
}

/// The program of bcachefs.
pub fn bcachefs() -> Option<PathBuf> {
    require(Path::new("bcachefs"), "make bcachefs")
}

/// The folder `name` among what is kept of other people's packages. Missing, the test that asks is skipped by name on a
/// developer's machine and fails where `CI` is set.
fn require(name: &Path, command: &str) -> Option<PathBuf> {
    let cache = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from);
    let cache = cache.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")));
    let folder = cache.unwrap_or_default().join("landfall").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let missing = format!("no {} ({command})", folder.display());
    assert!(std::env::var_os("CI").is_none(), "{missing}");
    eprintln!("skipped: {missing}");
    None
}

/// Whether a program that makes file systems is where this host's programs are. Missing, it is as with [`bcachefs`].
pub fn is_in_path(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = std::env::split_paths(&path).any(|folder| folder.join(program).is_file());
    assert!(is_there || std::env::var_os("CI").is_none(), "no {program} in PATH (make test)");
    if !is_there {
        eprintln!("skipped: no {program} in PATH (make test)");
    }
    is_there
}
