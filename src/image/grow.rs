//! `--grow`: an image that grows to the disk that it is put on.
//!
//! The layout of the image decides what has to grow: the partition of the root file system, the encrypted volume in
//! it, the physical and the logical volume in that, and the file system. The image carries a script that does so in
//! this order at each start until nothing is left to do, by the system's own tools, and the unit that runs it:
//!
//! | path | what |
//! |---|---|
//! | `/etc/landfall/grow` | the script |
//! | `/etc/systemd/system.attached/landfall-grow.service` | its unit; `/etc/systemd/system` itself is the system's |
//! | `…/multi-user.target.wants/landfall-grow.service` | what starts it |
//!
//! The partition also has the flag `grow-file-system` (bit 59) of the Discoverable Partitions Specification.
//!
//! A system whose `/etc` is an overlay over its own image does not see these files.
//!
//! An encrypted volume takes the size of its partition when it is opened. Growing an open one takes its key, which
//! nobody has kept: it grows when it is next opened, so with the second start.

use super::{Contents, ImageError};
use crate::plan::Plan;
use crate::plan::content::{AssemblyKind, Content};
use crate::plan::disk::{Disk, Partition, PartitionKind};
use crate::tree::{Kind, Metadata, Node};

/// Whether an image grows to its disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Growth {
    /// It keeps its size.
    #[default]
    Fixed,
    /// Its root file system grows to the disk that it is put on.
    ToDisk,
}

/// The bit of a partition's attributes that says so (`SD_GPT_FLAG_GROWFS`).
const GROW_FILE_SYSTEM: u32 = 59;

/// What lies between a disk and the root file system, outermost first.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Layer {
    Luks,
    Volume { device: String },
    Filesystem,
}

const UNIT: &str = "[Unit]
Description=Grow the root file system to its disk
After=local-fs.target

[Service]
Type=oneshot
ExecStart=/bin/sh /etc/landfall/grow
";

/// Adds to `contents` what makes the root file system of `plan` grow.
pub(super) fn add(plan: &Plan, contents: &mut Contents) -> Result<(), ImageError> {
    let (_, partition, layers) = way(plan)?;
    let script = script(partition, &layers)?;
    let root = contents.root_mut().ok_or_else(|| refuse("nothing on a disk is mounted at `/`"))?;
    let folder = Metadata::root(0o755);
    let units = "etc/systemd/system.attached";
    let unit = "landfall-grow.service";
    let file = |permissions, text: &str| Node {
        metadata: Metadata::root(permissions),
        kind: Kind::File(text.as_bytes().to_vec().into()),
    };
    root.insert("etc/landfall/grow", file(0o755, &script), &folder)?;
    root.insert(&format!("{units}/{unit}"), file(0o644, UNIT), &folder)?;
    let kind = Kind::Symlink(format!("../{unit}").into_bytes());
    let link = Node { metadata: Metadata::root(0o777), kind };
    root.insert(&format!("{units}/multi-user.target.wants/{unit}"), link, &folder)?;
    Ok(())
}

/// Marks the partition of the root file system.
pub(super) fn mark(plan: &mut Plan) -> Result<(), ImageError> {
    let (disk, number) = {
        let (disk, partition, _) = way(plan)?;
        (disk.key.clone(), partition.number)
    };
    let disk = plan.disks.iter_mut().find(|other| other.key == disk);
    let Some(Content::Table(table)) = disk.and_then(|disk| disk.content.as_mut()) else { return Ok(()) };
    for partition in table.partitions.iter_mut().filter(|partition| partition.number == number) {
        if let PartitionKind::Gpt { attributes, .. } = &mut partition.kind {
            *attributes = attributes.with_bit(GROW_FILE_SYSTEM).unwrap_or(*attributes);
        }
    }
    Ok(())
}

fn refuse(why: &str) -> ImageError {
    ImageError::Grow(why.to_owned())
}

/// The disk and the partition that the root file system lies on, and what is between.
fn way(plan: &Plan) -> Result<(&Disk, &Partition, Vec<Layer>), ImageError> {
    for disk in &plan.disks {
        let partitions = disk.table().map(|table| table.partitions.as_slice()).unwrap_or_default();
        for partition in partitions {
            let Some(layers) =
                partition.content.as_ref().map(|content| within(plan, content)).transpose()?.flatten()
            else {
                continue;
            };
            if partitions.iter().any(|other| other.extent.first() > partition.extent.first()) {
                return Err(refuse("the partition of the root file system is not the last of its disk"));
            }
            return Ok((disk, partition, layers));
        }
    }
    Err(refuse("the root file system lies on no partition"))
}

