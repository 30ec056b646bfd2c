//! Equality and order.

use std::cmp::Ordering;

use super::error::{NixError, Res};
use super::eval::Evaluator;
use super::heap::CellId;
use super::operator::float;
use super::value::{Attrs, Value};

impl Evaluator<'_> {
    /// `a == b`. Functions are never equal; derivations are by their output.
    pub(super) fn equal(&mut self, a: &Value, b: &Value) -> Res<bool> {
        self.budget.step()?;
        Ok(match (a, b) {
            (Value::Null, Value::Null) => true,
            (Value::Bool(a), Value::Bool(b)) => a == b,
            (Value::Int(a), Value::Int(b)) => a == b,
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => float(a) == float(b),
            (Value::String(a), Value::String(b)) | (Value::Path(a), Value::Path(b)) => a == b,
            (Value::List(a), Value::List(b)) => {
                if a.len() != b.len() {
                    return Ok(false);
                }
                for (a, b) in a.iter().zip(b.iter()) {
                    if !self.equal_cells(*a, *b)? {
                        return Ok(false);
                    }
                }
                true
            }
            (Value::Attrs(a), Value::Attrs(b)) => self.equal_attrs(a, b)?,
            _ => false,
        })
    }

    /// Equality of elements; a cell equals itself even if it holds a function.
    pub(super) fn equal_cells(&mut self, a: CellId, b: CellId) -> Res<bool> {
        if a == b {
            return Ok(true);
        }
        self.budget.enter()?;
        let result = self.force(a).and_then(|a| {
            let b = self.force(b)?;
            self.equal(&a, &b)
        });
        self.budget.leave();
        result
    }

    fn equal_attrs(&mut self, a: &Attrs, b: &Attrs) -> Res<bool> {
        if self.is_derivation(a)?
            && self.is_derivation(b)?
            && let (Some(a), Some(b)) = (a.get(b"outPath"), b.get(b"outPath"))
        {
            return self.equal_cells(a.value, b.value);
        }
        let (a, b) = (a.entries(), b.entries());
        if a.len() != b.len() {
            return Ok(false);
        }
        for (a, b) in a.iter().zip(b) {
            if a.name != b.name || !self.equal_cells(a.value, b.value)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Whether a set says that it is a derivation.
    pub(super) fn is_derivation(&mut self, attrs: &Attrs) -> Res<bool> {
        let Some(kind) = attrs.get(b"type") else { return Ok(false) };
        Ok(matches!(self.force(kind.value)?, Value::String(text) if text == *"derivation"))
    }

    /// The order of two numbers, strings, paths or lists.
    pub(super) fn compare(&mut self, a: &Value, b: &Value) -> Res<Ordering> {
        self.budget.step()?;
        match (a, b) {
            (Value::Int(a), Value::Int(b)) => Ok(a.cmp(b)),
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => {
                // What is not a number compares as equal to everything, and so is less than nothing.
                Ok(float(a).partial_cmp(&float(b)).unwrap_or(Ordering::Equal))
            }
            (Value::String(a), Value::String(b)) | (Value::Path(a), Value::Path(b)) => Ok(a.cmp(b)),
            (Value::List(a), Value::List(b)) => {
                for (a, b) in a.iter().zip(b.iter()) {
                    if self.equal_cells(*a, *b)? {
                        continue;
                    }
                    let (a, b) = (self.force(*a)?, self.force(*b)?);
                    self.budget.enter()?;
                    let order = self.compare(&a, &b);
                    self.budget.leave();
                    return order;
                }
                Ok(a.len().cmp(&b.len()))
            }
            _ if a.type_name() == b.type_name() => Err(NixError::eval(format!(
                "cannot compare {} with {}: they have no order",
                a.describe(),
                b.describe()
            ))),
            _ => Err(NixError::eval(format!("cannot compare {} with {}", a.describe(), b.describe()))),
        }
    }
}
