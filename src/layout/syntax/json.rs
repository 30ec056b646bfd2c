//! JSON with places (RFC 8259).
//!
//! Our own parser, since serde_json keeps no places and lets the last of two equal names win. Nesting is bounded by
//! [`DEEPEST`], so recursion is too. A syntax error ends the reading; equal names are all reported.

use super::source::{SourceId, Span};
use super::value::{Attr, Attrs, DEEPEST, Kind, Value};
use crate::layout::diagnostic::Diagnostic;

/// Reads a text as one JSON value. `None` after a syntax error; where a set has a name twice, the first stays.
pub fn parse(source: SourceId, text: &str) -> (Option<Value>, Vec<Diagnostic>) {
    let mut parser = Parser { source, text, at: 0, depth: 0, findings: Vec::new() };
    match parser.document() {
        Ok(value) => (Some(value), parser.findings),
        Err(failure) => {
            parser.findings.push(*failure.0);
            (None, parser.findings)
        }
    }
}

type Parsed<T> = Result<T, Failure>;

/// The syntax error that ended the reading; boxed to keep results small.
struct Failure(Box<Diagnostic>);

impl Failure {
    fn new(span: Span, message: impl Into<String>) -> Self {
        Self(Box::new(Diagnostic::error("syntax", span, message)))
    }

    fn hint(self, text: &str) -> Self {
        Self(Box::new(self.0.hint(text)))
    }
}

struct Parser<'a> {
    source: SourceId,
    text: &'a str,
    /// Byte offset of the next character.
    at: usize,
    /// How many lists and sets are open.
    depth: usize,
    /// Findings that do not end the reading.
    findings: Vec<Diagnostic>,
}

