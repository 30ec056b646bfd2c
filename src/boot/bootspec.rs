//! `boot.json`: a system's own description of how it boots (NixOS RFC 125, bootspec).
//!
//! One flat JSON object whose keys are names turned around, so that everyone can add to it:
//!
//! | key | value |
//! |---|---|
//! | `org.nixos.bootspec.v1` | kernel, initrd, parameters, label … |
//! | `org.nixos.specialisation.v1` | name → the same document again, for each specialisation |
//! | `org.nixos.systemd-boot` | `sortKey`, `devicetree` |
//! | `org.nixos.extra-initrd.v1` | `paths` on the boot partition |
//! | any other | kept as it is |
//!
//! Kernel parameters are not checked against the RFC's JSON schema: that refuses legal ones with a
//! second `=`, such as `root=LABEL=nixos`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// The key of the document's own part.
const V1: &str = "org.nixos.bootspec.v1";
/// The key of the specialisations.
const SPECIALISATIONS: &str = "org.nixos.specialisation.v1";
/// The key of what only systemd-boot's builder reads.
const SYSTEMD_BOOT: &str = "org.nixos.systemd-boot";
/// The key of initrds that are on the boot partition already.
const EXTRA_INITRD: &str = "org.nixos.extra-initrd.v1";

/// How deep specialisations may lie in each other. NixOS makes one level.
const MAX_DEPTH: usize = 16;

/// A boot document, with everything that others added to it.
#[derive(Clone, Debug, PartialEq)]
pub struct Bootspec {
    /// The document's own part.
    pub boot: Boot,
    /// Variants of the system by name, each with its own document.
    pub specialisations: BTreeMap<String, Bootspec>,
    /// Every other key, as it was.
    pub extensions: Map<String, Value>,
}

/// `org.nixos.bootspec.v1`. Paths are absolute, in the store.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Boot {
    /// Nix system double: `x86_64-linux`.
    pub system: String,
    /// First program of the system.
    pub init: String,
    /// Initial RAM disk; a system can do without.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initrd: Option<String>,
    /// Program that appends secrets to a copy of the initrd. It must run on the machine itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub initrd_secrets: Option<String>,
    /// Kernel image.
    pub kernel: String,
    /// Kernel parameters, without `init=`.
    pub kernel_params: Vec<String>,
    /// What a person reads: distribution, version, kernel.
    pub label: String,
    /// The system.
    pub toplevel: String,
}

/// Why a document is no bootspec.
#[derive(Debug, thiserror::Error)]
pub enum BootspecError {
    /// It is not JSON, or a field is missing or of the wrong type.
    #[error("{0}")]
    Json(serde_json::Error),
    /// It has no part that we know.
    #[error("it has no `{V1}`")]
    NoVersion,
    /// The part of one key is wrong.
    #[error("`{key}`: {why}")]
    Key {
        /// The key.
        key: String,
        /// What is wrong.
        why: String,
    },
    /// An extension is `null`, which RFC 125's parser refuses.
    #[error("`{0}` is null, which an extension cannot be")]
    Null(String),
    /// Specialisations within specialisations without end.
    #[error("specialisations lie in each other more than {MAX_DEPTH} deep")]
    Depth,
}

impl Bootspec {
    /// Reads a document.
    pub fn parse(text: &str) -> Result<Self, BootspecError> {
        let document: Map<String, Value> = serde_json::from_str(text).map_err(BootspecError::Json)?;
        Self::from_document(document, 0)
    }

    fn from_document(mut document: Map<String, Value>, depth: usize) -> Result<Self, BootspecError> {
        if depth > MAX_DEPTH {
            return Err(BootspecError::Depth);
        }
        let boot = document.remove(V1).ok_or(BootspecError::NoVersion)?;
        let boot = serde_json::from_value(boot).map_err(|error| wrong(V1, &error))?;
        let mut specialisations = BTreeMap::new();
        if let Some(children) = document.remove(SPECIALISATIONS) {
            let children: BTreeMap<String, Map<String, Value>> =
                serde_json::from_value(children).map_err(|error| wrong(SPECIALISATIONS, &error))?;
            for (name, child) in children {
                let child = Self::from_document(child, depth + 1).map_err(|error| match error {
                    BootspecError::Depth => BootspecError::Depth,
                    error => BootspecError::Key {
                        key: format!("{SPECIALISATIONS}.{name}"),
                        why: error.to_string(),
                    },
                })?;
                specialisations.insert(name, child);
            }
        }
        if let Some((key, _)) = document.iter().find(|(_, value)| value.is_null()) {
            return Err(BootspecError::Null(key.clone()));
        }
        Ok(Self { boot, specialisations, extensions: document })
    }

