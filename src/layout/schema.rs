//! The JSON schema of layouts, for editors, and the reference of options: made from the same tables of options that parsing uses.

use serde_json::{Map, Value as Json};

use super::model::bcachefs::{BcachefsFilesystem, BcachefsMember, BcachefsSubvolume};
use super::model::btrfs::{Btrfs, BtrfsSubvolume, SwapFile};
use super::model::devices::Devices;
use super::model::disk::Disk;
use super::model::filesystem::Filesystem;
use super::model::gpt::{Gpt, Hybrid, Partition};
use super::model::luks::Luks;
use super::model::lvm::{LogicalVolume, LvmPv, VolumeGroup};
use super::model::md::{MdArray, MdMember};
use super::model::nodev::Nodev;
use super::model::swap::Swap;
use super::model::table::{Table, TablePartition};
use super::model::zfs::{Pool, Topology, Vdev, ZfsFilesystem, ZfsMember, ZfsVolume};
use super::options::set::{OptionSet, Tag};
use super::options::{OptionInfo, OptionType, Presence};

/// Collects the definitions that a schema refers to.
#[derive(Debug, Default)]
pub struct SchemaBuilder {
    definitions: Map<String, Json>,
}

impl SchemaBuilder {
    /// Refers to the definition `name`, making it on first use. A definition may refer to itself.
    pub fn define(&mut self, name: &str, make: impl FnOnce(&mut Self) -> Json) -> Json {
        if !self.definitions.contains_key(name) {
            // The placeholder ends the recursion of types that contain themselves (LUKS in LUKS).
            self.definitions.insert(name.to_owned(), Json::Null);
            let definition = make(self);
            self.definitions.insert(name.to_owned(), definition);
        }
        serde_json::json!({ "$ref": format!("#/$defs/{name}") })
    }

    /// The schema of one option: that of its type, with its documentation and default.
    pub fn option(&mut self, option: &OptionInfo) -> Json {
        let inner = (option.schema)(self);
        let mut schema = match inner {
            Json::Object(map) => map,
            _ => Map::new(),
        };
        let mut description = option.doc.trim().to_owned();
        match &option.presence {
            Presence::Required => {}
            Presence::Default(default) => {
                schema.insert("default".to_owned(), default.clone());
            }
            Presence::Derived(how) => description.push_str(&format!(" Default: {how}.")),
        }
        schema.insert("description".to_owned(), description.into());
        Json::Object(schema)
    }

    /// The definitions made so far.
    pub fn into_definitions(self) -> Map<String, Json> {
        self.definitions
    }
}

/// The JSON schema (draft 2020-12) of a layout: of the devices alone, or under `devices` or `disko.devices`.
pub fn layout_schema() -> Json {
    let mut schemas = SchemaBuilder::default();
    let devices = Devices::schema(&mut schemas);
    let configuration = serde_json::json!({
        "type": "object",
        "properties": { "disko": { "type": "object", "properties": { "devices": devices }, "required": ["devices"] } },
        "required": ["disko"],
    });
    let wrapped = serde_json::json!({
        "type": "object",
        "properties": { "devices": devices },
        "required": ["devices"],
    });
    serde_json::json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A disk layout in disko's language",
        "anyOf": [devices, configuration, wrapped],
        "$defs": schemas.into_definitions(),
    })
}

/// The reference of all options, in Markdown: a section for each kind of set, a row for each option.
pub fn reference() -> String {
    let mut text = String::from(
        "# Options of a layout\n\n\
         Made from the tables that parsing uses. The sets of `disko.devices` come first, then what can lie on a device.\n\
         Most sets also have the six hooks `preCreateHook`, `postCreateHook`, `preMountHook`, `postMountHook`,\n\
         `preUnmountHook` and `postUnmountHook`: shell commands, carried along.\n",
    );
    section::<Devices>(&mut text);
    section::<Disk>(&mut text);
    section::<MdArray>(&mut text);
    section::<VolumeGroup>(&mut text);
    section::<LogicalVolume>(&mut text);
    section::<Pool>(&mut text);
    section::<Topology>(&mut text);
    section::<Vdev>(&mut text);
    section::<ZfsFilesystem>(&mut text);
    section::<ZfsVolume>(&mut text);
    section::<BcachefsFilesystem>(&mut text);
    section::<BcachefsSubvolume>(&mut text);
    section::<Nodev>(&mut text);
    section::<Gpt>(&mut text);
    section::<Partition>(&mut text);
    section::<Hybrid>(&mut text);
    section::<Table>(&mut text);
    section::<TablePartition>(&mut text);
    section::<Filesystem>(&mut text);
    section::<Btrfs>(&mut text);
    section::<BtrfsSubvolume>(&mut text);
    section::<SwapFile>(&mut text);
    section::<Swap>(&mut text);
    section::<Luks>(&mut text);
    section::<LvmPv>(&mut text);
    section::<MdMember>(&mut text);
    section::<ZfsMember>(&mut text);
    section::<BcachefsMember>(&mut text);
    text
}

fn section<T: OptionSet>(text: &mut String) {
    let cell = |text: &str| text.trim().replace('\n', " ").replace('|', "\\|");
    text.push_str(&format!("\n## {}\n\n{}\n\n", T::NAME, T::DOC.trim()));
    text.push_str("| option | accepts | default | meaning |\n|---|---|---|---|\n");
    match T::TAG {
        Tag::None => {}
        Tag::Required(name) => text.push_str(&format!("| `type` | `{name}` | required | |\n")),
        Tag::Default(name) => text.push_str(&format!("| `type` | `{name}` | `\"{name}\"` | |\n")),
    }
    for option in T::options().iter().filter(|option| !option.name.starts_with('_')) {
        let default = match &option.presence {
            Presence::Required => "required".to_owned(),
            Presence::Default(default) => format!("`{default}`"),
            Presence::Derived(how) => (*how).to_owned(),
        };
        let row = format!(
            "| `{}` | {} | {} | {} |\n",
            option.name,
            cell(&option.accepts),
            cell(&default),
            cell(option.doc)
        );
        text.push_str(&row);
    }
}
