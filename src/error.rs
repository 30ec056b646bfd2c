//! What every module's errors have in common: I/O that names its place, and the exit codes.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// How the program ends. The numbers are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Everything asked for was done.
    Done = 0,
    /// Something failed that is neither of the following: I/O, a program, a machine.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The layout, the system or another input is wrong.
    Input = 3,
    /// Refused because somebody's data could be lost.
    Refused = 4,
    /// A program or firmware that is needed is not installed.
    Missing = 5,
}

impl Exit {
    /// The number that the process ends with.
    #[expect(clippy::as_conversions, reason = "the enum's numbers are its meaning")]
    pub const fn code(self) -> u8 {
        self as u8
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// An I/O operation that failed, with what was done to what, and where.
#[derive(Debug)]
pub struct IoError {
    operation: &'static str,
    path: PathBuf,
    offset: Option<u64>,
    source: io::Error,
}

impl IoError {
    /// `operation` is a participle that reads on: "reading", "creating".
    pub fn new(operation: &'static str, path: impl AsRef<Path>, source: io::Error) -> Self {
        Self { operation, path: path.as_ref().to_owned(), offset: None, source }
    }

    /// The same failure at byte `offset` of the file or device.
    pub fn at(mut self, offset: u64) -> Self {
        self.offset = Some(offset);
        self
    }

    /// The kind of the operating system's error.
    pub fn kind(&self) -> io::ErrorKind {
        self.source.kind()
    }

    /// The file or device.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} `{}`", self.operation, self.path.display())?;
        match self.offset {
            Some(offset) => write!(f, " at byte {offset}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for IoError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.source)
    }
}

/// An error and its causes on one line, outermost first: `writing `x`: no space left on device`.
pub fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        text.push_str(": ");
        text.push_str(&cause.to_string());
        next = cause.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn io_errors_name_operation_path_and_offset() {
        let error = IoError::new("writing", "/dev/sdx", io::Error::other("broken")).at(4096);
        assert_eq!(chain(&error), "writing `/dev/sdx` at byte 4096: broken");
    }
}
