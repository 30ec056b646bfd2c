//! Kernels, initrds and device trees on the boot partition: their names, each content once.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use data_encoding::HEXLOWER;
use sha2::{Digest, Sha256};

use crate::error::IoError;
use crate::files;
use crate::store::path::StorePathError;
use crate::store::source::SourceError;
use crate::store::{Source, StorePath};
use crate::tree::{Content, HostFile};

/// Folder of these files on the boot partition.
pub(super) const FOLDER: &str = "EFI/nixos";

/// Why a file could not be taken to the boot partition.
#[derive(Debug, thiserror::Error)]
pub enum BootFileError {
    /// It is not in the store.
    #[error("`{needed_by}` needs `{path}` to boot")]
    Source {
        /// The file.
        path: String,
        /// The system.
        needed_by: String,
        /// Why it could not be found.
        source: Box<SourceError>,
    },
    /// It is not below the store directory, where its name would come from.
    #[error("`{needed_by}` boots `{path}`, which is outside of the store")]
    Outside {
        /// The file.
        path: String,
        /// The system.
        needed_by: String,
        /// What is wrong with the name.
        source: StorePathError,
    },
    /// It could not be read.
    #[error(transparent)]
    Io(#[from] IoError),
}

/// A file of the store, all links followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name on the boot partition by NixOS's rule: store path and last part of the name, `.efi`
    /// behind it whatever it is.
    pub name: String,
    /// Where it is on this host.
    pub host: PathBuf,
    /// Its size in bytes.
    pub len: u64,
}

impl Found {
    /// The file `path` of the store, which `needed_by` boots.
    pub fn find(source: &Source, path: &str, needed_by: &str) -> Result<Self, BootFileError> {
        let shown = || (path.to_owned(), needed_by.to_owned());
        let resolved = source.resolve(Path::new(path)).map_err(|source| {
            let (path, needed_by) = shown();
            BootFileError::Source { path, needed_by, source: Box::new(source) }
        })?;
        let text = resolved.to_string_lossy();
        let (store_path, inside) = StorePath::split(&text).map_err(|source| {
            let (path, needed_by) = shown();
            BootFileError::Outside { path, needed_by, source }
        })?;
        let host = source.on_host(&resolved);
        let metadata = std::fs::metadata(&host).map_err(|error| IoError::new("reading", &host, error))?;
        if !metadata.is_file() {
            return Err(IoError::new("reading", &host, io::ErrorKind::IsADirectory.into()).into());
        }
        Ok(Self { name: boot_name(&store_path, inside), host, len: metadata.len() })
    }

    /// The first bytes, at most `count`.
    pub fn head(&self, count: u64) -> Result<Vec<u8>, IoError> {
        let mut head = Vec::new();
        let file = files::open(&self.host)?;
        file.take(count)
            .read_to_end(&mut head)
            .map_err(|error| IoError::new("reading", &self.host, error))?;
        Ok(head)
    }

    /// The bytes, to be read later.
    pub fn content(&self) -> Content {
        Content::Host(HostFile { path: self.host.clone(), len: self.len, data: None })
    }

    fn digest(&self) -> Result<[u8; 32], IoError> {
        let error = |error| IoError::new("reading", &self.host, error);
        let mut file: File = files::open(&self.host)?;
        let mut hasher = Sha256::new();
        let mut buffer = vec![0; 1 << 20];
        loop {
            match file.read(&mut buffer).map_err(error)? {
                0 => return Ok(hasher.finalize().into()),
                read => hasher.update(&buffer[..read]),
            }
        }
    }
}

/// NixOS's rule: `HASH-NAME-LAST.efi`, or `HASH-NAME.efi` when the store path itself is the file.
fn boot_name(path: &StorePath, inside: &str) -> String {
    match inside.rsplit('/').next() {
        Some(last) if !last.is_empty() => format!("{}-{last}.efi", path.base_name()),
        _ => format!("{}.efi", path.base_name()),
    }
}

