//! A plan as the NixOS options that disko's module would set.

use std::fmt::Write as _;

use serde_json::Value as Json;

use super::super::Plan;
use super::super::content::Content;
use super::super::disk::{BootRole, Table};
use super::super::mount::{Mount, SwapUse};
use super::super::walk::contents;

impl Plan {
    /// A NixOS module with `fileSystems`, `swapDevices`, `boot.initrd.luks.devices` and what else disko's module sets for this
    /// layout: for systems that are built without disko.
    pub fn nixos(&self) -> String {
        let mut text = String::from("{\n");
        for mount in &self.mounts {
            file_system(&mut text, mount);
        }
        self.swap_devices(&mut text);
        self.boot_options(&mut text);
        text.push_str("}\n");
        text
    }

    fn swap_devices(&self, text: &mut String) {
        if self.swaps.is_empty() {
            return;
        }
        text.push_str("  swapDevices = [\n");
        for swap in &self.swaps {
            swap_device(text, swap);
        }
        text.push_str("  ];\n");
    }

    fn boot_options(&self, text: &mut String) {
        for content in contents(self) {
            let Content::Luks(luks) = content else { continue };
            if !luks.initrd_unlock {
                continue;
            }
            let mut device = vec![("device".to_owned(), nix_string(&luks.device))];
            device.extend(luks.settings.iter().map(|(name, value)| (name.clone(), nix_value(value, 4))));
            set(text, &format!("boot.initrd.luks.devices.{}", attribute(&luks.name)), &device);
        }
        let modules = self.kernel_modules();
        if !modules.is_empty() {
            let list: Vec<String> = modules.iter().map(|module| nix_string(module)).collect();
            line(text, "boot.initrd.kernelModules", &format!("[ {} ]", list.join(" ")));
        }
        if !self.arrays.is_empty() {
            line(text, "boot.swraid.enable", "true");
        }
        if let Some(device) = &self.boot.resume {
            line(text, "boot.resumeDevice", &nix_string(device));
        }
        let grub = self.grub_devices();
        if !grub.is_empty() {
            let list: Vec<String> = grub.iter().map(|device| nix_string(device)).collect();
            line(text, "boot.loader.grub.devices", &format!("[ {} ]", list.join(" ")));
        }
    }

    /// Modules for logical volumes that are more than linear.
    fn kernel_modules(&self) -> Vec<&'static str> {
        let mut modules: Vec<&'static str> = Vec::new();
        for volume in self.groups.iter().flat_map(|group| &group.volumes) {
            let needed: &[&'static str] = match volume.kind.as_str() {
                "mirror" => &["dm-mirror"],
                "raid0" => &["dm-raid", "raid0"],
                "raid1" => &["dm-raid", "raid1"],
                "raid4" | "raid5" | "raid6" => &["dm-raid", "raid456"],
                "thin-pool" | "thin" => &["dm-thin-pool"],
                _ => &[],
            };
            for module in needed {
                if !modules.contains(module) {
                    modules.push(module);
                }
            }
        }
        modules
    }

    /// Devices with a BIOS boot partition: where GRUB goes.
    fn grub_devices(&self) -> Vec<String> {
        let disks = self.disks.iter().filter_map(|disk| disk.table());
        let arrays = self.arrays.iter().filter_map(|array| match &array.content {
            Some(Content::Table(table)) => Some(table),
            _ => None,
        });
        let has_bios_boot = |table: &&Table| {
            table.partitions.iter().any(|partition| partition.role == Some(BootRole::BiosBoot))
        };
        disks.chain(arrays).filter(has_bios_boot).map(|table| table.device.clone()).collect()
    }
}

fn file_system(text: &mut String, mount: &Mount) {
    let mut options = vec![
        ("device".to_owned(), nix_string(&mount.source)),
        ("fsType".to_owned(), nix_string(&mount.format)),
        ("options".to_owned(), nix_list(&mount.options)),
    ];
    // bcachefs is not found by the initrd otherwise.
    if mount.format == "bcachefs" {
        options.push(("neededForBoot".to_owned(), "true".to_owned()));
    }
    set(text, &format!("fileSystems.{}", nix_string(&mount.path)), &options);
}

