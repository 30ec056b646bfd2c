//! A layout as a graph: block devices, what lies on each, and the groups (arrays, volume groups, pools) that join them.

use super::model::content::ContentRef;
use super::model::devices::Devices;
use super::model::disk::Disk;
use super::model::gpt::Partition;
use super::model::luks::Luks;
use super::model::lvm::{LogicalVolume, VolumeGroup};
use super::model::md::MdArray;
use super::model::places::Places;
use super::model::table::{TablePartition, numbered};
use super::model::zfs::{Dataset, Pool, ZfsVolume};
use super::syntax::source::Span;

/// A block device of a layout, with what lies on it.
#[derive(Clone, Debug)]
pub struct BlockDevice<'a> {
    /// Its full name in the layout: `disk.main.content.partitions.root`.
    pub name: String,
    /// Path of the device in a running system.
    pub device: String,
    /// What it is.
    pub kind: BlockKind<'a>,
    /// What lies on it.
    pub content: Option<ContentRef<'a>>,
    /// The block device that it lies on, as an index into the list; `None` for disks and for what groups provide.
    pub parent: Option<usize>,
    /// The disk or group it belongs to.
    pub top: Top<'a>,
}

/// What a block device is.
#[derive(Clone, Copy, Debug)]
pub enum BlockKind<'a> {
    /// A disk.
    Disk(&'a Disk),
    /// A partition of a GUID partition table.
    Partition(&'a Partition),
    /// A partition of a table of the older form.
    TablePartition(&'a TablePartition),
    /// An opened LUKS container.
    Luks(&'a Luks),
    /// An md array.
    MdArray(&'a MdArray),
    /// A logical volume.
    LogicalVolume(&'a VolumeGroup, &'a LogicalVolume),
    /// A ZFS volume.
    ZfsVolume(&'a Pool, &'a ZfsVolume),
}

impl<'a> BlockKind<'a> {
    /// Where it was written.
    pub fn places(self) -> &'a Places {
        match self {
            Self::Disk(set) => &set.places,
            Self::Partition(set) => &set.places,
            Self::TablePartition(set) => &set.places,
            Self::Luks(set) => &set.places,
            Self::MdArray(set) => &set.places,
            Self::LogicalVolume(_, set) => &set.places,
            Self::ZfsVolume(_, set) => &set.places,
        }
    }
}

/// A kind of group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupKind {
    /// A bcachefs filesystem.
    Bcachefs,
    /// A volume group of LVM.
    VolumeGroup,
    /// An md array.
    MdArray,
    /// A ZFS pool.
    Pool,
}

impl GroupKind {
    /// Where such groups are declared.
    pub fn section(self) -> &'static str {
        match self {
            Self::Bcachefs => "bcachefs_filesystems",
            Self::VolumeGroup => "lvm_vg",
            Self::MdArray => "mdadm",
            Self::Pool => "zpool",
        }
    }

    /// The `type` of its members.
    pub fn member_type(self) -> &'static str {
        match self {
            Self::Bcachefs => "bcachefs",
            Self::VolumeGroup => "lvm_pv",
            Self::MdArray => "mdraid",
            Self::Pool => "zfs",
        }
    }

    /// The option by which a member names its group.
    pub fn member_option(self) -> &'static str {
        match self {
            Self::Bcachefs => "filesystem",
            Self::VolumeGroup => "vg",
            Self::MdArray => "name",
            Self::Pool => "pool",
        }
    }
}

/// A disk or a group, by the name under which members know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Top<'a> {
    /// A disk, by its attribute name.
    Disk(&'a str),
    /// A group, by its option `name`.
    Group(GroupKind, &'a str),
}

/// A group that a layout declares.
#[derive(Clone, Copy, Debug)]
pub struct Group<'a> {
    /// Its kind.
    pub kind: GroupKind,
    /// Its attribute name.
    pub key: &'a str,
    /// Its option `name`, which members use.
    pub name: &'a str,
    /// Where it was written.
    pub places: &'a Places,
}

/// A block device that says it belongs to a group.
#[derive(Clone, Debug)]
pub struct Member {
    /// Its full name in the layout.
    pub name: String,
    /// Path of the device.
    pub device: String,
    /// Where it names the group.
    pub place: Span,
}

