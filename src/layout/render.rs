//! Findings as a person reads them, and as a program does.

use std::ops::Range;

use annotate_snippets::{
    Annotation, AnnotationKind, Element, Group, Level, Message, Origin, Renderer, Snippet,
};
use schemars::JsonSchema;
use serde::Serialize;

use super::diagnostic::{Diagnostic, Diagnostics, Severity, printable};
use super::syntax::source::{Place, SourceId, SourceMap, Span};

/// How findings are printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// Text alone.
    Plain,
    /// With the escape sequences of a terminal.
    Coloured,
}

/// Texts up to this length are shown with the lines between two places folded; of longer ones each place is shown alone, since
/// the renderer would go through the whole text for each finding.
const SHOWN_WHOLE: usize = 64 << 10;

/// How many findings are shown in full; a mistake in a large generated layout can give thousands.
const MOST_SHOWN: usize = 100;

/// The findings, one after another, each with its source line.
pub fn render(findings: &[Diagnostic], sources: &SourceMap, style: Style) -> String {
    let renderer = match style {
        Style::Plain => Renderer::plain(),
        Style::Coloured => Renderer::styled(),
    };
    let shown = findings.iter().take(MOST_SHOWN);
    let mut texts: Vec<String> = shown.map(|finding| renderer.render(&[group(finding, sources)])).collect();
    if let Some(more) = findings.len().checked_sub(MOST_SHOWN).filter(|&more| more > 0) {
        texts.push(format!("… and {more} more findings"));
    }
    texts.join("\n\n")
}

impl Diagnostics {
    /// The findings, one after another, each with its source line.
    pub fn render(&self, style: Style) -> String {
        render(&self.items, &self.sources, style)
    }
}

fn group<'a>(finding: &'a Diagnostic, sources: &'a SourceMap) -> Group<'a> {
    let level = match finding.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let title = level.primary_title(printable(&finding.message)).id(finding.code);
    let mut elements: Vec<Element<'a>> = Vec::new();
    if let Some(span) = finding.span {
        let mut marks = vec![Mark { span, kind: AnnotationKind::Primary, label: &finding.label }];
        let others = finding.others.iter();
        marks.extend(others.map(|other| Mark {
            span: other.span,
            kind: AnnotationKind::Context,
            label: &other.text,
        }));
        elements.extend(snippets(&marks, sources));
    }
    elements.extend(finding.hints.iter().map(|hint| Element::from(message(hint))));
    match elements.is_empty() {
        // A title alone is a group of its own kind for the renderer.
        true => Group::with_title(title),
        false => title.elements(elements),
    }
}

fn message(hint: &str) -> Message<'_> {
    Level::HELP.with_name("hint").message(printable(hint))
}

struct Mark<'a> {
    span: Span,
    kind: AnnotationKind,
    label: &'a str,
}

/// The marked lines: those of one short text together, others alone.
fn snippets<'a>(marks: &[Mark<'a>], sources: &SourceMap) -> Vec<Element<'a>> {
    let mut elements = Vec::new();
    let mut together: Vec<(SourceId, Snippet<'a, Annotation<'a>>)> = Vec::new();
    for mark in marks {
        let id = mark.span.source();
        let text = sources.text(id);
        if text.is_empty() {
            elements.push(Origin::path(sources.name(id).to_string()).into());
        } else if text.len() > SHOWN_WHOLE {
            elements.push(alone(mark, &text, sources).into());
        } else {
            let annotation = annotation(mark, first_line(&text, mark.span));
            let at = together.iter().position(|(other, _)| *other == id);
            let snippet = match at {
                Some(at) => together.remove(at).1,
                None => Snippet::source(text.to_string()).path(sources.name(id).to_string()),
            };
            together.insert(at.unwrap_or(together.len()), (id, snippet.annotation(annotation)));
        }
    }
    let mut all: Vec<Element<'a>> = together.into_iter().map(|(_, snippet)| snippet.into()).collect();
    all.append(&mut elements);
    all
}

