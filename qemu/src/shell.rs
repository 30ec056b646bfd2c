//! A root shell on the guest's console, used like a function: a command in, its output and status back.
//!
//! Each command is typed between two `printf`s of numbered marks. The marks are put together by the guest's
//! shell (`$LN` holds the number), so that the echo of what is typed is never taken for an answer.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use crate::console::Console;
use crate::error::Error;

/// How long one try to get the shell's attention waits before the next.
const TRY: Duration = Duration::from_secs(5);

/// A line that a terminal takes at once (`N_TTY_BUF_SIZE` of Linux is 4096), less our own part of it.
const LONGEST_LINE: usize = 3800;

/// Quiet: no echo, no prompts, no history expansion of `!`, no kernel messages between the lines.
const SETTLE: &str = "stty -echo 2>/dev/null; PS1=; PS2=; (set +H) 2>/dev/null && set +H; \
                      dmesg -n 1 2>/dev/null; LN=0; printf '\\nlandfall-%s-ready\\n' $LN";

/// What it answers, never the echo of it.
const READY: &str = "landfall-0-ready\n";

/// What a command said and how it ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// Standard output and standard error as the terminal showed them, with `\n` line ends.
    pub text: String,
    /// The exit status; 128 and more is a signal.
    pub status: u8,
}

/// A shell that waits for commands on a console.
#[derive(Debug)]
pub struct Shell<'a> {
    console: &'a Console,
    number: AtomicU32,
}

impl<'a> Shell<'a> {
    /// Gets the attention of the shell that runs, or is about to run, on the console.
    pub fn attach(console: &'a Console, timeout: Duration) -> Result<Self, Error> {
        let start = Instant::now();
        loop {
            console.send_line(SETTLE)?;
            let left = timeout.saturating_sub(start.elapsed());
            // Only the last try is a failure, whose evidence is kept.
            if left > TRY && !console.comes(READY, TRY)? {
                continue;
            }
            if left <= TRY {
                console.expect(READY, left).map_err(|error| match error {
                    Error::Timeout { evidence, .. } => {
                        let expected = "a shell on the console".to_owned();
                        Error::Timeout { expected, after: timeout, evidence }
                    }
                    other => other,
                })?;
            }
            return Ok(Self { console, number: AtomicU32::new(1) });
        }
    }

    /// Runs a command (or several lines of them) in a subshell with empty standard input.
    pub fn run(&self, command: &str, timeout: Duration) -> Result<Output, Error> {
        if let Some(line) = command.lines().find(|line| line.len() > LONGEST_LINE) {
            let problem = format!("a line of {} bytes is longer than a terminal takes", line.len());
            return Err(Error::Shell(problem));
        }
        let number = self.number.fetch_add(1, Ordering::Relaxed);
        // The new line before `)` ends a comment or here-document of the command.
        let typed = format!(
            "LN={number}; printf '\\nlandfall-%s-begin\\n' $LN; (\n{command}\n) </dev/null; \
             printf '\\nlandfall-%s-end-%s.\\n' $LN $?"
        );
        self.console.send_line(&typed.replace('\n', "\r"))?;
        let start = Instant::now();
        let left = || timeout.saturating_sub(start.elapsed());
        self.console.expect(&format!("\nlandfall-{number}-begin\n"), left())?;
        let text = self.console.expect(&format!("\nlandfall-{number}-end-"), left())?;
        let status = self.console.expect(".", left())?;
        let status = status.parse().map_err(|_| Error::Shell(format!("status `{status}`")))?;
        Ok(Output { text, status })
    }

    /// Runs a command that must succeed and gives back what it printed.
    pub fn run_ok(&self, command: &str, timeout: Duration) -> Result<String, Error> {
        let output = self.run(command, timeout)?;
        if output.status == 0 {
            Ok(output.text)
        } else {
            let Output { text, status } = output;
            Err(Error::Shell(format!("`{command}` ended with status {status}:\n{}", text.trim_end())))
        }
    }
}

#[cfg(test)]
mod tests {
    use std::process::{Child, Command, Stdio};
    use std::sync::Arc;

    use super::*;
    use crate::run_directory::RunDirectory;

    const SOON: Duration = Duration::from_secs(30);

    /// A shell of the host on a terminal of its own, as a guest's would be: `script` makes the terminal.
    fn terminal(shell: &str) -> (Console, Child) {
        let mut child = Command::new("script")
            .args(["-q", "-E", "always", "-c", shell, "/dev/null"])
            .env("TERM", "vt220")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let directory = Arc::new(RunDirectory::create(None).unwrap());
        (Console::new(output, input, directory).unwrap(), child)
    }

    fn ended(console: &Console, mut child: Child) {
        console.send_line("exit").unwrap();
        child.wait().unwrap();
    }

    #[test]
    fn commands_answer_with_output_and_status() {
        for interpreter in ["bash --norc -i", "sh -i"] {
            let (console, child) = terminal(interpreter);
            let shell = Shell::attach(&console, SOON).unwrap();
            let said = |command| shell.run(command, SOON).unwrap();
            assert_eq!(said("echo one; echo two"), Output { text: "one\ntwo\n".into(), status: 0 });
            assert_eq!(said("printf 'no end'; exit 7"), Output { text: "no end".into(), status: 7 });
            assert_eq!(said("false"), Output { text: String::new(), status: 1 });
            assert_eq!(
                said("cat <<END # a comment\nwow!! it's\nEND"),
                Output { text: "wow!! it's\n".into(), status: 0 }
            );
            assert_eq!(said("cat"), Output { text: String::new(), status: 0 });
            let long = "x".repeat(3000);
            assert_eq!(said(&format!("echo {long}")).text.trim(), long);
            let error = shell.run_ok("echo reason >&2; false", SOON).unwrap_err();
            assert!(error.to_string().ends_with("ended with status 1:\nreason"), "{error}");
            ended(&console, child);
        }
    }

    #[test]
    fn a_line_that_no_terminal_takes_is_refused() {
        let (console, child) = terminal("sh -i");
        let shell = Shell::attach(&console, SOON).unwrap();
        assert!(matches!(shell.run(&"x".repeat(5000), SOON), Err(Error::Shell(_))));
        ended(&console, child);
    }

    #[test]
    fn a_console_without_a_shell_is_told_so() {
        let (console, mut child) = terminal("sleep 100");
        let error = Shell::attach(&console, Duration::from_millis(200)).unwrap_err();
        assert!(error.to_string().contains("in vain for a shell on the console"), "{error}");
        child.kill().unwrap();
        child.wait().unwrap();
        drop(console);
        std::fs::remove_dir_all(&error.evidence().unwrap().directory).unwrap();
    }
}
