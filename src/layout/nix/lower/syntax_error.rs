//! The parser's complaints in words.

use rnix::{ParseError, SyntaxKind, TextRange};

use super::super::error::{NixError, NixErrorKind};
use super::Unit;
use crate::layout::syntax::source::Span;

/// The error of a text that the parser refuses.
pub(super) fn describe(error: &ParseError, unit: Unit<'_>) -> Box<NixError> {
    let end = unit.text.trim_end().len();
    let at_end = Span::new(unit.source, end, end);
    let at = |range: &TextRange| first_word(unit, *range);
    let (message, span) = match error {
        ParseError::UnexpectedWanted(got, range, wanted) => {
            (format!("unexpected {}, expected {}", name(*got), names(wanted)), at(range))
        }
        ParseError::Unexpected(range) | ParseError::UnexpectedExtra(range) => {
            ("unexpected text after the expression".to_owned(), at(range))
        }
        ParseError::UnexpectedDoubleBind(range) => {
            ("the function's argument is named twice with `@`".to_owned(), at(range))
        }
        ParseError::UnexpectedEOF => ("unexpected end of file".to_owned(), at_end),
        ParseError::UnexpectedEOFWanted(wanted) => {
            (format!("unexpected end of file, expected {}", names(wanted)), at_end)
        }
        ParseError::DuplicatedArgs(range, argument) => {
            (format!("argument `{argument}` is named twice"), at(range))
        }
        ParseError::RecursionLimitExceeded => ("expressions nest too deep".to_owned(), at_end),
        other => (other.to_string(), at_end),
    };
    NixError::new(NixErrorKind::Syntax, format!("syntax error: {message}")).at(span)
}

/// The first word of a range: the parser's ranges run on to where it finds its feet again.
fn first_word(unit: Unit<'_>, range: TextRange) -> Span {
    let (start, end) = (usize::from(range.start()), usize::from(range.end()));
    let text = unit.text.get(start..end).unwrap_or_default();
    let blank = text.len() - text.trim_start().len();
    let word = text.trim_start().find(char::is_whitespace).unwrap_or(text.trim_start().len());
    Span::new(unit.source, start + blank, start + blank + word)
}

/// `a`, `b` or `c`
fn names(kinds: &[SyntaxKind]) -> String {
    let names: Vec<&str> = kinds.iter().map(|kind| name(*kind)).collect();
    match names.as_slice() {
        [] => "something else".to_owned(),
        [one] => (*one).to_owned(),
        [first @ .., last] => format!("{} or {last}", first.join(", ")),
    }
}

/// A token as people write it.
fn name(kind: SyntaxKind) -> &'static str {
    match kind {
        SyntaxKind::TOKEN_SEMICOLON => "`;`",
        SyntaxKind::TOKEN_ASSIGN => "`=`",
        SyntaxKind::TOKEN_L_BRACE => "`{`",
        SyntaxKind::TOKEN_R_BRACE => "`}`",
        SyntaxKind::TOKEN_L_BRACK => "`[`",
        SyntaxKind::TOKEN_R_BRACK => "`]`",
        SyntaxKind::TOKEN_L_PAREN => "`(`",
        SyntaxKind::TOKEN_R_PAREN => "`)`",
        SyntaxKind::TOKEN_INTERPOL_START => "`${`",
        SyntaxKind::TOKEN_INTERPOL_END => "`}`",
        SyntaxKind::TOKEN_COLON => "`:`",
        SyntaxKind::TOKEN_COMMA => "`,`",
        SyntaxKind::TOKEN_DOT => "`.`",
        SyntaxKind::TOKEN_AT => "`@`",
        SyntaxKind::TOKEN_QUESTION => "`?`",
        SyntaxKind::TOKEN_ELLIPSIS => "`...`",
        SyntaxKind::TOKEN_IN => "`in`",
        SyntaxKind::TOKEN_IF => "`if`",
        SyntaxKind::TOKEN_THEN => "`then`",
        SyntaxKind::TOKEN_ELSE => "`else`",
        SyntaxKind::TOKEN_LET => "`let`",
        SyntaxKind::TOKEN_REC => "`rec`",
        SyntaxKind::TOKEN_WITH => "`with`",
        SyntaxKind::TOKEN_OR => "`or`",
        SyntaxKind::TOKEN_INHERIT => "`inherit`",
        SyntaxKind::TOKEN_ASSERT => "`assert`",
        SyntaxKind::TOKEN_IDENT => "a name",
        SyntaxKind::TOKEN_STRING_START | SyntaxKind::TOKEN_STRING_CONTENT => "a string",
        SyntaxKind::TOKEN_STRING_END => "the string's closing quote",
        SyntaxKind::TOKEN_INTEGER | SyntaxKind::TOKEN_FLOAT => "a number",
        SyntaxKind::TOKEN_PATH_ABS
        | SyntaxKind::TOKEN_PATH_REL
        | SyntaxKind::TOKEN_PATH_HOME
        | SyntaxKind::TOKEN_PATH_SEARCH => "a path",
        SyntaxKind::TOKEN_URI => "a URI",
        SyntaxKind::TOKEN_ERROR => "character",
        _ => "operator",
    }
}
