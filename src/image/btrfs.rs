//! btrfs as the plan has it: a tree for each subvolume, stored as its mount options ask, over one device or several.

use std::collections::BTreeMap;

use super::{Contents, ImageError, filesystem, mkfs_arguments, visit};
pub(super) use crate::fs::btrfs::Counted;
use crate::fs::btrfs::{
    self, Compression, Effort, Filling, Label, Measure, Options, Overwriting, Profile, Storage,
    SubvolumePath, SwapFile, Volumes,
};
use crate::identity::Seed;
use crate::plan::Plan;
use crate::plan::content::{Filesystem, FilesystemId, MountPoint, SwapFile as PlannedSwapFile};
use crate::progress::Step;
use crate::units::ByteSize;
use crate::volume::Block;

/// Whether `filesystem` is one.
pub(super) fn is_btrfs(filesystem: &Filesystem) -> bool {
    filesystem.format == "btrfs"
}

/// The devices of `filesystem` beside its own, as the arguments for mkfs name them.
pub(super) fn more_devices(filesystem: &Filesystem) -> Vec<String> {
    if !is_btrfs(filesystem) {
        return Vec::new();
    }
    mkfs_arguments::words(&filesystem.extra_args)
        .filter(|word| word.starts_with('/'))
        .map(str::to_owned)
        .collect()
}

/// Fails when `filesystem` asks for what is not written, or for a device that nothing else leaves blank.
pub(super) fn check(plan: &Plan, filesystem: &Filesystem) -> Result<(), ImageError> {
    options(plan.seed, filesystem)?;
    let blank = visit::blank_devices(plan);
    match more_devices(filesystem).into_iter().find(|device| !blank.contains(device.as_str())) {
        None => Ok(()),
        Some(device) => {
            let why = format!(
                "the device `{device}` among the arguments for mkfs.btrfs is not one that the layout leaves blank"
            );
            Err(filesystem::wrong(filesystem, why))
        }
    }
}

/// What each device of `filesystem` must have for its content, and for `free` bytes to spare besides.
pub(super) fn measure(
    seed: Seed,
    filesystem: &Filesystem,
    contents: &Contents,
    free: ByteSize,
) -> Result<Measure, ImageError> {
    let options = Options { free, ..options(seed, filesystem)? };
    let volumes = volumes(filesystem, contents)?;
    let devices = 1 + more_devices(filesystem).len();
    btrfs::measure(&volumes, &options, devices)
        .map_err(|source| ImageError::Btrfs { place: filesystem::place(filesystem), source })
}

/// Fills `blocks`, the file system's own first, with `filesystem`.
pub(super) fn write(
    seed: Seed,
    filesystem: &Filesystem,
    contents: &Contents,
    (blocks, step): (&[&dyn Block], Step<'_>),
) -> Result<(), ImageError> {
    let volumes = volumes(filesystem, contents)?;
    match btrfs::write(&volumes, &options(seed, filesystem)?, blocks, step) {
        Ok(_) => Ok(()),
        Err(source) => Err(ImageError::Btrfs { place: filesystem::place(filesystem), source }),
    }
}

/// Bytes of all files that go into `filesystem`.
pub(super) fn content_len(filesystem: &Filesystem, contents: &Contents) -> u64 {
    let mounts = filesystem.subvolumes.iter().map(|subvolume| subvolume.mount.as_ref());
    let trees = mounts.chain([filesystem.mount.as_ref()]).map(|mount| contents.at(mount).content_len());
    trees.fold(0, u64::saturating_add)
}

fn options(seed: Seed, filesystem: &Filesystem) -> Result<Options, ImageError> {
    let mut options = Options::new(seed, &filesystem.device);
    if let FilesystemId::Uuid(uuid) = filesystem.id {
        options.uuid = uuid;
    }
    if !more_devices(filesystem).is_empty() {
        // What mkfs.btrfs takes by itself for several devices: data stay `single`.
        options.metadata = Profile::Raid1;
    }
    if let Some(label) = &filesystem.label {
        options.label = Label::new(label).map_err(|error| filesystem::wrong(filesystem, error))?;
    }
    mkfs_arguments::btrfs(&mut options, &filesystem.extra_args)
        .map_err(|why| filesystem::wrong(filesystem, why))?;
    Ok(options)
}

fn volumes<'c>(filesystem: &Filesystem, contents: &'c Contents) -> Result<Volumes<'c>, ImageError> {
    let mut subvolumes = BTreeMap::new();
    for subvolume in &filesystem.subvolumes {
        let path = subvolume.name.parse::<SubvolumePath>().map_err(|error| {
            filesystem::wrong(filesystem, format!("subvolume `{}`: {error}", subvolume.name))
        })?;
        let filling = filling(filesystem, (subvolume.mount.as_ref(), &subvolume.swap_files), contents)?;
        if subvolumes.insert(path, filling).is_some() {
            let why = format!("the subvolume `{}` is there twice", subvolume.name);
            return Err(filesystem::wrong(filesystem, why));
        }
    }
    let top = filling(filesystem, (filesystem.mount.as_ref(), &filesystem.swap_files), contents)?;
    Ok(Volumes { top, subvolumes, counted: contents.counted(filesystem) })
}

