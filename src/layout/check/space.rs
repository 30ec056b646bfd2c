//! Partitions and volumes that take all space before others got theirs.

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::graph::volumes_in_order;
use crate::layout::model::content::ContentRef;
use crate::layout::model::gpt::{Gpt, Partition};
use crate::layout::model::lvm::{LvmType, VolumeGroup};
use crate::layout::syntax::source::Span;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for block in view.blocks {
        if let Some(ContentRef::Gpt(gpt)) = block.content {
            partitions(gpt, findings);
        }
    }
    for group in view.devices.lvm_vg.values() {
        volumes(group, findings);
    }
}

/// Whether a partition reaches to the end of the free space. sgdisk reads an end of `+0` like one of `0`: the last free sector.
fn takes_the_rest(partition: &Partition) -> bool {
    matches!(partition.end.as_str(), "-0" | "+0" | "0")
}

/// A partition that takes the rest must be the last one made. With starts given by hand there may be room before it, which
/// only the plan can tell.
fn partitions(gpt: &Gpt, findings: &mut Vec<Diagnostic>) {
    let order = gpt.partitions.in_order();
    if order.iter().any(|partition| partition.start != "0" && partition.start != "1M") {
        return;
    }
    let Some(at) = order.iter().position(|partition| takes_the_rest(partition)) else { return };
    let Some(greedy) = order.get(at) else { return };
    let late: Vec<&Partition> = order.iter().skip(at + 1).copied().collect();
    let hint = if late.iter().chain([greedy]).any(|partition| partition.places.has("priority")) {
        "partitions are made in the order of `priority`".to_owned()
    } else if greedy.places.has("size") {
        "only one partition can have the size `100%`".to_owned()
    } else {
        format!("give `{}` a `size` or an `end`", greedy.name)
    };
    let late: Vec<(&str, Span)> = late.iter().map(|late| (late.name.as_str(), place_of_size(late))).collect();
    findings.extend(no_space(&late, (&greedy.name, place_of_size(greedy)), &hint));
}

/// One finding for all that come too late.
fn no_space(late: &[(&str, Span)], greedy: (&str, Span), hint: &str) -> Option<Diagnostic> {
    let (&(_, first), others) = late.split_first()?;
    let names: Vec<&str> = late.iter().map(|(name, _)| *name).collect();
    let message = format!(
        "there is no space left for {}: `{}` is made before and takes all that is left",
        listed(&names),
        greedy.0
    );
    let finding = Diagnostic::error("no-space", first, message)
        .other(greedy.1, format!("`{}` takes the rest", greedy.0))
        .hint(hint);
    Some(
        others
            .iter()
            .fold(finding, |finding, (name, place)| finding.other(*place, format!("nor for `{name}`"))),
    )
}

/// "`a`, `b` and `c`"; of many, the first.
fn listed(names: &[&str]) -> String {
    match names {
        [] => String::new(),
        [only] => format!("`{only}`"),
        [first, second] => format!("`{first}` and `{second}`"),
        [first, rest @ ..] => format!("`{first}` and {} others", rest.len()),
    }
}

fn place_of_size(partition: &Partition) -> Span {
    let option = if partition.places.has("size") { "size" } else { "end" };
    partition.places.of(option)
}

/// The same in a volume group. Thin volumes take their space from their pool.
fn volumes(group: &VolumeGroup, findings: &mut Vec<Diagnostic>) {
    let order: Vec<_> = volumes_in_order(group)
        .into_iter()
        .map(|(_, volume)| volume)
        .filter(|volume| volume.lvm_type != Some(LvmType::ThinLv))
        .collect();
    let Some(at) = order.iter().position(|volume| matches!(volume.size.as_str(), "100%FREE" | "100%VG"))
    else {
        return;
    };
    let Some(greedy) = order.get(at) else { return };
    let late = order.iter().skip(at + 1).map(|volume| (volume.name.as_str(), volume.places.of("size")));
    let late: Vec<(&str, Span)> = late.collect();
    let hint = "volumes are made in the order of `priority`, thin pools first";
    findings.extend(no_space(&late, (&greedy.name, greedy.places.of("size")), hint));
}
