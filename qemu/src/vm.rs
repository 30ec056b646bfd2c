//! A running machine under guard.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::accelerator::Accelerator;
use crate::architecture::Architecture;
use crate::budget::Reservation;
use crate::command_line::CommandLine;
use crate::console::Console;
use crate::error::Error;
use crate::firmware::{FirmwareFiles, FirmwareSearch};
use crate::keeper::{Keeper, Pipes};
use crate::machine::{self, Boot, Machine, Monitor, Serial, Tpm, Wiring};
use crate::program;
use crate::qmp::{Event, Qmp};
use crate::run_directory::RunDirectory;
use crate::tpm::Swtpm;

/// QEMU opens its monitor at once; reading large firmware on a busy host takes a while.
const START_TIMEOUT: Duration = Duration::from_secs(60);

/// How long an ended QEMU's last words may take to be read.
const LAST_WORDS: Duration = Duration::from_secs(1);

/// QEMU itself needs a moment to end when told to.
const QUIT_TIMEOUT: Duration = Duration::from_secs(30);

/// How long a guest may take to notice its power button, and to end.
const BUTTON_INTERVAL: Duration = Duration::from_secs(15);

/// Choices of the host's side that are no part of the machine. The default suits a test.
#[derive(Debug, Default)]
pub struct VmOptions {
    /// Firmware to use; otherwise it is looked for.
    pub firmware: Option<FirmwareFiles>,
    /// A variable store to use and change, for machines that must remember their boot entries and keys
    /// from one start to the next; otherwise a fresh copy of the firmware's template.
    pub variables: Option<PathBuf>,
    /// Where the TPM keeps its state from one start to the next; otherwise each start has a new TPM.
    pub tpm_state: Option<PathBuf>,
    /// Where the directory of the run is made; otherwise where temporary files go.
    pub parent: Option<PathBuf>,
    /// A share of the budget, given back when the machine has ended.
    pub reservation: Option<Reservation>,
}

/// How a machine ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest switched it off.
    PoweredOff,
    /// The guest reset it, and a reset was to end it.
    Reset,
    /// The guest told of its panic.
    Panicked,
    /// The host asked QEMU to end.
    Quit,
    /// The host killed QEMU: a power cut.
    Killed,
}

/// A running machine. Dropping it ends QEMU at once.
#[derive(Debug)]
pub struct Vm {
    // Fields are dropped in this order: the guest must be dead before its files and share go.
    keeper: Keeper,
    monitor: Mutex<Qmp>,
    console: Console,
    tpm: Option<Swtpm>,
    directory: Arc<RunDirectory>,
    line: CommandLine,
    accelerator: Accelerator,
    killed: AtomicBool,
    _reservation: Option<Reservation>,
}

impl Vm {
    /// Starts a machine with firmware and an accelerator of this host.
    pub fn start(machine: &Machine, options: VmOptions) -> Result<Self, Error> {
        // A missing program is told before anything is tried.
        program::find(machine.architecture.program(), machine.architecture.package())?;
        let accelerator = Accelerator::choose(machine.acceleration, machine.architecture)?;
        Self::launch(machine, accelerator, options)
    }

    /// Starts a machine with a given accelerator.
    pub(crate) fn launch(
        machine: &Machine,
        accelerator: Accelerator,
        options: VmOptions,
    ) -> Result<Self, Error> {
        let directory = Arc::new(RunDirectory::create(options.parent.as_deref())?);
        let prepared = Prepared::new(machine, accelerator, &options, &directory)?;
        let serial = (Serial::Stdio, Monitor::Socket(directory.monitor()));
        let line = prepared.command_line(machine, accelerator, serial)?;
        let script = directory.script();
        fs::write(&script, line.script()).map_err(Error::io("writing", &script))?;

        let log = directory.messages();
        let messages = File::create(&log).map_err(Error::io("creating", &log))?;
        let (keeper, pipes) = Keeper::spawn(&line, move |command| {
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(messages);
        })?;
        let Pipes { input: Some(input), output: Some(output) } = pipes else {
            return Err(Error::Monitor("its standard streams are not connected".to_owned()));
        };
        let console = Console::new(output, input, Arc::clone(&directory))?;
        let monitor = Mutex::new(connect(&keeper, &directory)?);
        Ok(Self {
            keeper,
            monitor,
            console,
            tpm: prepared.tpm,
            directory,
            line,
            accelerator,
            killed: AtomicBool::new(false),
            _reservation: options.reservation,
        })
    }

