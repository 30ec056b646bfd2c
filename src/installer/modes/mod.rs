//! disko's modes on a machine that runs: destroy, format, mount and unmount what a layout describes.
//!
//! ```text
//! destroy   refuse what is in use ─▶ wipe, no mark is left
//! format    already so: left alone ─▶ refuse what is not blank ─▶ write, read back, tables last
//! mount     open containers, arrays, groups ─▶ mount below a folder, parents first ─▶ swap
//! unmount   the same backwards
//! ```
//!
//! Formatting is an installation of nothing: the same writers, without a program. Mounting is done by programs of
//! the machine, whose command lines are decided first ([`mount`]), so that they can be shown instead of run.

mod format;
pub mod mount;
mod nodes;

use crate::device::select::{Rule, select};
use crate::device::{Contents, DeviceBlock, Disk, Machine};
use crate::layout::Layout;
use crate::plan::Plan;
use crate::plan::disk::Before;
use crate::units::ByteSize;

use super::install::{InstallError, Targets, rules};

pub use format::Format;
pub use nodes::Nodes;

/// The disks that `layout` means on `machine`, but for those in `named`, which somebody named.
///
/// # Errors
///
/// When a rule of the layout fits no disk, or several.
pub fn targets(layout: &Layout, machine: &Machine, named: Targets) -> Result<Targets, InstallError> {
    let mut targets = named;
    let mut open = rules(layout);
    open.retain(|name, _| !targets.contains_key(name));
    // A device that is named by its path may be one that is no disk: a loop device, an array.
    open.retain(|name, rule| {
        let Rule::Device(path) = &*rule else { return true };
        let Ok(Some(disk)) = machine.disk_at(path.as_ref()) else { return true };
        targets.insert(name.clone(), disk);
        false
    });
    let disks = machine.disks()?;
    let is_free = |disk: &Disk| Contents::of(disk).is_ok_and(|contents| contents.is_free());
    let chosen = select(&disks, &open, &is_free).map_err(|error| InstallError::Select(Box::new(error)))?;
    targets.extend(chosen.into_iter().map(|(name, disk)| (name, disk.clone())));
    Ok(targets)
}

/// The disks of `targets` that a layout wants destroyed: all but those with `destroy = false`.
pub fn destroyed(plan: &Plan, targets: &Targets) -> Targets {
    let kept = |name: &String| {
        let disk = plan.disk(name);
        disk.is_some_and(|disk| disk.before == Before::Kept)
    };
    targets.iter().filter(|(name, _)| !kept(name)).map(|(name, disk)| (name.clone(), disk.clone())).collect()
}

/// Removes every trace of what `disk` held; `advance` is told of bytes as they are done.
///
/// # Errors
///
/// When somebody uses the disk, or it cannot be written.
pub fn destroy(disk: &Disk, advance: &mut dyn FnMut(ByteSize)) -> Result<(), InstallError> {
    let block = DeviceBlock::open(&disk.path, disk.sector_size)?;
    block.wipe(&[], advance)?;
    // Nothing comes after this: there is no installation that is under way.
    block.unmark()?;
    reread(&block);
    Ok(())
}

/// Has the kernel show the partitions that `block` has now.
fn reread(block: &DeviceBlock) {
    if let Err(errno) = block.reread_partitions() {
        let device = block.path().display();
        tracing::warn!("{device}: the kernel did not read the new partition table: {errno}");
    }
}
