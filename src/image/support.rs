//! What can be written so far. The rest is refused before anything else is looked at.

use super::error::{ImageError, Unsupported};
use super::machine::{Machine, is_made_there};
use super::visit;
use crate::fs::external;
use crate::plan::Plan;
use crate::plan::content::{Content, Filesystem};
use crate::plan::machine::MachineNeed;

/// Fails with everything in `plan` that no image can hold yet.
///
/// `needs` is what a machine will do, which then needs no programs of this host.
pub(super) fn check(plan: &Plan, machine: Machine, needs: &[MachineNeed]) -> Result<(), ImageError> {
    let is_written = |filesystem: &Filesystem| {
        is_written(filesystem) || machine == Machine::Allowed && is_made_there(filesystem)
    };
    let mut found = Vec::new();
    let mut tables = Vec::new();
    let mut refuse = |what: String, device: &str| {
        found.push(Unsupported { what, device: device.to_owned(), span: plan.span_of(device) });
    };
    visit::contents(plan, &mut |content| match content {
        Content::Filesystem(filesystem) if !is_written(filesystem) => {
            refuse(filesystem.format.clone(), &filesystem.device);
        }
        Content::Table(table) => tables.push(table),
        Content::Filesystem(_) | Content::Swap(_) | Content::Luks(_) | Content::Member(_) => {}
    });
    for group in &plan.groups {
        for volume in group.volumes.iter().filter(|volume| super::assemblies::volume_kind(volume).is_none()) {
            refuse(format!("LVM volume of type {}", volume.kind), &volume.device);
        }
    }
    for pool in plan.pools.iter().filter(|_| machine != Machine::Allowed) {
        refuse(
            format!("zfs pool `{}`", pool.name),
            pool.groups.iter().flat_map(|group| &group.members).next().map_or("", String::as_str),
        );
    }
    for filesystem in plan.bcachefs.iter().filter(|_| machine != Machine::Allowed) {
        refuse("bcachefs".to_owned(), filesystem.members.first().map_or("", String::as_str));
    }
    for table in tables {
        super::tables::check(table)?;
    }
    if !found.is_empty() {
        return Err(ImageError::Unsupported(found));
    }
    for filesystem in visit::filesystems(plan) {
        if needs.is_empty() {
            super::filesystem::check_programs(filesystem)?;
        }
        if super::btrfs::is_btrfs(filesystem) {
            super::btrfs::check(plan, filesystem)?;
        }
    }
    Ok(())
}

fn is_written(filesystem: &Filesystem) -> bool {
    let format = filesystem.format.as_str();
    matches!(format, "vfat" | "fat" | "msdos" | "ext4" | "btrfs")
        || external::Kind::from_format(format).is_some()
}
