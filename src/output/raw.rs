//! Raw images: the bytes of a disk in a sparse file.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::manifest::{DigestKind, Inputs, manifest};
use crate::error::IoError;
use crate::files::{self, ReplaceFile};
use crate::image::{ImageError, Prepared};
use crate::progress::Progress;
use crate::units::{ByteSize, SectorSize};
use crate::volume::{Block, FileBlock};

/// An image that is to be filled.
#[derive(Clone, Copy, Debug)]
pub struct ImageFile<'a> {
    /// The disk's attribute name in the layout.
    pub key: &'a str,
    /// The open file, empty: who fills it gives it its size.
    pub file: &'a File,
    /// Where it is as long as it is not complete.
    pub path: &'a Path,
    /// The disk's size.
    pub size: ByteSize,
    /// The disk's logical sectors.
    pub sector_size: SectorSize,
}

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
    write_by(prepared, inputs, (out, digest), &mut |images| {
        let mut blocks: BTreeMap<String, Arc<dyn Block>> = BTreeMap::new();
        for image in images {
            let file = image.file.try_clone().map_err(|error| IoError::new("opening", image.path, error))?;
            let block = FileBlock::create(file, image.path, image.size.bytes(), image.sector_size)?.cached();
            blocks.insert(image.key.to_owned(), Arc::new(block));
        }
        prepared.write(&blocks, progress)
    })
}

/// The same with another way to fill the images, which come in the plan's order.
pub fn write_by<E: From<ImageError>>(
    prepared: &Prepared,
    inputs: &Inputs,
    (out, digest): (&Path, Option<DigestKind>),
    fill: &mut dyn FnMut(&[ImageFile<'_>]) -> Result<(), E>,
) -> Result<Vec<PathBuf>, E> {
    let io = |error: IoError| E::from(ImageError::from(error));
    files::create_dir_all(out).map_err(io)?;
    let mut images = Vec::new();
    for disk in &prepared.plan().disks {
        let path = out.join(format!("{}.raw", disk.image_name));
        let replacement = ReplaceFile::create(&path).map_err(io)?;
        images.push((disk, path, replacement));
    }
    let open: Vec<ImageFile<'_>> = images
        .iter()
        .map(|(disk, _, replacement)| ImageFile {
            key: &disk.key,
            file: replacement.file(),
            path: replacement.temporary_path(),
            size: disk.size,
            sector_size: disk.sector_size,
        })
        .collect();
    fill(&open)?;
    drop(open);
    let digests = images.iter().map(|(disk, path, replacement)| -> Result<_, IoError> {
        let digest = digest.map(|kind| kind.of(replacement.file(), path)).transpose()?;
        Ok((disk.key.clone(), digest))
    });
    let digests = digests.collect::<Result<_, _>>().map_err(io)?;
    let manifest = manifest(prepared, inputs, &digests);
    let mut paths = Vec::new();
    for (_, path, replacement) in images {
        replacement.commit_cached().map_err(io)?;
        paths.push(path);
    }
    files::replace_cached(&out.join("manifest.json"), format!("{manifest:#}\n").as_bytes()).map_err(io)?;
    Ok(paths)
}