impl Devices {
    /// Every block device: disks, then what arrays, volume groups and pools provide, each before what lies on it; partitions and
    /// logical volumes in the order in which they are made.
    pub fn blocks(&self) -> Vec<BlockDevice<'_>> {
        let mut walk = Walk { blocks: Vec::new() };
        for (key, disk) in &self.disk {
            walk.add(BlockDevice {
                name: format!("disk.{key}"),
                device: disk.device.to_string(),
                kind: BlockKind::Disk(disk),
                content: disk.content.as_ref().map(ContentRef::from),
                parent: None,
                top: Top::Disk(key),
            });
        }
        for (key, array) in &self.mdadm {
            walk.add(BlockDevice {
                name: format!("mdadm.{key}"),
                device: format!("/dev/md/{}", array.name),
                kind: BlockKind::MdArray(array),
                content: array.content.as_ref().map(ContentRef::from),
                parent: None,
                top: Top::Group(GroupKind::MdArray, &array.name),
            });
        }
        for (key, group) in &self.lvm_vg {
            for (volume_key, volume) in volumes_in_order(group) {
                walk.add(BlockDevice {
                    name: format!("lvm_vg.{key}.lvs.{volume_key}"),
                    device: format!("/dev/{}/{}", group.name, volume.name),
                    kind: BlockKind::LogicalVolume(group, volume),
                    content: volume.content.as_ref().map(ContentRef::from),
                    parent: None,
                    top: Top::Group(GroupKind::VolumeGroup, &group.name),
                });
            }
        }
        for (key, pool) in &self.zpool {
            for (dataset_key, dataset) in pool.datasets.iter() {
                let Dataset::Volume(volume) = dataset else { continue };
                walk.add(BlockDevice {
                    name: format!("zpool.{key}.datasets.{dataset_key}"),
                    device: format!("/dev/zvol/{}/{}", pool.name, volume.name),
                    kind: BlockKind::ZfsVolume(pool, volume),
                    content: volume.content.as_ref().map(ContentRef::from),
                    parent: None,
                    top: Top::Group(GroupKind::Pool, &pool.name),
                });
            }
        }
        walk.blocks
    }

    /// Every group, by kind and attribute name.
    pub fn groups(&self) -> Vec<Group<'_>> {
        let bcachefs = self.bcachefs_filesystems.iter().map(|(key, set)| Group {
            kind: GroupKind::Bcachefs,
            key,
            name: &set.name,
            places: &set.places,
        });
        let lvm = self.lvm_vg.iter().map(|(key, set)| Group {
            kind: GroupKind::VolumeGroup,
            key,
            name: &set.name,
            places: &set.places,
        });
        let arrays = self.mdadm.iter().map(|(key, set)| Group {
            kind: GroupKind::MdArray,
            key,
            name: &set.name,
            places: &set.places,
        });
        let pools = self.zpool.iter().map(|(key, set)| Group {
            kind: GroupKind::Pool,
            key,
            name: &set.name,
            places: &set.places,
        });
        bcachefs.chain(lvm).chain(arrays).chain(pools).collect()
    }
}

/// The logical volumes of a group with their attribute names, in the order in which they are made: by priority, then by name.
pub fn volumes_in_order(group: &VolumeGroup) -> Vec<(&String, &LogicalVolume)> {
    let mut volumes: Vec<_> = group.lvs.iter().collect();
    volumes.sort_by_key(|(_, volume)| volume.priority);
    volumes
}

/// The group that content on a block device belongs to: its kind, and the name by which it is known.
pub fn membership(content: ContentRef<'_>) -> Option<(GroupKind, &str)> {
    match content {
        ContentRef::Bcachefs(set) => Some((GroupKind::Bcachefs, &set.filesystem)),
        ContentRef::LvmPv(set) => Some((GroupKind::VolumeGroup, &set.vg)),
        ContentRef::MdMember(set) => Some((GroupKind::MdArray, &set.name)),
        ContentRef::Zfs(set) => Some((GroupKind::Pool, &set.pool)),
        ContentRef::Btrfs(_)
        | ContentRef::Filesystem(_)
        | ContentRef::Gpt(_)
        | ContentRef::Luks(_)
        | ContentRef::Swap(_)
        | ContentRef::Table(_) => None,
    }
}

/// The members of a group, in the order of `blocks`.
pub fn members(blocks: &[BlockDevice<'_>], kind: GroupKind, name: &str) -> Vec<Member> {
    let belongs = |block: &&BlockDevice<'_>| block.content.and_then(membership) == Some((kind, name));
    let member = |block: &BlockDevice<'_>| Member {
        name: block.name.clone(),
        device: content_device(block),
        place: block
            .content
            .map_or(block.kind.places().whole(), |content| content.places().of(kind.member_option())),
    };
    blocks.iter().filter(belongs).map(member).collect()
}

/// The device that the content itself names; it is the block device's own path unless the layout says otherwise.
fn content_device(block: &BlockDevice<'_>) -> String {
    match block.content {
        Some(ContentRef::Bcachefs(set)) => set.device.clone(),
        Some(ContentRef::LvmPv(set)) => set.device.clone(),
        Some(ContentRef::MdMember(set)) => set.device.clone(),
        Some(ContentRef::Zfs(set)) => set.device.clone(),
        _ => block.device.clone(),
    }
}

struct Walk<'a> {
    blocks: Vec<BlockDevice<'a>>,
}

impl<'a> Walk<'a> {
    /// Adds a device and what lies on it. Recursion is as deep as the layout nests, which reading has bounded.
    fn add(&mut self, block: BlockDevice<'a>) {
        let (name, top, content) = (block.name.clone(), block.top, block.content);
        let parent = Some(self.blocks.len());
        self.blocks.push(block);
        match content {
            Some(ContentRef::Gpt(gpt)) => {
                let mut partitions: Vec<_> = gpt.partitions.iter().collect();
                partitions.sort_by_key(|(_, partition)| partition.priority);
                for (key, partition) in partitions {
                    self.add(BlockDevice {
                        name: format!("{name}.content.partitions.{key}"),
                        device: partition.device.clone(),
                        kind: BlockKind::Partition(partition),
                        content: partition.content.as_ref().map(ContentRef::from),
                        parent,
                        top,
                    });
                }
            }
            Some(ContentRef::Table(table)) => {
                for (index, partition) in table.partitions.iter().enumerate() {
                    self.add(BlockDevice {
                        name: format!("{name}.content.partitions[{index}]"),
                        device: numbered(&table.device, index + 1).unwrap_or_default(),
                        kind: BlockKind::TablePartition(partition),
                        content: partition.content.as_ref().map(ContentRef::from),
                        parent,
                        top,
                    });
                }
            }
            Some(ContentRef::Luks(luks)) => self.add(BlockDevice {
                name: format!("{name}.content"),
                device: format!("/dev/mapper/{}", luks.name),
                kind: BlockKind::Luks(luks),
                content: luks.content.as_ref().map(ContentRef::from),
                parent,
                top,
            }),
            _ => {}
        }
    }
}
