//! Which module of the library may use which. Text and bytes meet in the plan and not before.

use super::{File, files, none};

/// The modules of `src/`, each of which may use those before it. Where a new one goes is a decision: it is
/// made here.
const ORDER: [&str; 25] = [
    // What everything else is built from.
    "units",
    "error",
    "timestamp",
    "identity",
    "secret",
    "progress",
    "command",
    "parallel",
    "buffer",
    "cache",
    "sys",
    "files",
    // Text in.
    "layout",
    // Bytes.
    "volume",
    "tree",
    "fs",
    "store",
    "boot",
    // Where both meet.
    "plan",
    "image",
    "inspect",
    // A machine: its disks, the medium that installs it, and what is made for one.
    "device",
    "installer",
    "output",
    // The machine's user.
    "cli",
];

/// The modules that know bytes; none of them knows the layout language.
const BYTES: [&str; 5] = ["volume", "tree", "fs", "store", "boot"];

/// Uses that the order forbids and that are there for a reason: file, used module, reason. Empty, and best
/// left so.
const EXCEPTIONS: [(&str, &str, &str); 0] = [];

/// Modules of the same crate that `text` names: all that follows `crate::`, comments left out.
fn used(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    for (number, line) in text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        for (at, _) in code.match_indices("crate::") {
            let rest = &code[at + "crate::".len()..];
            let names = rest.strip_prefix('{').map_or_else(
                || vec![identifier(rest)],
                // `use crate::{a::b, c::{d, e}}`: the names at the first level, as far as they are in this line.
                |group| first_level(group).into_iter().map(identifier).collect(),
            );
            found.extend(names.into_iter().filter(|name| !name.is_empty()).map(|name| (number + 1, name)));
        }
    }
    found
}

fn identifier(text: &str) -> String {
    text.trim_start().chars().take_while(|char| char.is_ascii_alphanumeric() || *char == '_').collect()
}

fn first_level(group: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0_u32, 0, Vec::new());
    for (at, char) in group.char_indices() {
        match char {
            '{' => depth += 1,
            '}' if depth == 0 => {
                parts.push(&group[start..at]);
                return parts;
            }
            '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&group[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&group[start..]);
    parts
}

/// What is wrong with the uses in `file`, which lies in `src/`.
fn check(file: &File) -> Vec<String> {
    let module = identifier(file.path.strip_prefix("src/").unwrap_or(&file.path));
    if ["lib", "main"].contains(&module.as_str()) {
        return Vec::new();
    }
    let rank = |name: &str| ORDER.iter().position(|known| *known == name);
    let Some(own) = rank(&module) else {
        return vec![format!(
            "{}: `{module}` has no place in ORDER (tests/it/conventions/layers.rs)",
            file.path
        )];
    };
    let mut complaints = Vec::new();
    for (line, name) in used(&file.text) {
        // What is not a module is an item of the crate's root, which has none but modules.
        let Some(other) = rank(&name) else {
            complaints.push(format!("{}:{line}: `{name}` has no place in ORDER", file.path));
            continue;
        };
        let bytes_use_text = name == "layout" && BYTES.contains(&module.as_str());
        let excepted = EXCEPTIONS.iter().any(|(path, used, _)| *path == file.path && *used == name);
        if (other > own || bytes_use_text) && !excepted {
            complaints.push(format!("{}:{line}: `{module}` must not use `{name}`", file.path));
        }
    }
    complaints
}

#[test]
fn modules_use_only_what_stands_before_them() {
    none(&files(&["src"], &[".rs"]).iter().flat_map(check).collect::<Vec<_>>());
}

#[test]
fn every_exception_is_still_needed() {
    for (path, name, reason) in EXCEPTIONS {
        assert!(!reason.is_empty());
        assert!(used(&super::text(path)).iter().any(|(_, used)| used == name), "{path} uses {name} no more");
    }
}

fn complaints(path: &str, text: &str) -> Vec<String> {
    check(&File { path: path.to_owned(), text: text.to_owned() })
}

#[test]
fn a_use_of_a_later_module_is_found() {
    let found = complaints("src/volume/gpt/read.rs", "use crate::units::Lba;\nuse crate::fs::fat;\n");
    assert_eq!(found, ["src/volume/gpt/read.rs:2: `volume` must not use `fs`"]);
    let found = complaints("src/units.rs", "fn f() { crate::files::read() }");
    assert_eq!(found, ["src/units.rs:1: `units` must not use `files`"]);
    let found = complaints("src/tree/mod.rs", "use crate::{units::{Lba, MIB}, store::Closure, cli};");
    assert_eq!(
        found,
        ["src/tree/mod.rs:1: `tree` must not use `store`", "src/tree/mod.rs:1: `tree` must not use `cli`"]
    );
}

#[test]
fn text_and_bytes_do_not_know_each_other() {
    assert_eq!(
        complaints("src/fs/fat/mod.rs", "use crate::layout::Layout;"),
        ["src/fs/fat/mod.rs:1: `fs` must not use `layout`"]
    );
    assert_eq!(
        complaints("src/layout/parse.rs", "use crate::volume::Block;"),
        ["src/layout/parse.rs:1: `layout` must not use `volume`"]
    );
    assert!(complaints("src/plan/mod.rs", "use crate::layout::Layout;\nuse crate::volume::gpt;").is_empty());
}

#[test]
fn a_module_without_a_place_is_found_and_a_comment_is_no_use() {
    assert_eq!(complaints("src/things/mod.rs", "").len(), 1);
    assert_eq!(complaints("src/units.rs", "use crate::things::Thing;").len(), 1);
    assert!(complaints("src/units.rs", "//! See [`Seed`](crate::identity::Seed).").is_empty());
}
