//! The layout language, held against what disko itself makes of the same layouts.

use std::path::{Path, PathBuf};

use landfall::layout::render::{self, Style};
use landfall::layout::{Diagnostic, Layout, Source};
use serde_json::Value as Json;

mod derived;
mod findings;
mod hostile;
mod schema;
mod syntaxes;

/// The folder with disko's own results.
fn disko() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/layout/disko")
}

/// The names of disko's examples, in alphabetical order.
fn examples() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(disko())
        .unwrap()
        .filter_map(|entry| {
            entry.unwrap().file_name().into_string().unwrap().strip_suffix(".input.json").map(str::to_owned)
        })
        .collect();
    names.sort();
    names
}

fn json_file(name: &str) -> Json {
    serde_json::from_slice(&std::fs::read(disko().join(name)).unwrap()).unwrap()
}

fn parse_json(name: &str, text: Vec<u8>) -> Json {
    match Layout::parse(Source::Json { name: name.to_owned(), text }) {
        Ok((layout, _)) => layout.resolved_json(),
        Err(error) => panic!("{name} is refused:\n{error}"),
    }
}

/// Every leaf that differs, as `path: ours, theirs`.
fn differences(path: &str, ours: &Json, theirs: &Json, found: &mut Vec<String>) {
    match (ours, theirs) {
        (Json::Object(a), Json::Object(b)) => {
            let names: std::collections::BTreeSet<&String> = a.keys().chain(b.keys()).collect();
            for name in names {
                let missing = Json::String("(missing)".to_owned());
                differences(
                    &format!("{path}.{name}"),
                    a.get(name).unwrap_or(&missing),
                    b.get(name).unwrap_or(&missing),
                    found,
                );
            }
        }
        (Json::Array(a), Json::Array(b)) if a.len() == b.len() => {
            for (index, (a, b)) in a.iter().zip(b).enumerate() {
                differences(&format!("{path}[{index}]"), a, b, found);
            }
        }
        _ if ours == theirs => {}
        _ => found.push(format!("{path}: ours {ours}, disko's {theirs}")),
    }
}

#[test]
fn every_example_of_disko_resolves_to_what_disko_makes_of_it() {
    let mut found = Vec::new();
    let examples = examples();
    assert_eq!(examples.len(), 27);
    for name in examples {
        let input = format!("{name}.input.json");
        let ours = parse_json(&input, std::fs::read(disko().join(&input)).unwrap());
        differences(&name, &ours, &json_file(&format!("{name}.resolved.json")), &mut found);
    }
    assert!(found.is_empty(), "{} differences:\n{}", found.len(), found.join("\n"));
}

#[test]
fn a_resolved_layout_resolves_to_itself() {
    for name in examples() {
        let file = format!("{name}.resolved.json");
        let ours = parse_json(&file, std::fs::read(disko().join(&file)).unwrap());
        let mut found = Vec::new();
        differences(&name, &ours, &json_file(&file), &mut found);
        assert!(found.is_empty(), "{}", found.join("\n"));
    }
}
