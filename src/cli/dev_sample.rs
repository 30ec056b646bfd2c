//! `landfall dev sample`: makes the sample system that tests and demonstrations use. Hidden: it serves
//! those who work on landfall.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use qemu::Architecture;
use qemu::sample::{self, Draft, Request, SampleError};

use super::{Failure, print};
use crate::error::{Exit, IoError};
use crate::files;
use crate::progress::{Progress, Step, Unit};
use crate::store::database::{DATABASE_FILE, SCHEMA_FILE, SCHEMA_VERSION, encode};
use crate::store::{NarHash, PathInfo, StorePath};
use crate::units::ByteSize;

/// What those who work on landfall need beside it.
#[derive(Debug, Subcommand)]
pub(super) enum Dev {
    /// Make the sample system: a NixOS-shaped closure from Debian packages
    Sample(Arguments),
}

/// Arguments of `landfall dev sample`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    /// The machine type: x86_64 or aarch64
    #[arg(long)]
    arch: Architecture,

    /// The store root to make; replaced when it is a sample system already
    #[arg(long, value_name = "DIR")]
    out: PathBuf,
}

/// Makes what is asked for and prints the system's store path.
pub(super) fn dev(command: &Dev, progress: &dyn Progress) -> Result<(), Failure> {
    let Dev::Sample(arguments) = command;
    let step = Step::start(progress, "sample", None, Unit::Items);
    let cache = cache_folder()?;
    let request = Request {
        arch: arguments.arch,
        out: &arguments.out,
        cache: &cache,
        on_step: &|text| step.note(text),
    };
    let toplevel = match sample::current(&request).map_err(failed)? {
        Some(toplevel) => toplevel,
        None => {
            let draft = sample::build(&request).map_err(failed)?;
            write_database(&draft)?;
            draft.commit().map_err(failed)?
        }
    };
    step.finish();
    print(&format!("{toplevel}\n"))
}

fn failed(error: SampleError) -> Failure {
    let exit = match &error {
        SampleError::MissingProgram { .. } => Exit::Missing,
        SampleError::Occupied(_) => Exit::Refused,
        _ => Exit::Failed,
    };
    Failure::from_error(exit, &error)
}

/// Where packages are kept between builds: outside the repository, shared by all work on it.
fn cache_folder() -> Result<PathBuf, Failure> {
    let folder = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let cache = folder("XDG_CACHE_HOME").or_else(|| Some(folder("HOME")?.join(".cache")));
    let missing =
        || Failure::new(Exit::Failed, "neither XDG_CACHE_HOME nor HOME says where to keep packages");
    Ok(cache.ok_or_else(missing)?.join("landfall"))
}

/// Writes the Nix database of the draft: the store is one that Nix itself accepts.
fn write_database(draft: &Draft) -> Result<(), Failure> {
    let broken = |error: &dyn std::error::Error| Failure::from_error(Exit::Failed, error);
    let infos: Vec<_> = draft.paths.iter().map(path_info).collect::<Result<_, _>>()?;
    let bytes = encode(&infos).map_err(|error| broken(&error))?;
    let write = |name: &str, content: &[u8]| -> Result<(), IoError> {
        let path = draft.root().join(name);
        files::create_dir_all(path.parent().unwrap_or(Path::new("/")))?;
        files::replace(&path, content)
    };
    write(DATABASE_FILE, &bytes).map_err(|error| broken(&error))?;
    write(SCHEMA_FILE, SCHEMA_VERSION.to_string().as_bytes()).map_err(|error| broken(&error))
}

fn path_info(info: &sample::PathInfo) -> Result<PathInfo, Failure> {
    let path = |text: &str| {
        StorePath::from_absolute(text).map_err(|error| Failure::from_error(Exit::Failed, &error))
    };
    let references = info.references.iter().map(|text| path(text)).collect::<Result<_, _>>()?;
    let hash = NarHash::from_bytes(info.nar_sha256);
    let mut made = PathInfo::new(path(&info.path)?, hash, ByteSize(info.nar_size), references);
    made.content_address.clone_from(&info.content_address);
    Ok(made)
}
