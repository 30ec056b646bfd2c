//! QEMU as a library: machines, firmware, consoles, a test bench and the sample system.
//!
//! A [`Machine`] says what hardware there is; [`Vm::start`] finds firmware and an accelerator that really
//! works, starts QEMU and guards it; [`Console`] and [`Shell`] talk to the guest; [`Qmp`] talks to QEMU.
//!
//! ```text
//!  Machine ─▶ machine::arguments (pure) ─▶ CommandLine ─▶ Vm ─┬─ Console ─▶ Shell
//!               ▲            ▲                                ├─ Qmp (screendump, power)
//!          FirmwareFiles  Accelerator                         └─ RunDirectory (transcript, script)
//! ```
//!
//! ```no_run
//! use std::time::Duration;
//! use qemu::{Architecture, Drive, Machine, Vm, VmOptions};
//!
//! let machine = Machine::new(Architecture::X86_64).with_drive(Drive::image("disk.raw").snapshot());
//! let vm = Vm::start(&machine, VmOptions::default())?;
//! vm.console().expect("login:", Duration::from_secs(60))?;
//! vm.power_off(Duration::from_secs(60))?;
//! # Ok::<(), qemu::Error>(())
//! ```

mod accelerator;
mod architecture;
mod budget;
mod command_line;
mod console;
mod error;
mod firmware;
mod interactive;
mod keeper;
pub mod machine;
mod program;
mod qmp;
mod run_directory;
pub mod sample;
mod shell;
mod tpm;
mod vm;

pub use accelerator::{Accelerator, KvmVerdict};
pub use architecture::Architecture;
pub use budget::{Budget, Reservation};
pub use command_line::CommandLine;
pub use console::Console;
pub use error::{Error, Evidence};
pub use firmware::{FirmwareFiles, FirmwareSearch, SecureBoot};
pub use interactive::Interactive;
pub use machine::{Drive, Machine, Mebibytes, Network};
pub use qmp::{Event, Qmp};
pub use run_directory::RunDirectory;
pub use shell::{Output, Shell};
pub use tpm::Swtpm;
pub use vm::{Ending, Vm, VmOptions};
