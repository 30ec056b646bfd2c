//! A swap area's name.

use std::fmt;
use std::str::FromStr;

/// Bytes of the field, the zero at its end included.
const FIELD: usize = 16;

/// A swap area's label: 1 to 15 bytes without NUL.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct SwapLabel(String);

/// Why a text cannot label a swap area.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{label}` cannot label a swap area: {why}")]
pub struct LabelError {
    label: String,
    why: &'static str,
}

impl SwapLabel {
    /// As the header holds it.
    pub(super) fn padded(&self) -> [u8; FIELD] {
        let mut field = [0; FIELD];
        field[..self.0.len()].copy_from_slice(self.0.as_bytes());
        field
    }

    /// The label that a header holds, if that is one.
    pub(super) fn from_padded(field: [u8; FIELD]) -> Option<Self> {
        let text = field.split(|byte| *byte == 0).next()?;
        str::from_utf8(text).ok()?.parse().ok()
    }
}

impl FromStr for SwapLabel {
    type Err = LabelError;

    fn from_str(label: &str) -> Result<Self, LabelError> {
        let why = if label.is_empty() {
            "it is empty"
        } else if label.len() >= FIELD {
            "it is longer than 15 bytes"
        } else if label.contains('\0') {
            "it holds a NUL"
        } else {
            return Ok(Self(label.to_owned()));
        };
        Err(LabelError { label: label.escape_debug().to_string(), why })
    }
}

impl fmt::Display for SwapLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl fmt::Debug for SwapLabel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
