//! The command line: one file per command, and the one `match` that names them all.
//!
//! Standard output carries results only; progress, notes and errors go to standard error. How a
//! command ended is an [`Exit`].

mod arguments;
mod check;
mod completions;
mod demo;
mod destroy;
mod dev_sample;
mod failure;
mod format;
mod image;
mod inspect;
mod install;
mod interrupt;
mod iso;
mod load;
mod man;
mod mount;
mod plan;
mod run;
mod terminal;

use std::io::Write;

use clap::{CommandFactory, Parser, Subcommand};

pub use failure::Failure;

use crate::error::Exit;
use crate::installer;
use arguments::Common;
use mount::Direction;
use terminal::Terminal;

/// Turns a declared disk layout and a system closure into a machine that boots.
///
/// Layouts are disko's language; systems are NixOS-style store closures. Images are built as an
/// ordinary user: no root, the same bytes every time; a virtual machine only
/// for what nobody else can write.
#[derive(Debug, Parser)]
#[command(name = "landfall", version, max_term_width = 80, infer_subcommands = true)]
#[command(
    after_help = "Exit codes: 0 done, 1 failed, 2 usage, 3 layout or input wrong,\n4 refused for safety, 5 a needed program is missing."
)]
struct Cli {
    #[command(flatten)]
    common: Common,

    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List all mistakes of a layout, each with its place and a hint
    Check(check::Arguments),
    /// Show what a layout means: every partition, size and name
    Plan(plan::Arguments),
    /// Build disk images from a layout and a system
    Image(image::Arguments),
    /// Install a system onto disks of this machine
    Install(install::Arguments),
    /// Make the disks of a layout blank: everything on them is lost
    Destroy(destroy::Arguments),
    /// Format disks of this machine as a layout says
    Format(format::Arguments),
    /// Mount what a layout describes
    Mount(mount::Arguments),
    /// Unmount what a layout describes
    Unmount(mount::Arguments),
    /// Make a medium that runs a system, or installs it
    Iso(iso::Arguments),
    /// Show what is on an image or a disk
    Inspect(inspect::Arguments),
    /// Boot an image in QEMU
    Run(run::Arguments),
    /// Make an image of the sample system and boot it
    Demo(demo::Arguments),
    /// Print a completion script for a shell
    Completions(completions::Arguments),
    /// Be the installer of a machine that booted an installation medium
    #[command(hide = true)]
    InstallerSession,
    /// Serve those who work on landfall
    #[command(hide = true, subcommand)]
    Dev(dev_sample::Dev),
    /// Write the manual pages
    Man(man::Arguments),
}

/// Runs the program with the process's arguments.
pub fn main() -> Exit {
    if std::process::id() == 1 {
        installer::pid1::supervise();
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    interrupt::watch();
    let terminal = match Terminal::new(&cli.common) {
        Ok(terminal) => terminal,
        Err(failure) => return failure.print(&cli.common),
    };
    let ended = run(cli.command, &terminal);
    terminal.clear();
    ended.map_or_else(|failure| failure.print(&cli.common), |()| Exit::Done)
}

fn run(command: Command, terminal: &Terminal) -> Result<(), Failure> {
    match command {
        Command::Check(arguments) => check::check(&arguments, terminal),
        Command::Plan(arguments) => plan::plan(&arguments, terminal),
        Command::Image(arguments) => image::image(&arguments, terminal),
        Command::Install(arguments) => install::install(&arguments, terminal),
        Command::Destroy(arguments) => destroy::destroy(&arguments, terminal),
        Command::Format(arguments) => format::format(&arguments, terminal),
        Command::Mount(arguments) => mount::mount(&arguments, Direction::Mount, terminal),
        Command::Unmount(arguments) => mount::mount(&arguments, Direction::Unmount, terminal),
        Command::Iso(arguments) => iso::iso(&arguments, terminal),
        Command::Inspect(arguments) => inspect::inspect(&arguments),
        Command::Run(arguments) => run::run(&arguments, terminal),
        Command::Demo(arguments) => demo::demo(&arguments, terminal),
        Command::Completions(arguments) => completions::completions(&arguments, Cli::command()),
        Command::Dev(command) => dev_sample::dev(&command, terminal),
        Command::InstallerSession => installer::pid1::session(),
        Command::Man(arguments) => man::man(&arguments, Cli::command()),
    }
}

/// What clap has to say: help and version are results, anything else is a mistake in the call.
fn usage(error: &clap::Error) -> Exit {
    // Nowhere to report to when even this cannot be printed.
    let _ = error.print();
    if error.use_stderr() { Exit::Usage } else { Exit::Done }
}

/// Prints a result to standard output. A reader that went away (`| head`) is no failure.
fn print(text: &str) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::new(Exit::Failed, format!("writing to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

/// Prints a remark to standard error, past the progress bars.
fn note(text: &str, terminal: &Terminal) {
    terminal.write_line(text);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_fits_80_columns() {
        fn walk(command: &mut clap::Command) {
            let help = command.render_long_help().to_string();
            for line in help.lines() {
                assert!(line.chars().count() <= 80, "{}: {line}", command.get_name());
            }
            for sub in command.get_subcommands_mut() {
                walk(sub);
            }
        }
        let mut command = Cli::command();
        command.build();
        walk(&mut command);
    }
}