    /// The document as JSON. Specialisations are always there, even if there are none: NixOS's builder
    /// cannot do without the key.
    pub fn to_json(&self) -> Value {
        let mut document = self.extensions.clone();
        let boot = &self.boot;
        document.insert(V1.to_owned(), serde_json::json!(boot));
        let children = self.specialisations.iter().map(|(name, child)| (name.clone(), child.to_json()));
        document.insert(SPECIALISATIONS.to_owned(), Value::Object(children.collect()));
        Value::Object(document)
    }

    /// `sort-key` of the system's entries, `nixos` where nothing else is said.
    pub fn sort_key(&self) -> &str {
        self.systemd_boot("sortKey").unwrap_or("nixos")
    }

    /// The device tree blob to boot with: an absolute path in the store.
    pub fn devicetree(&self) -> Option<&str> {
        self.systemd_boot("devicetree")
    }

    /// Initrds that the entry names after the system's own, relative to the boot partition's root.
    pub fn extra_initrds(&self) -> Vec<&str> {
        let paths = self.extensions.get(EXTRA_INITRD).and_then(|extension| extension.get("paths"));
        paths.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
    }

    fn systemd_boot(&self, field: &str) -> Option<&str> {
        self.extensions.get(SYSTEMD_BOOT)?.get(field)?.as_str()
    }
}

fn wrong(key: &str, error: &serde_json::Error) -> BootspecError {
    BootspecError::Key { key: key.to_owned(), why: error.to_string() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn document() -> Value {
        let boot = json!({
            "system": "x86_64-linux", "init": "/nix/store/t/init", "kernel": "/nix/store/k/bzImage",
            "initrd": "/nix/store/i/initrd", "kernelParams": ["root=LABEL=nixos"], "label": "NixOS",
            "toplevel": "/nix/store/t",
        });
        json!({
            V1: boot.clone(),
            SPECIALISATIONS: { "lab": { V1: boot, "org.example": { "own": [1, 2] } } },
            SYSTEMD_BOOT: { "sortKey": "mine", "devicetree": null },
            EXTRA_INITRD: { "paths": ["EFI/a.img", "b"] },
            "org.example": { "kept": 1.5 },
        })
    }

    #[test]
    fn everything_is_kept_and_written_again() {
        let spec = Bootspec::parse(&document().to_string()).unwrap();
        assert_eq!(spec.boot.kernel_params, ["root=LABEL=nixos"]);
        assert_eq!(spec.boot.initrd_secrets, None);
        assert_eq!((spec.sort_key(), spec.devicetree()), ("mine", None));
        assert_eq!(spec.extra_initrds(), ["EFI/a.img", "b"]);
        let lab = &spec.specialisations["lab"];
        assert_eq!(lab.sort_key(), "nixos");
        assert_eq!(lab.extensions["org.example"], json!({ "own": [1, 2] }));
        let again = Bootspec::parse(&spec.to_json().to_string()).unwrap();
        assert_eq!(again, spec);
        assert_eq!(lab.to_json()[SPECIALISATIONS], json!({}));
    }

    #[test]
    fn wrong_documents_say_what_is_wrong() {
        let with = |change: &dyn Fn(&mut Value)| {
            let mut document = document();
            change(&mut document);
            Bootspec::parse(&document.to_string()).unwrap_err().to_string()
        };
        assert_eq!(
            with(&|d| drop(d.as_object_mut().unwrap().remove(V1))),
            "it has no `org.nixos.bootspec.v1`"
        );
        assert_eq!(
            with(&|d| drop(d[V1].as_object_mut().unwrap().remove("kernel"))),
            "`org.nixos.bootspec.v1`: missing field `kernel`"
        );
        assert_eq!(
            with(&|d| drop(d[SPECIALISATIONS]["lab"].as_object_mut().unwrap().remove(V1))),
            "`org.nixos.specialisation.v1.lab`: it has no `org.nixos.bootspec.v1`"
        );
        assert_eq!(
            with(&|d| d["org.example"] = Value::Null),
            "`org.example` is null, which an extension cannot be"
        );
        let cut = Bootspec::parse("{").unwrap_err().to_string();
        assert_eq!(cut, "EOF while parsing an object at line 1 column 1");
    }

    #[test]
    fn specialisations_without_end_are_refused() {
        let mut nested = json!({ V1: document()[V1] });
        for _ in 0..=MAX_DEPTH {
            nested = json!({ V1: document()[V1], SPECIALISATIONS: { "x": nested } });
        }
        assert!(matches!(Bootspec::parse(&nested.to_string()), Err(BootspecError::Depth)));
    }

    proptest::proptest! {
        #[test]
        fn a_cut_or_changed_document_is_read_or_refused(at in 0_usize..700, byte in 32_u8..127) {
            let mut text = document().to_string().into_bytes();
            let at = at % text.len();
            let _ = Bootspec::parse(&String::from_utf8_lossy(&text[..at]));
            text[at] = byte;
            let _ = Bootspec::parse(&String::from_utf8_lossy(&text));
        }
    }
}
