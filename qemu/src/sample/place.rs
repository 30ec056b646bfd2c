//! Where a package's files go in its store path, and what their links then have to say.
//!
//! A store path has no `usr`: `/usr/bin/x` becomes `bin/x`, as a Nix package has it; `/etc` and `/var` keep
//! their names. A path in this sense, relative to the store path, is called a *location* here. The
//! directories that only an installed system has (`/dev`, `/run` …) are left out.

use std::path::{Component, Path, PathBuf};

use crate::Architecture;

/// Top directories that exist twice on an installed system, as themselves and as a link into `/usr`.
const MERGED: [&str; 4] = ["bin", "sbin", "lib", "lib64"];

/// The location of a file of a package; `None` for what belongs into no store path.
pub(super) fn location(path: &Path, arch: Architecture) -> Option<PathBuf> {
    let mut components = path.components();
    let Some(Component::Normal(first)) = components.next() else { return Some(PathBuf::new()) };
    let rest = components.as_path();
    let first = first.to_str()?;
    match first {
        "usr" => Some(rest.to_owned()),
        "etc" | "var" => Some(path.to_owned()),
        "boot" => boot_location(rest, arch),
        // The links themselves are left out; what an old package has below them is not.
        _ if MERGED.contains(&first) => (rest != Path::new("")).then(|| path.to_owned()),
        _ => None,
    }
}

/// The kernel has the name that NixOS gives it, its map and configuration lose their version.
fn boot_location(rest: &Path, arch: Architecture) -> Option<PathBuf> {
    let stem = rest.to_str()?.split('-').next()?;
    match stem {
        "vmlinuz" => Some(arch.kernel_file().into()),
        "System.map" | "config" => Some(stem.into()),
        _ => None,
    }
}

/// Where the location is on an installed system.
pub(super) fn installed(location: &Path) -> PathBuf {
    if location.starts_with("etc") || location.starts_with("var") {
        Path::new("/").join(location)
    } else {
        Path::new("/usr").join(location)
    }
}

/// The location that a link means, which lies at the location `at` and says `target`; `None` when it
/// leads out of all packages (`/dev/null`, `/run/…`).
pub(super) fn link_target(at: &Path, target: &Path, arch: Architecture) -> Option<PathBuf> {
    let installed_at = installed(at);
    let mut absolute = PathBuf::new();
    for component in installed_at.parent().unwrap_or(Path::new("/")).join(target).components() {
        match component {
            Component::Normal(name) => absolute.push(name),
            Component::ParentDir => drop(absolute.pop()),
            Component::RootDir | Component::CurDir | Component::Prefix(_) => {}
        }
    }
    location(&absolute, arch)
}

/// The relative link text that leads from the location `at` to the location `to` in the same tree.
pub(super) fn relative(at: &Path, to: &Path) -> PathBuf {
    let from: Vec<_> = at.parent().unwrap_or(Path::new("")).components().collect();
    let to: Vec<_> = to.components().collect();
    let shared = from.iter().zip(&to).take_while(|(a, b)| a == b).count();
    let up = std::iter::repeat_n(Component::ParentDir, from.len() - shared);
    let text: PathBuf = up.chain(to[shared..].iter().copied()).collect();
    if text.as_os_str().is_empty() { ".".into() } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placed(path: &str) -> Option<String> {
        location(Path::new(path), Architecture::X86_64).map(|path| path.to_str().unwrap().to_owned())
    }

    #[test]
    fn a_store_path_has_no_usr() {
        assert_eq!(placed("usr/bin/bash").as_deref(), Some("bin/bash"));
        assert_eq!(placed("lib/udev/x").as_deref(), Some("lib/udev/x"));
        assert_eq!(placed("etc/passwd").as_deref(), Some("etc/passwd"));
        assert_eq!(placed("boot/vmlinuz-6.12.1+deb13-amd64").as_deref(), Some("bzImage"));
        assert_eq!(placed("boot/System.map-6.12.1").as_deref(), Some("System.map"));
        assert_eq!((placed("lib"), placed("dev/null"), placed("boot")), (None, None, None));
    }

    #[test]
    fn links_are_followed_as_on_an_installed_system() {
        let target = |at: &str, text: &str| link_target(Path::new(at), Path::new(text), Architecture::X86_64);
        assert_eq!(target("bin/pidof", "../sbin/killall5"), Some("sbin/killall5".into()));
        assert_eq!(target("lib/x/libm.so", "/lib/x/libm.so.6"), Some("lib/x/libm.so.6".into()));
        assert_eq!(target("share/x", "../../etc/x"), Some("etc/x".into()));
        assert_eq!(target("etc/rmt", "/usr/sbin/rmt"), Some("sbin/rmt".into()));
        assert_eq!(target("lib/systemd/system/x.service", "/dev/null"), None);
    }

    #[test]
    fn relative_links_go_up_as_far_as_needed() {
        let text = |at: &str, to: &str| relative(Path::new(at), Path::new(to)).to_str().unwrap().to_owned();
        assert_eq!(text("etc/rmt", "sbin/rmt"), "../sbin/rmt");
        assert_eq!(text("lib/a/x", "lib/a/y"), "y");
        assert_eq!(text("x", "share/y"), "share/y");
    }
}
