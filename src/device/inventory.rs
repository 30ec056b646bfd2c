//! The list of disks, from what the kernel says in `/sys` (Documentation/ABI/stable/sysfs-block).

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use super::identity;
use crate::error::IoError;
use crate::tree::DeviceNumber;
use crate::units::{ByteSize, SectorSize};

/// `/sys/block/NAME/size` counts these, whatever the disk's sectors are.
const SIZE_UNIT: u64 = 512;

/// `TYPE_ROM` of SCSI: optical drives (SPC-4, "Peripheral device type").
const SCSI_TYPE_ROM: &str = "5";

/// Where a machine shows itself: the roots of `/sys`, `/proc` and `/dev`.
#[derive(Clone, Debug)]
pub struct Machine {
    pub(super) sys: PathBuf,
    pub(super) proc: PathBuf,
    pub(super) dev: PathBuf,
}

/// What a disk is connected by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Transport {
    /// ATA, serial or parallel.
    Sata,
    /// NVM Express.
    Nvme,
    /// Serial attached SCSI and other SCSI.
    Scsi,
    /// USB.
    Usb,
    /// A virtual machine's own: virtio, Xen, Hyper-V.
    Virtio,
    /// SD cards and eMMC.
    Mmc,
}

impl Transport {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::Sata, Self::Nvme, Self::Scsi, Self::Usb, Self::Virtio, Self::Mmc];

    /// Its name in layouts.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Sata => "sata",
            Self::Nvme => "nvme",
            Self::Scsi => "scsi",
            Self::Usb => "usb",
            Self::Virtio => "virtio",
            Self::Mmc => "mmc",
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A disk of the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disk {
    /// The kernel's name: `sda`, `nvme0n1`.
    pub name: String,
    /// Its node, `/dev/sda`.
    pub path: PathBuf,
    /// Its number.
    pub number: DeviceNumber,
    /// Its size.
    pub size: ByteSize,
    /// Bytes of its logical sectors.
    pub sector_size: SectorSize,
    /// What its maker calls it.
    pub model: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// What it is connected by; `None` for what no driver of hardware made (loop devices, arrays).
    pub transport: Option<Transport>,
    /// Whether it can be taken out.
    pub removable: bool,
    /// Whether it refuses writes.
    pub read_only: bool,
    /// Names that udev gives it in `/dev/disk/by-id`, as far as the kernel knows what they are made of.
    pub by_id: Vec<String>,
    /// Names that udev gives it in `/dev/disk/by-path`.
    pub by_path: Vec<String>,
    /// The kernel's names of its partitions, with their numbers.
    pub partitions: Vec<(String, DeviceNumber)>,
}

/// One line that a person knows the disk by: path, size, model, serial number.
impl fmt::Display for Disk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({}", self.path.display(), self.size)?;
        if let Some(model) = &self.model {
            write!(f, ", {model}")?;
        }
        if let Some(serial) = &self.serial {
            write!(f, ", serial {serial}")?;
        }
        if let Some(transport) = self.transport {
            write!(f, ", {transport}")?;
        }
        f.write_str(")")
    }
}

impl Disk {
    /// A file in the place of a disk.
    pub fn of_file(path: &Path) -> Result<Self, IoError> {
        let failed = |source| IoError::new("opening", path, source);
        let metadata = fs::metadata(path).map_err(failed)?;
        if !metadata.is_file() {
            return Err(failed(std::io::Error::other("it is neither a block device nor a file")));
        }
        Ok(Self {
            name: path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default(),
            path: path.to_owned(),
            number: DeviceNumber { major: 0, minor: 0 },
            size: ByteSize(metadata.len()).round_down(SectorSize::S512.bytes()),
            sector_size: SectorSize::S512,
            model: None,
            serial: None,
            transport: None,
            removable: false,
            read_only: metadata.permissions().readonly(),
            by_id: Vec::new(),
            by_path: Vec::new(),
            partitions: Vec::new(),
        })
    }
}

impl Machine {
    /// This machine.
    pub fn here() -> Self {
        Self { sys: "/sys".into(), proc: "/proc".into(), dev: "/dev".into() }
    }

    /// The machine whose `/sys`, `/proc` and `/dev` are below `root`.
    pub fn at(root: &Path) -> Self {
        Self { sys: root.join("sys"), proc: root.join("proc"), dev: root.join("dev") }
    }

