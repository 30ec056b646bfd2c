//! What a partition is for.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::type_codes::TYPES;

/// The GUID that says what a partition holds (UEFI 2.10, section 5.3.3, `PartitionTypeGUID`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct TypeGuid(Uuid);

/// A text that names no partition type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no partition type; write a code such as `EF00` or `8300`, or a GUID")]
pub struct TypeGuidError {
    text: String,
}

impl TypeGuid {
    /// Marks an entry of the table that is not in use.
    pub const UNUSED: Self = Self(Uuid::nil());
    /// The EFI system partition, code EF00.
    pub const EFI_SYSTEM: Self = Self(Uuid::from_u128(0xc12a7328_f81f11d2_ba4b00a0_c93ec93b));
    /// Any Linux file system, code 8300.
    pub const LINUX_FILESYSTEM: Self = Self(Uuid::from_u128(0x0fc63daf_84834772_8e793d69_d8477de4));
    /// Linux swap, code 8200.
    pub const LINUX_SWAP: Self = Self(Uuid::from_u128(0x0657fd6d_a4ab43c4_84e50933_c84b4f4f));
    /// Where GRUB keeps itself on BIOS machines, code EF02.
    pub const BIOS_BOOT: Self = Self(Uuid::from_u128(0x21686148_6449_6e6f_744e_656564454649));

    /// The type with this GUID, known or not.
    pub const fn new(guid: Uuid) -> Self {
        Self(guid)
    }

    /// The type that `sgdisk` knows by the four hexadecimal digits `code`.
    pub fn from_code(code: u16) -> Option<Self> {
        let index = TYPES.binary_search_by_key(&code, |row| row.0).ok()?;
        TYPES.get(index).map(|row| Self(Uuid::from_u128(row.1)))
    }

    /// The code that `sgdisk` has for this type.
    pub fn code(self) -> Option<u16> {
        self.row().map(|row| row.0)
    }

    /// What people call this type.
    pub fn name(self) -> Option<&'static str> {
        self.row().map(|row| row.2)
    }

    /// The GUID.
    pub const fn guid(self) -> Uuid {
        self.0
    }

    fn row(self) -> Option<&'static (u16, u128, &'static str)> {
        TYPES.iter().find(|row| row.1 == self.0.as_u128())
    }
}

/// Shown as the code where there is one, else as the GUID: both are read back.
impl fmt::Display for TypeGuid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.code() {
            Some(code) => write!(f, "{code:04X}"),
            None => self.0.fmt(f),
        }
    }
}

/// Reads four hexadecimal digits or a GUID, as `sgdisk --typecode` does.
impl FromStr for TypeGuid {
    type Err = TypeGuidError;

    fn from_str(text: &str) -> Result<Self, TypeGuidError> {
        let error = || TypeGuidError { text: text.to_owned() };
        if text.len() == 4 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            let code = u16::from_str_radix(text, 16).map_err(|_| error())?;
            return Self::from_code(code).ok_or_else(error);
        }
        text.parse().map(Self).map_err(|_| error())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_codes_are_sorted_so_that_the_search_finds_them() {
        assert!(TYPES.is_sorted_by(|a, b| a.0 < b.0));
        for (code, guid, name) in TYPES {
            let found = TypeGuid::from_code(*code).unwrap();
            assert_eq!(found.guid().as_u128(), *guid);
            assert_eq!(found.name().is_some(), !name.is_empty());
        }
    }

    #[test]
    fn the_codes_that_layouts_use_are_the_types_they_mean() {
        for (code, guid) in [
            ("EF00", TypeGuid::EFI_SYSTEM),
            ("8300", TypeGuid::LINUX_FILESYSTEM),
            ("8200", TypeGuid::LINUX_SWAP),
            ("ef02", TypeGuid::BIOS_BOOT),
            ("C12A7328-F81F-11D2-BA4B-00A0C93EC93B", TypeGuid::EFI_SYSTEM),
        ] {
            assert_eq!(code.parse(), Ok(guid), "{code}");
        }
        for (code, name) in [
            (0x8302, "Linux /home"),
            (0x8304, "Linux x86-64 root (/)"),
            (0x8305, "Linux ARM64 root (/)"),
            (0x8309, "Linux LUKS"),
            (0x8e00, "Linux LVM"),
            (0xbf01, "Solaris /usr & Mac ZFS"),
            (0xea00, "XBOOTLDR partition"),
            (0xfd00, "Linux RAID"),
        ] {
            assert_eq!(TypeGuid::from_code(code).and_then(TypeGuid::name), Some(name));
        }
    }

    #[test]
    fn a_type_with_two_codes_shows_the_lower() {
        let fuchsia = TypeGuid::from_code(0xf108).unwrap();
        assert_eq!(fuchsia, TypeGuid::EFI_SYSTEM);
        assert_eq!(fuchsia.to_string(), "EF00");
    }

    #[test]
    fn texts_that_name_no_type_are_refused() {
        for text in ["", "EF0", "EF000", "FFFF", "+F00", "not a type"] {
            let error = text.parse::<TypeGuid>().unwrap_err();
            assert!(error.to_string().starts_with(&format!("`{text}` is no partition type")));
        }
    }
}
