//! A medium decided and checked; nothing written.

use iso::{Attributes, NodeId, Options, Plan, VolumeId};

use super::install::{EXTRA_FILES, Extras};
use super::{IsoError, Request, volume_id};
use crate::boot::Generation;
use crate::boot::esp::{EspOptions, boot_trees};
use crate::fs::squashfs::{self, Runs};
use crate::fs::{cpio, fat};
use crate::identity::Seed;
use crate::image::System;
use crate::installer::digests::DIGESTS_FILE;
use crate::installer::order::{ORDER_FILE, REGISTRATION_FILE, STORE_FILE};
use crate::store::StorePath;
use crate::store::install::add_store;
use crate::store::registration;
use crate::store::source::SourceError;
use crate::timestamp::Timestamp;
use crate::tree::{Content, HostFile, Kind, Metadata, Node, Tree};
use crate::units::{ByteSize, MIB, u64_of};

/// Space left free in the boot image, for what firmware may write there.
const ESP_FREE: ByteSize = ByteSize::mib(1);

/// Bytes of a line of the digests that is no chunk's: a path and its size.
const DIGEST_LINE: u64 = 4200;

/// A medium decided and checked; nothing written.
#[derive(Debug)]
pub struct Prepared {
    /// Where everything is, with the store's file system at its largest.
    pub(super) plan: Plan,
    /// Files and where their bytes come from.
    pub(super) files: Vec<MediumFile>,
    /// The EFI system partition and how it is written.
    pub(super) esp: Tree,
    pub(super) esp_options: fat::Options,
    /// The store's file system and how it is written.
    pub(super) store: Tree,
    pub(super) store_options: squashfs::Options,
    pub(super) seed: Seed,
    pub(super) volume_id: VolumeId,
    pub(super) max_size: Option<ByteSize>,
}

/// A file of the medium.
#[derive(Debug)]
pub(super) struct MediumFile {
    pub(super) node: NodeId,
    /// Its path, relative to the medium's root.
    pub(super) path: String,
    pub(super) body: Body,
}

/// Where a file's bytes come from.
#[derive(Debug)]
pub(super) enum Body {
    /// They are there, or on the host.
    Content(Content),
    /// They are a cpio archive of this.
    Archive(Tree),
    /// They are the store's file system.
    Store,
    /// They are the digests of all files before.
    Digests,
}

impl Prepared {
    /// Decides what is on the medium of `system` and where, and checks that it can be.
    ///
    /// # Errors
    ///
    /// When the system has not what a medium needs, when the layout cannot be installed, when the medium would
    /// be too large whatever the store compresses to.
    pub fn new(system: &System, request: &Request) -> Result<Self, IsoError> {
        let volume_id = volume_id_of(system, request)?;
        let extras = match &request.install {
            Some(install) => Some(install.extras(system, volume_id.as_str())?),
            None => None,
        };
        let seed = request.seed.unwrap_or_else(|| seed_of(system, &volume_id, extras.as_ref()));
        let store = store_tree(system)?;
        let store_options = squashfs::Options {
            compression: request.compression,
            runs: runs(system),
            cache: request.cache.clone(),
            threads: request.threads,
            ..squashfs::Options::default()
        };
        let mut medium = Medium::new();
        medium.add_content("version.txt", version(system)?)?;
        let esp = match extras {
            None => {
                medium.add_boot_files(system)?;
                live_esp(system, &volume_id)?
            }
            Some(extras) => medium.add_extras(extras)?,
        };
        let at_most = squashfs::measure(&store, &store_options)?.at_most;
        medium.add(STORE_FILE, at_most, Body::Store)?;
        let esp_options = fat::Options {
            label: "EFIBOOT".parse().ok(),
            serial: seed.serial("iso/esp"),
            free: ESP_FREE,
            ..fat::Options::default()
        };
        let esp_len = fat::measure(&esp, &esp_options)?.size.round_up(MIB);
        if request.install.is_some() {
            medium.add(DIGESTS_FILE, medium.digests_at_most(esp_len), Body::Digests)?;
        }
        let options = Options {
            publisher: "LANDFALL".to_owned(),
            application: "LANDFALL".to_owned(),
            boot_image: Some(esp_len.bytes()),
            ..Options::new(volume_id.as_str(), Timestamp::STORE.seconds)?
        };
        let plan = Plan::new(medium.tree, options)?;
        let (files, max_size) = (medium.files, request.max_size);
        let prepared =
            Self { plan, files, esp, esp_options, store, store_options, seed, volume_id, max_size };
        prepared.check_least_size()?;
        Ok(prepared)
    }