    /// The guest's serial console.
    pub fn console(&self) -> &Console {
        &self.console
    }

    /// What runs the guest's instructions.
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// QEMU's command line, for people who want to repeat it.
    pub fn command_line(&self) -> &CommandLine {
        &self.line
    }

    /// The directory of this run: transcript, script, variable store.
    pub fn directory(&self) -> &RunDirectory {
        &self.directory
    }

    /// What QEMU itself has printed.
    pub fn messages(&self) -> String {
        self.directory.last_messages()
    }

    /// The TPM's control socket, where the machine has one.
    pub fn tpm_socket(&self) -> Option<&Path> {
        self.tpm.as_ref().map(Swtpm::socket)
    }

    /// Runs a QMP command; see QEMU's QMP reference for names, arguments and answers.
    pub fn execute(&self, command: &str, arguments: Value) -> Result<Value, Error> {
        self.monitor().execute(command, arguments)
    }

    /// Waits for a QMP event, `RESET` for one.
    pub fn wait_event(&self, name: &str, timeout: Duration) -> Result<Event, Error> {
        self.monitor().wait_event(name, timeout)?.ok_or_else(|| Error::Timeout {
            expected: format!("QEMU's event `{name}`"),
            after: timeout,
            evidence: self.directory.evidence(self.console.last_lines()),
        })
    }

    /// Photographs the display into a PNG file (QEMU 7.1 and newer).
    pub fn screendump(&self, file: &Path) -> Result<(), Error> {
        // QEMU runs elsewhere than we may: it needs the whole path.
        let absolute = std::path::absolute(file).map_err(Error::io("finding", file))?;
        let arguments = json!({ "filename": absolute.to_string_lossy(), "format": "png" });
        self.execute("screendump", arguments).map(|_| ())
    }

    /// Presses keys together on the keyboard of a machine with a display: QEMU's names, `ctrl`, `ret`, `a`.
    pub fn press(&self, keys: &[&str]) -> Result<(), Error> {
        let keys: Vec<_> = keys.iter().map(|key| json!({ "type": "qcode", "data": key })).collect();
        self.execute("send-key", json!({ "keys": keys })).map(|_| ())
    }

    /// Waits for the machine to end by itself. A QEMU that failed is an error.
    pub fn wait(&self, timeout: Duration) -> Result<Ending, Error> {
        self.wait_until(Instant::now() + timeout, timeout)
    }

    /// The same until `deadline`, `after` of which an error tells.
    fn wait_until(&self, deadline: Instant, after: Duration) -> Result<Ending, Error> {
        let left = deadline.saturating_duration_since(Instant::now());
        let expected = || "the machine to end".to_owned();
        let evidence = || self.directory.evidence(self.console.last_lines());
        let status = self.keeper.wait(left).ok_or_else(|| Error::Timeout {
            expected: expected(),
            after,
            evidence: evidence(),
        })?;
        self.ending(status).ok_or_else(|| Error::Ended {
            ending: status.to_string(),
            expected: expected(),
            evidence: evidence(),
        })
    }

