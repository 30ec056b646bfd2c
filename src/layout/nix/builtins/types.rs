//! What a value is.

use super::{Builtin, builtin};
use crate::layout::nix::error::Res;
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("typeOf", 1, type_of),
    builtin("isAttrs", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::Attrs(_)))),
    builtin("isBool", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::Bool(_)))),
    builtin("isFloat", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::Float(_)))),
    builtin("isFunction", 1, |eval, arguments| {
        is(eval, arguments, |value| matches!(value, Value::Closure(_) | Value::Builtin(_)))
    }),
    builtin("isInt", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::Int(_)))),
    builtin("isList", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::List(_)))),
    builtin("isNull", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::Null))),
    builtin("isPath", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::Path(_)))),
    builtin("isString", 1, |eval, arguments| is(eval, arguments, |value| matches!(value, Value::String(_)))),
];

fn is(eval: &mut Evaluator<'_>, arguments: &[CellId], test: fn(&Value) -> bool) -> Res<Value> {
    Ok(Value::Bool(test(&eval.force(arguments[0])?)))
}

fn type_of(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    Ok(Value::text(eval.force(arguments[0])?.type_name()))
}
