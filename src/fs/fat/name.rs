//! Names: what FAT can hold, and how long and short ones are stored.

use std::fmt;

use zerocopy::IntoBytes;

use super::format::{LAST_LONG_ENTRY, LONG_UNITS, LongEntry, name_checksum};

/// Case bit of the name before the dot.
const LOWER_BASE: u8 = 0x08;
/// Case bit of the extension.
const LOWER_EXTENSION: u8 = 0x10;

/// A name of eight characters and an extension of three.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct ShortName {
    /// Upper case, padded with blanks.
    pub(super) bytes: [u8; 11],
    /// Which parts are shown in lower case: `DIR_NTRes`.
    pub(super) case: u8,
}

impl ShortName {
    /// The entry of a directory for itself.
    pub(super) const DOT: Self = Self { bytes: *b".          ", case: 0 };
    /// The entry of a directory for the one above.
    pub(super) const DOT_DOT: Self = Self { bytes: *b"..         ", case: 0 };

    /// `base` and `extension` in upper case; they are no longer than 8 and 3 bytes.
    pub(super) fn new(base: &[u8], extension: &[u8]) -> Self {
        let mut bytes = [b' '; 11];
        for (field, byte) in bytes.iter_mut().zip(base) {
            *field = byte.to_ascii_uppercase();
        }
        for (field, byte) in bytes[8..].iter_mut().zip(extension) {
            *field = byte.to_ascii_uppercase();
        }
        Self { bytes, case: 0 }
    }

    /// The short name that says all of `name`, if there is one: at most 8 and 3 plain characters, each
    /// part without a mix of upper and lower case.
    pub(super) fn exactly(name: &str) -> Option<Self> {
        let (base, extension) = match name.rsplit_once('.') {
            Some((base, extension)) if !extension.is_empty() => (base, extension),
            Some(_) => return None,
            None => (name, ""),
        };
        let plain = |part: &str, most: usize| part.len() <= most && part.bytes().all(is_plain);
        if base.is_empty() || !plain(base, 8) || !plain(extension, 3) {
            return None;
        }
        let mut short = Self::new(base.as_bytes(), extension.as_bytes());
        for (part, bit) in [(base, LOWER_BASE), (extension, LOWER_EXTENSION)] {
            let lower = part.bytes().any(|byte| byte.is_ascii_lowercase());
            let upper = part.bytes().any(|byte| byte.is_ascii_uppercase());
            match (lower, upper) {
                (true, true) => return None,
                (true, false) => short.case |= bit,
                (false, _) => {}
            }
        }
        Some(short)
    }

    /// What binds a long name to this one.
    pub(super) fn checksum(&self) -> u8 {
        name_checksum(&self.bytes)
    }
}

/// Whether a short name may hold `byte`, in upper case if it is a letter (FATGEN, "DIR_Name[0]").
pub(super) fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"$%'-_@~`!(){}^#&".contains(&byte)
}

impl fmt::Display for ShortName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (base, extension) = self.bytes.split_at(8);
        let part = |bytes: &[u8], bit: u8| {
            let text = bytes.trim_ascii_end().escape_ascii().to_string();
            if self.case & bit == 0 { text } else { text.to_ascii_lowercase() }
        };
        f.write_str(&part(base, LOWER_BASE))?;
        match part(extension, LOWER_EXTENSION).as_str() {
            "" => Ok(()),
            extension => write!(f, ".{extension}"),
        }
    }
}

/// `name` as text, or the rule of long names that it breaks (FATGEN, "Long Directory Entries").
pub(in crate::fs) fn check(name: &[u8]) -> Result<&str, &'static str> {
    let text = str::from_utf8(name).map_err(|_| "it is not UTF-8")?;
    if text.ends_with(['.', ' ']) {
        // Windows drops these; two names would become one.
        return Err("it ends with a dot or a blank");
    }
    if text.chars().any(|char| char < ' ' || "\"*/:<>?\\|".contains(char)) {
        return Err("it holds a control character or one of \"*/:<>?\\|");
    }
    Ok(text)
}

