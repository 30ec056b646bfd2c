//! `landfall destroy`: disks of this machine, made blank.

use std::io::{BufRead, IsTerminal};

use clap::Args;

use super::arguments::LayoutArguments;
use super::install::{TargetArguments, failure, named, told};
use super::terminal::Terminal;
use super::{Failure, load, note, print};
use crate::device::Machine;
use crate::error::Exit;
use crate::installer::install::{self, InstallError, Targets};
use crate::installer::modes::{self, Format};
use crate::installer::order::Occupied;
use crate::progress::{Step, Unit};

/// Arguments of `landfall destroy`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    layout: LayoutArguments,

    #[command(flatten)]
    targets: TargetArguments,

    /// Say what would be lost, write nothing
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Makes the disks of a layout blank, and prints them.
pub(super) fn destroy(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let layout = load::layout(&arguments.layout, terminal)?;
    let machine = Machine::here();
    let failed = |error: InstallError| failure(&error, &layout, terminal);
    let all = modes::targets(&layout, &machine, named(&arguments.targets, &machine)?).map_err(failed)?;
    let plan = Format::plan_only(&layout, &all).map_err(failed)?;
    let targets = modes::destroyed(&plan, &all);
    let contents = install::check(&machine, &targets, Occupied::Wipe)
        .and_then(|()| install::contents(&targets))
        .map_err(failed)?;
    let told = told(&targets, &contents);
    if arguments.dry_run {
        return print(&told);
    }
    note(&told, terminal);
    if contents.values().any(|contents| !contents.is_free()) {
        confirm(&arguments.targets, terminal)?;
    }
    for (name, disk) in &targets {
        let path = format!("wipe {name}");
        let step = Step::start(terminal, &path, Some(disk.size.bytes()), Unit::Bytes);
        modes::destroy(disk, &mut |bytes| step.advance(bytes.bytes())).map_err(failed)?;
        step.finish();
    }
    print(&paths(&targets))
}

/// Has a person type `yes`, unless that was said before.
fn confirm(arguments: &TargetArguments, terminal: &Terminal) -> Result<(), Failure> {
    if arguments.may_wipe() {
        return Ok(());
    }
    let hint = "--yes-wipe-all-disks says so beforehand";
    let input = std::io::stdin();
    if !input.is_terminal() {
        let text = "nobody can be asked whether all this may be lost: standard input is no terminal";
        return Err(Failure::new(Exit::Refused, text).with_hint(hint));
    }
    note("Everything on these disks will be lost. Type `yes` to go on:", terminal);
    let mut answer = String::new();
    // What cannot be read is no yes.
    let _ = input.lock().read_line(&mut answer);
    if answer.trim() == "yes" { Ok(()) } else { Err(Failure::new(Exit::Refused, "nobody said `yes`")) }
}

/// The devices, a line each.
pub(super) fn paths(targets: &Targets) -> String {
    targets.values().map(|disk| format!("{}\n", disk.path.display())).collect()
}
