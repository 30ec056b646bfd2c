//! `landfall completions`: a shell's completion script, on standard output.

use clap::Args;
use clap_complete::Shell;

use super::{Failure, print};

/// Arguments of `landfall completions`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The shell
    shell: Shell,
}

/// Prints the completion script of `arguments.shell`.
pub(super) fn completions(arguments: &Arguments, mut command: clap::Command) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(arguments.shell, &mut command, "landfall", &mut script);
    print(&String::from_utf8_lossy(&script))
}
