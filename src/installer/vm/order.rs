//! What the host tells the machine: `landfall/build.json` on the work disk. With the system it decides the same plan.

use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::identity::Seed;
use crate::image::{Growth, HookUse, KeyFiles, Machine, Request};
use crate::layout::{Layout, Source};
use crate::plan::{DiskRequest, Plan};
use crate::store::StorePath;
use crate::units::{ByteSize, SectorSize};

/// The version of the document that this program writes and reads.
const VERSION: u32 = 1;

/// What is to be built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BuildOrder {
    /// Version of this document: 1.
    pub version: u32,
    /// The layout as resolved.
    pub layout: Json,
    /// The system, as an absolute store path.
    pub toplevel: String,
    /// Where all identities come from.
    pub seed: Seed,
    /// The disks, in the plan's order.
    pub disks: Vec<DiskOrder>,
    /// Space left free in file systems whose size was ours to choose.
    pub free: ByteSize,
    /// Whether the image grows to its disk.
    pub grow: bool,
    /// Whether hooks are run.
    pub hooks: HookUse,
    /// Keys, by the path or the name that the layout has for each.
    pub keys: Vec<KeyOrder>,
    /// Where volume keys come from, in tests.
    pub key_seed: Option<Seed>,
    /// Digest of the plan that the host has decided.
    pub plan: String,
}

/// A disk of the machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct DiskOrder {
    /// Its attribute name in the layout.
    pub name: String,
    /// Its size in bytes.
    pub size: ByteSize,
    /// Bytes of a logical sector.
    pub sector_size: u64,
}

/// A key that comes with the order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct KeyOrder {
    /// An absolute path, where the machine has it, or the name of a volume.
    pub name: String,
    /// The file on the work disk.
    pub file: String,
}

/// Why an order cannot be followed.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It is no such document.
    #[error("the order is damaged")]
    Format(#[from] serde_json::Error),
    /// It was made by another version.
    #[error("the order is of version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// Its layout does not pass the checks.
    #[error("the layout in the order: {0}")]
    Layout(String),
    /// The system is none.
    #[error("the order names no system")]
    Toplevel(#[from] crate::store::StorePathError),
    /// A disk has sectors of no size there is.
    #[error("disk `{0}` in the order has impossible sectors")]
    Sectors(String),
}

impl BuildOrder {
    /// The order for `plan`, which was decided for `request`; keys are still to be added.
    pub fn new(plan: &Plan, toplevel: &StorePath, request: &Request) -> Self {
        let disk = |disk: &crate::plan::disk::Disk| DiskOrder {
            name: disk.key.clone(),
            size: disk.size,
            sector_size: disk.sector_size.bytes(),
        };
        Self {
            version: VERSION,
            layout: plan.layout.clone(),
            toplevel: toplevel.to_string(),
            seed: plan.seed,
            disks: plan.disks.iter().map(disk).collect(),
            free: request.free,
            grow: request.growth == Growth::ToDisk,
            hooks: request.hooks,
            keys: Vec::new(),
            key_seed: request.keys.forced_seed,
            plan: digest_of_plan(plan),
        }
    }

    /// The document.
    pub fn to_json(&self) -> Result<Vec<u8>, OrderError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// Reads the document.
    ///
    /// # Errors
    ///
    /// When it is damaged or of another version.
    pub fn parse(text: &[u8]) -> Result<Self, OrderError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_slice(text)?;
        if head.version != VERSION {
            return Err(OrderError::Version(head.version));
        }
        Ok(serde_json::from_slice(text)?)
    }

    /// The layout, checked anew.
    pub fn layout(&self) -> Result<Layout, OrderError> {
        let source = Source::Json { name: "layout".to_owned(), text: self.layout.to_string().into_bytes() };
        let first = |text: String| OrderError::Layout(text.lines().next().unwrap_or_default().to_owned());
        Layout::parse(source).map(|(layout, _)| layout).map_err(|mistakes| first(mistakes.to_string()))
    }

    /// The system.
    pub fn toplevel(&self) -> Result<StorePath, OrderError> {
        Ok(StorePath::from_absolute(&self.toplevel)?)
    }

    /// The request that decides the same plan; `keys` are where they lie now.
    pub fn request(&self, keys: KeyFiles) -> Result<Request, OrderError> {
        let disk = |disk: &DiskOrder| {
            let sector_size = [SectorSize::S512, SectorSize::S4096]
                .into_iter()
                .find(|known| known.bytes() == disk.sector_size)
                .ok_or_else(|| OrderError::Sectors(disk.name.clone()))?;
            Ok(DiskRequest { name: disk.name.clone(), size: disk.size, sector_size })
        };
        Ok(Request {
            seed: Some(self.seed),
            disks: self.disks.iter().map(disk).collect::<Result<_, OrderError>>()?,
            free: self.free,
            growth: if self.grow { Growth::ToDisk } else { Growth::Fixed },
            keys: KeyFiles { forced_seed: self.key_seed, ..keys },
            machine: Machine::Allowed,
            hooks: self.hooks,
            ..Request::default()
        })
    }
}

/// A digest that changes with every place, size and identity that is decided in `plan`. What the contents need is left
/// out: the same files have holes on one file system and none on another.
pub(crate) fn digest_of_plan(plan: &Plan) -> String {
    let mut json = plan.json();
    remove(&mut json, &["needed", "notes", "sizeFrom"]);
    data_encoding::HEXLOWER.encode(&Sha256::digest(json.to_string().as_bytes()))
}

/// Removes the fields with these names wherever they are.
fn remove(json: &mut Json, names: &[&str]) {
    match json {
        Json::Object(fields) => {
            fields.retain(|name, _| !names.contains(&name.as_str()));
            fields.values_mut().for_each(|value| remove(value, names));
        }
        Json::Array(items) => items.iter_mut().for_each(|item| remove(item, names)),
        _ => {}
    }
}

/// The digest of an order's text, as the kernel command line has it.
pub fn digest_of(text: &[u8]) -> String {
    format!("sha256:{}", data_encoding::HEXLOWER.encode(&Sha256::digest(text)))
}
