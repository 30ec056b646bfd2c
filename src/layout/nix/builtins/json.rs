//! JSON.

use super::{Builtin, builtin};
use crate::layout::nix::coerce::Coercion;
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::value::{Attr, Value};

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[builtin("toJSON", 1, to_json), builtin("fromJSON", 1, from_json)];

fn from_json(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let text = eval.text(arguments[0])?;
    eval.budget.bytes(text.len())?;
    let json: serde_json::Value = serde_json::from_slice(&text)
        .map_err(|error| NixError::eval(format!("the text is not JSON: {error}")))?;
    eval.json_value(json, arguments[0])
}

fn to_json(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let mut out = Vec::new();
    eval.write_json(arguments[0], &mut out)?;
    Ok(Value::text(out))
}

impl Evaluator<'_> {
    /// The value of a JSON text; `near` is the cell it came from.
    fn json_value(&mut self, json: serde_json::Value, near: CellId) -> Res<Value> {
        self.budget.step()?;
        Ok(match json {
            serde_json::Value::Null => Value::Null,
            serde_json::Value::Bool(value) => Value::Bool(value),
            serde_json::Value::Number(number) => match (number.as_i64(), number.as_f64()) {
                (Some(whole), _) => Value::Int(whole),
                (None, Some(float)) => Value::Float(float),
                (None, None) => return Err(NixError::eval(format!("`{number}` is too large a number"))),
            },
            serde_json::Value::String(text) if text.contains('\0') => {
                return Err(NixError::eval("a string of the JSON text holds a NUL"));
            }
            serde_json::Value::String(text) => Value::text(text),
            serde_json::Value::Array(items) => {
                let mut cells = Vec::with_capacity(items.len());
                for item in items {
                    let value = self.json_value(item, near)?;
                    cells.push(self.cell(value, near)?);
                }
                self.new_list(cells)?
            }
            serde_json::Value::Object(members) => {
                let span = self.heap.span(near);
                let mut entries = Vec::with_capacity(members.len());
                for (name, member) in members {
                    let value = self.json_value(member, near)?;
                    entries.push(Attr { name: name.into(), value: self.cell(value, near)?, span });
                }
                self.new_attrs(entries)?
            }
        })
    }

    /// Writes a value and everything in it.
    pub(in crate::layout::nix) fn write_json(&mut self, cell: CellId, out: &mut Vec<u8>) -> Res<()> {
        self.budget.enter()?;
        let before = out.len();
        let value = self.force(cell);
        let result = value.and_then(|value| self.write_json_value(&value, out));
        self.budget.leave();
        result?;
        self.budget.bytes(out.len().saturating_sub(before))
    }

    fn write_json_value(&mut self, value: &Value, out: &mut Vec<u8>) -> Res<()> {
        self.budget.step()?;
        match value {
            Value::Null => out.extend_from_slice(b"null"),
            Value::Bool(true) => out.extend_from_slice(b"true"),
            Value::Bool(false) => out.extend_from_slice(b"false"),
            Value::Int(number) => out.extend_from_slice(number.to_string().as_bytes()),
            Value::Float(number) => out.extend_from_slice(general(*number).as_bytes()),
            Value::String(text) | Value::Path(text) => quote(text, out),
            Value::List(cells) => {
                out.push(b'[');
                for (index, cell) in cells.iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    self.write_json(*cell, out)?;
                }
                out.push(b']');
            }
            Value::Attrs(attrs) => {
                if attrs.get(b"__toString").is_some() {
                    let text = self.coerce(value, Coercion::Strict)?;
                    quote(&text, out);
                    return Ok(());
                }
                if let Some(path) = attrs.get(b"outPath") {
                    return self.write_json(path.value, out);
                }
                out.push(b'{');
                for (index, attr) in attrs.entries().iter().enumerate() {
                    if index > 0 {
                        out.push(b',');
                    }
                    quote(&attr.name, out);
                    out.push(b':');
                    self.write_json(attr.value, out)?;
                }
                out.push(b'}');
            }
            Value::Closure(_) | Value::Builtin(_) => {
                return Err(NixError::eval("a function cannot be written as JSON"));
            }
        }
        Ok(())
    }
}

/// A string with the escapes that JSON requires.
fn quote(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for byte in text {
        match byte {
            b'"' | b'\\' => out.extend_from_slice(&[b'\\', *byte]),
            b'\n' => out.extend_from_slice(b"\\n"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\t' => out.extend_from_slice(b"\\t"),
            control if *control < 0x20 => out.extend_from_slice(format!("\\u{control:04x}").as_bytes()),
            other => out.push(*other),
        }
    }
    out.push(b'"');
}

/// A number in six significant digits, as C's `%g` prints it, which is what Nix writes.
fn general(number: f64) -> String {
    const DIGITS: usize = 6;
    if number == 0.0 || !number.is_finite() {
        return if number == 0.0 {
            if number.is_sign_negative() { "-0" } else { "0" }.to_owned()
        } else {
            number.to_string()
        };
    }
    let scientific = format!("{number:.*e}", DIGITS - 1);
    let (mantissa, exponent) = scientific.split_once('e').unwrap_or((&scientific, "0"));
    let exponent: i32 = exponent.parse().unwrap_or(0);
    let trim = |text: &str| match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text.to_owned(),
    };
    match usize::try_from(5 - exponent) {
        Ok(decimals) if exponent >= -4 => trim(&format!("{number:.decimals$}")),
        _ => {
            let sign = if exponent < 0 { '-' } else { '+' };
            format!("{}e{sign}{:02}", trim(mantissa), exponent.unsigned_abs())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::general;

    #[test]
    fn numbers_have_six_digits() {
        let cases = [
            (1.5, "1.5"),
            (0.1, "0.1"),
            (1e20, "1e+20"),
            (1_234_567.0, "1.23457e+06"),
            (123_456.0, "123456"),
            (0.000_012_345, "1.2345e-05"),
            (0.000_123, "0.000123"),
            (-2.0, "-2"),
            (0.0, "0"),
        ];
        for (number, text) in cases {
            assert_eq!(general(number), text);
        }
    }
}
