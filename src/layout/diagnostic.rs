//! What is wrong with a layout, where, and what would mend it.

use std::fmt;
use std::sync::Arc;

use super::syntax::source::{SourceMap, Span};

/// How much a finding matters.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The layout cannot be used.
    Error,
    /// The layout works, but likely not as its author means.
    Warning,
    /// Something the author may want to know: an option that has no effect here, say.
    Note,
}

/// How many findings are kept: more than anyone reads, few enough that telling them stays quick on a text made of mistakes.
pub(super) const MOST_FINDINGS: usize = 500;

/// A second place that matters to a finding, with what is there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Other {
    /// Where.
    pub span: Span,
    /// What: "first defined here".
    pub text: String,
}

/// One finding. The sentence is lower-case without a full stop; names and literals stand in backticks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// How much it matters.
    pub severity: Severity,
    /// A stable name of the kind of finding, for tools: `unknown-option`.
    pub code: &'static str,
    /// The finding in one sentence.
    pub message: String,
    /// The full name of the option it is about (`disk.main.content.partitions.ESP.size`); empty when there is none.
    pub option: String,
    /// Where; `None` when it concerns the layout as a whole.
    pub span: Option<Span>,
    /// What stands at the caret; may be empty.
    pub label: String,
    /// Other places involved.
    pub others: Vec<Other>,
    /// What to do about it, one sentence each.
    pub hints: Vec<String>,
}

impl Diagnostic {
    /// An error at a place.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, Some(span), message.into())
    }

    /// A warning at a place.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Warning, code, Some(span), message.into())
    }

    /// A note at a place.
    pub fn note(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self::new(Severity::Note, code, Some(span), message.into())
    }

    /// An error that has no one place: the file cannot be read, nothing boots.
    pub fn global(code: &'static str, message: impl Into<String>) -> Self {
        Self::new(Severity::Error, code, None, message.into())
    }

    fn new(severity: Severity, code: &'static str, span: Option<Span>, message: String) -> Self {
        Self {
            severity,
            code,
            message: cut(message),
            option: String::new(),
            span,
            label: String::new(),
            others: Vec::new(),
            hints: Vec::new(),
        }
    }

    /// Says what stands at the caret.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = cut(text.into());
        self
    }

    /// Names the option it is about.
    #[must_use]
    pub fn option(mut self, path: impl Into<String>) -> Self {
        self.option = cut(path.into());
        self
    }

    /// Names another place involved.
    #[must_use]
    pub fn other(mut self, span: Span, text: impl Into<String>) -> Self {
        self.others.push(Other { span, text: cut(text.into()) });
        self
    }

    /// Adds a hint.
    #[must_use]
    pub fn hint(mut self, text: impl Into<String>) -> Self {
        self.hints.push(cut(text.into()));
        self
    }
}

/// The findings that keep a layout from being used (and the warnings found on the way), with the texts they point into.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    /// In order of severity, then place.
    pub items: Vec<Diagnostic>,
    /// The texts.
    pub sources: Arc<SourceMap>,
}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, item) in self.items.iter().enumerate() {
            if index > 0 {
                writeln!(f)?;
            }
            if let Some(span) = item.span {
                write!(f, "{}: ", self.sources.place(span))?;
            }
            f.write_str(&printable(&item.message))?;
        }
        Ok(())
    }
}

impl std::error::Error for Diagnostics {}

/// Characters of a sentence that are kept. A value of the layout that is quoted in it may have millions.
const MOST_CHARACTERS: usize = 1000;

/// A sentence that is not longer than anyone reads.
fn cut(mut text: String) -> String {
    if let Some((at, _)) = text.char_indices().nth(MOST_CHARACTERS) {
        text.truncate(at);
        text.shrink_to_fit();
        text.push('…');
    }
    text
}

/// A message with the control characters of quoted input made visible: a layout must not talk to the terminal.
pub(super) fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() {
            printable.extend(character.escape_default());
        } else {
            printable.push(character);
        }
    }
    printable
}
