//! Strings from other values: interpolation, `+`, `toString`.

use super::ast::{ExprId, Piece};
use super::error::{NixError, NixErrorKind, Res};
use super::eval::Evaluator;
use super::files::Files;
use super::heap::{Cell, CellId, EnvId};
use super::operator::add_numbers;
use super::path;
use super::text::Text;
use super::value::Value;

/// Which values become strings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Coercion {
    /// Strings, paths, and sets that say how: interpolation and `+`.
    Strict,
    /// Also numbers, booleans, null and lists: `toString`.
    Loose,
}

/// What becomes of paths within a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Paths {
    /// Part of a string: Nix copies the file to its store, so there must be one.
    MustExist,
    /// Part of a path.
    AsWritten,
}

impl Evaluator<'_> {
    /// `"a${b}"`
    pub(super) fn interpolate(&mut self, pieces: &[Piece], env: EnvId) -> Res<Value> {
        self.join_pieces(pieces, env, Paths::MustExist).map(Value::text)
    }

    /// `./a${b}`
    pub(super) fn interpolate_path(&mut self, pieces: &[Piece], env: EnvId) -> Res<Value> {
        let joined = self.join_pieces(pieces, env, Paths::AsWritten)?;
        Ok(Value::Path(path::normal(&joined)))
    }

    fn join_pieces(&mut self, pieces: &[Piece], env: EnvId, paths: Paths) -> Res<Vec<u8>> {
        let mut bytes = Vec::new();
        for piece in pieces {
            match piece {
                Piece::Literal(text) => bytes.extend_from_slice(text),
                Piece::Value(expr) => {
                    let text = self.interpolated(*expr, env, paths);
                    bytes.extend_from_slice(&text.map_err(|error| error.at(self.code.span(*expr)))?);
                }
            }
        }
        self.budget.bytes(bytes.len())?;
        Ok(bytes)
    }

    fn interpolated(&mut self, expr: ExprId, env: EnvId, paths: Paths) -> Res<Text> {
        let value = self.eval(expr, env)?;
        let text = self.joinable(&value, paths)?;
        self.budget.bytes(text.len())?;
        Ok(text)
    }

    /// A value as part of a longer text.
    fn joinable(&mut self, value: &Value, paths: Paths) -> Res<Text> {
        if let (Value::Path(path), Paths::MustExist) = (value, paths)
            && !Files::is_virtual(path)
            && !self.files.exists(path)?
        {
            let message = format!("`{}` does not exist", self.files.shown(path));
            return Err(NixError::new(NixErrorKind::Input, message)
                .hint("a path in a string must exist, as Nix would copy it; `toString` takes it as it is"));
        }
        self.coerce(value, Coercion::Strict)
    }

    /// `a + b`: numbers add, everything else joins as text; the left side says whether the result is a path.
    pub(super) fn add(&mut self, a: Value, b: Value) -> Res<Value> {
        match (&a, &b) {
            (Value::Int(_) | Value::Float(_), Value::Int(_) | Value::Float(_)) => add_numbers(&a, &b),
            (Value::Int(_) | Value::Float(_), other) => {
                Err(NixError::eval(format!("cannot add {} to a number", other.describe()))
                    .hint("`toString` makes a string of a number"))
            }
            _ => {
                let whole = matches!(a, Value::Path(_));
                let paths = if whole { Paths::AsWritten } else { Paths::MustExist };
                let (left, right) = (self.joinable(&a, paths)?, self.joinable(&b, paths)?);
                self.budget.bytes(left.len().saturating_add(right.len()))?;
                let joined = [&*left, &*right].concat();
                Ok(if whole { Value::Path(path::normal(&joined)) } else { Value::text(joined) })
            }
        }
    }

    /// A value as text.
    pub(super) fn coerce(&mut self, value: &Value, coercion: Coercion) -> Res<Text> {
        let loose = coercion == Coercion::Loose;
        match value {
            Value::String(text) | Value::Path(text) => Ok(text.clone()),
            Value::Attrs(attrs) => {
                if let Some(method) = attrs.get(b"__toString") {
                    let itself = self.heap.add(Cell::Value(value.clone()), method.span)?;
                    let text = self.call_cell(method.value, &[itself])?;
                    return self.deeper(&text, coercion);
                }
                match attrs.get(b"outPath") {
                    Some(out) => {
                        let out = self.force(out.value)?;
                        self.deeper(&out, coercion)
                    }
                    None => {
                        Err(NixError::eval("cannot make a string of a set without `__toString` or `outPath`"))
                    }
                }
            }
            Value::Null if loose => Ok("".into()),
            Value::Bool(true) if loose => Ok("1".into()),
            Value::Bool(false) if loose => Ok("".into()),
            Value::Int(number) if loose => Ok(number.to_string().into()),
            Value::Float(number) if loose => Ok(format!("{number:.6}").into()),
            Value::List(cells) if loose => self.coerce_list(cells),
            other => {
                let error = NixError::eval(format!("cannot make a string of {}", other.describe()));
                Err(match other {
                    Value::Int(_) | Value::Float(_) | Value::Bool(_) | Value::List(_) | Value::Null
                        if !loose =>
                    {
                        error.hint("`toString` makes one")
                    }
                    _ => error,
                })
            }
        }
    }

    fn deeper(&mut self, value: &Value, coercion: Coercion) -> Res<Text> {
        self.budget.enter()?;
        let result = self.coerce(value, coercion);
        self.budget.leave();
        result
    }

    /// Elements joined by blanks; an empty list within leaves no blank after it.
    fn coerce_list(&mut self, cells: &[CellId]) -> Res<Text> {
        let mut bytes: Vec<u8> = Vec::new();
        for (index, cell) in cells.iter().enumerate() {
            self.budget.step()?;
            let value = self.force(*cell)?;
            let text = self.deeper(&value, Coercion::Loose)?;
            self.budget.bytes(text.len())?;
            bytes.extend_from_slice(&text);
            let empty = matches!(&value, Value::List(inner) if inner.is_empty());
            if index + 1 < cells.len() && !empty {
                bytes.push(b' ');
            }
        }
        Ok(bytes.into())
    }
}
