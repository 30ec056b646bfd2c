//! A file system mounted by the kernel of this host, for as long as a test looks at it.

use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use crate::oracle::{require_root, require_tool, run_ok};

/// A mounted file system; unmounted when it goes.
pub struct Mounted {
    folder: TempDir,
    open: bool,
}

impl Mounted {
    /// Mounts the ext4 image at `path` with `options`. `None` where that is not possible: not root, no tools.
    pub fn new(path: &str, options: &str) -> Option<Self> {
        Self::of_kind("ext4", path, options)
    }

    /// Mounts the image at `path`, a file system of `kind`, with `options`.
    pub fn of_kind(kind: &str, path: &str, options: &str) -> Option<Self> {
        if !require_root() {
            return None;
        }
        let mount = require_tool("mount")?;
        let folder = tempfile::tempdir().unwrap();
        let options = format!("loop,{options}");
        run_ok(&mount, &["-t", kind, "-o", &options, path, folder.path().to_str().unwrap()]);
        Some(Self { folder, open: true })
    }

    pub fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Unmounts; everything is on disk afterwards.
    pub fn unmount(mut self) {
        self.open = false;
        run_ok(&require_tool("umount").unwrap(), &[self.folder.path().to_str().unwrap()]);
    }
}

impl Drop for Mounted {
    fn drop(&mut self) {
        if self.open {
            let status = Command::new("umount").arg(self.folder.path()).status();
            if !status.is_ok_and(|status| status.success()) {
                eprintln!("could not unmount {}", self.folder.path().display());
            }
        }
    }
}
