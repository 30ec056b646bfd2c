//! Groups with too few members for what they promise, and pools whose topology does not match their members.

use std::collections::{BTreeMap, BTreeSet};

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::graph::{GroupKind, Member, members};
use crate::layout::model::lvm::{LogicalVolume, LvmType};
use crate::layout::model::md::MdArray;
use crate::layout::model::zfs::{Pool, PoolMode, Topology, Vdev, VdevMode};
use crate::layout::syntax::source::Span;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for array in view.devices.mdadm.values() {
        md(array, members(view.blocks, GroupKind::MdArray, &array.name).len(), findings);
    }
    for group in view.devices.lvm_vg.values() {
        let count = members(view.blocks, GroupKind::VolumeGroup, &group.name).len();
        for volume in group.lvs.values() {
            lvm(volume, &group.name, count, findings);
        }
    }
    for pool in view.devices.zpool.values() {
        let members = members(view.blocks, GroupKind::Pool, &pool.name);
        // Without members there is an error already.
        if members.is_empty() {
            continue;
        }
        match &pool.mode {
            PoolMode::Simple(mode) => vdev(*mode, members.len(), pool.places.of("mode"), findings),
            PoolMode::Topology(topology) => self::topology(pool, topology, &members, findings),
        }
    }
}

/// `1 member`, `2 members`.
fn counted(count: usize) -> String {
    format!("{count} member{}", if count == 1 { "" } else { "s" })
}

/// md(4): the fewest devices of each level. disko passes `--force`, so that levels 0 and 1 are made of a single one.
fn md(array: &MdArray, count: usize, findings: &mut Vec<Diagnostic>) {
    let place = array.places.of("level");
    let fewest = match array.level {
        0 | 1 => 2,
        4 | 5 => 2,
        6 => 4,
        10 => 2,
        _ => {
            let message = format!("`{}` is not a level of md", array.level);
            findings.push(
                Diagnostic::error("unknown-level", place, message).hint("levels are 0, 1, 4, 5, 6 and 10"),
            );
            return;
        }
    };
    if count == 0 || count >= fewest {
        return;
    }
    let message = format!("`{}` has level {} but only {}", array.name, array.level, counted(count));
    findings.push(if array.level <= 1 {
        Diagnostic::warning("few-members", place, message)
            .hint("nothing is lost only as long as that one works")
    } else {
        Diagnostic::error("few-members", place, message)
            .hint(format!("level {} needs at least {fewest}", array.level))
    });
}

/// lvmraid(7): images of one volume lie on different members.
fn lvm(volume: &LogicalVolume, group: &str, count: usize, findings: &mut Vec<Diagnostic>) {
    let Some(kind) = volume.lvm_type else { return };
    let fewest = match kind {
        LvmType::Raid0 | LvmType::Raid1 | LvmType::Mirror => 2,
        LvmType::Raid4 | LvmType::Raid5 => 3,
        LvmType::Raid6 => 5,
        LvmType::ThinPool | LvmType::ThinLv => 1,
    };
    // What lvcreate makes of these types also depends on its further arguments (`--mirrors`, `--stripes`).
    if count == 0 || count >= fewest || !volume.extra_args.is_empty() {
        return;
    }
    let message = format!("`{}` is `{}` but `{group}` has only {}", volume.name, kind.word(), counted(count));
    findings.push(
        Diagnostic::error("few-members", volume.places.of("lvm_type"), message)
            .hint(format!("`{}` needs at least {fewest}", kind.word())),
    );
}

/// zpoolconcepts(7): the fewest devices of each kind of group.
fn vdev(mode: VdevMode, count: usize, place: Span, findings: &mut Vec<Diagnostic>) {
    let fewest = match mode {
        VdevMode::Stripe => 1,
        VdevMode::Mirror | VdevMode::Raidz | VdevMode::Raidz1 => 2,
        VdevMode::Raidz2 => 3,
        VdevMode::Raidz3 => 4,
    };
    if count < fewest {
        let message = format!("a `{}` of {}", mode.word(), counted(count));
        findings.push(
            Diagnostic::error("few-members", place, message)
                .hint(format!("`{}` needs at least {fewest}", mode.word())),
        );
    }
}

/// disko makes no pool unless the devices of the topology are exactly the members.
fn topology(pool: &Pool, topology: &Topology, members: &[Member], findings: &mut Vec<Diagnostic>) {
    let groups = [&*topology.vdev, &*topology.log, &*topology.dedup, topology.special.groups()];
    let mut listed: BTreeMap<String, Span> = BTreeMap::new();
    let mut list = |device: &str, place: Span, findings: &mut Vec<Diagnostic>| {
        if let Some(first) = listed.insert(device_of(device), place) {
            let message = format!("`{device}` is listed twice in the topology of `{}`", pool.name);
            findings.push(
                Diagnostic::error("duplicate-name", place, message)
                    .label("here again")
                    .other(first, "first here"),
            );
        }
    };
    for group in groups.into_iter().flatten() {
        let Vdev { mode, members, places } = group;
        vdev(*mode, members.len(), places.of("members"), findings);
        for device in members {
            list(device, places.of("members"), findings);
        }
    }
    for (devices, option) in [(&topology.spare, "spare"), (&topology.cache, "cache")] {
        for device in devices {
            list(device, topology.places.of(option), findings);
        }
    }
    let known: BTreeSet<&str> = members.iter().map(|member| member.device.as_str()).collect();
    for (device, place) in &listed {
        if !known.contains(device.as_str()) {
            let message = format!(
                "`{device}` is in the topology of `{}` but no member of it has that device",
                pool.name
            );
            findings.push(Diagnostic::error("unresolved-name", *place, message).hint(
                "give the path of a device, or the name of a disk whose partition `zfs` is the member",
            ));
        }
    }
    for member in members {
        if !listed.contains_key(&member.device) {
            let message = format!("`{}` is a member of `{}` but not in its topology", member.name, pool.name);
            findings.push(
                Diagnostic::error("unlisted-member", member.place, message)
                    .other(pool.places.of("mode"), "the topology is here"),
            );
        }
    }
}

/// disko's rule: a path stands for itself, a name for the partition `zfs` of that disk.
fn device_of(member: &str) -> String {
    if member.starts_with('/') {
        member.to_owned()
    } else {
        format!("/dev/disk/by-partlabel/disk-{member}-zfs")
    }
}
