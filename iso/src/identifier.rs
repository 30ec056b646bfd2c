//! Identifiers: what a file is called for readers that know no Rock Ridge.
//!
//! ECMA-119 7.5 and 7.6 at interchange level 3: capitals, digits and `_`; a file's name and extension have
//! 30 characters together, a directory's 31. Names that become alike get a number at their end.

use std::collections::HashSet;

/// Characters of name and extension of a file together (7.5.1), and one less than a directory's (7.6.3).
const CHARACTERS: usize = 30;

/// Characters of an extension that is kept before the name is.
const EXTENSION: usize = 8;

/// An identifier, such that the order of values is that of records in a directory (9.3): by name, then by
/// extension.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct Identifier {
    name: Vec<u8>,
    /// `None` for a directory.
    extension: Option<Vec<u8>>,
}

impl Identifier {
    /// The bytes of the field.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut bytes = self.name.clone();
        if let Some(extension) = &self.extension {
            bytes.push(b'.');
            bytes.extend_from_slice(extension);
            // The version of a file: the first.
            bytes.extend_from_slice(b";1");
        }
        bytes
    }

    fn directory(name: &[u8]) -> Self {
        let name = name.iter().take(CHARACTERS).map(|byte| allowed(*byte)).collect();
        Self { name, extension: None }
    }

    fn file(name: &[u8]) -> Self {
        let dot = name.iter().rposition(|byte| *byte == b'.').filter(|at| *at > 0);
        let (stem, extension) = dot.map_or((name, &b""[..]), |at| (&name[..at], &name[at + 1..]));
        let extension: Vec<u8> = extension.iter().take(EXTENSION).map(|byte| allowed(*byte)).collect();
        let room = CHARACTERS - extension.len();
        let name = stem.iter().take(room).map(|byte| allowed(*byte)).collect();
        Self { name, extension: Some(extension) }
    }

    /// This identifier with `number` at the end of its name.
    fn numbered(&self, number: u16) -> Self {
        let number = format!("_{number:X}");
        let used = self.extension.as_ref().map_or(0, Vec::len) + number.len();
        let mut name = self.name.clone();
        name.truncate(CHARACTERS - used);
        name.extend_from_slice(number.as_bytes());
        Self { name, extension: self.extension.clone() }
    }
}

/// The character that stands for `byte`.
fn allowed(byte: u8) -> u8 {
    match byte.to_ascii_uppercase() {
        letter @ (b'A'..=b'Z' | b'0'..=b'9') => letter,
        _ => b'_',
    }
}

/// The identifiers of a directory, no two of them alike.
#[derive(Debug, Default)]
pub(crate) struct Identifiers(HashSet<Identifier>);

impl Identifiers {
    /// An identifier for a directory of that name; `None` when all are taken.
    pub(crate) fn directory(&mut self, name: &[u8]) -> Option<Identifier> {
        self.take(Identifier::directory(name))
    }

    /// An identifier for a file of that name; `None` when all are taken.
    pub(crate) fn file(&mut self, name: &[u8]) -> Option<Identifier> {
        self.take(Identifier::file(name))
    }

    fn take(&mut self, wanted: Identifier) -> Option<Identifier> {
        let numbered = (0..=u16::MAX).map(|number| wanted.numbered(number));
        let free = std::iter::once(wanted.clone()).chain(numbered).find(|one| !self.0.contains(one))?;
        self.0.insert(free.clone());
        Some(free)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_become_identifiers() {
        let mut taken = Identifiers::default();
        for (name, identifier) in [
            ("nix-store.squashfs", "NIX_STORE.SQUASHFS;1"),
            ("bzImage", "BZIMAGE.;1"),
            ("BZIMAGE", "BZIMAGE_0.;1"),
            (".boot.cat", "_BOOT.CAT;1"),
            (".hidden", "_HIDDEN.;1"),
            ("a.name-of-a-long-extension", "A.NAME_OF_;1"),
            ("a-name-of-more-than-thirty-characters.tar", "A_NAME_OF_MORE_THAN_THIRTY_.TAR;1"),
            ("a-name-of-more-than-thirty-CHARACTERS.tar", "A_NAME_OF_MORE_THAN_THIRT_0.TAR;1"),
        ] {
            assert_eq!(taken.file(name.as_bytes()).unwrap().bytes(), identifier.as_bytes());
        }
        let hash = "nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-linux-6.12";
        assert_eq!(taken.directory(hash.as_bytes()).unwrap().bytes(), b"NQXA5K8G6NY7L8CKVLPNXS4796CHCY");
    }

    #[test]
    fn the_order_is_by_name_then_extension() {
        let mut taken = Identifiers::default();
        let mut file = |name: &str| taken.file(name.as_bytes()).unwrap();
        let (none, zero, long) = (file("A"), file("A.0"), file("A0"));
        assert!(none < zero && zero < long);
    }
}
