//! Layouts in Nix: the evaluator held against Nix itself, and what it refuses.

mod bounds;
mod expressions;
mod generated;
mod hostile;
mod layouts;
mod library;
mod messages;
mod modules;
mod purity;

use std::path::{Path, PathBuf};

use landfall::layout::nix::{Arguments, NixError, evaluate_expression, evaluate_text};
use landfall::layout::syntax::source::SourceMap;
use landfall::layout::syntax::value::{Kind, Value};
use serde_json::Value as Json;

/// The folder with the corpus.
fn corpus(folder: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/nix").join(folder)
}

/// An expression for the real Nix that makes `lib` of our own texts.
fn library() -> String {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/layout/nix/lib");
    let mut parts = String::new();
    for entry in std::fs::read_dir(&folder).unwrap() {
        let file = entry.unwrap().path();
        let name = file.file_stem().unwrap().to_str().unwrap();
        if name != "default" {
            parts.push_str(&format!("{name} = import {}; ", file.display()));
        }
    }
    format!("import {}/default.nix {{ {parts} }}", folder.display())
}

/// Our JSON of an expression.
fn ours(text: &str) -> Result<Json, NixError> {
    let json = evaluate_expression(text, None, &mut SourceMap::new())?;
    Ok(serde_json::from_str(&json).unwrap_or_else(|error| panic!("our JSON of {text}: {error}\n{json}")))
}

/// The value of a layout's text.
fn layout(text: &str) -> Result<Json, NixError> {
    evaluate_text("layout.nix", text, &Arguments::new(), &mut SourceMap::new())
        .map(|evaluated| data(&evaluated.value))
}

/// The report of a layout's text that must fail.
fn report(text: &str) -> String {
    report_with(text, &Arguments::new())
}

/// The same with arguments.
fn report_with(text: &str, arguments: &Arguments) -> String {
    let mut sources = SourceMap::new();
    match evaluate_text("layout.nix", text, arguments, &mut sources) {
        Ok(evaluated) => panic!("{text}\nis {}", data(&evaluated.value)),
        Err(error) => error.report(&sources),
    }
}

/// A value without places.
fn data(value: &Value) -> Json {
    match &value.kind {
        Kind::Null => Json::Null,
        Kind::Bool(value) => (*value).into(),
        Kind::Int(number) => (*number).into(),
        Kind::Float(number) => (*number).into(),
        Kind::String(text) | Kind::Path(text) => (&**text).into(),
        Kind::List(items) => items.iter().map(data).collect(),
        Kind::Attrs(attrs) => {
            attrs.iter().map(|(name, attr)| (name.to_string(), data(&attr.value))).collect()
        }
        Kind::Opaque { what } => format!("<{what}>").into(),
    }
}
