//! Raw images: the bytes of a disk in a sparse file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{DigestKind, Inputs, manifest};
use crate::error::IoError;
use crate::files::{self, ReplaceFile};
use crate::image::{ImageError, Prepared};
use crate::progress::Progress;
use crate::volume::{Block, FileBlock};

/// Writes `NAME.raw` for each disk of `prepared` into the folder `out`, and `manifest.json` beside them;
/// gives the images' paths.
///
/// No file has its name before all of them are complete: an interruption or a full disk leaves nothing.
pub fn write(
    prepared: &Prepared,
    inputs: &Inputs,
    (out, digest): (&Path, Option<DigestKind>),
    progress: &dyn Progress,
) -> Result<Vec<PathBuf>, ImageError> {
    files::create_dir_all(out)?;
    let mut images = Vec::new();
    let mut blocks: BTreeMap<String, Arc<dyn Block>> = BTreeMap::new();
    for disk in &prepared.plan().disks {
        let path = out.join(format!("{}.raw", disk.image_name));
        let replacement = ReplaceFile::create(&path)?;
        let file = replacement.file().try_clone().map_err(|error| IoError::new("opening", &path, error))?;
        let block = FileBlock::create(file, &path, disk.size.bytes(), disk.sector_size)?.cached();
        blocks.insert(disk.key.clone(), Arc::new(block));
        images.push((disk.key.clone(), path, replacement));
    }
    prepared.write(&blocks, progress)?;
    drop(blocks);
    let digests = images.iter().map(|(key, path, replacement)| -> Result<_, IoError> {
        let digest = digest.map(|kind| kind.of(replacement.file(), path)).transpose()?;
        Ok((key.clone(), digest))
    });
    let digests = digests.collect::<Result<_, _>>()?;
    let manifest = manifest(prepared, inputs, &digests);
    let mut paths = Vec::new();
    for (_, path, replacement) in images {
        replacement.commit_cached()?;
        paths.push(path);
    }
    files::replace_cached(&out.join("manifest.json"), format!("{manifest:#}\n").as_bytes())?;
    Ok(paths)
}
