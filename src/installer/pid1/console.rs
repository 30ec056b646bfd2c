//! The machine's consoles, all at once: what is said appears on each, and an answer may come from any.

use std::fs::{File, OpenOptions};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{FlushArg, LocalFlags, SetArg, tcflush, tcgetattr, tcsetattr};
use zeroize::Zeroizing;

/// The kernel's list of the terminals it prints on.
const ACTIVE: &str = "/sys/class/tty/console/active";

/// The longest line that a terminal gives at once (`N_TTY_BUF_SIZE`).
const LINE_MAX: usize = 4096;

/// Whether a terminal shows what is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Echo {
    /// It does.
    Shown,
    /// It does not: a passphrase.
    Hidden,
}

/// The terminals of the machine.
#[derive(Debug)]
pub(super) struct Consoles {
    terminals: Vec<(PathBuf, File)>,
}

impl Consoles {
    /// Opens every terminal that the kernel prints on, and those in `more`, as `console=` names them.
    /// One that cannot be opened is left out; when none can, nothing is said to nobody.
    pub(super) fn open(more: &[String]) -> Self {
        let active = std::fs::read_to_string(ACTIVE).unwrap_or_default();
        let mut names: Vec<&str> = active.split_whitespace().chain(more.iter().map(String::as_str)).collect();
        names.dedup();
        let mut terminals: Vec<(PathBuf, File)> = Vec::new();
        for name in names {
            terminals.extend(open(&Path::new("/dev").join(name)));
        }
        if terminals.is_empty() {
            terminals.extend(open(Path::new("/dev/console")));
        }
        Self { terminals }
    }

    /// Says `text` on every console, with a line end.
    pub(super) fn say(&self, text: &str) {
        for (_, terminal) in &self.terminals {
            let mut terminal = terminal;
            // A console that is gone must not keep the others from being told.
            let _ = terminal.write_all(format!("{}\n", printable(text)).as_bytes());
        }
    }

    /// Asks on every console; the first line that is typed on any, without its line end. `None` when no
    /// console can be read any more.
    pub(super) fn ask(&self, question: &str, echo: Echo) -> Option<Zeroizing<String>> {
        self.set_echo(echo);
        for (_, terminal) in &self.terminals {
            let mut terminal = terminal;
            let _ = terminal.write_all(format!("{} ", printable(question)).as_bytes());
        }
        let line = self.read_line();
        self.set_echo(Echo::Shown);
        if echo == Echo::Hidden {
            self.say("");
        }
        line
    }

    fn read_line(&self) -> Option<Zeroizing<String>> {
        let mut buffer = Zeroizing::new(vec![0; LINE_MAX]);
        let mut alive: Vec<&File> = self.terminals.iter().map(|(_, terminal)| terminal).collect();
        while !alive.is_empty() {
            let mut polled: Vec<PollFd<'_>> =
                alive.iter().map(|terminal| PollFd::new(terminal.as_fd(), PollFlags::POLLIN)).collect();
            if poll(&mut polled, PollTimeout::NONE).is_err() {
                continue;
            }
            let ready: Vec<bool> = polled
                .iter()
                .map(|polled| polled.revents().is_some_and(|events| !events.is_empty()))
                .collect();
            for index in (0..alive.len()).rev().filter(|index| ready[*index]) {
                let mut terminal = alive[index];
                match terminal.read(&mut buffer) {
                    Ok(count) if count > 0 => {
                        let line = String::from_utf8_lossy(&buffer[..count]);
                        return Some(Zeroizing::new(line.trim_end_matches(['\n', '\r']).to_owned()));
                    }
                    // At its end or broken: a serial line that hung up.
                    _ => {
                        alive.remove(index);
                    }
                }
            }
        }
        None
    }

    fn set_echo(&self, echo: Echo) {
        for (_, terminal) in &self.terminals {
            let _ = tcflush(terminal, FlushArg::TCIFLUSH);
            let Ok(mut modes) = tcgetattr(terminal) else { continue };
            modes.local_flags.set(LocalFlags::ECHO, echo == Echo::Shown);
            modes.local_flags.insert(LocalFlags::ICANON | LocalFlags::ECHOE | LocalFlags::ECHOK);
            let _ = tcsetattr(terminal, SetArg::TCSANOW, &modes);
        }
    }

    /// The terminal that the kernel takes for `/dev/console`: the last of its list, as `console=` was
    /// given last; for a shell.
    pub(super) fn main(&self) -> Option<(&Path, &File)> {
        self.terminals.last().map(|(path, terminal)| (path.as_path(), terminal))
    }
}

fn open(path: &Path) -> Option<(PathBuf, File)> {
    // A modem line without a carrier must not be waited for, nor become our controlling terminal.
    let flags = nix::libc::O_NOCTTY | nix::libc::O_NONBLOCK;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path).ok()?;
    // From here on reads and writes wait as usual.
    let flags = nix::fcntl::OFlag::empty();
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETFL(flags)).ok()?;
    Some((path.to_owned(), file))
}

/// `text` without control characters but line ends: names of disks come from disks.
fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() && c != '\n' { '?' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_disks_are_called_cannot_command_the_terminal() {
        assert_eq!(printable("a\x1b[2Jb\nc"), "a?[2Jb\nc");
    }
}
