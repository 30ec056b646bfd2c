//! Attributes: taking them, asking for them, and what to say of one that is missing.

use super::ast::{ExprId, Key};
use super::error::{NixError, NixErrorKind, Res};
use super::eval::{Evaluator, Step};
use super::heap::{Cell, EnvId};
use super::similar::nearest;
use super::text::Text;
use super::value::{Absence, Attr, Attrs, Reason, Value};
use crate::layout::syntax::source::Span;

impl Evaluator<'_> {
    /// `target.path` or `target.path or default`
    pub(super) fn step_select(
        &mut self,
        target: ExprId,
        path: &[Key],
        default: Option<ExprId>,
        env: EnvId,
    ) -> Res<Step> {
        let mut value = self.eval(target, env)?;
        for (index, key) in path.iter().enumerate() {
            let name = self.key_name(key, env)?;
            let attrs = match (&value, default) {
                (Value::Attrs(attrs), _) => attrs.clone(),
                (_, Some(default)) => return Ok(Step::Next(default, env)),
                (other, None) => {
                    return Err(NixError::eval(format!(
                        "cannot take `{name}` of {}: it is not a set",
                        other.describe()
                    )));
                }
            };
            match (attrs.get(&name), default) {
                (Some(attr), _) => {
                    value = self.force_named(attr.value).map_err(|error| {
                        error.through(attr.span, || format!("while evaluating attribute `{name}`"))
                    })?;
                }
                (None, Some(default)) => return Ok(Step::Next(default, env)),
                (None, None) => {
                    let error = self.missing(&attrs, &name);
                    return Err(if index == 0 { self.define_hint(error, target) } else { error });
                }
            }
        }
        Ok(Step::Done(value))
    }

    /// Adds where the set that lacks an attribute was written, when that is another place.
    fn define_hint(&self, error: Box<NixError>, target: ExprId) -> Box<NixError> {
        error.at(self.code.span(target))
    }

    /// `target ? path`
    pub(super) fn has(&mut self, target: ExprId, path: &[Key], env: EnvId) -> Res<Value> {
        let mut value = self.eval(target, env)?;
        let last = path.len().saturating_sub(1);
        for (index, key) in path.iter().enumerate() {
            let Value::Attrs(attrs) = &value else { return Ok(Value::Bool(false)) };
            let name = self.key_name(key, env)?;
            let Some(attr) = attrs.get(&name) else { return Ok(Value::Bool(false)) };
            if index < last {
                value = self.force(attr.value)?;
            }
        }
        Ok(Value::Bool(true))
    }

    /// The error of a name that a set does not have.
    pub(super) fn missing(&self, attrs: &Attrs, name: &Text) -> Box<NixError> {
        match attrs.absence() {
            Absence::Elsewhere { path, reason: Reason::NeedsNix } => NixError::needs_nix(format!(
                "`{path}.{name}` needs a real Nix: landfall has no packages and no flake inputs"
            )),
            Absence::Elsewhere { path, reason: Reason::Library } => {
                let error = NixError::needs_nix(format!(
                    "`{path}.{name}` is not among the library functions that landfall has"
                ));
                self.suggest(error, attrs, name)
            }
            Absence::Elsewhere { path, reason: Reason::Option } => {
                let error = NixError::new(
                    NixErrorKind::Evaluation,
                    format!("`{path}.{name}` is used, but no module of the layout defines it"),
                );
                self.suggest(error, attrs, name)
                    .hint("NixOS's own options have values only in a real Nix: set it in the layout, or use `--nix`")
            }
            Absence::Elsewhere { path, reason: Reason::Default } => {
                let error =
                    NixError::eval(format!("`{path}.{name}` is used, but the layout does not set it"));
                self.suggest(error, attrs, name).hint(
                    "disko's own defaults are filled in when the layout is complete: write the value out",
                )
            }
            Absence::Plain => {
                let error = NixError::eval(format!("attribute `{name}` is missing"));
                self.suggest(error, attrs, name)
            }
        }
    }

    /// Hints at the attribute that may be meant.
    fn suggest(&self, error: Box<NixError>, attrs: &Attrs, name: &Text) -> Box<NixError> {
        let names = attrs.entries().iter().filter_map(|attr| attr.name.as_str());
        match name.as_str().and_then(|name| nearest(name, names)) {
            Some(similar) => error.hint(format!("did you mean `{similar}`?")),
            None => error,
        }
    }

    /// `__curPos` and `builtins.unsafeGetAttrPos`: `{ file, line, column }`.
    pub(super) fn position(&mut self, span: Span) -> Res<Value> {
        let place = self.sources.place(span);
        let number = |value: usize| Value::Int(i64::try_from(value).unwrap_or(i64::MAX));
        let fields = [
            ("file", Value::text(&*place.file)),
            ("line", number(place.line)),
            ("column", number(place.column)),
        ];
        let mut entries = Vec::with_capacity(fields.len());
        for (name, value) in fields {
            entries.push(Attr { name: name.into(), value: self.heap.add(Cell::Value(value), span)?, span });
        }
        Ok(Value::attrs(entries))
    }
}
