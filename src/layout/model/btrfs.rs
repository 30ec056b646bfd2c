//! `btrfs`: a btrfs filesystem with its subvolumes and swap files.

use std::collections::BTreeMap;

use super::filesystem::defaults;
use super::text::{AbsolutePath, NonEmpty, SwapFileSize};
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// A btrfs filesystem.
    pub struct Btrfs(scope, set), Tag::Required("btrfs") => {
        /// The device it lies on.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Arguments for `mkfs.btrfs`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// Options for `mount`, where the filesystem itself is mounted.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// The subvolumes, by their path from the top of the filesystem.
        subvolumes: BTreeMap<String, BtrfsSubvolume> = "subvolumes", default(BTreeMap::new());
        /// Where the top of the filesystem is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
        /// Swap files at the top of the filesystem.
        swap: BTreeMap<String, SwapFile> = "swap", default(BTreeMap::new());
    } with hooks
}

option_set! {
    /// A subvolume of btrfs.
    pub struct BtrfsSubvolume(scope, set), Tag::Default("btrfs_subvol") => {
        /// Its path from the top of the filesystem.
        name: String = "name", derived("the attribute name", scope.name.clone());
        /// Arguments for `btrfs subvolume create`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// Where it is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
        /// Swap files in it.
        swap: BTreeMap<String, SwapFile> = "swap", default(BTreeMap::new());
    }
}

option_set! {
    /// A swap file on btrfs.
    pub struct SwapFile(scope, set), Tag::None => {
        /// Its size.
        size: SwapFileSize = "size", required();
        /// Its path, from where the subvolume is mounted.
        path: String = "path", derived("the attribute name", scope.name.clone());
        /// Priority among swap spaces, 0 to 32767, higher first; null lets the kernel choose.
        priority: Option<i64> = "priority", default(None);
        /// Options for `swapon`, as in fstab.
        options: Vec<NonEmpty> = "options", default(swap_options());
    }
}

fn swap_options() -> Vec<NonEmpty> {
    NonEmpty::new("defaults").into_iter().collect()
}
