//! What source files must not hold, and how long they may be.

use super::{File, files, none, sources, text};

/// Lines of a file at most.
const LINES_MAX: usize = 800;

/// Lines of `src/main.rs` at most: it only starts the library.
const MAIN_LINES_MAX: usize = 40;

/// Names that say nothing about what is in a module.
const EMPTY_NAMES: [&str; 5] = ["utils", "helpers", "common", "misc", "types"];

/// Modules that have such a name because the language that they implement has it: file, reason.
const NAMED_BY_OTHERS: [(&str, &str); 2] = [
    ("src/layout/nix/builtins/types.rs", "Nix's builtins about types: isAttrs, typeOf …"),
    ("src/layout/nix/module/types.rs", "nixpkgs' `lib.types`: the types of options"),
];

/// Places of the keyword `unsafe` outside of `src/sys/`, and of permissions to use it.
fn unsafe_code(file: &File) -> Vec<String> {
    if file.path.starts_with("src/sys/") {
        return Vec::new();
    }
    let mut found = Vec::new();
    for (number, line) in file.text.lines().enumerate() {
        let code = line.split("//").next().unwrap_or_default();
        let keyword = code.match_indices("unsafe").any(|(at, word)| {
            let rest = code[at + word.len()..].trim_start();
            let starts =
                !code[..at].ends_with(|char: char| char.is_alphanumeric() || char == '_' || char == '"');
            starts
                && ["{", "fn ", "impl ", "impl<", "extern ", "trait ", "("]
                    .iter()
                    .any(|next| rest.starts_with(next))
        });
        // Permissions are attributes, alone on their lines.
        let permitted = code.trim_start().starts_with("#") && code.contains("unsafe_code");
        if keyword || permitted {
            found.push(format!("{}:{}: `unsafe` outside of src/sys", file.path, number + 1));
        }
    }
    found
}

/// Notes to do something later. The words are put together here so that this file does not hold them.
fn postponed(file: &File) -> Vec<String> {
    let words = [concat!("TO", "DO"), concat!("FIX", "ME"), concat!("to", "do!")];
    let lines = file.text.lines().enumerate();
    lines
        .filter(|(_, line)| words.iter().any(|word| line.contains(word)))
        .map(|(number, line)| format!("{}:{}: {}", file.path, number + 1, line.trim()))
        .collect()
}

/// Whether the file is too long.
fn length(file: &File) -> Option<String> {
    let lines = file.text.lines().count();
    let max = if file.path == "src/main.rs" { MAIN_LINES_MAX } else { LINES_MAX };
    (lines > max).then(|| format!("{}: {lines} lines, {max} at most", file.path))
}

/// Whether the module's name, or that of a folder on its way, says nothing.
fn empty_name(file: &File) -> Option<String> {
    if NAMED_BY_OTHERS.iter().any(|(path, _)| *path == file.path) {
        return None;
    }
    let mut parts = file.path.trim_end_matches(".rs").split('/');
    let name = parts.find(|part| EMPTY_NAMES.contains(part))?;
    Some(format!("{}: `{name}` says nothing about what is in it", file.path))
}

#[test]
fn unsafe_code_is_in_sys_alone() {
    none(&sources().iter().flat_map(unsafe_code).collect::<Vec<_>>());
}

#[test]
fn nothing_is_postponed() {
    let mut all = files(
        &["src", "iso", "uefi", "qemu", "tests", "docs", ".ci"],
        &[".rs", ".toml", ".md", ".sh", ".nix"],
    );
    for path in ["Cargo.toml", "Makefile", "README.md", ".ci/install-tools"] {
        all.push(File { path: path.to_owned(), text: text(path) });
    }
    none(&all.iter().flat_map(postponed).collect::<Vec<_>>());
}

#[test]
fn files_are_short() {
    none(&sources().iter().filter_map(length).collect::<Vec<_>>());
}

#[test]
fn names_say_what_is_in_a_module() {
    none(&sources().iter().filter_map(empty_name).collect::<Vec<_>>());
    for (path, reason) in NAMED_BY_OTHERS {
        assert!(
            super::top().join(path).is_file() && !reason.is_empty(),
            "{path} is gone: so is its exception"
        );
    }
}

fn file(path: &str, text: impl Into<String>) -> File {
    File { path: path.to_owned(), text: text.into() }
}

#[test]
fn unsafe_code_is_found_wherever_it_hides() {
    // The keyword is put in here so that this file does not hold it where it is looked for.
    for template in [
        "let x = @ { f() };",
        "@ fn f() {}",
        "@ impl Send for X {}",
        "pub @ extern \"C\" {}",
        "#[@(no_mangle)]",
    ] {
        let code = template.replace('@', "unsafe");
        assert_eq!(unsafe_code(&file("src/files.rs", code.as_str())).len(), 1, "{code}");
        assert!(unsafe_code(&file("src/sys/memory.rs", code.as_str())).is_empty(), "{code}");
    }
    assert_eq!(unsafe_code(&file("qemu/src/lib.rs", "  #![allow(unsafe_code)]")).len(), 1);
    for harmless in
        ["// unsafe { }", "cache=unsafe,discard=unmap", "fn unsafe_fn() {}", "\"unsafeGetAttrPos\""]
    {
        assert!(unsafe_code(&file("src/files.rs", harmless)).is_empty(), "{harmless}");
    }
}

#[test]
fn postponements_long_files_and_empty_names_are_found() {
    let note = format!("// {} later", concat!("TO", "DO"));
    assert_eq!(postponed(&file("src/files.rs", note)).len(), 1);
    assert!(length(&file("src/files.rs", "x\n".repeat(LINES_MAX))).is_none());
    assert!(length(&file("src/files.rs", "x\n".repeat(LINES_MAX + 1))).is_some());
    assert!(length(&file("src/main.rs", "x\n".repeat(MAIN_LINES_MAX + 1))).is_some());
    assert!(empty_name(&file("src/utils.rs", "")).is_some());
    assert!(empty_name(&file("src/fs/common/mod.rs", "")).is_some());
    assert!(empty_name(&file("src/fs/fat/chain.rs", "")).is_none());
}
