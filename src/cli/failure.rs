//! How a command fails: one error, the way out, and the exit code.

use std::error::Error;
use std::fmt::Write as _;
use std::io::{IsTerminal, Write};

use super::arguments::Common;
use crate::error::{Exit, chain};

/// Why a command did not do its work, as the person at the terminal reads it.
#[derive(Debug)]
pub struct Failure {
    exit: Exit,
    message: String,
    hint: Option<String>,
    /// `message` is complete text (a list of diagnostics) that gets no `error:` in front.
    rendered: bool,
}

impl Failure {
    /// A failure in one sentence: lower-case, no full stop.
    pub fn new(exit: Exit, message: impl Into<String>) -> Self {
        Self { exit, message: message.into(), hint: None, rendered: false }
    }

    /// A failure that a module reported, with its causes.
    pub fn from_error(exit: Exit, error: &dyn Error) -> Self {
        Self::new(exit, chain(error))
    }

    /// Diagnostics that are rendered already.
    pub fn rendered(exit: Exit, text: String) -> Self {
        Self { exit, message: text, hint: None, rendered: true }
    }

    /// A failure of which everything is said already; only the exit code is left.
    pub fn silent(exit: Exit) -> Self {
        Self::rendered(exit, String::new())
    }

    /// Adds the way out.
    pub fn with_hint(mut self, hint: impl Into<String>) -> Self {
        self.hint = Some(hint.into());
        self
    }

    /// The exit code it ends with.
    pub const fn exit(&self) -> Exit {
        self.exit
    }

    /// Prints it to standard error; the exit code to end with.
    pub(super) fn print(&self, common: &Common) -> Exit {
        let color =
            !common.no_color && std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
        // A closed standard error leaves nobody to tell.
        let _ = std::io::stderr().lock().write_all(self.render(color).as_bytes());
        self.exit
    }

    fn render(&self, color: bool) -> String {
        let (red, cyan, plain) = if color { ("\x1b[1;31m", "\x1b[1;36m", "\x1b[0m") } else { ("", "", "") };
        let mut text = String::new();
        if self.rendered {
            let message = self.message.trim_end();
            text.push_str(message);
            text.push_str(if message.is_empty() { "" } else { "\n" });
        } else {
            // Writing to a String does not fail.
            let _ = writeln!(text, "{red}error:{plain} {}", self.message);
        }
        if let Some(hint) = &self.hint {
            let _ = writeln!(text, "{cyan}hint:{plain} {hint}");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hint_stands_on_its_own_line() {
        let failure = Failure::new(Exit::Input, "no such layout `x`").with_hint("write the path");
        assert_eq!(failure.render(false), "error: no such layout `x`\nhint: write the path\n");
    }
}
