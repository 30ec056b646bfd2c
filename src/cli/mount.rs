//! `landfall mount` and `landfall unmount`: what a layout describes, below a folder of this machine.

use std::os::unix::fs::FileTypeExt as _;
use std::path::{Path, PathBuf};

use clap::Args;

use super::arguments::LayoutArguments;
use super::install::{DiskArgument, failure, named_disks};
use super::terminal::Terminal;
use super::{Failure, load, print};
use crate::command::{CommandError, Program};
use crate::device::Machine;
use crate::error::Exit;
use crate::installer::install::InstallError;
use crate::installer::modes::mount::{Present, mounting, unmounting};
use crate::installer::modes::{self, Format, Nodes};

/// Arguments of `landfall mount` and of `landfall unmount`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    layout: LayoutArguments,

    /// The device that is a disk of the layout, where it is not the one that
    /// the layout names
    #[arg(long, value_name = "NAME=DEVICE")]
    disk: Vec<DiskArgument>,

    /// The folder below which everything is mounted
    #[arg(long, visible_alias = "root-mountpoint", value_name = "DIR", default_value = "/mnt")]
    root: PathBuf,

    /// Print the commands instead of running them
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Which of both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Direction {
    /// Opens and mounts.
    Mount,
    /// Unmounts and closes.
    Unmount,
}

/// Mounts or unmounts what is not so already.
pub(super) fn mount(arguments: &Arguments, direction: Direction, terminal: &Terminal) -> Result<(), Failure> {
    let layout = load::layout(&arguments.layout, terminal)?;
    let machine = Machine::here();
    let failed = |error: InstallError| failure(&error, &layout, terminal);
    let named = named_disks(&arguments.disk, &machine)?;
    let targets = modes::targets(&layout, &machine, named).map_err(failed)?;
    let is_device =
        |path: &Path| path.metadata().is_ok_and(|metadata| metadata.file_type().is_block_device());
    if let Some(disk) = targets.values().find(|disk| !is_device(&disk.path)) {
        let failure = Failure::new(
            Exit::Usage,
            format!("`{}` is a file: only devices are mounted", disk.path.display()),
        );
        return Err(failure.with_hint("`losetup --find --show --partscan FILE` makes a device of it"));
    }
    let plan = Format::plan_only(&layout, &targets).map_err(failed)?;
    let nodes = Nodes::new(&plan, &targets);
    let root = std::path::absolute(&arguments.root).unwrap_or_else(|_| arguments.root.clone());
    let present = Here { machine };
    let programs = match direction {
        Direction::Mount => mounting(&plan, &nodes, &root, &present),
        Direction::Unmount => unmounting(&plan, &nodes, &root, &present),
    };
    if arguments.dry_run {
        return print(&programs.iter().map(|program| format!("{}\n", program.line())).collect::<String>());
    }
    // What is missing must not show halfway.
    programs.iter().try_for_each(Program::check_installed).map_err(|error| command_failure(&error))?;
    programs.iter().try_for_each(Program::run_attended).map_err(|error| command_failure(&error))
}

fn command_failure(error: &CommandError) -> Failure {
    let exit = if matches!(error, CommandError::Missing { .. }) { Exit::Missing } else { Exit::Failed };
    Failure::from_error(exit, error)
}

/// What is there on this machine.
struct Here {
    machine: Machine,
}

impl Present for Here {
    fn device(&self, path: &Path) -> bool {
        path.exists()
    }

    fn mounted(&self, path: &Path) -> bool {
        let real = std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
        self.machine.is_mount_point(&real).unwrap_or(false)
    }

    fn swapped(&self, path: &Path) -> bool {
        self.machine.is_swap(path)
    }
}
