//! Programs of the host: run, and a failure that says all one needs to run it again.

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Output, Stdio};

/// How many bytes of a failed program's standard error are kept.
const STDERR_TAIL: usize = 2000;

/// Why a program did not do its work.
#[derive(Debug, thiserror::Error)]
pub enum CommandError {
    /// It is not installed.
    #[error("`{program}` is not installed (Debian and Ubuntu: apt-get install {package})")]
    Missing {
        /// The program.
        program: String,
        /// The distribution package that has it.
        package: String,
    },
    /// It could not be started, or its output not read.
    #[error("running `{line}`")]
    Start {
        /// The command line, quoted for a shell.
        line: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It ended with an error.
    #[error("`{line}` failed ({status}){}", tail(.stderr))]
    Failed {
        /// The command line, quoted for a shell.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed to standard error.
        stderr: String,
    },
}

fn tail(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!(":\n{}", stderr.trim_end()) }
}

/// A program to run, with its arguments. Secrets go by file or standard input, never as arguments:
/// the arguments appear in errors and logs.
#[derive(Debug)]
pub struct Program {
    name: String,
    package: String,
    arguments: Vec<OsString>,
}

impl Program {
    /// The program `name`, which the distribution package `package` brings.
    pub fn new(name: &str, package: &str) -> Self {
        Self { name: name.to_owned(), package: package.to_owned(), arguments: Vec::new() }
    }

    /// One more argument.
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// More arguments.
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|argument| argument.as_ref().to_owned()));
        self
    }

    /// The command line as one would type it.
    pub fn line(&self) -> String {
        let words =
            std::iter::once(OsStr::new(&self.name)).chain(self.arguments.iter().map(OsString::as_os_str));
        words.map(|word| quoted(&word.to_string_lossy())).collect::<Vec<_>>().join(" ")
    }

    /// Where the program is: in a folder of `PATH`, or where distributions keep the programs of administrators,
    /// at which an ordinary user's `PATH` does not look.
    fn found(&self) -> Option<PathBuf> {
        let path = std::env::var_os("PATH").unwrap_or_default();
        let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
        folders.map(|folder| folder.join(&self.name)).find(|candidate| candidate.is_file())
    }

    /// The program as another is to start it: where it is, or its name where it is not.
    pub fn path(&self) -> PathBuf {
        self.found().unwrap_or_else(|| PathBuf::from(&self.name))
    }

    /// Fails when the program is not installed.
    pub fn check_installed(&self) -> Result<(), CommandError> {
        match self.found() {
            Some(_) => Ok(()),
            None => Err(CommandError::Missing { program: self.name.clone(), package: self.package.clone() }),
        }
    }

    /// Runs it to its end on the terminal of the person who started us, whom it may ask; success is exit status 0.
    pub fn run_attended(&self) -> Result<(), CommandError> {
        tracing::debug!("running {}", self.line());
        let status = Command::new(self.path()).args(&self.arguments).stdout(Stdio::null()).status();
        let status = status.map_err(|source| self.start_error(source))?;
        if status.success() {
            return Ok(());
        }
        // What it had to say, it said there.
        Err(CommandError::Failed { line: self.line(), status, stderr: String::new() })
    }

    /// Runs it to its end with empty standard input; success is exit status 0.
    pub fn run(&self) -> Result<Output, CommandError> {
        tracing::debug!("running {}", self.line());
        let output = Command::new(self.path())
            .args(&self.arguments)
            .stdin(Stdio::null())
            .output()
            .map_err(|source| self.start_error(source))?;
        if output.status.success() {
            return Ok(output);
        }
        let from = output.stderr.len().saturating_sub(STDERR_TAIL);
        let stderr = String::from_utf8_lossy(&output.stderr[from..]).into_owned();
        Err(CommandError::Failed { line: self.line(), status: output.status, stderr })
    }

    fn start_error(&self, source: io::Error) -> CommandError {
        if source.kind() == io::ErrorKind::NotFound {
            CommandError::Missing { program: self.name.clone(), package: self.package.clone() }
        } else {
            CommandError::Start { line: self.line(), source }
        }
    }
}

/// `word` as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=:,+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_shows_the_quoted_line_and_the_end_of_standard_error() {
        let error =
            Program::new("sh", "dash").args(["-c", "echo 'no such disk' >&2; exit 3"]).run().unwrap_err();
        let text = error.to_string();
        assert!(
            text.starts_with(r"`sh -c 'echo '\''no such disk'\'' >&2; exit 3'` failed (exit status: 3)"),
            "{text}"
        );
        assert!(text.ends_with("no such disk"), "{text}");
    }

    #[test]
    fn a_missing_program_names_its_package() {
        let error = Program::new("no-such-program", "some-package").run().unwrap_err();
        assert!(error.to_string().contains("apt-get install some-package"), "{error}");
    }
}
