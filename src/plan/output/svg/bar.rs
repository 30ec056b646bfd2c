//! What is drawn: a bar for each disk and for each thing put together from several, cut into segments.

use super::super::super::Plan;
use super::super::super::assembly::LogicalVolume;
use super::super::super::content::{Assembly, Content};
use super::super::super::disk::{BootRole, Disk, MsdosPlace, Partition, PartitionKind, Table};
use crate::units::{ByteSize, MIB};

/// A bar.
#[derive(Debug, Default)]
pub(super) struct Bar {
    /// Bytes that the whole bar stands for.
    pub size: ByteSize,
    /// Its segments from left to right.
    pub segments: Vec<Segment>,
}

/// A segment of a bar.
#[derive(Clone, Debug)]
pub(super) struct Segment {
    /// Bytes that it stands for.
    pub size: ByteSize,
    /// The number that it goes by, where it has one.
    pub number: String,
    /// First line within it.
    pub title: String,
    /// Second line within it.
    pub subtitle: String,
    /// What it is painted as.
    pub paint: Paint,
    /// Whether what lies in it is encrypted.
    pub locked: bool,
}

/// What a segment is painted as: a class of the drawing's style sheet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Paint {
    Boot,
    Ext,
    Btrfs,
    Xfs,
    Zfs,
    Bcachefs,
    Other,
    Swap,
    Member,
    Blank,
    Free,
}

impl Paint {
    /// The class.
    pub(super) const fn class(self) -> &'static str {
        match self {
            Self::Boot => "boot",
            Self::Ext => "ext",
            Self::Btrfs => "btrfs",
            Self::Xfs => "xfs",
            Self::Zfs => "zfs",
            Self::Bcachefs => "bcachefs",
            Self::Other => "other",
            Self::Swap => "swap",
            Self::Member => "member",
            Self::Blank => "blank",
            Self::Free => "free",
        }
    }

    fn of(content: Option<&Content>, role: Option<BootRole>) -> Self {
        if role.is_some() {
            return Self::Boot;
        }
        match content {
            None => Self::Blank,
            Some(Content::Table(_) | Content::Member(_)) => Self::Member,
            Some(Content::Swap(_)) => Self::Swap,
            Some(Content::Luks(luks)) => Self::of(luks.content.as_deref(), None),
            Some(Content::Filesystem(filesystem)) => Self::of_format(&filesystem.format),
        }
    }

    fn of_format(format: &str) -> Self {
        match format {
            "ext2" | "ext3" | "ext4" => Self::Ext,
            "btrfs" => Self::Btrfs,
            "xfs" => Self::Xfs,
            "zfs" => Self::Zfs,
            "bcachefs" => Self::Bcachefs,
            _ => Self::Other,
        }
    }
}

/// The bars of a plan, in the order of the trees that [`super::super::tree::trees`] makes.
pub(super) fn bars(plan: &Plan) -> Vec<Bar> {
    let mut bars: Vec<Bar> = plan.disks.iter().map(disk).collect();
    for array in &plan.arrays {
        bars.push(whole(array.size, array.content.as_ref(), &array.name));
    }
    for group in &plan.groups {
        let extent = group.extent_size.bytes();
        let mut segments: Vec<Segment> =
            group.volumes.iter().filter(|volume| volume.kind != "thin").map(volume).collect();
        let size = ByteSize(group.extents.saturating_mul(extent));
        let used: u64 = segments.iter().map(|segment| segment.size.bytes()).fold(0, u64::saturating_add);
        // Copies and parity take room that no volume shows.
        let free = ByteSize(group.free_extents.saturating_mul(extent));
        let copies = size.bytes().saturating_sub(used).saturating_sub(free.bytes());
        if copies > 0 {
            segments.push(plain(ByteSize(copies), "copies", Paint::Member));
        }
        if free.bytes() > 0 {
            segments.push(plain(free, "free", Paint::Free));
        }
        bars.push(Bar { size, segments });
    }
    for pool in &plan.pools {
        let place =
            pool.datasets.first().and_then(|root| root.mount.as_ref()).map(|mount| mount.path.clone());
        bars.push(filled(pool.capacity, &pool.name, place, Paint::Zfs));
    }
    for filesystem in &plan.bcachefs {
        let place = filesystem.mount.as_ref().map(|mount| mount.path.clone());
        bars.push(filled(filesystem.size, &filesystem.name, place, Paint::Bcachefs));
    }
    bars
}

