//! Walking what a plan puts on disks.

use std::collections::BTreeSet;

use crate::plan::Plan;
use crate::plan::content::{Content, Filesystem};

/// Calls `see` for everything that lies on a block device anywhere in `plan`, containers before what is
/// in them: disks first, then arrays, volume groups and pools.
pub fn contents<'a>(plan: &'a Plan, see: &mut dyn FnMut(&'a Content)) {
    let disks = plan.disks.iter().filter_map(|disk| disk.content.as_ref());
    let arrays = plan.arrays.iter().filter_map(|array| array.content.as_ref());
    let volumes =
        plan.groups.iter().flat_map(|group| &group.volumes).filter_map(|volume| volume.content.as_ref());
    let datasets = plan.pools.iter().flat_map(|pool| &pool.datasets);
    let pool_volumes = datasets.filter_map(|dataset| dataset.volume.as_ref()?.content.as_ref());
    for content in disks.chain(arrays).chain(volumes).chain(pool_volumes) {
        below(content, see);
    }
}

fn below<'a>(content: &'a Content, see: &mut dyn FnMut(&'a Content)) {
    see(content);
    match content {
        Content::Table(table) => {
            table
                .partitions
                .iter()
                .filter_map(|partition| partition.content.as_ref())
                .for_each(|inner| below(inner, see));
        }
        Content::Luks(luks) => luks.content.iter().for_each(|inner| below(inner, see)),
        Content::Filesystem(_) | Content::Swap(_) | Content::Member(_) => {}
    }
}

/// Every file system of `plan` that lies on one device.
pub fn filesystems(plan: &Plan) -> Vec<&Filesystem> {
    let mut found = Vec::new();
    contents(plan, &mut |content| {
        if let Content::Filesystem(filesystem) = content {
            found.push(&**filesystem);
        }
    });
    found
}

/// Paths of the devices on which `plan` puts nothing: partitions, opened containers, arrays and volumes without content. A
/// file system of several devices names them among the arguments for its mkfs.
pub(super) fn blank_devices(plan: &Plan) -> BTreeSet<String> {
    let mut blank = BTreeSet::new();
    contents(plan, &mut |content| match content {
        Content::Table(table) => {
            let empty = table.partitions.iter().filter(|partition| partition.content.is_none());
            blank.extend(empty.map(|partition| partition.device.clone()));
        }
        Content::Luks(luks) if luks.content.is_none() => {
            blank.insert(mapper_path(&luks.name));
        }
        Content::Luks(_) | Content::Filesystem(_) | Content::Swap(_) | Content::Member(_) => {}
    });
    let volumes = plan.groups.iter().flat_map(|group| &group.volumes);
    let empty = volumes.filter(|volume| volume.content.is_none());
    blank.extend(empty.map(|volume| volume.device.clone()));
    blank
}

/// Path of an opened container in the running system.
pub(super) fn mapper_path(name: &str) -> String {
    format!("/dev/mapper/{name}")
}