/// A marked line of a long text. A very long line is cut to what stands around the mark.
fn alone<'a>(mark: &Mark<'a>, text: &str, sources: &SourceMap) -> Snippet<'a, Annotation<'a>> {
    const AROUND: usize = 200;
    let range = first_line(text, mark.span);
    let line_start = text.get(..range.start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let line_end =
        text.get(range.start..).and_then(|rest| rest.find('\n')).map_or(text.len(), |at| range.start + at);
    let from = boundary(text, line_start.max(range.start.saturating_sub(AROUND)));
    let to = boundary(text, line_end.min(range.start + 2 * AROUND));
    let slice = text.get(from..to).unwrap_or_default().to_owned();
    let within = range.start - from..(range.end.min(to)).max(range.start) - from;
    let place = sources.place(mark.span);
    Snippet::source(slice)
        .line_start(place.line)
        .path(place.file.to_string())
        .annotation(annotation(mark, within))
}

fn annotation<'a>(mark: &Mark<'a>, range: Range<usize>) -> Annotation<'a> {
    let annotation = mark.kind.span(range);
    if mark.label.is_empty() { annotation } else { annotation.label(printable(mark.label)) }
}

/// The part of a span that lies on its first line, on character boundaries and inside the text. A whole set is pointed at by
/// its opening line; marking all of it would bury the rest.
fn first_line(text: &str, span: Span) -> Range<usize> {
    let start = boundary(text, span.start().min(text.len()));
    let end = boundary(text, span.end().min(text.len())).max(start);
    let marked = text.get(start..end).unwrap_or_default();
    start..marked.find(['\n', '\r']).map_or(end, |at| start + at)
}

/// The nearest character boundary at or before `at`.
fn boundary(text: &str, at: usize) -> usize {
    (0..=at.min(text.len())).rev().find(|&at| text.is_char_boundary(at)).unwrap_or(0)
}

/// Something found about a layout.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Finding<'a> {
    /// How much it matters.
    severity: Severity,
    /// A stable name of the kind of finding.
    code: &'a str,
    /// The finding in one sentence.
    message: &'a str,
    /// The full name of the option that it is about.
    #[serde(skip_serializing_if = "str::is_empty")]
    option: &'a str,
    /// Where; left out when it concerns the layout as a whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<Extent>,
    /// What stands at the place.
    #[serde(skip_serializing_if = "str::is_empty")]
    label: &'a str,
    /// Other places involved.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    others: Vec<OtherPlace<'a>>,
    /// What to do about it, one sentence each.
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    hints: &'a [String],
}

/// Another place that a finding involves.
#[derive(Debug, Serialize, JsonSchema)]
struct OtherPlace<'a> {
    /// Where.
    place: Extent,
    /// What is there.
    text: &'a str,
}

/// A place and its bytes.
#[derive(Debug, Serialize, JsonSchema)]
struct Extent {
    /// File, line and column.
    #[serde(flatten)]
    place: Place,
    /// Offset of the first byte.
    start: usize,
    /// Offset behind the last byte.
    end: usize,
}

/// The findings as data: severity, code, message, option, place (file, line, column from 1, byte offsets), other places, hints.
pub fn to_json(findings: &[Diagnostic], sources: &SourceMap) -> serde_json::Value {
    // Serialising plain structs of texts and numbers does not fail; an empty list would only hide findings.
    serde_json::to_value(for_programs(findings, sources)).unwrap_or(serde_json::Value::Null)
}

/// The findings with their places, ready to be serialised.
pub fn for_programs<'a>(findings: &'a [Diagnostic], sources: &SourceMap) -> Vec<Finding<'a>> {
    let extent = |span: Span| Extent { place: sources.place(span), start: span.start(), end: span.end() };
    let finding = |finding: &'a Diagnostic| Finding {
        severity: finding.severity,
        code: finding.code,
        message: &finding.message,
        option: &finding.option,
        place: finding.span.map(extent),
        label: &finding.label,
        others: finding
            .others
            .iter()
            .map(|other| OtherPlace { place: extent(other.span), text: &other.text })
            .collect(),
        hints: &finding.hints,
    };
    findings.iter().map(finding).collect()
}
