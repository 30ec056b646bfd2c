//! `+ - * / ++ // == != < <= > >=`

use std::cmp::Ordering;
use std::rc::Rc;

use super::ast::{Binary, ExprId};
use super::error::{NixError, Res};
use super::eval::Evaluator;
use super::heap::EnvId;
use super::value::Value;

impl Evaluator<'_> {
    /// Evaluates both sides and joins them.
    pub(super) fn binary(&mut self, operator: Binary, left: ExprId, right: ExprId, env: EnvId) -> Res<Value> {
        let a = self.eval(left, env)?;
        match operator {
            Binary::Update => {
                let a = self.expect_attrs(&a).map_err(|error| error.at(self.code.span(left)))?;
                let b = self.eval(right, env)?;
                let b = self.expect_attrs(&b).map_err(|error| error.at(self.code.span(right)))?;
                self.budget.bytes(a.entries().len().saturating_add(b.entries().len()).saturating_mul(40))?;
                self.budget.steps(a.entries().len().saturating_add(b.entries().len()))?;
                Ok(if a.entries().is_empty() && matches!(a.absence(), super::value::Absence::Plain) {
                    Value::Attrs(b)
                } else if b.entries().is_empty() {
                    Value::Attrs(a)
                } else {
                    Value::Attrs(Rc::new(a.update(&b)))
                })
            }
            Binary::Concatenate => {
                let a = self.expect_list(&a).map_err(|error| error.at(self.code.span(left)))?;
                let b = self.eval(right, env)?;
                let b = self.expect_list(&b).map_err(|error| error.at(self.code.span(right)))?;
                self.concat_lists(&[a, b])
            }
            _ => {
                let b = self.eval(right, env)?;
                self.join(operator, a, b)
            }
        }
    }

    fn join(&mut self, operator: Binary, a: Value, b: Value) -> Res<Value> {
        match operator {
            Binary::Add => self.add(a, b),
            Binary::Subtract => self.subtract(&a, &b),
            Binary::Multiply => multiply(&a, &b),
            Binary::Divide => divide(&a, &b),
            Binary::Equal => self.equal(&a, &b).map(Value::Bool),
            Binary::NotEqual => self.equal(&a, &b).map(|equal| Value::Bool(!equal)),
            // Nix knows only "less": the others are its negation or its mirror image, which matters in messages alone.
            Binary::Less => Ok(Value::Bool(self.compare(&a, &b)? == Ordering::Less)),
            Binary::LessOrEqual => Ok(Value::Bool(self.compare(&b, &a)? != Ordering::Less)),
            Binary::More => Ok(Value::Bool(self.compare(&b, &a)? == Ordering::Less)),
            Binary::MoreOrEqual => Ok(Value::Bool(self.compare(&a, &b)? != Ordering::Less)),
            Binary::Concatenate | Binary::Update => Err(NixError::eval("operands evaluated too early")),
        }
    }

    /// `a - b`
    pub(super) fn subtract(&mut self, a: &Value, b: &Value) -> Res<Value> {
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => whole(a.checked_sub(*b)),
            _ => numbers(a, b, "subtract").map(|(a, b)| Value::Float(a - b)),
        }
    }
}

/// `a + b` of numbers.
pub(super) fn add_numbers(a: &Value, b: &Value) -> Res<Value> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => whole(a.checked_add(*b)),
        _ => numbers(a, b, "add").map(|(a, b)| Value::Float(a + b)),
    }
}

/// `a * b`
pub(super) fn multiply(a: &Value, b: &Value) -> Res<Value> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => whole(a.checked_mul(*b)),
        _ => numbers(a, b, "multiply").map(|(a, b)| Value::Float(a * b)),
    }
}

/// `a / b`, towards zero for whole numbers.
pub(super) fn divide(a: &Value, b: &Value) -> Res<Value> {
    let (x, y) = numbers(a, b, "divide")?;
    if y == 0.0 {
        return Err(NixError::eval("division by zero"));
    }
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => whole(a.checked_div(*b)),
        _ => Ok(Value::Float(x / y)),
    }
}

/// Older Nix lets 64 bits wrap around, newer refuses; a wrapped size is no size, so this refuses too.
fn whole(result: Option<i64>) -> Res<Value> {
    result.map(Value::Int).ok_or_else(|| NixError::eval("integer overflow"))
}

/// Two numbers as floating-point.
fn numbers(a: &Value, b: &Value, verb: &str) -> Res<(f64, f64)> {
    match (float(a), float(b)) {
        (Some(a), Some(b)) => Ok((a, b)),
        (None, _) => Err(NixError::eval(format!("cannot {verb} {}: it is not a number", a.describe()))),
        (_, None) => Err(NixError::eval(format!("cannot {verb} {}: it is not a number", b.describe()))),
    }
}

/// A number as floating-point.
pub(super) fn float(value: &Value) -> Option<f64> {
    match value {
        Value::Int(number) => Some(float_of(*number)),
        Value::Float(number) => Some(*number),
        _ => None,
    }
}

/// The nearest floating-point number, as Nix converts.
#[expect(clippy::as_conversions, reason = "no other conversion rounds i64 to f64")]
pub(super) fn float_of(number: i64) -> f64 {
    number as f64
}

/// A floating-point number without a fraction as whole, if 64 bits hold it.
#[expect(clippy::as_conversions, reason = "checked to be in range")]
pub(super) fn int_of(number: f64) -> Option<i64> {
    // 2⁶³ itself is exact in f64 and already too large.
    let limit = float_of(i64::MIN).abs();
    (number >= -limit && number < limit).then_some(number as i64)
}
