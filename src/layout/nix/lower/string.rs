//! Strings: escapes, interpolation, and the indentation that `''` strings lose.

use rnix::ast::{self, AstToken, InterpolPart};
use rowan::ast::AstNode;

use super::super::ast::{Expr, Key, Piece};
use super::super::error::Res;
use super::super::text::Text;
use super::Lowerer;

/// A piece of an indented string before stripping.
enum Chunk {
    /// Text in which spaces at the start of a line count as indentation.
    Text(String),
    /// Text from an escape, which ends the indentation of its line.
    Escaped(String),
    /// `${…}`
    Value(ast::Interpol),
}

impl Lowerer<'_> {
    /// Lowers a string of either kind.
    pub(super) fn string(&mut self, string: &ast::Str) -> Res<Expr> {
        let chunks = chunks(string);
        if let Some(text) = literal(&chunks) {
            return Ok(Expr::String(text));
        }
        let mut pieces = Vec::with_capacity(chunks.len());
        for chunk in chunks {
            match chunk {
                Chunk::Text(text) | Chunk::Escaped(text) if text.is_empty() => {}
                Chunk::Text(text) | Chunk::Escaped(text) => pieces.push(Piece::Literal(text.into())),
                Chunk::Value(inner) => pieces.push(Piece::Value(self.part(inner.expr(), &inner)?)),
            }
        }
        Ok(Expr::Interpolation(pieces))
    }

    /// Lowers one name of an attribute path.
    pub(super) fn key(&mut self, attr: &ast::Attr) -> Res<Key> {
        if let Some(name) = static_name(attr) {
            return Ok(Key::Static(name));
        }
        match attr {
            ast::Attr::Dynamic(dynamic) => Ok(Key::Dynamic(self.part(dynamic.expr(), dynamic)?)),
            ast::Attr::Str(string) => {
                let (expr, span) = (self.string(string)?, self.span(string));
                Ok(Key::Dynamic(self.code.add(expr, span)))
            }
            ast::Attr::Ident(ident) => Ok(Key::Static(ident.to_string().into())),
        }
    }
}

/// The name of an attribute, if it is known without evaluation: a word, a plain string, or a plain string in `${}`.
pub(super) fn static_name(attr: &ast::Attr) -> Option<Text> {
    match attr {
        ast::Attr::Ident(ident) => Some(ident.to_string().into()),
        ast::Attr::Str(string) => literal(&chunks(string)),
        ast::Attr::Dynamic(dynamic) => {
            let mut inner = dynamic.expr()?;
            while let ast::Expr::Paren(paren) = inner {
                inner = paren.expr()?;
            }
            match inner {
                ast::Expr::Str(string) => literal(&chunks(&string)),
                _ => None,
            }
        }
    }
}

/// The text of a string without interpolation.
fn literal(chunks: &[Chunk]) -> Option<Text> {
    let mut all = String::new();
    for chunk in chunks {
        match chunk {
            Chunk::Text(text) | Chunk::Escaped(text) => all.push_str(text),
            Chunk::Value(_) => return None,
        }
    }
    Some(all.into())
}

/// The pieces of a string, unescaped and stripped of indentation.
fn chunks(string: &ast::Str) -> Vec<Chunk> {
    let indented = string.syntax().first_token().is_some_and(|token| token.text() == "''");
    let mut chunks = Vec::new();
    for part in string.parts() {
        match part {
            InterpolPart::Interpolation(inner) => chunks.push(Chunk::Value(inner)),
            InterpolPart::Literal(content) if indented => {
                let mut text = content.syntax().text();
                // A first line of nothing but spaces belongs to the opening quotes.
                if chunks.is_empty()
                    && let Some(rest) = text.trim_start_matches(' ').strip_prefix('\n')
                {
                    text = rest;
                }
                split_indented(text, &mut chunks);
            }
            InterpolPart::Literal(content) => chunks.push(Chunk::Text(unescape(content.syntax().text()))),
        }
    }
    if indented {
        strip(&mut chunks);
    }
    chunks
}

