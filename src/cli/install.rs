//! `landfall install`: a system onto real disks of this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::Args;

use super::arguments::{LayoutArguments, SystemArguments};
use super::terminal::Terminal;
use super::{Failure, load, note, print};
use crate::device::{Contents, Disk, Machine};
use crate::error::Exit;
use crate::identity::Seed;
use crate::image::{KeyFiles, Prepared, Request};
use crate::installer::firmware;
use crate::installer::install::{self, InstallError, State, Targets};
use crate::installer::order::Occupied;
use crate::layout::Layout;
use crate::plan::Plan;
use crate::tree::{Metadata, Tree, host_tree};

/// A disk of the layout and the device that becomes it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct DiskArgument {
    name: String,
    device: PathBuf,
}

impl FromStr for DiskArgument {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once('=') {
            Some((name, device)) if !name.is_empty() && !device.is_empty() => {
                Ok(Self { name: name.to_owned(), device: device.into() })
            }
            _ => Err(format!("`{text}` is not NAME=DEVICE; write for example `main=/dev/sda`")),
        }
    }
}

/// Which devices become the disks of the layout, and whether they may be wiped.
#[derive(Debug, Args)]
pub(super) struct TargetArguments {
    /// The device that becomes a disk of the layout; also an image file
    #[arg(long, value_name = "NAME=DEVICE")]
    disk: Vec<DiskArgument>,

    /// Wipe disks that have something on them
    #[arg(long)]
    yes_wipe_all_disks: bool,
}

impl TargetArguments {
    /// Whether what is on the disks may be lost.
    pub(super) const fn may_wipe(&self) -> bool {
        self.yes_wipe_all_disks
    }

    /// What happens to a disk that has something on it.
    pub(super) const fn occupied(&self) -> Occupied {
        if self.yes_wipe_all_disks { Occupied::Wipe } else { Occupied::Refuse }
    }
}

/// Arguments of `landfall install`.
#[derive(Debug, Args)]
pub(super) struct Arguments {
    #[command(flatten)]
    layout: LayoutArguments,

    #[command(flatten)]
    system: SystemArguments,

    #[command(flatten)]
    targets: TargetArguments,

    /// Files that go onto the root besides the system; they will belong to
    /// root and keep their modes
    #[arg(long, value_name = "DIR")]
    extra_files: Option<PathBuf>,

    /// Key of an encrypted volume, by its name or by the path that the
    /// layout names
    #[arg(long, value_name = "NAME=FILE")]
    key: Vec<DiskArgument>,

    /// Tell this machine's UEFI firmware of the system, as the first to start
    #[arg(long)]
    firmware_entry: bool,

    /// Where all identities come from; otherwise from layout and system
    #[arg(long, value_name = "UUID")]
    seed: Option<Seed>,

    /// Decide and check everything, write nothing, print the plan
    #[arg(long, short = 'n')]
    dry_run: bool,
}

/// Installs, and prints the devices.
pub(super) fn install(arguments: &Arguments, terminal: &Terminal) -> Result<(), Failure> {
    let layout = load::layout(&arguments.layout, terminal)?;
    let system = load::system(&arguments.system)?;
    let machine = Machine::here();
    let targets = targets(&arguments.targets, &layout, &machine)?;
    let failed = |error: &InstallError| failure(error, &layout, terminal);
    let occupied = install::check(&machine, &targets, arguments.targets.occupied())
        .and_then(|()| install::contents(&targets))
        .map_err(|error| failed(&error))?;
    let keys = arguments.key.iter().map(|key| (key.name.clone(), key.device.clone())).collect();
    let request = Request {
        seed: arguments.seed,
        keys: KeyFiles { by_name: keys, forced_seed: None },
        extra_files: arguments.extra_files.as_deref().map(extra_files).transpose()?,
        ..Request::default()
    };
    let prepared = install::prepare((&layout, &system), &targets, request).map_err(|error| failed(&error))?;
    if arguments.dry_run {
        return print(&format!("{}{}", told(&targets, &occupied), on_targets(prepared.plan(), &targets)));
    }
    note(&told(&targets, &occupied), terminal);
    let mut state = State::Untouched;
    install::write(&prepared, &targets, terminal, &mut state).map_err(|error| {
        note(&format!("state: {state}"), terminal);
        failed(&error)
    })?;
    if arguments.firmware_entry {
        register(&prepared, &system, terminal);
    }
    print(&targets.values().map(|disk| format!("{}\n", disk.path.display())).collect::<String>())
}

