//! Strings.

use super::{Builtin, builtin};
use crate::layout::nix::coerce::Coercion;
use crate::layout::nix::error::{NixError, Res};
use crate::layout::nix::eval::Evaluator;
use crate::layout::nix::heap::CellId;
use crate::layout::nix::path;
use crate::layout::nix::text::Text;
use crate::layout::nix::value::Value;

/// The functions of this theme.
pub(super) const TABLE: &[Builtin] = &[
    builtin("toString", 1, to_string),
    builtin("stringLength", 1, string_length),
    builtin("substring", 3, substring),
    builtin("concatStringsSep", 2, concat_strings_sep),
    builtin("replaceStrings", 3, replace_strings),
    builtin("baseNameOf", 1, base_name_of),
    builtin("dirOf", 1, dir_of),
    builtin("toPath", 1, to_path),
];

impl Evaluator<'_> {
    /// A cell's value as text, as far as interpolation would go.
    pub(super) fn text(&mut self, cell: CellId) -> Res<Text> {
        let value = self.force(cell)?;
        self.coerce(&value, Coercion::Strict)
    }
}

fn to_string(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let value = eval.force(arguments[0])?;
    eval.coerce(&value, Coercion::Loose).map(Value::String)
}

fn string_length(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let text = eval.text(arguments[0])?;
    Ok(Value::Int(i64::try_from(text.len()).unwrap_or(i64::MAX)))
}

fn substring(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (start, length) = (eval.int(arguments[0])?, eval.int(arguments[1])?);
    let Ok(start) = usize::try_from(start) else {
        return Err(NixError::eval(format!("a substring cannot start at {start}")));
    };
    let text = eval.text(arguments[2])?;
    let rest = text.get(start..).unwrap_or_default();
    // A negative length means "all the rest".
    let length = usize::try_from(length).unwrap_or(rest.len()).min(rest.len());
    eval.new_text(rest[..length].to_vec())
}

fn concat_strings_sep(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let separator = eval.string_of(arguments[0])?;
    let list = eval.list(arguments[1])?;
    let mut bytes: Vec<u8> = Vec::new();
    for (index, cell) in list.iter().enumerate() {
        let text = eval.text(*cell).map_err(|error| error.at(eval.heap.span(*cell)))?;
        eval.budget.bytes(text.len().saturating_add(separator.len()))?;
        if index > 0 {
            bytes.extend_from_slice(&separator);
        }
        bytes.extend_from_slice(&text);
    }
    Ok(Value::text(bytes))
}

fn replace_strings(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let (from, to) = (eval.list(arguments[0])?, eval.list(arguments[1])?);
    if from.len() != to.len() {
        let message = format!("{} texts are to be replaced by {}", from.len(), to.len());
        return Err(NixError::eval(message));
    }
    let from = from.iter().map(|cell| eval.string_of(*cell)).collect::<Res<Vec<_>>>()?;
    let to = to.iter().map(|cell| eval.string_of(*cell)).collect::<Res<Vec<_>>>()?;
    let text = eval.string_of(arguments[2])?;
    let mut bytes = Vec::with_capacity(text.len());
    let mut at = 0;
    // The end counts as a place too: an empty text is found there as well.
    while at <= text.len() {
        eval.budget.steps(from.len())?;
        let rest = text.get(at..).unwrap_or_default();
        let found = from.iter().zip(&to).find(|(from, _)| rest.starts_with(from));
        let advance = match found {
            Some((from, to)) => {
                eval.budget.bytes(to.len())?;
                bytes.extend_from_slice(to);
                from.len()
            }
            None => 0,
        };
        if advance == 0 {
            bytes.extend(rest.first());
            at += 1;
        } else {
            at += advance;
        }
    }
    eval.new_text(bytes)
}

fn base_name_of(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let text = eval.text(arguments[0])?;
    Ok(Value::text(path::base_name(&text)))
}

fn dir_of(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    match eval.force(arguments[0])? {
        Value::Path(text) => Ok(Value::Path(path::folder(&text).into())),
        other => {
            let text = eval.coerce(&other, Coercion::Strict)?;
            Ok(Value::text(path::folder(&text)))
        }
    }
}

fn to_path(eval: &mut Evaluator<'_>, arguments: &[CellId]) -> Res<Value> {
    let text = eval.text(arguments[0])?;
    if text.first() != Some(&b'/') {
        return Err(NixError::eval(format!("`{text}` is not an absolute path")));
    }
    Ok(Value::String(path::normal(&text)))
}
