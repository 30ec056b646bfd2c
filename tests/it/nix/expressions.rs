//! The corpus: every expression has the value that Nix gives it, or is an error for both.

use std::path::Path;
use std::process::{Command, Output};

use serde_json::Value as Json;

use super::{corpus, ours};
use crate::oracle::require_tool;

/// Expressions that are an error here and a value in Nix 2.8, each for a stated reason.
const STRICTER: [(&str, &str); 0] = [];

fn nix(tool: &Path, expression: &str) -> Output {
    let store = tempfile::tempdir().unwrap();
    Command::new(tool)
        .args(["--eval", "--strict", "--json", "--expr", expression])
        .env("NIX_STORE_DIR", store.path().join("store"))
        .env("NIX_STATE_DIR", store.path().join("state"))
        .env("NIX_PATH", "")
        .output()
        .unwrap()
}

/// Nix's value of an expression, or its complaint.
fn value_by_nix(tool: &Path, expression: &str) -> Result<Json, String> {
    let output = nix(tool, expression);
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    Ok(serde_json::from_slice(&output.stdout).unwrap())
}

/// Nix's values of expressions that it must be able to evaluate, or its complaint. One run, because a run takes long to begin.
fn values_by_nix(tool: &Path, expressions: &[&str]) -> Result<Vec<Json>, String> {
    if let [one] = expressions {
        return value_by_nix(tool, one).map(|value| vec![value]);
    }
    let elements: String = expressions.iter().map(|text| format!("(\n{text}\n)")).collect();
    match value_by_nix(tool, &format!("[{elements}]"))? {
        Json::Array(values) => Ok(values),
        other => panic!("Nix made {other} of a list"),
    }
}

/// Numbers are compared in the six digits that Nix prints.
pub fn same(a: &Json, b: &Json) -> bool {
    match (a, b) {
        (Json::Number(a), Json::Number(b)) => {
            a == b || (a.as_f64().unwrap() - b.as_f64().unwrap()).abs() <= 1e-5 * a.as_f64().unwrap().abs()
        }
        (Json::Array(a), Json::Array(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same(a, b)),
        (Json::Object(a), Json::Object(b)) => {
            a.len() == b.len()
                && a.iter().all(|(name, value)| b.get(name).is_some_and(|other| same(value, other)))
        }
        _ => a == b,
    }
}

/// Compares many expressions: those that we evaluate go to Nix in one run, the others one by one.
pub fn disagreements(tool: &Path, expressions: &[String]) -> Vec<String> {
    let mut wrong = Vec::new();
    let mut evaluated = Vec::new();
    for text in expressions {
        match ours(text) {
            Ok(value) => evaluated.push((text.as_str(), value)),
            Err(error) => {
                if let Ok(value) = value_by_nix(tool, text)
                    && !STRICTER.iter().any(|(known, _)| known == text)
                {
                    wrong.push(format!("{text}\n    nix:  {value}\n    ours: error: {error}"));
                }
            }
        }
    }
    for chunk in evaluated.chunks(100) {
        compare(tool, chunk, &mut wrong);
    }
    wrong
}

fn compare(tool: &Path, chunk: &[(&str, Json)], wrong: &mut Vec<String>) {
    let texts: Vec<&str> = chunk.iter().map(|(text, _)| *text).collect();
    match values_by_nix(tool, &texts) {
        Ok(values) => {
            assert_eq!(values.len(), chunk.len(), "Nix gave another number of values");
            for ((text, ours), nix) in chunk.iter().zip(values) {
                if !same(ours, &nix) {
                    wrong.push(format!("{text}\n    nix:  {nix}\n    ours: {ours}"));
                }
            }
        }
        Err(_) if chunk.len() > 1 => {
            let (left, right) = chunk.split_at(chunk.len() / 2);
            compare(tool, left, wrong);
            compare(tool, right, wrong);
        }
        Err(error) => {
            let (text, ours) = &chunk[0];
            wrong.push(format!("{text}\n    nix:  {}\n    ours: {ours}", error.trim()));
        }
    }
}

/// All expressions of the corpus: one a line, or a whole file.
fn expressions() -> Vec<String> {
    let mut all = Vec::new();
    let mut files: Vec<_> =
        std::fs::read_dir(corpus("expressions")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.extend(std::fs::read_dir(corpus("files")).unwrap().map(|entry| entry.unwrap().path()));
    files.sort();
    for file in files {
        let text = std::fs::read_to_string(&file).unwrap();
        if file.extension().is_some_and(|extension| extension == "txt") {
            all.extend(
                text.lines().filter(|line| !line.is_empty() && !line.starts_with("##")).map(str::to_owned),
            );
        } else {
            all.push(text);
        }
    }
    all
}

#[test]
fn the_corpus_is_large() {
    assert!(expressions().len() >= 300, "{} expressions", expressions().len());
}

#[test]
fn every_expression_means_what_nix_says() {
    let Some(tool) = require_tool("nix-instantiate") else { return };
    let wrong = disagreements(&tool, &expressions());
    assert!(wrong.is_empty(), "{} disagreements:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn a_wrong_value_is_noticed() {
    let Some(tool) = require_tool("nix-instantiate") else { return };
    let mut wrong = Vec::new();
    compare(
        &tool,
        &[("1 + 1", Json::from(2)), ("2 + 2", Json::from(5)), ("1 + \"\"", Json::Null)],
        &mut wrong,
    );
    assert_eq!(wrong.len(), 2, "{wrong:?}");
}
