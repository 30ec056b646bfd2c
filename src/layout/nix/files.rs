//! The files that a layout may read: those under its own folder, and nothing else of the host.

use std::collections::HashMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::error::{NixError, NixErrorKind, Res};
use super::heap::CellId;
use super::text::Text;
use crate::error::IoError;
use crate::layout::syntax::source::LARGEST_SOURCE;

/// Paths of what stands for nixpkgs begin with this; no file of the host has such a name at its root.
pub(super) const NIXPKGS: &[u8] = b"/<nixpkgs>";

/// The same for disko's own modules, which a layout may import and which landfall replaces.
pub(super) const DISKO: &[u8] = b"/<disko>";

/// Access to the files of one layout.
#[derive(Debug)]
pub(super) struct Files {
    /// The layout's folder without symbolic links; `None` gives no files at all.
    root: Option<PathBuf>,
    /// The folder as the user wrote it, for messages.
    shown: PathBuf,
    /// Files read as Nix so far.
    pub(super) imported: HashMap<Text, CellId>,
}

impl Files {
    /// Files under `root`, which has no symbolic links in it and is called `shown` in messages.
    pub(super) fn under(root: PathBuf, shown: PathBuf) -> Self {
        Self { root: Some(root), shown, imported: HashMap::new() }
    }

    /// No files.
    pub(super) fn none() -> Self {
        Self { root: None, shown: PathBuf::new(), imported: HashMap::new() }
    }

    /// A path as messages show it: relative to the layout's folder as the user wrote that.
    pub(super) fn shown(&self, path: &Text) -> String {
        let host = Path::new(OsStr::from_bytes(path));
        match self.root.as_ref().and_then(|root| host.strip_prefix(root).ok()) {
            Some(inside) => self.shown.join(inside).display().to_string(),
            None => host.display().to_string(),
        }
    }

    /// Whether a path stands for something that is not on the host.
    pub(super) fn is_virtual(path: &[u8]) -> bool {
        path.starts_with(NIXPKGS) || path.starts_with(DISKO)
    }

    /// The real place of a path; `None` if there is nothing.
    fn resolve(&self, path: &Text) -> Res<Option<PathBuf>> {
        let outside = |what: &str| {
            NixError::new(NixErrorKind::Purity, format!("`{}` {what}", self.shown(path)))
                .hint("a layout reads only files of its own folder and below; move it there, or use `--nix`")
        };
        if Self::is_virtual(path) {
            return Err(NixError::needs_nix(format!(
                "`{}` is a part of nixpkgs, which only a real Nix has",
                shown_virtual(path)
            )));
        }
        let Some(root) = &self.root else { return Err(outside("cannot be read: this text has no folder")) };
        let host = Path::new(OsStr::from_bytes(path));
        if !host.starts_with(root) {
            return Err(outside("lies outside the layout's folder"));
        }
        match fs::canonicalize(host) {
            Ok(real) if real.starts_with(root) => Ok(Some(real)),
            Ok(_) => Err(outside("is a symbolic link out of the layout's folder")),
            Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                // A dangling link is there; where it leads must not be told.
                Ok(None)
            }
            Err(error) => Err(failed(IoError::new("finding", self.shown(path), error))),
        }
    }

    fn required(&self, path: &Text) -> Res<PathBuf> {
        self.resolve(path)?.ok_or_else(|| {
            NixError::new(NixErrorKind::Input, format!("`{}` does not exist", self.shown(path)))
        })
    }

    /// Whether a path exists.
    pub(super) fn exists(&self, path: &Text) -> Res<bool> {
        Ok(self.resolve(path)?.is_some())
    }

    /// The content of a file.
    pub(super) fn read(&self, path: &Text) -> Res<Vec<u8>> {
        read_regular(&self.required(path)?, &self.shown(path))
    }

    /// The path of the file that `import` of a path reads: a folder stands for its `default.nix`.
    pub(super) fn nix_file(&self, path: &Text) -> Res<Text> {
        let real = self.required(path)?;
        let file = if real.is_dir() { real.join("default.nix") } else { real };
        Ok(Text::from(file.as_os_str().as_bytes()))
    }

    /// Names in a folder and what they are, sorted.
    pub(super) fn list(&self, path: &Text) -> Res<Vec<(Vec<u8>, &'static str)>> {
        let real = self.required(path)?;
        let wrong = |error| failed(IoError::new("listing", self.shown(path), error));
        let mut names = Vec::new();
        for entry in fs::read_dir(real).map_err(wrong)? {
            let entry = entry.map_err(wrong)?;
            let kind = entry.file_type().map_err(wrong)?;
            let kind = if kind.is_file() {
                "regular"
            } else if kind.is_dir() {
                "directory"
            } else if kind.is_symlink() {
                "symlink"
            } else {
                "unknown"
            };
            names.push((entry.file_name().as_bytes().to_vec(), kind));
        }
        names.sort();
        Ok(names)
    }
}

/// The content of a regular file that is small enough to be a text. Devices and pipes are refused: they may have no end.
pub(super) fn read_regular(real: &Path, shown: &str) -> Res<Vec<u8>> {
    let wrong = |error| failed(IoError::new("reading", shown, error));
    let metadata = fs::metadata(real).map_err(wrong)?;
    if !metadata.is_file() {
        return Err(NixError::new(NixErrorKind::Input, format!("`{shown}` is not a regular file")));
    }
    let limit = crate::units::u64_of(LARGEST_SOURCE);
    let too_large = |length| {
        NixError::new(NixErrorKind::Limit, format!("`{shown}` has {length} bytes; at most {limit} are read"))
    };
    if metadata.len() > limit {
        return Err(too_large(metadata.len()));
    }
    let mut data = Vec::new();
    // The file may grow while it is read.
    let file = fs::File::open(real).map_err(wrong)?;
    file.take(limit + 1).read_to_end(&mut data).map_err(wrong)?;
    if data.len() > LARGEST_SOURCE {
        return Err(too_large(crate::units::u64_of(data.len())));
    }
    Ok(data)
}

/// `<nixpkgs/lib>` of `/<nixpkgs>/lib`.
fn shown_virtual(path: &[u8]) -> String {
    let text = String::from_utf8_lossy(path);
    format!("<{}>", text.trim_start_matches('/').replace(['<', '>'], ""))
}

/// The error of the operating system in one sentence.
pub(super) fn failed(error: IoError) -> Box<NixError> {
    NixError::new(NixErrorKind::Input, crate::error::chain(&error))
}
