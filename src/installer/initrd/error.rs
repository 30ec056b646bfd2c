//! Why there is no initrd.

use std::path::PathBuf;

use uefi::Architecture;

use crate::error::IoError;
use crate::fs::cpio::CpioError;
use crate::store::source::SourceError;
use crate::tree::TreeError;

/// Why there is no initrd.
#[derive(Debug, thiserror::Error)]
pub enum InitrdError {
    /// The system's kernel has no modules at all.
    #[error(
        "`{toplevel}` has no kernel modules: there is no `kernel-modules/lib/modules/VERSION/modules.dep`"
    )]
    NoModules {
        /// The system.
        toplevel: String,
    },
    /// It has those of more than one kernel.
    #[error("`{toplevel}` has modules of several kernels: {versions}")]
    SeveralKernels {
        /// The system.
        toplevel: String,
        /// The kernels' versions.
        versions: String,
    },
    /// Nothing drives a disk.
    #[error(
        "the kernel of `{toplevel}` has no modules for storage drivers: none of {drivers} is there or built in"
    )]
    NoStorageDrivers {
        /// The system.
        toplevel: String,
        /// What was looked for.
        drivers: String,
    },
    /// The medium could not be read.
    #[error("the kernel of `{toplevel}` cannot read a medium: it has no `{driver}`, as module or built in")]
    NoMediumDriver {
        /// The system.
        toplevel: String,
        /// What is missing.
        driver: &'static str,
    },
    /// A file is for another machine.
    #[error("wrong architecture: `{path}` is for {found}, and the system for {expected}")]
    Architecture {
        /// The program or module.
        path: PathBuf,
        /// What it is for.
        found: String,
        /// What the system is for.
        expected: Architecture,
    },
    /// A program that needs libraries cannot be the first one.
    #[error("`{path}` is linked dynamically; the installer needs a static binary")]
    Dynamic {
        /// The program.
        path: PathBuf,
    },
    /// Something is no ELF file.
    #[error("`{path}` is not an ELF file: {reason}")]
    NotElf {
        /// The program or module.
        path: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// The store could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
    /// The archive cannot be made.
    #[error(transparent)]
    Cpio(#[from] CpioError),
    /// Two things want one name.
    #[error(transparent)]
    Tree(#[from] TreeError),
}

impl InitrdError {
    /// The exit code that says whose fault it is.
    pub fn exit(&self) -> crate::error::Exit {
        match self {
            Self::Io(_) => crate::error::Exit::Failed,
            _ => crate::error::Exit::Input,
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Dynamic { .. } => {
                Some("build it with `-C target-feature=+crt-static`, or for a musl target".to_owned())
            }
            Self::NoStorageDrivers { .. } => Some(
                "a kernel for virtual machines of one cloud may lack them; take a general one".to_owned(),
            ),
            _ => None,
        }
    }
}
