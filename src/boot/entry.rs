//! Entries of the boot menu, in the two conventions of NixOS's systemd-boot builder.

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};
use uefi::loader::{Entry, EntryName, Key, Tries, ValueError};

use super::{Bootspec, CommandLineError, Generation, command_line};
use crate::timestamp::Timestamp;

/// How entries are named and in which order their lines stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Convention {
    /// `nixos-generation-3.conf`: every NixOS release up to 26.05.
    Numbered,
    /// `nixos-DIGEST.conf`, after the SHA-256 of the entry: NixOS 26.11 and later.
    Hashed {
        /// How often the boot loader tries a new entry before it counts as bad; `None`: no counting.
        tries: Option<u32>,
    },
}

/// Files on the boot partition that an entry names: absolute paths from that partition's root.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFiles {
    /// The kernel.
    pub linux: String,
    /// The initial RAM disks in the order in which they are joined.
    pub initrds: Vec<String>,
    /// The device tree blob.
    pub devicetree: Option<String>,
}

/// What an entry is made from.
#[derive(Clone, Copy, Debug)]
pub struct Variant<'a> {
    /// The generation that it belongs to.
    pub generation: &'a Generation,
    /// The specialisation, or `None` for the system itself.
    pub specialisation: Option<&'a str>,
    /// The boot document of the system or specialisation.
    pub bootspec: &'a Bootspec,
}

/// An entry as a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EntryFile {
    /// Its name in `loader/entries`.
    pub name: EntryName,
    /// Its text.
    pub text: String,
}

