//! A session that builds images in a virtual machine instead of installing.
//!
//! Everything that happens is told on the console, in lines for people and in lines for the host (`EVENT`, `RESULT`).
//! The machine then switches itself off, whatever became of the build.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MsFlags, mount};
use serde_json::json;

use super::console::Consoles;
use super::early;
use super::finish;
use super::modules::Modules;
use crate::error::{IoError, chain};
use crate::image::{HookUse, ImageError, KeyFiles, Prepared, System};
use crate::installer::order::Finish;
use crate::installer::vm::{
    self, BuildOrder, EVENT, ORDER_FILE, OrderError, REGISTRATION_FILE, RESULT, RunError, Target, WORK_SERIAL,
};
use crate::progress::{Event, Progress, Unit};
use crate::store::Source;

/// Where the work disk is mounted.
const WORK: &str = "/run/landfall/work";

/// Modules that no device asks for; those that a kernel has not are passed over.
const BY_NAME: [&str; 13] = [
    "ext4",
    "vfat",
    "nls_cp437",
    "nls_iso8859_1",
    "nls_ascii",
    "nls_utf8",
    "btrfs",
    "xfs",
    "f2fs",
    "dm_mod",
    "dm_crypt",
    "zfs",
    "bcachefs",
];

/// How long disks may take to appear.
const PATIENCE: Duration = Duration::from_secs(90);

/// How often we look.
const INTERVAL: Duration = Duration::from_millis(50);