/// Which disks become what, and what is lost, a line for each.
pub(super) fn told(targets: &Targets, contents: &BTreeMap<String, Contents>) -> String {
    let line = |(name, disk): (&String, &Disk)| {
        let lost = contents.get(name).filter(|contents| !contents.is_free());
        let lost = lost.map_or(String::new(), |contents| format!("; will be lost: {contents}"));
        format!("{name}: {disk}{lost}\n")
    };
    targets.iter().map(line).collect()
}

/// A plan as text, with the disks of `targets` in place of those that the layout names.
pub(super) fn on_targets(plan: &Plan, targets: &Targets) -> String {
    let chosen = targets.iter().map(|(name, disk)| (name.clone(), disk.path.display().to_string())).collect();
    plan.text_on(&chosen)
}

/// The devices that were named, as disks.
pub(super) fn named(arguments: &TargetArguments, machine: &Machine) -> Result<Targets, Failure> {
    named_disks(&arguments.disk, machine)
}

/// The devices of `arguments`, as disks.
pub(super) fn named_disks(arguments: &[DiskArgument], machine: &Machine) -> Result<Targets, Failure> {
    let mut targets = Targets::new();
    for DiskArgument { name, device } in arguments {
        let input = |error: &dyn std::error::Error| Failure::from_error(Exit::Input, error);
        let disk = match machine.disk_at(device).map_err(|error| input(&error))? {
            Some(disk) => disk,
            None => Disk::of_file(device).map_err(|error| input(&error))?,
        };
        if let Some((other, _)) = targets.iter().find(|(_, known)| known.path == disk.path) {
            let text = format!("disks `{other}` and `{name}` are both {disk}");
            return Err(Failure::new(Exit::Usage, text));
        }
        if targets.insert(name.clone(), disk).is_some() {
            return Err(Failure::new(Exit::Usage, format!("--disk {name}=… is given twice")));
        }
    }
    Ok(targets)
}

/// The devices that were named, one for each disk of the layout.
fn targets(arguments: &TargetArguments, layout: &Layout, machine: &Machine) -> Result<Targets, Failure> {
    let targets = named(arguments, machine)?;
    if let Some(name) = layout.devices().disk.keys().find(|name| !targets.contains_key(*name)) {
        let text = format!("no device is named for disk `{name}` of the layout");
        let disks = machine.disks().unwrap_or_default();
        let known: Vec<String> = disks.iter().map(ToString::to_string).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join("; ") };
        return Err(Failure::new(Exit::Usage, text)
            .with_hint(format!("add --disk {name}=DEVICE; this machine's disks: {known}")));
    }
    Ok(targets)
}

/// An error of the installer as the failure of a command.
pub(super) fn failure(error: &InstallError, layout: &Layout, terminal: &Terminal) -> Failure {
    if let InstallError::Image(error) = error {
        return load::image_failure(error, Some(layout), terminal.style());
    }
    let failure = Failure::from_error(error.exit(), error);
    match error {
        InstallError::NotBlank { .. } => {
            failure.with_hint("--yes-wipe-all-disks wipes what is on the disks that are named")
        }
        _ => error.hint().map_or(failure, |hint| Failure::from_error(error.exit(), error).with_hint(hint)),
    }
}

/// The files in `folder` as they go onto the root: root's, with the modes that they have.
fn extra_files(folder: &Path) -> Result<Tree, Failure> {
    let mut tree = host_tree(folder).map_err(|error| Failure::from_error(Exit::Input, &error))?;
    let ids: Vec<_> = tree.nodes().map(|(id, _)| id).collect();
    for id in ids {
        let permissions = tree.node(id).metadata.permissions;
        *tree.metadata_mut(id) = Metadata::root(permissions);
    }
    Ok(tree)
}

fn register(prepared: &Prepared, system: &crate::image::System, terminal: &Terminal) {
    let generation = system.generation();
    let name = (generation.distribution.as_str(), generation.architecture.efi_suffix());
    // The system is installed whether firmware takes the entry or not.
    match firmware::register(Path::new(firmware::VARIABLES), prepared.plan(), name) {
        Ok(variable) => note(&format!("boot entry {variable}"), terminal),
        Err(error) => note(&format!("no boot entry: {}", crate::error::chain(&error)), terminal),
    }
}
