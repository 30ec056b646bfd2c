//! The name of a medium: what the system itself looks for, else NixOS's rule.

use std::path::Path;

use iso::VolumeId;

use super::IsoError;
use crate::boot::{Generation, os_release};
use crate::error::IoError;
use crate::files;
use crate::image::System;
use crate::store::source::SourceError;

/// Where a NixOS medium is mounted in the live system.
const MEDIUM_MOUNT: &str = "/iso";

/// The name by which `system` looks for its medium: `root=LABEL=` among its kernel parameters, or the device of
/// `/iso` in its `fstab` (systems whose initrd is systemd's). `None` when it does not say.
///
/// # Errors
///
/// When its specialisations look for another one.
pub(super) fn wanted(system: &System) -> Result<Option<String>, IsoError> {
    let mut found: Option<String> = None;
    for (_, bootspec) in system.generation().variants() {
        let Some(label) = bootspec.boot.kernel_params.iter().find_map(|word| root_label(word)) else {
            continue;
        };
        match &found {
            Some(first) if *first != label => {
                return Err(IsoError::VolumeIds { first: first.clone(), second: label });
            }
            _ => found = Some(label),
        }
    }
    match found {
        Some(label) => Ok(Some(label)),
        None => Ok(text(system, "etc/fstab")?.and_then(|fstab| medium_label(&fstab))),
    }
}

/// The label in a kernel parameter `root=LABEL=…` or `root=/dev/disk/by-label/…`.
fn root_label(parameter: &str) -> Option<String> {
    label_of(parameter.strip_prefix("root=")?)
}

/// The label in `LABEL=…` or `/dev/disk/by-label/…`.
fn label_of(device: &str) -> Option<String> {
    let label = device.strip_prefix("LABEL=").or_else(|| device.strip_prefix("/dev/disk/by-label/"))?;
    (!label.is_empty()).then(|| label.trim_matches('"').to_owned())
}

/// The label of the medium in an `fstab`.
fn medium_label(fstab: &str) -> Option<String> {
    fstab.lines().find_map(|line| {
        let mut words = line.split_whitespace();
        let (device, place) = (words.next()?, words.next()?);
        (place == MEDIUM_MOUNT && words.next()? == "iso9660").then(|| label_of(device))?
    })
}

/// NixOS's rule `nixos[-EDITION]-RELEASE-ARCHITECTURE`, with what `system` calls itself for `nixos`; cut where
/// the field ends.
pub(super) fn by_rule(system: &System, edition: Option<&str>) -> Result<VolumeId, IsoError> {
    let release = text(system, "etc/os-release")?.unwrap_or_default();
    let field = |key, default: &str| os_release::field(&release, key).unwrap_or_else(|| default.to_owned());
    let edition = edition.map(|edition| format!("-{edition}")).unwrap_or_default();
    let tail = format!("{edition}-{}-{}", field("VERSION_ID", "0"), system.generation().architecture);
    Ok(VolumeId::new(&fitting(&field("ID", "nixos"), &tail))?)
}

/// `head` and `tail` as a volume's name: what is not printable becomes `_`, and `head` is cut first.
fn fitting(head: &str, tail: &str) -> String {
    let plain = |text: &str| -> String {
        text.chars().map(|c| if c.is_ascii_graphic() { c } else { '_' }).take(VolumeId::MAX).collect()
    };
    let tail = plain(tail);
    let mut name = plain(head);
    name.truncate(VolumeId::MAX - tail.len());
    name.push_str(&tail);
    name
}

/// A text file in the toplevel, links followed inside of the store; `None` when it is not there.
fn text(system: &System, file: &str) -> Result<Option<String>, IsoError> {
    let Generation { toplevel, .. } = system.generation();
    match system.source().resolve(&Path::new(&toplevel.to_string()).join(file)) {
        Ok(found) => {
            let read = files::read_to_string(&system.source().on_host(&found));
            Ok(Some(read.map_err(|error: IoError| IsoError::Io(error))?))
        }
        Err(SourceError::NotFound { .. }) => Ok(None),
        Err(error) => Err(IsoError::Source(error)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_label_is_found_wherever_nixos_puts_it() {
        for (parameter, label) in [
            ("root=LABEL=nixos-minimal-26.05-x86_64", Some("nixos-minimal-26.05-x86_64")),
            ("root=/dev/disk/by-label/a", Some("a")),
            ("root=fstab", None),
            ("root=LABEL=", None),
            ("boot.shell_on_fail", None),
        ] {
            assert_eq!(root_label(parameter).as_deref(), label, "{parameter}");
        }
        let fstab = "# made\n/dev/disk/by-label/nixos-26.05-aarch64 /iso iso9660 x-initrd.mount 0 0\n\
                     tmpfs / tmpfs mode=0755 0 0\n";
        assert_eq!(medium_label(fstab).as_deref(), Some("nixos-26.05-aarch64"));
        assert_eq!(medium_label("/dev/disk/by-label/usb /iso ext4 defaults 0 0\n"), None);
    }

    #[test]
    fn names_are_cut_at_their_head() {
        assert_eq!(fitting("nixos", "-26.05-x86_64"), "nixos-26.05-x86_64");
        assert_eq!(fitting("a-very-long-name-of-a-system", "-1-aarch64"), "a-very-long-name-of-a--1-aarch64");
        assert_eq!(fitting("größe", "-1"), "gr__e-1");
    }
}
