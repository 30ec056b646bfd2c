//! Why there is no image.

use std::fmt;

use crate::boot::GenerationError;
use crate::boot::esp::EspError;
use crate::command::CommandError;
use crate::error::{Exit, IoError};
use crate::fs::btrfs::BtrfsError;
use crate::fs::ext4::Ext4Error;
use crate::fs::external::{ExternalError, Kind};
use crate::fs::fat::FatError;
use crate::layout::Diagnostic;
use crate::layout::syntax::source::Span;
use crate::plan::PlanError;
use crate::plan::machine::MachineNeed;
use crate::store::closure::ClosureError;
use crate::store::install::InstallError;
use crate::store::source::SourceError;
use crate::tree::TreeError;
use crate::volume::BlockError;
use crate::volume::gpt::{HybridError, WriteError};
use crate::volume::luks2::{FormatArgsError, Luks2Error};
use crate::volume::lvm::LvmError;
use crate::volume::mbr;
use crate::volume::md::MdError;

/// Something in a layout that no image can hold yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsupported {
    /// What it is.
    pub what: String,
    /// The device that it would lie on.
    pub device: String,
    /// Where the layout says so.
    pub span: Option<Span>,
}

/// Why there is no image.
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// The store cannot be read, or does not have what was named.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A path of the system is missing.
    #[error(transparent)]
    Closure(#[from] ClosureError),
    /// It is no system.
    #[error(transparent)]
    Generation(#[from] GenerationError),
    /// The layout cannot be planned.
    #[error(transparent)]
    Plan(#[from] PlanError),
    /// The layout holds what cannot be written yet.
    #[error("not supported yet: {}", list(.0))]
    Unsupported(Vec<Unsupported>),
    /// The layout needs a virtual machine, which is not to be used.
    #[error("{}", .0.iter().map(MachineNeed::text).collect::<Vec<_>>().join("; "))]
    NeedsMachine(Vec<MachineNeed>),
    /// The layout has no place for the boot files.
    #[error("the layout has no EFI system partition that is mounted, so the system could not boot")]
    NoEsp,
    /// The root file system is nowhere.
    #[error("the layout mounts nothing that holds `/nix/store`")]
    NoStore,
    /// The root file system cannot grow with its disk.
    #[error("the image cannot be made to grow: {0}")]
    Grow(String),
    /// The tree of the system cannot be made.
    #[error(transparent)]
    Install(#[from] InstallError),
    /// The boot files cannot be made.
    #[error(transparent)]
    Esp(#[from] EspError),
    /// Two things want one name.
    #[error(transparent)]
    Tree(#[from] TreeError),
    /// An ext4 file system cannot be made.
    #[error("{format} at {place}", format = "ext4")]
    Ext4 {
        /// Mount point or device.
        place: String,
        /// Why.
        source: Ext4Error,
    },
    /// A btrfs file system cannot be made.
    #[error("{format} at {place}", format = "btrfs")]
    Btrfs {
        /// Mount point or device.
        place: String,
        /// Why.
        source: BtrfsError,
    },
    /// A FAT volume cannot be made.
    #[error("{format} at {place}", format = "vfat")]
    Fat {
        /// Mount point or device.
        place: String,
        /// Why.
        source: FatError,
    },
    /// A file system that its own tools make cannot be made.
    #[error("{} at {place}", kind.format())]
    External {
        /// Its kind.
        kind: Kind,
        /// Mount point or device.
        place: String,
        /// Why.
        source: ExternalError,
    },
    /// An argument for mkfs that cannot be honoured, or a label that does not fit.
    #[error("{place}: {why}")]
    Arguments {
        /// Mount point or device.
        place: String,
        /// What is wrong.
        why: String,
    },
    /// An argument for cryptsetup that cannot be honoured.
    #[error("LUKS volume `{name}`")]
    FormatArguments {
        /// Its name.
        name: String,
        /// Why.
        source: FormatArgsError,
    },
    /// An encrypted volume cannot be made.
    #[error("LUKS volume `{name}`")]
    Luks {
        /// Its name.
        name: String,
        /// Why.
        source: Luks2Error,
    },
    /// There is no key for an encrypted volume.
    #[error("LUKS volume `{name}` has no key: {why}")]
    NoKey {
        /// Its name.
        name: String,
        /// Why, and what to do.
        why: String,
    },
    /// An array cannot be made.
    #[error("array `{name}`")]
    Array {
        /// Its name.
        name: String,
        /// Why.
        source: MdError,
    },
    /// A volume group cannot be made.
    #[error("volume group `{name}`")]
    VolumeGroup {
        /// Its name.
        name: String,
        /// Why.
        source: LvmError,
    },
    /// A partition table cannot be written.
    #[error("partition table of {device}")]
    Table {
        /// The device.
        device: String,
        /// Why.
        source: WriteError,
    },
    /// A DOS partition table cannot be written.
    #[error("partition table of {device}")]
    DosTable {
        /// The device.
        device: String,
        /// Why.
        source: mbr::WriteError,
    },
    /// A hybrid boot record cannot show what it should.
    #[error("hybrid boot record of {device}")]
    Hybrid {
        /// The device.
        device: String,
        /// Why.
        source: HybridError,
    },
    /// What was read back is not what was written.
    #[error("{place}: {why}")]
    Verify {
        /// Mount point or device.
        place: String,
        /// What differs.
        why: String,
    },
    /// A file of the host.
    #[error(transparent)]
    Io(#[from] IoError),
    /// A disk or file failed.
    #[error(transparent)]
    Block(#[from] BlockError),
}

/// Whether the operating system is among the causes of `error`.
fn is_io(error: &(dyn std::error::Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if error.is::<std::io::Error>() {
            return true;
        }
        next = error.source();
    }
    false
}

fn list(found: &[Unsupported]) -> String {
    found.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ")
}

impl Unsupported {
    fn finding(&self) -> Diagnostic {
        let message = format!("not supported yet: {self}");
        match self.span {
            Some(span) => Diagnostic::error("not-supported", span, message),
            None => Diagnostic::global("not-supported", message),
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} on {}", self.what, self.device)
    }
}

impl ImageError {
    /// The exit code that says whose fault it is.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Block(_) | Self::Io(_) | Self::Verify { .. } => Exit::Failed,
            Self::External { source: ExternalError::Command(CommandError::Missing { .. }), .. } => {
                Exit::Missing
            }
            Self::External { source: ExternalError::Command(_) | ExternalError::Result { .. }, .. } => {
                Exit::Failed
            }
            Self::External { .. } | Self::Btrfs { .. } if is_io(self) => Exit::Failed,
            // What writes fails for its input's sake, or because the operating system said no.
            Self::Ext4 { .. } | Self::Fat { .. } | Self::Luks { .. } | Self::Table { .. } if is_io(self) => {
                Exit::Failed
            }
            Self::Array { .. } | Self::VolumeGroup { .. } | Self::DosTable { .. } if is_io(self) => {
                Exit::Failed
            }
            Self::NeedsMachine(_) => Exit::Refused,
            _ => Exit::Input,
        }
    }

    /// The same as findings in the layout, where it is about the layout.
    pub fn findings(&self) -> Vec<Diagnostic> {
        match self {
            Self::Plan(error) => error.diagnostics(),
            Self::Unsupported(found) => found.iter().map(Unsupported::finding).collect(),
            _ => Vec::new(),
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::NoEsp => {
                Some("add a partition of type `EF00` with a `vfat` file system mounted at `/boot`".to_owned())
            }
            Self::NeedsMachine(needs) if needs.iter().all(MachineNeed::is_hooks) => Some(
                "leave out --no-vm, or leave out the hooks with --skip-hooks and do what they do elsewhere"
                    .to_owned(),
            ),
            Self::NeedsMachine(_) => Some(
                "leave out --no-vm: only a running kernel makes these, and QEMU works without KVM too"
                    .to_owned(),
            ),
            Self::NoStore => Some("give a file system the mount point `/` or `/nix`".to_owned()),
            _ => None,
        }
    }
}
