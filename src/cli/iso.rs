//! `landfall iso`: a medium that runs a system, or installs it.

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};
use uefi::Architecture;

use super::arguments::{LayoutArguments, SystemArguments};
use super::terminal::Terminal;
use super::{Failure, image, load, print};
use crate::error::Exit;
use crate::fs::squashfs::{CacheOptions, Compression, GzipLevel, ZstdLevel};
use crate::identity::Seed;
use crate::image::System;
use crate::installer::Order;
use crate::installer::order::{Check, Finish, FirmwareEntry, Mode, Occupied};
use crate::layout::Layout;
use crate::output::iso::{Install, IsoError, Prepared, Program, Request, VolumeId};
use crate::progress::Progress;
use crate::units::ByteSize;

/// Arguments of `landfall iso`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    system: SystemArguments,

    /// The disk layout to install by; without it, the medium is a live system
    #[arg(long, value_name = "LAYOUT")]
    layout: Option<PathBuf>,

    /// Give the layout's function an argument, as a Nix expression
    #[arg(long, num_args = 2, value_names = ["NAME", "EXPR"], action = clap::ArgAction::Append)]
    arg: Vec<String>,

    /// Give the layout's function an argument, as text
    #[arg(long, num_args = 2, value_names = ["NAME", "TEXT"], action = clap::ArgAction::Append)]
    argstr: Vec<String>,

    /// Let an installed `nix` evaluate the layout
    #[arg(long)]
    nix: bool,

    /// The ISO file to make
    #[arg(long, value_name = "FILE")]
    out: PathBuf,

    #[command(flatten)]
    install: InstallArguments,

    #[command(flatten)]
    medium: MediumArguments,

    /// Print what was made as JSON
    #[arg(long)]
    json: bool,
}

/// How the system is installed.
#[derive(Debug, Args)]
#[command(next_help_heading = "Installing")]
struct InstallArguments {
    /// Install without asking, onto the disks that the layout names
    #[arg(long, requires = "layout")]
    unattended: bool,

    /// Let an unattended install wipe disks that have something on them
    #[arg(long, requires = "unattended")]
    wipe: bool,

    /// Read and check the whole medium before anything is written
    #[arg(long, requires = "layout")]
    verify: bool,

    /// What the machine does when the install has succeeded
    #[arg(long, value_name = "WHAT", default_value = "reboot")]
    finish: FinishArgument,

    /// Tell the firmware of the installed system, and to start it first
    #[arg(long, requires = "layout")]
    firmware_entry: bool,

    /// Folder whose content goes onto the installed system, owned by root
    #[arg(long, value_name = "DIR", requires = "layout")]
    extra_files: Option<PathBuf>,

    /// Put the key of an encrypted volume on the medium, by the volume's name
    /// or by the path that the layout names; otherwise a person is asked
    #[arg(long, value_name = "NAME=FILE", value_parser = image::key, requires = "layout")]
    key: Vec<(String, PathBuf)>,

    /// A static landfall for the machine; otherwise this program if it is
    /// one, else `ARCH/landfall` in ../lib/landfall or ../static beside it
    #[arg(long, value_name = "FILE", requires = "layout")]
    installer_binary: Option<PathBuf>,
}

/// How the medium is made.
#[derive(Debug, Args)]
#[command(next_help_heading = "The medium")]
struct MediumArguments {
    /// How the store is compressed: zstd, xz, lz4, gzip, with a level after
    /// a colon for zstd (1 to 22) and gzip (1 to 9)
    #[arg(long, value_name = "KIND[:LEVEL]", default_value = "zstd:15", value_parser = compression)]
    compression: Compression,

    /// Keep compressed blocks in this folder for the next medium; otherwise
    /// in landfall/squashfs below $XDG_CACHE_HOME or ~/.cache
    #[arg(long, value_name = "DIR", conflicts_with = "no_cache")]
    cache: Option<PathBuf>,

    /// How large that folder may become
    #[arg(long, value_name = "SIZE", default_value = "10G")]
    cache_size: ByteSize,

    /// Compress everything anew, and keep nothing
    #[arg(long)]
    no_cache: bool,

    /// Fail when the ISO would be larger
    #[arg(long, value_name = "SIZE")]
    max_size: Option<ByteSize>,

    /// Name of the medium; otherwise what the system looks for
    #[arg(long, value_name = "NAME", value_parser = volume_id)]
    volume_id: Option<VolumeId>,

    /// Where all identities come from; otherwise from what goes in
    #[arg(long, value_name = "UUID")]
    seed: Option<Seed>,
}

/// What the machine does at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum FinishArgument {
    /// Start what was installed.
    Reboot,
    /// Switch off.
    Poweroff,
    /// Stay, with a prompt.
    Shell,
}

impl From<FinishArgument> for Finish {
    fn from(argument: FinishArgument) -> Self {
        match argument {
            FinishArgument::Reboot => Self::Reboot,
            FinishArgument::Poweroff => Self::PowerOff,
            FinishArgument::Shell => Self::Shell,
        }
    }
}

fn volume_id(text: &str) -> Result<VolumeId, String> {
    VolumeId::new(text).map_err(|error| error.to_string())
}

