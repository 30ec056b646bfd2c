//! What makes a medium an installer: the order, the initrd, files and keys.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::{IsoError, program};
use crate::boot::medium::{InstallerEntry, installer_tree};
use crate::image::{self, System};
use crate::installer::order::{FOLDER, Mode, Order, SecretFrom, SecretReference, command_line_word};
use crate::layout::Layout;
use crate::plan::Plan;
use crate::plan::content::{Content as Planned, Luks, LuksKey};
use crate::secret::{KeyFilePart, Secret};
use crate::timestamp::Timestamp;
use crate::tree::{Content, Metadata, Tree, host_tree};

/// What a medium installs, and how.
#[derive(Clone, Debug)]
pub struct Install {
    /// The layout of the disks.
    pub layout: Layout,
    /// Wishes; system, volume ID, files and keys are filled in.
    pub order: Order,
    /// A static landfall for the machine.
    pub program: Program,
    /// A folder whose content goes onto the installed system.
    pub extra_files: Option<PathBuf>,
    /// Files with keys of encrypted volumes, by the volume's name or by the path that the layout names.
    pub keys: Vec<(String, PathBuf)>,
}

/// Which program becomes the installer.
#[derive(Clone, Debug)]
pub enum Program {
    /// This one, which must be static and for the machine.
    Given(PathBuf),
    /// The first of these that is.
    FirstOf(Vec<PathBuf>),
}

/// What an installing medium has besides the store.
#[derive(Debug)]
pub(super) struct Extras {
    /// The EFI system partition.
    pub(super) esp: Tree,
    /// The order's text.
    pub(super) order: Vec<u8>,
    /// Content of the archive of extra files.
    pub(super) extra_files: Option<Tree>,
    /// Keys: path on the medium, bytes.
    pub(super) secrets: Vec<(String, Secret)>,
}

/// Path of the archive of extra files on the medium.
pub(super) const EXTRA_FILES: &str = "landfall/extra-files.cpio";

impl Install {
    /// Checks that `system` can be installed by the layout, and makes what the medium needs for it.
    pub(super) fn extras(&self, system: &System, volume_id: &str) -> Result<Extras, IsoError> {
        // What an image of this layout could not be, an installed disk cannot be either.
        let extra_files = self.extra_files()?;
        let request = image::Request { extra_files: extra_files.clone(), ..image::Request::default() };
        let plan = image::Prepared::plan_only(&self.layout, system, &request)?;
        let secrets = self.secrets(&plan)?;
        let generation = system.generation();
        let mut order = Order {
            system: generation.bootspec.boot.system.clone(),
            volume_id: volume_id.to_owned(),
            extra_files: self.extra_files.as_ref().map(|_| EXTRA_FILES.to_owned()),
            ..self.order.clone()
        };
        order.secrets = secrets.iter().map(|(reference, _)| reference.clone()).collect();
        let order = order.to_json()?;
        let initrd = program::initrd(system, &self.program)?;
        let entry = InstallerEntry {
            title: format!("Install {}", generation.distribution),
            initrd: Content::from(initrd),
            parameters: vec![command_line_word(&order)],
        };
        let esp = installer_tree(system.source(), generation, entry, Timestamp::STORE)?;
        let secrets = secrets.into_iter().filter_map(|(reference, key)| match (reference.from, key) {
            (SecretFrom::File(path), Some(key)) => Some((path, key)),
            _ => None,
        });
        let secrets = secrets.collect();
        Ok(Extras { esp, order, extra_files, secrets })
    }

    /// The folder of extra files, owned by root and without times of this host.
    fn extra_files(&self) -> Result<Option<Tree>, IsoError> {
        let Some(folder) = &self.extra_files else { return Ok(None) };
        let mut tree = host_tree(folder)?;
        let all: Vec<_> = tree.nodes().map(|(id, _)| id).collect();
        for id in all {
            let metadata = tree.metadata_mut(id);
            *metadata = Metadata { permissions: metadata.permissions, ..Metadata::root(0) };
        }
        Ok(Some(tree))
    }

    /// Where the key of each encrypted volume comes from, with its bytes where they go onto the medium.
    fn secrets(&self, plan: &Plan) -> Result<Vec<(SecretReference, Option<Secret>)>, IsoError> {
        let mut volumes: Vec<&Luks> = Vec::new();
        image::contents(plan, &mut |content| {
            if let Planned::Luks(luks) = content {
                volumes.push(luks);
            }
        });
        let mut unused: BTreeSet<&str> = self.keys.iter().map(|(name, _)| name.as_str()).collect();
        let mut secrets = Vec::new();
        for luks in volumes {
            let names = std::iter::once(&luks.name).chain(named_file(luks)).chain(&luks.additional_key_files);
            let mut opened = false;
            for name in names {
                if let Some((_, path)) = self.keys.iter().find(|(given, _)| given == name) {
                    unused.remove(name.as_str());
                    opened = true;
                    secrets.push(self.stored(name, path, secrets.len())?);
                }
            }
            if !opened && self.order.mode == Mode::Unattended {
                return Err(IsoError::UnattendedPrompt(luks.name.clone()));
            }
            if !opened {
                secrets.push((SecretReference { name: luks.name.clone(), from: SecretFrom::Prompt }, None));
            }
        }
        match unused.first() {
            Some(name) => Err(IsoError::NoSuchVolume((*name).to_owned())),
            None => Ok(secrets),
        }
    }

    /// A key that goes onto the medium. Its name there is a number: names in layouts are paths.
    fn stored(
        &self,
        name: &str,
        path: &Path,
        number: usize,
    ) -> Result<(SecretReference, Option<Secret>), IsoError> {
        let secret = Secret::from_file(path, KeyFilePart::default())?;
        let place = format!("{FOLDER}/secrets/{number}");
        Ok((SecretReference { name: name.to_owned(), from: SecretFrom::File(place) }, Some(secret)))
    }
}

/// The file that the layout names for the first key.
fn named_file(luks: &Luks) -> Option<&String> {
    match &luks.key {
        LuksKey::KeyFile(path) | LuksKey::PasswordFile(path) => Some(path),
        LuksKey::Asked => None,
    }
}
