//! `landfall run`: boots an image in QEMU, on this terminal.

use std::path::PathBuf;

use clap::Args;
use qemu::{Architecture, Drive, Interactive, Machine, Mebibytes, VmOptions};

use super::Failure;
use super::terminal::Terminal;
use crate::error::{Exit, chain};
use crate::inspect;

/// Arguments of `landfall run`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The image; several make a machine with several disks
    #[arg(value_name = "FILE", required = true)]
    image: Vec<PathBuf>,

    /// The machine type; otherwise what the image's boot loader is for
    #[arg(long)]
    arch: Option<Architecture>,

    /// Memory in MiB
    #[arg(long, value_name = "MIB", default_value_t = 1024)]
    memory: u32,

    /// Keep what the machine writes; otherwise it is forgotten
    #[arg(long)]
    write: bool,

    /// Print the command line and start nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Runs the machine until it ends. Ctrl-A x ends it.
pub(super) fn run(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    for image in &arguments.image {
        crate::files::open(image).map_err(|error| Failure::from_error(Exit::Input, &error))?;
    }
    let architecture = match arguments.arch {
        Some(architecture) => architecture,
        None => detected(arguments)?,
    };
    let drive =
        |image: &PathBuf| if arguments.write { Drive::image(image) } else { Drive::image(image).snapshot() };
    let mut images = arguments.image.iter();
    // clap demands one at least.
    let Some(first) = images.next() else { return Err(Failure::new(Exit::Usage, "no image was named")) };
    let machine = Interactive::machine(architecture, drive(first));
    let machine = images.fold(machine, |machine, image| machine.with_drive(drive(image)));
    let machine = Machine { memory: Mebibytes(arguments.memory), ..machine };
    let ready =
        Interactive::prepare(&machine, &VmOptions::default()).map_err(|error| machine_failure(&error))?;
    if arguments.dry_run {
        return super::print(&format!("{}\n", ready.command_line()));
    }
    terminal.clear();
    super::note(&format!("{architecture} under {:?}; Ctrl-A x ends it", ready.accelerator()), terminal);
    let status = ready.run().map_err(|error| machine_failure(&error))?;
    if status.success() {
        Ok(())
    } else {
        Err(Failure::new(Exit::Failed, format!("QEMU ended with {status}")))
    }
}

fn detected(arguments: &Arguments) -> Result<Architecture, Failure> {
    let found = arguments.image.iter().find_map(|image| inspect::boot_architecture(image).ok().flatten());
    let name = found.ok_or_else(|| {
        Failure::new(Exit::Input, "no boot loader was found on the image that would tell its machine type")
            .with_hint("say it with --arch x86_64 or --arch aarch64")
    })?;
    name.parse().map_err(|error| Failure::new(Exit::Failed, format!("{error}")))
}

/// A machine that could not be had, with the package that is missing.
pub(super) fn machine_failure(error: &qemu::Error) -> Failure {
    let exit = if error.is_missing() { Exit::Missing } else { Exit::Failed };
    let failure = Failure::new(exit, chain(error));
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
