//! A child process with a guard: it ends when the guard goes, and when this process dies.

use std::io;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::command_line::CommandLine;
use crate::error::Error;

/// How often the child is looked at.
const INTERVAL: Duration = Duration::from_millis(10);

/// A running child. One thread starts it, waits for it and stays as long as it runs: the kernel's
/// parent-death signal (`prctl(2)`, `PR_SET_PDEATHSIG`) follows the *thread* that made the child.
#[derive(Debug)]
pub(crate) struct Keeper {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// Present until it was waited for; killing goes through it, so that no reused process id is hit.
    child: Option<Child>,
    status: Option<ExitStatus>,
}

/// The child's ends of its pipes, where they were asked for.
#[derive(Debug)]
pub(crate) struct Pipes {
    pub(crate) input: Option<ChildStdin>,
    pub(crate) output: Option<ChildStdout>,
}

impl Keeper {
    /// Starts the program; `wire` sets its standard streams.
    pub(crate) fn spawn(
        line: &CommandLine,
        wire: impl FnOnce(&mut Command) + Send + 'static,
    ) -> Result<(Self, Pipes), Error> {
        let mut command = dying_with_us(line);
        let program = PathBuf::from(line.command().get_program());
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        let (started, start) = mpsc::sync_channel::<io::Result<Pipes>>(1);
        let keep = move || {
            wire(&mut command);
            match command.spawn() {
                Ok(mut child) => {
                    let pipes = Pipes { input: child.stdin.take(), output: child.stdout.take() };
                    of_thread.lock().child = Some(child);
                    // The receiver waits for exactly this.
                    let _ = started.send(Ok(pipes));
                    of_thread.follow();
                }
                Err(error) => {
                    let _ = started.send(Err(error));
                }
            }
        };
        let thread = thread::Builder::new()
            .name("keeper".to_owned())
            .spawn(keep)
            .map_err(Error::io("starting a thread for", &program))?;
        let pipes = start
            .recv()
            .unwrap_or_else(|_| Err(io::Error::other("the thread that starts it ended")))
            .map_err(Error::io("starting", &program))?;
        Ok((Self { shared, thread: Some(thread) }, pipes))
    }

    /// How the child ended, if it does within `timeout`.
    pub(crate) fn wait(&self, timeout: Duration) -> Option<ExitStatus> {
        let start = Instant::now();
        let mut state = self.shared.lock();
        loop {
            let left = timeout.saturating_sub(start.elapsed());
            if state.status.is_some() || left.is_zero() {
                return state.status;
            }
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Ends the child at once, as a power cut does; a child that has ended is left alone.
    pub(crate) fn kill(&self) {
        if let Some(child) = &mut self.shared.lock().child {
            // It fails only for a child that is gone already.
            let _ = child.kill();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Returns when the child has ended and its status is known.
    fn follow(&self) {
        loop {
            let mut state = self.lock();
            match state.child.as_mut().map(Child::try_wait) {
                Some(Ok(None)) => {}
                Some(Ok(Some(status))) => {
                    state.status = Some(status);
                    state.child = None;
                    self.changed.notify_all();
                    return;
                }
                // Somebody else waited for it: there is nothing left to follow.
                Some(Err(_)) | None => return,
            }
            drop(state);
            thread::sleep(INTERVAL);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.kill();
        if let Some(thread) = self.thread.take() {
            // The thread ends with the child, which was just killed.
            let _ = thread.join();
        }
    }
}

/// The command through util-linux' `setpriv`, where it is installed: then a killed test leaves no machine
/// behind. Without it only an orderly end of this process takes the child along.
fn dying_with_us(line: &CommandLine) -> Command {
    let plain = line.command();
    match crate::program::find("setpriv", "util-linux") {
        Ok(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--"]).arg(plain.get_program()).args(plain.get_args());
            command
        }
        Err(_) => plain,
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::process::Stdio;

    use super::*;

    fn shell(script: &str) -> CommandLine {
        CommandLine::new("/bin/sh", vec!["-c".into(), script.into()])
    }

    #[test]
    fn the_status_is_known_after_the_end() {
        let (keeper, _) = Keeper::spawn(&shell("exit 7"), |_| {}).unwrap();
        assert_eq!(keeper.wait(Duration::from_secs(10)).unwrap().code(), Some(7));
    }

    #[test]
    fn a_running_child_is_not_waited_for_longer_than_asked() {
        let (keeper, _) = Keeper::spawn(&shell("exec sleep 100"), |_| {}).unwrap();
        assert_eq!(keeper.wait(Duration::from_millis(50)), None);
    }

    /// The child's process id, which it prints itself.
    fn announced(output: &mut impl Read) -> String {
        let mut id = Vec::new();
        let mut byte = [0];
        while output.read(&mut byte).unwrap() == 1 && byte != *b"\n" {
            id.push(byte[0]);
        }
        String::from_utf8(id).unwrap()
    }

    #[test]
    fn the_child_dies_with_its_guard() {
        let wire = |command: &mut Command| {
            command.stdout(Stdio::piped());
        };
        let (keeper, pipes) = Keeper::spawn(&shell("echo $$; exec sleep 100"), wire).unwrap();
        let process = PathBuf::from("/proc").join(announced(&mut pipes.output.unwrap()));
        assert!(process.exists());
        drop(keeper);
        assert!(!process.exists());
    }

    #[test]
    fn a_program_that_is_not_there_is_named() {
        let line = CommandLine::new("/nowhere/qemu", Vec::new());
        // Through `setpriv` the failure is its exit status, without it the spawn itself fails.
        match Keeper::spawn(&line, |command| {
            command.stderr(Stdio::null());
        }) {
            Ok((keeper, _)) => assert_eq!(keeper.wait(Duration::from_secs(10)).unwrap().code(), Some(127)),
            Err(error) => assert_eq!(error.to_string(), "starting /nowhere/qemu"),
        }
    }
}
