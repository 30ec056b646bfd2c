//! Layouts in Nix: the evaluator held against Nix itself, and what it refuses.

mod expressions;

use std::path::{Path, PathBuf};

use landfall::layout::nix::{NixError, evaluate_expression};
use landfall::layout::syntax::source::SourceMap;

/// The folder with the corpus.
fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nix").join(folder)
}

/// Our JSON of an expression.
fn ours(text: &str) -> Result<serde_json::Value, NixError> {
    let json = evaluate_expression(text, None, &mut SourceMap::new())?;
    Ok(serde_json::from_str(&json).unwrap_or_else(|error| panic!("our JSON of {text}: {error}\n{json}")))
}
