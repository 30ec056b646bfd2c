//! The documents tell the truth: paths, `make` targets, commands, options and layouts in them are there.

use std::collections::BTreeSet;
use std::process::Command;

use landfall::layout::nix::{self, Arguments};
use landfall::layout::syntax::source::SourceMap;
use landfall::layout::{Layout, Source};

use super::{File, files, none, text, top};

/// First parts of paths that are not the repository's: what is made, what lies on a made disk, labels of identities.
const ELSEWHERE: [&str; 6] = ["target", "out", "nix", "EFI", "loader", "disk"];

/// The documents whose words are checked.
fn documents() -> Vec<File> {
    let mut all = files(&["docs"], &[".md"]);
    all.push(File { path: "README.md".to_owned(), text: text("README.md") });
    all
}

/// Code in a document: spans in backticks, and the lines of fenced blocks with the block's language.
fn code(markdown: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut fence: Option<String> = None;
    for line in markdown.lines() {
        match (line.trim_start().strip_prefix("```"), &fence) {
            (Some(_), Some(_)) => fence = None,
            (Some(language), None) => fence = Some(language.trim().to_owned()),
            (None, Some(language)) => found.push((language.clone(), line.to_owned())),
            (None, None) => {
                let spans = line.split('`').skip(1).step_by(2);
                found.extend(spans.map(|span| ("span".to_owned(), span.to_owned())));
            }
        }
    }
    found
}

/// Targets of links.
fn links(markdown: &str) -> Vec<String> {
    let ends = markdown.split("](").skip(1).filter_map(|rest| rest.split_once(')'));
    ends.map(|(target, _)| target.split('#').next().unwrap_or_default().to_owned())
        .filter(|target| !target.is_empty() && !target.contains("://"))
        .collect()
}

/// Whether a word of code is a path of the repository. Parts in capitals stand for something else; paths of
/// other places are absolute or begin with one of [`ELSEWHERE`].
fn is_path(word: &str) -> bool {
    let Some((first, _)) = word.split_once('/') else { return false };
    let plain = |char: char| char.is_ascii_alphanumeric() || "._-/".contains(char);
    let placeholder = |part: &str| !part.is_empty() && part.chars().all(|char| char.is_ascii_uppercase());
    !["", ".", ".."].contains(&first)
        && !ELSEWHERE.contains(&first)
        && word.chars().all(plain)
        && !word.split('/').any(placeholder)
}

/// Paths in `document` that `exists` does not know.
fn missing_paths(document: &File, exists: impl Fn(&str) -> bool) -> Vec<String> {
    let folder = document.path.rsplit_once('/').map_or("", |(folder, _)| folder);
    let mut found = Vec::new();
    for (language, line) in code(&document.text) {
        // Drawings and layouts have slashes that are none of ours.
        if !["span", "sh", "console"].contains(&language.as_str()) {
            continue;
        }
        for word in line.split_whitespace().filter(|word| is_path(word)) {
            if !exists(word) {
                found.push(format!("{}: there is no `{word}`", document.path));
            }
        }
    }
    for link in links(&document.text) {
        let path = if folder.is_empty() { link.clone() } else { format!("{folder}/{link}") };
        if !exists(&path) {
            found.push(format!("{}: the link to `{link}` leads nowhere", document.path));
        }
    }
    found
}

/// `make` targets that `document` names and `targets` does not have.
fn missing_targets(document: &File, targets: &BTreeSet<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (_, line) in code(&document.text) {
        let words: Vec<&str> = line.split_whitespace().collect();
        for pair in words.windows(2).filter(|pair| pair[0] == "make") {
            if !targets.contains(pair[1]) && !pair[1].contains('=') {
                found.push(format!("{}: there is no `make {}`", document.path, pair[1]));
            }
        }
    }
    found
}

/// The targets of a makefile.
fn targets(makefile: &str) -> BTreeSet<String> {
    let rules = makefile.lines().filter_map(|line| line.split_once(':'));
    rules
        .filter(|(name, _)| !name.is_empty() && name.chars().all(|char| char.is_ascii_lowercase()))
        .map(|(name, _)| name.to_owned())
        .collect()
}

/// Calls of the program in `document`: each command with the options that it is given.
fn calls(document: &File) -> Vec<(String, Vec<String>)> {
    let mut found = Vec::new();
    // A line that ends in a backslash goes on in the next.
    let joined = File { path: document.path.clone(), text: document.text.replace("\\\n", " ") };
    for (language, line) in code(&joined.text) {
        let line = line.split(" #").next().unwrap_or_default();
        let words: Vec<&str> = line.trim_start_matches("$ ").split_whitespace().collect();
        let ["landfall", command, rest @ ..] = words.as_slice() else { continue };
        let is_call = ["span", "sh", "console"].contains(&language.as_str());
        if is_call && command.chars().all(|char| char.is_ascii_lowercase()) {
            let options = rest.iter().filter(|word| word.starts_with("--"));
            let options = options.map(|word| word.split('=').next().unwrap_or(word).to_owned()).collect();
            found.push(((*command).to_owned(), options));
        }
    }
    found
}

