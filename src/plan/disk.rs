//! Disks and their partition tables, as planned.

use schemars::JsonSchema;
use serde::{Serialize, Serializer};
use uuid::Uuid;

use super::content::Content;
use super::table::Extent;
use crate::units::{ByteRange, ByteSize, SectorSize};
use crate::volume::gpt::{Attributes, TypeGuid};

/// A disk: the device or image file that is wiped and filled.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Disk {
    /// The attribute name under `disk` in the layout: what `--disk NAME=…` goes by.
    #[serde(skip)]
    pub key: String,
    /// The disk's name.
    pub name: String,
    /// Path of the device in the layout.
    pub device: String,
    /// Name of an image of this disk, without extension.
    pub image_name: String,
    /// Size in bytes.
    #[schemars(with = "u64")]
    pub size: ByteSize,
    /// Who decided the size.
    pub size_from: SizeFrom,
    /// Bytes of a logical sector.
    #[serde(serialize_with = "sector_bytes")]
    #[schemars(with = "u64")]
    pub sector_size: SectorSize,
    /// What happens to what was on the disk before.
    pub before: Before,
    /// What lies on it; null leaves it blank.
    pub content: Option<Content>,
}

fn sector_bytes<S: Serializer>(sector: &SectorSize, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_u64(sector.bytes())
}

impl Disk {
    /// The partition table, where the disk has one.
    pub fn table(&self) -> Option<&Table> {
        match &self.content {
            Some(Content::Table(table)) => Some(table),
            _ => None,
        }
    }
}

/// Who decided how large a disk is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum SizeFrom {
    /// `imageSize` of the layout.
    Layout,
    /// The request: `--disk NAME=SIZE`, or the device that was named.
    Request,
    /// The contents: the smallest disk that holds them and the free space asked for.
    Content,
}

/// What happens to what was on a disk before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Before {
    /// It is destroyed.
    Destroyed,
    /// The layout says `destroy = false`: the disk is not wiped, and only made where it is blank.
    Kept,
}

/// A partition table.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Table {
    /// Path of the device that it lies on.
    pub device: String,
    /// Its kind and what only that kind has.
    pub label: Label,
    /// The partitions by number.
    pub partitions: Vec<Partition>,
}

/// The kind of a table.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Label {
    /// GUID partition table.
    Gpt {
        /// Identity of the disk.
        #[schemars(with = "String")]
        guid: Uuid,
        /// The sectors that partitions may use.
        usable: Extent,
        /// The boot record's entries, where it is a hybrid one; null for the protective one.
        hybrid: Option<Vec<HybridEntry>>,
    },
    /// Master boot record.
    Msdos {
        /// Identity of the disk.
        signature: u32,
    },
}

/// An entry of a hybrid boot record, in the order of its slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct HybridEntry {
    /// Number of the partition; null for the entry that protects the GUID table.
    pub partition: Option<u32>,
    /// Its sectors.
    pub extent: Extent,
    /// Its type.
    pub kind: u8,
    /// Whether it is marked for booting.
    pub active: bool,
}

/// A partition.
#[derive(Clone, Debug, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Partition {
    /// Its number.
    pub number: u32,
    /// Its name in the layout.
    pub name: String,
    /// Its label: the name in the table. Empty in a boot record.
    pub label: String,
    /// Path under which the running system finds it.
    pub device: String,
    /// Its sectors.
    pub extent: Extent,
    /// Its bytes on the device that the table lies on.
    #[schemars(with = "RangeSchema")]
    pub range: ByteRange,
    /// What it is for, as the table says it.
    pub kind: PartitionKind,
    /// What it does when the machine starts; null for nothing.
    pub role: Option<BootRole>,
    /// What lies on it; null leaves it unformatted.
    pub content: Option<Content>,
}

/// How a range of bytes is written in JSON.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct RangeSchema {
    /// Offset of the first byte.
    start: u64,
    /// Number of bytes.
    len: u64,
}

/// What a partition is for, in the terms of its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum PartitionKind {
    /// In a GUID partition table.
    Gpt {
        /// Type.
        #[schemars(with = "String")]
        type_guid: TypeGuid,
        /// Identity.
        #[schemars(with = "String")]
        guid: Uuid,
        /// Attribute bits.
        #[serde(serialize_with = "attribute_bits")]
        #[schemars(with = "Vec<u32>")]
        attributes: Attributes,
    },
    /// In a boot record.
    Msdos {
        /// Type byte.
        kind: u8,
        /// Whether it is marked for booting.
        active: bool,
        /// Whether it is one of the four, holds logical partitions, or is one.
        place: MsdosPlace,
    },
}

fn attribute_bits<S: Serializer>(attributes: &Attributes, to: S) -> Result<S::Ok, S::Error> {
    to.collect_seq(attributes.iter())
}

/// Where a partition of a boot record stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum MsdosPlace {
    /// One of the four of the record itself.
    Primary,
    /// One of the four, holding logical partitions.
    Extended,
    /// In the extended partition.
    Logical,
}

/// What a partition does when the machine starts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BootRole {
    /// EFI system partition: firmware starts the boot loader from it.
    Esp,
    /// Extended boot loader partition: more kernels and entries, read by the boot loader (UAPI.1).
    Xbootldr,
    /// GRUB's own space on BIOS machines.
    BiosBoot,
}
