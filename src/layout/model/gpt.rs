//! `gpt`: a GUID partition table, described the way sgdisk makes it.

use std::collections::BTreeMap;

use data_encoding::HEXLOWER;
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use super::content::Content;
use super::scope::{Owner, Scope};
use super::text::{Guid, PartitionSize, PartitionType};
use crate::layout::options::OptionType;
use crate::layout::options::reader::Reader;
use crate::layout::options::set::{Tag, option_set};
use crate::layout::schema::SchemaBuilder;
use crate::layout::syntax::value::{Attrs, Kind, Value};

option_set! {
    /// A GUID partition table.
    pub struct Gpt(scope, set), Tag::Required("gpt") => {
        /// The device it lies on.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Whether the protective entry comes first in a hybrid MBR (GRUB wants it there).
        efi_gpt_partition_first: bool = "efiGptPartitionFirst", default(true);
        /// The partitions.
        partitions: Partitions = "partitions", default(Partitions::default());
    } with hooks
}

option_set! {
    /// A partition of a GUID partition table.
    pub struct Partition(scope, set), Tag::None => {
        /// Name of the partition; its label contains it.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// GUID of the partition; null for a new one.
        uuid: Option<Guid> = "uuid", default(None);
        /// Label of the partition, at most 36 characters.
        label: String = "label", derived(
            "the owner's type and name and the partition's name, joined with `-`; if longer than 36 bytes, a hash of that",
            default_label(&scope.owner, &name)
        );
        /// Size: a number with a unit, or `100%` for all that is left.
        size: PartitionSize = "size", default(no_size());
        /// First sector, as sgdisk takes it; `0` for the next free one.
        start: String = "start", default("0".to_owned());
        /// Last sector, as sgdisk takes it: `+SIZE` from the start, `-SIZE` from the end of the disk.
        end: String = "end", derived("`+` and `size`, or `-0` for `100%`", default_end(&size));
        /// Alignment in sectors; 0 for sgdisk's default (1 MiB).
        alignment: i64 = "alignment", derived(
            "1 if `start` or `end` is in sectors (ends in `s`), else 0",
            i64::from(start.ends_with('s') || end.ends_with('s'))
        );
        /// Type of the partition.
        type_code: PartitionType = "type", derived(
            "`8200` for swap, else `8300`",
            default_type(set.raw("content"))
        );
        /// Bits of the attribute field that are set: 0 required, 1 hidden from EFI, 2 legacy BIOS bootable, 48 to 63 by type.
        attributes: Vec<i64> = "attributes", default(Vec::new());
        /// Order of creation, smaller first.
        priority: i64 = "priority", derived(
            "9001 for a size of `100%`, 100 for type `EF02`, else 1000",
            default_priority(size.as_str(), type_code.as_str())
        );
        /// Number of the partition, from 1.
        index: i64 = "_index", derived("its place by `priority`, then by name", scope.index);
        /// Path of the partition's device.
        device: String = "device", derived(
            "by `uuid` if that is given, else by the array's partition number, else by `label`",
            default_device(&scope.owner, uuid.as_ref(), index, &label)
        );
        /// What lies on the partition.
        content: Option<Content> = "content", default(None), in scope.on(&device);
        /// Entry in a hybrid MBR.
        hybrid: Option<Hybrid> = "hybrid", default(None);
    }
}

option_set! {
    /// The entry of a partition in a hybrid MBR.
    pub struct Hybrid(scope, set), Tag::None => {
        /// Type byte of the entry, as sfdisk takes it: `0x0c`; null leaves what sgdisk chooses.
        mbr_partition_type: Option<String> = "mbrPartitionType", default(None);
        /// Whether the entry is marked active.
        mbr_bootable_flag: bool = "mbrBootableFlag", default(false);
    }
}

fn no_size() -> PartitionSize {
    PartitionSize::new("0").unwrap_or_default()
}

fn default_end(size: &PartitionSize) -> String {
    match size.as_str() {
        "100%" => "-0".to_owned(),
        size => format!("+{size}"),
    }
}

/// The most bytes of a label that disko makes itself. A GPT entry has room for 36 UTF-16 units (UEFI 2.10, table 5.6).
const LONGEST_LABEL: usize = 36;

/// disko's rule; a label that would not fit becomes the first digits of its SHA-256.
fn default_label(owner: &Owner, name: &str) -> String {
    let label = format!("{}-{}-{name}", owner.kind, owner.name);
    if label.len() <= LONGEST_LABEL {
        return label;
    }
    let mut hash = HEXLOWER.encode(&Sha256::digest(label.as_bytes()));
    hash.truncate(LONGEST_LABEL);
    hash
}

fn default_type(content: Option<&Value>) -> PartitionType {
    let kind = content.and_then(Value::as_attrs).and_then(|attrs| attrs.get("type"));
    let is_swap = kind.and_then(|attr| attr.value.as_str()) == Some("swap");
    PartitionType::new(if is_swap { "8200" } else { "8300" }).unwrap_or_default()
}

/// disko compares the type as text: `ef02` in small letters gets no special place.
fn default_priority(size: &str, type_code: &str) -> i64 {
    match (size, type_code) {
        ("100%", _) => 9001,
        (_, "EF02") => 100,
        _ => 1000,
    }
}

