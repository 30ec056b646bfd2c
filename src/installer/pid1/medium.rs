//! The medium: found among all block devices by the order on it, mounted, and read against its digests.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::io::{Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::mount::{MntFlags, MsFlags, umount2};

use super::console::Consoles;
use super::early::{command_line, try_mount};
use super::modules::Modules;
use crate::error::IoError;
use crate::fs::squashfs::{self, SquashfsError};
use crate::image::System;
use crate::installer::checked::CheckedBlock;
use crate::installer::digests::{DIGESTS_FILE, Damage, Digests, DigestsError, FileDigests, Place};
use crate::installer::order::{
    COMMAND_LINE_KEY, Check, ORDER_FILE, Order, OrderError, REGISTRATION_FILE, STORE_FILE, digest_of,
};
use crate::progress::{Progress, Step, Unit};
use crate::store::Source;
use crate::store::source::SourceError;
use crate::sys::loop_device::LoopDevice;
use crate::tree::Tree;
use crate::units::SectorSize;
use crate::volume::{Block, BlockError, FileBlock};

/// Where the medium is mounted.
const MEDIUM: &str = "/run/landfall/medium";

/// Where the store is mounted: at its own place, so that its programs run.
const STORE: &str = "/nix/store";

/// How long devices may take to appear: USB hubs, spinning discs.
const PATIENCE: Duration = Duration::from_secs(90);

/// How long devices of a machine that has shown some may still come, before the only order that was found
/// is taken although the command line names none.
const SETTLE: Duration = Duration::from_secs(3);

/// How often we look.
const INTERVAL: Duration = Duration::from_millis(250);

/// Kernel names of devices that are no media.
const NO_MEDIA: [&str; 6] = ["loop", "ram", "zram", "dm-", "md", "nbd"];

