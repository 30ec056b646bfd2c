//! Registrations: the text in which Nix hands the facts about store paths around.
//!
//! What `nix-store --dump-db` prints, `--load-db` reads, and `closureInfo` of nixpkgs leaves in its file
//! `registration`. One record after the other, each line ended by a line feed:
//!
//! ```text
//! path · hash of its archive · size of its archive · deriver or nothing · count of references · references …
//! ```
//!
//! Signatures and content addresses are not in it.

use std::path::{Path, PathBuf};
use std::str::Split;

use super::path::StorePathError;
use super::{PathInfo, StorePath};
use crate::units::ByteSize;

/// A registration that could not be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{file}` line {line}: {why}")]
pub struct RegistrationError {
    file: PathBuf,
    line: usize,
    why: String,
}

/// The registration of `paths`, records in the order given, hashes in Nix's base 32.
pub fn render<'a>(paths: impl IntoIterator<Item = &'a PathInfo>) -> String {
    let mut text = String::new();
    for info in paths {
        let deriver = info.deriver.as_ref().map(StorePath::to_string).unwrap_or_default();
        let (hash, size) = (info.nar_hash.to_nix32(), info.nar_size.bytes());
        text.push_str(&format!("{}\n{hash}\n{size}\n{deriver}\n{}\n", info.path, info.references.len()));
        for reference in &info.references {
            text.push_str(&format!("{reference}\n"));
        }
    }
    text
}

/// Reads a registration; `file` is named in errors.
pub fn parse(text: &str, file: &Path) -> Result<Vec<PathInfo>, RegistrationError> {
    let mut lines = Lines { lines: text.split('\n'), number: 0, file };
    let mut records = Vec::new();
    loop {
        match lines.lines.clone().next() {
            // The text behind the last line feed: nothing, when the text is complete.
            Some("") if lines.lines.clone().nth(1).is_none() => return Ok(records),
            None => return Ok(records),
            Some(_) => records.push(lines.record()?),
        }
    }
}

/// The lines that are left, counted for error messages.
struct Lines<'a> {
    lines: Split<'a, char>,
    number: usize,
    file: &'a Path,
}

impl Lines<'_> {
    fn record(&mut self) -> Result<PathInfo, RegistrationError> {
        let path = self.store_path()?;
        let hash = self.next("hash")?.to_owned();
        let hash = hash.parse().map_err(|error| self.error(format!("{error}")))?;
        let size = self.number("archive size")?;
        let deriver = self.next("deriver")?.to_owned();
        let deriver = (!deriver.is_empty()).then(|| StorePath::from_absolute(&deriver)).transpose();
        let deriver = deriver.map_err(|error| self.error(error.to_string()))?;
        let count = self.number("count of references")?;
        let references = (0..count).map(|_| self.store_path()).collect::<Result<Vec<_>, _>>()?;
        let mut info = PathInfo::new(path, hash, ByteSize(size), references);
        info.deriver = deriver;
        Ok(info)
    }

    fn next(&mut self, what: &str) -> Result<&str, RegistrationError> {
        self.number += 1;
        let line = self.lines.next();
        // Without a line feed behind it the last line was cut off.
        match line.filter(|_| self.lines.clone().next().is_some()) {
            Some(line) => Ok(line),
            None => Err(self.error(format!("the file ends where a record's {what} should be"))),
        }
    }

    fn number(&mut self, what: &str) -> Result<u64, RegistrationError> {
        let text = self.next(what)?.to_owned();
        text.parse().map_err(|_| self.error(format!("`{text}` is no {what}")))
    }

    fn store_path(&mut self) -> Result<StorePath, RegistrationError> {
        let path: Result<StorePath, StorePathError> = StorePath::from_absolute(self.next("store path")?);
        path.map_err(|error| self.error(error.to_string()))
    }

    fn error(&self, why: String) -> RegistrationError {
        RegistrationError { file: self.file.to_owned(), line: self.number, why }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-src";
    const HEX: &str = "0850e021060f2ab157976053a8cadfa4f2f6f9bcd5d57daed0269249d3c870cf";
    const NIX32: &str = "sha256:1kvhr39lk4i6s2p7vmfmpkwzdwm4vz5ahlv0jxbv2ahg0qhy0l08";

    fn read(text: &str) -> Result<Vec<PathInfo>, String> {
        parse(text, Path::new("registration")).map_err(|error| error.to_string())
    }

    #[test]
    fn what_nix_dumps_is_what_it_loads() {
        let dumped = format!("{PATH}\n{HEX}\n848\n\n1\n{PATH}\n");
        let records = read(&dumped).unwrap();
        assert_eq!(records.len(), 1);
        assert_eq!((records[0].nar_size, records[0].references.len()), (ByteSize(848), 1));
        assert_eq!(render(&records), format!("{PATH}\n{NIX32}\n848\n\n1\n{PATH}\n"));
        assert_eq!(read(&render(&records)).unwrap(), records);
        assert_eq!(read("").unwrap(), []);
    }

    #[test]
    fn errors_name_the_line() {
        let cases = [
            (
                "nonsense\n".to_owned(),
                "`registration` line 1: `nonsense` is not a store path: it is not below /nix/store",
            ),
            (
                format!("{PATH}\nabc\n1\n\n0\n"),
                "`registration` line 2: `abc` is not a SHA-256 hash in base 16, Nix's base 32 or SRI form",
            ),
            (format!("{PATH}\n{HEX}\nbig\n\n0\n"), "`registration` line 3: `big` is no archive size"),
            (format!("{PATH}\n{HEX}\n1\n\nno\n"), "`registration` line 5: `no` is no count of references"),
            (
                format!("{PATH}\n{HEX}\n1\n\n2\n{PATH}\n"),
                "`registration` line 7: the file ends where a record's store path should be",
            ),
            (
                format!("{PATH}\n{HEX}\n1\n\n0"),
                "`registration` line 5: the file ends where a record's count of references should be",
            ),
        ];
        for (text, message) in cases {
            assert_eq!(read(&text).unwrap_err(), message);
        }
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read_or_refused(text in "(/nix/store/[0-9a-z]{0,34}-x\n|[0-9a-f]{64}\n|[0-9]{0,3}\n|\n|.)*") {
            if let Ok(records) = read(&text) {
                proptest::prop_assert_eq!(read(&render(&records)).unwrap(), records);
            }
        }
    }
}
