//! Mounting by the options of fstab, without a `mount` program.

use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags, umount2};

use crate::error::IoError;

/// Where the system is put together: disko's `rootMountPoint`, which hooks name.
pub(super) const ROOT: &str = "/mnt";

/// Options that are flags of mount(2).
const FLAGS: [(&str, MsFlags); 9] = [
    ("ro", MsFlags::MS_RDONLY),
    ("noatime", MsFlags::MS_NOATIME),
    ("nodiratime", MsFlags::MS_NODIRATIME),
    ("relatime", MsFlags::MS_RELATIME),
    ("strictatime", MsFlags::MS_STRICTATIME),
    ("nosuid", MsFlags::MS_NOSUID),
    ("nodev", MsFlags::MS_NODEV),
    ("noexec", MsFlags::MS_NOEXEC),
    ("sync", MsFlags::MS_SYNCHRONOUS),
];

/// Options that speak to programs, not to the kernel (mount(8), systemd.mount(5)); `zfsutil` speaks to mount.zfs.
const FOR_PROGRAMS: [&str; 15] = [
    "defaults", "rw", "auto", "noauto", "nofail", "fail", "user", "nouser", "users", "owner", "group",
    "_netdev", "zfsutil", "async", "loud",
];

/// What libmount (mount(8)) knows as the folder of a file system that is mounted in place of all of it.
const SUBFOLDER: &str = "X-mount.subdir=";

/// Where a file system is whose folders are looked for.
const TOP: &str = "/run/landfall/top";

/// Where `path` of the system is mounted.
pub(super) fn place(path: &str) -> PathBuf {
    Path::new(ROOT).join(path.trim_start_matches('/'))
}

/// The flags and the words for the file system in a list of options.
fn parse(options: &[String]) -> (MsFlags, String) {
    let mut flags = MsFlags::empty();
    let mut data = Vec::new();
    for option in options.iter().flat_map(|option| option.split(',')).map(str::trim) {
        let is_for_programs =
            option.starts_with("x-") || option.starts_with("X-") || FOR_PROGRAMS.contains(&option);
        match FLAGS.iter().find(|(name, _)| *name == option) {
            Some((_, flag)) => flags |= *flag,
            None if is_for_programs || option.is_empty() => {}
            None => data.push(option),
        }
    }
    (flags, data.join(","))
}

/// Mounts `source` for the system's `path`.
pub(super) fn mount(mount: &crate::plan::mount::Mount) -> Result<(), IoError> {
    let at = place(&mount.path);
    crate::files::create_dir_all(&at)?;
    let (flags, data) = parse(&mount.options);
    let words = mount.options.iter().flat_map(|option| option.split(','));
    let Some(folder) = words.filter_map(|word| word.strip_prefix(SUBFOLDER)).next_back() else {
        return attach((&mount.source, &mount.format), &at, (flags, &data));
    };
    let top = Top::with((&mount.source, &mount.format), (flags, &data))?;
    let from = top.path().join(folder.trim_start_matches('/'));
    nix::mount::mount(Some(&from), &at, None::<&str>, MsFlags::MS_BIND, None::<&str>)
        .map_err(|errno| IoError::new("mounting", &from, errno.into()))?;
    top.leave()
}

/// Mounts `source`, which has a file system of kind `format`.
fn attach((source, format): (&str, &str), at: &Path, (flags, data): (MsFlags, &str)) -> Result<(), IoError> {
    nix::mount::mount(Some(source), at, Some(format), flags, Some(data))
        .map_err(|errno| IoError::new("mounting", source, errno.into()))
}

/// A file system that is mounted for a moment, beside the system that is put together.
#[derive(Debug)]
pub(super) struct Top(());

impl Top {
    /// Mounts `source` there, which has a file system of kind `format`.
    pub(super) fn new(source: &str, format: &str) -> Result<Self, IoError> {
        Self::with((source, format), (MsFlags::empty(), ""))
    }

    fn with(what: (&str, &str), options: (MsFlags, &str)) -> Result<Self, IoError> {
        crate::files::create_dir_all(Path::new(TOP))?;
        attach(what, Path::new(TOP), options)?;
        Ok(Self(()))
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        Path::new(TOP)
    }

    /// Takes it away from there.
    pub(super) fn leave(self) -> Result<(), IoError> {
        umount2(TOP, MntFlags::empty()).map_err(|errno| IoError::new("unmounting", TOP, errno.into()))
    }
}

/// Unmounts what is at the system's `path`.
pub(super) fn unmount(path: &str) -> Result<(), IoError> {
    let at = place(path);
    umount2(&at, MntFlags::empty()).map_err(|errno| IoError::new("unmounting", &at, errno.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_told_apart() {
        let options = ["defaults", "noatime,subvol=@root", "x-systemd.growfs", "compress=zstd", "nofail"];
        let (flags, data) = parse(&options.map(str::to_owned));
        assert_eq!((flags, data.as_str()), (MsFlags::MS_NOATIME, "subvol=@root,compress=zstd"));
        assert_eq!(place("/boot"), Path::new("/mnt/boot"));
        assert_eq!(place("/"), Path::new("/mnt"));
    }
}
