//! The order in which disks and what is put together from them are made: members before what they belong to, else as disko
//! does: by kind, then by name.

use super::super::content::{Assembly, AssemblyKind};
use super::super::error::{Cause, Problem};
use crate::layout::model::bcachefs::BcachefsFilesystem;
use crate::layout::model::content::ContentRef;
use crate::layout::model::devices::Devices;
use crate::layout::model::disk::Disk;
use crate::layout::model::lvm::VolumeGroup;
use crate::layout::model::md::MdArray;
use crate::layout::model::zfs::{Dataset, Pool};
use crate::layout::syntax::source::Span;

/// Something that is made on its own.
#[derive(Clone, Copy, Debug)]
pub(super) enum Node<'a> {
    /// A bcachefs filesystem.
    Bcachefs(&'a BcachefsFilesystem),
    /// A disk and its attribute name.
    Disk(&'a str, &'a Disk),
    /// A volume group.
    VolumeGroup(&'a VolumeGroup),
    /// An md array.
    Array(&'a MdArray),
    /// A ZFS pool.
    Pool(&'a Pool),
}

impl Node<'_> {
    /// What members call it; `None` for a disk.
    fn assembly(&self) -> Option<Assembly> {
        let (kind, name) = match self {
            Self::Disk(..) => return None,
            Self::Bcachefs(set) => (AssemblyKind::Bcachefs, &set.name),
            Self::VolumeGroup(set) => (AssemblyKind::VolumeGroup, &set.name),
            Self::Array(set) => (AssemblyKind::Array, &set.name),
            Self::Pool(set) => (AssemblyKind::Pool, &set.name),
        };
        Some(Assembly { kind, name: name.clone() })
    }

    /// What lies on it that is a member of something: what, by which device, where it was written.
    fn members(&self) -> Vec<(Assembly, String, Span)> {
        let mut found = Vec::new();
        match self {
            Self::Bcachefs(_) => {}
            Self::Disk(_, disk) => collect(disk.content.as_ref().map(ContentRef::from), &mut found),
            Self::Array(array) => collect(array.content.as_ref().map(ContentRef::from), &mut found),
            Self::VolumeGroup(group) => {
                for volume in group.lvs.values() {
                    collect(volume.content.as_ref().map(ContentRef::from), &mut found);
                }
            }
            Self::Pool(pool) => {
                for (_, dataset) in pool.datasets.iter() {
                    if let Dataset::Volume(volume) = dataset {
                        collect(volume.content.as_ref().map(ContentRef::from), &mut found);
                    }
                }
            }
        }
        found
    }
}

fn collect(content: Option<ContentRef<'_>>, into: &mut Vec<(Assembly, String, Span)>) {
    let member = |kind, name: &String| Assembly { kind, name: name.clone() };
    let (of, device, span) = match content {
        None | Some(ContentRef::Btrfs(_) | ContentRef::Filesystem(_) | ContentRef::Swap(_)) => return,
        Some(ContentRef::Gpt(gpt)) => {
            for partition in gpt.partitions.in_order() {
                collect(partition.content.as_ref().map(ContentRef::from), into);
            }
            return;
        }
        Some(ContentRef::Table(table)) => {
            for partition in &table.partitions {
                collect(partition.content.as_ref().map(ContentRef::from), into);
            }
            return;
        }
        Some(ContentRef::Luks(luks)) => return collect(luks.content.as_ref().map(ContentRef::from), into),
        Some(ContentRef::Bcachefs(set)) => {
            (member(AssemblyKind::Bcachefs, &set.filesystem), &set.device, set.places.of("filesystem"))
        }
        Some(ContentRef::LvmPv(set)) => {
            (member(AssemblyKind::VolumeGroup, &set.vg), &set.device, set.places.of("vg"))
        }
        Some(ContentRef::MdMember(set)) => {
            (member(AssemblyKind::Array, &set.name), &set.device, set.places.of("name"))
        }
        Some(ContentRef::Zfs(set)) => {
            (member(AssemblyKind::Pool, &set.pool), &set.device, set.places.of("pool"))
        }
    };
    into.push((of, device.clone(), span));
}

/// Members of what the layout does not declare.
pub(super) fn unresolved(devices: &Devices) -> Vec<Problem> {
    let nodes = nodes(devices);
    let declared: Vec<Assembly> = nodes.iter().filter_map(Node::assembly).collect();
    let strangers = nodes.iter().flat_map(Node::members).filter(|(of, ..)| !declared.contains(of));
    strangers
        .map(|(of, device, span)| {
            let cause = Cause::Unresolved { device, noun: of.kind.noun(), name: of.name };
            Problem { cause, span: Some(span) }
        })
        .collect()
}

/// All nodes, by kind and name.
fn nodes(devices: &Devices) -> Vec<Node<'_>> {
    let mut nodes: Vec<Node<'_>> = Vec::new();
    nodes.extend(devices.bcachefs_filesystems.values().map(Node::Bcachefs));
    nodes.extend(devices.disk.iter().map(|(key, disk)| Node::Disk(key, disk)));
    nodes.extend(devices.lvm_vg.values().map(Node::VolumeGroup));
    nodes.extend(devices.mdadm.values().map(Node::Array));
    nodes.extend(devices.zpool.values().map(Node::Pool));
    nodes
}

/// All nodes in order.
pub(super) fn order(devices: &Devices) -> Result<Vec<Node<'_>>, Problem> {
    let mut waiting = nodes(devices);
    let mut order = Vec::new();
    while !waiting.is_empty() {
        let needed: Vec<Assembly> =
            waiting.iter().flat_map(Node::members).map(|(assembly, _, _)| assembly).collect();
        let ready = waiting
            .iter()
            .position(|node| node.assembly().is_none_or(|assembly| !needed.contains(&assembly)));
        let Some(ready) = ready else {
            let names: Vec<String> = waiting
                .iter()
                .filter_map(Node::assembly)
                .map(|assembly| format!("the {} `{}`", assembly.kind.noun(), assembly.name))
                .collect();
            return Err(Problem { cause: Cause::Cycle(names.join(" and ")), span: None });
        };
        order.push(waiting.remove(ready));
    }
    Ok(order)
}
