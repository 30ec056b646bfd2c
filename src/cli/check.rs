//! `landfall check`: every mistake of a layout.

use clap::Args;

use super::arguments::LayoutArguments;
use super::terminal::Terminal;
use super::{Failure, load, print};
use crate::error::Exit;
use crate::layout::render::{render, to_json};

/// Arguments of `landfall check`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    layout: LayoutArguments,

    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

/// Prints all findings; fails when one of them is a mistake.
pub(super) fn check(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let (findings, sources, usable) = match load::read(&arguments.layout)? {
        Ok((layout, findings)) => (findings, layout.sources().clone(), true),
        Err(mistakes) => (mistakes.items, mistakes.sources, false),
    };
    if arguments.json {
        print(&format!("{}\n", to_json(&findings, &sources)))?;
        return if usable { Ok(()) } else { Err(Failure::silent(Exit::Input)) };
    }
    let text = render(&findings, &sources, terminal.style());
    match (usable, findings.is_empty()) {
        (true, true) => print(&format!("{}: no mistakes\n", arguments.layout.layout.display())),
        (true, false) => print(&format!("{text}\n")),
        (false, _) => Err(Failure::rendered(Exit::Input, text)),
    }
}
