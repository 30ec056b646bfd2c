//! The manifest: what an image was made of and what it is, for machines and auditors.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use data_encoding::HEXLOWER;
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::error::IoError;
use crate::files;
use crate::image::{Prepared, System};

/// How an image's bytes are digested.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum DigestKind {
    /// SHA-256, as `sha256sum` prints it.
    Sha256,
}

impl DigestKind {
    /// The digest of the whole of `file`, in hexadecimal; `path` is for messages.
    pub fn of(self, file: &File, path: &Path) -> Result<String, IoError> {
        use std::io::{Seek, SeekFrom};
        let Self::Sha256 = self;
        let error = |source| IoError::new("reading", path, source);
        let mut file = file;
        file.seek(SeekFrom::Start(0)).map_err(error)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).map_err(error)? {
                0 => return Ok(HEXLOWER.encode(&hasher.finalize())),
                count => hasher.update(&buffer[..count]),
            }
        }
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
        }
    }
}

/// What went in, as the manifest tells it: digests and store paths, no paths of this host.
#[derive(Clone, Debug)]
pub struct Inputs {
    layout: Json,
    system: Json,
}

impl Inputs {
    /// The layout's text and the system's closure.
    pub fn new(layout: &Path, system: &System) -> Result<Self, IoError> {
        let closure = system.closure();
        let mut paths = Sha256::new();
        for info in closure.paths() {
            paths.update(format!("{}\n{}\n", info.path, info.nar_hash));
        }
        let toplevel = closure.info(closure.toplevel());
        let name = layout.file_name().map(|name| name.to_string_lossy().into_owned());
        // A folder stands for its `default.nix`.
        let file = if layout.is_dir() { layout.join("default.nix") } else { layout.to_owned() };
        Ok(Self {
            layout: json!({ "name": name, "sha256": HEXLOWER.encode(&Sha256::digest(files::read(&file)?)) }),
            system: json!({
                "toplevel": closure.toplevel().to_string(),
                "narHash": toplevel.map(|info| info.nar_hash.to_string()),
                "storePaths": closure.paths().len(),
                "narSize": closure.nar_size(),
                "closureSha256": HEXLOWER.encode(&paths.finalize()),
            }),
        })
    }
}

/// The manifest of images that `prepared` was written to; `digests` are by the disks' attribute names.
pub(super) fn manifest(
    prepared: &Prepared,
    inputs: &Inputs,
    digests: &BTreeMap<String, Option<String>>,
) -> Json {
    let plan = prepared.plan();
    let disks = plan.disks.iter().map(|disk| {
        let mut image = json!({
            "file": format!("{}.raw", disk.image_name),
            "size": disk.size,
            "sectorSize": disk.sector_size.bytes(),
            "content": disk.content,
        });
        if let Some(Some(digest)) = digests.get(&disk.key) {
            image[DigestKind::Sha256.name()] = json!(digest);
        }
        (disk.key.clone(), image)
    });
    json!({
        "landfall": env!("CARGO_PKG_VERSION"),
        "inputs": { "layout": inputs.layout, "system": inputs.system },
        "seed": plan.seed,
        "volumeKeys": if prepared.keys_are_random() { "random" } else { "from the seed" },
        "disks": disks.collect::<serde_json::Map<_, _>>(),
        "arrays": plan.arrays,
        "volumeGroups": plan.groups,
        "mounts": plan.mounts,
        "boot": plan.boot,
    })
}
