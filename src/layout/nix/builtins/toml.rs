//! TOML.

use super::{Builtin, builtin};
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::{Attr, Value};

/// The function of this theme.
pub(super) const TABLE: &[Builtin] = &[builtin("fromTOML", 1, from_toml)];

fn from_toml(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let text = eval.text(arguments[0])?;
    eval.budget.bytes(text.len())?;
    let text = text.as_str().ok_or_else(|| NixError::eval("the text is not UTF-8"))?;
    let table: toml::Table = toml::from_str(text).map_err(|error: toml::de::Error| {
        let line = error.span().map(|span| text.get(..span.start).unwrap_or_default().lines().count().max(1));
        let place = line.map_or_else(String::new, |line| format!(" in line {line}"));
        NixError::eval(format!("the text is not TOML: {}{place}", error.message()))
    })?;
    eval.toml_value(toml::Value::Table(table), arguments[0])
}

impl Evaluator<'_> {
    /// The value of a TOML text; `near` is the cell it came from.
    fn toml_value(&mut self, toml: toml::Value, near: CellId) -> Res<Value> {
        self.budget.step()?;
        Ok(match toml {
            toml::Value::String(text) if text.contains('\0') => {
                return Err(NixError::eval("a string of the TOML text holds a NUL"));
            }
            toml::Value::String(text) => Value::text(text),
            toml::Value::Integer(number) => Value::Int(number),
            toml::Value::Float(number) => Value::Float(number),
            toml::Value::Boolean(value) => Value::Bool(value),
            toml::Value::Datetime(_) => return Err(NixError::eval("dates in TOML have no value in Nix")),
            toml::Value::Array(items) => {
                let mut cells = Vec::with_capacity(items.len());
                for item in items {
                    let value = self.toml_value(item, near)?;
                    cells.push(self.cell(value, near)?);
                }
                self.new_list(cells)?
            }
            toml::Value::Table(members) => {
                let span = self.heap.span(near);
                let mut entries = Vec::with_capacity(members.len());
                for (name, member) in members {
                    let value = self.toml_value(member, near)?;
                    entries.push(Attr { name: name.into(), value: self.cell(value, near)?, span });
                }
                self.new_attrs(entries)?
            }
        })
    }
}
