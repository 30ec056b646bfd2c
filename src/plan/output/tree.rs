//! The device graph as trees of lines: what [`text`](super::text) prints.

use super::super::Plan;
use super::super::assembly::{Array, Bcachefs, Dataset, LogicalVolume, Pool, VolumeGroup};
use super::super::content::{
    AssemblyKind, Content, Filesystem, Luks, Maker, Member, MountPoint, Subvolume, Swap,
};
use super::super::disk::{Before, BootRole, Disk, Label, Partition, PartitionKind, SizeFrom, Table};
use crate::units::ByteSize;

/// A line of a tree and what lies below it.
#[derive(Debug, Default)]
pub(super) struct Node {
    /// What it is called.
    pub name: String,
    /// How large it is.
    pub size: Option<ByteSize>,
    /// What it is.
    pub what: String,
    /// Where it is mounted, or where it belongs.
    pub place: String,
    /// What lies below it.
    pub below: Vec<Node>,
}

/// The trees of a plan: disks, then what is put together from them, then what has no device.
pub(super) fn trees(plan: &Plan) -> Vec<Node> {
    let mut trees: Vec<Node> = plan.disks.iter().map(disk).collect();
    trees.extend(plan.arrays.iter().map(array));
    trees.extend(plan.groups.iter().map(group));
    trees.extend(plan.pools.iter().map(pool));
    trees.extend(plan.bcachefs.iter().map(bcachefs));
    let virtual_mounts =
        plan.mounts.iter().filter(|mount| !mount.source.contains('/') && mount.format != "zfs");
    trees.extend(virtual_mounts.map(|mount| Node {
        name: mount.format.clone(),
        what: "no device".to_owned(),
        place: mount.path.clone(),
        ..Node::default()
    }));
    trees
}

fn disk(disk: &Disk) -> Node {
    let from = match disk.size_from {
        SizeFrom::Layout => "imageSize",
        SizeFrom::Request => "as asked",
        SizeFrom::Content => "smallest",
    };
    let sectors = if disk.sector_size.bytes() == 512 { "" } else { ", 4K sectors" };
    let (table, below) = match &disk.content {
        Some(Content::Table(table)) => (table_name(table), table.partitions.iter().map(partition).collect()),
        Some(other) => ("no table", vec![content(other)]),
        None => ("blank", Vec::new()),
    };
    Node {
        name: format!("disk {}", disk.key),
        size: Some(disk.size),
        what: format!("{table}, {from}{sectors}"),
        place: match disk.before {
            Before::Destroyed => "ERASED".to_owned(),
            Before::Kept => "kept".to_owned(),
        },
        below,
    }
}

fn table_name(table: &Table) -> &'static str {
    match &table.label {
        Label::Gpt { hybrid: None, .. } => "gpt",
        Label::Gpt { hybrid: Some(_), .. } => "hybrid gpt",
        Label::Msdos { .. } => "msdos",
    }
}

fn partition(partition: &Partition) -> Node {
    let name = format!("{} {}", partition.number, partition.name);
    let role = match partition.role {
        Some(BootRole::Esp) => Some("ESP"),
        Some(BootRole::Xbootldr) => Some("XBOOTLDR"),
        Some(BootRole::BiosBoot) => Some("BIOS boot"),
        None => None,
    };
    let extended = matches!(
        partition.kind,
        PartitionKind::Msdos { place: super::super::disk::MsdosPlace::Extended, .. }
    );
    let mut node = match &partition.content {
        Some(inner) => content(inner),
        None if extended => Node { what: "extended".to_owned(), ..Node::default() },
        None => Node { what: role.map_or("unformatted", |_| "").to_owned(), ..Node::default() },
    };
    if let Some(role) = role {
        node.what = if node.what.is_empty() { role.to_owned() } else { format!("{role}, {}", node.what) };
    }
    Node { name, size: Some(ByteSize(partition.range.len())), ..node }
}

/// A content as a node whose name and size are those of its device.
fn content(content: &Content) -> Node {
    match content {
        Content::Table(table) => Node {
            what: table_name(table).to_owned(),
            below: table.partitions.iter().map(partition).collect(),
            ..Node::default()
        },
        Content::Filesystem(filesystem) => of_filesystem(filesystem),
        Content::Swap(swap) => Node { what: swap_words(swap), place: "swap".to_owned(), ..Node::default() },
        Content::Luks(luks) => of_luks(luks),
        Content::Member(member) => of_member(member),
    }
}

fn of_filesystem(filesystem: &Filesystem) -> Node {
    let mut below: Vec<Node> = filesystem.subvolumes.iter().map(subvolume).collect();
    below.extend(filesystem.swap_files.iter().map(|file| Node {
        name: file.path.clone(),
        size: Some(file.size),
        what: "swap file".to_owned(),
        ..Node::default()
    }));
    Node {
        what: format!("{}{}", filesystem.format, made_by(filesystem.maker)),
        place: path(filesystem.mount.as_ref()),
        below,
        ..Node::default()
    }
}

