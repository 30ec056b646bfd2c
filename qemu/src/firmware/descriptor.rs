//! QEMU's firmware descriptors: JSON files in which distributions say which firmware is for what.
//!
//! The format is QEMU's `docs/interop/firmware.json`. Its rules used here: files are taken in the order of
//! their names; a file in a folder of higher priority hides those of the same name below; an empty file
//! hides and describes nothing. Only flash firmware in raw format is used.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::{FirmwareFiles, ManagementMode, SecureBoot};
use crate::architecture::Architecture;
use crate::error::Error;

/// The first fitting firmware whose files exist; `folders` begin with the highest priority.
pub(super) fn find(
    folders: &[PathBuf],
    architecture: Architecture,
    secure_boot: SecureBoot,
) -> Result<Option<FirmwareFiles>, Error> {
    for path in visible(folders)?.into_values() {
        let text = fs::read_to_string(&path).map_err(Error::io("reading", &path))?;
        if text.trim().is_empty() {
            continue;
        }
        let document: Value = serde_json::from_str(&text)
            .map_err(|error| Error::FirmwareDescriptor { path: path.clone(), problem: error.to_string() })?;
        if fits(&document, architecture, secure_boot)
            && let Some(files) = files(&document)
        {
            return Ok(Some(files));
        }
    }
    Ok(None)
}

/// The descriptors by name, each from the first folder that has it.
fn visible(folders: &[PathBuf]) -> Result<BTreeMap<OsString, PathBuf>, Error> {
    let mut files = BTreeMap::new();
    for folder in folders {
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(Error::io("reading", folder)(error)),
        };
        for entry in entries {
            let entry = entry.map_err(Error::io("reading", folder))?;
            if Path::new(&entry.file_name()).extension().is_some_and(|extension| extension == "json") {
                files.entry(entry.file_name()).or_insert_with(|| entry.path());
            }
        }
    }
    Ok(files)
}

/// The strings of a list.
fn strings<'a>(document: &'a Value, list: &str) -> impl Iterator<Item = &'a str> {
    document[list].as_array().into_iter().flatten().filter_map(Value::as_str)
}

/// Whether the descriptor is for this kind of machine.
fn fits(document: &Value, architecture: Architecture, secure_boot: SecureBoot) -> bool {
    let has = |feature| strings(document, "features").any(|other| other == feature);
    let keys = (has("secure-boot"), has("enrolled-keys"));
    let secure = match secure_boot {
        SecureBoot::Unsupported => keys == (false, false) && !has("requires-smm"),
        SecureBoot::SetupMode => keys == (true, false),
        SecureBoot::Enrolled => keys == (true, true),
    };
    let board = match architecture {
        Architecture::X86_64 => "pc-q35-",
        Architecture::Aarch64 => "virt-",
    };
    let mut targets = document["targets"].as_array().into_iter().flatten();
    let target = targets.any(|target| {
        // Machine types are named by patterns such as `pc-q35-*`; what follows the family is a version.
        target["architecture"] == architecture.name()
            && strings(target, "machines").any(|pattern| pattern.starts_with(board))
    });
    secure && target && strings(document, "interface-types").any(|interface| interface == "uefi")
}

