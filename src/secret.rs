//! Secrets: passphrases and keys, wiped from memory when done with and never shown.

use std::fmt;
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::path::Path;

use zeroize::Zeroizing;

use crate::error::IoError;
use crate::units::ByteSize;

/// The largest key file we read where no size is stated: what cryptsetup takes at most (8 MiB).
const LARGEST_KEY_FILE: u64 = 8 << 20;

/// Bytes that nobody may see: neither in logs nor in errors, plans or manifests.
#[derive(Clone)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// Which bytes of a key file are the key.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct KeyFilePart {
    /// Where the key begins, in bytes.
    pub offset: ByteSize,
    /// How many bytes it has; `None`: all to the end of the file.
    pub size: Option<ByteSize>,
}

impl Secret {
    /// Takes `bytes` into keeping.
    pub fn new(bytes: Vec<u8>) -> Self {
        Self(Zeroizing::new(bytes))
    }

    /// `len` bytes of the operating system's randomness.
    pub fn random(len: usize) -> Result<Self, getrandom::Error> {
        let mut bytes = Zeroizing::new(vec![0; len]);
        getrandom::fill(&mut bytes)?;
        Ok(Self(bytes))
    }

    /// Reads a key file. Its bytes count as they are, a line end included.
    pub fn from_file(path: &Path, part: KeyFilePart) -> Result<Self, IoError> {
        let error = |source| IoError::new("reading the key file", path, source);
        let mut file = File::open(path).map_err(error)?;
        file.seek(SeekFrom::Start(part.offset.bytes())).map_err(error)?;
        let mut bytes = Zeroizing::new(Vec::new());
        let limit = part.size.map_or(LARGEST_KEY_FILE, ByteSize::bytes);
        file.take(limit).read_to_end(&mut bytes).map_err(error)?;
        Ok(Self(bytes))
    }

    /// The bytes, for the moment of their use.
    pub fn expose(&self) -> &[u8] {
        &self.0
    }
}

/// Says only that there is a secret.
impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_shows_nothing_of_itself() {
        assert_eq!(format!("{:?}", Secret::new(b"hunter2".to_vec())), "Secret");
    }

    #[test]
    fn a_key_file_gives_the_stated_part() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("key");
        std::fs::write(&path, b"0123456789\n").unwrap();
        let part = KeyFilePart { offset: ByteSize(2), size: Some(ByteSize(3)) };
        assert_eq!(Secret::from_file(&path, part).unwrap().expose(), b"234");
        assert_eq!(Secret::from_file(&path, KeyFilePart::default()).unwrap().expose(), b"0123456789\n");
    }
}
