//! `EFI_LOAD_OPTION`: the data of a `Boot####` variable.

use super::utf16;
use super::{DevicePath, PathError};

/// The boot manager may start it (`LOAD_OPTION_ACTIVE`).
const ACTIVE: u32 = 1;

/// A load option, UEFI Specification 2.10, section 3.1.3.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LoadOption {
    /// Bit 0 active, 1 force reconnect, 3 hidden, 8–12 category.
    pub attributes: u32,
    /// What the firmware's menu shows.
    pub description: String,
    /// What to start.
    pub path: DevicePath,
    /// Bytes for the program that is started, often empty.
    pub data: Vec<u8>,
}

/// Why bytes are no load option, or a load option cannot be bytes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OptionError {
    /// The bytes end too early.
    #[error("the load option is cut off in its {0}")]
    Truncated(&'static str),
    /// The description holds a NUL, which would end it.
    #[error("the description {0:?} holds a NUL")]
    Nul(String),
    /// The device path is wrong.
    #[error("the load option's path is wrong")]
    Path(#[from] PathError),
}

impl LoadOption {
    /// An active option of category "boot" without data.
    pub fn active(description: impl Into<String>, path: DevicePath) -> Self {
        Self { attributes: ACTIVE, description: description.into(), path, data: Vec::new() }
    }

    /// Whether the boot manager may start it.
    pub const fn is_active(&self) -> bool {
        self.attributes & ACTIVE != 0
    }

    /// The variable's data.
    pub fn encode(&self) -> Result<Vec<u8>, OptionError> {
        if self.description.contains('\0') {
            return Err(OptionError::Nul(self.description.clone()));
        }
        let path = self.path.encode()?;
        let path_len = u16::try_from(path.len()).map_err(|_| PathError::TooLong(path.len()))?;
        let mut bytes = self.attributes.to_le_bytes().to_vec();
        bytes.extend(path_len.to_le_bytes());
        bytes.extend(utf16::encode(&self.description));
        bytes.extend(path);
        bytes.extend(&self.data);
        Ok(bytes)
    }

    /// Reads a variable's data.
    pub fn decode(bytes: &[u8]) -> Result<Self, OptionError> {
        let (attributes, rest) = bytes.split_first_chunk().ok_or(OptionError::Truncated("attributes"))?;
        let (path_len, rest) = rest.split_first_chunk().ok_or(OptionError::Truncated("path length"))?;
        let (description, used) = utf16::decode(rest).ok_or(OptionError::Truncated("description"))?;
        let rest = rest.get(used..).unwrap_or_default();
        let path_len = usize::from(u16::from_le_bytes(*path_len));
        let (path, data) = rest.split_at_checked(path_len).ok_or(OptionError::Truncated("path"))?;
        Ok(Self {
            attributes: u32::from_le_bytes(*attributes),
            description,
            path: DevicePath::decode(path)?,
            data: data.to_vec(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{HardDrive, Node};
    use super::*;

    fn option() -> LoadOption {
        let partition = HardDrive {
            partition_number: 1,
            first_lba: 2048,
            block_count: 1_024_000,
            partition_guid: "12345678-9abc-def0-0102-030405060708".parse().unwrap(),
        };
        LoadOption::active(
            "Linux Boot Manager",
            DevicePath::file_on(partition, "/EFI/systemd/systemd-bootx64.efi"),
        )
    }

    #[test]
    fn a_load_option_survives_its_bytes() {
        let mut option = option();
        option.data = vec![1, 2, 3];
        let bytes = option.encode().unwrap();
        assert_eq!(bytes[..6], [1, 0, 0, 0, 116, 0]);
        assert_eq!(&bytes[6..10], b"L\0i\0");
        assert_eq!(LoadOption::decode(&bytes).unwrap(), option);
        assert!(option.is_active());
    }

    #[test]
    fn cut_off_options_say_where() {
        let bytes = option().encode().unwrap();
        let cases = [(3, "attributes"), (5, "path length"), (20, "description"), (60, "path")];
        for (length, part) in cases {
            assert_eq!(LoadOption::decode(&bytes[..length]), Err(OptionError::Truncated(part)));
        }
    }

    #[test]
    fn what_firmware_would_misread_is_refused() {
        let nul = LoadOption { description: "a\0".into(), ..option() };
        assert_eq!(nul.encode(), Err(OptionError::Nul("a\0".into())));
        let long = DevicePath {
            nodes: vec![Node::Other(1, 1, vec![0; 40_000]), Node::Other(1, 1, vec![0; 40_000])],
        };
        let long = LoadOption { path: long, ..option() };
        assert_eq!(long.encode(), Err(OptionError::Path(PathError::TooLong(80_012))));
    }
}
