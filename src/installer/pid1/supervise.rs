//! PID 1: it starts the session and outlives it.

use std::process::Command;

use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;

use super::console::Consoles;
use super::{early, finish};

/// The hidden command that is the session.
const SESSION_COMMAND: &str = "installer-session";

/// Runs the session, and stays when it is gone; never returns, since the kernel panics without PID 1.
pub fn supervise() -> ! {
    let mounted = early::mount_all();
    let consoles = Consoles::open(&[]);
    if let Err(error) = mounted {
        consoles.say(&format!("landfall: failed: {}", crate::error::chain(&error)));
        finish::stay(&consoles, None);
    }
    let mut session = Command::new("/proc/self/exe");
    // Links that lead into the medium's system, when that is there; the initrd has no folder for temporary files.
    session.arg(SESSION_COMMAND).env("PATH", "/bin:/sbin").env("TMPDIR", "/run");
    let ended = match session.spawn() {
        Ok(child) => wait_for(child.id()),
        Err(error) => format!("it could not be started: {error}"),
    };
    // A session ends the machine or waits for a person; that it is gone is a failure.
    consoles.say(&format!("landfall: failed: the installer itself ended: {ended}"));
    consoles.say("what it was writing is unfinished; a disk that it did not name is untouched");
    finish::stay(&consoles, None)
}

/// Takes in every child until the session ends; how it ended, in words.
fn wait_for(session: u32) -> String {
    loop {
        match waitpid(Pid::from_raw(-1), None) {
            Ok(WaitStatus::Exited(pid, code)) if u32::try_from(pid.as_raw()) == Ok(session) => {
                return format!("status {code}");
            }
            Ok(WaitStatus::Signaled(pid, signal, _)) if u32::try_from(pid.as_raw()) == Ok(session) => {
                return format!("by signal {signal}; too little memory may be the reason");
            }
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(errno) => return errno.to_string(),
        }
    }
}
