//! Sets.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::{Builtin, builtin};
use crate::layout::nix::ast::Parameter;
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::{Cell, CellId};
use crate::layout::nix::text::Text;
use crate::layout::nix::value::{Attr, Attrs, Value};
use crate::layout::syntax::source::Span;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("attrNames", 1, attr_names),
    builtin("attrValues", 1, attr_values),
    builtin("getAttr", 2, get_attr),
    builtin("hasAttr", 2, has_attr),
    builtin("removeAttrs", 2, remove_attrs),
    builtin("intersectAttrs", 2, intersect_attrs),
    builtin("mapAttrs", 2, map_attrs),
    builtin("listToAttrs", 1, list_to_attrs),
    builtin("zipAttrsWith", 2, zip_attrs_with),
    builtin("functionArgs", 1, function_args),
    builtin("unsafeGetAttrPos", 2, attr_position),
];

/// A cell with an attribute's name.
fn name_cell(eval: &mut Evaluator<'_>, attr: &Attr) -> Res<CellId> {
    eval.heap.add(Cell::Value(Value::String(attr.name.clone())), attr.span)
}

fn attr_names(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let attrs = eval.attrs(arguments[0])?;
    eval.budget.steps(attrs.entries().len())?;
    let names = attrs.entries().iter().map(|attr| name_cell(eval, attr)).collect::<Res<_>>()?;
    eval.new_list(names)
}

fn attr_values(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let attrs = eval.attrs(arguments[0])?;
    eval.budget.steps(attrs.entries().len())?;
    eval.new_list(attrs.entries().iter().map(|attr| attr.value).collect())
}

fn get_attr(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let name = eval.string_of(arguments[0])?;
    let attrs = eval.attrs(arguments[1])?;
    match attrs.get(&name) {
        Some(attr) => eval.force(attr.value),
        None => Err(eval.missing(&attrs, &name)),
    }
}

fn has_attr(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let name = eval.string_of(arguments[0])?;
    Ok(Value::Bool(eval.attrs(arguments[1])?.get(&name).is_some()))
}

fn remove_attrs(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let attrs = eval.attrs(arguments[0])?;
    let names = eval.list(arguments[1])?;
    let mut names = names.iter().map(|cell| eval.string_of(*cell)).collect::<Res<Vec<_>>>()?;
    names.sort();
    eval.budget.steps(attrs.entries().len())?;
    let kept = attrs.entries().iter().filter(|attr| names.binary_search(&attr.name).is_err());
    let kept = Attrs::from_sorted(kept.cloned().collect());
    Ok(Value::Attrs(Rc::new(kept.with_absence(attrs.absence().clone()))))
}

fn intersect_attrs(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (names, attrs) = (eval.attrs(arguments[0])?, eval.attrs(arguments[1])?);
    eval.budget.steps(attrs.entries().len())?;
    let kept = attrs.entries().iter().filter(|attr| names.get(&attr.name).is_some());
    eval.new_attrs(kept.cloned().collect())
}

fn map_attrs(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let attrs = eval.attrs(arguments[1])?;
    eval.budget.steps(attrs.entries().len())?;
    let mut mapped = Vec::with_capacity(attrs.entries().len());
    for attr in attrs.entries() {
        let name = name_cell(eval, attr)?;
        let value = eval.delayed_call2(arguments[0], name, attr.value)?;
        mapped.push(Attr { name: attr.name.clone(), value, span: attr.span });
    }
    eval.new_attrs(mapped)
}

fn list_to_attrs(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let mut entries = Vec::new();
    for cell in eval.list(arguments[0])?.iter() {
        let pair = eval.attrs(*cell)?;
        let (Some(name), Some(value)) = (pair.get(b"name"), pair.get(b"value")) else {
            return Err(NixError::eval("each element must be a set with `name` and `value`")
                .at(eval.heap.span(*cell)));
        };
        let span = eval.heap.span(name.value);
        entries.push(Attr { name: eval.string_of(name.value)?, value: value.value, span });
    }
    eval.new_attrs(entries)
}

fn zip_attrs_with(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let mut all: BTreeMap<Text, (Span, Vec<CellId>)> = BTreeMap::new();
    for cell in eval.list(arguments[1])?.iter() {
        let attrs = eval.attrs(*cell)?;
        eval.budget.steps(attrs.entries().len())?;
        for attr in attrs.entries() {
            all.entry(attr.name.clone()).or_insert_with(|| (attr.span, Vec::new())).1.push(attr.value);
        }
    }
    let mut zipped = Vec::with_capacity(all.len());
    for (name, (span, values)) in all {
        let values = eval.new_list(values)?;
        let values = eval.heap.add(Cell::Value(values), span)?;
        let text = eval.heap.add(Cell::Value(Value::String(name.clone())), span)?;
        zipped.push(Attr { name, value: eval.delayed_call2(arguments[0], text, values)?, span });
    }
    eval.new_attrs(zipped)
}

fn function_args(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let closure = match eval.force(arguments[0])? {
        Value::Closure(closure) => closure,
        Value::Builtin(_) => return Ok(Value::attrs(Vec::new())),
        other => return Err(NixError::eval(format!("expected a function, found {}", other.describe()))),
    };
    let mut entries = Vec::new();
    if let Parameter::Pattern { formals, .. } = &closure.lambda.parameter {
        for formal in formals {
            let value = Cell::Value(Value::Bool(formal.default.is_some()));
            let value = eval.heap.add(value, formal.span)?;
            entries.push(Attr { name: formal.name.clone(), value, span: formal.span });
        }
    }
    eval.new_attrs(entries)
}

fn attr_position(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let name = eval.string_of(arguments[0])?;
    match eval.attrs(arguments[1])?.get(&name) {
        Some(attr) => eval.position(attr.span),
        None => Ok(Value::Null),
    }
}
