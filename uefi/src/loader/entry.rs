//! One boot loader entry of type #1: a `.conf` file in `loader/entries`.

use std::fmt;

use super::{settings, unquoted};

/// What a line of an entry sets.
///
/// Boot Loader Specification, section "Type #1 Boot Loader Entry Keys".
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[expect(clippy::enum_variant_names, reason = "`sort-key` is the specification's word")]
pub enum Key {
    /// `title`: what the menu shows.
    Title,
    /// `version`: orders entries with equal sort key, newest first.
    Version,
    /// `machine-id`: 32 hexadecimal digits of `/etc/machine-id`.
    MachineId,
    /// `sort-key`: orders entries of different systems.
    SortKey,
    /// `linux`: path of the kernel image on this partition.
    Linux,
    /// `initrd`: path of an initial RAM disk; may appear several times, they are concatenated.
    Initrd,
    /// `efi`: path of an EFI program that is started instead of a kernel.
    Efi,
    /// `uki`: path of a unified kernel image.
    Uki,
    /// `options`: the kernel command line; may appear several times, joined by spaces.
    Options,
    /// `devicetree`: path of the device tree blob.
    Devicetree,
    /// `devicetree-overlay`: paths of overlays, separated by spaces.
    DevicetreeOverlay,
    /// `architecture`: the entry shows only on machines of this architecture.
    Architecture,
    /// A key that the specification does not know, or not yet.
    Other(String),
}