fn swap_device(text: &mut String, swap: &SwapUse) {
    text.push_str("    {\n");
    let mut field = |name: &str, value: String| {
        let _ = writeln!(text, "      {name} = {value};");
    };
    field("device", nix_string(&swap.device));
    let priority = swap.priority.map_or("null".to_owned(), |priority| priority.to_string());
    if !swap.file {
        field("discardPolicy", swap.discard.as_ref().map_or("null".to_owned(), |policy| nix_string(policy)));
    }
    field("priority", priority);
    if !swap.file {
        field("randomEncryption.enable", swap.random_encryption.to_string());
        field("randomEncryption.allowDiscards", swap.discard.is_some().to_string());
    }
    field("options", nix_list(&swap.options));
    text.push_str("    }\n");
}

fn line(text: &mut String, name: &str, value: &str) {
    let _ = writeln!(text, "  {name} = {value};");
}

fn set(text: &mut String, name: &str, options: &[(String, String)]) {
    let _ = writeln!(text, "  {name} = {{");
    for (name, value) in options {
        let _ = writeln!(text, "    {} = {value};", attribute(name));
    }
    text.push_str("  };\n");
}

fn nix_list(items: &[String]) -> String {
    if items.is_empty() {
        return "[ ]".to_owned();
    }
    let items: Vec<String> = items.iter().map(|item| nix_string(item)).collect();
    format!("[ {} ]", items.join(" "))
}

/// A name as an attribute: bare where it is an identifier, else in quotes.
fn attribute(name: &str) -> String {
    const KEYWORDS: [&str; 10] =
        ["assert", "else", "if", "in", "inherit", "let", "or", "rec", "then", "with"];
    let mut letters = name.chars();
    let first = letters.next().is_some_and(|letter| letter.is_ascii_alphabetic() || letter == '_');
    let rest = letters.all(|letter| letter.is_ascii_alphanumeric() || "_-'".contains(letter));
    if first && rest && !KEYWORDS.contains(&name) { name.to_owned() } else { nix_string(name) }
}

/// A text in Nix.
fn nix_string(value: &str) -> String {
    let mut text = String::from("\"");
    let mut letters = value.chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '$' if letters.peek() == Some(&'{') => text.push_str("\\$"),
            other => text.push(other),
        }
    }
    text.push('"');
    text
}

/// Any value in Nix; what takes several lines is indented by `indent`.
fn nix_value(value: &Json, indent: usize) -> String {
    match value {
        Json::Null => "null".to_owned(),
        Json::Bool(value) => value.to_string(),
        Json::Number(value) => value.to_string(),
        Json::String(value) => nix_string(value),
        Json::Array(items) if items.is_empty() => "[ ]".to_owned(),
        Json::Array(items) => {
            let items: Vec<String> = items.iter().map(|item| list_item(item, indent)).collect();
            format!("[ {} ]", items.join(" "))
        }
        Json::Object(map) if map.is_empty() => "{ }".to_owned(),
        Json::Object(map) => {
            let inner = " ".repeat(indent + 2);
            let mut text = String::from("{\n");
            for (name, value) in map {
                let _ = writeln!(text, "{inner}{} = {};", attribute(name), nix_value(value, indent + 2));
            }
            text.push_str(&" ".repeat(indent));
            text.push('}');
            text
        }
    }
}

/// A value within a list: a negative number needs parentheses there.
fn list_item(value: &Json, indent: usize) -> String {
    let text = nix_value(value, indent);
    if text.starts_with('-') { format!("({text})") } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_and_names_are_quoted_as_nix_needs_it() {
        for (name, quoted) in [
            ("crypted", "crypted"),
            ("crypt-root", "crypt-root"),
            ("in", "\"in\""),
            ("0day", "\"0day\""),
            ("a b", "\"a b\""),
        ] {
            assert_eq!(attribute(name), quoted);
        }
        assert_eq!(nix_string("a\"b\\${x}$y\n"), "\"a\\\"b\\\\\\${x}$y\\n\"");
    }

    #[test]
    fn values_nest() {
        let value = serde_json::json!({ "list": [1, -2, "x"], "set": { "a": null } });
        assert_eq!(nix_value(&value, 0), "{\n  list = [ 1 (-2) \"x\" ];\n  set = {\n    a = null;\n  };\n}");
    }
}
