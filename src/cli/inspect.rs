//! `landfall inspect`: what is on an image or a disk.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, print};
use crate::error::Exit;
use crate::inspect::{Depth, InspectError, Report};

/// Arguments of `landfall inspect`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The image or device
    #[arg(value_name = "FILE|DEVICE")]
    path: PathBuf,

    /// Read every store path and compare it with the hash it is registered with; 1 when one differs
    #[arg(long)]
    verify: bool,

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
    let depth = if arguments.verify { Depth::Contents } else { Depth::Lists };
    let report = Report::of(&arguments.path, depth).map_err(|error| failed(&error))?;
    if arguments.json {
        let json =
            serde_json::to_value(&report).map_err(|error| Failure::from_error(Exit::Failed, &error))?;
        print(&format!("{json:#}\n"))?;
    } else {
        print(&report.text())?;
    }
    match report.system.map(|system| system.faults.unwrap_or_default()) {
        Some(faults) if !faults.is_empty() => {
            let (path, count) = (arguments.path.display(), faults.len());
            Err(Failure::new(Exit::Failed, format!("{path}: {count} faults in the store")))
        }
        None if arguments.verify => {
            let path = arguments.path.display();
            Err(Failure::new(Exit::Failed, format!("{path}: no store was found that could be verified")))
        }
        _ => Ok(()),
    }
}