impl Parser<'_> {
    fn document(&mut self) -> Parsed<Value> {
        // A byte order mark is allowed to be ignored (RFC 8259, section 8.1).
        if self.text.starts_with('\u{feff}') {
            self.at = '\u{feff}'.len_utf8();
        }
        self.space();
        let value = self.value()?;
        self.space();
        match self.peek() {
            None => Ok(value),
            Some(_) => Err(self.error("the layout ends here, but the text goes on")),
        }
    }

    fn value(&mut self) -> Parsed<Value> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => self.nested(Self::set)?,
            Some(b'[') => self.nested(Self::list)?,
            Some(b'"') => Kind::String(self.string()?.into()),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b'a'..=b'z' | b'A'..=b'Z') => self.word()?,
            Some(_) => return Err(self.error("expected a value")),
            None => return Err(self.error("expected a value, but the text ends")),
        };
        Ok(Value::new(kind, self.span(start)))
    }

    fn nested(&mut self, read: fn(&mut Self) -> Parsed<Kind>) -> Parsed<Kind> {
        if self.depth == DEEPEST {
            return Err(self.error(format!("lists and sets nest deeper than {DEEPEST} levels")));
        }
        self.depth += 1;
        let kind = read(self)?;
        self.depth -= 1;
        Ok(kind)
    }

    fn set(&mut self) -> Parsed<Kind> {
        let mut attrs = Attrs::new();
        let open = self.at;
        self.at += 1;
        self.space();
        if self.eat(b'}') {
            return Ok(Kind::Attrs(attrs));
        }
        loop {
            let start = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.expected_name(open));
            }
            let name = self.string()?;
            let name_span = self.span(start);
            self.space();
            if !self.eat(b':') {
                return Err(self.error("expected `:` after the name"));
            }
            self.space();
            let value = self.value()?;
            if let Err(earlier) = attrs.insert(name.as_str(), Attr { name_span, value }) {
                self.findings.push(duplicate(&name, name_span, earlier));
            }
            self.space();
            if self.eat(b'}') {
                return Ok(Kind::Attrs(attrs));
            }
            if self.peek().is_none() {
                return Err(self.unclosed(open));
            }
            if !self.eat(b',') {
                return Err(self.error("expected `,` or `}`"));
            }
            self.space();
        }
    }

    fn expected_name(&self, open: usize) -> Failure {
        match self.peek() {
            None => self.unclosed(open),
            Some(b'}') => {
                self.error("expected a name after the comma").hint("JSON has no comma after the last entry")
            }
            Some(b'/') => self.error("expected a name").hint("JSON has no comments"),
            Some(b'\'') | Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => {
                self.error("expected a name").hint("names stand in double quotes in JSON")
            }
            _ => self.error("expected a name in double quotes"),
        }
    }

    fn list(&mut self) -> Parsed<Kind> {
        let mut elements = Vec::new();
        let open = self.at;
        self.at += 1;
        self.space();
        if self.eat(b']') {
            return Ok(Kind::List(elements));
        }
        loop {
            if self.peek() == Some(b']') {
                return Err(self
                    .error("expected a value after the comma")
                    .hint("JSON has no comma after the last entry"));
            }
            elements.push(self.value()?);
            self.space();
            if self.eat(b']') {
                return Ok(Kind::List(elements));
            }
            if self.peek().is_none() {
                return Err(self.unclosed(open));
            }
            if !self.eat(b',') {
                return Err(self.error("expected `,` or `]`"));
            }
            self.space();
        }
    }

    fn unclosed(&self, open: usize) -> Failure {
        Failure::new(Span::new(self.source, open, open + 1), "this is never closed")
    }

    fn word(&mut self) -> Parsed<Kind> {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_') {
            self.at += 1;
        }
        match self.text.get(start..self.at).unwrap_or_default() {
            "null" => Ok(Kind::Null),
            "true" => Ok(Kind::Bool(true)),
            "false" => Ok(Kind::Bool(false)),
            other => Err(Failure::new(self.span(start), format!("`{other}` is not a value of JSON"))
                .hint("texts stand in double quotes in JSON")),
        }
    }

    fn number(&mut self) -> Parsed<Kind> {
        let start = self.at;
        self.eat(b'-');
        let whole = self.digits();
        if whole == 0 || whole > 1 && self.text.as_bytes().get(self.at - whole) == Some(&b'0') {
            return Err(Failure::new(self.span(start), "this is not a number of JSON"));
        }
        let mut is_whole = true;
        if self.eat(b'.') {
            is_whole = false;
            if self.digits() == 0 {
                return Err(self.error("expected a digit after the point"));
            }
        }
        if self.eat(b'e') || self.eat(b'E') {
            is_whole = false;
            let _ = self.eat(b'+') || self.eat(b'-');
            if self.digits() == 0 {
                return Err(self.error("expected a digit in the exponent"));
            }
        }
        let text = self.text.get(start..self.at).unwrap_or_default();
        let too_large = || Failure::new(self.span(start), format!("`{text}` is too large"));
        if is_whole {
            return text.parse().map(Kind::Int).map_err(|_| too_large());
        }
        text.parse().ok().filter(|number: &f64| number.is_finite()).map(Kind::Float).ok_or_else(too_large)
    }

    fn digits(&mut self) -> usize {
        let start = self.at;
        while self.peek().is_some_and(|byte| byte.is_ascii_digit()) {
            self.at += 1;
        }
        self.at - start
    }

    fn string(&mut self) -> Parsed<String> {
        let start = self.at;
        self.at += 1;
        let mut text = String::new();
        loop {
            let rest = self.text.get(self.at..).unwrap_or_default();
            // Everything up to the next byte with a meaning of its own is taken over as it is.
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ').unwrap_or(rest.len());
            text.push_str(rest.get(..plain).unwrap_or_default());
            self.at += plain;
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(b'\n') => {
                    return Err(Failure::new(self.span(start), "this text is not closed on its line")
                        .hint("write line ends as `\\n`"));
                }
                Some(_) => return Err(self.error("control characters must be written as `\\u00XX`")),
                None => return Err(Failure::new(self.span(start), "this text is never closed")),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let start = self.at;
        self.at += 1;
        let Some(letter) = self.peek() else { return Err(self.error("the text ends after `\\`")) };
        self.at += 1;
        let character = match letter {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{c}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => self.unicode(start)?,
            _ => {
                self.at = start;
                return Err(self.error("there is no such escape in JSON"));
            }
        };
        Ok(character)
    }

    /// `\uXXXX`, or two of them for a character outside the first plane (RFC 8259, section 7).
    fn unicode(&mut self, start: usize) -> Parsed<char> {
        let first = self.hex4(start)?;
        let code = match first {
            0xD800..=0xDBFF if self.text.get(self.at..).is_some_and(|rest| rest.starts_with("\\u")) => {
                self.at += 2;
                let second = self.hex4(start)?;
                if !(0xDC00..=0xDFFF).contains(&second) {
                    return Err(Failure::new(self.span(start), "this is half of a pair of escapes"));
                }
                0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)
            }
            code => code,
        };
        match char::from_u32(code) {
            Some('\0') => Err(Failure::new(self.span(start), "a text cannot hold the character NUL")),
            Some(character) => Ok(character),
            None => Err(Failure::new(self.span(start), "this is half of a pair of escapes")),
        }
    }

    fn hex4(&mut self, start: usize) -> Parsed<u32> {
        let digits =
            self.text.get(self.at..self.at + 4).filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
            return Err(Failure::new(self.span(start), "expected four hex digits after `\\u`"));
        };
        self.at += 4;
        Ok(code)
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        if found {
            self.at += 1;
        }
        found
    }

    fn span(&self, start: usize) -> Span {
        Span::new(self.source, start, self.at)
    }

    /// A syntax error at the next character.
    fn error(&self, message: impl Into<String>) -> Failure {
        let width = self.text.get(self.at..).and_then(|rest| rest.chars().next()).map_or(0, char::len_utf8);
        Failure::new(Span::new(self.source, self.at, self.at + width), message)
    }
}

/// Two entries of one name.
pub(super) fn duplicate(name: &str, span: Span, earlier: Span) -> Diagnostic {
    Diagnostic::error("duplicate-name", span, format!("`{name}` is defined twice"))
        .label("defined again here")
        .other(earlier, "first defined here")
}
