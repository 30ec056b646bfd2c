//! Which disk a layout means. A choice that is not certain is an error that lists the disks.

use std::collections::BTreeMap;
use std::fmt;

use super::inventory::{Disk, Transport};
use crate::units::ByteSize;

/// Folder of names made of model and serial number.
const BY_ID: &str = "/dev/disk/by-id/";

/// Folder of names made of the way to the disk.
const BY_PATH: &str = "/dev/disk/by-path/";

/// How a layout names a disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// By the path of its device.
    Device(String),
    /// By what it is like.
    Match(Match),
}

/// What a disk must be like. What is `None` does not matter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Match {
    /// At least so large.
    pub min_size: Option<ByteSize>,
    /// Connected by this.
    pub transport: Option<Transport>,
    /// A model; `*` stands for any text.
    pub model: Option<String>,
    /// A serial number; `*` stands for any text.
    pub serial: Option<String>,
    /// Whether there is nothing on it.
    pub empty: Option<bool>,
}

/// Why no disk was chosen.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelectError {
    /// The machine has none that fits.
    #[error("disk `{name}`: this machine has no disk that is {rule}; it has {}", list(.disks))]
    None {
        /// The disk's name in the layout.
        name: String,
        /// What was looked for.
        rule: Rule,
        /// The machine's disks.
        disks: Vec<String>,
    },
    /// More than one fits.
    #[error("disk `{name}`: {rule} is not one disk but {}", list(.disks))]
    Several {
        /// The disk's name in the layout.
        name: String,
        /// What was looked for.
        rule: Rule,
        /// Those that fit.
        disks: Vec<String>,
    },
    /// Two names of the layout mean one disk.
    #[error("disks `{first}` and `{second}` of the layout are both {disk}")]
    Twice {
        /// One name.
        first: String,
        /// The other.
        second: String,
        /// The disk.
        disk: String,
    },
}

fn list(disks: &[String]) -> String {
    if disks.is_empty() { "none".to_owned() } else { disks.join("; ") }
}

impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Match { min_size, transport, model, serial, empty } = match self {
            Self::Device(device) => return write!(f, "`{device}`"),
            Self::Match(wanted) => wanted,
        };
        let words = [
            min_size.map(|size| format!("minSize {size}")),
            transport.map(|transport| format!("transport {transport}")),
            model.as_ref().map(|model| format!("model `{model}`")),
            serial.as_ref().map(|serial| format!("serial `{serial}`")),
            empty.map(|empty| format!("empty {empty}")),
        ];
        let words: Vec<String> = words.into_iter().flatten().collect();
        write!(f, "match {{ {} }}", words.join(", "))
    }
}

/// A disk for each of `rules`, which are by the disk's name in the layout. `is_free` says whether there is
/// nothing on a disk; it is asked only where a rule wants to know.
///
/// # Errors
///
/// When a rule fits no disk or several, or two rules fit one.
pub fn select<'a>(
    disks: &'a [Disk],
    rules: &BTreeMap<String, Rule>,
    is_free: &dyn Fn(&Disk) -> bool,
) -> Result<BTreeMap<String, &'a Disk>, SelectError> {
    let mut chosen: BTreeMap<String, &Disk> = BTreeMap::new();
    for (name, rule) in rules {
        let fitting: Vec<&Disk> = disks.iter().filter(|disk| fits(disk, rule, is_free)).collect();
        let shown = |disks: &[&Disk]| disks.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (name, rule) = (name.clone(), rule.clone());
        let disk = match fitting[..] {
            [disk] => disk,
            [] => {
                let disks = shown(&disks.iter().collect::<Vec<_>>());
                return Err(SelectError::None { name, rule, disks });
            }
            _ => return Err(SelectError::Several { name, rule, disks: shown(&fitting) }),
        };
        if let Some((first, _)) = chosen.iter().find(|(_, other)| other.name == disk.name) {
            return Err(SelectError::Twice { first: first.clone(), second: name, disk: disk.to_string() });
        }
        chosen.insert(name, disk);
    }
    Ok(chosen)
}

fn fits(disk: &Disk, rule: &Rule, is_free: &dyn Fn(&Disk) -> bool) -> bool {
    match rule {
        Rule::Device(device) => {
            if let Some(id) = device.strip_prefix(BY_ID) {
                disk.by_id.iter().any(|name| name == id)
            } else if let Some(path) = device.strip_prefix(BY_PATH) {
                disk.by_path.iter().any(|name| name == path)
            } else {
                device.strip_prefix("/dev/").is_some_and(|name| name == disk.name.replace('!', "/"))
            }
        }
        Rule::Match(wanted) => {
            let text = |pattern: &Option<String>, text: &Option<String>| match (pattern, text) {
                (None, _) => true,
                (Some(pattern), Some(text)) => stars(pattern, text),
                (Some(_), None) => false,
            };
            wanted.min_size.is_none_or(|size| disk.size >= size)
                && wanted.transport.is_none_or(|transport| disk.transport == Some(transport))
                && text(&wanted.model, &disk.model)
                && text(&wanted.serial, &disk.serial)
                && !disk.read_only
                && wanted.empty.is_none_or(|empty| is_free(disk) == empty)
        }
    }
}

