//! `landfall inspect`: what is on an image or a disk.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, print};
use crate::error::Exit;
use crate::inspect::{InspectError, Report};

/// Arguments of `landfall inspect`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The image or device
    #[arg(value_name = "FILE|DEVICE")]
    path: PathBuf,

    /// Print it as JSON
    #[arg(long)]
    json: bool,
}

/// Prints the report.
pub(super) fn inspect(arguments: &Arguments) -> Result<(), Failure> {
    let failed = |error: &InspectError| {
        let exit = if error.is_not_found() { Exit::Input } else { Exit::Failed };
        Failure::from_error(exit, error)
    };
    let report = Report::of(&arguments.path).map_err(|error| failed(&error))?;
    if arguments.json {
        let json =
            serde_json::to_value(&report).map_err(|error| Failure::from_error(Exit::Failed, &error))?;
        return print(&format!("{json:#}\n"));
    }
    print(&report.text())
}
