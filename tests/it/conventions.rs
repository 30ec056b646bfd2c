//! The project's conventions, checked by a program: where `unsafe` may be, which module may use which, that
//! the documents tell the truth about paths, commands and dependencies.
//!
//! Each check is a function from text to complaints, so that the tests beside it can show that it fails.

mod dependencies;
mod documents;
mod layers;
mod source;

use std::fs;
use std::path::{Path, PathBuf};

/// A text of the repository.
#[derive(Debug)]
pub struct File {
    /// Its path from the repository's top, with `/`.
    pub path: String,
    /// What it says.
    pub text: String,
}

/// The top of the repository.
pub fn top() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// The text of one file.
pub fn text(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All files below `folders` whose names end in one of `ends`, in the order of their paths.
pub fn files(folders: &[&str], ends: &[&str]) -> Vec<File> {
    let mut found = Vec::new();
    for folder in folders {
        walk(&top().join(folder), ends, &mut found);
    }
    assert!(!found.is_empty(), "no {ends:?} in {folders:?}");
    found.sort_by(|one, other| one.path.cmp(&other.path));
    found
}

fn walk(folder: &Path, ends: &[&str], found: &mut Vec<File>) {
    for entry in fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display())) {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        // What building leaves, here and in the fuzzer's crate, is not the project's.
        if path.is_dir() && !["target", "corpus", "artifacts"].contains(&name) {
            walk(&path, ends, found);
        } else if ends.iter().any(|end| name.ends_with(end)) && path.is_file() {
            let relative = path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
            let text = fs::read_to_string(&path).unwrap_or_else(|error| panic!("{relative}: {error}"));
            found.push(File { path: relative, text });
        }
    }
}

/// The Rust sources of every crate.
pub fn sources() -> Vec<File> {
    files(&["src", "iso", "uefi", "qemu", "tests"], &[".rs"])
}

/// Fails with all complaints, one in a line.
#[track_caller]
pub fn none(complaints: &[String]) {
    assert!(complaints.is_empty(), "{}", complaints.join("\n"));
}
