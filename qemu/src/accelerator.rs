//! Which of QEMU's accelerators runs a guest here.
//!
//! `/dev/kvm` proves little: on a host that is itself a virtual machine it may open, and even create a
//! machine, and then fail at the firmware's first unusual instruction ("KVM internal error"). So KVM is used
//! after it was seen to run firmware up to its first words on the serial console, and TCG otherwise.

use std::fs::{self, OpenOptions};
use std::path::Path;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use crate::architecture::Architecture;
use crate::error::Error;
use crate::firmware::{FirmwareSearch, SecureBoot};
use crate::machine::{Acceleration, Machine, Mebibytes};
use crate::vm::{Vm, VmOptions};

/// What runs the guest's instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Accelerator {
    /// The host's processor.
    Kvm,
    /// QEMU's translator.
    Tcg,
}

/// Overrides the automatic choice: `kvm` or `tcg`.
const VARIABLE: &str = "LANDFALL_ACCELERATOR";

/// KVM shows firmware's first words after one or two seconds.
const PATIENCE: Duration = Duration::from_secs(20);

/// How often the tried machine is looked at.
const INTERVAL: Duration = Duration::from_millis(50);

impl Accelerator {
    /// The value of `-accel`.
    pub(crate) const fn argument(self) -> &'static str {
        match self {
            Self::Kvm => "kvm",
            // One host thread for each virtual processor.
            Self::Tcg => "tcg,thread=multi",
        }
    }

    /// The accelerator for a guest. Asked for in vain, KVM is an error that says what was seen.
    pub fn choose(wanted: Acceleration, architecture: Architecture) -> Result<Self, Error> {
        let wanted = match (wanted, std::env::var(VARIABLE).as_deref()) {
            (Acceleration::Automatic, Ok("kvm")) => Acceleration::Kvm,
            (Acceleration::Automatic, Ok("tcg")) => Acceleration::Tcg,
            _ => wanted,
        };
        match (wanted, architecture) {
            (Acceleration::Tcg, _) => Ok(Self::Tcg),
            (Acceleration::Automatic, _) => match KvmVerdict::of(architecture) {
                KvmVerdict::Works => Ok(Self::Kvm),
                KvmVerdict::Unusable(_) => Ok(Self::Tcg),
            },
            (Acceleration::Kvm, _) => match KvmVerdict::of(architecture) {
                KvmVerdict::Works => Ok(Self::Kvm),
                KvmVerdict::Unusable(reason) => Err(Error::KvmUnusable { architecture, reason }),
            },
        }
    }
}

/// Whether KVM runs guests of an architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KvmVerdict {
    /// A guest was seen to run.
    Works,
    /// What was seen instead.
    Unusable(String),
}

impl KvmVerdict {
    /// The verdict, found once in a process.
    pub fn of(architecture: Architecture) -> Self {
        static VERDICT: OnceLock<KvmVerdict> = OnceLock::new();
        if Architecture::host() != Some(architecture) {
            return Self::Unusable(format!("the host is {}", std::env::consts::ARCH));
        }
        VERDICT.get_or_init(|| try_device(architecture, Path::new("/dev/kvm"))).clone()
    }
}

/// Opens the device before anything is started: most hosts without KVM are known by that.
fn try_device(architecture: Architecture, device: &Path) -> KvmVerdict {
    match OpenOptions::new().read(true).write(true).open(device) {
        Err(error) => KvmVerdict::Unusable(format!("{}: {error}", device.display())),
        Ok(_) => match try_machine(architecture) {
            Ok(verdict) => verdict,
            Err(error) => KvmVerdict::Unusable(reason(&error)),
        },
    }
}

/// Why the tried machine is no use, in one line. That it fails is an answer: what it left to look at is removed.
fn reason(error: &Error) -> String {
    let Some(evidence) = error.evidence() else { return error.to_string() };
    // Left-overs in the temporary directory are no reason to fail.
    let _ = fs::remove_dir_all(&evidence.directory);
    match evidence.messages.lines().next() {
        Some(first) => first.to_owned(),
        None => "QEMU ended and said nothing".to_owned(),
    }
}

/// Starts firmware alone and waits for its first words.
fn try_machine(architecture: Architecture) -> Result<KvmVerdict, Error> {
    let firmware = FirmwareSearch::host(architecture).find(architecture, SecureBoot::Unsupported)?;
    let machine = Machine::new(architecture).with_memory(Mebibytes(256));
    let options = VmOptions { firmware: Some(firmware), ..VmOptions::default() };
    let vm = Vm::launch(&machine, Accelerator::Kvm, options)?;
    let start = Instant::now();
    while start.elapsed() < PATIENCE {
        if !vm.console().text().trim().is_empty() {
            return Ok(KvmVerdict::Works);
        }
        let status = vm.execute("query-status", serde_json::json!({}))?;
        if status["status"] != "running" {
            let name = status["status"].as_str().unwrap_or("unknown");
            let first = vm.messages().lines().next().unwrap_or_default().to_owned();
            return Ok(KvmVerdict::Unusable(format!("the guest stopped with `{name}`: {first}")));
        }
        std::thread::sleep(INTERVAL);
    }
    Ok(KvmVerdict::Unusable(format!("firmware printed nothing within {} s", PATIENCE.as_secs())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run_directory::RunDirectory;

    #[test]
    fn tcg_is_given_without_a_trial() {
        for architecture in Architecture::ALL {
            assert_eq!(Accelerator::choose(Acceleration::Tcg, architecture).unwrap(), Accelerator::Tcg);
        }
    }

    #[test]
    fn a_foreign_guest_never_gets_kvm() {
        let foreign =
            Architecture::ALL.into_iter().find(|&other| Architecture::host() != Some(other)).unwrap();
        assert_eq!(Accelerator::choose(Acceleration::Automatic, foreign).unwrap(), Accelerator::Tcg);
        let error = Accelerator::choose(Acceleration::Kvm, foreign).unwrap_err();
        assert!(error.to_string().starts_with("KVM does not run"), "{error}");
    }

    #[test]
    fn a_machine_that_fails_leaves_its_reason_and_nothing_else() {
        let parent = tempfile::tempdir().unwrap();
        let directory = RunDirectory::create(Some(parent.path())).unwrap();
        fs::write(directory.messages(), "failed to set MSR 0x10a\nAssertion failed\n").unwrap();
        let (ending, expected) = ("signal: 6".to_owned(), "QEMU to start".to_owned());
        let error = Error::Ended { ending, expected, evidence: directory.evidence(Vec::new()) };
        drop(directory);
        assert_eq!(reason(&error), "failed to set MSR 0x10a");
        assert_eq!(fs::read_dir(parent.path()).unwrap().count(), 0);
        assert_eq!(reason(&Error::Monitor("gone".to_owned())), "qemu's monitor: gone");
    }

    #[test]
    fn a_device_that_does_not_open_is_no_kvm() {
        let verdict = try_device(Architecture::X86_64, Path::new("/nowhere/kvm"));
        assert!(matches!(verdict, KvmVerdict::Unusable(reason) if reason.starts_with("/nowhere/kvm: ")));
    }
}
