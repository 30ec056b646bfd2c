//! What the medium tells the installer: `/landfall/install.json`.
//!
//! The document is complete: layout, system and every wish of the person who built the medium. It holds
//! no secrets, only where they are. The kernel command line can name the one order that it was made
//! for ([`command_line_word`]), which tells two media in one machine apart.

use data_encoding::HEXLOWER;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use crate::identity::Seed;
use crate::layout::{Layout, Source};
use crate::store::StorePath;

/// Where the order is, on the medium or in the initrd; relative to the root.
pub const ORDER_FILE: &str = "landfall/install.json";

/// The folder of the medium in which everything of ours is, relative to its root.
pub const FOLDER: &str = "landfall";

/// The squashfs file system with the store, relative to the medium's root: NixOS's own name. Its root is
/// the folder `/nix/store`, with [`REGISTRATION_FILE`] besides.
pub const STORE_FILE: &str = "nix-store.squashfs";

/// What Nix knows of the paths, in the root of the store's file system (format of
/// `nix-store --load-db`): NixOS's own name.
pub const REGISTRATION_FILE: &str = "nix-path-registration";

/// The word of the kernel command line that says which order is meant, without its value.
pub const COMMAND_LINE_KEY: &str = "landfall.order";

/// The version of the document that this program writes and reads.
const VERSION: u32 = 1;

/// What the medium tells the installer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Order {
    /// Version of this document: 1.
    pub version: u32,
    /// The Nix system of the machine: `x86_64-linux` or `aarch64-linux`.
    pub system: String,
    /// What the layout's file was called, for messages.
    pub layout_name: String,
    /// The layout as resolved: `disko.devices` with all defaults filled in.
    pub layout: Json,
    /// The system that is installed, as an absolute store path.
    pub toplevel: String,
    /// Volume ID of the medium.
    pub volume_id: String,
    /// Who answers questions.
    #[serde(default)]
    pub mode: Mode,
    /// What happens to a disk that has something on it.
    #[serde(default)]
    pub occupied: Occupied,
    /// Whether the medium is read and compared before anything is written.
    #[serde(default)]
    pub check: Check,
    /// What the machine does after an install that succeeded.
    #[serde(default)]
    pub finish: Finish,
    /// Where identities come from; null: from layout and system, as images do.
    #[serde(default)]
    pub seed: Option<Seed>,
    /// Terminals besides those that the kernel was given, as `console=` names them: `ttyS1`, `hvc0`.
    #[serde(default)]
    pub consoles: Vec<String>,
    /// A cpio archive of files that go onto the installed system, relative to the medium's root.
    #[serde(default)]
    pub extra_files: Option<String>,
    /// Keys of encrypted volumes.
    #[serde(default)]
    pub secrets: Vec<SecretReference>,
    /// Whether firmware is told of the installed system.
    #[serde(default)]
    pub firmware_entry: FirmwareEntry,
}

/// Who answers questions.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Mode {
    /// A person picks the disks and confirms.
    #[default]
    Interactive,
    /// Nobody: the layout's devices and matches decide.
    Unattended,
}

/// What an unattended install does to a disk that has something on it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Occupied {
    /// Nothing is written.
    #[default]
    Refuse,
    /// It is wiped.
    Wipe,
}

/// Whether the medium is read and compared with its digests first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Check {
    /// All of it, before anything is written.
    Medium,
    /// Only what is read anyway, when it is read.
    #[default]
    AsRead,
}

/// What the machine does after an install that succeeded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Finish {
    /// Starts what was installed.
    #[default]
    Reboot,
    /// Switches itself off.
    PowerOff,
    /// Stays, with a prompt.
    Shell,
}

/// Whether firmware is told of the installed system.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FirmwareEntry {
    /// Firmware finds the boot loader by its name for removable media.
    #[default]
    Leave,
    /// A boot variable is written and put first.
    Register,
}

/// A key of an encrypted volume: never the key itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SecretReference {
    /// Name of the volume, or the path of the key file that the layout names.
    pub name: String,
    /// Where the key is.
    pub from: SecretFrom,
}

/// Where a key is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SecretFrom {
    /// A person types it.
    Prompt,
    /// A file of the medium, relative to its root. Who has the medium has the key.
    File(String),
}

