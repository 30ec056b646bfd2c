//! A failed evaluation as a finding, so that it is shown as all other mistakes of a layout are.

use super::error::{NixError, NixErrorKind};
use crate::layout::diagnostic::Diagnostic;

impl NixError {
    /// The error as a finding, with its places and hints.
    pub fn diagnostic(&self) -> Diagnostic {
        let code = self.kind.code();
        let finding = match self.span {
            Some(span) => Diagnostic::error(code, span, self.message.as_str()),
            None => Diagnostic::global(code, self.message.as_str()),
        };
        let finding = self
            .others
            .iter()
            .chain(&self.trace)
            .fold(finding, |finding, note| finding.other(note.span, note.text.as_str()));
        self.hints.iter().fold(finding, |finding, hint| finding.hint(hint.as_str()))
    }
}

impl NixErrorKind {
    /// The stable name of the kind of finding.
    pub fn code(self) -> &'static str {
        match self {
            Self::Syntax => "nix-syntax",
            Self::Evaluation => "nix-evaluation",
            Self::Thrown => "nix-throw",
            Self::Assertion => "nix-assertion",
            Self::Abort => "nix-abort",
            Self::Recursion => "nix-recursion",
            Self::Limit => "nix-limit",
            Self::Purity => "nix-purity",
            Self::NeedsNix => "nix-needed",
            Self::Argument => "nix-argument",
            Self::Input => "nix-input",
            Self::Missing => "nix-missing",
            Self::Program => "nix-failed",
        }
    }
}
