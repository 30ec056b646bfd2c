//! What goes into each file system, and how much room that takes.

use std::collections::{BTreeMap, BTreeSet};

use super::{ImageError, Request, System, btrfs, filesystem, machine, visit};
use crate::boot::esp::{EspOptions, Placement, boot_trees};
use crate::parallel;
use crate::plan::assembly::Bcachefs;
use crate::plan::boot::{BootPartition, has_room_for_boot_code};
use crate::plan::content::Filesystem;
use crate::plan::{self, Plan};
use crate::store::install::install_tree;
use crate::tree::{Metadata, MountPoint, Tree, split};
use crate::units::ByteSize;

/// The trees of a system by the mount point where each goes.
#[derive(Debug)]
pub struct Contents {
    trees: BTreeMap<MountPoint, Tree>,
    /// What an unmounted file system holds: nothing.
    empty: Tree,
    /// What measuring counted of each btrfs, by its device.
    counted: BTreeMap<String, btrfs::Counted>,
}

/// Mount points of boot files in the order in which one is taken for them, where the layout has no
/// partition of the ESP's type that is mounted by itself (a mirrored ESP is an array).
const BOOT_MOUNTS: [&str; 3] = ["/boot", "/efi", "/boot/efi"];

impl Contents {
    /// Makes the trees for what `plan` mounts.
    pub(super) fn new(plan: &Plan, system: &System, request: &Request) -> Result<Self, ImageError> {
        let mounted = mounted(plan);
        let bcachefs = plan.bcachefs.iter().flat_map(Bcachefs::mounts).map(|mount| mount.path.as_str());
        let on_disk: BTreeSet<&str> = mounted.keys().copied().chain(datasets(plan)).chain(bcachefs).collect();
        if !["/", "/nix", "/nix/store"].iter().any(|path| on_disk.contains(*path)) {
            return Err(ImageError::NoStore);
        }
        // Kernels and initrds are named by their bytes, all of which are read for that.
        let closure = system.closure();
        let (tree, boot) =
            parallel::both(|| install_tree(closure), || boot_files(plan, &mounted, (system, request)));
        let (boot, mut tree) = (boot?, tree?);
        let mount_points: Vec<MountPoint> =
            plan.mounts.iter().map(|mount| mount.path.clone()).filter(|path| path.starts_with('/')).collect();
        if let Some(extra) = &request.extra_files {
            tree.merge(extra)?;
        }
        let mut trees = split(tree, &mount_points)?;
        // What lies below a mount that is made anew at each start (tmpfs) is on no disk.
        trees.retain(|mount_point, _| on_disk.contains(mount_point.as_str()));
        trees.extend(boot);
        Ok(Self { trees, ..Self::blank() })
    }

    /// Nothing for any file system: what formatting alone writes.
    pub(super) fn blank() -> Self {
        Self { trees: BTreeMap::new(), empty: Tree::new(Metadata::root(0o755)), counted: BTreeMap::new() }
    }

    /// The tree of the root file system, where that lies on a disk.
    pub(super) fn root_mut(&mut self) -> Option<&mut Tree> {
        self.trees.get_mut("/")
    }

    /// What goes into `filesystem`, but for its subvolumes.
    pub(super) fn of(&self, filesystem: &Filesystem) -> &Tree {
        self.at(filesystem.mount.as_ref())
    }

    /// What goes where `mount` is; nothing for what is not mounted.
    pub(super) fn at(&self, mount: Option<&plan::content::MountPoint>) -> &Tree {
        mount.and_then(|mount| self.trees.get(&mount.path)).unwrap_or(&self.empty)
    }

    /// How much room each file system of `plan` needs, with and without `free` bytes to spare.
    pub(super) fn measure(&mut self, plan: &Plan, free: ByteSize) -> Result<plan::Contents, ImageError> {
        let mut needs = plan::Contents::default();
        for filesystem in visit::filesystems(plan) {
            if btrfs::is_btrfs(filesystem) {
                let measure = btrfs::measure(plan.seed, filesystem, self, free)?;
                for device in btrfs::more_devices(filesystem).into_iter().chain([filesystem.device.clone()]) {
                    needs.need_with_free(device, measure.least, measure.size);
                }
                self.counted.insert(filesystem.device.clone(), measure.counted);
                continue;
            }
            let tree = self.of(filesystem);
            let measured = |free| filesystem::measure(plan.seed, filesystem, tree, free);
            let (least, with_free) = parallel::both(|| measured(ByteSize::ZERO), || measured(free));
            let (least, with_free) = (least?, with_free?);
            let place = filesystem.mount.as_ref().map_or(&filesystem.device, |mount| &mount.path);
            needs.need_with_free(place, least, with_free);
        }
        for path in datasets(plan) {
            let tree = self.tree_at(path).unwrap_or(&self.empty);
            let least = machine::estimate(tree, ByteSize::ZERO);
            needs.need_with_free(path, least, machine::estimate(tree, free));
        }
        for filesystem in &plan.bcachefs {
            for mount in filesystem.mounts() {
                let estimate = |free| machine::estimate_bcachefs(filesystem, self.at(Some(mount)), free);
                needs.need_with_free(&mount.path, estimate(ByteSize::ZERO), estimate(free));
            }
        }
        Ok(needs)
    }