/// Why there is no medium to install from.
#[derive(Debug, thiserror::Error)]
pub(super) enum MediumError {
    /// None was found.
    #[error("no installation medium was found in {} s; block devices seen: {seen}", PATIENCE.as_secs())]
    NotFound {
        /// The devices that were looked at.
        seen: String,
    },
    /// More than one was found, and nothing says which is meant.
    #[error("there are several installation media: {0}; take all but one out")]
    Several(String),
    /// Its order cannot be followed.
    #[error(transparent)]
    Order(#[from] OrderError),
    /// Its digests cannot be read.
    #[error("the medium is damaged")]
    Digests(#[from] DigestsError),
    /// A file of it is damaged.
    #[error("the medium in {device}")]
    Damaged {
        /// Where it is.
        device: String,
        /// What is wrong, and where.
        source: Damage,
    },
    /// Its store cannot be mounted.
    #[error("the store of the medium cannot be mounted")]
    Mount(#[source] std::io::Error),
    /// Its store cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// Its store is damaged.
    #[error("the store of the medium")]
    Store(#[from] SquashfsError),
    /// The device failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// A file could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// A mounted medium.
#[derive(Debug)]
pub(super) struct Medium {
    /// The device, `/dev/sr0`.
    device: String,
    order: Order,
    /// Kept as long as the store is mounted.
    store: Option<LoopDevice>,
}

impl Medium {
    /// Waits for the medium whose order the kernel command line names, or for the only one.
    pub(super) fn find(modules: &mut Modules) -> Result<Self, MediumError> {
        let wanted = command_line(COMMAND_LINE_KEY);
        for name in ["loop", "isofs", "squashfs", "cdrom", "sr_mod", "sd_mod"] {
            modules.load(name);
        }
        let started = Instant::now();
        let mut changed = Instant::now();
        loop {
            if modules.coldplug(Path::new("/sys/devices")) {
                changed = Instant::now();
            }
            let devices = candidates();
            let found: Vec<(String, Vec<u8>)> =
                devices.iter().filter_map(|device| Some((device.clone(), order_on(device)?))).collect();
            let fitting: Vec<_> = match &wanted {
                Some(digest) => found.iter().filter(|(_, text)| digest_of(text) == *digest).collect(),
                None => found.iter().collect(),
            };
            let orders: BTreeSet<&[u8]> = fitting.iter().map(|(_, text)| text.as_slice()).collect();
            let settled = changed.elapsed() > SETTLE;
            match fitting[..] {
                [(device, text), ..] if orders.len() == 1 && (wanted.is_some() || settled) => {
                    return Self::mount(device.clone(), text);
                }
                [_, ..] if settled => {
                    let names: Vec<_> = fitting.iter().map(|(device, _)| device.as_str()).collect();
                    return Err(MediumError::Several(names.join(", ")));
                }
                _ if started.elapsed() > PATIENCE => {
                    return Err(MediumError::NotFound {
                        seen: devices.into_iter().collect::<Vec<_>>().join(", "),
                    });
                }
                _ => thread::sleep(INTERVAL),
            }
        }
    }

    fn mount(device: String, text: &[u8]) -> Result<Self, MediumError> {
        mount_iso(&device, Path::new(MEDIUM))
            .map_err(|errno| IoError::new("mounting", &device, errno.into()))?;
        Ok(Self { device, order: Order::parse(text)?, store: None })
    }

    /// What it orders.
    pub(super) fn order(&self) -> &Order {
        &self.order
    }

    /// Where the file `path` of the medium is now.
    pub(super) fn file(&self, path: &str) -> PathBuf {
        Path::new(MEDIUM).join(path)
    }

    /// Reads all of it and compares it with its digests.
    pub(super) fn check(&self, progress: &dyn Progress) -> Result<(), MediumError> {
        let digests = self.digests()?;
        let step = Step::start(progress, "check the medium", Some(digests.size().bytes()), Unit::Bytes);
        let damaged = |source| MediumError::Damaged { device: self.device.clone(), source };
        for file in digests.files() {
            let mut opened = self.open(file)?;
            file.verify(&mut opened, &mut |bytes| step.advance(bytes.bytes())).map_err(damaged)?;
        }
        step.finish();
        Ok(())
    }

    fn digests(&self) -> Result<Digests, MediumError> {
        Ok(Digests::parse(&crate::files::read_to_string(&self.file(DIGESTS_FILE))?)?)
    }

    /// Opens what has `digests`, where it begins.
    fn open(&self, digests: &FileDigests) -> Result<File, IoError> {
        let (path, start) = match digests.place {
            Place::File => (self.file(&digests.path), 0),
            Place::Medium(offset) => (PathBuf::from(&self.device), offset),
        };
        let mut file = File::open(&path).map_err(|source| IoError::new("opening", &path, source))?;
        file.seek(SeekFrom::Start(start)).map_err(|source| IoError::new("seeking in", &path, source))?;
        Ok(file)
    }

    /// Mounts its store at `/nix/store`, so that its programs run.
    pub(super) fn mount_store(&mut self) -> Result<(), MediumError> {
        if self.store.is_some() {
            return Ok(());
        }
        let path = self.file(STORE_FILE);
        let file = File::open(&path).map_err(|source| IoError::new("opening", &path, source))?;
        let device = LoopDevice::attach(&file, &path)?;
        let source = device.path().to_string_lossy().into_owned();
        let flags = MsFlags::MS_RDONLY | MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOATIME;
        try_mount("squashfs", &source, Path::new(STORE), flags)
            .map_err(|errno| MediumError::Mount(errno.into()))?;
        self.store = Some(device);
        Ok(())
    }

    /// Opens the system that is ordered.
    pub(super) fn system(&mut self) -> Result<System, SystemError> {
        self.mount_store()?;
        let registration = Path::new(STORE).join(REGISTRATION_FILE);
        let text = crate::files::read_to_string(&registration).map_err(MediumError::from)?;
        let source = Source::registered(&text, &registration, Path::new("/")).map_err(MediumError::from)?;
        let toplevel = self.order.toplevel().map_err(MediumError::from)?;
        let system =
            System::in_source(source, toplevel).map_err(|error| SystemError::Image(Box::new(error)))?;
        Ok(system.packed_in(Arc::new(self.packed_store()?)))
    }

    /// What is in its store, by our own reader. The kernel takes a whole block's worth of pages for each small
    /// file: with blocks of 1 MiB, reading a store so takes several times as long.
    /// What was not checked before is, as it is read.
    fn packed_store(&self) -> Result<Tree, MediumError> {
        let path = self.file(STORE_FILE);
        let file = File::open(&path).map_err(|source| IoError::new("opening", &path, source))?;
        let block = FileBlock::open(file, &path, SectorSize::S512)?;
        let digests = match self.order.check {
            Check::Medium => None,
            Check::AsRead => self.digests()?.files().iter().find(|file| file.path == STORE_FILE).cloned(),
        };
        let block: Arc<dyn Block> = match digests {
            Some(digests) => Arc::new(CheckedBlock::new(block, digests)),
            None => Arc::new(block),
        };
        Ok(Arc::new(squashfs::read(block)?).tree()?)
    }

    /// The kernel's name of the whole disk that the medium is on: it is not a disk to install on.
    pub(super) fn disk_name(&self) -> String {
        let name = self.device.trim_start_matches("/dev/");
        let link = Path::new("/sys/class/block").join(name);
        let real = fs::canonicalize(&link).unwrap_or(link);
        let parent = real.parent().filter(|_| real.join("partition").exists());
        let disk = parent.and_then(Path::file_name).and_then(|name| name.to_str());
        disk.unwrap_or(name).to_owned()
    }

    /// Says what the medium is.
    pub(super) fn introduce(&self, consoles: &Consoles) {
        consoles.say(&format!("medium {} in {}", self.order.volume_id, self.device));
        consoles.say(&format!("system {}", self.order.toplevel));
    }
}

/// Why the system on a medium cannot be opened.
#[derive(Debug, thiserror::Error)]
pub(super) enum SystemError {
    #[error(transparent)]
    Medium(#[from] MediumError),
    #[error(transparent)]
    Image(Box<crate::image::ImageError>),
}

/// The nodes of all block devices that may be media, whole ones before partitions.
fn candidates() -> BTreeSet<String> {
    let Ok(entries) = fs::read_dir("/sys/class/block") else { return BTreeSet::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let is_medium = |name: &String| !NO_MEDIA.iter().any(|prefix| name.starts_with(prefix));
    names.filter(is_medium).map(|name| format!("/dev/{}", name.replace('!', "/"))).collect()
}

/// The order on `device`, when it is one of our media.
fn order_on(device: &str) -> Option<Vec<u8>> {
    let place = Path::new("/run/landfall/probe");
    has_iso(device).then_some(())?;
    mount_iso(device, place).ok()?;
    let text = fs::read(place.join(ORDER_FILE)).ok();
    let _ = umount2(place, MntFlags::MNT_DETACH);
    text
}

/// Whether `device` begins with an ISO 9660 volume (ECMA-119, 8.4: identifier in sector 16).
fn has_iso(device: &str) -> bool {
    use std::os::unix::fs::FileExt;
    let mut head = [0; 6];
    File::open(device).and_then(|file| file.read_exact_at(&mut head, 16 * 2048)).is_ok()
        && head[1..] == *b"CD001"
}

fn mount_iso(device: &str, place: &Path) -> nix::Result<()> {
    let flags = MsFlags::MS_RDONLY | MsFlags::MS_NODEV | MsFlags::MS_NOSUID | MsFlags::MS_NOEXEC;
    try_mount("iso9660", device, place, flags)
}
