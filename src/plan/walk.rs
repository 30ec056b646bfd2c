//! A walk over everything that lies somewhere in a plan.

use super::Plan;
use super::content::{Content, Filesystem};

/// All contents of a plan, each before what lies in it: disks first, then arrays, volume groups and pools.
pub(super) fn contents(plan: &Plan) -> Vec<&Content> {
    let mut found = Vec::new();
    let disks = plan.disks.iter().filter_map(|disk| disk.content.as_ref());
    let arrays = plan.arrays.iter().filter_map(|array| array.content.as_ref());
    let volumes =
        plan.groups.iter().flat_map(|group| &group.volumes).filter_map(|volume| volume.content.as_ref());
    let datasets = plan.pools.iter().flat_map(|pool| &pool.datasets);
    let pool_volumes = datasets.filter_map(|dataset| dataset.volume.as_ref()?.content.as_ref());
    for content in disks.chain(arrays).chain(volumes).chain(pool_volumes) {
        visit(content, &mut found);
    }
    found
}

fn visit<'a>(content: &'a Content, found: &mut Vec<&'a Content>) {
    found.push(content);
    match content {
        Content::Table(table) => {
            for content in table.partitions.iter().filter_map(|partition| partition.content.as_ref()) {
                visit(content, found);
            }
        }
        Content::Luks(luks) => {
            if let Some(content) = &luks.content {
                visit(content, found);
            }
        }
        Content::Filesystem(_) | Content::Swap(_) | Content::Member(_) => {}
    }
}

/// Shows `change` each file system that lies on a device of the plan.
pub(super) fn change_filesystems(plan: &mut Plan, change: &mut dyn FnMut(&mut Filesystem)) {
    let disks = plan.disks.iter_mut().filter_map(|disk| disk.content.as_mut());
    let arrays = plan.arrays.iter_mut().filter_map(|array| array.content.as_mut());
    let volumes = plan.groups.iter_mut().flat_map(|group| &mut group.volumes);
    let volumes = volumes.filter_map(|volume| volume.content.as_mut());
    let datasets = plan.pools.iter_mut().flat_map(|pool| &mut pool.datasets);
    let pool_volumes = datasets.filter_map(|dataset| dataset.volume.as_mut()?.content.as_mut());
    for content in disks.chain(arrays).chain(volumes).chain(pool_volumes) {
        change_below(content, change);
    }
}

fn change_below(content: &mut Content, change: &mut dyn FnMut(&mut Filesystem)) {
    match content {
        Content::Filesystem(filesystem) => change(filesystem),
        Content::Table(table) => {
            for content in table.partitions.iter_mut().filter_map(|partition| partition.content.as_mut()) {
                change_below(content, change);
            }
        }
        Content::Luks(luks) => {
            if let Some(content) = &mut luks.content {
                change_below(content, change);
            }
        }
        Content::Swap(_) | Content::Member(_) => {}
    }
}
