//! Installing onto real disks: the image's own writers on the machine's devices, with care.
//!
//! ```text
//! refuse: in use · not blank · too small          nothing is written
//! mark and wipe ─▶ write ─▶ read back ─▶ tables ─▶ read back   bootable with the last write
//! ```

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::sync::Arc;

use super::order::Occupied;
use crate::device::select::{Match, Rule, SelectError};
use crate::device::{Contents, DeviceBlock, Disk, Machine, Transport, Use, Wipe};
use crate::error::{Exit, IoError};
use crate::image::{ImageError, Prepared, Request, System};
use crate::layout::Layout;
use crate::layout::model;
use crate::layout::model::landfall::DiskTransport;
use crate::layout::model::text::NonEmpty;
use crate::plan::DiskRequest;
use crate::progress::{Progress, Step, Unit};
use crate::units::{ByteRange, ByteSize, MIB};
use crate::volume::{Block, BlockError, FileBlock};

/// How much of a disk is zeroed between two looks at the progress.
const ZERO_STEP: u64 = 64 * MIB;

/// What became of the disks when an installation failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing was written.
    Untouched,
    /// What was on them is gone, and they do not boot.
    Unfinished,
    /// Everything is written; a partition table may be missing.
    Written,
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Untouched => "nothing was written to any disk",
            Self::Unfinished => {
                "what was on the disks is gone and they do not boot; installing again is safe"
            }
            Self::Written => "everything is on the disks, but the machine may not boot from them",
        })
    }
}

/// Why nothing was installed.
#[derive(Debug, thiserror::Error)]
pub enum InstallError {
    /// Layout, system and disks do not go together, or writing failed.
    #[error(transparent)]
    Image(Box<ImageError>),
    /// A disk is used by somebody.
    #[error("{disk} is in use: {}", uses.iter().map(ToString::to_string).collect::<Vec<_>>().join(", "))]
    Busy {
        /// The disk.
        disk: String,
        /// Who uses it.
        uses: Vec<Use>,
    },
    /// A disk has something on it.
    #[error("{disk} is not blank: {contents}")]
    NotBlank {
        /// The disk.
        disk: String,
        /// What is on it.
        contents: Contents,
    },
    /// A disk cannot be written.
    #[error("{disk} is write-protected")]
    ReadOnly {
        /// The disk.
        disk: String,
    },
    /// The layout has a disk for which none was named.
    #[error("the layout has a disk `{name}`, and no device was named for it")]
    NoDevice {
        /// Its name in the layout.
        name: String,
    },
    /// The layout has no such disk.
    #[error("the layout has no disk `{name}`")]
    NoSuchDisk {
        /// The name.
        name: String,
    },
    /// No disk is what the layout means.
    #[error(transparent)]
    Select(Box<SelectError>),
    /// A disk failed.
    #[error(transparent)]
    Block(#[from] BlockError),
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl From<ImageError> for InstallError {
    fn from(error: ImageError) -> Self {
        Self::Image(Box::new(error))
    }
}

impl InstallError {
    /// The exit code that says whose fault it is.
    pub fn exit(&self) -> Exit {
        match self {
            Self::Image(error) => error.exit(),
            Self::Busy { .. } | Self::NotBlank { .. } | Self::ReadOnly { .. } => Exit::Refused,
            Self::NoDevice { .. } | Self::NoSuchDisk { .. } => Exit::Usage,
            Self::Select(_) => Exit::Input,
            Self::Block(_) | Self::Io(_) => Exit::Failed,
        }
    }

    /// The way out, where one is known.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Image(error) => error.hint(),
            Self::Busy { .. } => Some("unmount it, or switch off what is made of it".to_owned()),
            _ => None,
        }
    }
}

/// The disks of an installation, by their names in the layout.
pub type Targets = BTreeMap<String, Disk>;

/// Decides and checks everything with the sizes of the real disks; nothing is written.
///
/// # Errors
///
/// When a disk of the layout has no device, when something does not fit, as [`Prepared::new`].
pub fn prepare(
    (layout, system): (&Layout, &System),
    targets: &Targets,
    request: Request,
) -> Result<Prepared, InstallError> {
    Ok(Prepared::new(layout, system, &sized(layout, targets, request)?)?)
}

