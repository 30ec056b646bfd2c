//! `filesystem`: a filesystem that needs nothing but its device.

use super::text::AbsolutePath;
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// A filesystem made by `mkfs.FORMAT`.
    pub struct Filesystem(scope, set), Tag::Required("filesystem") => {
        /// The device it lies on.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Arguments for `mkfs`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// Where it is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", default(None);
        /// Its kind, as `mkfs` and `mount -t` call it: `ext4`, `vfat`, `xfs` …
        format: String = "format", required();
    } with hooks
}

/// Filesystems that Linux has an `mkfs` for.
pub const FORMATS: [&str; 19] = [
    "bcachefs", "bfs", "btrfs", "cramfs", "erofs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "minix",
    "nilfs2", "ntfs", "ocfs2", "reiserfs", "udf", "vfat", "xfs",
];

/// disko's default of every option `mountOptions`.
pub(super) fn defaults() -> Vec<String> {
    vec!["defaults".to_owned()]
}
