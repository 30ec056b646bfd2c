//! Why there is no medium.

use std::path::PathBuf;

use uefi::Architecture;

use crate::boot::esp::EspError;
use crate::error::{Exit, IoError};
use crate::fs::cpio::CpioError;
use crate::fs::fat::FatError;
use crate::fs::squashfs::SquashfsError;
use crate::image::ImageError;
use crate::installer::initrd::InitrdError;
use crate::installer::order::OrderError;
use crate::store::install::InstallError;
use crate::store::source::SourceError;
use crate::tree::{ContentError, HostTreeError, NameError, TreeError};
use crate::units::ByteSize;
use crate::volume::BlockError;
use crate::volume::gpt::{PartitionNameError, WriteError};

/// Why there is no medium.
#[derive(Debug, thiserror::Error)]
pub enum IsoError {
    /// The medium would be larger than it may be.
    #[error("the ISO has {size}{exactly}, and {max} are allowed", exactly = if *.at_least { " or more" } else { "" })]
    TooLarge {
        /// What it has.
        size: ByteSize,
        /// Whether it was given up before its size was known.
        at_least: bool,
        /// What was allowed.
        max: ByteSize,
    },
    /// The system and its specialisations look for media of different names.
    #[error("the system looks for a medium named `{first}`, and a specialisation of it for `{second}`")]
    VolumeIds {
        /// One name.
        first: String,
        /// The other.
        second: String,
    },
    /// The system looks for a medium of another name than was asked for.
    #[error("the medium is to be named `{asked}`, but the system looks for `{wanted}`")]
    VolumeId {
        /// What was asked for.
        asked: String,
        /// What the system looks for.
        wanted: String,
    },
    /// There is no program that could be the installer.
    #[error("there is no static landfall for {architecture}, which the installer is; looked for {}", list(.looked))]
    NoProgram {
        /// The machine.
        architecture: Architecture,
        /// Where it could have been.
        looked: Vec<PathBuf>,
    },
    /// Nobody would be there to type a passphrase.
    #[error("the layout asks a person for the passphrase of `{0}`, but the install is unattended")]
    UnattendedPrompt(String),
    /// A key was given for nothing.
    #[error("no encrypted volume of the layout is named `{0}`, and none has a key file of that name")]
    NoSuchVolume(String),
    /// The layout or the system cannot be installed.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// The boot files cannot be made.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// The installer's initrd cannot be made.
    #[error(transparent)]
    Initrd(#[from] InitrdError),
    /// The installer's order cannot be written down.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// The store cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The store's tree cannot be made.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The store's file system cannot be made.
    #[error("squashfs of the store")]
    Squashfs(#[from] SquashfsError),
    /// The boot image cannot be made.
    #[error("boot image of the medium")]
    Fat(#[from] FatError),
    /// The archive of extra files cannot be made.
    #[error("archive of the extra files")]
    Cpio(#[from] CpioError),
    /// The extra files cannot be read.
    #[error(transparent)]
    HostTree(#[from] HostTreeError),
    /// The medium cannot hold this.
    #[error(transparent)]
    Plan(#[from] iso::PlanError),
    /// The medium's structures could not be written.
    #[error("writing `{path}`")]
    Write {
        /// The image.
        path: PathBuf,
        /// Why.
        source: iso::WriteError,
    },
    /// The partition table could not be written.
    #[error("partition table of the medium")]
    Table(#[from] WriteError),
    /// A partition's name is none.
    #[error(transparent)]
    PartitionName(#[from] PartitionNameError),
    /// A file's bytes could not be had.
    #[error(transparent)]
    Content(#[from] ContentError),
    /// Two things want one name.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// A name that no file can have.
    #[error(transparent)]
    Name(#[from] NameError),
    /// The image could not be written.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A file of the host.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl From<ImageError> for IsoError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

fn list(paths: &[PathBuf]) -> String {
    paths.iter().map(|path| format!("`{}`", path.display())).collect::<Vec<_>>().join(", ")
}

impl IsoError {
    /// The exit code that says whose fault it is.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Image(error) => error.exit(),
            Self::Initrd(error) => error.exit(),
            Self::NoProgram { .. } => Exit::Missing,
            Self::Write { .. } | Self::Table(_) | Self::Block(_) | Self::Io(_) | Self::Content(_) => {
                Exit::Failed
            }
            Self::Squashfs(SquashfsError::Block(_)) | Self::Fat(FatError::Block(_)) => Exit::Failed,
            _ => Exit::Input,
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Initrd(error) => error.hint(),
            Self::NoProgram { architecture, .. } => Some(format!(
                "in landfall's source, `make static ARCH={architecture}` makes one; or name one with --installer-binary"
            )),
            Self::UnattendedPrompt(name) => {
                Some(format!("give a file with --key {name}=FILE; whoever has the medium then has the key"))
            }
            Self::TooLarge { .. } => Some(
                "leave something out of the system, or compress harder: --compression zstd:19".to_owned(),
            ),
            _ => None,
        }
    }
}
