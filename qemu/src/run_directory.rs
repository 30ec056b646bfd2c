//! The directory of one machine's run: gone after success, kept after a failure.

use std::fs;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use crate::error::{Error, Evidence};

/// The longest path of a Unix socket, `sun_path` of `unix(7)` less its final NUL.
const LONGEST_SOCKET: usize = 107;

/// Names in the directory are at most this long, with a slash.
const LONGEST_NAME: usize = 24;

/// How much of QEMU's own output an error shows, in bytes.
const SHOWN_MESSAGES: u64 = 2000;

/// A private directory with a machine's sockets, variable store, transcript and script.
#[derive(Debug)]
pub struct RunDirectory {
    path: PathBuf,
    kept: AtomicBool,
}

impl RunDirectory {
    /// A fresh directory below `parent`, or where temporary files go: `LANDFALL_VM_DIR`, else `TMPDIR`,
    /// else `/tmp`. A place whose path is too long for sockets is replaced by `/tmp`.
    pub fn create(parent: Option<&Path>) -> Result<Self, Error> {
        let chosen = std::env::var_os("LANDFALL_VM_DIR").filter(|value| !value.is_empty());
        let parent = parent
            .map(Path::to_owned)
            .or_else(|| chosen.map(PathBuf::from))
            .unwrap_or_else(std::env::temp_dir);
        let room = LONGEST_SOCKET - 2 * LONGEST_NAME;
        let parent = if parent.as_os_str().as_bytes().len() > room { PathBuf::from("/tmp") } else { parent };
        fs::create_dir_all(&parent).map_err(Error::io("creating", &parent))?;
        let path = tempfile::Builder::new()
            .prefix("landfall-vm-")
            .tempdir_in(&parent)
            .map_err(Error::io("creating a directory in", &parent))?
            .keep();
        Ok(Self { path, kept: AtomicBool::new(false) })
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the guest printed on its serial console, byte for byte.
    pub fn transcript(&self) -> PathBuf {
        self.path.join("console.log")
    }

    /// What QEMU itself printed.
    pub fn messages(&self) -> PathBuf {
        self.path.join("qemu.log")
    }

    /// The script that starts the machine again in a terminal.
    pub fn script(&self) -> PathBuf {
        self.path.join("machine.sh")
    }

    /// The machine's own variable store.
    pub fn variables(&self) -> PathBuf {
        self.path.join("variables.fd")
    }

    /// The monitor's socket.
    pub fn monitor(&self) -> PathBuf {
        self.path.join("monitor")
    }

    /// From now on the directory outlives its owner.
    pub fn keep(&self) {
        self.kept.store(true, Ordering::Relaxed);
    }

    /// Keeps the directory and says what is in it.
    pub(crate) fn evidence(&self, last_lines: Vec<String>) -> Box<Evidence> {
        self.keep();
        Box::new(Evidence {
            directory: self.path.clone(),
            transcript: self.transcript(),
            script: self.script(),
            last_lines,
            messages: self.last_messages(),
        })
    }

    /// The end of what QEMU printed; empty where it printed nothing.
    pub(crate) fn last_messages(&self) -> String {
        let mut text = Vec::new();
        let read = fs::File::open(self.messages()).and_then(|mut file| {
            let length = file.metadata()?.len();
            file.seek(SeekFrom::Start(length.saturating_sub(SHOWN_MESSAGES)))?;
            file.read_to_end(&mut text)
        });
        // An unreadable log leaves the error without QEMU's words; the error itself matters more.
        if read.is_err() {
            text.clear();
        }
        String::from_utf8_lossy(&text).into_owned()
    }
}

impl Drop for RunDirectory {
    fn drop(&mut self) {
        let wanted = *self.kept.get_mut() || std::thread::panicking();
        if !wanted {
            // Left-overs in the temporary directory are no reason to fail.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn success_leaves_nothing_and_failure_leaves_all() {
        let parent = tempfile::tempdir().unwrap();
        let passed = RunDirectory::create(Some(parent.path())).unwrap();
        fs::write(passed.transcript(), "fine").unwrap();
        drop(passed);
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);

        let failed = RunDirectory::create(Some(parent.path())).unwrap();
        fs::write(failed.messages(), "could not open disk").unwrap();
        let evidence = failed.evidence(Vec::new());
        drop(failed);
        assert_eq!(evidence.messages, "could not open disk");
        assert!(evidence.directory.is_dir());
    }

    #[test]
    fn a_panic_keeps_the_directory() {
        let parent = tempfile::tempdir().unwrap();
        let path = parent.path().to_owned();
        let ended = std::thread::spawn(move || {
            let _directory = RunDirectory::create(Some(&path)).unwrap();
            panic!("a failed assertion");
        })
        .join();
        assert!(ended.is_err());
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 1);
    }

    #[test]
    fn sockets_fit_even_where_the_temporary_directory_is_deep() {
        let deep = tempfile::tempdir().unwrap().path().join("x".repeat(120));
        let directory = RunDirectory::create(Some(&deep)).unwrap();
        assert!(directory.monitor().as_os_str().len() <= LONGEST_SOCKET);
    }
}
