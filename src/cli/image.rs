//! `landfall image`: disk images from a layout and a system.

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::arguments::{LayoutArguments, SystemArguments};
use super::terminal::Terminal;
use super::{Failure, load, note, print};
use crate::error::Exit;
use crate::identity::Seed;
use crate::image::{Growth, HookUse, KeyFiles, Machine, Prepared, Request, System};
use crate::layout::Layout;
use crate::output::iso::Program;
use crate::output::manifest::{DigestKind, Inputs};
use crate::output::raw;
use crate::output::vm::{Ready, VmError};
use crate::plan::DiskRequest;
use crate::progress::Progress;
use crate::units::ByteSize;

/// How large disks become, and where their identities come from.
#[derive(Clone, Debug, Args)]
pub(super) struct SizeArguments {
    /// Size of a disk: `main=64G`, or `*=64G` for every disk
    #[arg(long, value_name = "NAME=SIZE")]
    pub(super) disk: Vec<DiskRequest>,

    /// Space left free where the size is computed
    #[arg(long, value_name = "SIZE", default_value = "256M")]
    pub(super) free: ByteSize,

    /// Where all identities come from; otherwise from layout and system
    #[arg(long, value_name = "UUID")]
    pub(super) seed: Option<Seed>,
}

/// Arguments of `landfall image`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    layout: LayoutArguments,

    #[command(flatten)]
    system: SystemArguments,

    /// Folder for the images and their manifest
    #[arg(long, value_name = "DIR")]
    out: PathBuf,

    #[command(flatten)]
    sizes: SizeArguments,

    /// Kind of image file
    #[arg(long, value_name = "FORMAT", default_value = "raw")]
    format: Format,

    /// Key of an encrypted volume, by its name or by the path that the
    /// layout names
    #[arg(long, value_name = "NAME=FILE", value_parser = key)]
    key: Vec<(String, PathBuf)>,

    /// Derive volume keys from the seed too: for tests, since everyone who
    /// knows the seed has the keys
    #[arg(long, requires = "seed", hide = true)]
    insecure_keys: bool,

    /// Let the root file system grow to the disk that the image is put on
    #[arg(long)]
    grow: bool,

    /// Put the digest of each image into the manifest
    #[arg(long, value_name = "KIND")]
    digest: Option<DigestKind>,

    /// Fail where a virtual machine would be needed: for file systems that
    /// only a running kernel makes, and for hooks
    #[arg(long)]
    no_vm: bool,

    /// Leave out the hooks of the layout, which are shell
    #[arg(long)]
    skip_hooks: bool,

    /// A static landfall for the virtual machine; otherwise this program if
    /// it is one, else `ARCH/landfall` in ../lib/landfall or ../static beside
    /// it
    #[arg(long, value_name = "FILE", conflicts_with = "no_vm")]
    installer_binary: Option<PathBuf>,

    /// Decide and check everything, write nothing, print the plan
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Kinds of image files.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The bytes of the disk, sparse.
    Raw,
}

/// Reads `NAME=FILE`.
pub(super) fn key(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        _ => Err(format!("`{text}` is not NAME=FILE")),
    }
}

/// Builds the images and prints their paths.
pub(super) fn image(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let Format::Raw = arguments.format;
    let layout = load::layout(&arguments.layout, terminal)?;
    let system = load::system(&arguments.system)?;
    let failed = |error| load::image_failure(&error, Some(&layout), terminal.style());
    let request = Request {
        seed: arguments.sizes.seed,
        disks: arguments.sizes.disk.clone(),
        free: arguments.sizes.free,
        keys: KeyFiles {
            by_name: arguments.key.iter().cloned().collect(),
            forced_seed: arguments.sizes.seed.filter(|_| arguments.insecure_keys),
        },
        machine: if arguments.no_vm { Machine::Refused } else { Machine::Allowed },
        hooks: if arguments.skip_hooks { HookUse::LeaveOut } else { HookUse::Run },
        growth: if arguments.grow { Growth::ToDisk } else { Growth::Fixed },
        ..Request::default()
    };
    let prepared = Prepared::new(&layout, &system, &request).map_err(failed)?;
    if arguments.dry_run {
        return print(&prepared.plan().text());
    }
    for text in &prepared.plan().notes {
        note(&format!("note: {text}"), terminal);
    }
    let inputs = Inputs::new(&arguments.layout.layout, &system)
        .map_err(|error| Failure::from_error(Exit::Failed, &error))?;
    let progress: &dyn Progress = terminal;
    let to = (arguments.out.as_path(), arguments.digest);
    let written = if prepared.machine_needs().is_empty() {
        raw::write(&prepared, &inputs, to, progress).map_err(failed)?
    } else {
        let vm_failed = |error: VmError| vm_failure(&error, &layout, terminal);
        let program = program(arguments, &system);
        let ready = Ready::new(&prepared, &system, &request, &program).map_err(vm_failed)?;
        for need in prepared.machine_needs() {
            note(&format!("note: {}: {}", need.text(), need.cost()), terminal);
        }
        let mut fill = |images: &[raw::ImageFile<'_>]| ready.fill(images, &arguments.out, progress);
        raw::write_by(&prepared, &inputs, to, &mut fill).map_err(vm_failed)?
    };
    prepared.leave();
    print(&written.iter().map(|file| format!("{}\n", file.display())).collect::<String>())
}

/// The program that runs in the virtual machine.
fn program(arguments: &Arguments, system: &System) -> Program {
    let own = || Program::FirstOf(super::iso::programs(system.generation().architecture));
    arguments.installer_binary.clone().map_or_else(own, Program::Given)
}

fn vm_failure(error: &VmError, layout: &Layout, terminal: &Terminal) -> Failure {
    if let VmError::Image(error) = error {
        return load::image_failure(error, Some(layout), terminal.style());
    }
    let failure = Failure::from_error(error.exit(), error);
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}
