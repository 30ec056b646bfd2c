//! Values of an expected type, or the error that says what was found.

use std::rc::Rc;

use super::error::{NixError, Res};
use super::eval::Evaluator;
use super::heap::CellId;
use super::operator::float;
use super::text::Text;
use super::value::{Attrs, Value};

/// "expected a list, found a string"
fn found(expected: &str, value: &Value) -> Box<NixError> {
    NixError::eval(format!("expected {expected}, found {}", value.describe()))
}

impl Evaluator<'_> {
    /// The value as a boolean.
    pub(super) fn expect_bool(&self, value: &Value) -> Res<bool> {
        match value {
            Value::Bool(value) => Ok(*value),
            other => Err(found("a boolean", other)),
        }
    }

    /// The value as a string; no other value is turned into one.
    pub(super) fn expect_string(&self, value: &Value) -> Res<Text> {
        match value {
            Value::String(text) => Ok(text.clone()),
            other => Err(found("a string", other)),
        }
    }

    /// The value as a set.
    pub(super) fn expect_attrs(&self, value: &Value) -> Res<Rc<Attrs>> {
        match value {
            Value::Attrs(attrs) => Ok(Rc::clone(attrs)),
            other => Err(found("a set", other)),
        }
    }

    /// The value as a list.
    pub(super) fn expect_list(&self, value: &Value) -> Res<Rc<[CellId]>> {
        match value {
            Value::List(cells) => Ok(Rc::clone(cells)),
            other => Err(found("a list", other)),
        }
    }

    /// A cell's value as a boolean.
    pub(super) fn bool(&mut self, cell: CellId) -> Res<bool> {
        let value = self.force(cell)?;
        self.expect_bool(&value)
    }

    /// A cell's value as a string.
    pub(super) fn string_of(&mut self, cell: CellId) -> Res<Text> {
        let value = self.force(cell)?;
        self.expect_string(&value)
    }

    /// A cell's value as a set.
    pub(super) fn attrs(&mut self, cell: CellId) -> Res<Rc<Attrs>> {
        let value = self.force(cell)?;
        self.expect_attrs(&value)
    }

    /// A cell's value as a list.
    pub(super) fn list(&mut self, cell: CellId) -> Res<Rc<[CellId]>> {
        let value = self.force(cell)?;
        let list = self.expect_list(&value)?;
        self.budget.steps(list.len())?;
        Ok(list)
    }

    /// A cell's value as a whole number.
    pub(super) fn int(&mut self, cell: CellId) -> Res<i64> {
        match self.force(cell)? {
            Value::Int(number) => Ok(number),
            other => Err(found("an integer", &other)),
        }
    }

    /// A cell's value as a floating-point number.
    pub(super) fn float(&mut self, cell: CellId) -> Res<f64> {
        let value = self.force(cell)?;
        float(&value).ok_or_else(|| found("a number", &value))
    }

    /// A cell's value as a function, or a set that behaves as one.
    pub(super) fn function(&mut self, cell: CellId) -> Res<Value> {
        match self.force(cell)? {
            value @ (Value::Closure(_) | Value::Builtin(_)) => Ok(value),
            Value::Attrs(attrs) if attrs.get(b"__functor").is_some() => Ok(Value::Attrs(attrs)),
            other => Err(found("a function", &other)),
        }
    }
}
