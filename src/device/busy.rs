//! Who uses a disk: mounts, swap areas, and devices made of it. A disk in use is never written.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use super::inventory::{Disk, Machine, names, number, text};
use crate::error::IoError;
use crate::files;
use crate::tree::DeviceNumber;

/// One use of a disk, or of a part of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Use {
    /// `device` is mounted at `at`.
    Mounted {
        /// The kernel's name of disk or partition.
        device: String,
        /// Where.
        at: String,
    },
    /// `device` is swapped to.
    Swap {
        /// The kernel's name of disk or partition.
        device: String,
    },
    /// `device` is a part of `holder`: an array, a logical volume, an open encrypted volume.
    Held {
        /// The kernel's name of disk or partition.
        device: String,
        /// The kernel's name of what is made of it.
        holder: String,
    },
}

impl fmt::Display for Use {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mounted { device, at } => write!(f, "{device} is mounted at {at}"),
            Self::Swap { device } => write!(f, "{device} is used for swapping"),
            Self::Held { device, holder } => write!(f, "{device} is part of {holder}"),
        }
    }
}

impl Machine {
    /// Every use of `disk` and its partitions, of devices made of them too; none: nobody uses it.
    pub fn uses(&self, disk: &Disk) -> Result<Vec<Use>, IoError> {
        let mounts = self.mounts()?;
        let swaps = self.swaps();
        let mut uses = BTreeSet::new();
        let mut pending: Vec<(String, DeviceNumber)> = vec![(disk.name.clone(), disk.number)];
        pending.extend(disk.partitions.iter().cloned());
        let mut seen = BTreeSet::new();
        while let Some((device, device_number)) = pending.pop() {
            if !seen.insert(device.clone()) {
                continue;
            }
            for (mounted, at) in &mounts {
                if *mounted == device_number {
                    uses.insert(Use::Mounted { device: device.clone(), at: at.clone() });
                }
            }
            if swaps.contains(&device) {
                uses.insert(Use::Swap { device: device.clone() });
            }
            for holder in self.holders(&device, disk)? {
                uses.insert(Use::Held { device: device.clone(), holder: holder.clone() });
                let own =
                    text(&self.sys.join("block").join(&holder).join("dev")).and_then(|dev| number(&dev));
                pending.extend(own.map(|number| (holder, number)));
            }
        }
        Ok(uses.into_iter().collect())
    }

    /// Whether something is mounted at `place`.
    ///
    /// # Errors
    ///
    /// When the kernel's table of mounts cannot be read.
    pub fn is_mount_point(&self, place: &Path) -> Result<bool, IoError> {
        Ok(self.mounts()?.iter().any(|(_, at)| Path::new(at) == place))
    }

    /// Whether the device or file `place` is swapped to.
    pub fn is_swap(&self, place: &Path) -> bool {
        let real = std::fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
        real.file_name().and_then(|name| name.to_str()).is_some_and(|name| self.swaps().contains(name))
    }

    /// What is made of `device`, which is `disk`, a partition of it, or another whole device.
    fn holders(&self, device: &str, disk: &Disk) -> Result<Vec<String>, IoError> {
        let block = self.sys.join("block");
        let whole = block.join(device);
        let folder = if whole.exists() { whole } else { block.join(&disk.name).join(device) };
        names(&folder.join("holders"))
    }

    /// Device and mount point of everything mounted (proc(5), `mountinfo`).
    fn mounts(&self) -> Result<Vec<(DeviceNumber, String)>, IoError> {
        let path = self.proc.join("self/mountinfo");
        if !path.exists() {
            return Ok(Vec::new());
        }
        let line = |line: &str| {
            let mut fields = line.split(' ');
            Some((number(fields.nth(2)?)?, unescaped(fields.nth(1)?)))
        };
        Ok(files::read_to_string(&path)?.lines().filter_map(line).collect())
    }

    /// The kernel's names of the devices that are swapped to.
    fn swaps(&self) -> BTreeSet<String> {
        let list = text(&self.proc.join("swaps")).unwrap_or_default();
        let name = |line: &str| {
            let path = unescaped(line.split_whitespace().next()?);
            let real = std::fs::canonicalize(&path).unwrap_or_else(|_| path.clone().into());
            Some(Path::new(&real).file_name()?.to_str()?.to_owned())
        };
        list.lines().skip(1).filter_map(name).collect()
    }
}

/// A path of a table in `/proc`, in which white space is written as three octal digits.
fn unescaped(text: &str) -> String {
    let codes = [("\\040", " "), ("\\011", "\t"), ("\\012", "\n"), ("\\134", "\\")];
    codes.into_iter().fold(text.to_owned(), |text, (code, character)| text.replace(code, character))
}
