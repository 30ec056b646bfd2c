//! What can go wrong while a sample system is made.

use std::io;
use std::path::{Path, PathBuf};
use std::process::ExitStatus;

/// Why there is no sample system.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SampleError {
    /// A file operation failed.
    #[error("{operation} `{}`", path.display())]
    Io {
        /// What was done, as a participle.
        operation: &'static str,
        /// The file.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// A program of the host is missing.
    #[error("`{program}` is not installed (Debian and Ubuntu: apt-get install {package})")]
    MissingProgram {
        /// The program.
        program: &'static str,
        /// The distribution package that has it.
        package: &'static str,
    },
    /// A program of the host did not succeed.
    #[error("`{line}` failed ({status}):\n{stderr}")]
    Program {
        /// The command line.
        line: String,
        /// How it ended.
        status: ExitStatus,
        /// The end of what it printed to standard error.
        stderr: String,
    },
    /// The host's apt configuration names no Debian archive.
    #[error("the host's apt configuration names no Debian archive; name one in the variable {0}")]
    NoMirror(&'static str),
    /// A file of the package cache is not what its lock list says.
    #[error("package `{}` in the cache does not match the lock list (remove the list to fetch again)", .0.display())]
    CacheChanged(PathBuf),
    /// A package archive cannot be read.
    #[error("package archive `{}`: {reason}", path.display())]
    Archive {
        /// The archive.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// A package that the recipe relies on was not among those fetched.
    #[error("the fetched packages hold no `{0}`")]
    NoPackage(String),
    /// A file that the recipe relies on is in no package.
    #[error("the fetched packages hold no file `{0}`")]
    NoFile(String),
    /// A kernel module or program is not the ELF file it should be.
    #[error("`{}` is no ELF file of the kind expected: {reason}", path.display())]
    Elf {
        /// The file.
        path: PathBuf,
        /// What the reader said.
        reason: String,
    },
    /// There is something where the sample is to go.
    #[error("`{}` is neither empty nor a sample system; name another directory", .0.display())]
    Occupied(PathBuf),
    /// The archive hash of a store path could not be computed.
    #[error("hashing `{}`", path.display())]
    Hash {
        /// The directory that was to become a store path.
        path: PathBuf,
        /// What the archiver said.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
}

impl SampleError {
    /// A closure for `map_err` that names the operation and the file.
    pub(super) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io { operation, path, source }
    }

    /// A malformed package archive.
    pub(super) fn archive(path: &Path, reason: impl ToString) -> Self {
        Self::Archive { path: path.to_owned(), reason: reason.to_string() }
    }
}
