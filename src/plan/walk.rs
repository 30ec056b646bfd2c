//! A walk over everything that lies somewhere in a plan.

use super::Plan;
use super::content::Content;

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
