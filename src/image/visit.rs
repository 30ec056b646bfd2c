//! Walking what a plan puts on disks.

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