/// `name` with the differences of case removed that FAT does not see. Characters whose upper case is not
/// one character stay as they are, as in the tables of those who implement FAT.
pub(in crate::fs) fn fold(name: &str) -> String {
    let upper = |char: char| {
        let mut upper = char.to_uppercase();
        match (upper.next(), upper.next()) {
            (Some(one), None) => one,
            _ => char,
        }
    };
    name.chars().map(upper).collect()
}

/// How many entries the parts of a long name of `units` units take.
pub(super) const fn long_entries(units: usize) -> usize {
    units.div_ceil(LONG_UNITS)
}

/// Adds the parts of the long name `units` to a directory, the last part first, for the short name with
/// `checksum`. A name has at most 255 units, and so 20 parts.
pub(super) fn push_long_entries(directory: &mut Vec<u8>, units: &[u16], checksum: u8) {
    let parts: Vec<(&[u16], u8)> = units.chunks(LONG_UNITS).zip(1..).collect();
    for (index, (part, ordinal)) in parts.into_iter().rev().enumerate() {
        let ordinal = if index == 0 { ordinal | LAST_LONG_ENTRY } else { ordinal };
        // A zero ends the name where it does not end with the field; ones fill the rest.
        let mut field = [0xffff; LONG_UNITS];
        field[..part.len()].copy_from_slice(part);
        if let Some(end) = field.get_mut(part.len()) {
            *end = 0;
        }
        directory.extend_from_slice(LongEntry::new(field, ordinal, checksum).as_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_names_need_no_long_entry() {
        for name in
            ["BOOTX64.EFI", "boot", "loader.cfg", "A", "EFI.txt", "a-1_~.x", "12345678.123", "efi.EFI"]
        {
            assert_eq!(ShortName::exactly(name).unwrap().to_string(), name);
        }
        for name in
            ["Boot", "loader.Conf", "123456789", "a.conf", "a.b.c", ".a", "a b", "ä", "a+b", "nixos.efix"]
        {
            assert_eq!(ShortName::exactly(name), None, "{name}");
        }
        assert_eq!(ShortName::exactly("a.con").unwrap().bytes, *b"A       CON");
    }

    #[test]
    fn names_that_fat_cannot_hold_say_why() {
        let check = |bytes: &[u8]| super::check(bytes).map(str::to_owned);
        assert_eq!(check("nixos-Größe 😀+.conf".as_bytes()).as_deref(), Ok("nixos-Größe 😀+.conf"));
        assert_eq!(check(b"\xff"), Err("it is not UTF-8"));
        assert_eq!(check(b"a."), Err("it ends with a dot or a blank"));
        assert_eq!(check(b"a "), Err("it ends with a dot or a blank"));
        for name in [&b"a:b"[..], b"a\\b", b"a\nb", b"a*", b"\"a", b"a|b", b"<", b"?"] {
            assert!(check(name).is_err());
        }
    }

    #[test]
    fn long_names_are_stored_from_their_end() {
        let units: Vec<u16> = "abcdefghijklmn".encode_utf16().collect();
        let mut directory = Vec::new();
        push_long_entries(&mut directory, &units, 0x42);
        assert_eq!(directory.len(), 64);
        assert_eq!(directory[..16], *b"\x42n\0\0\0\xff\xff\xff\xff\xff\xff\x0f\0\x42\xff\xff");
        assert_eq!(directory[32..48], *b"\x01a\0b\0c\0d\0e\0\x0f\0\x42f\0");
        let mut directory = Vec::new();
        push_long_entries(&mut directory, &units[..13], 0);
        assert_eq!(directory[28..], *b"l\0m\0");
    }

    #[test]
    fn upper_and_lower_case_fold_together() {
        assert_eq!(fold("Größe.TXT"), fold("gRÖßE.txt"));
        assert_ne!(fold("straße"), fold("strasse"));
    }
}
