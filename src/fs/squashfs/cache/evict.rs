//! Keeping the cache below its limit: what was used longest ago goes first.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use rustix::fs::{AtFlags, CWD, Timespec, Timestamps, UTIME_NOW, UTIME_OMIT, utimensat};

use super::pack::{ENDING, UNFINISHED};
use crate::error::IoError;
use crate::units::ByteSize;

/// Makes the files at `paths` the ones used last. Where that is not permitted they are removed earlier than they
/// should, which harms nobody.
pub(super) fn touch(paths: &[PathBuf]) {
    let time = |tv_nsec| Timespec { tv_sec: 0, tv_nsec };
    let times = Timestamps { last_access: time(UTIME_OMIT), last_modification: time(UTIME_NOW) };
    for path in paths {
        let _ = utimensat(CWD, path, &times, AtFlags::empty());
    }
}

/// Whether the file is one of the cache's, or was to become one.
fn is_ours(path: &Path) -> bool {
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    name.ends_with(ENDING) || name.starts_with(UNFINISHED)
}

/// Removes files of the cache from `folder` until those that are left take at most `limit`.
pub(super) fn shrink(folder: &Path, limit: ByteSize) -> Result<(), IoError> {
    let error = |source| IoError::new("reading", folder, source);
    let mut files: Vec<(SystemTime, PathBuf, u64)> = Vec::new();
    let mut total = 0_u64;
    let entries = match fs::read_dir(folder) {
        // Somebody removed it: that is allowed.
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        entries => entries.map_err(error)?,
    };
    for entry in entries {
        let Ok(entry) = entry else { continue };
        // What somebody else removed meanwhile takes no room.
        let Ok(metadata) = entry.metadata() else { continue };
        if let Ok(used) = metadata.modified()
            && metadata.is_file()
            && is_ours(&entry.path())
        {
            total = total.saturating_add(metadata.len());
            files.push((used, entry.path(), metadata.len()));
        }
    }
    files.sort();
    for (_, path, len) in files {
        if total <= limit.bytes() {
            break;
        }
        match fs::remove_file(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => {
                return Err(IoError::new("removing", &path, error));
            }
            _ => total -= len,
        }
    }
    Ok(())
}
