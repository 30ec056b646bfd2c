//! `nodev`: filesystems without a block device, such as tmpfs.

use super::filesystem::defaults;
use super::text::AbsolutePath;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::options::reader::SetReader;
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// A filesystem without a block device.
    pub struct Nodev(scope, set), Tag::Default("nodev") => {
        /// Its kind, as `mount -t` calls it.
        fs_type: String = "fsType", required();
        /// The first argument of `mount`.
        device: String = "device", derived(
            "`tmpfs` for a tmpfs, else `none`",
            if fs_type == "tmpfs" { fs_type.clone() } else { "none".to_owned() }
        );
        /// Where it is mounted; null for nowhere.
        mountpoint: Option<AbsolutePath> = "mountpoint", derived(
            "the attribute name",
            own_name(&scope.name, set)
        );
        /// Options for `mount`.
        mount_options: Vec<String> = "mountOptions", default(defaults());
    } with hooks
}

fn own_name(name: &str, set: &mut SetReader<'_>) -> Option<AbsolutePath> {
    let path = AbsolutePath::new(name);
    if path.is_none() {
        let finding = Diagnostic::error(
            "wrong-form",
            set.place("mountpoint"),
            format!("`{name}` is not an absolute path, so `mountpoint` has no default"),
        )
        .hint(format!("call it `\"/{name}\"`, or give `mountpoint` (null for nowhere)"));
        set.report(finding);
    }
    path
}
