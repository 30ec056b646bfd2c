//! Files of the host with errors that name them, and replacement that is complete or absent.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::error::IoError;

/// The whole content of a file.
pub fn read(path: &Path) -> Result<Vec<u8>, IoError> {
    fs::read(path).map_err(|source| IoError::new("reading", path, source))
}

/// The content of a file that should be small: of a longer one, `most` bytes and one more, which tells that it is longer.
pub fn read_at_most(path: &Path, most: usize) -> Result<Vec<u8>, IoError> {
    let limit = crate::units::u64_of(most).saturating_add(1);
    let mut data = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit).read_to_end(&mut data));
    read.map_err(|source| IoError::new("reading", path, source))?;
    Ok(data)
}

/// The whole content of a file that must be UTF-8.
pub fn read_to_string(path: &Path) -> Result<String, IoError> {
    fs::read_to_string(path).map_err(|source| IoError::new("reading", path, source))
}

/// Opens a file for reading.
pub fn open(path: &Path) -> Result<File, IoError> {
    File::open(path).map_err(|source| IoError::new("opening", path, source))
}

/// Makes a directory and those above it.
pub fn create_dir_all(path: &Path) -> Result<(), IoError> {
    fs::create_dir_all(path).map_err(|source| IoError::new("creating directory", path, source))
}

/// The replacements under way in this process, for [`remove_temporaries`].
static TEMPORARIES: Mutex<Vec<PathBuf>> = Mutex::new(Vec::new());

fn temporaries() -> MutexGuard<'static, Vec<PathBuf>> {
    TEMPORARIES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Removes every unfinished replacement of this process, because it is about to end; how many there were. Whoever begins
/// or ends one after that waits, for the end.
pub fn remove_temporaries() -> usize {
    let unfinished = temporaries();
    let removed = unfinished.iter().filter(|path| fs::remove_file(path).is_ok()).count();
    std::mem::forget(unfinished);
    removed
}

/// A file that takes its name only when it is complete.
///
/// It is written beside its name, as `.NAME.landfall-PID`, synced and renamed by [`commit`](Self::commit).
/// Dropped before that, it is removed: an interrupted run leaves nothing under the final name.
#[derive(Debug)]
pub struct ReplaceFile {
    file: File,
    temporary: PathBuf,
    target: PathBuf,
    committed: bool,
}

impl ReplaceFile {
    /// Begins the replacement of `target`, whose folder must exist.
    pub fn create(target: &Path) -> Result<Self, IoError> {
        let error = |source| IoError::new("creating", target, source);
        let name = target.file_name().ok_or_else(|| error(io::ErrorKind::InvalidInput.into()))?;
        let mut temporary_name = std::ffi::OsString::from(".");
        temporary_name.push(name);
        temporary_name.push(format!(".landfall-{}", std::process::id()));
        let temporary = target.with_file_name(temporary_name);
        // Held until the file is among them: who ends this process in between would leave it behind.
        let mut unfinished = temporaries();
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&temporary)
            .map_err(error)?;
        unfinished.push(temporary.clone());
        Ok(Self { file, temporary, target: target.to_owned(), committed: false })
    }

    /// The open file, readable and writable.
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the bytes are until the file is complete.
    pub fn temporary_path(&self) -> &Path {
        &self.temporary
    }

    /// Gives the file its name, replacing what had it, without waiting for the disk: for large files that
    /// are made again when a power cut takes them.
    pub fn commit_cached(mut self) -> Result<(), IoError> {
        self.rename()
    }

    fn rename(&mut self) -> Result<(), IoError> {
        fs::rename(&self.temporary, &self.target)
            .map_err(|source| IoError::new("renaming to", &self.target, source))?;
        self.committed = true;
        Ok(())
    }

    /// Syncs the bytes and gives the file its name, replacing what had it.
    pub fn commit(mut self) -> Result<(), IoError> {
        self.file.sync_all().map_err(|source| IoError::new("syncing", &self.temporary, source))?;
        self.rename()?;
        // The rename lasts through a power cut only when the folder is synced too.
        let folder = match self.target.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        open(folder)?.sync_all().map_err(|source| IoError::new("syncing", folder, source))
    }
}

impl Drop for ReplaceFile {
    fn drop(&mut self) {
        temporaries().retain(|path| *path != self.temporary);
        if !self.committed
            && let Err(error) = fs::remove_file(&self.temporary)
        {
            tracing::warn!("removing {}: {error}", self.temporary.display());
        }
    }
}

/// Writes a whole small file by way of [`ReplaceFile`].
pub fn replace(target: &Path, content: &[u8]) -> Result<(), IoError> {
    written(target, content)?.commit()
}

/// The same without waiting for the disk, for what goes with files that do not wait either.
pub fn replace_cached(target: &Path, content: &[u8]) -> Result<(), IoError> {
    written(target, content)?.commit_cached()
}

fn written(target: &Path, content: &[u8]) -> Result<ReplaceFile, IoError> {
    let replacement = ReplaceFile::create(target)?;
    replacement.file().write_all(content).map_err(|source| IoError::new("writing", target, source))?;
    Ok(replacement)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dropped_replacement_leaves_the_old_content_and_no_other_file() {
        let dir = tempfile::tempdir().unwrap();
        let target = dir.path().join("image.raw");
        replace(&target, b"old").unwrap();
        let replacement = ReplaceFile::create(&target).unwrap();
        replacement.file().write_all(b"half").unwrap();
        drop(replacement);
        assert_eq!(read(&target).unwrap(), b"old");
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn errors_name_the_file() {
        let error = read(Path::new("/nowhere/at/all")).unwrap_err();
        assert_eq!(error.to_string(), "reading `/nowhere/at/all`");
    }
}