/// The request with the sizes of the disks.
///
/// # Errors
///
/// When layout and targets do not name the same disks.
pub fn sized(layout: &Layout, targets: &Targets, request: Request) -> Result<Request, InstallError> {
    let names = &layout.devices().disk;
    if let Some(name) = names.keys().find(|name| !targets.contains_key(*name)) {
        return Err(InstallError::NoDevice { name: name.clone() });
    }
    if let Some(name) = targets.keys().find(|name| !names.contains_key(*name)) {
        return Err(InstallError::NoSuchDisk { name: name.clone() });
    }
    let disks = targets.iter().map(|(name, disk)| DiskRequest {
        name: name.clone(),
        size: disk.size,
        sector_size: disk.sector_size,
    });
    Ok(Request { disks: disks.collect(), ..request })
}

/// Fails when a disk must not be written: it is in use, write-protected, or not blank where that is
/// asked for.
pub fn check(machine: &Machine, targets: &Targets, occupied: Occupied) -> Result<(), InstallError> {
    for disk in targets.values() {
        let uses = machine.uses(disk)?;
        if !uses.is_empty() {
            return Err(InstallError::Busy { disk: disk.to_string(), uses });
        }
        if disk.read_only {
            return Err(InstallError::ReadOnly { disk: disk.to_string() });
        }
        let contents = Contents::of(disk)?;
        if occupied == Occupied::Refuse && !contents.is_free() {
            return Err(InstallError::NotBlank { disk: disk.to_string(), contents });
        }
    }
    Ok(())
}

/// What is on each of `targets`.
///
/// # Errors
///
/// When a disk cannot be read.
pub fn contents(targets: &Targets) -> Result<BTreeMap<String, Contents>, InstallError> {
    targets.iter().map(|(name, disk)| Ok((name.clone(), Contents::of(disk)?))).collect()
}

