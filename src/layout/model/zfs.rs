//! `zpool` and `zfs`: pools of ZFS, their topology, datasets and members.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::content::{Content, content, read_type};
use super::filesystem::defaults;
use super::places::Places;
use super::scope::Scope;
use super::text::AbsolutePath;
use crate::layout::options::OptionType;
use crate::layout::options::choice::{choice, one_of};
use crate::layout::options::reader::Reader;
use crate::layout::options::set::{Tag, option_set};
use crate::layout::schema::SchemaBuilder;
use crate::layout::syntax::value::{Kind, Value};

choice! {
    /// Redundancy of a group of devices.
    pub enum VdevMode {
        /// None: data is spread over the devices.
        Stripe = "",
        /// Every device has all data.
        Mirror = "mirror",
        /// One parity.
        Raidz = "raidz",
        /// One parity.
        Raidz1 = "raidz1",
        /// Two parities.
        Raidz2 = "raidz2",
        /// Three parities.
        Raidz3 = "raidz3",
    }
}

option_set! {
    /// A ZFS pool; its members are the contents of type `zfs` that name it.
    pub struct Pool(scope, set), Tag::Default("zpool") => {
        /// Name of the pool.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// How the members form the pool.
        mode: PoolMode = "mode", default(PoolMode::default());
        /// Properties of the pool (`zpool create -o`).
        options: BTreeMap<String, String> = "options", default(BTreeMap::new());
        /// Properties of its root dataset (`zpool create -O`).
        root_fs_options: BTreeMap<String, String> = "rootFsOptions", default(BTreeMap::new());
        /// Where the root dataset is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
        /// Options for `mount` of the root dataset.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// The datasets, by their path below the pool.
        datasets: Datasets = "datasets", default(Datasets::default()), in scope.owned("zpool", &name, "");
    } with hooks
}

option_set! {
    /// A member of a ZFS pool.
    pub struct ZfsMember(scope, set), Tag::Required("zfs") => {
        /// The device that is the member.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Name of the pool (in `zpool`).
        pool: String = "pool", required();
    } with hooks
}

content! {
    /// A dataset of a pool.
    Dataset {
        /// A filesystem.
        Filesystem(ZfsFilesystem) = "zfs_fs",
        /// A block device.
        Volume(ZfsVolume) = "zfs_volume",
    }
    elsewhere {}
}

option_set! {
    /// A filesystem in a pool.
    pub struct ZfsFilesystem(scope, set), Tag::Required("zfs_fs") => {
        /// Its path below the pool.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// Properties (`zfs create -o`).
        options: BTreeMap<String, String> = "options", default(BTreeMap::new());
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// Where it is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
    } with hooks
}

option_set! {
    /// A block device in a pool.
    pub struct ZfsVolume(scope, set), Tag::Required("zfs_volume") => {
        /// Its path below the pool.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// Properties (`zfs create -o`).
        options: BTreeMap<String, String> = "options", default(BTreeMap::new());
        /// Arguments for `zfs create`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// Its size (`zfs create -V`).
        size: Option<String> = "size", default(None);
        /// What lies on it.
        content: Option<Content> = "content", default(None),
            in scope.on(format!("/dev/zvol/{}/{name}", scope.owner.name));
    } with hooks
}

/// The datasets of a pool. disko keeps one of its own among them, `__root`, made from the pool's options; where it comes along
/// in what `nix eval` printed, it is passed over.
#[derive(Clone, Debug, Default)]
pub struct Datasets(BTreeMap<String, Dataset>);

impl Datasets {
    /// The datasets by attribute name, in the order disko makes them.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&String, &Dataset)> {
        self.0.iter()
    }

    /// A dataset by attribute name.
    pub fn get(&self, name: &str) -> Option<&Dataset> {
        self.0.get(name)
    }
}

/// disko's own dataset.
const ROOT_DATASET: &str = "__root";

impl OptionType for Datasets {
    fn accepts() -> String {
        "an attribute set".to_owned()
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        let mut value = value.clone();
        if let Kind::Attrs(attrs) = &mut value.kind {
            attrs.remove(ROOT_DATASET);
        }
        BTreeMap::read(&value, scope, reader).map(Self)
    }

    fn resolved(&self) -> Json {
        self.0.resolved()
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        BTreeMap::<String, Dataset>::schema(schemas)
    }
}