/// Reads `zstd:15` and its like.
fn compression(text: &str) -> Result<Compression, String> {
    let (kind, level) = text.split_once(':').map_or((text, None), |(kind, level)| (kind, Some(level)));
    let level: Option<u8> =
        level.map(|level| level.parse().map_err(|_| format!("`{level}` is no level"))).transpose()?;
    let outside = |range: &str| format!("{kind} has the levels {range}");
    match (kind, level) {
        ("zstd", None) => Ok(Compression::default()),
        ("zstd", Some(level)) => {
            ZstdLevel::new(level).map(Compression::Zstd).ok_or_else(|| outside("1 to 22"))
        }
        ("gzip", level) => {
            GzipLevel::new(level.unwrap_or(9)).map(Compression::Gzip).ok_or_else(|| outside("1 to 9"))
        }
        ("xz", None) => Ok(Compression::Xz),
        ("lz4", None) => Ok(Compression::Lz4),
        ("xz" | "lz4", Some(_)) => Err(format!("{kind} has no levels here")),
        _ => Err(format!("`{kind}` is none of zstd, xz, lz4 and gzip")),
    }
}

/// Makes the medium and prints its path.
pub(super) fn iso(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let layout = arguments.layout.as_ref().map(|path| read_layout(arguments, path, terminal)).transpose()?;
    let system = load::system(&arguments.system)?;
    let failed = |error: IsoError| failure(&error, layout.as_ref(), terminal);
    let request = Request {
        volume_id: arguments.medium.volume_id.clone(),
        seed: arguments.medium.seed,
        compression: arguments.medium.compression,
        cache: arguments.medium.cache(),
        threads: std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN),
        max_size: arguments.medium.max_size,
        install: layout.as_ref().map(|layout| install(arguments, layout, &system)),
    };
    let prepared = Prepared::new(&system, &request).map_err(failed)?;
    let progress: &dyn Progress = terminal;
    let written = prepared.write(&arguments.out, progress).map_err(failed)?;
    if arguments.json {
        let text = serde_json::to_string_pretty(&written)
            .map_err(|error| Failure::from_error(Exit::Failed, &error))?;
        return print(&format!("{text}\n"));
    }
    print(&format!("{}\n", written.file.display()))
}

impl MediumArguments {
    /// Where blocks are kept; nowhere when no folder was named and the environment names none.
    fn cache(&self) -> Option<CacheOptions> {
        if self.no_cache {
            return None;
        }
        let named =
            |variable: &str| std::env::var_os(variable).filter(|value| !value.is_empty()).map(PathBuf::from);
        let usual = || named("XDG_CACHE_HOME").or_else(|| Some(named("HOME")?.join(".cache")));
        let folder = self.cache.clone().or_else(|| Some(usual()?.join("landfall/squashfs")))?;
        Some(CacheOptions { folder, limit: self.cache_size })
    }
}

/// Where a static landfall for `architecture` may be: the running program, `ARCH/landfall` in `../lib/landfall`
/// beside it (an installed landfall), and in `../static` (where `make static` leaves it in landfall's source).
pub(super) fn programs(architecture: Architecture) -> Vec<PathBuf> {
    let Ok(own) = std::env::current_exe() else { return Vec::new() };
    let folder = own.parent().unwrap_or(Path::new("/")).to_owned();
    let beside = |place: &str| folder.join("..").join(place).join(architecture.to_string()).join("landfall");
    vec![own, beside("lib/landfall"), beside("static")]
}

fn read_layout(arguments: &Arguments, path: &Path, terminal: &Terminal) -> Result<Layout, Failure> {
    let given = LayoutArguments {
        layout: path.to_owned(),
        arg: arguments.arg.clone(),
        argstr: arguments.argstr.clone(),
        nix: arguments.nix,
    };
    load::layout(&given, terminal)
}

fn install(arguments: &Arguments, layout: &Layout, system: &System) -> Install {
    let wishes = &arguments.install;
    let path = arguments.layout.clone().unwrap_or_default();
    let layout_name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    let order = Order {
        mode: if wishes.unattended { Mode::Unattended } else { Mode::Interactive },
        occupied: if wishes.wipe { Occupied::Wipe } else { Occupied::Refuse },
        check: if wishes.verify { Check::Medium } else { Check::AsRead },
        finish: wishes.finish.into(),
        firmware_entry: if wishes.firmware_entry { FirmwareEntry::Register } else { FirmwareEntry::Leave },
        seed: arguments.medium.seed,
        ..Order::new(layout, &layout_name, &system.generation().toplevel)
    };
    Install {
        layout: layout.clone(),
        order,
        program: wishes
            .installer_binary
            .clone()
            .map_or_else(|| Program::FirstOf(programs(system.generation().architecture)), Program::Given),
        extra_files: wishes.extra_files.clone(),
        keys: wishes.key.clone(),
    }
}

fn failure(error: &IsoError, layout: Option<&Layout>, terminal: &Terminal) -> Failure {
    if let IsoError::Image(error) = error {
        return load::image_failure(error, layout, terminal.style());
    }
    let failure = Failure::from_error(error.exit(), error);
    match error.hint() {
        Some(hint) => failure.with_hint(hint),
        None => failure,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn compressors_are_named_with_their_levels() {
        assert_eq!(compression("zstd"), Ok(Compression::default()));
        assert_eq!(compression("zstd:15"), Ok(Compression::default()));
        assert_eq!(compression("xz"), Ok(Compression::Xz));
        assert_eq!(compression("zstd:23"), Err("zstd has the levels 1 to 22".to_owned()));
        assert_eq!(compression("lz4:1"), Err("lz4 has no levels here".to_owned()));
        assert_eq!(compression("brotli"), Err("`brotli` is none of zstd, xz, lz4 and gzip".to_owned()));
    }
}
