//! A plan as fstab(5) and crypttab(5).

use super::super::Plan;
use super::super::content::{Content, Luks};
use super::super::mount::{Mount, SwapUse};
use super::super::walk::contents;

/// Kinds of file systems that fsck leaves alone at boot (the list of NixOS, `nixos/modules/tasks/filesystems.nix`).
const UNCHECKED: [&str; 20] = [
    "none",
    "auto",
    "overlay",
    "iso9660",
    "bindfs",
    "udf",
    "btrfs",
    "zfs",
    "tmpfs",
    "bcachefs",
    "nfs",
    "nfs4",
    "nilfs2",
    "vboxsf",
    "squashfs",
    "glusterfs",
    "apfs",
    "9p",
    "cifs",
    "prl_fs",
];

impl Plan {
    /// The lines of `/etc/fstab`.
    pub fn fstab(&self) -> String {
        let mut rows: Vec<[String; 6]> = self.mounts.iter().map(mount_row).collect();
        let mut encrypted = 0;
        for swap in &self.swaps {
            if swap.random_encryption {
                rows.push(swap_row(&format!("/dev/mapper/{}", random_name(encrypted)), swap));
                encrypted += 1;
            } else {
                rows.push(swap_row(&swap.device, swap));
            }
        }
        columns("# <device> <mount point> <type> <options> <dump> <pass>", &rows)
    }

    /// The lines of `/etc/crypttab`; empty where nothing is encrypted. Containers that the initrd opens are among them.
    pub fn crypttab(&self) -> String {
        let mut rows: Vec<[String; 4]> = Vec::new();
        for content in contents(self) {
            if let Content::Luks(luks) = content {
                rows.push(luks_row(luks));
            }
        }
        for (index, swap) in self.swaps.iter().filter(|swap| swap.random_encryption).enumerate() {
            let options = if swap.discard.is_some() { "swap,discard" } else { "swap" };
            let row =
                [format!("swap{index}"), swap.device.clone(), "/dev/urandom".to_owned(), options.to_owned()];
            rows.push(row.map(|field| escaped(&field)));
        }
        if rows.is_empty() { String::new() } else { columns("# <name> <device> <key file> <options>", &rows) }
    }
}

fn mount_row(mount: &Mount) -> [String; 6] {
    let unchecked = UNCHECKED.contains(&mount.format.as_str())
        || mount.source == "none"
        || mount.options.iter().any(|option| option == "bind");
    let pass = match (unchecked, mount.path.as_str()) {
        (true, _) => "0",
        (false, "/") => "1",
        (false, _) => "2",
    };
    let options = if mount.options.is_empty() { "defaults".to_owned() } else { mount.options.join(",") };
    [&mount.source, &mount.path, &mount.format, &options, "0", pass].map(escaped)
}

/// Name of the opened device of the swap space that has a new random key at each start.
fn random_name(index: u32) -> String {
    format!("swap{index}")
}

fn swap_row(device: &str, swap: &SwapUse) -> [String; 6] {
    let mut options = swap.options.clone();
    if let Some(priority) = swap.priority {
        options.push(format!("pri={priority}"));
    }
    match swap.discard.as_deref() {
        None => {}
        // Both kinds is what `discard` alone means (swapon(8)).
        Some("both") => options.push("discard".to_owned()),
        Some(policy) => options.push(format!("discard={policy}")),
    }
    [device, "none", "swap", &options.join(","), "0", "0"].map(escaped)
}

fn luks_row(luks: &Luks) -> [String; 4] {
    let text = |name: &str| luks.settings.get(name).and_then(|value| value.as_str()).map(str::to_owned);
    let number = |name: &str| luks.settings.get(name).and_then(serde_json::Value::as_u64);
    let flag = |name: &str| luks.settings.get(name).and_then(serde_json::Value::as_bool).unwrap_or(false);
    let mut options = vec!["luks".to_owned()];
    if flag("allowDiscards") {
        options.push("discard".to_owned());
    }
    if flag("bypassWorkqueues") {
        options.extend(["no-read-workqueue".to_owned(), "no-write-workqueue".to_owned()]);
    }
    options.extend(number("keyFileSize").map(|size| format!("keyfile-size={size}")));
    options.extend(number("keyFileOffset").map(|offset| format!("keyfile-offset={offset}")));
    options.extend(number("keyFileTimeout").map(|seconds| format!("keyfile-timeout={seconds}s")));
    if let Some(extra) = luks.settings.get("crypttabExtraOpts").and_then(|value| value.as_array()) {
        options.extend(extra.iter().filter_map(|option| option.as_str()).map(str::to_owned));
    }
    let key = text("keyFile").unwrap_or_else(|| "none".to_owned());
    [luks.name.clone(), luks.device.clone(), key, options.join(",")].map(|field| escaped(&field))
}

/// A field as fstab(5) writes it: blanks and backslashes by their octal numbers.
fn escaped(field: &str) -> String {
    let mut text = String::new();
    for character in field.chars() {
        match character {
            ' ' => text.push_str("\\040"),
            '\t' => text.push_str("\\011"),
            '\n' => text.push_str("\\012"),
            // A path of udev's has its own escapes (`\x20`), which stay readable only when the backslash is escaped too.
            '\\' => text.push_str("\\134"),
            other => text.push(other),
        }
    }
    text
}

/// Rows under a heading, their fields one below the other.
fn columns<const N: usize>(heading: &str, rows: &[[String; N]]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let mut text = format!("{heading}\n");
    for row in rows {
        let fields: Vec<String> = row
            .iter()
            .enumerate()
            .map(|(column, field)| format!("{field:<width$}", width = width(column)))
            .collect();
        text.push_str(fields.join(" ").trim_end());
        text.push('\n');
    }
    text
}
