//! What of a plan a machine starts from.

use schemars::JsonSchema;
use serde::Serialize;

use super::Plan;
use super::content::{AssemblyKind, Content};
use super::disk::{BootRole, Disk, Partition, PartitionKind};

/// Type of a PReP partition in a boot record, and sgdisk's code for that in a GUID table.
const MSDOS_PREP: u8 = 0x41;
const GPT_PREP: u16 = 0x4100;

/// What a machine starts from.
#[derive(Clone, Debug, Default, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Boot {
    /// EFI system partitions, the one that is mounted first; the others are its mirrors or of other systems.
    pub esp: Vec<BootPartition>,
    /// Extended boot loader partitions.
    pub xbootldr: Vec<BootPartition>,
    /// BIOS boot partitions.
    pub bios: Vec<BootPartition>,
    /// Device of the file system at `/`, where it has one.
    pub root: Option<String>,
    /// Swap space that the system resumes from.
    pub resume: Option<String>,
}

/// A partition that a machine starts from.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BootPartition {
    /// The disk, by its attribute name.
    pub disk: String,
    /// The partition's number.
    pub number: u32,
    /// The partition's device.
    pub device: String,
    /// Where it is mounted; null for nowhere.
    pub mount: Option<String>,
}

impl Boot {
    /// Finds what `plan` starts from.
    pub(super) fn of(plan: &Plan) -> Self {
        let mut boot = Self::default();
        for disk in &plan.disks {
            for partition in disk.table().into_iter().flat_map(|table| &table.partitions) {
                let list = match partition.role {
                    Some(BootRole::Esp) => &mut boot.esp,
                    Some(BootRole::Xbootldr) => &mut boot.xbootldr,
                    Some(BootRole::BiosBoot) => &mut boot.bios,
                    None => continue,
                };
                list.push(BootPartition {
                    disk: disk.key.clone(),
                    number: partition.number,
                    device: partition.device.clone(),
                    mount: mount_of(plan, partition),
                });
            }
        }
        for list in [&mut boot.esp, &mut boot.xbootldr] {
            list.sort_by_key(|partition| partition.mount.is_none());
        }
        boot.root = plan.mounts.iter().find(|mount| mount.path == "/").map(|mount| mount.source.clone());
        boot.resume = plan.swaps.iter().find(|swap| swap.resume).map(|swap| swap.device.clone());
        boot
    }
}

/// Whether `plan` leaves room for code that firmware starts from sectors of a disk: a BIOS boot or a PReP partition, or one
/// that a boot record marks as bootable.
pub fn has_room_for_boot_code(plan: &Plan) -> bool {
    let tables = plan.disks.iter().filter_map(Disk::table);
    let is_started = |partition: &Partition| match &partition.kind {
        PartitionKind::Gpt { type_guid, .. } => type_guid.code() == Some(GPT_PREP),
        PartitionKind::Msdos { kind, active, .. } => *active || *kind == MSDOS_PREP,
    };
    !plan.boot.bios.is_empty() || tables.flat_map(|table| &table.partitions).any(is_started)
}

/// Where a partition is mounted; a member of a mirror, where the array is.
fn mount_of(plan: &Plan, partition: &Partition) -> Option<String> {
    let of = |content: Option<&Content>| match content {
        Some(Content::Filesystem(filesystem)) => filesystem.mount.as_ref().map(|mount| mount.path.clone()),
        _ => None,
    };
    match &partition.content {
        Some(Content::Member(member)) if member.of.kind == AssemblyKind::Array => {
            let array = plan.arrays.iter().find(|array| array.name == member.of.name)?;
            of(array.content.as_ref())
        }
        content => of(content.as_ref()),
    }
}
