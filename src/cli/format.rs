//! `landfall format`: disks of this machine, formatted as a layout says, with nothing on them.

use std::path::PathBuf;

use clap::Args;

use super::arguments::LayoutArguments;
use super::destroy::paths;
use super::install::{TargetArguments, failure, named, on_targets, told};
use super::terminal::Terminal;
use super::{Failure, image, load, note, print};
use crate::device::Machine;
use crate::identity::Seed;
use crate::image::KeyFiles;
use crate::installer::install::{self, InstallError, State};
use crate::installer::modes::{self, Format};

/// Arguments of `landfall format`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    layout: LayoutArguments,

    #[command(flatten)]
    targets: TargetArguments,

    /// Key of an encrypted volume, by its name or by the path that the
    /// layout names
    #[arg(long, value_name = "NAME=FILE", value_parser = image::key)]
    key: Vec<(String, PathBuf)>,

    /// Where all identities come from; otherwise from the layout and the disks
    #[arg(long, value_name = "UUID")]
    seed: Option<Seed>,

    /// Decide and check everything, write nothing, print the plan
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Formats the disks of a layout, unless they are so already, and prints them.
pub(super) fn format(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let layout = load::layout(&arguments.layout, terminal)?;
    let machine = Machine::here();
    let failed = |error: InstallError| failure(&error, &layout, terminal);
    let targets = modes::targets(&layout, &machine, named(&arguments.targets, &machine)?).map_err(failed)?;
    let keys = KeyFiles { by_name: arguments.key.iter().cloned().collect(), forced_seed: None };
    let format = Format::new(&layout, &targets, (arguments.seed, keys)).map_err(failed)?;
    let is_done = !arguments.targets.may_wipe() && format.is_done(&targets).map_err(failed)?;
    if is_done {
        note("the disks have exactly this already: nothing was written", terminal);
        return print(&paths(&targets));
    }
    install::check(&machine, &targets, arguments.targets.occupied()).map_err(failed)?;
    let contents = install::contents(&targets).map_err(failed)?;
    if arguments.dry_run {
        return print(&format!("{}{}", told(&targets, &contents), on_targets(format.plan(), &targets)));
    }
    note(&told(&targets, &contents), terminal);
    let mut state = State::Untouched;
    format.write(&targets, terminal, &mut state).map_err(|error| {
        note(&format!("state: {state}"), terminal);
        failed(error)
    })?;
    print(&paths(&targets))
}
