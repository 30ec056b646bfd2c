//! Which files of a boot partition are ours, who needs them, and which nobody needs any more.
//!
//! Each generation registers what it needs; a file without a registration is stale. Only names that
//! NixOS's builder makes are ever called stale: files directly in `EFI/nixos` and entries
//! `loader/entries/nixos-*.conf`. What other systems put there is not ours to judge.

use std::collections::{BTreeMap, BTreeSet};

use uefi::loader::EntryName;

use super::files::FOLDER;

/// Folder of the entries on the boot partition.
const ENTRIES: &str = "loader/entries";

/// Who needs a file: a generation, or one of its specialisations.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// The profile, when it is not `system`.
    pub profile: Option<String>,
    /// The number of the generation.
    pub generation: u32,
    /// The specialisation.
    pub specialisation: Option<String>,
}

/// Files of a boot partition with those who need them. Names are relative to the partition's root.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Roots {
    files: BTreeMap<String, BTreeSet<Root>>,
}

impl Roots {
    /// `root` needs the file `name`. An entry is registered without its boot counter, which changes
    /// under the boot loader's hands.
    pub fn register(&mut self, name: &str, root: Root) {
        self.files.entry(without_counter(name)).or_default().insert(root);
    }

    /// Who needs the file `name`; nobody, when it is not registered.
    pub fn of(&self, name: &str) -> impl Iterator<Item = &Root> {
        self.files.get(&without_counter(name)).into_iter().flatten()
    }

    /// Every registered file, sorted.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.files.keys().map(String::as_str)
    }

    /// Those of the files `present` that are ours and that nobody needs.
    pub fn stale<'a>(&self, present: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
        let stale = |name: &&str| is_ours(name) && !self.files.contains_key(&without_counter(name));
        present.into_iter().filter(stale).collect()
    }
}

/// Whether NixOS's builder could have made a file of this name.
fn is_ours(name: &str) -> bool {
    match name.rsplit_once('/') {
        Some((FOLDER, _)) => true,
        Some((ENTRIES, file)) => file.starts_with("nixos-") && file.ends_with(".conf"),
        _ => false,
    }
}

/// `name`, for an entry without its boot counter.
fn without_counter(name: &str) -> String {
    match name.rsplit_once('/') {
        Some((ENTRIES, file)) => {
            let id = EntryName::parse(file).map_or_else(|| file.to_owned(), |entry| entry.id());
            format!("{ENTRIES}/{id}")
        }
        _ => name.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn root(generation: u32, specialisation: Option<&str>) -> Root {
        Root { profile: None, generation, specialisation: specialisation.map(str::to_owned) }
    }

    #[test]
    fn only_our_own_files_that_nobody_needs_are_stale() {
        let mut roots = Roots::default();
        roots.register("EFI/nixos/kernel.efi", root(1, None));
        roots.register("EFI/nixos/kernel.efi", root(1, Some("lab")));
        roots.register("EFI/nixos/lab-initrd.efi", root(1, Some("lab")));
        roots.register("loader/entries/nixos-ab+3.conf", root(1, None));
        let present = [
            "EFI/nixos/kernel.efi",
            "EFI/nixos/lab-initrd.efi",
            "EFI/nixos/old.efi",
            "EFI/nixos/folder/other.efi",
            "EFI/BOOT/BOOTX64.EFI",
            "loader/entries/nixos-ab+2-1.conf",
            "loader/entries/nixos-cd.conf",
            "loader/entries/arch.conf",
            "loader/loader.conf",
        ];
        assert_eq!(roots.stale(present), ["EFI/nixos/old.efi", "loader/entries/nixos-cd.conf"]);
        assert_eq!(roots.of("EFI/nixos/kernel.efi").count(), 2);
        assert_eq!(roots.of("loader/entries/nixos-ab.conf").count(), 1);
        assert_eq!(roots.of("EFI/nixos/old.efi").count(), 0);
    }
}
