//! Why there is no plan.

use std::fmt;

use super::table::parted::Refusal;
use super::table::sgdisk::Placement;
use crate::layout::Diagnostic;
use crate::layout::syntax::source::Span;
use crate::units::{ByteSize, MIB, SectorSize};

/// Why there is no plan: everything that was found, in the order of the layout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanError {
    problems: Vec<Problem>,
}

impl PlanError {
    pub(super) fn new(problems: Vec<Problem>) -> Self {
        Self { problems }
    }

    /// What was found.
    pub fn problems(&self) -> &[Problem] {
        &self.problems
    }

    /// The same as findings in the layout's texts.
    pub fn diagnostics(&self) -> Vec<Diagnostic> {
        self.problems.iter().map(Problem::diagnostic).collect()
    }
}

impl fmt::Display for PlanError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, problem) in self.problems.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            problem.cause.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for PlanError {}

/// One reason, and the part of the layout that it concerns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The reason.
    pub cause: Cause,
    /// Where in the layout; `None` for what only the request says.
    pub span: Option<Span>,
}

impl Problem {
    /// Whether the plan has every partition all the same: only something in one is too small, or has not what it needs.
    pub fn leaves_partitions(&self) -> bool {
        match self.cause {
            Cause::DoesNotFit { .. }
            | Cause::Label { .. }
            | Cause::Size { .. }
            | Cause::TooFewMembers { .. }
            | Cause::Unresolved { .. } => true,
            Cause::UnknownDisk { .. }
            | Cause::DiskTooSmall { .. }
            | Cause::Placement { .. }
            | Cause::Refusal { .. }
            | Cause::Partition { .. }
            | Cause::Cycle(_)
            | Cause::NoSize(_) => false,
        }
    }

    /// The same as a finding in the layout's texts.
    pub fn diagnostic(&self) -> Diagnostic {
        let (code, message) = (self.cause.code(), self.cause.to_string());
        let finding = match self.span {
            Some(span) => Diagnostic::error(code, span, message),
            None => Diagnostic::global(code, message),
        };
        match self.cause.hint() {
            Some(hint) => finding.hint(hint),
            None => finding,
        }
    }
}

/// A reason why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Cause {
    /// `--disk` names a disk that the layout does not have.
    #[error("the layout has no disk `{name}`; it has {known}")]
    UnknownDisk {
        /// The name given.
        name: String,
        /// The names there are.
        known: String,
    },
    /// A disk cannot hold its partition table.
    #[error("disk `{disk}` has {size}, too little for a partition table")]
    DiskTooSmall {
        /// The device.
        disk: String,
        /// Its size.
        size: ByteSize,
    },
    /// A partition of a `gpt` table cannot be placed.
    #[error("partition `{partition}` of {device}: {}", placement(.cause, *.sector))]
    Placement {
        /// Its name.
        partition: String,
        /// The device that the table lies on.
        device: String,
        /// Why.
        cause: Placement,
        /// The unit of the sectors.
        sector: SectorSize,
    },
    /// A partition of a `table` cannot be placed.
    #[error("partition `{partition}` of {device}: {cause}")]
    Refusal {
        /// Its name.
        partition: String,
        /// The device that the table lies on.
        device: String,
        /// Why.
        cause: Refusal,
    },
    /// An option of a partition has a value that no table can hold.
    #[error("partition `{partition}`: {what}")]
    Partition {
        /// Its name.
        partition: String,
        /// What is wrong.
        what: String,
    },
    /// A label that a table cannot hold.
    #[error("partition `{partition}`: {what}")]
    Label {
        /// Its name.
        partition: String,
        /// What is wrong.
        what: String,
    },
    /// Something does not fit where it goes.
    #[error("{what} on {device} needs {needed}, and there are {available}")]
    DoesNotFit {
        /// What does not fit: `the EFI system partition`, `ext4 at /`…
        what: String,
        /// Where.
        device: String,
        /// How much it needs.
        needed: Exact,
        /// How much there is.
        available: Exact,
    },
    /// A size that is not one.
    #[error("{what}: `{text}` is not a size")]
    Size {
        /// Whose size.
        what: String,
        /// As written.
        text: String,
    },
    /// Members that name something the layout does not have.
    #[error("{device} is a member of the {noun} `{name}`, which the layout does not declare")]
    Unresolved {
        /// The member.
        device: String,
        /// What it names.
        noun: &'static str,
        /// By which name.
        name: String,
    },
    /// Something without enough members.
    #[error("the {noun} `{name}` needs {needed} members at least and has {members}")]
    TooFewMembers {
        /// What it is.
        noun: &'static str,
        /// Its name.
        name: String,
        /// The least it needs.
        needed: usize,
        /// How many there are.
        members: usize,
    },
    /// Things that would have to be made before each other.
    #[error("{0} lie on each other in a circle")]
    Cycle(String),
    /// No disk is large enough.
    #[error("no size of {0} holds what the layout puts on it")]
    NoSize(String),
}

impl Cause {
    /// A short name for programs.
    fn code(&self) -> &'static str {
        match self {
            Self::UnknownDisk { .. } => "unknown-disk",
            Self::DiskTooSmall { .. } => "disk-too-small",
            Self::Placement { .. } | Self::Refusal { .. } => "misplaced-partition",
            Self::Partition { .. } | Self::Label { .. } => "impossible-partition",
            Self::DoesNotFit { .. } => "does-not-fit",
            Self::Size { .. } => "not-a-size",
            Self::Unresolved { .. } => "unresolved-name",
            Self::TooFewMembers { .. } => "too-few-members",
            Self::Cycle(_) => "cycle",
            Self::NoSize(_) => "no-size",
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::DoesNotFit { needed, .. } => {
                Some(format!("give it {}M or more", needed.0.bytes().div_ceil(MIB)))
            }
            Self::DiskTooSmall { .. } | Self::Placement { cause: Placement::TooLong { .. }, .. } => Some(
                "make the disk larger (`imageSize`, or `--disk NAME=SIZE`) or the partitions smaller"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// A size shown so that two sizes that differ look different: in bytes too where the unit rounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exact(pub ByteSize);

impl fmt::Display for Exact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let bytes = self.0.bytes();
        if bytes.is_multiple_of(MIB) && bytes < (100 << 30) {
            write!(f, "{} MiB", bytes / MIB)
        } else {
            write!(f, "{} ({bytes} bytes)", self.0)
        }
    }
}

/// A placement's cause with sizes in place of sector counts.
fn placement(cause: &Placement, sector: SectorSize) -> String {
    let size = |sectors: u64| Exact(ByteSize(sectors.saturating_mul(sector.bytes())));
    match cause {
        Placement::TooLong { start, needed, available } => format!(
            "it needs {} from sector {start} on, and {} are free there",
            size(*needed),
            size(*available)
        ),
        other => other.to_string(),
    }
}
