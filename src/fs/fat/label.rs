//! A volume's name.

use std::fmt;
use std::str::FromStr;

/// Length of a label on a volume, in bytes.
const LEN: usize = 11;

/// What a volume without a label has in its boot sector.
pub(super) const NO_NAME: [u8; LEN] = *b"NO NAME    ";

/// A volume's label: 1 to 11 bytes of ASCII that FAT can hold. Lower case is kept as it is, since Linux
/// finds volumes by the exact label; DOS shows it in upper case.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct VolumeLabel {
    /// Blanks behind the end.
    padded: [u8; LEN],
}

/// Why a text cannot label a FAT volume.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{label}` cannot label a FAT volume: {why}")]
pub struct LabelError {
    label: String,
    why: &'static str,
}

impl VolumeLabel {
    /// As boot sector and root directory hold it.
    pub(super) const fn padded(&self) -> [u8; LEN] {
        self.padded
    }

    /// The label that a volume holds; `None` where that is no label.
    pub(super) fn from_padded(padded: [u8; LEN]) -> Option<Self> {
        if padded == NO_NAME {
            return None;
        }
        str::from_utf8(&padded).ok()?.trim_end().parse().ok()
    }
}

impl FromStr for VolumeLabel {
    type Err = LabelError;

    fn from_str(label: &str) -> Result<Self, LabelError> {
        // FATGEN forbids these in short names, dots and blanks apart; a label is stored like one.
        let forbidden = |byte: u8| byte < 0x20 || byte == 0x7f || b"\"*+,./:;<=>?[\\]|".contains(&byte);
        let why = if label.is_empty() {
            "it is empty"
        } else if !label.is_ascii() {
            "it holds characters outside of ASCII"
        } else if label.len() > LEN {
            "it is longer than 11 characters"
        } else if label.starts_with(' ') || label.ends_with(' ') {
            "it begins or ends with a blank"
        } else if label.bytes().any(forbidden) {
            "it holds a control character or one of \"*+,./:;<=>?[\\]|"
        } else if label == "NO NAME" {
            "that means to have no label"
        } else {
            let mut padded = [b' '; LEN];
            padded[..label.len()].copy_from_slice(label.as_bytes());
            return Ok(Self { padded });
        };
        Err(LabelError { label: label.escape_debug().to_string(), why })
    }
}

impl fmt::Display for VolumeLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(String::from_utf8_lossy(&self.padded).trim_end())
    }
}

impl fmt::Debug for VolumeLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_string())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_kept_as_they_are() {
        for text in ["A", "ESP", "boot", "NIXOS_BOOT", "EFI BOOT 1", "12345678901"] {
            let label: VolumeLabel = text.parse().unwrap();
            assert_eq!(label.to_string(), text);
            assert_eq!(VolumeLabel::from_padded(label.padded()), Some(label));
        }
    }

    #[test]
    fn what_fat_cannot_hold_is_refused_with_the_reason() {
        for (text, why) in [
            ("", "it is empty"),
            ("123456789012", "it is longer than 11 characters"),
            ("Größe", "it holds characters outside of ASCII"),
            ("a/b", "it holds a control character or one of"),
            ("tab\there", "it holds a control character or one of"),
            (" x", "it begins or ends with a blank"),
            ("NO NAME", "that means to have no label"),
        ] {
            let error = text.parse::<VolumeLabel>().unwrap_err().to_string();
            assert!(error.contains(why), "{error}");
        }
    }
}
