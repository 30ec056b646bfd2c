//! Keys of encrypted volumes: read before anything is written, wiped when the image is done.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::error::ImageError;
use super::visit;
use crate::identity::Seed;
use crate::plan::Plan;
use crate::plan::content::{Content, Luks, LuksKey};
use crate::secret::{KeyFilePart, Secret};
use crate::units::ByteSize;
use crate::volume::luks2::Randomness;

/// Where keys come from when the layout's own path is not one of this host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KeyFiles {
    /// A key file for the path that the layout names, or for the name of a volume.
    pub by_name: BTreeMap<String, PathBuf>,
    /// Where volume keys come from. A seed is for tests: who knows it has the keys.
    pub forced_seed: Option<Seed>,
}

/// The keys of every encrypted volume, by its name.
#[derive(Debug, Default)]
pub struct Keys {
    by_volume: BTreeMap<String, Vec<Secret>>,
    forced_seed: Option<Seed>,
}

impl Keys {
    /// Reads every key that `plan` asks for.
    pub(super) fn collect(plan: &Plan, files: &KeyFiles) -> Result<Self, ImageError> {
        let mut volumes = Vec::new();
        visit::contents(plan, &mut |content| {
            if let Content::Luks(luks) = content {
                volumes.push(&**luks);
            }
        });
        let mut keys = Self { by_volume: BTreeMap::new(), forced_seed: files.forced_seed };
        for luks in volumes {
            keys.by_volume.insert(luks.name.clone(), keys_of(luks, files)?);
        }
        Ok(keys)
    }

    /// Whether no seed is forced.
    pub(super) const fn are_random(&self) -> bool {
        self.forced_seed.is_none()
    }

    /// Where volume keys and salts come from.
    pub(super) fn randomness(&self) -> Randomness {
        self.forced_seed.map_or(Randomness::System, Randomness::Seed)
    }

    /// The keys of the volume `name`, the first the one it is opened with.
    pub(super) fn of(&self, name: &str) -> &[Secret] {
        self.by_volume.get(name).map_or(&[], Vec::as_slice)
    }
}

fn keys_of(luks: &Luks, files: &KeyFiles) -> Result<Vec<Secret>, ImageError> {
    let no_key = |why: String| ImageError::NoKey { name: luks.name.clone(), why };
    let given = |path: &str| files.by_name.get(path).map_or_else(|| PathBuf::from(path), Clone::clone);
    let first = match (&luks.key, files.by_name.get(&luks.name)) {
        (_, Some(path)) => read(path, KeyFilePart::default(), no_key)?,
        (LuksKey::KeyFile(path), None) => read(&given(path), part(luks), no_key)?,
        // disko pipes the file into cryptsetup without its line end.
        (LuksKey::PasswordFile(path), None) => {
            without_line_end(&read(&given(path), KeyFilePart::default(), no_key)?)
        }
        (LuksKey::Asked, None) => {
            return Err(no_key(format!(
                "the layout asks a person for it; give a file with --key {}=FILE",
                luks.name
            )));
        }
    };
    let more =
        luks.additional_key_files.iter().map(|path| read(&given(path), KeyFilePart::default(), no_key));
    std::iter::once(Ok(first)).chain(more).collect()
}

fn read(path: &Path, part: KeyFilePart, no_key: impl Fn(String) -> ImageError) -> Result<Secret, ImageError> {
    let secret = Secret::from_file(path, part).map_err(|error| {
        no_key(format!(
            "{}; give another file with --key {}=FILE",
            crate::error::chain(&error),
            path.display()
        ))
    })?;
    if secret.expose().is_empty() {
        Err(no_key(format!("`{}` is empty", path.display())))
    } else {
        Ok(secret)
    }
}

fn without_line_end(secret: &Secret) -> Secret {
    let bytes = secret.expose();
    Secret::new(bytes.strip_suffix(b"\n").unwrap_or(bytes).to_vec())
}

/// Which part of its file the key is (`settings.keyFileOffset`, `settings.keyFileSize`).
fn part(luks: &Luks) -> KeyFilePart {
    let number = |name: &str| luks.settings.get(name).and_then(serde_json::Value::as_u64).map(ByteSize);
    KeyFilePart { offset: number("keyFileOffset").unwrap_or_default(), size: number("keyFileSize") }
}
