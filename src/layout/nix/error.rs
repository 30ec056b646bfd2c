//! Why a Nix file gave no layout: what, where, by which way the evaluation came there, and what would mend it.

use std::fmt;

use super::text::Text;
use crate::layout::syntax::source::{SourceMap, Span};

/// The longest way that an error tells. The innermost calls say most.
const LONGEST_TRACE: usize = 8;

/// What kind of failure a [`NixError`] is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NixErrorKind {
    /// The text is not Nix.
    Syntax,
    /// The program is wrong: a type, a missing attribute, an unknown name.
    Evaluation,
    /// `throw`; `tryEval` catches it.
    Thrown,
    /// `assert`; `tryEval` catches it.
    Assertion,
    /// `abort`
    Abort,
    /// A value needs itself.
    Recursion,
    /// The program needs more steps, memory or depth than a layout may.
    Limit,
    /// A file outside the layout's folder, the network, the environment.
    Purity,
    /// Something that only an installed Nix has: flakes, packages, the store.
    NeedsNix,
    /// An argument of the layout that must be given.
    Argument,
    /// A file cannot be read.
    Input,
    /// `--nix` was asked for, and Nix is not installed.
    Missing,
    /// The installed Nix failed.
    Program,
}

/// One step of the way to an error, or another place that matters to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NixNote {
    /// What happened there: "while calling `f`", "first defined here".
    pub text: String,
    /// Where.
    pub span: Span,
}

/// A failed evaluation. `Display` gives the fact alone; [`NixError::report`] adds places.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct NixError {
    /// What kind.
    pub kind: NixErrorKind,
    /// One sentence, lower-case, without a full stop.
    pub message: String,
    /// Where; `None` when it concerns the file or the command as a whole.
    pub span: Option<Span>,
    /// Other places involved.
    pub others: Vec<NixNote>,
    /// The way there, innermost first.
    pub trace: Vec<NixNote>,
    /// What to do about it, one sentence each.
    pub hints: Vec<String>,
}

/// What the evaluator's steps give. Errors are boxed because they are rare and large.
pub(super) type Res<T> = Result<T, Box<NixError>>;

impl NixError {
    /// An error without a place yet.
    pub(super) fn new(kind: NixErrorKind, message: impl Into<String>) -> Box<Self> {
        Box::new(Self {
            kind,
            message: message.into(),
            span: None,
            others: Vec::new(),
            trace: Vec::new(),
            hints: Vec::new(),
        })
    }

    /// A mistake of the program, without a place yet.
    pub(super) fn eval(message: impl Into<String>) -> Box<Self> {
        Self::new(NixErrorKind::Evaluation, message)
    }

    /// Something that only an installed Nix can do; hints at `--nix`.
    pub(super) fn needs_nix(message: impl Into<String>) -> Box<Self> {
        Self::new(NixErrorKind::NeedsNix, message).hint("`--nix` hands the evaluation to an installed Nix")
    }

    /// Gives the error its place, unless a more exact one is known.
    #[must_use]
    pub(super) fn at(mut self: Box<Self>, span: Span) -> Box<Self> {
        self.span.get_or_insert(span);
        self
    }

    /// Gives the error the place `span` if it has none, or one that is `unfit` to be told: then `function`, which was called
    /// there, is named instead.
    #[must_use]
    pub(super) fn moved(
        mut self: Box<Self>,
        span: Span,
        function: Option<&Text>,
        unfit: impl Fn(Span) -> bool,
    ) -> Box<Self> {
        if self.span.is_some_and(unfit) {
            self.span = Some(span);
            if let (Some(function), false) = (function, self.is_catchable()) {
                self.message = format!("in `{function}`: {}", self.message);
            }
        }
        self.at(span)
    }

    /// Names another place involved.
    #[must_use]
    pub(super) fn other(mut self: Box<Self>, span: Span, text: impl Into<String>) -> Box<Self> {
        self.others.push(NixNote { text: text.into(), span });
        self
    }

    /// Adds a hint.
    #[must_use]
    pub(super) fn hint(mut self: Box<Self>, text: impl Into<String>) -> Box<Self> {
        self.hints.push(text.into());
        self
    }

    /// Adds a step to the way, unless it is told already or the way is long enough.
    #[must_use]
    pub(super) fn through(mut self: Box<Self>, span: Span, text: impl FnOnce() -> String) -> Box<Self> {
        // The error's own place needs no way to it.
        let told = self.span == Some(span) || self.trace.last().is_some_and(|note| note.span == span);
        if self.trace.len() < LONGEST_TRACE && !told {
            self.trace.push(NixNote { text: text(), span });
        }
        self
    }

    /// Says which value of the layout was being evaluated, unless one within it is named already.
    #[must_use]
    pub(super) fn within(self: Box<Self>, span: Span, path: impl FnOnce() -> String) -> Box<Self> {
        const WORDS: &str = "while evaluating `";
        if self.trace.iter().any(|note| note.text.starts_with(WORDS)) {
            return self;
        }
        self.through(span, || format!("{WORDS}{}`", path()))
    }

    /// Whether `builtins.tryEval` turns this error into a value.
    pub(super) fn is_catchable(&self) -> bool {
        matches!(self.kind, NixErrorKind::Thrown | NixErrorKind::Assertion)
    }

    /// The error with every place and hint, one a line.
    pub fn report(&self, sources: &SourceMap) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write_report(sources, &mut text);
        text
    }

    fn write_report(&self, sources: &SourceMap, out: &mut dyn fmt::Write) -> fmt::Result {
        if let Some(span) = self.span {
            write!(out, "{}: ", sources.place(span))?;
        }
        writeln!(out, "{}", self.message)?;
        for note in self.others.iter().chain(&self.trace) {
            writeln!(out, "  {}: {}", sources.place(note.span), note.text)?;
        }
        self.hints.iter().try_for_each(|hint| writeln!(out, "  hint: {hint}"))
    }
}