    /// Presses the power button until the guest has switched itself off. Once may be too early: a guest whose
    /// shell answers may not watch the button yet.
    pub fn power_off(&self, timeout: Duration) -> Result<Ending, Error> {
        let deadline = Instant::now() + timeout;
        loop {
            match self.execute("system_powerdown", json!({})) {
                // It may be gone since it was asked last.
                Ok(_) | Err(Error::Monitor(_)) => {}
                Err(error) => return Err(error),
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left <= BUTTON_INTERVAL || self.keeper.wait(BUTTON_INTERVAL).is_some() {
                return self.wait_until(deadline, timeout);
            }
        }
    }

    /// Tells QEMU to end: what the guest has written is in the image, what it still holds is lost.
    pub fn quit(&self) -> Result<Ending, Error> {
        match self.execute("quit", json!({})) {
            // It may be gone before it has answered.
            Ok(_) | Err(Error::Monitor(_)) => self.wait(QUIT_TIMEOUT),
            Err(error) => Err(error),
        }
    }

    /// Ends QEMU at once: a power cut.
    pub fn kill(&self) -> Result<Ending, Error> {
        self.killed.store(true, Ordering::Relaxed);
        self.keeper.kill();
        self.wait(QUIT_TIMEOUT)
    }

    fn monitor(&self) -> MutexGuard<'_, Qmp> {
        self.monitor.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The reason that QEMU gave before it ended (`SHUTDOWN` in its QMP reference); `None` for a failure.
    fn ending(&self, status: ExitStatus) -> Option<Ending> {
        if self.killed.load(Ordering::Relaxed) {
            return Some(Ending::Killed);
        }
        if !status.success() {
            return None;
        }
        let event = self.monitor().wait_event("SHUTDOWN", LAST_WORDS).ok().flatten();
        match event.as_ref().and_then(|event| event.data["reason"].as_str()) {
            Some("guest-shutdown") => Some(Ending::PoweredOff),
            Some("guest-reset") => Some(Ending::Reset),
            Some("guest-panic") => Some(Ending::Panicked),
            // Ended by the host; without an event QEMU was told so before it listened.
            Some(_) | None => Some(Ending::Quit),
        }
    }
}

/// Firmware and TPM of a machine that is about to start.
pub(crate) struct Prepared {
    program: PathBuf,
    firmware: Option<FirmwareFiles>,
    pub(crate) tpm: Option<Swtpm>,
}

impl Prepared {
    /// Finds the program and the firmware, copies its variable store, starts the TPM.
    pub(crate) fn new(
        machine: &Machine,
        accelerator: Accelerator,
        options: &VmOptions,
        directory: &RunDirectory,
    ) -> Result<Self, Error> {
        let architecture = machine.architecture;
        let program = program::find(architecture.program(), architecture.package())?;
        debug_assert!(accelerator == Accelerator::Tcg || Architecture::host() == Some(architecture));
        let firmware = match &machine.boot {
            Boot::Kernel(_) => None,
            Boot::Uefi(secure_boot) => {
                let found = match &options.firmware {
                    Some(files) => files.clone(),
                    None => FirmwareSearch::host(architecture).find(architecture, *secure_boot)?,
                };
                Some(match &options.variables {
                    Some(variables) => found.with_variables(variables.clone()),
                    None => found.with_private_variables(&directory.variables())?,
                })
            }
        };
        let tpm = match machine.tpm {
            Tpm::Absent => None,
            Tpm::Version2 => Some(Swtpm::start(options.tpm_state.as_deref().unwrap_or(directory.path()))?),
        };
        Ok(Self { program, firmware, tpm })
    }

    /// The command line that starts the machine.
    pub(crate) fn command_line(
        &self,
        machine: &Machine,
        accelerator: Accelerator,
        (serial, monitor): (Serial, Monitor),
    ) -> Result<CommandLine, Error> {
        let wiring = Wiring {
            accelerator,
            firmware: self.firmware.as_ref(),
            serial,
            monitor,
            tpm_socket: self.tpm.as_ref().map(|tpm| tpm.socket().to_owned()),
        };
        Ok(CommandLine::new(&self.program, machine::arguments(machine, &wiring)?))
    }
}

/// Connects to the monitor as soon as QEMU listens.
fn connect(keeper: &Keeper, directory: &RunDirectory) -> Result<Qmp, Error> {
    let start = Instant::now();
    let expected = || "QEMU to start".to_owned();
    loop {
        match Qmp::connect(&directory.monitor()) {
            Ok(monitor) => return Ok(monitor),
            // Not there yet, or not listening yet, or closed because QEMU has just failed.
            Err(Error::Io { .. } | Error::Monitor(_)) => {}
            Err(error) => return Err(error),
        }
        if let Some(status) = keeper.wait(Duration::ZERO) {
            return Err(Error::Ended {
                ending: status.to_string(),
                expected: expected(),
                evidence: directory.evidence(Vec::new()),
            });
        }
        if start.elapsed() > START_TIMEOUT {
            return Err(Error::Timeout {
                expected: expected(),
                after: START_TIMEOUT,
                evidence: directory.evidence(Vec::new()),
            });
        }
        thread::sleep(Duration::from_millis(10));
    }
}
