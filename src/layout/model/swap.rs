//! `swap`: swap space on a device.

use super::filesystem::defaults;
use crate::layout::options::choice::choice;
use crate::layout::options::set::{Tag, option_set};

choice! {
    /// When freed swap pages are discarded (`swapon --discard`).
    pub enum DiscardPolicy {
        /// The whole space, once, when it is switched on.
        Once = "once",
        /// Pages as they become free.
        Pages = "pages",
        /// Both.
        Both = "both",
    }
}

option_set! {
    /// Swap space.
    pub struct Swap(scope, set), Tag::Required("swap") => {
        /// The device it lies on.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// When freed pages are discarded; null for never.
        discard_policy: Option<DiscardPolicy> = "discardPolicy", default(None);
        /// Arguments for `mkswap`.
        extra_args: Vec<String> = "extraArgs", default(Vec::new());
        /// Options for `swapon`, as in fstab.
        mount_options: Vec<String> = "mountOptions", default(defaults());
        /// Priority among swap spaces, 0 to 32767, higher first; null lets the kernel choose.
        priority: Option<i64> = "priority", default(None);
        /// Whether it is encrypted with a new random key at each start.
        random_encryption: bool = "randomEncryption", default(false);
        /// Whether the system resumes from it after hibernation.
        resume_device: bool = "resumeDevice", default(false);
    } with hooks
}
