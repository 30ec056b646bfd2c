//! The part of nixpkgs' `lib` that we wrote again: what it documents, and that Nix itself runs our texts the same.

use std::process::Command;

use super::{corpus, library, ours};
use crate::oracle::require_tool;

/// The table's pairs of expressions.
fn pairs() -> Vec<(String, String)> {
    let text = std::fs::read_to_string(corpus("library.txt")).unwrap();
    let lines = text.lines().filter(|line| !line.is_empty() && !line.starts_with("##"));
    lines
        .map(|line| line.split_once(" ==> ").unwrap_or_else(|| panic!("no `==>` in {line}")))
        .map(|(a, b)| (a.into(), b.into()))
        .collect()
}

#[test]
fn every_function_does_what_nixpkgs_documents() {
    let mut wrong = Vec::new();
    for (expression, meant) in pairs() {
        let scope = "let lib = import <nixpkgs/lib>; in with lib; ";
        match (ours(&format!("{scope}{expression}")), ours(&format!("{scope}{meant}"))) {
            (Ok(value), Ok(meant)) if value == meant => {}
            (value, meant) => wrong.push(format!("{expression}\n    gives {value:?}\n    not   {meant:?}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn our_texts_mean_the_same_to_nix() {
    let Some(tool) = require_tool("nix-instantiate") else { return };
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("lib")).unwrap();
    std::fs::write(folder.path().join("lib/default.nix"), library()).unwrap();
    let checks: String = pairs().iter().map(|(a, b)| format!("((\n{a}\n) == (\n{b}\n))")).collect();
    let output = Command::new(tool)
        .args(["--eval", "--strict", "--json", "--expr"])
        .arg(format!("let lib = import <nixpkgs/lib>; in with lib; [{checks}]"))
        .env("NIX_PATH", format!("nixpkgs={}", folder.path().display()))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let results: Vec<bool> = serde_json::from_slice(&output.stdout).unwrap();
    let wrong: Vec<_> =
        pairs().into_iter().zip(results).filter(|(_, right)| !right).map(|(pair, _)| pair).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
}

#[test]
fn a_function_that_is_not_there_says_so() {
    let error = ours("(import <nixpkgs/lib>).genAtrs").unwrap_err();
    assert_eq!(error.message, "`lib.genAtrs` is not among the library functions that landfall has");
    assert_eq!(error.hints.last().unwrap(), "did you mean `genAttrs`?");
    let error = ours("(import <nixpkgs> { }).hello").unwrap_err();
    assert_eq!(error.message, "`pkgs.hello` needs a real Nix: landfall has no packages and no flake inputs");
}