    /// The medium's name.
    pub fn volume_id(&self) -> &str {
        self.volume_id.as_str()
    }

    /// Refuses a medium that is too large without its store.
    fn check_least_size(&self) -> Result<(), IsoError> {
        let mut empty = self.plan.clone();
        let store = self.files.iter().filter(|file| matches!(file.body, Body::Store | Body::Digests));
        store.for_each(|file| empty.shorten(file.node, 0));
        let size = ByteSize(empty.image_len());
        match self.max_size.filter(|max| size > *max) {
            Some(max) => Err(IsoError::TooLarge { size, at_least: true, max }),
            None => Ok(()),
        }
    }
}

/// The name that was asked for, which must be the one that a live system looks for.
fn volume_id_of(system: &System, request: &Request) -> Result<VolumeId, IsoError> {
    let is_live = request.install.is_none();
    let wanted = if is_live { volume_id::wanted(system)? } else { None };
    match (&request.volume_id, wanted) {
        (Some(asked), Some(wanted)) if asked.as_str() != wanted => {
            Err(IsoError::VolumeId { asked: asked.as_str().to_owned(), wanted })
        }
        (Some(asked), _) => Ok(asked.clone()),
        (None, Some(wanted)) => Ok(VolumeId::new(&wanted)?),
        (None, None) => volume_id::by_rule(system, (!is_live).then_some("install")),
    }
}

fn seed_of(system: &System, volume_id: &VolumeId, extras: Option<&Extras>) -> Seed {
    let closure = system.closure();
    let hash = closure.info(closure.toplevel()).map(|info| info.nar_hash.to_string()).unwrap_or_default();
    let toplevel = closure.toplevel().to_string();
    let order = extras.map(|extras| extras.order.as_slice()).unwrap_or_default();
    Seed::from_inputs([b"iso", toplevel.as_bytes(), hash.as_bytes(), volume_id.as_str().as_bytes(), order])
}

/// The store as NixOS's media have it: store paths and registration at the root.
fn store_tree(system: &System) -> Result<Tree, IsoError> {
    let mut tree = Tree::new(Metadata::root(0o755));
    add_store(&mut tree, Tree::ROOT, system.closure())?;
    let text = registration::render(system.closure().paths());
    let kind = Kind::File(Content::from(text.into_bytes()));
    tree.insert(REGISTRATION_FILE, Node { metadata: Metadata::root(0o444), kind }, &Metadata::root(0o755))?;
    Ok(tree)
}

/// Store paths become the same blocks in every medium, and their hashes say what is in them.
fn runs(system: &System) -> Runs {
    let paths = system.closure().paths();
    let identity = |path: &StorePath| path.base_name().as_bytes().to_vec();
    Runs {
        below: String::new(),
        identities: paths.map(|info| (identity(&info.path), *info.nar_hash.as_bytes())).collect(),
    }
}

/// Content of `/version.txt`: the system's version, as NixOS's media have it.
fn version(system: &System) -> Result<Content, IsoError> {
    let toplevel = system.generation().toplevel.to_string();
    let bytes = match system.source().resolve(format!("{toplevel}/nixos-version").as_ref()) {
        Ok(found) => crate::files::read(&system.source().on_host(&found))?,
        Err(SourceError::NotFound { .. }) => system.generation().bootspec.boot.label.clone().into_bytes(),
        Err(error) => return Err(error.into()),
    };
    Ok(Content::from(bytes))
}

