//! Calling functions: of the program, of ours, and sets that behave as one.

use std::rc::Rc;

use super::ast::{Formal, Parameter};
use super::error::{NixError, NixErrorKind, Res};
use super::eval::Evaluator;
use super::heap::{Cell, CellId, EnvId};
use super::similar::nearest;
use super::value::{Attrs, Closure, Partial, Value};
use crate::layout::syntax::source::Span;

impl Evaluator<'_> {
    /// Calls a function with arguments, one after the other.
    pub(super) fn call(&mut self, function: Value, arguments: &[CellId], span: Span) -> Res<Value> {
        self.budget.enter()?;
        let mut value = Ok(function);
        for argument in arguments {
            value = value.and_then(|function| self.call_one(function, *argument, span));
        }
        self.budget.leave();
        value
    }

    /// Calls a function that is in a cell.
    pub(super) fn call_cell(&mut self, function: CellId, arguments: &[CellId]) -> Res<Value> {
        let span = self.heap.span(function);
        let function = self.force(function)?;
        self.call(function, arguments, span)
    }

    fn call_one(&mut self, function: Value, argument: CellId, span: Span) -> Res<Value> {
        match function {
            Value::Closure(closure) => {
                let env = self.enter_closure(&closure, argument, span)?;
                self.eval(closure.lambda.body, env)
            }
            Value::Builtin(partial) => self.call_builtin(&partial, argument, span),
            Value::Attrs(attrs) => match attrs.get(b"__functor") {
                Some(functor) => {
                    let itself = self.heap.add(Cell::Value(Value::Attrs(attrs.clone())), span)?;
                    let functor = self.force(functor.value)?;
                    self.call(functor, &[itself, argument], span)
                }
                None => Err(not_a_function(&Value::Attrs(attrs)).at(span)),
            },
            other => Err(not_a_function(&other).at(span)),
        }
    }

    fn call_builtin(&mut self, partial: &Partial, argument: CellId, span: Span) -> Res<Value> {
        let mut arguments = partial.arguments.clone();
        arguments.push(argument);
        if arguments.len() < partial.builtin.arity {
            return Ok(Value::Builtin(Rc::new(Partial { builtin: partial.builtin, arguments })));
        }
        self.budget.step()?;
        (partial.builtin.run)(self, &arguments).map_err(|error| {
            let name = partial.builtin.name;
            // An error of the builtin itself has no place yet: it is the call's.
            let error = error.at(span);
            if self.is_internal(span) {
                error
            } else {
                error.through(span, || format!("while calling `{name}`"))
            }
        })
    }

    /// Makes the scope of a function's body.
    pub(super) fn enter_closure(&mut self, closure: &Closure, argument: CellId, span: Span) -> Res<EnvId> {
        match &closure.lambda.parameter {
            Parameter::Whole => {
                let env = self.heap.slots(1, self.null, closure.env)?;
                self.heap.set_slot(env, 0, argument);
                Ok(env)
            }
            Parameter::Pattern { formals, open, bound } => {
                let value = self.force(argument)?;
                let Value::Attrs(attrs) = value else {
                    let message = format!("the function takes a set, found {}", value.describe());
                    return Err(NixError::eval(message).at(span).other(closure.lambda.span, "the function"));
                };
                if !open {
                    refuse_unexpected(&attrs, formals, closure, span)?;
                }
                let env = self.heap.slots(formals.len() + usize::from(*bound), self.null, closure.env)?;
                for (slot, formal) in formals.iter().enumerate() {
                    let cell = match (attrs.get(&formal.name), formal.default) {
                        (Some(attr), _) => attr.value,
                        (None, Some(default)) => {
                            self.heap.add(Cell::Delayed(default, env), self.code.span(default))?
                        }
                        (None, None) => return Err(self.missing_argument(&attrs, formal, closure, span)),
                    };
                    self.heap.set_slot(env, slot, cell);
                }
                if *bound {
                    self.heap.set_slot(env, formals.len(), argument);
                }
                Ok(env)
            }
        }
    }

    fn missing_argument(
        &self,
        attrs: &Attrs,
        formal: &Formal,
        closure: &Closure,
        span: Span,
    ) -> Box<NixError> {
        let name = match &closure.lambda.name {
            Some(name) => format!("`{name}`"),
            None => "the function".to_owned(),
        };
        let error = NixError::new(
            NixErrorKind::Evaluation,
            format!("{name} is called without its required argument `{}`", formal.name),
        )
        .at(span)
        .other(formal.span, "required here");
        let given = attrs.entries().iter().filter_map(|attr| attr.name.as_str());
        match formal.name.as_str().and_then(|wanted| nearest(wanted, given)) {
            Some(similar) => error.hint(format!("`{similar}` is given: is that a slip of the pen?")),
            None => error,
        }
    }
}

/// Refuses arguments that a closed pattern does not name.
fn refuse_unexpected(attrs: &Attrs, formals: &[Formal], closure: &Closure, span: Span) -> Res<()> {
    let known = |name: &[u8]| formals.binary_search_by(|formal| (*formal.name).cmp(name)).is_ok();
    let Some(attr) = attrs.entries().iter().find(|attr| !known(&attr.name)) else { return Ok(()) };
    let error = NixError::eval(format!("the function takes no argument `{}`", attr.name))
        .at(span)
        .other(closure.lambda.span, "the function");
    let names = formals.iter().filter_map(|formal| formal.name.as_str());
    Err(match attr.name.as_str().and_then(|name| nearest(name, names)) {
        Some(similar) => error.hint(format!("did you mean `{similar}`?")),
        None => error.hint("`...` in the function's pattern accepts further arguments"),
    })
}

/// The error of calling something else.
fn not_a_function(value: &Value) -> Box<NixError> {
    NixError::eval(format!("cannot call {}: it is not a function", value.describe()))
}