/// Code and variables of a descriptor, where they are raw flash images that exist.
fn files(document: &Value) -> Option<FirmwareFiles> {
    let mapping = &document["mapping"];
    // `split` is the default of newer versions of the format; `combined` and `stateless` have no template.
    let split = mapping["mode"].as_str().unwrap_or("split") == "split";
    if mapping["device"] != "flash" || !split {
        return None;
    }
    let raw_file = |part: &Value| -> Option<PathBuf> {
        let path = PathBuf::from(part["filename"].as_str()?);
        (part["format"] == "raw" && path.is_file()).then_some(path)
    };
    let code = raw_file(&mapping["executable"])?;
    let variables = raw_file(&mapping["nvram-template"])?;
    let guarded = strings(document, "features").any(|feature| feature == "requires-smm");
    let mode = if guarded { ManagementMode::Needed } else { ManagementMode::Unused };
    Some(FirmwareFiles::new(code, Some(variables), mode))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two folders and firmware files that descriptors in them can name.
    struct Host {
        root: tempfile::TempDir,
    }

    impl Host {
        fn new() -> Self {
            let host = Self { root: tempfile::tempdir().unwrap() };
            for folder in host.folders() {
                fs::create_dir(folder).unwrap();
            }
            for file in ["code-a", "vars-a", "code-b", "vars-b"] {
                fs::write(host.root.path().join(file), file).unwrap();
            }
            host
        }

        fn folders(&self) -> [PathBuf; 2] {
            ["high", "low"].map(|name| self.root.path().join(name))
        }

        /// Firmware `letter` for q35 with these features, described in a file `name` of `folder`.
        fn describe(&self, folder: &str, name: &str, letter: char, features: &[&str]) {
            let file = |kind| self.root.path().join(format!("{kind}-{letter}"));
            let text = serde_json::json!({
                "interface-types": ["uefi"],
                "mapping": {
                    "device": "flash",
                    "executable": { "filename": file("code"), "format": "raw" },
                    "nvram-template": { "filename": file("vars"), "format": "raw" }
                },
                "targets": [{ "architecture": "x86_64", "machines": ["pc-i440fx-*", "pc-q35-*"] }],
                "features": features
            });
            fs::write(self.root.path().join(folder).join(name), text.to_string()).unwrap();
        }

        /// The letter of the code found.
        fn found(&self, architecture: Architecture, secure_boot: SecureBoot) -> Option<String> {
            let files = find(&self.folders(), architecture, secure_boot).unwrap()?;
            Some(files.code().to_string_lossy().chars().rev().take(1).collect())
        }

        fn plain(&self) -> Option<String> {
            self.found(Architecture::X86_64, SecureBoot::Unsupported)
        }
    }

    #[test]
    fn names_decide_the_order_across_folders() {
        let host = Host::new();
        host.describe("high", "60-b.json", 'b', &[]);
        host.describe("low", "50-a.json", 'a', &[]);
        assert_eq!(host.plain().as_deref(), Some("a"));
    }

    #[test]
    fn the_higher_folder_hides_files_of_the_same_name() {
        let host = Host::new();
        host.describe("low", "50.json", 'a', &[]);
        host.describe("high", "50.json", 'b', &[]);
        assert_eq!(host.plain().as_deref(), Some("b"));
        fs::write(host.root.path().join("high/50.json"), "").unwrap();
        assert_eq!(host.plain(), None);
    }

    #[test]
    fn features_and_targets_must_fit() {
        let host = Host::new();
        host.describe("low", "40.json", 'a', &["secure-boot", "enrolled-keys", "requires-smm"]);
        assert_eq!(host.plain(), None);
        assert_eq!(host.found(Architecture::X86_64, SecureBoot::SetupMode), None);
        assert_eq!(host.found(Architecture::X86_64, SecureBoot::Enrolled).as_deref(), Some("a"));
        host.describe("low", "50.json", 'b', &["acpi-s3"]);
        assert_eq!(host.plain().as_deref(), Some("b"));
        assert_eq!(host.found(Architecture::Aarch64, SecureBoot::Unsupported), None);
    }

    #[test]
    fn firmware_that_is_described_but_gone_is_passed_over() {
        let host = Host::new();
        host.describe("low", "50.json", 'a', &[]);
        host.describe("low", "60.json", 'b', &[]);
        fs::remove_file(host.root.path().join("vars-a")).unwrap();
        assert_eq!(host.plain().as_deref(), Some("b"));
    }

    #[test]
    fn a_broken_descriptor_is_named() {
        let host = Host::new();
        fs::write(host.root.path().join("low/50.json"), "{").unwrap();
        let error = find(&host.folders(), Architecture::X86_64, SecureBoot::Unsupported).unwrap_err();
        assert!(error.to_string().contains("low/50.json: "), "{error}");
    }
}