fn made_by(maker: Maker) -> &'static str {
    match maker {
        Maker::Own | Maker::Tool => "",
        Maker::Machine => ", needs a VM",
    }
}

fn subvolume(subvolume: &Subvolume) -> Node {
    let files = subvolume.swap_files.iter().map(|file| Node {
        name: file.path.clone(),
        size: Some(file.size),
        what: "swap file".to_owned(),
        ..Node::default()
    });
    Node {
        name: subvolume.name.clone(),
        what: "subvolume".to_owned(),
        place: path(subvolume.mount.as_ref()),
        below: files.collect(),
        ..Node::default()
    }
}

fn swap_words(swap: &Swap) -> String {
    let mut words = vec!["swap"];
    if swap.random_encryption {
        words.push("random key");
    }
    if swap.resume {
        words.push("resume");
    }
    words.join(", ")
}

fn of_luks(luks: &Luks) -> Node {
    let inner = luks.content.as_deref().map(content);
    let opened = Node {
        name: luks.name.clone(),
        size: Some(luks.payload()),
        ..inner.unwrap_or_else(|| Node { what: "blank".to_owned(), ..Node::default() })
    };
    Node { what: "LUKS".to_owned(), below: vec![opened], ..Node::default() }
}

fn of_member(member: &Member) -> Node {
    let (what, noun) = match member.of.kind {
        AssemblyKind::Array => ("md member", "array"),
        AssemblyKind::VolumeGroup => ("LVM", "group"),
        AssemblyKind::Pool => ("ZFS", "pool"),
        AssemblyKind::Bcachefs => ("bcachefs", "filesystem"),
    };
    Node { what: what.to_owned(), place: format!("in {noun} {}", member.of.name), ..Node::default() }
}

fn array(array: &Array) -> Node {
    let inner = array.content.as_ref().map(content).unwrap_or_default();
    let what = if inner.what.is_empty() { String::new() } else { format!(", {}", inner.what) };
    Node {
        name: format!("array {}", array.name),
        size: Some(array.size),
        what: format!("level {}, {}{what}", array.level, members(array.members.len())),
        ..inner
    }
}

fn group(group: &VolumeGroup) -> Node {
    Node {
        name: format!("group {}", group.name),
        size: Some(ByteSize(group.extents.saturating_mul(group.extent_size.bytes()))),
        what: format!("LVM, {}", members(group.members.len())),
        place: match group.free_extents {
            0 => String::new(),
            free => format!("{} free", ByteSize(free.saturating_mul(group.extent_size.bytes()))),
        },
        below: group.volumes.iter().map(volume).collect(),
    }
}

fn volume(volume: &LogicalVolume) -> Node {
    let inner = volume.content.as_ref().map(content).unwrap_or_default();
    let kind = match volume.kind.as_str() {
        "linear" => None,
        kind => Some(kind.to_owned()),
    };
    let words: Vec<String> =
        kind.into_iter().chain(Some(inner.what.clone()).filter(|what| !what.is_empty())).collect();
    Node { name: volume.name.clone(), size: Some(volume.size), what: words.join(", "), ..inner }
}

fn pool(pool: &Pool) -> Node {
    let groups: Vec<String> = pool
        .groups
        .iter()
        .filter(|group| group.purpose == "data")
        .map(|group| match group.mode.as_str() {
            "" => format!("{} striped", group.members.len()),
            mode => format!("{mode} of {}", group.members.len()),
        })
        .collect();
    let (root, datasets) = match pool.datasets.split_first() {
        Some((root, rest)) => (path(root.mount.as_ref()), rest),
        None => (String::new(), &[][..]),
    };
    Node {
        name: format!("pool {}", pool.name),
        size: Some(pool.capacity),
        what: format!("ZFS, {}", groups.join(" + ")),
        place: root,
        below: datasets.iter().map(dataset).collect(),
    }
}

fn dataset(dataset: &Dataset) -> Node {
    match &dataset.volume {
        Some(volume) => {
            let inner = volume.content.as_ref().map(content).unwrap_or_default();
            Node { name: dataset.name.clone(), size: Some(volume.size), ..inner }
        }
        None => Node {
            name: dataset.name.clone(),
            what: "dataset".to_owned(),
            place: path(dataset.mount.as_ref()),
            ..Node::default()
        },
    }
}

fn bcachefs(filesystem: &Bcachefs) -> Node {
    Node {
        name: format!("bcachefs {}", filesystem.name),
        size: Some(filesystem.size),
        what: members(filesystem.members.len()),
        place: path(filesystem.mount.as_ref()),
        below: filesystem.subvolumes.iter().map(subvolume).collect(),
    }
}

fn members(count: usize) -> String {
    if count == 1 { "1 member".to_owned() } else { format!("{count} members") }
}

fn path(mount: Option<&MountPoint>) -> String {
    mount.map(|mount| mount.path.clone()).unwrap_or_default()
}
