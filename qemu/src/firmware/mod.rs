//! UEFI firmware of the host, found in a documented order.
//!
//! 1. the files that the caller names;
//! 2. `LANDFALL_FIRMWARE_X86_64` or `LANDFALL_FIRMWARE_AARCH64`: `CODE` or `CODE:VARIABLES`;
//! 3. QEMU's firmware descriptors (see [`descriptor`]);
//! 4. well-known paths of Debian, Fedora, Arch Linux and of QEMU itself.
//!
//! The variable store found is a template: a machine writes to a copy of its own.

mod descriptor;

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::architecture::Architecture;
use crate::error::Error;

/// What firmware has to say about Secure Boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SecureBoot {
    /// The plain build without Secure Boot: the quickest.
    Unsupported,
    /// Able to, but without keys: whoever enrols a platform key turns it on.
    SetupMode,
    /// On, with Microsoft's and the distribution's keys.
    Enrolled,
}

impl SecureBoot {
    /// How an error message goes on after the architecture.
    pub(crate) const fn suffix(self) -> &'static str {
        match self {
            Self::Unsupported => "",
            Self::SetupMode => " with Secure Boot in setup mode",
            Self::Enrolled => " with Secure Boot and enrolled keys",
        }
    }
}

/// Whether the firmware's variable store is guarded by system management mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ManagementMode {
    /// The board must have it.
    Needed,
    /// The firmware does not use it.
    Unused,
}

/// Firmware code and the variable store that goes with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirmwareFiles {
    code: PathBuf,
    variables: Option<PathBuf>,
    management_mode: ManagementMode,
}

impl FirmwareFiles {
    /// Files that the caller knows. Without variables the firmware forgets its settings at each start.
    pub fn new(code: PathBuf, variables: Option<PathBuf>, management_mode: ManagementMode) -> Self {
        Self { code, variables, management_mode }
    }

    /// The read-only code.
    pub fn code(&self) -> &Path {
        &self.code
    }

    /// The variable store.
    pub fn variables(&self) -> Option<&Path> {
        self.variables.as_deref()
    }

    /// Whether the board needs system management mode.
    pub fn needs_smm(&self) -> bool {
        self.management_mode == ManagementMode::Needed
    }

    /// The same firmware with another variable store, which the machine will write.
    pub fn with_variables(&self, variables: PathBuf) -> Self {
        Self { variables: Some(variables), ..self.clone() }
    }

    /// The same firmware with a copy of its variable store at `copy`.
    pub fn with_private_variables(&self, copy: &Path) -> Result<Self, Error> {
        let Some(template) = &self.variables else { return Ok(self.clone()) };
        copy_sparsely(template, copy)?;
        Ok(self.with_variables(copy.to_owned()))
    }
}

/// Copies a file, leaving holes for zeros: Arm's variable store is 64 MiB of them.
fn copy_sparsely(from: &Path, to: &Path) -> Result<(), Error> {
    let mut source = File::open(from).map_err(Error::io("opening", from))?;
    let mut target = File::create(to).map_err(Error::io("creating", to))?;
    let mut block = vec![0; 1 << 16];
    loop {
        let length = source.read(&mut block).map_err(Error::io("reading", from))?;
        if length == 0 {
            break;
        }
        if block[..length].iter().all(|&byte| byte == 0) {
            // Both ends of an i64 are far from a block's length.
            let skip = i64::try_from(length).unwrap_or(i64::MAX);
            target.seek(SeekFrom::Current(skip)).map_err(Error::io("writing", to))?;
        } else {
            target.write_all(&block[..length]).map_err(Error::io("writing", to))?;
        }
    }
    let end = target.stream_position().map_err(Error::io("writing", to))?;
    target.set_len(end).map_err(Error::io("writing", to))
}

/// The environment variable that names firmware for an architecture.
pub(crate) const fn variable(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::X86_64 => "LANDFALL_FIRMWARE_X86_64",
        Architecture::Aarch64 => "LANDFALL_FIRMWARE_AARCH64",
    }
}

/// Where to look for firmware.
#[derive(Clone, Debug, Default)]
pub struct FirmwareSearch {
    /// The value of the environment variable, where it is set and not empty.
    pub environment: Option<OsString>,
    /// Folders with descriptors; a file in an earlier one hides files of the same name in later ones.
    pub descriptors: Vec<PathBuf>,
    /// Prepended to the well-known paths; empty on a real host.
    pub root: PathBuf,
}

