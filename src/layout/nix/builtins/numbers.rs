//! Numbers.

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::operator::{add_numbers, divide, int_of, multiply};
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("add", 2, |eval, arguments| both(eval, arguments, add_numbers)),
    builtin("sub", 2, sub),
    builtin("mul", 2, |eval, arguments| both(eval, arguments, multiply)),
    builtin("div", 2, |eval, arguments| both(eval, arguments, divide)),
    builtin("lessThan", 2, less_than),
    builtin("bitAnd", 2, |eval, arguments| bits(eval, arguments, |a, b| a & b)),
    builtin("bitOr", 2, |eval, arguments| bits(eval, arguments, |a, b| a | b)),
    builtin("bitXor", 2, |eval, arguments| bits(eval, arguments, |a, b| a ^ b)),
    builtin("floor", 1, |eval, arguments| round(eval, arguments, f64::floor)),
    builtin("ceil", 1, |eval, arguments| round(eval, arguments, f64::ceil)),
];

fn both(
    eval: &mut Evaluator<'_>,
    arguments: &[CellId],
    operator: fn(&Value, &Value) -> Res<Value>,
) -> Res<Value> {
    let (a, b) = (eval.force(arguments[0])?, eval.force(arguments[1])?);
    operator(&a, &b)
}

fn sub(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (a, b) = (eval.force(arguments[0])?, eval.force(arguments[1])?);
    eval.subtract(&a, &b)
}

fn less_than(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (a, b) = (eval.force(arguments[0])?, eval.force(arguments[1])?);
    Ok(Value::Bool(eval.compare(&a, &b)?.is_lt()))
}

fn bits(eval: &mut Evaluator<'_>, arguments: &[CellId], operator: fn(i64, i64) -> i64) -> Res<Value> {
    let (a, b) = (eval.int(arguments[0])?, eval.int(arguments[1])?);
    Ok(Value::Int(operator(a, b)))
}

fn round(eval: &mut Evaluator<'_>, arguments: &[CellId], rounding: fn(f64) -> f64) -> Res<Value> {
    if let whole @ Value::Int(_) = eval.force(arguments[0])? {
        return Ok(whole);
    }
    let number = rounding(eval.float(arguments[0])?);
    int_of(number)
        .map(Value::Int)
        .ok_or_else(|| NixError::eval(format!("`{number}` does not fit an integer")))
}
