//! A machine on the user's own terminal.

use std::process::ExitStatus;
use std::time::Duration;

use crate::accelerator::Accelerator;
use crate::architecture::Architecture;
use crate::command_line::CommandLine;
use crate::error::Error;
use crate::keeper::Keeper;
use crate::machine::{Drive, Machine, Monitor, Network, Reboot, Serial};
use crate::run_directory::RunDirectory;
use crate::vm::{Prepared, VmOptions};

/// A machine that is ready to be started on this terminal. `Ctrl-A x` ends it, `Ctrl-A h` helps.
#[derive(Debug)]
pub struct Interactive {
    line: CommandLine,
    accelerator: Accelerator,
    // These end or go when the machine has ended.
    _tpm: Option<crate::tpm::Swtpm>,
    _directory: RunDirectory,
}

impl Interactive {
    /// A machine for a person who wants to see an image boot: a network, a reset that restarts, and what the
    /// guest writes forgotten unless `drive` says otherwise.
    pub fn machine(architecture: Architecture, drive: Drive) -> Machine {
        Machine {
            network: Network::User(Vec::new()),
            reboot: Reboot::Restart,
            ..Machine::new(architecture).with_drive(drive)
        }
    }

    /// Finds program, firmware and accelerator, so that all that can be missing is told before the start.
    pub fn prepare(machine: &Machine, options: &VmOptions) -> Result<Self, Error> {
        let architecture = machine.architecture;
        crate::program::find(architecture.program(), architecture.package())?;
        let accelerator = Accelerator::choose(machine.acceleration, architecture)?;
        let directory = RunDirectory::create(options.parent.as_deref())?;
        let prepared = Prepared::new(machine, accelerator, options, &directory)?;
        let line = prepared.command_line(machine, accelerator, (Serial::Terminal, Monitor::None))?;
        Ok(Self { line, accelerator, _tpm: prepared.tpm, _directory: directory })
    }

    /// The full command line.
    pub fn command_line(&self) -> &CommandLine {
        &self.line
    }

    /// What will run the guest's instructions.
    pub fn accelerator(&self) -> Accelerator {
        self.accelerator
    }

    /// Runs the machine on standard input and output until it ends.
    pub fn run(self) -> Result<ExitStatus, Error> {
        let (keeper, _) = Keeper::spawn(&self.line, |_| {})?;
        loop {
            if let Some(status) = keeper.wait(Duration::from_secs(3600)) {
                return Ok(status);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::machine::{Acceleration, Boot, DirectKernel};

    #[test]
    fn the_terminal_is_the_console_and_nothing_is_written() {
        if crate::program::find("qemu-system-x86_64", "qemu-system-x86").is_err() {
            assert!(std::env::var_os("CI").is_none(), "QEMU is not installed (run .ci/install-tools)");
            eprintln!("skipped: `qemu-system-x86_64` is not installed");
            return;
        }
        let kernel =
            DirectKernel { kernel: "/k".into(), initrd: None, command_line: "console=ttyS0".to_owned() };
        let drive = Drive::image("disk.raw").snapshot();
        let machine = Machine {
            acceleration: Acceleration::Tcg,
            ..Interactive::machine(Architecture::X86_64, drive).with_boot(Boot::Kernel(kernel))
        };
        let ready = Interactive::prepare(&machine, &VmOptions::default()).unwrap();
        let line = ready.command_line().to_string();
        for part in ["-serial mon:stdio", "snapshot=on", "-netdev user,id=net0", "-display none"] {
            assert!(line.contains(part), "{part} is not in {line}");
        }
        assert!(!line.contains("-no-reboot"), "{line}");
    }
}
