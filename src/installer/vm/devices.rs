//! Devices under the names that layouts and hooks have for them, without udev.
//!
//! Every device has a node of its own in `/dev/block/MAJOR:MINOR`; all other names are links to it. A layout may call a
//! disk `/dev/sda` or by an id that the machine does not know: that name leads to the right image too.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::os::unix::fs::{FileTypeExt, MetadataExt, symlink};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::stat::{Mode, SFlag, makedev, mknod};

use crate::error::IoError;
use crate::plan::content::Content;
use crate::plan::disk::{Disk, PartitionKind, Table};
use crate::sys::block_device;

/// What the kernel knows of block devices.
const SYSFS: &str = "/sys/class/block";

/// How long a device may take to appear.
const PATIENCE: Duration = Duration::from_secs(30);

/// How often we look.
const INTERVAL: Duration = Duration::from_millis(50);

/// Why a device has no name.
#[derive(Debug, thiserror::Error)]
pub enum DeviceError {
    /// A file in `/dev` or `/sys`.
    #[error(transparent)]
    Io(#[from] IoError),
    /// It does not appear.
    #[error("the kernel shows no device for {0}")]
    Absent(String),
}

/// The kernel's names of the virtio disks, by their serial numbers.
pub fn by_serial() -> BTreeMap<String, String> {
    let Ok(entries) = fs::read_dir(SYSFS) else { return BTreeMap::new() };
    let names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
    let pair = |name: String| {
        let serial = fs::read_to_string(Path::new(SYSFS).join(&name).join("serial")).ok()?;
        // The kernel shows a device a moment before it has a node.
        fs::metadata(Path::new("/dev").join(&name)).ok()?;
        Some((serial.trim().to_owned(), name))
    };
    names.filter_map(pair).collect()
}

/// Has the kernel read the table of the disk `kernel` anew and names the disk and all that lies on it.
pub(super) fn publish_disk(disk: &Disk, kernel: &str) -> Result<(), DeviceError> {
    link(&disk.device, kernel)?;
    match &disk.content {
        Some(Content::Table(table)) => publish_table(table, kernel),
        Some(content) => by_identity(content, kernel),
        None => Ok(()),
    }
}

/// Has the kernel read `table` on its device `kernel` and names the partitions.
pub(super) fn publish_table(table: &Table, kernel: &str) -> Result<(), DeviceError> {
    let node = node(kernel)?;
    let device = File::open(&node).map_err(|source| IoError::new("opening", &node, source))?;
    block_device::reread_partitions(&device)
        .map_err(|errno| IoError::new("reading the partition table of", &node, errno.into()))?;
    for partition in &table.partitions {
        let name = wait_for(&partition.device, || partition_of(kernel, partition.number))?;
        link(&partition.device, &name)?;
        if let PartitionKind::Gpt { guid, .. } = partition.kind {
            link(&format!("/dev/disk/by-partuuid/{guid}"), &name)?;
            if !partition.label.is_empty() && !partition.label.contains('/') {
                link(&format!("/dev/disk/by-partlabel/{}", partition.label), &name)?;
            }
        }
        if let Some(content) = &partition.content {
            by_identity(content, &name)?;
        }
    }
    Ok(())
}

/// Names the volume that has just been made in a pool: the one device that has no name yet.
pub(super) fn publish_volume(path: &str) -> Result<(), DeviceError> {
    let name = wait_for(path, || {
        let entries = fs::read_dir(SYSFS).ok()?;
        let mut names = entries.flatten().map(|entry| entry.file_name().to_string_lossy().into_owned());
        names.find(|name| {
            let number = name.strip_prefix("zd");
            number.is_some_and(|number| number.bytes().all(|digit| digit.is_ascii_digit()))
                && number_of(name).is_some_and(|(major, minor)| !named(major, minor).exists())
        })
    })?;
    link(path, &name)
}

/// The kernel's name of the device at `path`.
pub(super) fn kernel_name(path: &str) -> Option<String> {
    let number = fs::metadata(path).ok().filter(|metadata| metadata.file_type().is_block_device())?.rdev();
    let (major, minor) = (nix::sys::stat::major(number), nix::sys::stat::minor(number));
    let real = fs::canonicalize(format!("/sys/dev/block/{major}:{minor}")).ok()?;
    real.file_name().map(|name| name.to_string_lossy().into_owned())
}

/// Names a device by the identity of what lies on it.
fn by_identity(content: &Content, kernel: &str) -> Result<(), DeviceError> {
    let id = match content {
        Content::Filesystem(filesystem) => filesystem.id.to_string(),
        Content::Luks(luks) => luks.uuid.to_string(),
        Content::Swap(swap) => swap.uuid.to_string(),
        Content::Table(_) | Content::Member(_) => return Ok(()),
    };
    link(&format!("/dev/disk/by-uuid/{id}"), kernel)
}

fn wait_for(what: &str, find: impl Fn() -> Option<String>) -> Result<String, DeviceError> {
    let started = Instant::now();
    loop {
        match find() {
            Some(found) => return Ok(found),
            None if started.elapsed() > PATIENCE => return Err(DeviceError::Absent(what.to_owned())),
            None => thread::sleep(INTERVAL),
        }
    }
}

/// The kernel's name of a partition.
fn partition_of(kernel: &str, number: u32) -> Option<String> {
    let entries = fs::read_dir(Path::new(SYSFS).join(kernel)).ok()?;
    let mut folders = entries.flatten();
    let found = folders.find(|entry| {
        let text = fs::read_to_string(entry.path().join("partition")).unwrap_or_default();
        text.trim().parse() == Ok(number)
    });
    found.map(|entry| entry.file_name().to_string_lossy().into_owned())
}

fn number_of(kernel: &str) -> Option<(u64, u64)> {
    let text = fs::read_to_string(Path::new(SYSFS).join(kernel).join("dev")).ok()?;
    let (major, minor) = text.trim().split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn named(major: u64, minor: u64) -> PathBuf {
    PathBuf::from(format!("/dev/block/{major}:{minor}"))
}

/// The node that is a device's own.
fn node(kernel: &str) -> Result<PathBuf, DeviceError> {
    let (major, minor) = number_of(kernel).ok_or_else(|| DeviceError::Absent(kernel.to_owned()))?;
    let path = named(major, minor);
    if !path.exists() {
        crate::files::create_dir_all(Path::new("/dev/block"))?;
        let mode = Mode::S_IRUSR | Mode::S_IWUSR;
        mknod(&path, SFlag::S_IFBLK, mode, makedev(major, minor))
            .map_err(|errno| IoError::new("creating", &path, errno.into()))?;
    }
    Ok(path)
}

/// Lets `path` lead to a device, unless it does already.
fn link(path: &str, kernel: &str) -> Result<(), DeviceError> {
    let node = node(kernel)?;
    if kernel_name(path).as_deref() == Some(kernel) {
        return Ok(());
    }
    let path = Path::new(path);
    if let Some(folder) = path.parent() {
        crate::files::create_dir_all(folder)?;
    }
    // The kernel's own name of another disk, which nothing here uses.
    let _ = fs::remove_file(path);
    symlink(&node, path).map_err(|source| IoError::new("creating", path, source).into())
}