impl FirmwareSearch {
    /// This host's places.
    pub fn host(architecture: Architecture) -> Self {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let user = set("XDG_CONFIG_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".config")))
            .map(|folder| folder.join("qemu/firmware"));
        let system = ["/etc/qemu/firmware", "/usr/share/qemu/firmware"].map(PathBuf::from);
        Self {
            environment: set(variable(architecture)),
            descriptors: user.into_iter().chain(system).collect(),
            root: PathBuf::from("/"),
        }
    }

    /// The first firmware that fits, in the module's order.
    pub fn find(&self, architecture: Architecture, secure_boot: SecureBoot) -> Result<FirmwareFiles, Error> {
        if let Some(value) = &self.environment {
            return from_environment(architecture, secure_boot, value);
        }
        if let Some(found) = descriptor::find(&self.descriptors, architecture, secure_boot)? {
            return Ok(found);
        }
        let known = well_known(architecture, secure_boot).iter();
        known
            .map(|(code, variables)| (self.root.join(code), self.root.join(variables)))
            .find(|(code, variables)| code.is_file() && variables.is_file())
            .map(|(code, variables)| {
                FirmwareFiles::new(code, Some(variables), management_mode(architecture, secure_boot))
            })
            .ok_or(Error::FirmwareMissing { architecture, secure_boot })
    }
}

/// Builds with Secure Boot guard their variables by system management mode, which only x86 has.
fn management_mode(architecture: Architecture, secure_boot: SecureBoot) -> ManagementMode {
    match (architecture, secure_boot) {
        (Architecture::X86_64, SecureBoot::SetupMode | SecureBoot::Enrolled) => ManagementMode::Needed,
        (Architecture::Aarch64, _) | (_, SecureBoot::Unsupported) => ManagementMode::Unused,
    }
}

fn from_environment(
    architecture: Architecture,
    secure_boot: SecureBoot,
    value: &OsStr,
) -> Result<FirmwareFiles, Error> {
    let wrong = |problem| Error::FirmwareVariable {
        variable: variable(architecture).to_owned(),
        value: value.to_string_lossy().into_owned(),
        problem,
    };
    let text = value.to_str().ok_or_else(|| wrong("which is not UTF-8"))?;
    let (code, variables) = match text.split_once(':') {
        Some((code, variables)) => (PathBuf::from(code), Some(PathBuf::from(variables))),
        None => (PathBuf::from(text), None),
    };
    if std::iter::once(&code).chain(&variables).all(|path| path.is_file()) {
        Ok(FirmwareFiles::new(code, variables, management_mode(architecture, secure_boot)))
    } else {
        Err(wrong("which is not CODE or CODE:VARIABLES of existing files"))
    }
}

/// Code and variables below `/`, the distribution's usual first.
fn well_known(
    architecture: Architecture,
    secure_boot: SecureBoot,
) -> &'static [(&'static str, &'static str)] {
    match (architecture, secure_boot) {
        (Architecture::X86_64, SecureBoot::Unsupported) => &[
            ("usr/share/OVMF/OVMF_CODE_4M.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"),
            ("usr/share/OVMF/OVMF_CODE.fd", "usr/share/OVMF/OVMF_VARS.fd"),
            ("usr/share/edk2/ovmf/OVMF_CODE.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"),
            ("usr/share/edk2/x64/OVMF_CODE.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"),
            ("usr/share/qemu/edk2-x86_64-code.fd", "usr/share/qemu/edk2-i386-vars.fd"),
            (
                "run/current-system/sw/share/qemu/edk2-x86_64-code.fd",
                "run/current-system/sw/share/qemu/edk2-i386-vars.fd",
            ),
        ],
        (Architecture::X86_64, SecureBoot::SetupMode) => &[
            ("usr/share/OVMF/OVMF_CODE_4M.secboot.fd", "usr/share/OVMF/OVMF_VARS_4M.fd"),
            ("usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "usr/share/edk2/ovmf/OVMF_VARS.fd"),
            ("usr/share/edk2/x64/OVMF_CODE.secboot.4m.fd", "usr/share/edk2/x64/OVMF_VARS.4m.fd"),
        ],
        (Architecture::X86_64, SecureBoot::Enrolled) => &[
            ("usr/share/OVMF/OVMF_CODE_4M.ms.fd", "usr/share/OVMF/OVMF_VARS_4M.ms.fd"),
            ("usr/share/edk2/ovmf/OVMF_CODE.secboot.fd", "usr/share/edk2/ovmf/OVMF_VARS.secboot.fd"),
        ],
        (Architecture::Aarch64, SecureBoot::Unsupported) => &[
            ("usr/share/AAVMF/AAVMF_CODE.no-secboot.fd", "usr/share/AAVMF/AAVMF_VARS.fd"),
            ("usr/share/AAVMF/AAVMF_CODE.fd", "usr/share/AAVMF/AAVMF_VARS.fd"),
            ("usr/share/edk2/aarch64/QEMU_EFI-pflash.raw", "usr/share/edk2/aarch64/vars-template-pflash.raw"),
            ("usr/share/edk2/aarch64/QEMU_CODE.fd", "usr/share/edk2/aarch64/QEMU_VARS.fd"),
            ("usr/share/qemu/edk2-aarch64-code.fd", "usr/share/qemu/edk2-arm-vars.fd"),
            (
                "run/current-system/sw/share/qemu/edk2-aarch64-code.fd",
                "run/current-system/sw/share/qemu/edk2-arm-vars.fd",
            ),
        ],
        (Architecture::Aarch64, SecureBoot::SetupMode) => &[
            ("usr/share/AAVMF/AAVMF_CODE.secboot.fd", "usr/share/AAVMF/AAVMF_VARS.fd"),
            ("usr/share/AAVMF/AAVMF_CODE.fd", "usr/share/AAVMF/AAVMF_VARS.fd"),
        ],
        (Architecture::Aarch64, SecureBoot::Enrolled) => {
            &[("usr/share/AAVMF/AAVMF_CODE.ms.fd", "usr/share/AAVMF/AAVMF_VARS.ms.fd")]
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    /// A host whose root is an empty directory.
    fn bare() -> (tempfile::TempDir, FirmwareSearch) {
        let root = tempfile::tempdir().unwrap();
        let search = FirmwareSearch { root: root.path().to_owned(), ..FirmwareSearch::default() };
        (root, search)
    }

    fn put(root: &Path, path: &str) -> PathBuf {
        let file = root.join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, path).unwrap();
        file
    }

    #[test]
    fn a_host_without_firmware_is_told_the_package() {
        let (_root, search) = bare();
        let error = search.find(Architecture::X86_64, SecureBoot::Unsupported).unwrap_err();
        assert!(error.is_missing());
        assert!(error.hint().unwrap().contains("apt-get install ovmf"), "{:?}", error.hint());
    }

    #[test]
    fn well_known_paths_come_last_and_need_both_files() {
        let (root, search) = bare();
        let code = put(root.path(), "usr/share/OVMF/OVMF_CODE_4M.fd");
        assert!(search.find(Architecture::X86_64, SecureBoot::Unsupported).is_err());
        let variables = put(root.path(), "usr/share/OVMF/OVMF_VARS_4M.fd");
        let found = search.find(Architecture::X86_64, SecureBoot::Unsupported).unwrap();
        assert_eq!(found, FirmwareFiles::new(code, Some(variables), ManagementMode::Unused));
        assert!(search.find(Architecture::Aarch64, SecureBoot::Unsupported).is_err());
    }

    #[test]
    fn the_environment_wins_over_the_paths_and_must_name_files() {
        let (root, mut search) = bare();
        put(root.path(), "usr/share/AAVMF/AAVMF_CODE.fd");
        put(root.path(), "usr/share/AAVMF/AAVMF_VARS.fd");
        let mine = put(root.path(), "mine.fd");
        search.environment = Some(mine.clone().into());
        let found = search.find(Architecture::Aarch64, SecureBoot::Unsupported).unwrap();
        assert_eq!((found.code(), found.variables()), (mine.as_path(), None));

        search.environment = Some("/nowhere/code.fd:/nowhere/vars.fd".into());
        let error = search.find(Architecture::Aarch64, SecureBoot::Unsupported).unwrap_err();
        assert!(error.to_string().starts_with("`LANDFALL_FIRMWARE_AARCH64` names `/nowhere"), "{error}");
    }

    #[test]
    fn secure_boot_on_x86_needs_management_mode() {
        let (root, search) = bare();
        put(root.path(), "usr/share/OVMF/OVMF_CODE_4M.ms.fd");
        put(root.path(), "usr/share/OVMF/OVMF_VARS_4M.ms.fd");
        assert!(search.find(Architecture::X86_64, SecureBoot::Enrolled).unwrap().needs_smm());
    }

    #[test]
    fn the_copied_store_is_equal_and_sparse_and_the_template_stays() {
        let folder = tempfile::tempdir().unwrap();
        let (template, copy) = (folder.path().join("template"), folder.path().join("copy"));
        let mut content = vec![0; 3 << 20];
        content[1 << 20] = 7;
        fs::write(&template, &content).unwrap();
        let files = FirmwareFiles::new("/code".into(), Some(template.clone()), ManagementMode::Unused);
        let private = files.with_private_variables(&copy).unwrap();
        assert_eq!(private.variables(), Some(copy.as_path()));
        assert!(fs::read(&copy).unwrap() == content);
        let (sparse, full) = (fs::metadata(&copy).unwrap(), fs::metadata(&template).unwrap());
        assert!(sparse.blocks() < full.blocks(), "{} of {} blocks", sparse.blocks(), full.blocks());
    }
}