/// The way from `content` to the root file system; `None` when it is not there.
fn within(plan: &Plan, content: &Content) -> Result<Option<Vec<Layer>>, ImageError> {
    Ok(match content {
        Content::Filesystem(filesystem) => {
            let subvolumes = filesystem.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
            let is_root = filesystem.mount.iter().chain(subvolumes).any(|mount| mount.path == "/");
            is_root.then(|| vec![Layer::Filesystem])
        }
        Content::Luks(luks) => {
            let inner = luks.content.as_ref().map(|inner| within(plan, inner)).transpose()?.flatten();
            inner.map(|inner| [vec![Layer::Luks], inner].concat())
        }
        Content::Member(member) => {
            let volumes = match member.of.kind {
                AssemblyKind::VolumeGroup => plan.groups.iter().find(|group| group.name == member.of.name),
                AssemblyKind::Array | AssemblyKind::Bcachefs | AssemblyKind::Pool => {
                    let array = plan.arrays.iter().find(|array| array.name == member.of.name);
                    let inner = array.and_then(|array| array.content.as_ref());
                    if inner.map(|inner| within(plan, inner)).transpose()?.flatten().is_some() {
                        return Err(refuse("the root file system lies on an array, and arrays do not grow"));
                    }
                    None
                }
            };
            for volume in volumes.iter().flat_map(|group| &group.volumes) {
                let inner = volume.content.as_ref().map(|inner| within(plan, inner)).transpose()?.flatten();
                if let Some(inner) = inner {
                    if volumes.is_some_and(|group| group.members.len() > 1) || volume.kind != "linear" {
                        return Err(refuse("the root file system lies on a volume over several disks"));
                    }
                    return Ok(Some([vec![Layer::Volume { device: volume.device.clone() }], inner].concat()));
                }
            }
            None
        }
        Content::Table(_) | Content::Swap(_) => None,
    })
}

/// What grows the partition: it and its disk are found by its identity, whatever the disk is called there.
const PARTITION: &str = r#"export PATH=/run/current-system/sw/bin:/run/current-system/sw/sbin:/usr/bin:/usr/sbin:/bin:/sbin
device=$(readlink -f "/dev/disk/by-partuuid/$partition")
name=${device##*/}
here=$(readlink -f "/sys/class/block/$name")
above=${here%/*}
disk=/dev/${above##*/}
number=$(cat "$here/partition")
end=$(($(cat "$here/start") + $(cat "$here/size")))
# 4 MiB or more behind it: the disk has grown.
if [ "$(cat "$above/size")" -gt $((end + 8192)) ]; then
	echo ', +' | sfdisk --quiet --force --no-reread --no-tell-kernel -N "$number" "$disk"
	partx --update --nr "$number" "$disk"
	udevadm settle
fi
"#;

/// What grows an encrypted volume, where its key is at hand, and goes on with it.
const LUKS: &str = r#"opened=$(ls "/sys/class/block/${device##*/}/holders" | head -n 1)
mapping=$(cat "/sys/class/block/$opened/dm/name")
cryptsetup resize --batch-mode "$mapping" < /dev/null || echo "$mapping grows when it is opened next"
device=/dev/$opened
"#;

/// What grows a physical volume and the logical volume `$volume`.
const VOLUME: &str = r#"pvresize "$device"
lvextend --quiet --extents +100%FREE "$volume" || true
device=$(readlink -f "$volume")
"#;

/// What grows the file system.
const FILESYSTEM: &str = r#"growfs=/run/current-system/systemd/lib/systemd/systemd-growfs
if [ -x "$growfs" ]; then
	exec "$growfs" /
fi
case $(findmnt --noheadings --output FSTYPE /) in
	ext[234]) exec resize2fs "$device" ;;
	xfs) exec xfs_growfs / ;;
	btrfs) exec btrfs filesystem resize max / ;;
esac
"#;

/// The script for a root file system on `partition`, below `layers`.
fn script(partition: &Partition, layers: &[Layer]) -> Result<String, ImageError> {
    let PartitionKind::Gpt { guid, .. } = partition.kind else {
        return Err(refuse("the root file system's disk has no GUID partition table"));
    };
    let mut script = format!(
        "# Grows the root file system to its disk; does nothing once that is done.\nset -eu\npartition={guid}\n{PARTITION}"
    );
    for layer in layers {
        match layer {
            Layer::Luks => script.push_str(LUKS),
            Layer::Volume { device } => {
                // Names of volumes are of characters that a shell takes as they are (lvm(8)).
                script.push_str(&format!("volume={device}\n{VOLUME}"));
            }
            Layer::Filesystem => script.push_str(FILESYSTEM),
        }
    }
    Ok(script)
}
