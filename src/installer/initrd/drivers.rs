//! Which modules an installer takes along: everything by which a machine may have its disks, its medium
//! and its keyboard.

use super::error::InitrdError;
use super::index::{Index, module_name};

/// Parts of the kernel's module tree that are taken whole, below `kernel/`. What these need comes with
/// them.
const WANTED: [&str; 45] = [
    // Disks and what they are connected to.
    "drivers/ata/",
    "drivers/block/",
    "drivers/cdrom/",
    "drivers/dax/",
    "drivers/hv/",
    "drivers/message/fusion/",
    "drivers/mmc/",
    "drivers/nvdimm/",
    "drivers/nvme/host/",
    "drivers/pci/",
    "drivers/scsi/",
    "drivers/ufs/",
    "drivers/virtio/",
    "drivers/xen/",
    // USB: hosts and storage.
    "drivers/usb/common/",
    "drivers/usb/core/",
    "drivers/usb/dwc2/",
    "drivers/usb/dwc3/",
    "drivers/usb/host/",
    "drivers/usb/storage/",
    // What small boards need for any of these.
    "drivers/clk/",
    "drivers/phy/",
    "drivers/regulator/",
    "drivers/reset/",
    // Volumes of several devices, and encrypted ones.
    "drivers/md/",
    "arch/arm64/crypto/",
    "arch/x86/crypto/",
    "crypto/",
    // File systems.
    "fs/btrfs/",
    "fs/efivarfs/",
    "fs/erofs/",
    "fs/ext4/",
    "fs/f2fs/",
    "fs/fat/",
    "fs/isofs/",
    "fs/nls/",
    "fs/overlayfs/",
    "fs/squashfs/",
    "fs/xfs/",
    // Keyboards and screens.
    "drivers/gpu/drm/tiny/",
    "drivers/gpu/drm/virtio/",
    "drivers/input/keyboard/",
    "drivers/input/serio/",
    "drivers/hid/",
    "drivers/tty/",
];

/// Single modules besides, by name.
const WANTED_NAMES: [&str; 4] = ["virtio_console", "virtio_rng", "bochs", "simpledrm"];

/// Parts of these that are of no use here and large, or that do more than reading a disk.
const UNWANTED: [&str; 11] = [
    "drivers/block/drbd/",
    "drivers/block/rnbd/",
    "drivers/pci/hotplug/",
    "drivers/scsi/bnx2fc/",
    "drivers/scsi/bnx2i/",
    "drivers/scsi/cxgbi/",
    "drivers/scsi/fcoe/",
    "drivers/scsi/qedf/",
    "drivers/scsi/qedi/",
    "drivers/hid/amd-sfh-hid/",
    "drivers/hid/intel-ish-hid/",
];

/// Any of these makes a disk appear; a kernel without all of them installs nowhere.
const STORAGE: [&str; 9] = [
    "virtio_blk",
    "nvme",
    "ahci",
    "sd_mod",
    "virtio_scsi",
    "usb_storage",
    "mmc_block",
    "xen_blkfront",
    "ata_piix",
];

/// All of these are needed to read the medium.
const MEDIUM: [&str; 3] = ["loop", "isofs", "squashfs"];

/// Whether the module at `path` (below the folder of modules) is taken along for its own sake.
pub(super) fn is_wanted(path: &str) -> bool {
    let below = path.strip_prefix("kernel/").unwrap_or(path);
    let among = |list: &[&str]| list.iter().any(|prefix| below.starts_with(prefix));
    among(&WANTED) && !among(&UNWANTED) || WANTED_NAMES.contains(&module_name(path).as_str())
}

/// Fails when the kernel could find no disk, or not read the medium. `builtin` is `modules.builtin`.
pub(super) fn check(index: &Index, builtin: &str, toplevel: String) -> Result<(), InitrdError> {
    let has = |name: &str| {
        index.modules().any(|module| module.name == name)
            || builtin.lines().any(|path| module_name(path) == name)
    };
    if !STORAGE.iter().any(|driver| has(driver)) {
        return Err(InitrdError::NoStorageDrivers { toplevel, drivers: STORAGE.join(", ") });
    }
    match MEDIUM.into_iter().find(|driver| !has(driver)) {
        Some(driver) => Err(InitrdError::NoMediumDriver { toplevel, driver }),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(dep: &str, builtin: &str) -> Result<(), String> {
        let index = Index::parse(dep, "", "");
        check(&index, builtin, "/nix/store/x".to_owned()).map_err(|error| error.to_string())
    }

    #[test]
    fn built_in_drivers_count_like_modules() {
        let medium = "kernel/drivers/block/loop.ko:\nkernel/fs/isofs/isofs.ko:\n";
        let builtin = "kernel/fs/squashfs/squashfs.ko\nkernel/drivers/nvme/host/nvme.ko\n";
        assert_eq!(checked(medium, builtin), Ok(()));
    }

    #[test]
    fn a_kernel_without_drivers_is_refused_by_name() {
        let error = checked("kernel/net/ipv6/ipv6.ko.xz:\n", "").unwrap_err();
        assert!(error.contains("has no modules for storage drivers: none of virtio_blk, nvme"), "{error}");
        let error =
            checked("kernel/drivers/nvme/host/nvme.ko.xz:\n", "kernel/drivers/block/loop.ko").unwrap_err();
        assert!(error.contains("it has no `isofs`"), "{error}");
    }

    #[test]
    fn what_is_taken_is_decided_by_place() {
        assert!(is_wanted("kernel/drivers/nvme/host/nvme.ko.xz"));
        assert!(is_wanted("kernel/drivers/char/virtio_console.ko"));
        assert!(!is_wanted("kernel/drivers/scsi/fcoe/fcoe.ko.xz"));
        assert!(!is_wanted("kernel/drivers/net/ethernet/intel/e1000/e1000.ko.xz"));
    }
}