fn filling<'c>(
    filesystem: &Filesystem,
    (mount, swap_files): (Option<&MountPoint>, &[PlannedSwapFile]),
    contents: &'c Contents,
) -> Result<Filling<'c>, ImageError> {
    let wrong = |why: String| filesystem::wrong(filesystem, why);
    let storage = storage(mount.map_or(&[][..], |mount| mount.options.as_slice())).map_err(wrong)?;
    let swap_file = |file: &PlannedSwapFile| -> Result<SwapFile, ImageError> {
        let path = file
            .path
            .parse::<SubvolumePath>()
            .map_err(|error| wrong(format!("swap file `{}`: {error}", file.path)))?;
        // Pages are what a swap file is made of.
        Ok(SwapFile { path, size: file.size.round_up(4096) })
    };
    let swap_files = swap_files.iter().map(swap_file).collect::<Result<_, _>>()?;
    Ok(Filling { tree: contents.at(mount), storage, swap_files })
}

/// How files are stored when they are written under these mount options: the last of several that contradict each other
/// counts, as in the kernel.
fn storage(options: &[String]) -> Result<Storage, String> {
    let mut storage = Storage::default();
    for option in options.iter().flat_map(|option| option.split(',')) {
        let (name, value) = option.split_once('=').unwrap_or((option, ""));
        match name {
            "nodatacow" => storage = Storage { overwriting: Overwriting::InPlace, ..Storage::default() },
            "nodatasum" => storage = Storage { overwriting: Overwriting::Unchecked, ..Storage::default() },
            "datacow" | "datasum" => storage.overwriting = Overwriting::CopyOnWrite,
            "compress" | "compress-force" if matches!(value, "no" | "none") => storage.compression = None,
            "compress" | "compress-force" => {
                let method = if value.is_empty() { "zlib" } else { value };
                let compression = Compression::from_option(method).ok_or_else(|| {
                    format!("the mount option `{option}` names no compression that btrfs has")
                })?;
                let effort = if name == "compress" { Effort::Promising } else { Effort::Always };
                storage = Storage { compression: Some(compression), effort, ..Storage::default() };
            }
            _ => {}
        }
    }
    Ok(storage)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mount_options_say_how_files_are_stored() {
        let storage = |options: &[&str]| {
            storage(&options.iter().map(|option| (*option).to_owned()).collect::<Vec<_>>())
        };
        let zstd = Storage { compression: Some(Compression::Zstd(3)), ..Storage::default() };
        let forced = Storage { effort: Effort::Always, ..zstd };
        assert_eq!(storage(&["noatime", "compress=zstd"]), Ok(zstd));
        assert_eq!(storage(&["compress-force=zstd:3,ssd"]), Ok(forced));
        assert_eq!(storage(&["compress=zstd", "nodatacow"]).unwrap().overwriting, Overwriting::InPlace);
        assert_eq!(storage(&["nodatacow", "compress=zstd"]), Ok(zstd), "the last one counts");
        assert_eq!(storage(&["compress"]).unwrap().compression, Some(Compression::Zlib(3)));
        assert_eq!(storage(&["compress=no"]), Ok(Storage::default()));
        assert!(storage(&["compress=brotli"]).is_err());
    }
}
