//! Partition tables in the form of `sfdisk --json`, without what only a device has (its path, chance GUIDs).

use schemars::JsonSchema;
use serde::Serialize;

use super::super::disk::{Label, Partition, PartitionKind, Table};
use crate::units::SectorSize;
use crate::volume::gpt::Attributes;

/// A partition table as `sfdisk --json` shows it, with `number` in place of `node`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub(super) struct SfdiskTable {
    /// `gpt` or `dos`.
    label: &'static str,
    /// What starts and sizes count.
    unit: &'static str,
    /// Bytes of a sector.
    sectorsize: u64,
    /// The first sector that partitions may use (gpt).
    #[serde(skip_serializing_if = "Option::is_none")]
    firstlba: Option<u64>,
    /// The last sector that partitions may use (gpt).
    #[serde(skip_serializing_if = "Option::is_none")]
    lastlba: Option<u64>,
    /// The partitions, by number.
    partitions: Vec<SfdiskPartition>,
}

/// A partition as `sfdisk --json` shows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
struct SfdiskPartition {
    /// Its number.
    number: u32,
    /// Its first sector.
    start: u64,
    /// How many sectors.
    size: u64,
    /// Type: a GUID in capitals, or hexadecimal digits.
    #[serde(rename = "type")]
    kind: String,
    /// Its label (gpt).
    #[serde(skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// Its attributes (gpt).
    #[serde(skip_serializing_if = "Option::is_none")]
    attrs: Option<String>,
    /// Present and true where it is marked for booting (dos).
    #[serde(skip_serializing_if = "Option::is_none")]
    bootable: Option<bool>,
}

impl SfdiskTable {
    pub(super) fn new(table: &Table, sector: SectorSize) -> Self {
        let (label, usable) = match &table.label {
            Label::Gpt { usable, .. } => ("gpt", Some(*usable)),
            Label::Msdos { .. } => ("dos", None),
        };
        Self {
            label,
            unit: "sectors",
            sectorsize: sector.bytes(),
            firstlba: usable.map(|usable| usable.first()),
            lastlba: usable.map(|usable| usable.last()),
            partitions: table.partitions.iter().map(SfdiskPartition::new).collect(),
        }
    }
}

impl SfdiskPartition {
    fn new(partition: &Partition) -> Self {
        let (kind, attrs, bootable) = match partition.kind {
            PartitionKind::Gpt { type_guid, attributes, .. } => {
                (type_guid.guid().to_string().to_uppercase(), attributes_text(attributes), None)
            }
            PartitionKind::Msdos { kind, active, .. } => (format!("{kind:x}"), None, active.then_some(true)),
        };
        Self {
            number: partition.number,
            start: partition.extent.first(),
            size: partition.extent.sectors(),
            kind,
            name: Some(partition.label.clone()).filter(|label| !label.is_empty()),
            attrs,
            bootable,
        }
    }
}

/// Attributes as libfdisk names them: three by name, those of the type (48 to 63) by number; the others it does not show.
fn attributes_text(attributes: Attributes) -> Option<String> {
    let mut words = Vec::new();
    let mut bits = Vec::new();
    for bit in attributes.iter() {
        match bit {
            0 => words.push("RequiredPartition".to_owned()),
            1 => words.push("NoBlockIOProtocol".to_owned()),
            2 => words.push("LegacyBIOSBootable".to_owned()),
            48..=63 => bits.push(bit.to_string()),
            _ => {}
        }
    }
    if !bits.is_empty() {
        words.push(format!("GUID:{}", bits.join(",")));
    }
    (!words.is_empty()).then(|| words.join(" "))
}
