//! The file name of an entry, with the boot counter that the boot loader keeps in it.

use std::fmt;

/// How often the boot loader will still try an entry, and how often it has.
///
/// Boot Loader Specification, section "Boot counting": `+LEFT` or `+LEFT-DONE` in front of the
/// suffix. The boot loader counts by renaming the file; `systemd-bless-boot` takes the counter away
/// when the system came up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Tries {
    /// Tries left; at zero the entry is bad and sorts behind all others.
    pub left: u32,
    /// Tries done; `None` before the first, when the name says `+LEFT` only.
    pub done: Option<u32>,
}

impl Tries {
    /// A counter that nothing has used yet.
    pub const fn fresh(left: u32) -> Self {
        Self { left, done: None }
    }

    /// Whether all tries are used up.
    pub const fn is_bad(self) -> bool {
        self.left == 0
    }
}

impl fmt::Display for Tries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{}", self.left)?;
        self.done.map_or(Ok(()), |done| write!(f, "-{done}"))
    }
}

/// The parts of an entry's file name: `ID[+LEFT[-DONE]]SUFFIX`.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EntryName {
    /// The name without counter and suffix.
    pub stem: String,
    /// The boot counter, where the entry has one.
    pub tries: Option<Tries>,
    /// `.conf` for entries of type #1, `.efi` for unified kernel images.
    pub suffix: &'static str,
}

impl EntryName {
    /// The name of a type #1 entry without a counter.
    pub fn conf(stem: impl Into<String>) -> Self {
        Self { stem: stem.into(), tries: None, suffix: ".conf" }
    }

    /// Splits a file name; `None` when it is not the name of an entry. A `+` that no well-formed
    /// counter follows belongs to the stem.
    pub fn parse(name: &str) -> Option<Self> {
        let suffix = [".conf", ".efi"].into_iter().find(|suffix| name.ends_with(suffix))?;
        let whole = name.strip_suffix(suffix)?;
        let counted = whole.rsplit_once('+').and_then(|(stem, counter)| Some((stem, parse_tries(counter)?)));
        let (stem, tries) = match counted {
            Some((stem, tries)) => (stem, Some(tries)),
            None => (whole, None),
        };
        (!stem.is_empty()).then(|| Self { stem: stem.to_owned(), tries, suffix })
    }

    /// The name without the counter: what `default` of `loader.conf` and `bootctl` call the entry.
    pub fn id(&self) -> String {
        format!("{}{}", self.stem, self.suffix)
    }
}

impl fmt::Display for EntryName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.stem)?;
        if let Some(tries) = self.tries {
            write!(f, "{tries}")?;
        }
        f.write_str(self.suffix)
    }
}

fn parse_tries(text: &str) -> Option<Tries> {
    match text.split_once('-') {
        Some((left, done)) => Some(Tries { left: number(left)?, done: Some(number(done)?) }),
        None => Some(Tries::fresh(number(text)?)),
    }
}

/// Decimal digits only: `str::parse` would also take a sign.
fn number(text: &str) -> Option<u32> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_are_split_from_the_name_and_put_back() {
        let cases = [
            ("nixos-ab.conf", "nixos-ab", None, ".conf"),
            ("nixos-ab+3.conf", "nixos-ab", Some(Tries::fresh(3)), ".conf"),
            ("nixos-ab+2-1.conf", "nixos-ab", Some(Tries { left: 2, done: Some(1) }), ".conf"),
            ("linux+0-3.efi", "linux", Some(Tries { left: 0, done: Some(3) }), ".efi"),
            ("a+b.conf", "a+b", None, ".conf"),
            ("a++1.conf", "a+", Some(Tries::fresh(1)), ".conf"),
            ("a+1-.conf", "a+1-", None, ".conf"),
            ("a+-1.conf", "a+-1", None, ".conf"),
        ];
        for (text, stem, tries, suffix) in cases {
            let name = EntryName::parse(text).unwrap();
            assert_eq!(name, EntryName { stem: stem.into(), tries, suffix }, "{text}");
            assert_eq!(name.to_string(), text);
        }
    }

    #[test]
    fn the_id_of_an_entry_has_no_counter() {
        let name = EntryName::parse("nixos-ab+0-3.conf").unwrap();
        assert_eq!(name.id(), "nixos-ab.conf");
        assert!(name.tries.unwrap().is_bad());
    }

    #[test]
    fn other_files_are_no_entries() {
        for name in ["README", ".conf", "+3.conf", "a.conf.bak", ""] {
            assert_eq!(EntryName::parse(name), None, "{name}");
        }
    }
}
