//! A swap area as text.

use std::fmt;

use super::read::Swap;

impl fmt::Display for Swap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "swap {} bytes {}", self.size.bytes(), self.uuid)?;
        match &self.label {
            Some(label) => write!(f, " label {label:?}"),
            None => f.write_str(" no label"),
        }
    }
}
