//! Layouts in Nix: the evaluator, and the layout language behind it.

use landfall::layout::Source;
use landfall::layout::nix::{Arguments, evaluate_text};
use landfall::layout::syntax::source::SourceMap;

use super::layout::drive;

/// Evaluates the text, tells its mistake or uses the layout that comes of it.
pub fn layout(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let mut sources = SourceMap::new();
    match evaluate_text("fuzz.nix", text, &Arguments::new(), &mut sources) {
        Ok(evaluated) => drive(Source::Evaluated { evaluated, sources }),
        Err(error) => assert!(!error.report(&sources).is_empty(), "refused without a reason"),
    }
}
