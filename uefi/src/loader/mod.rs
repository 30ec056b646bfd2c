//! What systemd-boot reads from the ESP: entries of type #1, boot counters and `loader.conf`.
//!
//! Text in UTF-8, one setting per line, key and value separated by blanks, `#` begins a comment
//! line. The order of lines means nothing to the boot loader; here it is kept, because tools name
//! entries by a digest of their bytes.
//!
//! Governing documents: Boot Loader Specification (UAPI.1), sections "Type #1 Boot Loader
//! Specification Entries", "Boot counting" and "Sorting"; manual page `loader.conf(5)`.
//! Not supported: entries of type #2 (unified kernel images) beyond their file names.

mod conf;
mod entry;
mod name;

pub use conf::{ConsoleMode, LoaderConf, Timeout};
pub use entry::{Entry, Key, ValueError};
pub use name::{EntryName, Tries};

/// Content of `loader/entries.srel`: the standard that the entries beside it follow.
///
/// Boot Loader Specification, section "The partitions": an installer that finds another content
/// leaves `loader/entries` alone.
pub const ENTRIES_SREL: &str = "type1\n";

/// Key and value of each meaningful line of `text`, as systemd-boot splits it: blanks around both
/// are dropped, so is one pair of double quotes around the value; a key without value is skipped.
fn settings(text: &str) -> impl Iterator<Item = (&str, &str)> {
    text.split(['\n', '\r']).filter_map(|line| {
        let line = line.trim_matches([' ', '\t']);
        if line.starts_with('#') {
            return None;
        }
        let (key, value) = line.split_once([' ', '\t'])?;
        let value = value.trim_start_matches([' ', '\t']);
        Some((key, unquoted(value).unwrap_or(value)))
    })
}

/// `value` without the double quotes at both of its ends, if it has them.
fn unquoted(value: &str) -> Option<&str> {
    value.strip_prefix('"')?.strip_suffix('"')
}
