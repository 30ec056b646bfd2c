//! Short names for long ones, each unique in its directory, found in time linear in the number of names.
//!
//! FATGEN ("The Basis-Name Generation Algorithm") cuts a name down to its plain characters and appends
//! `~1`, `~2`, … until nobody has the result. Tried from 1 for each name that takes a time quadratic in
//! the number of similar names. Here every stem remembers the number it has come to.

use std::collections::{HashMap, HashSet};

use super::name::{ShortName, is_plain};

/// What is left of a long name: at most 8 and 3 plain characters in upper case.
struct Stem {
    base: Vec<u8>,
    extension: Vec<u8>,
    /// Whether base and extension say less than the name, apart from upper and lower case.
    lossy: bool,
}

impl Stem {
    fn new(name: &str) -> Self {
        let stripped = name.trim_start_matches(['.', ' ']);
        let mut lossy = stripped.len() != name.len();
        let (base, extension) = stripped.rsplit_once('.').unwrap_or((stripped, ""));
        let mut part = |text: &str, most: usize| {
            let mut plain = Vec::new();
            for char in text.chars() {
                match u8::try_from(char) {
                    Ok(b' ' | b'.') => lossy = true,
                    Ok(byte) if is_plain(byte) => plain.push(byte.to_ascii_uppercase()),
                    _ => {
                        lossy = true;
                        plain.push(b'_');
                    }
                }
            }
            lossy |= plain.len() > most;
            plain.truncate(most);
            plain
        };
        let (base, extension) = (part(base, 8), part(extension, 3));
        Self { base, extension, lossy }
    }
}

/// The short names of one directory.
#[derive(Default)]
pub(super) struct ShortNames {
    taken: HashSet<[u8; 11]>,
    /// For a cut base, a number of digits and an extension: the next number to try.
    next: HashMap<(Vec<u8>, u32, Vec<u8>), u32>,
}

impl ShortNames {
    /// Takes the short name that is as good as `name` itself, if there is one. To be asked for every name
    /// of a directory before the first [`generate`](Self::generate): names that differ in more than
    /// case do not get the same one.
    pub(super) fn take_exact(&mut self, name: &str) -> Option<ShortName> {
        let short = ShortName::exactly(name).or_else(|| {
            let stem = Stem::new(name);
            (!stem.lossy).then(|| ShortName::new(&stem.base, &stem.extension))
        })?;
        self.taken.insert(short.bytes);
        Some(short)
    }

    /// A short name for `name` that nobody has; `None` when more than 900,000 similar names have one.
    pub(super) fn generate(&mut self, name: &str) -> Option<ShortName> {
        let stem = Stem::new(name);
        for digits in 1..=6 {
            let kept = stem.base.len().min(7 - usize::try_from(digits).unwrap_or(6));
            let key = (stem.base[..kept].to_vec(), digits, stem.extension.clone());
            let next = self.next.entry(key).or_insert(10_u32.pow(digits - 1));
            while *next < 10_u32.pow(digits) {
                let base = [&stem.base[..kept], format!("~{next}").as_bytes()].concat();
                *next += 1;
                let short = ShortName::new(&base, &stem.extension);
                if self.taken.insert(short.bytes) {
                    return Some(short);
                }
            }
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn generated(names: &[&str]) -> Vec<String> {
        let mut short_names = ShortNames::default();
        let exact: Vec<_> = names.iter().map(|name| short_names.take_exact(name)).collect();
        let of = |(name, exact): (&&str, Option<ShortName>)| exact.or_else(|| short_names.generate(name));
        names.iter().zip(exact).map(of).map(|short| short.unwrap().to_string()).collect()
    }

    #[test]
    fn similar_names_are_numbered() {
        assert_eq!(
            generated(&["nixos-generation-1.conf", "nixos-generation-2.conf", "NIXOS-~2.CON", "Nixos.conf"]),
            ["NIXOS-~1.CON", "NIXOS-~3.CON", "NIXOS-~2.CON", "NIXOS~1.CON"]
        );
        assert_eq!(
            generated(&["Foo.txt", "foo.text", ".foo", "a b", "é", "x.tar.gz"]),
            ["FOO.TXT", "FOO~1.TEX", "FOO~1", "AB~1", "_~1", "XTAR~1.GZ"]
        );
    }

    #[test]
    fn the_tenth_takes_two_digits_and_names_of_other_stems_are_not_hit() {
        let names: Vec<String> = (0..12).map(|index| format!("generation-{index}")).collect();
        let mut names: Vec<&str> = names.iter().map(String::as_str).collect();
        names.push("generator-of-things");
        let short = generated(&names);
        assert_eq!(short[8], "GENERA~9");
        assert_eq!(short[9], "GENER~10");
        assert_eq!(short[12], "GENER~13");
    }

    #[test]
    fn a_hundred_thousand_similar_names_differ() {
        let mut short_names = ShortNames::default();
        let mut seen = HashSet::new();
        for index in 0..100_000 {
            let short = short_names.generate(&format!("some long name {index}.file")).unwrap();
            assert!(seen.insert(short.bytes));
        }
    }
}
