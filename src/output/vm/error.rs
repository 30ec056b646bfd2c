//! Why there is no image from a virtual machine.

use uefi::Architecture;

use crate::error::{Exit, IoError};
use crate::fs::cpio::CpioError;
use crate::fs::ext4::Ext4Error;
use crate::image::ImageError;
use crate::installer::initrd::InitrdError;
use crate::installer::vm::OrderError;
use crate::store::install::InstallError;
use crate::store::source::SourceError;
use crate::tree::TreeError;
use crate::volume::BlockError;

/// Programs that are not in every system, and what Nixpkgs calls their packages.
const PACKAGES: [(&str, &str); 9] = [
    ("bcachefs", "bcachefs-tools"),
    ("debugfs", "e2fsprogs"),
    ("mke2fs", "e2fsprogs"),
    ("mkfs.jfs", "jfsutils"),
    ("mkfs.minix", "util-linux"),
    ("mkfs.nilfs2", "nilfs-utils"),
    ("mkfs.udf", "udftools"),
    ("zfs", "zfs"),
    ("zpool", "zfs"),
];

/// Why there is no image from a virtual machine.
#[derive(Debug, thiserror::Error)]
pub enum VmError {
    /// What an image has to be is impossible.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// No machine of this type is known.
    #[error("there are no virtual machines for `{0}`")]
    Architecture(String),
    /// QEMU is missing or failed.
    #[error(transparent)]
    Qemu(Box<qemu::Error>),
    /// There is no program for the machine.
    #[error("no static landfall for {architecture} was found, which the VM runs")]
    NoProgram {
        /// The machine type.
        architecture: Architecture,
    },
    /// The system has not what makes the image.
    #[error("the system has no `{program}` in sw/bin or sw/sbin, which the VM runs")]
    NoTool {
        /// The program.
        program: String,
        /// The system.
        toplevel: String,
    },
    /// The machine told why it failed.
    #[error("the VM: {reason}")]
    Guest {
        /// Its words.
        reason: String,
        /// Where everything is that it said.
        transcript: std::path::PathBuf,
    },
    /// The initrd cannot be made.
    #[error(transparent)]
    Initrd(#[from] InitrdError),
    /// The order cannot be written down.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// A file of the system is missing.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store cannot be read.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// Two things want one name.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// The initrd cannot be packed.
    #[error("initrd of the VM")]
    Cpio(#[from] CpioError),
    /// The work disk cannot be made.
    #[error("work disk of the VM")]
    Ext4(#[from] Ext4Error),
    /// A disk image failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A file of the host.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl From<ImageError> for VmError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

impl From<qemu::Error> for VmError {
    fn from(error: qemu::Error) -> Self {
        Self::Qemu(Box::new(error))
    }
}

impl VmError {
    /// The exit code that says whose fault it is.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Image(error) => error.exit(),
            Self::Qemu(error) if error.is_missing() => Exit::Missing,
            Self::NoProgram { .. } => Exit::Missing,
            Self::Initrd(error) => error.exit(),
            Self::Architecture(_) | Self::NoTool { .. } | Self::Source(_) => Exit::Input,
            _ => Exit::Failed,
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Qemu(error) => error.hint(),
            Self::Initrd(error) => error.hint(),
            Self::NoProgram { architecture } => Some(format!(
                "in landfall's source, `make static ARCH={architecture}` makes one; or name one with --installer-binary"
            )),
            Self::NoTool { program, .. } => {
                let package = PACKAGES.iter().find(|(name, _)| name == program);
                let package = package
                    .map_or(format!("the package with `{program}`"), |(_, package)| format!("`{package}`"));
                Some(format!("add {package} to the system: what a VM makes, the system's own programs make"))
            }
            Self::Guest { transcript, .. } => {
                Some(format!("everything that the VM said is in {}", transcript.display()))
            }
            _ => None,
        }
    }
}