/// Why a system cannot be an entry.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum EntryError {
    /// The kernel command line is wrong.
    #[error(transparent)]
    CommandLine(#[from] CommandLineError),
    /// A line of the entry would be read differently.
    #[error(transparent)]
    Value(#[from] ValueError),
    /// The boot loader would take part of the name for something else.
    #[error("`{0}` cannot be the name of a boot entry; rename the specialisation or profile")]
    Name(String),
}

/// The entry of `variant`, whose files are at `files`. `built_on` is the day that the menu shows; NixOS
/// takes the time at which the system's folder last changed on that machine, which no two machines have
/// in common, so the caller says which.
pub fn render(
    convention: Convention,
    variant: Variant<'_>,
    files: &EntryFiles,
    built_on: Timestamp,
) -> Result<EntryFile, EntryError> {
    let title = (Key::Title, title(variant));
    let version = (Key::Version, version(variant, built_on));
    let sort_key = (Key::SortKey, variant.bootspec.sort_key().to_owned());
    let mut boot = vec![(Key::Linux, files.linux.clone())];
    boot.extend(files.initrds.iter().map(|initrd| (Key::Initrd, initrd.clone())));
    boot.push((Key::Options, command_line(variant.bootspec)?));
    boot.extend(files.devicetree.iter().map(|blob| (Key::Devicetree, blob.clone())));
    match convention {
        Convention::Numbered => {
            let text = lines([title, sort_key, version].into_iter().chain(boot))?;
            Ok(EntryFile { name: numbered_name(variant)?, text })
        }
        Convention::Hashed { tries } => {
            let text = lines([title, version].into_iter().chain(boot).chain([sort_key]))?;
            // This convention has line feeds between lines only, and the digest is over just that.
            let text = text.trim_end_matches('\n').to_owned();
            let stem = format!("nixos-{}", HEXLOWER.encode(&Sha256::digest(&text)));
            let name = EntryName { tries: tries.map(Tries::fresh), ..EntryName::conf(stem) };
            Ok(EntryFile { name, text })
        }
    }
}

fn lines(lines: impl Iterator<Item = (Key, String)>) -> Result<String, ValueError> {
    let mut entry = Entry::new();
    for (key, value) in lines {
        entry = entry.with(key, value)?;
    }
    Ok(entry.render())
}

/// `DISTRIBUTION[ [PROFILE]][ (SPECIALISATION)]`
fn title(variant: Variant<'_>) -> String {
    let profile = variant.generation.profile.as_ref().map(|name| format!(" [{name}]")).unwrap_or_default();
    let specialisation = variant.specialisation.map(|name| format!(" ({name})")).unwrap_or_default();
    format!("{}{profile}{specialisation}", variant.generation.distribution)
}

/// `Generation N LABEL, built on YYYY-MM-DD`
fn version(variant: Variant<'_>, built_on: Timestamp) -> String {
    let day = built_on.civil();
    let date = format!("{:04}-{:02}-{:02}", day.year, day.month, day.day);
    format!("Generation {} {}, built on {date}", variant.generation.number, variant.bootspec.boot.label)
}

/// `nixos-[PROFILE-]generation-N[-specialisation-NAME]`
fn numbered_name(variant: Variant<'_>) -> Result<EntryName, EntryError> {
    let profile = variant.generation.profile.as_ref().map(|name| format!("{name}-")).unwrap_or_default();
    let specialisation =
        variant.specialisation.map(|name| format!("-specialisation-{name}")).unwrap_or_default();
    let name =
        EntryName::conf(format!("nixos-{profile}generation-{}{specialisation}", variant.generation.number));
    // A specialisation called `lab+3` would be an entry with three tries left.
    match EntryName::parse(&name.to_string()) {
        Some(read) if read == name && !name.stem.contains('/') => Ok(name),
        _ => Err(EntryError::Name(name.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use uefi::Architecture;

    use super::*;
    use crate::boot::bootspec::Boot;
    use crate::store::StorePath;

    const HASH: &str = "nqxa5k8g6ny7l8ckvlpnxs4796chcyw8";
    /// 2026-01-02, a second before midnight in UTC.
    const DAY: Timestamp = Timestamp::seconds(1_767_398_399);

    fn generation() -> Generation {
        let toplevel = format!("/nix/store/{HASH}-nixos-system-host-25.11.20260101.abcdef");
        let boot = Boot {
            system: "x86_64-linux".into(),
            init: format!("{toplevel}/init"),
            initrd: None,
            initrd_secrets: None,
            kernel: String::new(),
            kernel_params: vec!["loglevel=4".into(), "root=LABEL=nixos".into()],
            label: "NixOS Xantusia 25.11.20260101.abcdef (Linux 6.12.5)".into(),
            toplevel: toplevel.clone(),
        };
        Generation {
            number: NonZeroU32::new(3).unwrap(),
            profile: None,
            toplevel: StorePath::from_absolute(&toplevel).unwrap(),
            bootspec: Bootspec { boot, specialisations: Default::default(), extensions: Default::default() },
            architecture: Architecture::X64,
            distribution: "NixOS".into(),
        }
    }

    fn files() -> EntryFiles {
        EntryFiles {
            linux: format!("/EFI/nixos/{HASH}-linux-6.12.5-bzImage.efi"),
            initrds: vec![format!("/EFI/nixos/{HASH}-initrd-linux-6.12.5-initrd.efi")],
            devicetree: None,
        }
    }

    fn render_as(convention: Convention, generation: &Generation, specialisation: Option<&str>) -> EntryFile {
        let variant = Variant { generation, specialisation, bootspec: &generation.bootspec };
        render(convention, variant, &files(), DAY).unwrap()
    }

    #[test]
    fn numbered_entries_are_those_of_nixos() {
        let entry = render_as(Convention::Numbered, &generation(), Some("lab"));
        assert_eq!(entry.name.to_string(), "nixos-generation-3-specialisation-lab.conf");
        let expected = format!(
            "title NixOS (lab)\n\
             sort-key nixos\n\
             version Generation 3 NixOS Xantusia 25.11.20260101.abcdef (Linux 6.12.5), built on 2026-01-02\n\
             linux /EFI/nixos/{HASH}-linux-6.12.5-bzImage.efi\n\
             initrd /EFI/nixos/{HASH}-initrd-linux-6.12.5-initrd.efi\n\
             options init=/nix/store/{HASH}-nixos-system-host-25.11.20260101.abcdef/init loglevel=4 root=LABEL=nixos\n"
        );
        assert_eq!(entry.text, expected);
    }

    #[test]
    fn hashed_entries_are_named_by_their_text() {
        let convention = Convention::Hashed { tries: Some(3) };
        let entry = render_as(convention, &generation(), None);
        let expected = format!(
            "title NixOS\n\
             version Generation 3 NixOS Xantusia 25.11.20260101.abcdef (Linux 6.12.5), built on 2026-01-02\n\
             linux /EFI/nixos/{HASH}-linux-6.12.5-bzImage.efi\n\
             initrd /EFI/nixos/{HASH}-initrd-linux-6.12.5-initrd.efi\n\
             options init=/nix/store/{HASH}-nixos-system-host-25.11.20260101.abcdef/init loglevel=4 root=LABEL=nixos\n\
             sort-key nixos"
        );
        assert_eq!(entry.text, expected);
        let digest = HEXLOWER.encode(&Sha256::digest(&expected));
        assert_eq!(entry.name.to_string(), format!("nixos-{digest}+3.conf"));
        assert_eq!(entry.name.id(), format!("nixos-{digest}.conf"));
        let uncounted = render_as(Convention::Hashed { tries: None }, &generation(), None);
        assert_eq!(uncounted.name.to_string(), entry.name.id());
    }

    #[test]
    fn profiles_and_device_trees_have_their_places() {
        let mut generation = generation();
        generation.profile = Some("test".into());
        let mut files = files();
        files.devicetree = Some("/EFI/nixos/x.dtb.efi".into());
        let variant =
            Variant { generation: &generation, specialisation: None, bootspec: &generation.bootspec };
        let entry = render(Convention::Numbered, variant, &files, DAY).unwrap();
        assert_eq!(entry.name.to_string(), "nixos-test-generation-3.conf");
        assert!(entry.text.starts_with("title NixOS [test]\n"));
        assert!(entry.text.ends_with("root=LABEL=nixos\ndevicetree /EFI/nixos/x.dtb.efi\n"));
        let hashed = render(Convention::Hashed { tries: None }, variant, &files, DAY).unwrap();
        assert!(hashed.text.ends_with("\ndevicetree /EFI/nixos/x.dtb.efi\nsort-key nixos"));
    }

    #[test]
    fn what_the_boot_loader_would_misread_is_refused() {
        let mut generation = generation();
        let error = |generation: &Generation, specialisation| {
            let variant = Variant { generation, specialisation, bootspec: &generation.bootspec };
            render(Convention::Numbered, variant, &files(), DAY).unwrap_err().to_string()
        };
        assert_eq!(
            error(&generation, Some("lab+3")),
            "`nixos-generation-3-specialisation-lab+3.conf` cannot be the name of a boot entry; rename the \
             specialisation or profile"
        );
        generation.bootspec.boot.kernel_params = vec!["a\nb".into()];
        let toplevel = generation.toplevel.to_string();
        assert_eq!(
            error(&generation, None),
            format!("the kernel parameter \"a\\nb\" of `{toplevel}` holds a line break or NUL")
        );
        generation.bootspec.boot.kernel_params = vec!["x".repeat(2000)];
        let len = format!("init={toplevel}/init ").len() + 2000;
        assert_eq!(
            error(&generation, None),
            format!(
                "the kernel command line of `{toplevel}` has {len} bytes; the kernel takes 2047 and drops the rest"
            )
        );
    }
}
