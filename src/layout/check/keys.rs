//! Keys of encryption: where they come from when the machine is made, and when it starts.

use std::collections::BTreeMap;

use serde_json::Value as Json;

use super::View;
use crate::layout::diagnostic::Diagnostic;
use crate::layout::model::content::ContentRef;
use crate::layout::model::luks::Luks;
use crate::layout::model::places::Places;
use crate::layout::model::zfs::Dataset;

pub(super) fn check(view: &View<'_>, findings: &mut Vec<Diagnostic>) {
    for block in view.blocks {
        if let Some(ContentRef::Luks(luks)) = block.content {
            self::luks(luks, findings);
        }
    }
    for pool in view.devices.zpool.values() {
        zfs(&pool.root_fs_options, "rootFsOptions", &pool.places, findings);
        for (_, dataset) in pool.datasets.iter() {
            match dataset {
                Dataset::Filesystem(set) => zfs(&set.options, "options", &set.places, findings),
                Dataset::Volume(set) => zfs(&set.options, "options", &set.places, findings),
            }
        }
    }
}

/// Folders that are empty when a machine starts: what an installer has there, the installed system has not.
const GONE_AT_BOOT: [&str; 4] = ["/tmp/", "/run/", "/dev/shm/", "/mnt/"];

fn is_gone_at_boot(path: &str) -> bool {
    GONE_AT_BOOT.iter().any(|folder| path.starts_with(folder))
}

fn luks(luks: &Luks, findings: &mut Vec<Diagnostic>) {
    let key_file = luks.settings.get("keyFile").and_then(Json::as_str);
    let falls_back = luks.settings.get("fallbackToPassword") == Some(&Json::Bool(true));
    if let Some(path) = key_file.filter(|path| luks.initrd_unlock && is_gone_at_boot(path)) {
        let message = format!("`{path}` will not exist when the machine starts");
        let finding = Diagnostic::warning("key-only-in-installer", luks.places.name_of("settings"), message)
            .hint("use `passwordFile` for a passphrase that is typed at every start");
        findings.push(match falls_back {
            true => finding.hint("the start waits for the file before it asks for a passphrase"),
            false => finding.hint("or put the file where the initrd finds it, and name that place"),
        });
    }
    if luks.key_file.is_some() {
        findings.push(
            Diagnostic::warning("deprecated", luks.places.name_of("keyFile"), "`keyFile` is deprecated")
                .hint("use `passwordFile` for a passphrase, `settings.keyFile` for a key file"),
        );
    }
    // The order in which disko looks: settings.keyFile, then passwordFile, then keyFile.
    let given = [
        (key_file.is_some(), "settings", "settings.keyFile"),
        (luks.password_file.is_some(), "passwordFile", "passwordFile"),
        (luks.key_file.is_some(), "keyFile", "keyFile"),
    ];
    let mut given = given.into_iter().filter(|(is_given, ..)| *is_given);
    let Some((_, used, used_name)) = given.next() else { return };
    for (_, unused, unused_name) in given {
        let message = format!("`{unused_name}` has no effect: `{used_name}` comes before it");
        findings.push(
            Diagnostic::warning("no-effect", luks.places.name_of(unused), message)
                .other(luks.places.name_of(used), "this one is used"),
        );
    }
}

fn zfs(options: &BTreeMap<String, String>, option: &str, places: &Places, findings: &mut Vec<Diagnostic>) {
    let location = options.get("keylocation").and_then(|location| location.strip_prefix("file://"));
    if let Some(path) = location.filter(|path| is_gone_at_boot(path)) {
        let message = format!("`{path}` will not exist when the machine starts");
        findings.push(
            Diagnostic::warning("key-only-in-installer", places.name_of(option), message)
                .hint("after installation, `zfs set keylocation=prompt` makes ZFS ask for the passphrase"),
        );
    }
}
