//! The file systems that we write, behind one door: which writer, with which options.

use super::error::ImageError;
use super::machine::{self, is_made_there};
use super::mkfs_arguments;
use crate::fs::ext4::{self, Label};
use crate::fs::external;
use crate::fs::fat::{self, VolumeLabel};
use crate::identity::Seed;
use crate::plan::content::{Filesystem, FilesystemId};
use crate::progress::Step;
use crate::tree::Tree;
use crate::units::{ByteSize, SectorSize};
use crate::volume::Block;

/// Where a file system is, as a person calls it.
pub(super) fn place(filesystem: &Filesystem) -> String {
    let subvolumes = filesystem.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
    let mounts = filesystem.mount.iter().chain(subvolumes).map(|mount| &mount.path);
    mounts.min().unwrap_or(&filesystem.device).clone()
}

/// Bytes that `filesystem` must have for `tree` and `free` bytes to spare.
pub(super) fn measure(
    seed: Seed,
    filesystem: &Filesystem,
    tree: &Tree,
    free: ByteSize,
) -> Result<ByteSize, ImageError> {
    if is_fat(filesystem) {
        let options = fat::Options { free, ..fat_options(filesystem, SectorSize::S512)? };
        return match fat::measure(tree, &options) {
            Ok(measure) => Ok(measure.size),
            Err(source) => Err(ImageError::Fat { place: place(filesystem), source }),
        };
    }
    if is_made_there(filesystem) {
        return Ok(machine::estimate(tree, free));
    }
    if let Some(kind) = external::Kind::from_format(&filesystem.format) {
        return external::measure(kind, tree, free).map_err(|source| ImageError::External {
            kind,
            place: place(filesystem),
            source,
        });
    }
    let options = ext4::Options { free, ..ext4_options(seed, filesystem)? };
    match ext4::measure(tree, &options) {
        Ok(measure) => Ok(measure.size),
        Err(source) => Err(ImageError::Ext4 { place: place(filesystem), source }),
    }
}

/// Fills `block` with `filesystem`.
pub(super) fn write(
    seed: Seed,
    filesystem: &Filesystem,
    tree: &Tree,
    (block, step): (&dyn Block, Step<'_>),
) -> Result<(), ImageError> {
    if is_fat(filesystem) {
        let options = fat_options(filesystem, block.sector_size())?;
        return match fat::write(tree, &options, block, &step) {
            Ok(_) => Ok(()),
            Err(source) => Err(ImageError::Fat { place: place(filesystem), source }),
        };
    }
    if let Some(kind) = external::Kind::from_format(&filesystem.format) {
        return external::write(kind, tree, &external_options(filesystem), (block, &step))
            .map_err(|source| ImageError::External { kind, place: place(filesystem), source });
    }
    match ext4::write(tree, &ext4_options(seed, filesystem)?, block, step) {
        Ok(_) => Ok(()),
        Err(source) => Err(ImageError::Ext4 { place: place(filesystem), source }),
    }
}

/// Fails when `filesystem` is made by programs that are not installed, or asks them for what we do not pass on.
pub(super) fn check_programs(filesystem: &Filesystem) -> Result<(), ImageError> {
    let Some(kind) = external::Kind::from_format(&filesystem.format) else { return Ok(()) };
    let checked = kind.check_programs().and_then(|()| kind.check_arguments(&filesystem.extra_args));
    checked.map_err(|source| ImageError::External { kind, place: place(filesystem), source })
}

fn external_options(filesystem: &Filesystem) -> external::Options {
    let uuid = match filesystem.id {
        FilesystemId::Uuid(uuid) => uuid,
        FilesystemId::Serial(serial) => uuid::Uuid::from_fields(serial, 0, 0, &[0; 8]),
    };
    external::Options { uuid, arguments: filesystem.extra_args.clone() }
}

/// Whether `filesystem` is FAT.
pub(super) fn is_fat(filesystem: &Filesystem) -> bool {
    matches!(filesystem.format.as_str(), "vfat" | "fat" | "msdos")
}

/// The error of an argument for mkfs, or of something else that the layout says of `filesystem`.
pub(super) fn wrong(filesystem: &Filesystem, why: impl ToString) -> ImageError {
    ImageError::Arguments { place: place(filesystem), why: why.to_string() }
}

fn fat_options(filesystem: &Filesystem, sector_size: SectorSize) -> Result<fat::Options, ImageError> {
    let label = filesystem.label.as_deref().map(str::parse::<VolumeLabel>).transpose();
    let mut options = fat::Options {
        label: label.map_err(|error| wrong(filesystem, error))?,
        sector_size,
        serial: match filesystem.id {
            FilesystemId::Serial(serial) => serial,
            // A plan gives FAT a serial number; a UUID could only be cut.
            FilesystemId::Uuid(_) => return Err(wrong(filesystem, "a FAT volume has no UUID")),
        },
        ..fat::Options::default()
    };
    mkfs_arguments::fat(&mut options, &filesystem.extra_args).map_err(|why| wrong(filesystem, why))?;
    Ok(options)
}

fn ext4_options(seed: Seed, filesystem: &Filesystem) -> Result<ext4::Options, ImageError> {
    let mut options = ext4::Options::new(seed, &filesystem.device);
    if let FilesystemId::Uuid(uuid) = filesystem.id {
        options.uuid = uuid;
    }
    if let Some(label) = &filesystem.label {
        options.label = Label::new(label).map_err(|error| wrong(filesystem, error))?;
    }
    mkfs_arguments::ext4(&mut options, &filesystem.extra_args).map_err(|why| wrong(filesystem, why))?;
    Ok(options)
}