/// Resolves the escapes of a `"` string. A carriage return, alone or before a line feed, becomes a line feed.
fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(char) = chars.next() {
        match char {
            '\\' => out.extend(chars.next().map(escaped)),
            '\r' => {
                chars.next_if_eq(&'\n');
                out.push('\n');
            }
            other => out.push(other),
        }
    }
    out
}

/// What a character means after a backslash.
fn escaped(char: char) -> char {
    match char {
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        other => other,
    }
}

/// Cuts the text between interpolations into plain and escaped pieces. `$` and `'` that begin nothing are pieces of their
/// own too, and end the indentation, as Nix's own lexer has it.
fn split_indented(text: &str, chunks: &mut Vec<Chunk>) {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(char) = rest.chars().next() {
        let mut following = rest.chars().skip(1);
        let (second, third) = (following.next(), following.next());
        let (taken, piece) = match (char, second, third) {
            ('\'', Some('\''), Some('$')) => (3, Some("$".to_owned())),
            ('\'', Some('\''), Some('\'')) => (3, Some("''".to_owned())),
            ('\'', Some('\''), Some('\\')) => {
                let meant = rest.chars().nth(3);
                (3 + meant.map_or(0, char::len_utf8), Some(meant.map(escaped).into_iter().collect()))
            }
            ('$', Some('{' | '\'') | None, _) | ('\'', Some('\'' | '$') | None, _) => {
                (1, Some(char.to_string()))
            }
            ('$' | '\'', Some(next), _) => (1 + next.len_utf8(), None),
            _ => (char.len_utf8(), None),
        };
        let (text, remaining) = rest.split_at(taken);
        match piece {
            None => plain.push_str(text),
            Some(piece) => {
                if !plain.is_empty() {
                    chunks.push(Chunk::Text(std::mem::take(&mut plain)));
                }
                chunks.push(Chunk::Escaped(piece));
            }
        }
        rest = remaining;
    }
    if !plain.is_empty() {
        chunks.push(Chunk::Text(plain));
    }
}

/// Takes the common indentation off every line, and the last line if it is blank.
fn strip(chunks: &mut [Chunk]) {
    let indentation = common_indentation(chunks);
    let (mut at_start, mut dropped) = (true, 0);
    let last = chunks.len().saturating_sub(1);
    for (index, chunk) in chunks.iter_mut().enumerate() {
        let text = match chunk {
            Chunk::Value(_) => {
                (at_start, dropped) = (false, 0);
                continue;
            }
            Chunk::Text(text) | Chunk::Escaped(text) => text,
        };
        let mut stripped = String::with_capacity(text.len());
        for char in text.chars() {
            match char {
                ' ' if at_start => {
                    if dropped >= indentation {
                        stripped.push(char);
                    }
                    dropped += 1;
                }
                '\n' => {
                    (at_start, dropped) = (true, 0);
                    stripped.push(char);
                }
                other => {
                    if at_start {
                        (at_start, dropped) = (false, 0);
                    }
                    stripped.push(other);
                }
            }
        }
        if index == last
            && let Some(end) = stripped.rfind('\n')
            && stripped.bytes().skip(end + 1).all(|byte| byte == b' ')
        {
            stripped.truncate(end + 1);
        }
        *text = stripped;
    }
}

/// The fewest spaces before anything else on a line; lines of spaces alone do not count.
fn common_indentation(chunks: &[Chunk]) -> usize {
    let (mut least, mut current, mut at_start) = (usize::MAX, 0, true);
    for chunk in chunks {
        let Chunk::Text(text) = chunk else {
            if at_start {
                at_start = false;
                least = least.min(current);
            }
            continue;
        };
        for char in text.chars() {
            match char {
                '\n' => (at_start, current) = (true, 0),
                ' ' if at_start => current += 1,
                _ if at_start => {
                    at_start = false;
                    least = least.min(current);
                }
                _ => {}
            }
        }
    }
    least
}
