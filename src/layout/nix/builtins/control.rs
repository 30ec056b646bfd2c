//! Errors, and the order of evaluation.

use std::collections::HashSet;

use super::{Builtin, builtin};
use crate::layout::nix::coerce::Coercion;
use crate::layout::nix::error::{NixError, NixErrorKind, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("abort", 1, abort),
    builtin("throw", 1, throw),
    builtin("tryEval", 1, try_eval),
    builtin("trace", 2, trace),
    builtin("seq", 2, seq),
    builtin("deepSeq", 2, deep_seq),
    builtin("addErrorContext", 2, add_error_context),
    builtin("break", 1, identity),
    builtin("unsafeDiscardStringContext", 1, plain_text),
    builtin("unsafeDiscardOutputDependency", 1, plain_text),
    builtin("appendContext", 2, append_context),
    builtin("getContext", 1, get_context),
    builtin("hasContext", 1, has_context),
];

fn abort(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    let text = eval.coerce(&value, Coercion::Strict)?;
    Err(NixError::new(NixErrorKind::Abort, format!("evaluation aborted by the layout: {text}")))
}

fn throw(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    let text = eval.coerce(&value, Coercion::Strict)?;
    Err(NixError::new(NixErrorKind::Thrown, text.to_string()))
}

fn try_eval(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (success, value) = match eval.force(arguments[0]) {
        Ok(_) => (true, arguments[0]),
        Err(error) if error.is_catchable() => (false, eval.cell(Value::Bool(false), arguments[0])?),
        Err(error) => return Err(error),
    };
    let success = eval.cell(Value::Bool(success), arguments[0])?;
    Ok(eval.record(&[("success", success), ("value", value)]))
}

fn trace(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    let place = eval.sources.place(eval.heap.span(arguments[0]));
    match &value {
        Value::String(text) => tracing::warn!("{place}: trace: {text}"),
        other => tracing::warn!("{place}: trace: {}", other.describe()),
    }
    eval.force(arguments[1])
}

fn seq(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.force(arguments[0])?;
    eval.force(arguments[1])
}

fn deep_seq(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.force_deep(arguments[0], &mut HashSet::new())?;
    eval.force(arguments[1])
}

fn add_error_context(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    match eval.force(arguments[1]) {
        Ok(value) => Ok(value),
        Err(error) => {
            let span = eval.heap.span(arguments[1]);
            let text = eval.string_of(arguments[0])?;
            Err(error.through(span, || text.to_string()))
        }
    }
}

fn identity(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.force(arguments[0])
}

/// Strings carry no context here: there is no store for them to refer to.
fn plain_text(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    eval.coerce(&value, Coercion::Strict).map(Value::String)
}

fn append_context(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    if eval.attrs(arguments[1])?.entries().is_empty() {
        return eval.string_of(arguments[0]).map(Value::String);
    }
    Err(NixError::needs_nix("strings that refer to the Nix store need a real Nix"))
}

fn get_context(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.string_of(arguments[0])?;
    Ok(Value::attrs(Vec::new()))
}

fn has_context(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    eval.string_of(arguments[0])?;
    Ok(Value::Bool(false))
}

impl Evaluator<'_> {
    /// Computes everything that a cell leads to; each cell once, so that a set that holds itself comes to an end.
    fn force_deep(&mut self, cell: CellId, seen: &mut HashSet<CellId>) -> Res<()> {
        if !seen.insert(cell) {
            return Ok(());
        }
        self.budget.enter()?;
        let result = self.force(cell).and_then(|value| match value {
            Value::List(cells) => cells.iter().try_for_each(|cell| self.force_deep(*cell, seen)),
            Value::Attrs(attrs) => {
                attrs.entries().iter().try_for_each(|attr| self.force_deep(attr.value, seen))
            }
            _ => Ok(()),
        });
        self.budget.leave();
        result
    }
}
