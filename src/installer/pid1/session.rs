//! One installation, from the first module to the last word.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use super::ask;
use super::console::Consoles;
use super::early;
use super::finish;
use super::medium::{Medium, SystemError};
use super::modules::Modules;
use super::report::Report;
use crate::device::select::{Rule, SelectError, select};
use crate::device::{Contents, Disk, Machine};
use crate::error::{IoError, chain};
use crate::fs::cpio;
use crate::image::{self, KeyFiles, Prepared, Request, System};
use crate::installer::install::{self, InstallError, State, Targets};
use crate::installer::order::{Check, FirmwareEntry, Mode, Occupied, Order, OrderError, SecretFrom};
use crate::installer::{firmware, vm};
use crate::layout::Layout;
use crate::plan::content::{Content, LuksKey};
use crate::tree::Tree;

/// Modules that no device asks for.
const BY_NAME: [&str; 4] = ["efivarfs", "vfat", "nls_cp437", "nls_iso8859_1"];

/// How long disks may take to appear after the medium has.
const PATIENCE: Duration = Duration::from_secs(15);

/// Without a new device for so long, all are there.
const SETTLE: Duration = Duration::from_millis(1500);

/// How often we look.
const INTERVAL: Duration = Duration::from_millis(100);

/// Where passphrases are that were typed: in memory, for us alone.
const KEYS: &str = "/run/landfall/keys";

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Medium(#[from] super::medium::MediumError),
    #[error(transparent)]
    System(Box<SystemError>),
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Select(Box<SelectError>),
    #[error(transparent)]
    Install(#[from] InstallError),
    #[error("the files to add cannot be read: {0}")]
    ExtraFiles(String),
    #[error("nobody confirmed")]
    Declined,
    #[error("this very installation is on the disks already")]
    Installed,
    #[error(transparent)]
    Io(#[from] IoError),
}

impl From<SystemError> for SessionError {
    fn from(error: SystemError) -> Self {
        Self::System(Box::new(error))
    }
}

impl From<SelectError> for SessionError {
    fn from(error: SelectError) -> Self {
        Self::Select(Box::new(error))
    }
}

impl SessionError {
    fn hint(&self) -> Option<String> {
        match self {
            Self::Install(InstallError::NotBlank { .. }) => {
                Some("an unattended medium erases nothing unless it was built with --wipe".to_owned())
            }
            Self::Install(error) => error.hint(),
            Self::Installed => Some(
                "take the medium out and restart; one built with --firmware-entry has the firmware start the disk first"
                    .to_owned(),
            ),
            _ => None,
        }
    }
}

/// Installs, then ends the machine as ordered; after a failure it says why and waits for a person.
pub fn session() -> ! {
    if let Some(digest) = early::command_line(vm::COMMAND_LINE_KEY) {
        super::build::build(&digest);
    }
    let consoles = Consoles::open(&[]);
    consoles.say(&format!("\nlandfall {} installer", env!("CARGO_PKG_VERSION")));
    let mut modules = Modules::of_running_kernel();
    let mut medium = match Medium::find(&mut modules) {
        Ok(medium) => medium,
        Err(error) => fail(&consoles, &error.into(), State::Untouched, None),
    };
    let consoles = Consoles::open(&medium.order().consoles);
    medium.introduce(&consoles);
    let mut state = State::Untouched;
    let outcome = run(&mut medium, &mut modules, &consoles, &mut state);
    let toplevel = medium.order().toplevel.clone();
    match outcome {
        Ok(()) => {
            consoles.say("landfall: installed");
            finish::succeed(medium.order().finish, &consoles, &toplevel)
        }
        Err(error) => {
            // For the shell; without the store there is none.
            if let Err(error) = medium.mount_store() {
                consoles.say(&chain(&error));
            }
            fail(&consoles, &error, state, Some(&toplevel))
        }
    }
}

fn fail(consoles: &Consoles, error: &SessionError, state: State, toplevel: Option<&str>) -> ! {
    consoles.say(&format!("landfall: failed: {}", chain(error)));
    if let Some(hint) = error.hint() {
        consoles.say(&format!("hint: {hint}"));
    }
    consoles.say(&format!("state: {state}"));
    finish::stay(consoles, toplevel)
}

fn run(
    medium: &mut Medium,
    modules: &mut Modules,
    consoles: &Consoles,
    state: &mut State,
) -> Result<(), SessionError> {
    let report = Report::new(consoles);
    let order = medium.order().clone();
    if order.check == Check::Medium {
        medium.check(&report)?;
    }
    let layout = order.layout()?;
    for name in BY_NAME {
        modules.load(name);
    }
    let machine = Machine::here();
    // The disks' state is looked at before the store is mounted and again before anything is written.
    let disks = settled(&machine, modules, &medium.disk_name())?;
    let (targets, occupied) = match order.mode {
        Mode::Unattended => {
            let targets = by_rule(&machine, modules, &layout, medium)?;
            (targets, order.occupied)
        }
        Mode::Interactive => (picked(consoles, &machine, &layout, &disks)?, Occupied::Wipe),
    };
    install::check(&machine, &targets, occupied)?;
    let system = medium.system()?;
    // Some file systems are made by the system's own tools.
    finish::link_software(&order.toplevel);
    let request = request(medium, consoles, (&layout, &system), &targets)?;
    let prepared = install::prepare((&layout, &system), &targets, request)?;
    // A machine that starts from its medium again must not be installed again and again.
    if order.mode == Mode::Unattended
        && install::is_installed(&prepared, &targets)?
        && !ask::again(consoles, &targets)
    {
        return Err(SessionError::Installed);
    }
    for (name, disk) in &targets {
        consoles.say(&format!("installing on {name}: {disk}"));
    }
    let started = Instant::now();
    install::write(&prepared, &targets, &report, state)?;
    consoles.say(&format!("written and read back in {:.1} s", started.elapsed().as_secs_f64()));
    register(&order, &prepared, &system, consoles);
    Ok(())
}

/// The disks, when no more appear; without the one that the medium is on.
fn settled(machine: &Machine, modules: &mut Modules, medium: &str) -> Result<Vec<Disk>, IoError> {
    let mut last = Instant::now();
    let mut seen = Vec::new();
    while last.elapsed() < SETTLE {
        let news = modules.coldplug(&machine_devices());
        let disks: Vec<Disk> = machine.disks()?.into_iter().filter(|disk| disk.name != medium).collect();
        if news || disks != seen {
            last = Instant::now();
            seen = disks;
        }
        thread::sleep(INTERVAL);
    }
    Ok(seen)
}

fn machine_devices() -> PathBuf {
    PathBuf::from("/sys/devices")
}

/// The disks that the layout means; waits a while for one that is not there.
fn by_rule(
    machine: &Machine,
    modules: &mut Modules,
    layout: &Layout,
    medium: &Medium,
) -> Result<Targets, SessionError> {
    let rules: BTreeMap<String, Rule> = install::rules(layout);
    let is_free = |disk: &Disk| Contents::of(disk).is_ok_and(|contents| contents.is_free());
    let started = Instant::now();
    loop {
        let disks = settled(machine, modules, &medium.disk_name())?;
        match select(&disks, &rules, &is_free) {
            Ok(chosen) => return Ok(chosen.into_iter().map(|(name, disk)| (name, disk.clone())).collect()),
            Err(SelectError::None { .. }) if started.elapsed() < PATIENCE => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// The disks that a person picks and confirms.
fn picked(
    consoles: &Consoles,
    machine: &Machine,
    layout: &Layout,
    disks: &[Disk],
) -> Result<Targets, SessionError> {
    let offers = ask::offers(machine, disks);
    consoles.say("\nDisks of this machine:");
    consoles.say(&ask::list(&offers));
    let targets = ask::choose(consoles, layout, &offers).ok_or(SessionError::Declined)?;
    if ask::confirm(consoles, &targets, &offers) { Ok(targets) } else { Err(SessionError::Declined) }
}

/// What is asked of the writers: identities, keys, more files.
fn request(
    medium: &Medium,
    consoles: &Consoles,
    (layout, system): (&Layout, &System),
    targets: &Targets,
) -> Result<Request, SessionError> {
    let order = medium.order();
    let extra_files = order.extra_files.as_ref().map(|path| extra_files(&medium.file(path))).transpose()?;
    let request = Request { seed: order.seed, extra_files, ..Request::default() };
    let mut keys = KeyFiles::default();
    for secret in &order.secrets {
        let path = match &secret.from {
            SecretFrom::File(path) => medium.file(path),
            SecretFrom::Prompt => typed(consoles, &secret.name)?,
        };
        keys.by_name.insert(secret.name.clone(), path);
    }
    if order.mode == Mode::Interactive && order.layout.to_string().contains("\"luks\"") {
        let sized = install::sized(layout, targets, request.clone())?;
        let plan = Prepared::plan_only(layout, system, &sized).map_err(InstallError::from)?;
        let mut asked = Vec::new();
        image::contents(&plan, &mut |content| {
            if let Content::Luks(luks) = content
                && luks.key == LuksKey::Asked
            {
                asked.push(luks.name.clone());
            }
        });
        for name in asked {
            if let std::collections::btree_map::Entry::Vacant(free) = keys.by_name.entry(name) {
                let path = typed(consoles, free.key())?;
                free.insert(path);
            }
        }
    }
    Ok(Request { keys, ..request })
}

/// A file with a passphrase that a person types.
fn typed(consoles: &Consoles, name: &str) -> Result<PathBuf, SessionError> {
    let passphrase = ask::passphrase(consoles, name).ok_or(SessionError::Declined)?;
    crate::files::create_dir_all(Path::new(KEYS))?;
    let path = Path::new(KEYS).join(name.replace('/', "_"));
    let failed = |source| IoError::new("writing", &path, source);
    let mut options = fs::OpenOptions::new();
    let mut file = options.write(true).create(true).truncate(true).mode(0o600).open(&path).map_err(failed)?;
    file.write_all(passphrase.as_bytes()).map_err(failed)?;
    Ok(path)
}

fn extra_files(path: &Path) -> Result<Tree, SessionError> {
    let bytes = crate::files::read(path)?;
    let wrong = |error: &dyn std::error::Error| SessionError::ExtraFiles(chain(error));
    let members = cpio::read(&mut &bytes[..]).map_err(|error| wrong(&error))?;
    cpio::tree(&members).map_err(|error| SessionError::ExtraFiles(format!("{error}")))
}

/// Tells firmware, where that is wanted. It is not what the installation stands or falls with: firmware
/// finds the loader by its name for removable media too.
fn register(order: &Order, prepared: &Prepared, system: &System, consoles: &Consoles) {
    if order.firmware_entry != FirmwareEntry::Register {
        return;
    }
    if !early::mount_firmware_variables() {
        consoles.say("no boot entry: this machine was not started by UEFI, or shows no variables");
        return;
    }
    let generation = system.generation();
    let name = (generation.distribution.as_str(), generation.architecture.efi_suffix());
    match firmware::register(Path::new(firmware::VARIABLES), prepared.plan(), name) {
        Ok(variable) => consoles.say(&format!("boot entry {variable}")),
        Err(error) => consoles.say(&format!("no boot entry: {}", chain(&error))),
    }
}
