//! The system on an image: its boot files and its generations.

use serde::Serialize;
use uefi::loader::Key;

use super::Depth;
use crate::boot::inventory::{BootInventory, InstalledEntry};
use crate::store::installed::{Installed, InstalledError};
use crate::store::verify::verify;
use crate::tree::{ContentError, Tree};
use crate::units::ByteSize;

/// The boot files of a machine.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct BootReport {
    /// Programs that firmware starts: path, and version of systemd-boot where it is one.
    pub loaders: Vec<(String, Option<String>)>,
    /// The entries of the menu.
    pub entries: Vec<EntryReport>,
    /// Unified kernel images.
    pub unified_kernels: Vec<String>,
}

/// An entry of the menu.
#[derive(Clone, Debug, Serialize)]
pub struct EntryReport {
    /// Its file's name.
    pub name: String,
    /// What the menu shows.
    pub title: Option<String>,
    /// Which version it is of what the title says.
    pub version: Option<String>,
    /// Whether it is started when nobody chooses.
    pub default: bool,
    /// Files that it names and that are not there.
    pub missing: Vec<String>,
}

impl BootReport {
    /// What is on the EFI system partition `esp`.
    pub(super) fn of(esp: &Tree) -> Result<Self, ContentError> {
        let inventory = BootInventory::read(esp, None)?;
        let default = inventory.default_entry().map(|entry| entry.name.to_string());
        let entry = |entry: &InstalledEntry| EntryReport {
            name: entry.name.to_string(),
            title: entry.entry.first(&Key::Title).map(str::to_owned),
            version: entry.entry.first(&Key::Version).map(str::to_owned),
            default: default.as_deref() == Some(&entry.name.to_string()),
            missing: entry.missing.clone(),
        };
        Ok(Self {
            entries: inventory.entries.iter().map(entry).collect(),
            loaders: inventory.loaders.into_iter().map(|loader| (loader.path, loader.systemd_boot)).collect(),
            unified_kernels: inventory.unified_kernels,
        })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.loaders.is_empty() && self.entries.is_empty() && self.unified_kernels.is_empty()
    }
}

/// The systems in a Nix store.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SystemReport {
    /// How many store paths are valid.
    pub store_paths: usize,
    /// Bytes of their archives.
    pub nar_size: ByteSize,
    /// The generations of the system profile.
    pub generations: Vec<GenerationReport>,
    /// What in the store is not as registered; null when only lists were read.
    pub faults: Option<Vec<String>>,
}

/// A generation of the system profile.
#[derive(Clone, Debug, Serialize)]
pub struct GenerationReport {
    /// Its number.
    pub number: u32,
    /// The system.
    pub toplevel: String,
    /// Whether the profile is at it.
    pub current: bool,
}

impl SystemReport {
    /// What is installed on the root file system `root`; `None` when there is no Nix store.
    pub(super) fn of(root: &Tree, depth: Depth) -> Result<Option<Self>, InstalledError> {
        let Some(installed) = Installed::read(root)? else { return Ok(None) };
        let store = root.lookup("nix/store").filter(|_| depth == Depth::Contents);
        let faults = store.map(|store| verify(root, store, &installed.paths));
        let sizes = installed.paths.iter().map(|info| info.nar_size.bytes());
        let generations = installed.generations.iter().map(|generation| GenerationReport {
            number: generation.number,
            toplevel: generation.toplevel.to_string(),
            current: installed.current == Some(generation.number),
        });
        Ok(Some(Self {
            store_paths: installed.paths.len(),
            nar_size: ByteSize(sizes.fold(0, u64::saturating_add)),
            generations: generations.collect(),
            faults: faults.map(|faults| faults.iter().map(ToString::to_string).collect()),
        }))
    }
}