/// The name of an initrd that gets secrets appended, in the hashed convention: a digest of the names of
/// both parts, because the pristine file and the completed one must not share a name.
pub(super) fn initrd_with_secrets_name(initrd: &Found, secrets: &Found) -> String {
    let parts = format!("{FOLDER}/{}\n{FOLDER}/{}", initrd.name, secrets.name);
    format!("{}-initrd.efi", HEXLOWER.encode(&Sha256::digest(parts)))
}

/// The files of a boot partition, by name. A content that is there already is not put there again
/// under another name: systems that differ in their initrd only share the kernel, and the other way
/// round, even if they were built apart.
#[derive(Debug, Default)]
pub(super) struct BootFiles {
    files: BTreeMap<String, Found>,
    /// Digests of files whose size another file has too.
    digests: BTreeMap<PathBuf, [u8; 32]>,
}

impl BootFiles {
    /// Puts `file` there as `name`, or finds its content under another name; the name that it has.
    pub fn place(&mut self, name: String, file: Found) -> Result<String, IoError> {
        if self.files.get(&name).is_some_and(|there| there.host == file.host) {
            return Ok(name);
        }
        let rivals: Vec<(String, Found)> = self
            .files
            .iter()
            .filter(|(_, there)| there.len == file.len)
            .map(|(name, there)| (name.clone(), there.clone()))
            .collect();
        for (rival_name, rival) in rivals {
            if rival.host == file.host || self.digest(&rival)? == self.digest(&file)? {
                return Ok(rival_name);
            }
        }
        self.files.insert(name.clone(), file);
        Ok(name)
    }

    /// Every file with its name in [`FOLDER`], sorted.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Found)> {
        self.files.iter().map(|(name, file)| (name.as_str(), file))
    }

    fn digest(&mut self, file: &Found) -> Result<[u8; 32], IoError> {
        if let Some(digest) = self.digests.get(&file.host) {
            return Ok(*digest);
        }
        let digest = file.digest()?;
        self.digests.insert(file.host.clone(), digest);
        Ok(digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HASH: &str = "nqxa5k8g6ny7l8ckvlpnxs4796chcyw8";

    #[test]
    fn names_follow_the_rule_of_nixos() {
        for (base, inside, name) in [
            ("linux-6.12.5", "bzImage", "linux-6.12.5-bzImage.efi"),
            ("initrd-linux-6.12.5", "initrd", "initrd-linux-6.12.5-initrd.efi"),
            ("device-tree-overlays", "rockchip/rk3399-foo.dtb", "device-tree-overlays-rk3399-foo.dtb.efi"),
            ("initrd.img", "", "initrd.img.efi"),
        ] {
            let path = StorePath::from_base_name(&format!("{HASH}-{base}")).unwrap();
            assert_eq!(boot_name(&path, inside), format!("{HASH}-{name}"));
        }
    }

    #[test]
    fn equal_contents_are_one_file_and_different_ones_are_not() {
        let dir = tempfile::tempdir().unwrap();
        let found = |name: &str, content: &[u8]| {
            let host = dir.path().join(name);
            std::fs::write(&host, content).unwrap();
            Found { name: name.into(), host, len: u64::try_from(content.len()).unwrap() }
        };
        let mut files = BootFiles::default();
        let mut place = |file: Found| files.place(file.name.clone(), file).unwrap();
        assert_eq!(place(found("a", b"kernel")), "a");
        assert_eq!(place(found("b", b"kernel")), "a");
        assert_eq!(place(found("c", b"kernal")), "c");
        assert_eq!(place(found("d", b"longer kernel")), "d");
        let names: Vec<_> = files.iter().map(|(name, _)| name.to_owned()).collect();
        assert_eq!(names, ["a", "c", "d"]);
    }

    #[test]
    fn initrds_with_secrets_are_named_by_both_parts() {
        let found = |name: &str| Found { name: name.into(), host: PathBuf::new(), len: 0 };
        let name = initrd_with_secrets_name(&found("i.efi"), &found("s.efi"));
        let digest = HEXLOWER.encode(&Sha256::digest("EFI/nixos/i.efi\nEFI/nixos/s.efi"));
        assert_eq!(name, format!("{digest}-initrd.efi"));
    }
}