    /// The machine's disks, by name: what could be installed on, optical drives and virtual devices not
    /// among them.
    pub fn disks(&self) -> Result<Vec<Disk>, IoError> {
        let folder = self.sys.join("block");
        let mut disks = Vec::new();
        for name in names(&folder)? {
            let directory = folder.join(&name);
            let is_hardware = directory.join("device").exists();
            let is_optical = text(&directory.join("device/type")).as_deref() == Some(SCSI_TYPE_ROM);
            // eMMC's boot partitions and its authenticated part are not for systems.
            let is_part = name.starts_with("mmcblk") && (name.contains("boot") || name.contains("rpmb"));
            if is_hardware && !is_optical && !is_part && !name.starts_with("fd") {
                disks.extend(self.disk(&name));
            }
        }
        Ok(disks)
    }

    /// The whole block device at the node `path`, also a virtual one; `None` when it is none.
    pub fn disk_at(&self, path: &Path) -> Result<Option<Disk>, IoError> {
        use std::os::unix::fs::{FileTypeExt, MetadataExt};
        let real = fs::canonicalize(path).map_err(|source| IoError::new("opening", path, source))?;
        let metadata = fs::metadata(&real).map_err(|source| IoError::new("opening", path, source))?;
        if !metadata.file_type().is_block_device() {
            return Ok(None);
        }
        let (major, minor) = (rustix::fs::major(metadata.rdev()), rustix::fs::minor(metadata.rdev()));
        let link = self.sys.join(format!("dev/block/{major}:{minor}"));
        let name = fs::read_link(&link).ok().and_then(|to| Some(to.file_name()?.to_str()?.to_owned()));
        Ok(name.and_then(|name| self.disk(&name)))
    }

    /// The disk of this name; `None` when it has no medium, no number, or sectors of an unknown size.
    fn disk(&self, name: &str) -> Option<Disk> {
        let directory = self.sys.join("block").join(name);
        let read = |file: &str| text(&directory.join(file));
        let sectors: u64 = read("size")?.parse().ok()?;
        let size = ByteSize(sectors.checked_mul(SIZE_UNIT)?);
        let sector_size = SectorSize::from_bytes(read("queue/logical_block_size")?.parse().ok()?)?;
        if size == ByteSize::ZERO {
            return None;
        }
        let real = fs::canonicalize(&directory).ok()?;
        let found = identity::read(&real, &real.strip_prefix(&self.sys).unwrap_or(&real).to_string_lossy());
        let partitions = names(&directory).unwrap_or_default();
        let partitions = partitions.into_iter().filter_map(|partition| {
            let folder = directory.join(&partition);
            folder.join("partition").exists().then_some(())?;
            Some((partition, number(&text(&folder.join("dev"))?)?))
        });
        Some(Disk {
            name: name.to_owned(),
            // A `!` in sysfs stands for the `/` of a node in a folder (`cciss!c0d0`).
            path: self.dev.join(name.replace('!', "/")),
            number: number(&read("dev")?)?,
            size,
            sector_size,
            model: found.model,
            serial: found.serial,
            transport: found.transport,
            removable: read("removable").as_deref() == Some("1"),
            read_only: read("ro").as_deref() == Some("1"),
            by_id: found.by_id,
            by_path: found.by_path,
            partitions: partitions.collect(),
        })
    }
}

/// `MAJOR:MINOR`.
pub(super) fn number(text: &str) -> Option<DeviceNumber> {
    let (major, minor) = text.split_once(':')?;
    Some(DeviceNumber { major: major.parse().ok()?, minor: minor.parse().ok()? })
}

/// A small file's text without white space around it; `None` for none, and for nothing.
pub(super) fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let text = text.trim_matches(|c: char| c.is_whitespace() || c == '\0');
    (!text.is_empty()).then(|| text.to_owned())
}

/// The names in a folder, sorted as people count: `sda`, `sdb`, …, `sdaa`; none where there is no folder.
pub(super) fn names(folder: &Path) -> Result<Vec<String>, IoError> {
    let failed = |source| IoError::new("reading", folder, source);
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    let mut names = Vec::new();
    for entry in entries {
        names.push(entry.map_err(failed)?.file_name().to_string_lossy().into_owned());
    }
    names.sort_by(|a, b| (a.len(), a).cmp(&(b.len(), b)));
    Ok(names)
}

#[cfg(test)]
pub(super) mod tests;