/// The help of a command; none if there is no such command.
fn help(command: &str) -> Option<String> {
    let call = Command::new(env!("CARGO_BIN_EXE_landfall")).args([command, "--help"]).output().unwrap();
    call.status.success().then(|| String::from_utf8(call.stdout).unwrap())
}

/// Calls that the program would not understand.
fn misunderstood(document: &File, help: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let mut found = Vec::new();
    for (command, options) in calls(document) {
        let Some(help) = help(&command) else {
            found.push(format!("{}: there is no `landfall {command}`", document.path));
            continue;
        };
        let known = |option: &str| help.split([' ', ',', '\n', '=']).any(|word| word == option);
        let unknown = options.iter().filter(|option| !known(option));
        found.extend(
            unknown.map(|option| format!("{}: `landfall {command}` has no `{option}`", document.path)),
        );
    }
    found
}

/// The layouts in a document: fenced blocks of a layout's language, whole.
fn layouts(markdown: &str) -> Vec<(&str, &str)> {
    let blocks = markdown.split("\n```").skip(1).step_by(2).filter_map(|block| block.split_once('\n'));
    blocks.filter(|(language, _)| ["nix", "json", "toml"].contains(language)).collect()
}

fn parse(language: &str, layout: &str) -> Result<(), String> {
    let (name, bytes) = (format!("README.{language}"), layout.as_bytes().to_vec());
    let source = match language {
        "json" => Source::Json { name, text: bytes },
        "toml" => Source::Toml { name, text: bytes },
        _ => {
            let mut sources = SourceMap::new();
            match nix::evaluate_text(&name, layout, &Arguments::new(), &mut sources) {
                Ok(evaluated) => Source::Evaluated { evaluated, sources },
                Err(error) => return Err(error.report(&sources)),
            }
        }
    };
    Layout::parse(source).map(|_| ()).map_err(|mistakes| mistakes.to_string())
}

#[test]
fn paths_in_the_documents_exist() {
    none(
        &documents()
            .iter()
            .flat_map(|file| missing_paths(file, |path| top().join(path).exists()))
            .collect::<Vec<_>>(),
    );
}

#[test]
fn make_targets_in_the_documents_exist() {
    let targets = targets(&text("Makefile"));
    none(&documents().iter().flat_map(|file| missing_targets(file, &targets)).collect::<Vec<_>>());
}

#[test]
fn commands_and_options_in_the_documents_exist() {
    none(&documents().iter().flat_map(|file| misunderstood(file, help)).collect::<Vec<_>>());
}

#[test]
fn layouts_in_the_readme_are_layouts() {
    let readme = text("README.md");
    let layouts = layouts(&readme);
    assert!(layouts.len() >= 2, "the README shows no layouts");
    for (language, layout) in layouts {
        parse(language, layout).unwrap_or_else(|mistakes| panic!("{layout}\n{mistakes}"));
    }
}

fn document(text: &str) -> File {
    File { path: "docs/x.md".to_owned(), text: text.to_owned() }
}

#[test]
fn missing_paths_and_dead_links_are_found() {
    let text = "See `src/gone.rs`, `/dev/vda`, `target/x`, `DIR/name`.\n\n```sh\nlandfall check tests/gone.nix\n```\n[a](gone.md) [b](https://example.org/)\n";
    let found = missing_paths(&document(text), |_| false);
    assert_eq!(
        found,
        [
            "docs/x.md: there is no `src/gone.rs`",
            "docs/x.md: there is no `tests/gone.nix`",
            "docs/x.md: the link to `gone.md` leads nowhere"
        ]
    );
    assert!(missing_paths(&document(text), |_| true).is_empty());
}

#[test]
fn missing_targets_commands_and_options_are_found() {
    let makefile = targets("demo: tools ## x\n\techo: no\nA := b\n.PHONY: x\n");
    assert_eq!(makefile, BTreeSet::from(["demo".to_owned()]));
    assert_eq!(
        missing_targets(&document("`make demo` `make gone`"), &makefile),
        ["docs/x.md: there is no `make gone`"]
    );
    let help =
        |command: &str| (command == "plan").then(|| "  --json  Print\n  --disk <NAME=SIZE>".to_owned());
    let text = "```sh\nlandfall plan a.nix --disk main=4G \\\n  --jsn\nlandfall fly\n```\n";
    assert_eq!(
        misunderstood(&document(text), help),
        ["docs/x.md: `landfall plan` has no `--jsn`", "docs/x.md: there is no `landfall fly`"]
    );
}

#[test]
fn a_mistake_in_a_layout_of_the_readme_is_found() {
    let text = "\n```nix\n{ disko.devices.disk.a = { device = \"/dev/vda\"; contnt = null; }; }\n```\n";
    let [(language, layout)] = layouts(text)[..] else { panic!("{text}") };
    let mistakes = parse(language, layout).unwrap_err();
    assert!(mistakes.contains("contnt"), "{mistakes}");
    assert!(parse("nix", "{ disko.devices = ").is_err());
}
