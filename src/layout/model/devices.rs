//! All devices of a layout, by kind and attribute name: what `disko.devices` is.

use std::collections::BTreeMap;

use super::bcachefs::BcachefsFilesystem;
use super::disk::Disk;
use super::lvm::VolumeGroup;
use super::md::MdArray;
use super::nodev::Nodev;
use super::zfs::Pool;
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// The devices of a layout.
    pub struct Devices(scope, set), Tag::None => {
        /// bcachefs filesystems.
        bcachefs_filesystems: BTreeMap<String, BcachefsFilesystem> = "bcachefs_filesystems", default(BTreeMap::new());
        /// Disks.
        disk: BTreeMap<String, Disk> = "disk", default(BTreeMap::new());
        /// Volume groups of LVM.
        lvm_vg: BTreeMap<String, VolumeGroup> = "lvm_vg", default(BTreeMap::new());
        /// Arrays of Linux software RAID.
        mdadm: BTreeMap<String, MdArray> = "mdadm", default(BTreeMap::new());
        /// Filesystems without a block device.
        nodev: BTreeMap<String, Nodev> = "nodev", default(BTreeMap::new());
        /// ZFS pools.
        zpool: BTreeMap<String, Pool> = "zpool", default(BTreeMap::new());
    }
}