/// Why there is no order to follow.
#[derive(Debug, thiserror::Error)]
pub enum OrderError {
    /// It is no such document.
    #[error("`{ORDER_FILE}` is not an order")]
    Format(#[from] serde_json::Error),
    /// It was made by another version.
    #[error("`{ORDER_FILE}` is of version {0}, and this program reads version {VERSION}")]
    Version(u32),
    /// The system is none.
    #[error("`{ORDER_FILE}`")]
    Toplevel(#[from] crate::store::StorePathError),
    /// The layout does not pass the checks.
    #[error("the layout in `{ORDER_FILE}`: {0}")]
    Layout(String),
}

impl Order {
    /// An order with nothing special: a person picks the disks, then the machine restarts.
    pub fn new(layout: &Layout, layout_name: &str, toplevel: &StorePath) -> Self {
        Self {
            version: VERSION,
            system: String::new(),
            layout_name: layout_name.to_owned(),
            layout: layout.resolved_json(),
            toplevel: toplevel.to_string(),
            volume_id: String::new(),
            mode: Mode::default(),
            occupied: Occupied::default(),
            check: Check::default(),
            finish: Finish::default(),
            seed: None,
            consoles: Vec::new(),
            extra_files: None,
            secrets: Vec::new(),
            firmware_entry: FirmwareEntry::default(),
        }
    }

    /// The document.
    pub fn to_json(&self) -> Result<Vec<u8>, OrderError> {
        let mut text = serde_json::to_vec_pretty(self)?;
        text.push(b'\n');
        Ok(text)
    }

    /// Reads the document.
    ///
    /// # Errors
    ///
    /// When it is damaged, of another version, or names what is no store path.
    pub fn parse(text: &[u8]) -> Result<Self, OrderError> {
        #[derive(Deserialize)]
        struct Head {
            version: u32,
        }
        let head: Head = serde_json::from_slice(text)?;
        if head.version != VERSION {
            return Err(OrderError::Version(head.version));
        }
        let order: Self = serde_json::from_slice(text)?;
        order.toplevel()?;
        Ok(order)
    }

    /// The system that is installed.
    pub fn toplevel(&self) -> Result<StorePath, OrderError> {
        Ok(StorePath::from_absolute(&self.toplevel)?)
    }

    /// The layout, checked anew.
    pub fn layout(&self) -> Result<Layout, OrderError> {
        let source =
            Source::Json { name: self.layout_name.clone(), text: self.layout.to_string().into_bytes() };
        match Layout::parse(source) {
            Ok((layout, _)) => Ok(layout),
            Err(mistakes) => {
                let text = mistakes.to_string();
                Err(OrderError::Layout(text.lines().next().unwrap_or_default().to_owned()))
            }
        }
    }
}

/// The word of the kernel command line that names the order with this text:
/// `landfall.order=sha256:HEX`.
pub fn command_line_word(text: &[u8]) -> String {
    format!("{COMMAND_LINE_KEY}={}", digest_of(text))
}

/// The digest of an order's text, as [`command_line_word`] has it: `sha256:HEX`.
pub fn digest_of(text: &[u8]) -> String {
    format!("sha256:{}", HEXLOWER.encode(&Sha256::digest(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt",
      "partitions": { "root": { "size": "100%", "content": {
        "type": "filesystem", "format": "ext4", "mountpoint": "/" } } } } } } }"#;

    fn order() -> Order {
        let source = Source::Json { name: "disk.json".to_owned(), text: LAYOUT.into() };
        let (layout, _) = Layout::parse(source).unwrap();
        let toplevel =
            StorePath::from_absolute("/nix/store/qfqb39rgcpqmc5znkab82wdsvq3w5nav-nixos-system-x").unwrap();
        Order { system: "x86_64-linux".to_owned(), ..Order::new(&layout, "disk.json", &toplevel) }
    }

    #[test]
    fn an_order_comes_back_as_it_was_and_its_layout_resolves_to_itself() {
        let order = Order {
            mode: Mode::Unattended,
            secrets: vec![SecretReference {
                name: "crypted".to_owned(),
                from: SecretFrom::File("landfall/secrets/crypted".to_owned()),
            }],
            ..order()
        };
        let text = order.to_json().unwrap();
        let back = Order::parse(&text).unwrap();
        assert_eq!(back, order);
        assert_eq!(back.layout().unwrap().resolved_json(), order.layout);
    }

    #[test]
    fn what_is_left_out_is_the_careful_choice() {
        let mut json = serde_json::to_value(order()).unwrap();
        for field in ["mode", "occupied", "check", "finish", "firmwareEntry", "secrets"] {
            json.as_object_mut().unwrap().remove(field);
        }
        let order = Order::parse(json.to_string().as_bytes()).unwrap();
        assert_eq!((order.mode, order.occupied), (Mode::Interactive, Occupied::Refuse));
    }

    #[test]
    fn another_version_and_unknown_wishes_are_refused() {
        let mut json = serde_json::to_value(order()).unwrap();
        json["version"] = 2.into();
        assert!(matches!(Order::parse(json.to_string().as_bytes()), Err(OrderError::Version(2))));
        json["version"] = 1.into();
        json["wipeEverything"] = true.into();
        assert!(matches!(Order::parse(json.to_string().as_bytes()), Err(OrderError::Format(_))));
        json.as_object_mut().unwrap().remove("wipeEverything");
        json["toplevel"] = "/etc".into();
        assert!(matches!(Order::parse(json.to_string().as_bytes()), Err(OrderError::Toplevel(_))));
    }

    #[test]
    fn the_word_for_the_command_line_follows_from_every_byte() {
        let word = command_line_word(b"{}");
        assert!(word.starts_with("landfall.order=sha256:44136fa3"), "{word}");
        assert_ne!(word, command_line_word(b"{} "));
    }
}
