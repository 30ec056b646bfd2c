//! `landfall man`: the manual pages, one for each command.

use std::path::PathBuf;

use clap::Args;

use super::Failure;
use crate::error::{Exit, IoError};
use crate::files;

/// Arguments of `landfall man`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// Folder for the pages
    #[arg(long, value_name = "DIR", default_value = ".")]
    out: PathBuf,
}

/// Writes `landfall.1`, `landfall-image.1` and so on.
pub(super) fn man(arguments: &Arguments, command: clap::Command) -> Result<(), Failure> {
    let failed = |error: IoError| Failure::from_error(Exit::Failed, &error);
    files::create_dir_all(&arguments.out).map_err(failed)?;
    clap_mangen::generate_to(command, &arguments.out)
        .map_err(|error| failed(IoError::new("writing manual pages to", &arguments.out, error)))
}