/// The ESP of a live medium: the system's own entries. A system that does not say where its medium is gets told
/// by `root=LABEL=`, as NixOS's systems are.
fn live_esp(system: &System, volume_id: &VolumeId) -> Result<Tree, IsoError> {
    let mut generation: Generation = system.generation().clone();
    if volume_id::wanted(system)?.is_none() {
        let parameter = format!("root=LABEL={}", volume_id.as_str());
        tell(&mut generation.bootspec, &parameter);
    }
    let options = EspOptions::nixos(Timestamp::STORE);
    Ok(boot_trees(system.source(), &[generation], &options)?.esp)
}

/// Adds `parameter` to a system and to all of its specialisations.
fn tell(bootspec: &mut crate::boot::Bootspec, parameter: &str) {
    bootspec.boot.kernel_params.push(parameter.to_owned());
    bootspec.specialisations.values_mut().for_each(|child| tell(child, parameter));
}

/// The files of a medium while they are collected.
struct Medium {
    tree: iso::Tree,
    files: Vec<MediumFile>,
    len: ByteSize,
}

impl Medium {
    fn new() -> Self {
        let folder = Attributes::directory(Timestamp::STORE.seconds);
        Self { tree: iso::Tree::new(folder), files: Vec::new(), len: ByteSize::ZERO }
    }

    fn add(&mut self, path: &str, at_most: ByteSize, body: Body) -> Result<(), IsoError> {
        self.add_with(path, (at_most, body), Attributes::file(Timestamp::STORE.seconds))
    }

    fn add_with(
        &mut self,
        path: &str,
        (at_most, body): (ByteSize, Body),
        attributes: Attributes,
    ) -> Result<(), IsoError> {
        let node = self.tree.file(path, at_most.bytes(), attributes)?;
        self.len = ByteSize(self.len.bytes().saturating_add(at_most.bytes()));
        self.files.push(MediumFile { node, path: path.to_owned(), body });
        Ok(())
    }

    fn add_content(&mut self, path: &str, content: Content) -> Result<(), IsoError> {
        self.add(path, ByteSize(content.len()), Body::Content(content))
    }

    /// Kernels and initrds below `/boot`, at their paths in the store, each once.
    fn add_boot_files(&mut self, system: &System) -> Result<(), IsoError> {
        let mut paths: Vec<&String> = Vec::new();
        let variants = system.generation().variants();
        for (_, bootspec) in &variants {
            paths.push(&bootspec.boot.kernel);
            paths.extend(&bootspec.boot.initrd);
        }
        paths.sort();
        paths.dedup();
        for path in paths {
            let host = system.source().on_host(&system.source().resolve(path.as_ref())?);
            let metadata = std::fs::metadata(&host)
                .map_err(|source| crate::error::IoError::new("reading", &host, source))?;
            let content = Content::Host(HostFile { path: host, len: metadata.len(), data: None });
            self.add_content(&format!("boot{path}"), content)?;
        }
        Ok(())
    }

    /// What an installer needs, in its places; the EFI system partition.
    fn add_extras(&mut self, extras: Extras) -> Result<Tree, IsoError> {
        self.add_content(ORDER_FILE, Content::from(extras.order))?;
        if let Some(tree) = extras.extra_files {
            let len = cpio::measure(&tree)?;
            self.add(EXTRA_FILES, len, Body::Archive(tree))?;
        }
        for (path, secret) in extras.secrets {
            let content = Content::from(secret.expose().to_vec());
            let attributes = Attributes { permissions: 0o400, ..Attributes::file(Timestamp::STORE.seconds) };
            self.add_with(&path, (ByteSize(content.len()), Body::Content(content)), attributes)?;
        }
        Ok(extras.esp)
    }

    /// Bytes of the digests of all files so far and of a boot image of `esp` bytes, at most.
    fn digests_at_most(&self, esp: ByteSize) -> ByteSize {
        const CHUNK_LINE: u64 = 65;
        let files = u64_of(self.files.len()) + 1;
        let chunks = (self.len.bytes().saturating_add(esp.bytes()) / MIB).saturating_add(files);
        ByteSize(chunks.saturating_mul(CHUNK_LINE).saturating_add((files + 2).saturating_mul(DIGEST_LINE)))
    }
}
