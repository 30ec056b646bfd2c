//! Members and their groups: every name resolves, every group has members, nothing lies on itself.

use std::collections::{BTreeMap, BTreeSet};

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::graph::{GroupKind, Top, members, membership};
use crate::layout::options::suggest;

/// Members of groups that are not declared. disko formats such a member and never makes the group.
pub(super) fn unresolved(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for block in view.blocks {
        let Some((content, (kind, name))) =
            block.content.and_then(|content| Some((content, membership(content)?)))
        else {
            continue;
        };
        let known = || view.groups.iter().filter(|group| group.kind == kind);
        // An empty name stands for one that was missing or wrong, which is reported already.
        if name.is_empty() || known().any(|group| group.name == name) {
            continue;
        }
        let place = content.places().of(kind.member_option());
        let mut finding = Diagnostic::error(
            "unresolved-name",
            place,
            format!("there is no `{}` called `{name}`", kind.section()),
        )
        .option(format!("{}.content.{}", block.name, kind.member_option()));
        if let Some(group) = known().find(|group| group.key == name) {
            finding = finding
                .other(group.places.of("name"), format!("`{name}` is called `{}`", group.name))
                .hint(format!("members use the option `name`: write `\"{}\"`", group.name));
        } else if let Some(near) = suggest::nearest(name, known().map(|group| group.name)) {
            finding = finding.label(format!("did you mean `{near}`?"));
        } else {
            finding = finding.hint(format!("declare it: `{}.{name} = {{ … }}`", kind.section()));
        }
        findings.push(finding);
    }
}

/// Groups that have no member. A file without any disk is one part of a layout kept in several files; it is told as a whole.
pub(super) fn without_members(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    if view.devices.disk.is_empty() {
        let place = view.devices.places.heading();
        findings.push(
            Diagnostic::warning("no-disks", place, "the layout declares no disk").hint(
                "disks stand under `disk`, like `disk.main = { device = \"/dev/…\"; content = { … }; }`",
            ),
        );
        return;
    }
    for group in view.groups {
        if !members(view.blocks, group.kind, group.name).is_empty() || group.name.is_empty() {
            continue;
        }
        let (section, member) = (group.kind.section(), group.kind.member_type());
        findings.push(
            Diagnostic::error(
                "no-members",
                group.places.of("name"),
                format!("`{section}.{}` has no members", group.key),
            )
            .option(format!("{section}.{}", group.key))
            .hint(format!(
                "give a partition `content = {{ type = \"{member}\"; {} = \"{}\"; }}`",
                group.kind.member_option(),
                group.name
            )),
        );
    }
}

/// Groups that lie, through others, on themselves.
pub(super) fn cycles(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    // What each group lies on: the groups that provide the devices of its members.
    let mut below: BTreeMap<(GroupKind, &str), BTreeSet<(GroupKind, &str)>> = BTreeMap::new();
    for block in view.blocks {
        if let (Top::Group(kind, name), Some(group)) = (block.top, block.content.and_then(membership)) {
            below.entry(group).or_default().insert((kind, name));
        }
    }
    let mut told: BTreeSet<(GroupKind, &str)> = BTreeSet::new();
    for group in view.groups {
        let start = (group.kind, group.name);
        let Some(cycle) = (!told.contains(&start)).then(|| path_back(&below, start)).flatten() else {
            continue;
        };
        told.extend(cycle.iter().copied());
        let names: Vec<String> =
            cycle.iter().chain([&start]).map(|(kind, name)| format!("`{}.{name}`", kind.section())).collect();
        let mut finding = Diagnostic::error(
            "cycle",
            group.places.heading(),
            format!("`{}.{}` lies on itself: {}", group.kind.section(), group.key, names.join(" on ")),
        );
        for &(kind, name) in &cycle {
            for member in members(view.blocks, kind, name) {
                let text = format!("`{}` is a member of `{}.{name}`", member.name, kind.section());
                finding = finding.other(member.place, text);
            }
        }
        findings.push(finding);
    }
}

/// The groups on the shortest way down from `start` to itself.
fn path_back<'a>(
    below: &BTreeMap<(GroupKind, &'a str), BTreeSet<(GroupKind, &'a str)>>,
    start: (GroupKind, &'a str),
) -> Option<Vec<(GroupKind, &'a str)>> {
    let mut paths = std::collections::VecDeque::from([vec![start]]);
    let mut seen = BTreeSet::new();
    while let Some(path) = paths.pop_front() {
        let last = path.last()?;
        for &next in below.get(last).into_iter().flatten() {
            if next == start {
                return Some(path);
            }
            if seen.insert(next) {
                let mut longer = path.clone();
                longer.push(next);
                paths.push_back(longer);
            }
        }
    }
    None
}