fn default_device(owner: &Owner, uuid: Option<&Guid>, index: i64, label: &str) -> String {
    match uuid {
        Some(uuid) => format!("/dev/disk/by-partuuid/{uuid}"),
        // udev makes no by-partlabel links for partitions of arrays.
        None if owner.kind == "mdadm" => format!("/dev/disk/by-id/md-name-any:{}-part{index}", owner.name),
        None => format!("/dev/disk/by-partlabel/{}", escaped_for_udev(label)),
    }
}

/// A label as udev writes it in the name of a link: `#+-.:=@_/`, digits, letters and whole UTF-8 characters stay, others become
/// `\xHH` (udev(7), SYMLINK). disko's pattern also lets the comma through, which lies in its range `+-.`, and does not pad the
/// digits of characters below 16.
pub fn escaped_for_udev(label: &str) -> String {
    let mut escaped = String::new();
    for character in label.chars() {
        if character.is_ascii_alphanumeric() || "#+,-.:=@_/".contains(character) || !character.is_ascii() {
            escaped.push(character);
        } else {
            escaped.push_str(&format!("\\x{:X}", u32::from(character)));
        }
    }
    escaped
}

/// The partitions of a table, by attribute name.
#[derive(Clone, Debug, Default)]
pub struct Partitions(BTreeMap<String, Partition>);

impl Partitions {
    /// By attribute name, in byte order.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &Partition)> {
        self.0.iter()
    }

    /// A partition by attribute name.
    pub fn get(&self, name: &str) -> Option<&Partition> {
        self.0.get(name)
    }

    /// In the order in which they are made: by priority, then by attribute name.
    pub fn in_order(&self) -> Vec<&Partition> {
        let mut partitions: Vec<&Partition> = self.0.values().collect();
        partitions.sort_by_key(|partition| partition.priority);
        partitions
    }
}

impl OptionType for Partitions {
    fn accepts() -> String {
        "an attribute set".to_owned()
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        let Kind::Attrs(attrs) = &value.kind else {
            reader.wrong_type(value, "an attribute set of partitions by name");
            return None;
        };
        let order = creation_order(attrs);
        let mut partitions = BTreeMap::new();
        for (key, attr) in attrs.iter() {
            let index = order.get(name_of(key, &attr.value)).copied().unwrap_or(0);
            let scope = Scope { index, ..scope.named(key) };
            let partition =
                reader.within(key, attr.name_span, |reader| Partition::read(&attr.value, &scope, reader));
            partitions.extend(partition.map(|partition| (key.to_string(), partition)));
        }
        Some(Self(partitions))
    }

    fn resolved(&self) -> Json {
        self.0.resolved()
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        BTreeMap::<String, Partition>::schema(schemas)
    }
}

/// The number of each partition, from 1, by its name: its place in the order of creation. It is found from the raw values,
/// since a partition's number is needed while it is read. Of two partitions of one name, both get the first's number.
fn creation_order(attrs: &Attrs) -> BTreeMap<&str, i64> {
    let mut order: Vec<(i64, &str)> =
        attrs.iter().map(|(key, attr)| (raw_priority(&attr.value), name_of(key, &attr.value))).collect();
    order.sort_by_key(|&(priority, _)| priority);
    let mut numbers = BTreeMap::new();
    for (number, (_, name)) in (1..).zip(order) {
        numbers.entry(name).or_insert(number);
    }
    numbers
}

fn name_of<'a>(key: &'a str, partition: &'a Value) -> &'a str {
    option_of(partition, "name").and_then(Value::as_str).unwrap_or(key)
}

fn raw_priority(partition: &Value) -> i64 {
    if let Some(Kind::Int(priority)) = option_of(partition, "priority").map(|value| &value.kind) {
        return *priority;
    }
    let text = |name| option_of(partition, name).and_then(Value::as_str).unwrap_or_default();
    default_priority(text("size"), text("type"))
}

fn option_of<'a>(partition: &'a Value, name: &str) -> Option<&'a Value> {
    partition.as_attrs().and_then(|attrs| attrs.get(name)).map(|attr| &attr.value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_longer_than_36_bytes_becomes_a_hash() {
        let owner = |name: &str| Owner { kind: "disk", name: name.to_owned() };
        assert_eq!(default_label(&owner("main"), "ESP"), "disk-main-ESP");
        let fits = "x".repeat(27);
        assert_eq!(default_label(&owner(&fits), "ESP"), format!("disk-{fits}-ESP"));
        let long = default_label(&owner(&"x".repeat(28)), "ESP");
        assert_eq!(long.len(), 36);
        assert!(long.bytes().all(|byte| byte.is_ascii_hexdigit()), "{long}");
    }

    #[test]
    fn labels_in_links_are_escaped_as_udev_does() {
        for (label, link) in [
            ("Boot data partition", "Boot\\x20data\\x20partition"),
            ("Even(crazier)par&titi^onName", "Even\\x28crazier\\x29par\\x26titi\\x5EonName"),
            ("all0these@char#acters+_are-allow.ed", "all0these@char#acters+_are-allow.ed"),
            ("größe", "größe"),
        ] {
            assert_eq!(escaped_for_udev(label), link);
        }
    }
}
