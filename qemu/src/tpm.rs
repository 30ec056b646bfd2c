//! A software TPM 2.0 (`swtpm(8)`) for one machine.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

use crate::command_line::CommandLine;
use crate::error::Error;
use crate::keeper::Keeper;
use crate::program;

/// It listens after a few milliseconds unless the host is starved.
const PATIENCE: Duration = Duration::from_secs(20);

/// A running swtpm; it ends with this value, or with the machine that used it.
#[derive(Debug)]
pub struct Swtpm {
    keeper: Keeper,
    socket: PathBuf,
}

impl Swtpm {
    /// Starts one whose state is in `directory`: the same directory, the same TPM, so that a sealed key
    /// can be opened on the next start of the machine.
    pub fn start(directory: &Path) -> Result<Self, Error> {
        let program = program::find("swtpm", "swtpm")?;
        let state = directory.join("tpm");
        fs::create_dir_all(&state).map_err(Error::io("creating", &state))?;
        let socket = directory.join("tpm.socket");
        let log = directory.join("swtpm.log");
        let messages = File::create(&log).map_err(Error::io("creating", &log))?;
        let errors = messages.try_clone().map_err(Error::io("opening", &log))?;
        let line = CommandLine::new(
            program,
            vec![
                "socket".into(),
                "--tpm2".into(),
                "--tpmstate".into(),
                format!("dir={}", state.display()).into(),
                "--ctrl".into(),
                format!("type=unixio,path={}", socket.display()).into(),
                // It ends when the machine closes the connection.
                "--terminate".into(),
            ],
        );
        let (keeper, _) = Keeper::spawn(&line, move |command| {
            command.stdin(Stdio::null()).stdout(messages).stderr(errors);
        })?;
        let tpm = Self { keeper, socket };
        let start = Instant::now();
        while !tpm.socket.exists() {
            if tpm.keeper.wait(Duration::ZERO).is_some() || start.elapsed() > PATIENCE {
                let messages = fs::read_to_string(&log).unwrap_or_default();
                return Err(Error::Tpm { messages: messages.trim_end().to_owned() });
            }
            thread::sleep(Duration::from_millis(5));
        }
        Ok(tpm)
    }

    /// The control socket that QEMU connects to.
    pub fn socket(&self) -> &Path {
        &self.socket
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_listens_and_ends_with_its_guard() {
        if program::find("swtpm", "swtpm").is_err() {
            assert!(std::env::var_os("CI").is_none(), "swtpm is not installed (run .ci/install-tools)");
            eprintln!("skipped: `swtpm` is not installed");
            return;
        }
        let directory = tempfile::tempdir().unwrap();
        let tpm = Swtpm::start(directory.path()).unwrap();
        assert!(tpm.socket().exists());
        drop(tpm);
        let tpm = Swtpm::start(directory.path());
        assert!(tpm.is_ok(), "the state can be used again: {tpm:?}");
    }

    #[test]
    fn a_directory_that_cannot_be_used_is_named() {
        let error = Swtpm::start(Path::new("/proc/none"));
        if program::find("swtpm", "swtpm").is_ok() {
            assert_eq!(error.unwrap_err().to_string(), "creating /proc/none/tpm");
        }
    }
}