/// Whether `text` is `pattern`, in which each `*` stands for any text.
fn stars(pattern: &str, text: &str) -> bool {
    let Some((front, rest)) = pattern.split_once('*') else { return pattern == text };
    let Some(mut text) = text.strip_prefix(front) else { return false };
    let mut parts: Vec<&str> = rest.split('*').collect();
    // `split` gives one part at least.
    let last = parts.pop().unwrap_or_default();
    for part in parts {
        let Some(at) = text.find(part) else { return false };
        text = &text[at + part.len()..];
    }
    text.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tree::DeviceNumber;
    use crate::units::{GIB, SectorSize};

    fn disk(name: &str, size: u64, serial: &str) -> Disk {
        Disk {
            name: name.to_owned(),
            path: format!("/dev/{name}").into(),
            number: DeviceNumber { major: 8, minor: 0 },
            size: ByteSize(size * GIB),
            sector_size: SectorSize::S512,
            model: Some("Fast Disk 9".to_owned()),
            serial: Some(serial.to_owned()),
            transport: Some(Transport::Nvme),
            removable: false,
            read_only: false,
            by_id: vec![format!("nvme-Fast_Disk_9_{serial}")],
            by_path: vec![format!("pci-0000:00:0{}.0-nvme-1", size % 10)],
            partitions: Vec::new(),
        }
    }

    fn chosen(rule: Rule) -> Result<String, String> {
        let disks = [disk("nvme0n1", 500, "A1"), disk("nvme1n1", 1000, "B2")];
        let rules = BTreeMap::from([("main".to_owned(), rule)]);
        let chosen =
            select(&disks, &rules, &|disk| disk.name == "nvme1n1").map_err(|error| error.to_string())?;
        Ok(chosen["main"].name.clone())
    }

    fn device(path: &str) -> Rule {
        Rule::Device(path.to_owned())
    }

    #[test]
    fn a_disk_is_found_by_each_of_its_names() {
        assert_eq!(chosen(device("/dev/nvme1n1")).unwrap(), "nvme1n1");
        assert_eq!(chosen(device("/dev/disk/by-id/nvme-Fast_Disk_9_A1")).unwrap(), "nvme0n1");
        assert_eq!(
            chosen(device("/dev/disk/by-path/pci-0000:00:00.0-nvme-1"))
                .unwrap_err()
                .matches("serial")
                .count(),
            2
        );
    }

    #[test]
    fn a_match_takes_the_one_disk_that_fits() {
        let larger = Match { min_size: Some(ByteSize::gib(600)), ..Match::default() };
        assert_eq!(chosen(Rule::Match(larger)).unwrap(), "nvme1n1");
        let empty = Match { empty: Some(true), ..Match::default() };
        assert_eq!(chosen(Rule::Match(empty)).unwrap(), "nvme1n1");
        let serial =
            Match { serial: Some("A*".to_owned()), model: Some("*Disk*".to_owned()), ..Match::default() };
        assert_eq!(chosen(Rule::Match(serial)).unwrap(), "nvme0n1");
    }

    #[test]
    fn what_is_not_certain_lists_the_candidates() {
        let both = Match { transport: Some(Transport::Nvme), ..Match::default() };
        assert_eq!(
            chosen(Rule::Match(both)).unwrap_err(),
            "disk `main`: match { transport nvme } is not one disk but \
             /dev/nvme0n1 (500 GiB, Fast Disk 9, serial A1, nvme); /dev/nvme1n1 (1000 GiB, Fast Disk 9, serial B2, nvme)"
        );
        let error = chosen(device("/dev/vda")).unwrap_err();
        assert!(
            error
                .starts_with("disk `main`: this machine has no disk that is `/dev/vda`; it has /dev/nvme0n1"),
            "{error}"
        );
    }

    #[test]
    fn one_disk_is_not_taken_twice() {
        let disks = [disk("nvme0n1", 500, "A1")];
        let rules = BTreeMap::from([
            ("a".to_owned(), device("/dev/nvme0n1")),
            ("b".to_owned(), device("/dev/disk/by-id/nvme-Fast_Disk_9_A1")),
        ]);
        assert!(matches!(select(&disks, &rules, &|_| true), Err(SelectError::Twice { .. })));
    }

    #[test]
    fn stars_stand_for_any_text() {
        for (pattern, text, expected) in [
            ("a*c", "abc", true),
            ("a*c", "ac", true),
            ("*b*", "abc", true),
            ("a*b*a", "aba", true),
            ("a*a", "a", false),
            ("abc", "abcd", false),
            ("*", "", true),
        ] {
            assert_eq!(stars(pattern, text), expected, "{pattern} {text}");
        }
    }
}
