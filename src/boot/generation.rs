//! Generations: the systems that a machine can boot, numbered.

use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use uefi::Architecture;

use super::bootspec::Boot;
use super::os_release;
use super::{Bootspec, BootspecError};
use crate::error::IoError;
use crate::files;
use crate::store::source::SourceError;
use crate::store::{Source, StorePath};

/// A system with its place in a profile.
#[derive(Clone, Debug)]
pub struct Generation {
    /// Its number; an image begins with 1.
    pub number: NonZeroU32,
    /// The profile, when it is not `system` but one of `system-profiles`.
    pub profile: Option<String>,
    /// The system.
    pub toplevel: StorePath,
    /// How it boots.
    pub bootspec: Bootspec,
    /// What it runs on.
    pub architecture: Architecture,
    /// The distribution's name, from the system's `os-release`.
    pub distribution: String,
}

/// Why a store path is no system that can boot.
#[derive(Debug, thiserror::Error)]
pub enum GenerationError {
    /// It has no boot document.
    #[error("`{0}` is not a system: it has no `boot.json`")]
    NotASystem(StorePath),
    /// Its boot document is wrong.
    #[error("`{0}/boot.json` does not say how to boot the system")]
    Bootspec(StorePath, #[source] BootspecError),
    /// It is for another machine than we know.
    #[error("`{toplevel}` is for `{system}`; x86_64-linux and aarch64-linux can be made to boot")]
    System {
        /// The system.
        toplevel: StorePath,
        /// What it says it is for.
        system: String,
    },
    /// Something that an old system must have is missing.
    #[error("`{toplevel}` has no `{file}`, without which its `boot.json` cannot be made up for")]
    Incomplete {
        /// The system.
        toplevel: StorePath,
        /// What is missing.
        file: &'static str,
    },
    /// The store could not be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// The operating system said no.
    #[error(transparent)]
    Io(#[from] IoError),
}

impl Generation {
    /// The system `toplevel` of `source` as generation `number` of the system profile.
    ///
    /// # Errors
    ///
    /// When it is no system (no `boot.json`, or a wrong one), or is for an unknown architecture.
    pub fn read(source: &Source, toplevel: &StorePath, number: NonZeroU32) -> Result<Self, GenerationError> {
        let Some(text) = read_inside(source, toplevel, "boot.json")? else {
            return Err(GenerationError::NotASystem(toplevel.clone()));
        };
        let bootspec =
            Bootspec::parse(&text).map_err(|error| GenerationError::Bootspec(toplevel.clone(), error))?;
        Self::with_bootspec(source, toplevel, (number, bootspec))
    }

    /// Like [`read`](Self::read), but a system from before boot documents gets one made up from its
    /// links, as NixOS's older builders do.
    pub fn read_or_synthesise(
        source: &Source,
        toplevel: &StorePath,
        number: NonZeroU32,
    ) -> Result<Self, GenerationError> {
        match Self::read(source, toplevel, number) {
            Err(GenerationError::NotASystem(_)) => {
                let bootspec = synthesise(source, toplevel)?;
                Self::with_bootspec(source, toplevel, (number, bootspec))
            }
            outcome => outcome,
        }
    }

    fn with_bootspec(
        source: &Source,
        toplevel: &StorePath,
        (number, bootspec): (NonZeroU32, Bootspec),
    ) -> Result<Self, GenerationError> {
        let system = &bootspec.boot.system;
        let architecture = Architecture::from_nix_system(system)
            .ok_or_else(|| GenerationError::System { toplevel: toplevel.clone(), system: system.clone() })?;
        let release = read_inside(source, toplevel, "etc/os-release")?;
        let distribution =
            release.and_then(|text| os_release::name(&text)).unwrap_or_else(|| "NixOS".to_owned());
        let (toplevel, profile) = (toplevel.clone(), None);
        Ok(Self { number, profile, toplevel, bootspec, architecture, distribution })
    }

    /// The system and each of its specialisations, at any depth: name, or `None` for the system itself,
    /// and document. Specialisations are sorted by name and come behind the system.
    pub fn variants(&self) -> Vec<(Option<String>, &Bootspec)> {
        let mut variants = vec![(None, &self.bootspec)];
        add_specialisations(&self.bootspec, "", &mut variants);
        variants
    }
}

fn add_specialisations<'a>(
    spec: &'a Bootspec,
    prefix: &str,
    variants: &mut Vec<(Option<String>, &'a Bootspec)>,
) {
    for (name, child) in &spec.specialisations {
        let name = format!("{prefix}{name}");
        variants.push((Some(name.clone()), child));
        add_specialisations(child, &format!("{name}-"), variants);
    }
}

/// The text of a file in a store path, links followed inside of the store; `None` when it is not there.
fn read_inside(source: &Source, path: &StorePath, file: &str) -> Result<Option<String>, GenerationError> {
    match source.resolve(&inside(path, file)) {
        Ok(found) => Ok(Some(files::read_to_string(&source.on_host(&found))?)),
        Err(SourceError::NotFound { .. }) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

fn inside(path: &StorePath, file: &str) -> PathBuf {
    Path::new(&path.to_string()).join(file)
}

/// The boot document that `toplevel` would have, were it newer (RFC 125, "synthesis").
fn synthesise(source: &Source, toplevel: &StorePath) -> Result<Bootspec, GenerationError> {
    let text = |file: &'static str| {
        read_inside(source, toplevel, file)?
            .ok_or_else(|| GenerationError::Incomplete { toplevel: toplevel.clone(), file })
    };
    let link = |file: &'static str| match source.resolve(&inside(toplevel, file)) {
        Ok(found) => Ok(Some(found.to_string_lossy().into_owned())),
        Err(SourceError::NotFound { .. }) => Ok(None),
        Err(error) => Err(GenerationError::from(error)),
    };
    let incomplete = |file| GenerationError::Incomplete { toplevel: toplevel.clone(), file };
    let kernel = link("kernel")?.ok_or_else(|| incomplete("kernel"))?;
    let release =
        kernel_release(source, toplevel)?.ok_or_else(|| incomplete("kernel-modules/lib/modules"))?;
    let secrets = link("append-initrd-secrets")?.map(|_| format!("{toplevel}/append-initrd-secrets"));
    let parameters = text("kernel-params")?;
    let boot = Boot {
        system: text("system")?.trim().to_owned(),
        init: format!("{toplevel}/init"),
        initrd: link("initrd")?,
        initrd_secrets: secrets,
        kernel,
        kernel_params: parameters.split(' ').filter(|word| !word.is_empty()).map(str::to_owned).collect(),
        label: format!("NixOS {} (Linux {release})", text("nixos-version")?.trim()),
        toplevel: toplevel.to_string(),
    };
    let mut spec = Bootspec { boot, specialisations: Default::default(), extensions: Default::default() };
    for name in names_in(source, &inside(toplevel, "specialisation"))? {
        let child = source.resolve(&inside(toplevel, &format!("specialisation/{name}")))?;
        if let Some(child) = child.to_str().and_then(|path| StorePath::from_absolute(path).ok()) {
            spec.specialisations.insert(name, synthesise(source, &child)?);
        }
    }
    Ok(spec)
}

/// The release of the kernel: the name of the first folder of its modules.
fn kernel_release(source: &Source, toplevel: &StorePath) -> Result<Option<String>, GenerationError> {
    Ok(names_in(source, &inside(toplevel, "kernel-modules/lib/modules"))?.into_iter().next())
}

/// The names in a folder of the store, sorted; none when there is no such folder.
fn names_in(source: &Source, folder: &Path) -> Result<Vec<String>, GenerationError> {
    let found = match source.resolve(folder) {
        Err(SourceError::NotFound { .. }) => return Ok(Vec::new()),
        found => source.on_host(&found?),
    };
    let error = |error| IoError::new("reading", &found, error);
    let mut names = Vec::new();
    for entry in std::fs::read_dir(&found).map_err(error)? {
        names.push(entry.map_err(error)?.file_name().to_string_lossy().into_owned());
    }
    names.sort();
    Ok(names)
}
