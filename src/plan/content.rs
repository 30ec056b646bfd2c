//! What lies on disks, partitions and volumes, as planned.

use schemars::JsonSchema;
use serde::Serialize;
use uuid::Uuid;

use super::disk::Table;
use crate::units::ByteSize;

/// What lies on a block device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "camelCase")]
pub enum Content {
    /// A partition table.
    Table(Table),
    /// A file system.
    Filesystem(Box<Filesystem>),
    /// Swap space.
    Swap(Swap),
    /// An encrypted container.
    Luks(Box<Luks>),
    /// A member of something made of several devices.
    Member(Member),
}

/// A file system on one device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Filesystem {
    /// Its kind, as `mount -t` calls it.
    pub format: String,
    /// Path of its device in the running system.
    pub device: String,
    /// Its identity.
    pub id: FilesystemId,
    /// Its label, where the layout gives one among the arguments for mkfs.
    pub label: Option<String>,
    /// Bytes of its device.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Bytes that it needs, where its contents are known.
    #[schemars(with = "Option<u64>")]
    pub needed: Option<ByteSize>,
    /// Where it is mounted; null for nowhere.
    pub mount: Option<MountPoint>,
    /// Its subvolumes (btrfs).
    pub subvolumes: Vec<Subvolume>,
    /// Swap files at its top (btrfs).
    pub swap_files: Vec<SwapFile>,
    /// Arguments for mkfs, as the layout has them.
    pub extra_args: Vec<String>,
    /// Who makes it when an image is built.
    pub maker: Maker,
}

/// Identity of a file system.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum FilesystemId {
    /// A UUID.
    Uuid(#[schemars(with = "String")] Uuid),
    /// A serial number of 32 bits, as FAT has.
    Serial(u32),
}

impl std::fmt::Display for FilesystemId {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Uuid(uuid) => uuid.fmt(f),
            Self::Serial(serial) => write!(f, "{:04X}-{:04X}", serial >> 16, serial & 0xffff),
        }
    }
}

/// Who makes a file system when an image is built.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Maker {
    /// We do, without root and without other programs.
    Own,
    /// Its own tools fill it from a directory, without root.
    Tool,
    /// Only a running kernel can: it is made in a virtual machine (or on the real machine).
    Machine,
}

/// Where something is mounted, and how.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MountPoint {
    /// Absolute path.
    pub path: String,
    /// Options, as in fstab.
    pub options: Vec<String>,
}

/// A subvolume of btrfs or bcachefs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Subvolume {
    /// Its path from the top of the file system.
    pub name: String,
    /// Where it is mounted; null for nowhere.
    pub mount: Option<MountPoint>,
    /// Swap files in it.
    pub swap_files: Vec<SwapFile>,
    /// Arguments for its creation, as the layout has them.
    pub extra_args: Vec<String>,
}

/// A swap file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwapFile {
    /// Its path within the subvolume.
    pub path: String,
    /// Its size in bytes.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Priority; null lets the kernel choose.
    pub priority: Option<i64>,
    /// Options for swapon.
    pub options: Vec<String>,
}

/// Swap space on a device.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Swap {
    /// Path of its device in the running system.
    pub device: String,
    /// Its identity.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Its label, where the layout gives one among the arguments for mkswap.
    pub label: Option<String>,
    /// Bytes of its device.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Priority; null lets the kernel choose.
    pub priority: Option<i64>,
    /// When freed pages are discarded: `once`, `pages`, `both`; null for never.
    pub discard: Option<String>,
    /// Options for swapon.
    pub options: Vec<String>,
    /// Whether a new random key encrypts it at each start.
    pub random_encryption: bool,
    /// Whether the system resumes from it after hibernation.
    pub resume: bool,
}

/// A LUKS container.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Luks {
    /// Name of the opened device under `/dev/mapper`.
    pub name: String,
    /// Path of its device in the running system.
    pub device: String,
    /// Its identity.
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Bytes of its device.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Bytes in front of the data.
    #[schemars(with = "u64")]
    pub header: ByteSize,
    /// How it is first unlocked.
    pub key: LuksKey,
    /// Files with further keys.
    pub additional_key_files: Vec<String>,
    /// Settings of `boot.initrd.luks.devices.NAME`.
    #[schemars(with = "std::collections::BTreeMap<String, serde_json::Value>")]
    pub settings: std::collections::BTreeMap<String, serde_json::Value>,
    /// Whether the initrd opens it.
    pub initrd_unlock: bool,
    /// Arguments for `cryptsetup luksFormat`.
    pub extra_format_args: Vec<String>,
    /// Arguments for `cryptsetup open`.
    pub extra_open_args: Vec<String>,
    /// What lies in it; null leaves it blank.
    pub content: Option<Box<Content>>,
}

impl Luks {
    /// Bytes of the opened device.
    pub fn payload(&self) -> ByteSize {
        self.size.checked_sub(self.header).unwrap_or(ByteSize::ZERO)
    }
}

/// What a container is first made with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum LuksKey {
    /// A passphrase that is asked for.
    Asked,
    /// A file whose text is the passphrase.
    PasswordFile(String),
    /// A file whose bytes are the key.
    KeyFile(String),
}

/// A member of something made of several devices.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Member {
    /// What it is a member of.
    pub of: Assembly,
    /// Its place among the members, from 0.
    pub index: usize,
    /// Path of its device in the running system.
    pub device: String,
    /// Identity of the member itself (physical volume, device of an array).
    #[schemars(with = "String")]
    pub uuid: Uuid,
    /// Bytes of its device.
    #[schemars(with = "u64")]
    pub size: ByteSize,
}

/// Something made of several devices, by kind and name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Assembly {
    /// Its kind.
    pub kind: AssemblyKind,
    /// Its name.
    pub name: String,
}

/// The kinds of things made of several devices. In the order in which disko makes independent ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum AssemblyKind {
    /// A bcachefs filesystem.
    Bcachefs,
    /// A volume group of LVM.
    VolumeGroup,
    /// An array of Linux software RAID.
    Array,
    /// A ZFS pool.
    Pool,
}

impl AssemblyKind {
    /// What a person calls it.
    pub const fn noun(self) -> &'static str {
        match self {
            Self::Bcachefs => "bcachefs filesystem",
            Self::VolumeGroup => "volume group",
            Self::Array => "array",
            Self::Pool => "pool",
        }
    }
}
