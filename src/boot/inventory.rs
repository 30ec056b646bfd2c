//! What is on a boot partition: the reader of what [`esp`](super::esp) writes, for partitions of any
//! origin.

use uefi::Architecture;
use uefi::loader::{Entry, EntryName, LoaderConf};

use crate::tree::{Content, ContentError, Kind, NodeId, Tree};

/// Text that every systemd-boot carries, followed by its version and ` ####`.
const LOADER_INFO: &[u8] = b"#### LoaderInfo: systemd-boot ";

/// Entries are text files of a page at most; a larger one is not read.
const MAX_ENTRY: u64 = 1 << 16;

/// Boot loaders, entries and settings of a machine.
#[derive(Clone, Debug, Default)]
pub struct BootInventory {
    /// Programs in `EFI/BOOT` and `EFI/systemd`, by path.
    pub loaders: Vec<BootLoader>,
    /// The settings of systemd-boot, when there are any.
    pub conf: Option<LoaderConf>,
    /// Entries of type #1, in the order of their file names.
    pub entries: Vec<InstalledEntry>,
    /// Unified kernel images in `EFI/Linux`, by path.
    pub unified_kernels: Vec<String>,
}

/// A program that firmware starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootLoader {
    /// Its path on the ESP.
    pub path: String,
    /// The machine it is for, when it is one of ours.
    pub architecture: Option<Architecture>,
    /// The version, when it is systemd-boot.
    pub systemd_boot: Option<String>,
}

/// An entry as it is on the partition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InstalledEntry {
    /// Its file's name.
    pub name: EntryName,
    /// What it says.
    pub entry: Entry,
    /// Files that it names and that are not there.
    pub missing: Vec<String>,
}

impl BootInventory {
    /// Reads the ESP, and the XBOOTLDR partition where there is one. Entries name files of the
    /// partition on which they are.
    pub fn read(esp: &Tree, xbootldr: Option<&Tree>) -> Result<Self, ContentError> {
        let mut inventory = Self { conf: conf(esp)?, ..Self::default() };
        for folder in ["EFI/BOOT", "EFI/systemd"] {
            for (path, content) in files(esp, folder) {
                if path.to_ascii_lowercase().ends_with(".efi") {
                    inventory.loaders.push(boot_loader(path, content)?);
                }
            }
        }
        for partition in [Some(esp), xbootldr].into_iter().flatten() {
            inventory.add_entries(partition)?;
            let kernels = files(partition, "EFI/Linux").into_iter().map(|(path, _)| path);
            inventory.unified_kernels.extend(kernels.filter(|path| path.ends_with(".efi")));
        }
        inventory.entries.sort_by_key(|entry| entry.name.to_string());
        Ok(inventory)
    }

    /// The entry that `loader.conf` makes the default, by name or by a pattern with `*`. With a pattern
    /// the boot loader takes the first of its menu; here, the last of those that match by file name.
    pub fn default_entry(&self) -> Option<&InstalledEntry> {
        let conf = self.conf.as_ref()?;
        let patterns = [conf.preferred.as_deref(), conf.default.as_deref()];
        let matching = |pattern: &str| self.entries.iter().rfind(|entry| matches(pattern, &entry.name.id()));
        patterns.into_iter().flatten().find_map(matching)
    }

    fn add_entries(&mut self, partition: &Tree) -> Result<(), ContentError> {
        for (path, content) in files(partition, "loader/entries") {
            let name = path.rsplit('/').next().and_then(EntryName::parse);
            let Some(name) = name.filter(|name| name.suffix == ".conf" && content.len() <= MAX_ENTRY) else {
                continue;
            };
            let entry = Entry::parse(&String::from_utf8_lossy(&content.to_vec()?));
            let missing = entry.files().filter(|file| find(partition, file).is_none());
            let missing = missing.map(str::to_owned).collect();
            self.entries.push(InstalledEntry { name, entry, missing });
        }
        Ok(())
    }
}

fn conf(esp: &Tree) -> Result<Option<LoaderConf>, ContentError> {
    let Some(id) = find(esp, "loader/loader.conf") else { return Ok(None) };
    match &esp.node(id).kind {
        Kind::File(content) if content.len() <= MAX_ENTRY => {
            Ok(Some(LoaderConf::parse(&String::from_utf8_lossy(&content.to_vec()?))))
        }
        _ => Ok(None),
    }
}

/// Reads the program at `path`: a megabyte at most, boot loaders are a tenth of that.
fn boot_loader(path: String, content: &Content) -> Result<BootLoader, ContentError> {
    const MAX_LOADER: u64 = 1 << 20;
    let mut bytes = vec![0; crate::units::usize_of(content.len().min(MAX_LOADER))];
    content.open()?.read_at(&mut bytes, 0)?;
    let architecture = uefi::pe_machine(&bytes).and_then(Architecture::from_pe_machine);
    Ok(BootLoader { path, architecture, systemd_boot: systemd_boot_version(&bytes) })
}

/// The version in a systemd-boot's bytes.
fn systemd_boot_version(bytes: &[u8]) -> Option<String> {
    let at = bytes.windows(LOADER_INFO.len()).position(|window| window == LOADER_INFO)?;
    let text = bytes.get(at + LOADER_INFO.len()..)?;
    let end = text.iter().take(64).position(|byte| *byte == b' ')?;
    String::from_utf8(text[..end].to_vec()).ok()
}

/// Files directly in `folder`, with their paths, in the order of their names.
fn files<'a>(tree: &'a Tree, folder: &str) -> Vec<(String, &'a Content)> {
    let Some(id) = find(tree, folder) else { return Vec::new() };
    let file = |(name, id): (&crate::tree::Name, NodeId)| match &tree.node(id).kind {
        Kind::File(content) => Some((format!("{folder}/{name}"), content)),
        _ => None,
    };
    tree.entries(id).filter_map(file).collect()
}

/// The node at `path`, upper and lower case being one, as they are to firmware.
fn find(tree: &Tree, path: &str) -> Option<NodeId> {
    let mut here = Tree::ROOT;
    for part in path.split('/').filter(|part| !part.is_empty()) {
        let mut entries = tree.entries(here);
        here = entries.find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(part.as_bytes()))?.1;
    }
    Some(here)
}

/// Whether `name` fits `pattern`, in which `*` stands for any text.
fn matches(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((front, rest)) => name.strip_prefix(front).is_some_and(|name| {
            (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(rest, &name[at..]))
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, name, fits) in [
            ("nixos-*", "nixos-generation-1.conf", true),
            ("*.conf", "nixos.conf", true),
            ("a*b*c", "a-b-b-c", true),
            ("nixos", "nixos.conf", false),
            ("*x", "ä", false),
        ] {
            assert_eq!(matches(pattern, name), fits, "{pattern} {name}");
        }
    }

    #[test]
    fn the_version_of_a_systemd_boot_is_in_its_bytes() {
        let bytes = [b"MZ junk".as_slice(), LOADER_INFO, b"257.9-1 ####\0rest"].concat();
        assert_eq!(systemd_boot_version(&bytes).as_deref(), Some("257.9-1"));
        assert_eq!(systemd_boot_version(&bytes[..20]), None);
    }
}
