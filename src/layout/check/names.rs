//! Names that must differ: of partitions in a table, of volumes, of opened containers, of labels across disks.

use std::collections::BTreeMap;

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::graph::BlockKind;
use crate::layout::model::content::ContentRef;
use crate::layout::model::zfs::Dataset;
use crate::layout::syntax::source::Span;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    partitions(view, findings);
    labels(view, findings);
    containers(view, findings);
    disks(view, findings);
    groups(view, findings);
    volumes(view, findings);
}

/// The first place of each name, to find the second.
struct Seen<K>(BTreeMap<K, Span>);

impl<K: Ord> Seen<K> {
    fn new() -> Self {
        Self(BTreeMap::new())
    }

    /// Where the name was seen before, if it was.
    fn again(&mut self, name: K, place: Span) -> Option<Span> {
        match self.0.get(&name) {
            Some(&first) => Some(first),
            None => {
                self.0.insert(name, place);
                None
            }
        }
    }
}

fn twice(message: String, place: Span, first: Span) -> Diagnostic {
    Diagnostic::error("duplicate-name", place, message).label("here again").other(first, "first here")
}

/// Two partitions of one name get one number in disko, and the second overwrites the first.
fn partitions(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for block in view.blocks {
        let Some(ContentRef::Gpt(gpt)) = block.content else { continue };
        let (mut names, mut numbers) = (Seen::new(), Seen::new());
        for partition in gpt.partitions.in_order() {
            let place = partition.places.of("name");
            if let Some(first) = names.again(partition.name.as_str(), place) {
                findings.push(twice(format!("two partitions are called `{}`", partition.name), place, first));
            } else if let Some(first) = numbers.again(partition.index, partition.places.of("_index")) {
                let place = partition.places.of("_index");
                findings.push(twice(
                    format!("two partitions have the number {}", partition.index),
                    place,
                    first,
                ));
            }
        }
    }
}

/// The most UTF-16 units in the name of a GPT entry (UEFI 2.10, table 5.6: 72 bytes).
const LABEL_UNITS: usize = 36;

/// Devices are found by label, so a label must be the only one of its name among all disks, and fit the table.
fn labels(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = Seen::new();
    for block in view.blocks {
        let BlockKind::Partition(partition) = block.kind else { continue };
        let place = partition.places.of("label");
        let is_found_by_label =
            partition.device.starts_with("/dev/disk/by-partlabel/") && partition.content.is_some();
        let units = partition.label.encode_utf16().count();
        if units > LABEL_UNITS {
            let message = format!(
                "the label `{}` has {units} characters; a partition has room for 36",
                partition.label
            );
            findings.push(Diagnostic::error("long-label", place, message));
        }
        if !is_found_by_label || partition.label.is_empty() {
            continue;
        }
        if let Some(first) = seen.again(partition.label.as_str(), place) {
            let message = format!("two partitions have the label `{}`", partition.label);
            findings.push(twice(message, place, first).hint(
                "partitions are found by their label: give one of them another `label`, or both a `uuid`",
            ));
        }
    }
}

/// Two containers cannot be open under one name.
fn containers(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = Seen::new();
    for block in view.blocks {
        let BlockKind::Luks(luks) = block.kind else { continue };
        let place = luks.places.of("name");
        if let Some(first) = seen.again(luks.name.as_str(), place).filter(|_| !luks.name.is_empty()) {
            findings.push(twice(format!("two LUKS containers are called `{}`", luks.name), place, first));
        }
    }
}

/// Disks may share a path only as long as nobody writes to it: in an image each is a file of its own, on a machine
/// `--disk` can tell them apart.
fn disks(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let (mut paths, mut images) = (Seen::new(), Seen::new());
    for disk in view.devices.disk.values() {
        let place = disk.places.of("device");
        if let Some(first) =
            paths.again(disk.device.as_str(), place).filter(|_| !disk.device.as_str().is_empty())
        {
            let message = format!("two disks have the device `{}`", disk.device);
            findings.push(
                Diagnostic::warning("same-device", place, message)
                    .label("here again")
                    .other(first, "first here")
                    .hint("on a machine, the second would overwrite the first"),
            );
        }
        let place = disk.places.of("imageName");
        if let Some(first) = images.again(disk.image_name.as_str(), place) {
            let message = format!("two disks make the image `{}`", disk.image_name);
            findings.push(
                Diagnostic::warning("same-image", place, message)
                    .label("here again")
                    .other(first, "first here"),
            );
        }
    }
}

fn groups(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    let mut seen = Seen::new();
    for group in view.groups {
        let place = group.places.of("name");
        if let Some(first) = seen.again((group.kind, group.name), place) {
            let message = format!("two of `{}` are called `{}`", group.kind.section(), group.name);
            findings.push(twice(message, place, first));
        }
    }
}

fn volumes(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for group in view.devices.lvm_vg.values() {
        let mut seen = Seen::new();
        for volume in group.lvs.values() {
            let place = volume.places.of("name");
            if let Some(first) = seen.again(volume.name.as_str(), place) {
                findings.push(twice(
                    format!("two logical volumes are called `{}`", volume.name),
                    place,
                    first,
                ));
            }
        }
    }
    for pool in view.devices.zpool.values() {
        let mut seen = Seen::new();
        for (_, dataset) in pool.datasets.iter() {
            let name = match dataset {
                Dataset::Filesystem(set) => &set.name,
                Dataset::Volume(set) => &set.name,
            };
            let place = dataset.places().of("name");
            if let Some(first) = seen.again(name.as_str(), place) {
                findings.push(twice(format!("two datasets are called `{name}`"), place, first));
            }
        }
    }
}
