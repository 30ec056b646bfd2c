//! Names of directory entries.

use std::borrow::Borrow;
use std::fmt;

/// The longest name, in bytes: `NAME_MAX` of Linux.
pub const NAME_MAX: usize = 255;

/// The name of a directory entry: 1 to 255 bytes, neither `/` nor NUL among them, not `.` or `..`.
/// Often UTF-8, but that is nobody's rule.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Name(Box<[u8]>);

/// Why some bytes cannot be a name.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{name}` cannot be a file name: {why}")]
pub struct NameError {
    name: String,
    why: &'static str,
}

impl Name {
    /// `bytes` as a name, if they can be one.
    pub fn new(bytes: &[u8]) -> Result<Self, NameError> {
        let why = match bytes {
            b"" => "it is empty",
            b"." | b".." => "it names a directory itself",
            _ if bytes.len() > NAME_MAX => "it is longer than 255 bytes",
            _ if bytes.contains(&b'/') => "it holds a `/`",
            _ if bytes.contains(&0) => "it holds a NUL",
            _ => return Ok(Self(bytes.into())),
        };
        Err(NameError { name: bytes.escape_ascii().to_string(), why })
    }

    /// The name's bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }
}

/// Lets a map keyed by names be asked with plain bytes; both order alike.
impl Borrow<[u8]> for Name {
    fn borrow(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&String::from_utf8_lossy(&self.0), f)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "\"{}\"", self.0.escape_ascii())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_linux_takes_is_a_name() {
        for good in [&b"a"[..], b"...", b"\xff\xfe", "ä".as_bytes(), &[b'x'; 255]] {
            assert!(Name::new(good).is_ok(), "{}", good.escape_ascii());
        }
        for bad in [&b""[..], b".", b"..", b"a/b", b"a\0b", &[b'x'; 256]] {
            assert!(Name::new(bad).is_err(), "{}", bad.escape_ascii());
        }
    }
}