fn filled(size: ByteSize, name: &str, place: Option<String>, paint: Paint) -> Bar {
    let subtitle = place.unwrap_or_default();
    Bar {
        size,
        segments: vec![Segment {
            size,
            number: String::new(),
            title: name.to_owned(),
            subtitle,
            paint,
            locked: false,
        }],
    }
}

fn disk(disk: &Disk) -> Bar {
    match &disk.content {
        Some(content) => whole(disk.size, Some(content), &disk.key),
        None => Bar { size: disk.size, segments: vec![plain(disk.size, "blank", Paint::Blank)] },
    }
}

/// A device: its partitions where it has a table, else one segment.
fn whole(size: ByteSize, content: Option<&Content>, name: &str) -> Bar {
    match content {
        Some(Content::Table(table)) => Bar { size, segments: partitions(table, size) },
        content => {
            let (subtitle, locked) = words(content);
            let paint = Paint::of(content, None);
            Bar {
                size,
                segments: vec![Segment {
                    size,
                    number: String::new(),
                    title: name.to_owned(),
                    subtitle,
                    paint,
                    locked,
                }],
            }
        }
    }
}

/// Partitions and the free space between them; gaps of a few megabytes are the table's own.
fn partitions(table: &Table, size: ByteSize) -> Vec<Segment> {
    let mut sorted: Vec<&Partition> = table
        .partitions
        .iter()
        .filter(|partition| {
            !matches!(partition.kind, PartitionKind::Msdos { place: MsdosPlace::Extended, .. })
        })
        .collect();
    sorted.sort_by_key(|partition| partition.extent);
    let mut segments = Vec::new();
    let mut next = 0;
    let gap = |from: u64, to: u64, segments: &mut Vec<Segment>| {
        if to.saturating_sub(from) > 8 * MIB {
            segments.push(plain(ByteSize(to - from), "free", Paint::Free));
        }
    };
    for partition in sorted {
        gap(next, partition.range.start(), &mut segments);
        let (subtitle, locked) = words(partition.content.as_ref());
        segments.push(Segment {
            size: ByteSize(partition.range.len()),
            number: partition.number.to_string(),
            title: partition.name.clone(),
            subtitle,
            paint: Paint::of(partition.content.as_ref(), partition.role),
            locked,
        });
        next = partition.range.end();
    }
    gap(next, size.bytes(), &mut segments);
    segments
}

fn volume(volume: &LogicalVolume) -> Segment {
    let (subtitle, locked) = words(volume.content.as_ref());
    let paint =
        if volume.kind == "thin-pool" { Paint::Member } else { Paint::of(volume.content.as_ref(), None) };
    Segment { size: volume.size, number: String::new(), title: volume.name.clone(), subtitle, paint, locked }
}

fn plain(size: ByteSize, title: &str, paint: Paint) -> Segment {
    Segment {
        size,
        number: String::new(),
        title: title.to_owned(),
        subtitle: String::new(),
        paint,
        locked: false,
    }
}

/// What lies in something, in a word, and whether it is encrypted.
fn words(content: Option<&Content>) -> (String, bool) {
    match content {
        None => (String::new(), false),
        Some(Content::Table(_)) => ("table".to_owned(), false),
        Some(Content::Swap(swap)) => ("swap".to_owned(), swap.random_encryption),
        Some(Content::Member(member)) => (member_words(&member.of), false),
        Some(Content::Luks(luks)) => (words(luks.content.as_deref()).0, true),
        Some(Content::Filesystem(filesystem)) => {
            let subvolumes = filesystem.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
            let first = filesystem.mount.iter().chain(subvolumes).map(|mount| mount.path.as_str()).min();
            let words = match first {
                Some(path) => format!("{} {path}", filesystem.format),
                None => filesystem.format.clone(),
            };
            (words, false)
        }
    }
}

fn member_words(of: &Assembly) -> String {
    format!("→ {}", of.name)
}
