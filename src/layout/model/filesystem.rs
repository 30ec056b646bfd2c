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

/// disko's default of every option `mountOptions`.
pub(super) fn defaults() -> Vec<String> {
    vec!["defaults".to_owned()]
}