/// How the members of a pool form it.
#[derive(Clone, Debug)]
pub enum PoolMode {
    /// All members in one group.
    Simple(VdevMode),
    /// Groups written out.
    Topology(Box<Topology>),
}

impl Default for PoolMode {
    fn default() -> Self {
        Self::Simple(VdevMode::Stripe)
    }
}

option_set! {
    /// The groups of a pool. Devices are given by path, or by the name of a disk that has a partition `zfs`.
    pub struct Topology(scope, set), Tag::Required("topology") => {
        /// Groups that hold data.
        vdev: Vec<Vdev> = "vdev", default(Vec::new());
        /// Hot spares.
        spare: Vec<String> = "spare", default(Vec::new());
        /// Groups for the intent log.
        log: Vec<Vdev> = "log", default(Vec::new());
        /// Groups for the deduplication table.
        dedup: Vec<Vdev> = "dedup", default(Vec::new());
        /// Groups for metadata and small blocks.
        special: Special = "special", default(Special::default());
        /// Read cache.
        cache: Vec<String> = "cache", default(Vec::new());
    }
}

option_set! {
    /// A group of devices.
    pub struct Vdev(scope, set), Tag::None => {
        /// Redundancy within the group.
        mode: VdevMode = "mode", default(VdevMode::Stripe);
        /// The devices.
        members: Vec<String> = "members", required();
    }
}

/// `special` takes a list of groups, one group, or null.
#[derive(Clone, Debug)]
pub enum Special {
    /// A list.
    Groups(Vec<Vdev>),
    /// One group, or none.
    Group(Option<Box<Vdev>>),
}

impl Special {
    /// The groups, however they were written.
    pub fn groups(&self) -> &[Vdev] {
        match self {
            Self::Groups(groups) => groups,
            Self::Group(group) => group.as_deref().map_or(&[], std::slice::from_ref),
        }
    }
}

impl Default for Special {
    fn default() -> Self {
        Self::Groups(Vec::new())
    }
}

impl OptionType for Special {
    fn accepts() -> String {
        "a list of groups, or one group, or null".to_owned()
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        match value.kind {
            Kind::List(_) => Vec::read(value, scope, reader).map(Self::Groups),
            Kind::Null | Kind::Attrs(_) => Option::read(value, scope, reader).map(Self::Group),
            _ => {
                reader.wrong_type(value, &Self::accepts());
                None
            }
        }
    }

    fn resolved(&self) -> Json {
        match self {
            Self::Groups(groups) => groups.resolved(),
            Self::Group(group) => group.resolved(),
        }
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        let (list, one) = (Vec::<Vdev>::schema(schemas), Vdev::schema(schemas));
        serde_json::json!({ "anyOf": [list, one, { "type": "null" }] })
    }
}

impl OptionType for PoolMode {
    fn accepts() -> String {
        format!("{}, or a set `{{ topology = {{ type = \"topology\"; … }}; }}`", one_of(VdevMode::WORDS))
    }

    fn read(value: &Value, scope: &Scope, reader: &mut Reader) -> Option<Self> {
        match &value.kind {
            Kind::String(_) => VdevMode::read(value, scope, reader).map(Self::Simple),
            Kind::Attrs(attrs) => {
                reader.refuse_unknown(attrs, &["topology"], None);
                let Some(topology) = attrs.get("topology") else {
                    if attrs.is_empty() {
                        reader.wrong_type(value, &Self::accepts());
                    }
                    return None;
                };
                reader.within("topology", topology.name_span, |reader| {
                    read_type(&topology.value, &["topology"], &[], reader)?;
                    Topology::read(&topology.value, scope, reader)
                        .map(|topology| Self::Topology(Box::new(topology)))
                })
            }
            _ => {
                reader.wrong_type(value, &Self::accepts());
                None
            }
        }
    }

    fn resolved(&self) -> Json {
        match self {
            Self::Simple(mode) => mode.resolved(),
            Self::Topology(topology) => serde_json::json!({ "topology": topology.resolved() }),
        }
    }

    fn schema(schemas: &mut SchemaBuilder) -> Json {
        let topology = Topology::schema(schemas);
        serde_json::json!({ "anyOf": [
            VdevMode::schema(schemas),
            { "type": "object", "properties": { "topology": topology }, "required": ["topology"], "additionalProperties": false },
        ] })
    }
}
