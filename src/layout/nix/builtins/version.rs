//! Version numbers: components of digits or letters; `pre` sorts before everything.

use std::cmp::Ordering;

use super::{Builtin, builtin};
use crate::layout::nix::error::Res;
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("compareVersions", 2, compare_versions),
    builtin("splitVersion", 1, split_version),
    builtin("parseDrvName", 1, parse_drv_name),
];

/// Takes the next component off a version; empty at its end.
fn component<'a>(rest: &mut &'a [u8]) -> &'a [u8] {
    let start = rest.iter().position(|byte| !b".-".contains(byte)).unwrap_or(rest.len());
    let text = &rest[start..];
    let digits = text.first().is_some_and(u8::is_ascii_digit);
    let same = |byte: &u8| {
        if digits { byte.is_ascii_digit() } else { !byte.is_ascii_digit() && !b".-".contains(byte) }
    };
    let end = text.iter().position(|byte| !same(byte)).unwrap_or(text.len());
    *rest = &text[end..];
    &text[..end]
}

/// The order of two components.
fn compare_components(a: &[u8], b: &[u8]) -> Ordering {
    let number = |text: &[u8]| std::str::from_utf8(text).ok().and_then(|text| text.parse::<i32>().ok());
    let less = |a: &[u8], b: &[u8]| match (number(a), number(b)) {
        (Some(a), Some(b)) => a < b,
        (None, Some(_)) if a.is_empty() => true,
        _ if a == b"pre" && b != b"pre" => true,
        _ if b == b"pre" => false,
        (_, Some(_)) => true,
        (Some(_), _) => false,
        (None, None) => a < b,
    };
    if less(a, b) {
        Ordering::Less
    } else if less(b, a) {
        Ordering::Greater
    } else {
        Ordering::Equal
    }
}

fn compare_versions(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (a, b) = (eval.string_of(arguments[0])?, eval.string_of(arguments[1])?);
    let (mut a, mut b): (&[u8], &[u8]) = (&a, &b);
    while !a.is_empty() || !b.is_empty() {
        match compare_components(component(&mut a), component(&mut b)) {
            Ordering::Less => return Ok(Value::Int(-1)),
            Ordering::Greater => return Ok(Value::Int(1)),
            Ordering::Equal => {}
        }
    }
    Ok(Value::Int(0))
}

fn split_version(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let version = eval.string_of(arguments[0])?;
    let mut rest: &[u8] = &version;
    let mut parts = Vec::new();
    loop {
        let part = component(&mut rest);
        if part.is_empty() {
            return eval.new_list(parts);
        }
        parts.push(eval.cell(Value::text(part), arguments[0])?);
    }
}

/// The version begins after the first dash that no letter follows.
fn parse_drv_name(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let text = eval.string_of(arguments[0])?;
    let dash = text.windows(2).position(|pair| pair[0] == b'-' && !pair[1].is_ascii_alphabetic());
    let (name, version): (&[u8], &[u8]) = match dash {
        Some(dash) => (&text[..dash], &text[dash + 1..]),
        None => (&text, b""),
    };
    let (name, version) =
        (eval.cell(Value::text(name), arguments[0])?, eval.cell(Value::text(version), arguments[0])?);
    Ok(eval.record(&[("name", name), ("version", version)]))
}