impl Key {
    const NAMED: [(Self, &'static str); 12] = [
        (Self::Title, "title"),
        (Self::Version, "version"),
        (Self::MachineId, "machine-id"),
        (Self::SortKey, "sort-key"),
        (Self::Linux, "linux"),
        (Self::Initrd, "initrd"),
        (Self::Efi, "efi"),
        (Self::Uki, "uki"),
        (Self::Options, "options"),
        (Self::Devicetree, "devicetree"),
        (Self::DevicetreeOverlay, "devicetree-overlay"),
        (Self::Architecture, "architecture"),
    ];

    /// The key as the file spells it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Other(name) => name,
            named => Self::NAMED.iter().find(|(key, _)| key == named).map_or("", |(_, name)| name),
        }
    }

    fn from_name(name: &str) -> Self {
        match Self::NAMED.into_iter().find(|(_, known)| *known == name) {
            Some((key, _)) => key,
            None => Self::Other(name.to_owned()),
        }
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A value that a line of an entry or of `loader.conf` cannot carry to the boot loader unchanged.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{key}` of a boot loader entry cannot be {value:?}: {reason}")]
pub struct ValueError {
    key: String,
    value: String,
    reason: &'static str,
}

/// A boot loader entry: keys and values in the order of the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Entry {
    lines: Vec<(Key, String)>,
}

impl Entry {
    /// An entry without any line.
    pub fn new() -> Self {
        Self::default()
    }

    /// The entry with one more line.
    ///
    /// # Errors
    ///
    /// When the boot loader would read another value than this one: it is empty, begins or ends with
    /// a blank, stands in double quotes, or holds a line break or NUL.
    pub fn with(mut self, key: Key, value: impl Into<String>) -> Result<Self, ValueError> {
        let value = value.into();
        if let Some(reason) = unfit(&key, &value) {
            return Err(ValueError { key: key.to_string(), value, reason });
        }
        self.lines.push((key, value));
        Ok(self)
    }

    /// Reads an entry as systemd-boot does: comments, blank lines and keys without value are skipped.
    ///
    /// Any text is an entry; whether there is something to boot says [`payload`](Self::payload).
    pub fn parse(text: &str) -> Self {
        let line = |(key, value): (&str, &str)| (Key::from_name(key), value.to_owned());
        Self { lines: settings(text).filter(|(_, value)| !value.is_empty()).map(line).collect() }
    }

    /// The text of the file, each line ended by a line feed.
    pub fn render(&self) -> String {
        self.lines.iter().map(|(key, value)| format!("{key} {value}\n")).collect()
    }

    /// The first value of `key`.
    pub fn first(&self, key: &Key) -> Option<&str> {
        self.all(key).next()
    }

    /// Every value of `key`, in the order of the file.
    pub fn all(&self, key: &Key) -> impl Iterator<Item = &str> {
        self.lines.iter().filter(move |(own, _)| own == key).map(|(_, value)| value.as_str())
    }

    /// The kernel command line: all `options` lines joined by a space.
    pub fn options(&self) -> String {
        self.all(&Key::Options).collect::<Vec<_>>().join(" ")
    }

    /// Path of what the entry starts: a kernel, an EFI program or a unified kernel image. An entry
    /// without one is ignored by the boot loader.
    pub fn payload(&self) -> Option<&str> {
        [Key::Linux, Key::Efi, Key::Uki].iter().find_map(|key| self.first(key))
    }

    /// Paths of all files on the boot partition that the entry needs.
    pub fn files(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().flat_map(|(key, value)| match key {
            Key::Linux | Key::Initrd | Key::Efi | Key::Uki | Key::Devicetree => vec![value.as_str()],
            Key::DevicetreeOverlay => value.split_ascii_whitespace().collect(),
            _ => Vec::new(),
        })
    }
}

/// Why the boot loader would not read `value` back as it is.
fn unfit(key: &Key, value: &str) -> Option<&'static str> {
    if let Key::Other(name) = key
        && (name.is_empty() || name.starts_with('#') || name.contains([' ', '\t', '\n', '\r', '\0']))
    {
        return Some("the key is not a word");
    }
    if value.is_empty() {
        return Some("it is empty");
    }
    if value.contains(['\n', '\r', '\0']) {
        return Some("it holds a line break or NUL");
    }
    if value.trim_matches([' ', '\t']) != value {
        return Some("it begins or ends with a blank");
    }
    unquoted(value).map(|_| "the boot loader drops quotes around a value")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const TEXT: &str = "# a comment\n\ntitle\t  NixOS (lab)  \nlinux /EFI/nixos/k.efi\r\ninitrd /a\ninitrd /b\n\
        options \"init=/x quiet\"\noptions root=LABEL=nixos\nempty\nempty-too  \ngrub_users $grub_users\n";

    #[test]
    fn entries_are_read_as_the_boot_loader_reads_them() {
        let entry = Entry::parse(TEXT);
        assert_eq!(entry.first(&Key::Title), Some("NixOS (lab)"));
        assert_eq!(entry.all(&Key::Initrd).collect::<Vec<_>>(), ["/a", "/b"]);
        assert_eq!(entry.options(), "init=/x quiet root=LABEL=nixos");
        assert_eq!(entry.first(&Key::Other("grub_users".into())), Some("$grub_users"));
        assert_eq!(entry.first(&Key::Other("empty".into())), None);
        assert_eq!(entry.payload(), Some("/EFI/nixos/k.efi"));
        assert_eq!(entry.files().collect::<Vec<_>>(), ["/EFI/nixos/k.efi", "/a", "/b"]);
    }

    #[test]
    fn values_that_the_boot_loader_would_change_are_refused() {
        let cases = [
            ("", "`title` of a boot loader entry cannot be \"\": it is empty"),
            ("a\nb", "`title` of a boot loader entry cannot be \"a\\nb\": it holds a line break or NUL"),
            (" a", "`title` of a boot loader entry cannot be \" a\": it begins or ends with a blank"),
            (
                "\"a\"",
                "`title` of a boot loader entry cannot be \"\\\"a\\\"\": the boot loader drops quotes around a value",
            ),
        ];
        for (value, message) in cases {
            assert_eq!(Entry::new().with(Key::Title, value).unwrap_err().to_string(), message);
        }
        assert!(Entry::new().with(Key::Other("#x".into()), "a").is_err());
    }

    #[test]
    fn every_named_key_is_spelled_as_it_is_read() {
        for (key, name) in Key::NAMED {
            assert_eq!(Key::from_name(name), key);
            assert_eq!(key.as_str(), name);
        }
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(values in prop::collection::vec(".{0,40}", 0..8)) {
            let mut entry = Entry::new();
            for value in values {
                if let Ok(longer) = entry.clone().with(Key::Options, value) {
                    entry = longer;
                }
            }
            prop_assert_eq!(Entry::parse(&entry.render()), entry);
        }

        #[test]
        fn any_text_is_read_without_panic(text in "(?s).{0,300}") {
            Entry::parse(&text);
        }
    }
}
