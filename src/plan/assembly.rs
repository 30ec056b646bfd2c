//! What is made of several devices: arrays, volume groups, pools, as planned.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::content::{Content, Maker, MountPoint, Subvolume};
use crate::units::ByteSize;

/// An array of Linux software RAID.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Array {
    /// Its name.
    pub name: String,
    /// Path of its device in the running system.
    pub device: String,
    /// RAID level.
    pub level: i64,
    /// Version of its metadata, as mdadm calls it; `default` is 1.2.
    pub metadata: String,
    /// Its identity.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Devices of the members, in their order.
    pub members: Vec<String>,
    /// Bytes of each member in front of the data.
    #[schemars(with = "u64")]
    pub data_offset: ByteSize,
    /// Bytes of a chunk, where the level has them.
    #[schemars(with = "u64")]
    pub chunk: ByteSize,
    /// Bytes of the array.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Arguments for `mdadm --create`.
    pub extra_args: Vec<String>,
    /// What lies on it; null leaves it blank.
    pub content: Option<Content>,
}

/// A volume group of LVM.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct VolumeGroup {
    /// Its name.
    pub name: String,
    /// Its identity.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Devices of the physical volumes, in their order.
    pub members: Vec<String>,
    /// Bytes of an extent.
    #[schemars(with = "u64")]
    pub extent_size: ByteSize,
    /// Bytes of each physical volume in front of the first extent.
    #[schemars(with = "u64")]
    pub data_offset: ByteSize,
    /// How many extents there are.
    pub extents: u64,
    /// How many no volume uses.
    pub free_extents: u64,
    /// The volumes, in the order in which they are made.
    pub volumes: Vec<LogicalVolume>,
}

/// A logical volume.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LogicalVolume {
    /// Its name.
    pub name: String,
    /// Path of its device in the running system.
    pub device: String,
    /// Its identity.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Its kind, as `lvcreate --type` calls it: `linear`, `raid1`, `thin-pool`, `thin`…
    pub kind: String,
    /// How many physical volumes it lies on side by side: stripes, copies and parity; 1 for one after the other.
    pub legs: u64,
    /// The thin pool that it lies in.
    pub pool: Option<String>,
    /// Bytes of the volume; of a thin one, what it pretends to have.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Arguments for `lvcreate`.
    pub extra_args: Vec<String>,
    /// What lies on it; null leaves it blank.
    pub content: Option<Content>,
}

/// A ZFS pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Pool {
    /// Its name.
    pub name: String,
    /// The groups of devices that it is made of.
    pub groups: Vec<PoolGroup>,
    /// About how many bytes it holds.
    #[schemars(with = "u64")]
    pub capacity: ByteSize,
    /// Bytes that it needs, where its contents are known.
    #[schemars(with = "Option<u64>")]
    pub needed: Option<ByteSize>,
    /// Properties of the pool.
    pub options: std::collections::BTreeMap<String, String>,
    /// The datasets; the first, with an empty name, is the root of the pool.
    pub datasets: Vec<Dataset>,
    /// Who makes it when an image is built.
    pub maker: Maker,
}

/// A group of devices in a pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolGroup {
    /// What the group is for: `data`, `spare`, `log`, `dedup`, `special`, `cache`.
    pub purpose: String,
    /// Redundancy within the group: `mirror`, `raidz1`…; empty for none.
    pub mode: String,
    /// Devices.
    pub members: Vec<String>,
}

/// A dataset of a pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Dataset {
    /// Its path below the pool; empty for the pool's own.
    pub name: String,
    /// Properties.
    pub options: std::collections::BTreeMap<String, String>,
    /// Where it is mounted; null for nowhere.
    pub mount: Option<MountPoint>,
    /// Present in volumes: block devices in the pool.
    pub volume: Option<PoolVolume>,
}

/// A block device in a pool.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PoolVolume {
    /// Path of its device in the running system.
    pub device: String,
    /// Its size in bytes.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// What lies on it; null leaves it blank.
    pub content: Option<Content>,
}

/// A bcachefs filesystem.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Bcachefs {
    /// Its name in the layout.
    pub name: String,
    /// Its identity.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Devices of the members, in their order.
    pub members: Vec<String>,
    /// Bytes of all members.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Bytes that it needs, where its contents are known.
    #[schemars(with = "Option<u64>")]
    pub needed: Option<ByteSize>,
    /// Where it is mounted; null for nowhere.
    pub mount: Option<MountPoint>,
    /// Its subvolumes.
    pub subvolumes: Vec<Subvolume>,
    /// File with the passphrase, where it is encrypted.
    pub password_file: Option<String>,
    /// Arguments for `bcachefs format`.
    pub extra_format_args: Vec<String>,
    /// Who makes it when an image is built.
    pub maker: Maker,
}

impl Bcachefs {
    /// Where it and its subvolumes are mounted.
    pub fn mounts(&self) -> impl Iterator<Item = &MountPoint> {
        let subvolumes = self.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
        self.mount.iter().chain(subvolumes)
    }
}
