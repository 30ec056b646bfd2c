//! The marks of NixOS modules in data: what `nix eval --json` prints of a layout file itself still has `lib.mkDefault`,
//! `lib.mkIf` and the like in it, as sets with a `_type`. They are given their meaning, so that such a text is the layout too.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::source::Span;
use super::value::{Attr, Attrs, Kind, Value};
use crate::layout::diagnostic::Diagnostic;

/// Priority of a value without a mark; lower numbers win. (`lib.mkOverride 100`)
const USUAL_PRIORITY: i64 = 100;

/// Order of a value without a mark; lower numbers come first. (`lib.mkOrder 1000`)
const USUAL_ORDER: i64 = 1000;

/// A value whose marks are taken off.
struct Definition {
    priority: i64,
    order: i64,
    value: Value,
}

/// The value with every mark in it resolved; `None` if marks leave nothing of it. Values that contradict each other are told,
/// and the first stays.
pub fn resolve(value: Value, findings: &mut Vec<Diagnostic>) -> Option<Value> {
    let mut definitions = Vec::new();
    unmark(value, USUAL_PRIORITY, USUAL_ORDER, &mut definitions);
    join(definitions, findings)
}

/// Takes the marks off the outermost part of a value.
fn unmark(value: Value, priority: i64, order: i64, into: &mut Vec<Definition>) {
    let Some(mark) = mark(&value) else {
        into.push(Definition { priority, order, value });
        return;
    };
    let Kind::Attrs(mut attrs) = value.kind else { return };
    let number = |attrs: &Attrs| match attrs.get("priority").map(|attr| &attr.value.kind) {
        Some(Kind::Int(number)) => Some(*number),
        _ => None,
    };
    let given = number(&attrs);
    let (priority, order) = match mark {
        Mark::Override => (given.unwrap_or(priority), order),
        Mark::Order => (priority, given.unwrap_or(order)),
        Mark::If | Mark::Merge => (priority, order),
    };
    if mark == Mark::If
        && attrs.get("condition").map(|condition| &condition.value.kind) != Some(&Kind::Bool(true))
    {
        return;
    }
    let content = attrs.remove(if mark == Mark::Merge { "contents" } else { "content" });
    match content.map(|content| content.value) {
        Some(Value { kind: Kind::List(contents), .. }) if mark == Mark::Merge => {
            contents.into_iter().for_each(|content| unmark(content, priority, order, into));
        }
        Some(content) => unmark(content, priority, order, into),
        None => {}
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mark {
    If,
    Merge,
    Order,
    Override,
}

fn mark(value: &Value) -> Option<Mark> {
    match value.as_attrs()?.get("_type")?.value.as_str()? {
        "if" => Some(Mark::If),
        "merge" => Some(Mark::Merge),
        "order" => Some(Mark::Order),
        "override" => Some(Mark::Override),
        _ => None,
    }
}

/// Joins the definitions that are in effect: sets name by name, lists one after the other, anything else only if it is equal.
fn join(mut definitions: Vec<Definition>, findings: &mut Vec<Diagnostic>) -> Option<Value> {
    let highest = definitions.iter().map(|one| one.priority).min()?;
    definitions.retain(|one| one.priority == highest);
    definitions.sort_by_key(|one| one.order);
    let mut values = definitions.into_iter().map(|one| one.value);
    let first = values.next()?;
    let span = first.span;
    match first.kind {
        Kind::Attrs(attrs) => {
            let mut names: BTreeMap<Arc<str>, (Span, Vec<Definition>)> = BTreeMap::new();
            collect(attrs, &mut names);
            for other in values {
                match other.kind {
                    Kind::Attrs(attrs) => collect(attrs, &mut names),
                    _ => findings.push(contradiction(other.span, span)),
                }
            }
            let mut joined = Attrs::new();
            for (name, (name_span, definitions)) in names {
                if let Some(value) = join(definitions, findings) {
                    joined.set(name, Attr { name_span, value });
                }
            }
            Some(Value::new(Kind::Attrs(joined), span))
        }
        Kind::List(mut elements) => {
            for other in values {
                match other.kind {
                    Kind::List(more) => elements.extend(more),
                    _ => findings.push(contradiction(other.span, span)),
                }
            }
            let elements = elements.into_iter().filter_map(|element| resolve(element, findings)).collect();
            Some(Value::new(Kind::List(elements), span))
        }
        kind => {
            let different = values.filter(|other| other.kind != kind);
            findings.extend(different.map(|other| contradiction(other.span, span)));
            Some(Value::new(kind, span))
        }
    }
}

fn collect(attrs: Attrs, names: &mut BTreeMap<Arc<str>, (Span, Vec<Definition>)>) {
    for (name, attr) in attrs {
        let entry = names.entry(name).or_insert_with(|| (attr.name_span, Vec::new()));
        unmark(attr.value, USUAL_PRIORITY, USUAL_ORDER, &mut entry.1);
    }
}

fn contradiction(later: Span, earlier: Span) -> Diagnostic {
    Diagnostic::error("defined-twice", later, "this is defined twice, with different values")
        .other(earlier, "first defined here")
}
