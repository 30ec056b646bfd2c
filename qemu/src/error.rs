//! What can go wrong with a virtual machine, and what is left to look at.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::architecture::Architecture;
use crate::firmware::SecureBoot;
use crate::machine::MachineError;

/// What a failed machine leaves behind, so that a person can see and repeat the failure.
#[derive(Clone, Debug, Default)]
pub struct Evidence {
    /// The kept directory: transcript, QEMU's messages, variable store, script.
    pub directory: PathBuf,
    /// Everything the guest wrote to its serial console, as it came.
    pub transcript: PathBuf,
    /// A shell script that starts the same machine again in a terminal.
    pub script: PathBuf,
    /// The last lines of the console, escape sequences removed.
    pub last_lines: Vec<String>,
    /// The end of what QEMU itself printed.
    pub messages: String,
}

impl fmt::Display for Evidence {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.last_lines.is_empty() {
            write!(formatter, "\n  nothing was printed on the console")?;
        } else {
            write!(formatter, "\n  the console's last lines:")?;
            for line in &self.last_lines {
                write!(formatter, "\n  | {line}")?;
            }
        }
        for line in self.messages.lines() {
            write!(formatter, "\n  qemu: {line}")?;
        }
        write!(formatter, "\n  transcript: {}", self.transcript.display())?;
        write!(formatter, "\n  run it again: sh {}", self.script.display())
    }
}

/// Why a machine was not started, or did not do what was expected of it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A program is not installed.
    #[error("`{program}` is not installed")]
    ProgramMissing {
        /// The program.
        program: String,
        /// The Debian package that brings it.
        package: &'static str,
    },
    /// No firmware was found in any of the documented places.
    #[error("no UEFI firmware for {architecture}{} is installed", .secure_boot.suffix())]
    FirmwareMissing {
        /// What the firmware must run on.
        architecture: Architecture,
        /// Which kind was looked for.
        secure_boot: SecureBoot,
    },
    /// The environment names firmware that cannot be used.
    #[error("`{variable}` names `{value}`, {problem}")]
    FirmwareVariable {
        /// The environment variable.
        variable: String,
        /// Its value.
        value: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// A firmware descriptor is not what QEMU's documentation says.
    #[error("{}: {problem}", path.display())]
    FirmwareDescriptor {
        /// The descriptor file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// KVM was asked for and does not run a guest here.
    #[error("KVM does not run {architecture} guests here: {reason}")]
    KvmUnusable {
        /// The guest's architecture.
        architecture: Architecture,
        /// What was seen when it was tried.
        reason: String,
    },
    /// The machine cannot be built from the parts asked for.
    #[error(transparent)]
    Machine(#[from] MachineError),
    /// An operation of the host failed.
    #[error("{operation} {}", path.display())]
    Io {
        /// A participle that reads on: "creating", "starting".
        operation: &'static str,
        /// The file or program.
        path: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// QEMU ended before the machine was usable, or while something was expected of it.
    #[error("the machine ended ({ending}) while waiting for {expected}{evidence}")]
    Ended {
        /// How it ended.
        ending: String,
        /// What was waited for.
        expected: String,
        /// What is left to look at.
        evidence: Box<Evidence>,
    },
    /// What was waited for did not come in time.
    #[error("waited {} s in vain for {expected}{evidence}", after.as_secs())]
    Timeout {
        /// What was waited for.
        expected: String,
        /// How long.
        after: Duration,
        /// What is left to look at.
        evidence: Box<Evidence>,
    },
    /// QEMU refused a monitor command.
    #[error("qemu refused `{command}`: {description}")]
    Refused {
        /// The QMP command.
        command: String,
        /// QEMU's words.
        description: String,
    },
    /// The monitor connection broke or made no sense.
    #[error("qemu's monitor: {0}")]
    Monitor(String),
    /// The software TPM ended or did not get ready.
    #[error("swtpm did not start: {messages}")]
    Tpm {
        /// What it printed.
        messages: String,
    },
    /// Other machines held the memory or the processors for too long.
    #[error("waited {} s for other virtual machines to give back memory or processors", after.as_secs())]
    Budget {
        /// How long.
        after: Duration,
    },
    /// The guest's shell answered something that is not an answer.
    #[error("the guest's shell did not answer properly: {0}")]
    Shell(String),
}

impl Error {
    /// Makes an [`Error::Io`] of what the operating system said, for `map_err`.
    pub(crate) fn io(operation: &'static str, path: impl AsRef<Path>) -> impl FnOnce(io::Error) -> Self {
        move |source| Self::Io { operation, path: path.as_ref().to_owned(), source }
    }

    /// What the user can do about it, where that is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::ProgramMissing { package, .. } => Some(install_hint(package)),
            Self::FirmwareMissing { architecture, .. } => Some(format!(
                "{}, or name it in `{}` as CODE[:VARIABLES]",
                install_hint(architecture.firmware_package()),
                crate::firmware::variable(*architecture),
            )),
            Self::KvmUnusable { .. } => Some("leave the accelerator to be chosen, TCG works anywhere".into()),
            _ => None,
        }
    }

    /// Whether a needed program or firmware is not installed (exit code 5 of the command line).
    pub fn is_missing(&self) -> bool {
        matches!(self, Self::ProgramMissing { .. } | Self::FirmwareMissing { .. })
    }

    /// What the failed machine left behind, where one had been started.
    pub fn evidence(&self) -> Option<&Evidence> {
        match self {
            Self::Ended { evidence, .. } | Self::Timeout { evidence, .. } => Some(evidence),
            _ => None,
        }
    }
}

fn install_hint(package: &str) -> String {
    format!("install the package `{package}` (Debian and Ubuntu: apt-get install {package})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_things_name_their_package() {
        let program =
            Error::ProgramMissing { program: "qemu-system-x86_64".into(), package: "qemu-system-x86" };
        assert_eq!(program.to_string(), "`qemu-system-x86_64` is not installed");
        assert!(program.hint().unwrap().contains("apt-get install qemu-system-x86"));
        assert!(program.is_missing());

        let firmware = Error::FirmwareMissing {
            architecture: Architecture::Aarch64,
            secure_boot: SecureBoot::Unsupported,
        };
        assert_eq!(firmware.to_string(), "no UEFI firmware for aarch64 is installed");
        assert!(firmware.hint().unwrap().contains("qemu-efi-aarch64"));
    }

    #[test]
    fn a_timeout_shows_the_last_lines_and_where_the_rest_is() {
        let evidence = Evidence {
            directory: "/run/x".into(),
            transcript: "/run/x/console.log".into(),
            script: "/run/x/machine.sh".into(),
            last_lines: vec!["one".into(), "two".into()],
            messages: String::new(),
        };
        let error = Error::Timeout {
            expected: "`login:` on the console".into(),
            after: Duration::from_secs(7),
            evidence: Box::new(evidence),
        };
        let expected = "waited 7 s in vain for `login:` on the console\n  the console's last lines:\n  \
                        | one\n  | two\n  transcript: /run/x/console.log\n  run it again: sh /run/x/machine.sh";
        assert_eq!(error.to_string(), expected);
    }
}