/// Whether every disk has what `prepared` would write already, from an installation of the same system by the
/// same layout that came to its end.
pub fn is_installed(prepared: &Prepared, targets: &Targets) -> Result<bool, InstallError> {
    for (name, disk) in targets {
        let file = File::open(&disk.path).map_err(|source| IoError::new("opening", &disk.path, source))?;
        let block = FileBlock::open(file, &disk.path, disk.sector_size)?;
        // The copy of a table at the disk's end is there a moment before all is done.
        if Contents::of(disk)? == Contents::Unfinished || !prepared.has_table(name, &block) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Writes what was prepared to the disks, reads it back and compares it; `state` says at any time what became of them.
///
/// # Errors
///
/// When a disk fails, or when what is read back differs; the disks do not boot then.
pub fn write(
    prepared: &Prepared,
    targets: &Targets,
    progress: &dyn Progress,
    state: &mut State,
) -> Result<(), InstallError> {
    let mut devices = BTreeMap::new();
    for (name, disk) in targets {
        devices.insert(name.clone(), Arc::new(DeviceBlock::open(&disk.path, disk.sector_size)?));
    }
    *state = State::Unfinished;
    for (name, device) in &devices {
        wipe(prepared, name, device, progress)?;
    }
    let blocks: BTreeMap<String, Arc<dyn Block>> = devices
        .iter()
        .map(|(name, device)| -> (String, Arc<dyn Block>) { (name.clone(), device.clone()) })
        .collect();
    prepared.write_checked(&blocks, progress, &mut || {
        compare(&devices, progress)?;
        *state = State::Written;
        Ok(())
    })?;
    for device in devices.values() {
        device.unmark()?;
    }
    // What came after the first comparison: headers and tables.
    compare(&devices, progress)?;
    for device in devices.values() {
        if let Err(errno) = device.reread_partitions() {
            tracing::warn!(
                "{}: the kernel did not read the new partition table: {errno}",
                device.path().display()
            );
        }
    }
    Ok(())
}

/// Has the disks keep what was written, then reads all of it from them and compares it with checksums that were
/// taken as it went out. That holds whatever lies between a disk and its file systems.
fn compare(devices: &BTreeMap<String, Arc<DeviceBlock>>, progress: &dyn Progress) -> Result<(), ImageError> {
    let step = Step::start(progress, "sync", None, Unit::Items);
    for device in devices.values() {
        device.forget_cache()?;
    }
    step.finish();
    for (name, device) in devices {
        let path = format!("verify {name}");
        let step = Step::start(progress, &path, Some(device.due().bytes()), Unit::Bytes);
        if let Some(at) = device.differing_page(&|bytes| step.advance(bytes.bytes()))? {
            let place = device.path().display().to_string();
            return Err(ImageError::Verify {
                place,
                why: format!("it does not hold what was written at byte {at}"),
            });
        }
        step.finish();
    }
    Ok(())
}

/// Removes what was on the disk `name`.
fn wipe(
    prepared: &Prepared,
    name: &str,
    device: &DeviceBlock,
    progress: &dyn Progress,
) -> Result<(), InstallError> {
    let planned = prepared.plan().disk(name);
    let parts: Vec<ByteRange> = planned
        .and_then(|disk| disk.table())
        .map(|table| table.partitions.iter().map(|partition| partition.range).collect())
        .unwrap_or_default();
    let path = format!("wipe {name}");
    let step = Step::start(progress, &path, Some(device.len()), Unit::Bytes);
    let outcome = device.wipe(&parts, &mut |bytes| step.advance(bytes.bytes()))?;
    if outcome == Wipe::Signatures && needs_zeroes(prepared) {
        let mut offset = crate::device::MARK_LEN;
        while let Some(range) = ByteRange::new(offset, ZERO_STEP.min(device.len().saturating_sub(offset))) {
            if range.is_empty() {
                break;
            }
            device.zero_range(range)?;
            step.advance(range.len());
            offset = range.end();
        }
    }
    step.finish();
    Ok(())
}

/// Whether something relies on data areas being zero: parity that is not computed (levels 4, 5, 6).
fn needs_zeroes(prepared: &Prepared) -> bool {
    let is_parity = |name: &str| ["4", "5", "6"].iter().any(|level| name.contains(level));
    let plan = prepared.plan();
    plan.arrays.iter().any(|array| is_parity(&array.level.to_string()))
        || plan.groups.iter().flat_map(|group| &group.volumes).any(|volume| is_parity(&volume.kind))
}

/// How `layout` names its disks: by `landfall.match` where it has one, otherwise by `device`.
pub fn rules(layout: &Layout) -> BTreeMap<String, Rule> {
    layout.devices().disk.iter().map(|(name, disk)| (name.clone(), rule(disk))).collect()
}

fn rule(disk: &model::disk::Disk) -> Rule {
    let Some(wanted) = disk.landfall.as_ref().and_then(|settings| settings.matching.as_ref()) else {
        return Rule::Device(disk.device.as_str().to_owned());
    };
    let transport = wanted.transport.map(|transport| match transport {
        DiskTransport::Sata => Transport::Sata,
        DiskTransport::Nvme => Transport::Nvme,
        DiskTransport::Scsi => Transport::Scsi,
        DiskTransport::Usb => Transport::Usb,
        DiskTransport::Virtio => Transport::Virtio,
        DiskTransport::Mmc => Transport::Mmc,
    });
    let text = |text: &Option<NonEmpty>| text.as_ref().map(|text| text.as_str().to_owned());
    Rule::Match(Match {
        // The layout's reader takes nothing but numbers with a unit; one past 64 bits fits no disk.
        min_size: wanted.min_size.as_ref().map(|size| size.as_str().parse().unwrap_or(ByteSize(u64::MAX))),
        transport,
        model: text(&wanted.model),
        serial: text(&wanted.serial),
        empty: wanted.empty,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::Source;

    fn rule_of(landfall: &str) -> Result<Rule, String> {
        let text = format!(
            r#"{{ "disk": {{ "main": {{ "type": "disk", "device": "/dev/vda", {landfall}
              "content": {{ "type": "filesystem", "format": "ext4", "mountpoint": "/" }} }} }} }}"#
        );
        let source = Source::Json { name: "disk.json".to_owned(), text: text.into_bytes() };
        let (layout, _) = Layout::parse(source).map_err(|mistakes| mistakes.to_string())?;
        Ok(rules(&layout)["main"].clone())
    }

    #[test]
    fn a_layout_names_a_disk_by_its_device_or_by_what_it_is_like() {
        assert_eq!(rule_of("").unwrap(), Rule::Device("/dev/vda".to_owned()));
        let wanted = r#""landfall": { "match": { "minSize": "20G", "transport": "nvme", "empty": true } },"#;
        let rule = rule_of(wanted).unwrap();
        assert_eq!(rule.to_string(), "match { minSize 20 GiB, transport nvme, empty true }");
    }

    #[test]
    fn mistakes_in_a_match_have_their_line() {
        let error = rule_of(r#""landfall": { "match": { "transport": "sas" } },"#).unwrap_err();
        assert!(error.starts_with("disk.json:1:") && error.contains("`sata`"), "{error}");
        assert!(rule_of(r#""landfall": { "match": { "size": "20G" } },"#).is_err());
    }
}
