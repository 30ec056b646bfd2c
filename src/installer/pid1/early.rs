//! The first things: the kernel's own file systems, and quiet.

use std::path::Path;

use nix::errno::Errno;
use nix::mount::{MsFlags, mount};

use crate::error::IoError;

/// What is mounted, in this order: type and place.
const MOUNTS: [(&str, &str); 4] =
    [("proc", "/proc"), ("sysfs", "/sys"), ("devtmpfs", "/dev"), ("tmpfs", "/run")];

/// UEFI's variables, where the machine has them.
const FIRMWARE_VARIABLES: &str = "/sys/firmware/efi/efivars";

/// Where the kernel's messages reach the consoles: warnings and worse would write over questions.
const PRINTK: &str = "/proc/sys/kernel/printk";

/// Mounts what every later step needs.
pub(super) fn mount_all() -> Result<(), IoError> {
    for (kind, place) in MOUNTS {
        match try_mount(kind, kind, Path::new(place), MsFlags::MS_NOSUID) {
            // The kernel mounts devtmpfs itself where it is told to.
            Ok(()) | Err(Errno::EBUSY) => {}
            Err(errno) => return Err(IoError::new("mounting", place, errno.into())),
        }
    }
    let _ = std::fs::write(PRINTK, "1\n");
    Ok(())
}

/// Mounts UEFI's variables; whether the machine has them. Its module must be loaded.
pub(super) fn mount_firmware_variables() -> bool {
    let place = Path::new(FIRMWARE_VARIABLES);
    place.exists()
        && matches!(try_mount("efivarfs", "efivarfs", place, MsFlags::MS_NOSUID), Ok(()) | Err(Errno::EBUSY))
}

/// Mounts `source` of type `kind` at `place`, which is made where it is missing.
pub(super) fn try_mount(kind: &str, source: &str, place: &Path, flags: MsFlags) -> nix::Result<()> {
    let _ = std::fs::create_dir_all(place);
    mount(Some(source), place, Some(kind), flags, None::<&str>)
}

/// The value of `key=` in the kernel's command line; the last one counts.
pub(super) fn command_line(key: &str) -> Option<String> {
    let text = std::fs::read_to_string("/proc/cmdline").unwrap_or_default();
    value_of(&text, key)
}

fn value_of(text: &str, key: &str) -> Option<String> {
    let value = |word: &str| word.strip_prefix(key)?.strip_prefix('=').map(str::to_owned);
    text.split_whitespace().filter_map(value).next_back()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_word_of_a_key_counts() {
        let text = "quiet landfall.order=a landfall.orders=x landfall.order=sha256:b console=tty0\n";
        assert_eq!(value_of(text, "landfall.order").as_deref(), Some("sha256:b"));
        assert_eq!(value_of(text, "quiet"), None);
    }
}
