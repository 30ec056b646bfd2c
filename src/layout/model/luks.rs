//! `luks`: an encrypted container and what lies in it.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::content::DeviceContent;
use super::text::AbsolutePath;
use crate::layout::options::set::{Tag, option_set};

option_set! {
    /// A LUKS container.
    pub struct Luks(scope, set), Tag::Required("luks") => {
        /// The device that is encrypted.
        device: String = "device", derived("the device that has this content", scope.device.clone());
        /// Name of the opened device, under `/dev/mapper`.
        name: String = "name", required();
        /// Older form of `passwordFile` and `settings.keyFile`.
        key_file: Option<AbsolutePath> = "keyFile", default(None);
        /// File with the passphrase that the container is first made with.
        password_file: Option<AbsolutePath> = "passwordFile", default(None);
        /// Settings of `boot.initrd.luks.devices.NAME` of NixOS; `keyFile` is also what the container is made with.
        settings: BTreeMap<String, Json> = "settings", default(BTreeMap::new());
        /// Whether disko enrolls a FIDO2 token (later versions of disko).
        enroll_fido2: Option<bool> = "enrollFido2", default(None);
        /// Arguments for `systemd-cryptenroll` when it enrolls the token (later versions of disko).
        extra_fido2_enroll_args: Option<Vec<String>> = "extraFido2EnrollArgs", default(None);
        /// Whether disko enrolls a recovery key (later versions of disko).
        enroll_recovery: Option<bool> = "enrollRecovery", default(None);
        /// Whether to ask for the passphrase.
        ask_password: bool = "askPassword", derived(
            "true unless `keyFile`, `passwordFile`, `settings.keyFile` or `enrollFido2` is given",
            key_file.is_none()
                && password_file.is_none()
                && !settings.contains_key("keyFile")
                && enroll_fido2 != Some(true)
        );
        /// Files with further keys.
        additional_key_files: Vec<AbsolutePath> = "additionalKeyFiles", default(Vec::new());
        /// Whether the initrd opens it (an entry in `boot.initrd.luks.devices`).
        initrd_unlock: bool = "initrdUnlock", default(true);
        /// Arguments for `cryptsetup luksFormat`.
        extra_format_args: Vec<String> = "extraFormatArgs", default(Vec::new());
        /// Arguments for `cryptsetup open`.
        extra_open_args: Vec<String> = "extraOpenArgs", default(Vec::new());
        /// What lies in it.
        content: Option<DeviceContent> = "content", default(None),
            in scope.owned("luks", &name, format!("/dev/mapper/{name}"));
    } with hooks
}