/// Bytes of progress that are told at once.
const TOLD_AT_ONCE: u64 = 16 << 20;

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
enum BuildError {
    #[error("the order on the work disk is another one than the command line names")]
    OtherOrder,
    #[error(
        "this program plans otherwise than the one that ordered the build: they are of different versions"
    )]
    OtherPlan,
    #[error("no disk with the serial number `{serial}` was found in {} s", PATIENCE.as_secs())]
    NoDisk { serial: String },
    #[error(transparent)]
    Order(#[from] OrderError),
    #[error(transparent)]
    Source(#[from] crate::store::source::SourceError),
    #[error(transparent)]
    Image(#[from] Box<ImageError>),
    #[error(transparent)]
    Run(#[from] RunError),
    #[error(transparent)]
    Io(#[from] IoError),
}

/// Builds what the order with this digest says.
pub(super) fn build(digest: &str) -> ! {
    let consoles = Consoles::open(&[]);
    consoles.say(&format!("landfall {} builds images", env!("CARGO_PKG_VERSION")));
    let outcome = try_build(digest, &consoles);
    let result = match outcome {
        Ok(()) => json!({ "outcome": "built" }),
        Err(error) => json!({ "outcome": "failed", "reason": chain(&error) }),
    };
    // A line of its own, whatever was printed before without an end.
    consoles.say(&format!("\n{RESULT}{result}"));
    finish::succeed(Finish::PowerOff, &consoles, "")
}

fn try_build(digest: &str, consoles: &Consoles) -> Result<(), BuildError> {
    let mut modules = Modules::of_running_kernel();
    BY_NAME.iter().for_each(|name| modules.load(name));
    let work = disks(&mut modules, &[WORK_SERIAL.to_owned()])?;
    let order = mount_work(&work[WORK_SERIAL], digest)?;
    for format in order.layout.as_object().into_iter().flat_map(formats_in) {
        modules.load(&format);
    }
    prepare_root(&order.toplevel)?;
    let registration = Path::new(WORK).join(REGISTRATION_FILE);
    let text = crate::files::read_to_string(&registration)?;
    let source = Source::registered(&text, &registration, Path::new("/"))?;
    let system = System::in_source(source, order.toplevel()?).map_err(Box::new)?;
    let keys = keys(&order)?;
    let prepared = Prepared::new(&order.layout()?, &system, &order.request(keys)?).map_err(Box::new)?;
    if vm::digest_of_plan(prepared.plan()) != order.plan {
        return Err(BuildError::OtherPlan);
    }
    let serials: Vec<String> = (0..order.disks.len()).map(vm::disk_serial).collect();
    let disks = disks(&mut modules, &serials)?;
    let pairs = order.disks.iter().zip(&serials);
    let by_name: BTreeMap<String, String> =
        pairs.map(|(disk, serial)| (disk.name.clone(), disks[serial].clone())).collect();
    let target = Target {
        prepared: &prepared,
        hooks: order.hooks,
        disks: &by_name,
        toplevel: &order.toplevel,
        progress: &Told::new(consoles),
        say: &|line| consoles.say(line),
    };
    if order.hooks == HookUse::Run {
        consoles.say("hooks are run");
    }
    Ok(vm::run(target)?)
}

/// Kinds of file systems that a layout names, each a module perhaps.
fn formats_in(devices: &serde_json::Map<String, serde_json::Value>) -> Vec<String> {
    fn collect(value: &serde_json::Value, found: &mut Vec<String>) {
        match value {
            serde_json::Value::Object(fields) => {
                found.extend(fields.get("format").and_then(|format| format.as_str()).map(str::to_owned));
                fields.values().for_each(|value| collect(value, found));
            }
            serde_json::Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    devices.values().for_each(|kind| collect(kind, &mut found));
    found
}

/// Waits for the disks with these serial numbers; the kernel's names of all disks by their serial numbers.
fn disks(modules: &mut Modules, wanted: &[String]) -> Result<HashMap<String, String>, BuildError> {
    let started = Instant::now();
    loop {
        modules.coldplug(Path::new("/sys/devices"));
        let disks: HashMap<String, String> = vm::by_serial().into_iter().collect();
        match wanted.iter().find(|serial| !disks.contains_key(*serial)) {
            None => return Ok(disks),
            Some(missing) if started.elapsed() > PATIENCE => {
                return Err(BuildError::NoDisk { serial: missing.clone() });
            }
            Some(_) => thread::sleep(INTERVAL),
        }
    }
}

/// Mounts the work disk and its store; the order on it, which must be the one that is meant.
fn mount_work(kernel: &str, digest: &str) -> Result<BuildOrder, BuildError> {
    let device = format!("/dev/{kernel}");
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NOATIME | MsFlags::MS_NODEV;
    early::try_mount("ext4", &device, Path::new(WORK), flags)
        .map_err(|errno| IoError::new("mounting", &device, errno.into()))?;
    let text = crate::files::read(&Path::new(WORK).join(ORDER_FILE))?;
    if vm::digest_of(&text) != digest {
        return Err(BuildError::OtherOrder);
    }
    let store = Path::new(WORK).join("nix/store");
    crate::files::create_dir_all(Path::new("/nix/store"))?;
    mount(Some(&store), "/nix/store", None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(|errno| IoError::new("mounting", "/nix/store", errno.into()))?;
    Ok(BuildOrder::parse(&text)?)
}

/// What programs of the system expect of a root file system.
fn prepare_root(toplevel: &str) -> Result<(), IoError> {
    finish::link_software(toplevel);
    for (link, target) in [("/etc/mtab", "/proc/self/mounts"), ("/run/current-system", toplevel)] {
        if !Path::new(link).exists() {
            symlink(target, link).map_err(|source| IoError::new("creating", link, source))?;
        }
    }
    for folder in ["/tmp", "/root", "/mnt", "/run/lock", "/var/lib"] {
        crate::files::create_dir_all(Path::new(folder))?;
    }
    for (file, text) in [("/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n"), ("/etc/group", "root:x:0:\n")] {
        fs::write(file, text).map_err(|source| IoError::new("writing", file, source))?;
    }
    // The session itself runs the tools that fill a file system from a folder.
    Ok(())
}

/// Puts keys where the layout has them; those of volumes by name stay on the work disk.
fn keys(order: &BuildOrder) -> Result<KeyFiles, BuildError> {
    let mut keys = KeyFiles::default();
    for key in &order.keys {
        let file = Path::new(WORK).join(&key.file);
        if key.name.starts_with('/') {
            let place = PathBuf::from(&key.name);
            if let Some(folder) = place.parent() {
                crate::files::create_dir_all(folder)?;
            }
            fs::copy(&file, &place).map_err(|source| IoError::new("writing", &place, source))?;
        } else {
            keys.by_name.insert(key.name.clone(), file);
        }
    }
    Ok(keys)
}

/// Progress as lines for the host, not too many of them.
struct Told<'a> {
    consoles: &'a Consoles,
    untold: Mutex<HashMap<String, (u64, u64)>>,
}

impl<'a> Told<'a> {
    fn new(consoles: &'a Consoles) -> Self {
        Self { consoles, untold: Mutex::new(HashMap::new()) }
    }

    fn tell(&self, event: &Event<'_>) {
        if let Ok(json) = serde_json::to_string(event) {
            self.consoles.say(&format!("{EVENT}{json}"));
        }
    }
}

impl Progress for Told<'_> {
    fn report(&self, event: Event<'_>) {
        let mut untold = self.untold.lock().unwrap_or_else(PoisonError::into_inner);
        match event {
            Event::Start { step, unit, .. } => {
                let at_once = if unit == Unit::Bytes { TOLD_AT_ONCE } else { 1 };
                untold.insert(step.to_owned(), (0, at_once));
            }
            Event::Advance { step, amount } => {
                let Some((sum, at_once)) = untold.get_mut(step) else { return };
                *sum = sum.saturating_add(amount);
                if *sum >= *at_once {
                    let amount = std::mem::take(sum);
                    self.tell(&Event::Advance { step, amount });
                }
                return;
            }
            Event::Finish { step } => {
                if let Some((amount, _)) = untold.remove(step).filter(|(amount, _)| *amount > 0) {
                    self.tell(&Event::Advance { step, amount });
                }
            }
            Event::Note { .. } => {}
        }
        self.tell(&event);
    }
}
