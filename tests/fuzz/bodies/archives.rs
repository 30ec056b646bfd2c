//! Archives, and Nix's list of store paths.

use std::fs;
use std::path::Path;

use landfall::fs::cpio;
use landfall::store::{nar, registration};
use landfall::tree::Name;

/// Reads archives in the newc format, and makes a Tree of them.
pub fn cpio(mut bytes: &[u8]) {
    if let Ok(members) = cpio::read(&mut bytes) {
        // An archive may hold what no tree can: two files of one name.
        let _ = cpio::tree(&members);
    }
}

/// Reads a NAR; what was read must come out as the same bytes.
pub fn nar(bytes: &[u8]) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("fuzz.nar");
    fs::write(&file, bytes).expect("a temporary file");
    let name = Name::new(b"entry").expect("a plain name");
    let Ok(tree) = nar::read(&file, name) else { return };
    let entry = tree.lookup("entry").expect("what was read is under its name");
    let mut again = Vec::new();
    nar::write(&tree, entry, &mut again).expect("what was read can be written");
    assert!(bytes.starts_with(&again), "a NAR reads as something else than it is");
}

/// Reads a registration; what was read must read again as the same.
pub fn registration(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let Ok(paths) = registration::parse(text, Path::new("registration")) else { return };
    let again = registration::render(&paths);
    let paths_again = registration::parse(&again, Path::new("registration")).expect("rendered for reading");
    assert_eq!(registration::render(&paths_again), again);
}
