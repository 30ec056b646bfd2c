//! TOML with places, read by the `toml` crate.
//!
//! The crate goes on after an error, so all of them are reported. It bounds nesting and the length of dotted names.

use std::ops::Range;

use ::toml::Spanned;
use ::toml::de::{DeTable, DeValue};

use super::source::{SourceId, Span};
use super::value::{Attr, Attrs, DEEPEST, Kind, Value};
use crate::layout::diagnostic::Diagnostic;

/// Reads a text as a TOML document. `None` after a syntax error; where a table has a name twice, the first stays. No option
/// takes dates and infinities, which come as opaque values.
pub fn parse(source: SourceId, text: &str) -> (Option<Value>, Vec<Diagnostic>) {
    let (document, errors) = DeTable::parse_recoverable(text);
    let mut converter = Converter { source, findings: Vec::new() };
    let mut is_whole = true;
    for error in errors {
        is_whole &= error.message() == DUPLICATE;
        let finding = converter.syntax(text, error.message(), error.span());
        converter.findings.push(finding);
    }
    let attrs = converter.table(document.get_ref(), 0);
    let value = is_whole.then(|| Value::new(Kind::Attrs(attrs), Span::new(source, 0, text.len())));
    (value, converter.findings)
}

struct Converter {
    source: SourceId,
    findings: Vec<Diagnostic>,
}

impl Converter {
    fn span(&self, range: &Range<usize>) -> Span {
        Span::new(self.source, range.start, range.end)
    }

    fn syntax(&self, text: &str, message: &str, range: Option<Range<usize>>) -> Diagnostic {
        let range = range.unwrap_or(0..0);
        let span = self.span(&range);
        if message != DUPLICATE {
            return Diagnostic::error("syntax", span, message);
        }
        let name = text.get(range.clone()).unwrap_or_default();
        let finding = Diagnostic::error("duplicate-name", span, format!("`{name}` is defined twice"))
            .label("defined again here");
        // Each look-up reads the text again, which is too much for a text made of duplicates.
        let first = if self.findings.len() < MOST_LOOKED_UP { first_place(text, range) } else { None };
        match first {
            Some(first) => finding.other(self.span(&first), "first defined here"),
            None => finding,
        }
    }

    fn table(&mut self, table: &DeTable<'_>, depth: usize) -> Attrs {
        let mut attrs = Attrs::new();
        for (name, value) in table {
            let attr = Attr { name_span: self.span(&name.span()), value: self.value(value, depth + 1) };
            attrs.set(name.get_ref().as_ref(), attr);
        }
        attrs
    }

    fn value(&mut self, value: &Spanned<DeValue<'_>>, depth: usize) -> Value {
        let span = self.span(&value.span());
        if depth > DEEPEST {
            self.report(span, format!("lists and tables nest deeper than {DEEPEST} levels"));
            return Value::new(Kind::Null, span);
        }
        let kind = match value.get_ref() {
            DeValue::String(text) if text.contains('\0') => {
                self.report(span, "a text cannot hold the character NUL");
                Kind::Null
            }
            DeValue::String(text) => Kind::String(text.as_ref().into()),
            DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
                Ok(number) => Kind::Int(number),
                Err(_) => Kind::Opaque { what: "an integer that is too large" },
            },
            DeValue::Float(number) => {
                match number.as_str().parse::<f64>().ok().filter(|number| number.is_finite()) {
                    Some(number) => Kind::Float(number),
                    None => Kind::Opaque { what: "not a finite number" },
                }
            }
            DeValue::Boolean(flag) => Kind::Bool(*flag),
            DeValue::Datetime(_) => Kind::Opaque { what: "a date or time" },
            DeValue::Array(array) => {
                Kind::List(array.iter().map(|value| self.value(value, depth + 1)).collect())
            }
            DeValue::Table(table) => Kind::Attrs(self.table(table, depth)),
        };
        Value::new(kind, span)
    }

    fn report(&mut self, span: Span, message: impl Into<String>) {
        self.findings.push(Diagnostic::error("syntax", span, message));
    }
}

/// The crate's message for a name that is defined again; it tells the second place only.
const DUPLICATE: &str = "duplicate key";

/// For how many names that are defined again the first place is looked up.
const MOST_LOOKED_UP: usize = 20;

/// A name that no layout has, to find the table that is open at some place of a text.
const MARK: &str = "landfall-the-table-that-is-open-here";

/// Where the name at `again` was first defined: what comes before its line is read alone, and the dotted name looked up there,
/// from the root for a header, from the table that is open there for an entry.
fn first_place(text: &str, again: Range<usize>) -> Option<Range<usize>> {
    let line = text.get(..again.start)?.rfind('\n').map_or(0, |at| at + 1);
    let statement = text.get(line..again.end)?.trim_start();
    let before = format!("{}\n{MARK} = 0\n", text.get(..line)?);
    let (before, _) = DeTable::parse_recoverable(&before);
    let (name, open) = match statement.strip_prefix('[') {
        Some(header) => (header.trim_start_matches('['), before.get_ref()),
        None => (statement, with_mark(before.get_ref())?),
    };
    let name = format!("{name} = 0");
    let (name, _) = DeTable::parse_recoverable(&name);
    lookup(open, name.get_ref())
}

/// The table that has the entry [`MARK`].
fn with_mark<'t, 'i>(table: &'t DeTable<'i>) -> Option<&'t DeTable<'i>> {
    if table.keys().any(|name| name.get_ref() == MARK) {
        return Some(table);
    }
    table.values().find_map(|value| match value.get_ref() {
        DeValue::Table(table) => with_mark(table),
        DeValue::Array(array) => {
            array.iter().rev().find_map(|value| value.get_ref().as_table().and_then(with_mark))
        }
        _ => None,
    })
}

/// Follows the one path in `name` (tables of one entry each) through `table`, and gives the place of its last part.
fn lookup(mut table: &DeTable<'_>, mut name: &DeTable<'_>) -> Option<Range<usize>> {
    loop {
        let (part, rest) = name.iter().next()?;
        let (found, value) = table.iter().find(|(name, _)| name.get_ref() == part.get_ref())?;
        match rest.get_ref() {
            DeValue::Table(rest) => name = rest,
            _ => return Some(found.span()),
        }
        table = match value.get_ref() {
            DeValue::Array(array) => array.iter().last()?.get_ref().as_table()?,
            value => value.as_table()?,
        };
    }
}