    /// What goes where `path` is mounted.
    pub(super) fn tree_at(&self, path: &str) -> Option<&Tree> {
        self.trees.get(path)
    }

    /// What measuring counted of `filesystem`, a btrfs.
    pub(super) fn counted(&self, filesystem: &Filesystem) -> Option<&btrfs::Counted> {
        self.counted.get(&filesystem.device)
    }

    /// Bytes of all files.
    pub(super) fn data_len(&self) -> ByteSize {
        ByteSize(self.trees.values().map(Tree::content_len).fold(0, u64::saturating_add))
    }
}

/// The file systems on disks by where they are mounted.
fn mounted(plan: &Plan) -> BTreeMap<&str, &Filesystem> {
    let mut mounted = BTreeMap::new();
    for filesystem in visit::filesystems(plan) {
        let subvolumes = filesystem.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
        for mount in filesystem.mount.iter().chain(subvolumes) {
            mounted.insert(mount.path.as_str(), filesystem);
        }
    }
    mounted
}

/// Where the datasets of pools are mounted.
fn datasets(plan: &Plan) -> impl Iterator<Item = &str> {
    let datasets = plan.pools.iter().flat_map(|pool| &pool.datasets);
    datasets.filter_map(|dataset| dataset.mount.as_ref()).map(|mount| mount.path.as_str())
}

/// The boot files of a system by where they are mounted; none where firmware starts code from sectors, which is not
/// ours to write.
fn boot_files(
    plan: &Plan,
    mounted: &BTreeMap<&str, &Filesystem>,
    (system, request): (&System, &Request),
) -> Result<Vec<(MountPoint, Tree)>, ImageError> {
    let Some((esp, xbootldr)) = boot_mounts(plan, mounted) else {
        return if starts_from_sectors(plan) { Ok(Vec::new()) } else { Err(ImageError::NoEsp) };
    };
    let placement = if xbootldr.is_some() { Placement::Xbootldr } else { Placement::Esp };
    let boot = EspOptions { placement, ..request.boot.clone() };
    let boot = boot_trees(system.source(), std::slice::from_ref(system.generation()), &boot)?;
    Ok(std::iter::once((esp, boot.esp)).chain(xbootldr.zip(boot.xbootldr)).collect())
}

/// Whether only BIOS or PowerPC firmware could start a machine from these disks.
fn starts_from_sectors(plan: &Plan) -> bool {
    plan.boot.esp.is_empty() && has_room_for_boot_code(plan)
}

/// A remark for disks that get no boot loader; `None` for those that do.
pub(super) fn boot_note(plan: &Plan) -> Option<String> {
    starts_from_sectors(plan).then(|| {
        "no boot loader is written: the layout has no EFI system partition, and the code that other firmware starts \
         from sectors of a disk is its boot loader's own to install"
            .to_owned()
    })
}

/// Where the ESP and the extended boot loader partition are mounted.
fn boot_mounts(
    plan: &Plan,
    mounted: &BTreeMap<&str, &Filesystem>,
) -> Option<(MountPoint, Option<MountPoint>)> {
    let first =
        |partitions: &[BootPartition]| partitions.iter().find_map(|partition| partition.mount.clone());
    let esp = first(&plan.boot.esp).or_else(|| {
        let is_fat = |path: &&&str| mounted.get(**path).is_some_and(|filesystem| filesystem.format == "vfat");
        let path = BOOT_MOUNTS.iter().find(is_fat).filter(|_| !plan.boot.esp.is_empty());
        path.map(|path| (*path).to_owned())
    });
    Some((esp?, first(&plan.boot.xbootldr)))
}
