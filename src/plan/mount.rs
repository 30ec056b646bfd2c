//! What is mounted where, in which order.

use schemars::JsonSchema;
use serde::Serialize;

/// Something that is mounted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Mount {
    /// Absolute path.
    pub path: String,
    /// What is mounted: a device, a dataset, `none`, `tmpfs`…
    pub source: String,
    /// Its kind, as `mount -t` calls it.
    pub format: String,
    /// Options, as in fstab.
    pub options: Vec<String>,
}

/// Swap space that is switched on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SwapUse {
    /// Device, or path of a swap file.
    pub device: String,
    /// Priority; null lets the kernel choose.
    pub priority: Option<i64>,
    /// When freed pages are discarded; null for never.
    pub discard: Option<String>,
    /// Options for swapon.
    pub options: Vec<String>,
    /// Whether a new random key encrypts it at each start.
    pub random_encryption: bool,
    /// Whether the system resumes from it.
    pub resume: bool,
    /// Whether it is a file.
    pub file: bool,
}

/// Sorts mounts so that each comes after those it lies in: by path, component by component.
pub(super) fn in_order(mounts: &mut [Mount]) {
    mounts.sort_by(|a, b| components(&a.path).cmp(components(&b.path)));
}

fn components(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|component| !component.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lies_in_another_mount_comes_after_it() {
        let mount = |path: &str| Mount {
            path: path.to_owned(),
            source: String::new(),
            format: String::new(),
            options: Vec::new(),
        };
        let mut mounts = ["/home", "/boot/efi", "/", "/home-old", "/boot", "/home/me"].map(mount);
        in_order(&mut mounts);
        let paths: Vec<&str> = mounts.iter().map(|mount| mount.path.as_str()).collect();
        assert_eq!(paths, ["/", "/boot", "/boot/efi", "/home", "/home/me", "/home-old"]);
    }
}
