//! The evaluator: expressions to values, each no further than it is asked for.

use std::collections::BTreeMap;
use std::rc::Rc;

use super::ast::{Bindings, Code, Expr, ExprId, Key, Logic, Scoping, Source, Variable};
use super::error::{NixError, NixErrorKind, Res};
use super::files::Files;
use super::heap::{Cell, CellId, EnvId, Frame, Heap};
use super::limits::Budget;
use super::lower::Globals;
use super::module::System;
use super::text::Text;
use super::value::{Attr, Attrs, Closure, Value};
use crate::layout::diagnostic::Diagnostic;
use crate::layout::syntax::source::{SourceId, SourceMap, Span};

/// All state of one evaluation.
#[derive(Debug)]
pub(super) struct Evaluator<'s> {
    pub(super) code: Code,
    pub(super) heap: Heap,
    pub(super) budget: Budget,
    pub(super) sources: &'s mut SourceMap,
    pub(super) files: Files,
    /// The names of the outermost scope and their cells.
    pub(super) globals: Globals,
    pub(super) global_cells: Vec<CellId>,
    /// The outermost frame, which is empty.
    pub(super) root: EnvId,
    /// `null`; fills slots until they are set.
    pub(super) null: CellId,
    /// `lib`, once it was asked for.
    pub(super) library: Option<CellId>,
    /// Stands for values that no text wrote.
    pub(super) nowhere: Span,
    /// Texts of ours: places in them mean nothing to the user.
    pub(super) internal: Vec<SourceId>,
    /// The text of the user's that gave the last value.
    pub(super) origin: Option<Span>,
    /// The systems of modules made so far.
    pub(super) systems: Vec<System>,
    /// Whether the layout is a devices set itself, without `disko.devices` around it.
    pub(super) bare: bool,
    /// What was passed over on the way.
    pub(super) findings: Vec<Diagnostic>,
}

/// What an expression leaves to do: a value, or another expression in its place.
pub(super) enum Step {
    Done(Value),
    Next(ExprId, EnvId),
}

impl Evaluator<'_> {
    /// The value of a cell, computing it if that was not done yet.
    pub(super) fn force(&mut self, id: CellId) -> Res<Value> {
        if let Cell::Value(value) = self.heap.get(id) {
            return Ok(value.clone());
        }
        let state = self.heap.replace(id, Cell::Busy);
        self.origin = None;
        let result = match &state {
            Cell::Value(value) => Ok(value.clone()),
            Cell::Delayed(expr, env) => self.eval(*expr, *env),
            Cell::Call(function, argument) => self.call_delayed(*function, &[*argument], id),
            Cell::Call2(function, first, second) => self.call_delayed(*function, &[*first, *second], id),
            Cell::Select(set, name) => self.select_delayed(*set, name, id),
            Cell::Module(task) => self.module_task(&Rc::clone(task)),
            Cell::Busy => {
                Err(NixError::new(NixErrorKind::Recursion, "infinite recursion: the value needs itself")
                    .at(self.heap.span(id)))
            }
        };
        match result {
            Ok(value) => {
                // What `map` or `lib` computed comes from the text of the function that it called.
                if let Some(origin) = self.origin.take()
                    && (matches!(state, Cell::Call(..) | Cell::Call2(..))
                        || self.is_internal(self.heap.span(id)))
                {
                    self.heap.set_span(id, origin);
                }
                self.heap.replace(id, Cell::Value(value.clone()));
                Ok(value)
            }
            Err(error) => {
                // A later attempt (after `tryEval`) must meet the same error, not a false recursion.
                self.heap.replace(id, state);
                Err(error)
            }
        }
    }

    /// The value of a cell that a name stands for: the value comes from where the cell does.
    pub(super) fn force_named(&mut self, cell: CellId) -> Res<Value> {
        let value = self.force(cell)?;
        let span = self.heap.span(cell);
        self.origin = (!self.is_internal(span)).then_some(span);
        Ok(value)
    }

    fn call_delayed(&mut self, function: CellId, arguments: &[CellId], of: CellId) -> Res<Value> {
        self.budget.enter()?;
        let span = self.heap.span(of);
        let result = self.force(function).and_then(|function| self.call(function, arguments, span));
        self.budget.leave();
        result
    }

    fn select_delayed(&mut self, set: CellId, name: &Text, of: CellId) -> Res<Value> {
        self.budget.enter()?;
        let span = self.heap.span(of);
        let result =
            self.attrs(set).map_err(|error| error.at(span)).and_then(|attrs| match attrs.get(name) {
                Some(attr) => self.force(attr.value),
                None => Err(self.missing(&attrs, name).at(span)),
            });
        self.budget.leave();
        result
    }

    /// The value of an expression.
    pub(super) fn eval(&mut self, expr: ExprId, env: EnvId) -> Res<Value> {
        self.budget.enter().map_err(|error| error.at(self.code.span(expr)))?;
        let result = self.run(expr, env);
        self.budget.leave();
        result
    }

    /// Evaluates; what stands last in an expression takes its place instead of nesting.
    fn run(&mut self, mut expr: ExprId, mut env: EnvId) -> Res<Value> {
        let mut called: Option<(Rc<Closure>, Span)> = None;
        // The last place of the user's: within `lib` there is nothing to be mended.
        let mut place = None;
        loop {
            let span = self.code.span(expr);
            if !self.is_internal(span) {
                place = Some(span);
            }
            let step = self.budget.step().and_then(|()| {
                let node = self.code.expr(expr);
                let Expr::Apply(function, argument) = &*node else { return self.step(&node, expr, env) };
                let function = self.eval(*function, env)?;
                let argument = self.delay(*argument, env)?;
                let Value::Closure(closure) = function else {
                    return self.call(function, &[argument], span).map(Step::Done);
                };
                let inner = self.enter_closure(&closure, argument, span)?;
                let body = closure.lambda.body;
                if called.is_none() || !self.is_internal(span) {
                    called = Some((closure, span));
                }
                Ok(Step::Next(body, inner))
            });
            match step {
                Ok(Step::Next(next, inner)) => (expr, env) = (next, inner),
                Ok(Step::Done(value)) => {
                    // Within `lib` only a name leads to a text of the user's.
                    match &*self.code.expr(expr) {
                        _ if place.is_some() => self.origin = place,
                        Expr::Variable(_) | Expr::Select { .. } => {}
                        _ => self.origin = None,
                    }
                    return Ok(value);
                }
                Err(error) => return Err(self.explain(error, place.unwrap_or(span), called)),
            }
        }
    }

    /// Gives an error the place where it came up and the call that led there.
    fn explain(
        &self,
        error: Box<NixError>,
        place: Span,
        called: Option<(Rc<Closure>, Span)>,
    ) -> Box<NixError> {
        let error = if self.is_internal(place) {
            error.at(place)
        } else {
            let name = called.as_ref().and_then(|(closure, _)| closure.lambda.name.as_ref());
            error.moved(place, name, |span| self.is_internal(span))
        };
        match called {
            Some((closure, at)) if !self.is_internal(at) => error.through(at, || calling(&closure)),
            _ => error,
        }
    }

    /// One step of an expression other than a call.
    fn step(&mut self, node: &Expr, id: ExprId, env: EnvId) -> Res<Step> {
        Ok(Step::Done(match node {
            Expr::If(condition, then, otherwise) => {
                let chosen = if self.eval_bool(*condition, env)? { then } else { otherwise };
                return Ok(Step::Next(*chosen, env));
            }
            Expr::Let(bindings, body) => {
                let inner = self.bind_recursive(bindings, env, id)?.0;
                return Ok(Step::Next(*body, inner));
            }
            Expr::With(set, body) => {
                let set = self.delay(*set, env)?;
                return Ok(Step::Next(*body, self.heap.frame(Frame::With(set), Some(env))?));
            }
            Expr::Assert(condition, body) => {
                if !self.eval_bool(*condition, env)? {
                    let text = self.sources.slice(self.code.span(*condition));
                    let message = format!("assertion `{}` failed", excerpt(text));
                    return Err(NixError::new(NixErrorKind::Assertion, message));
                }
                return Ok(Step::Next(*body, env));
            }
            Expr::Select { target, path, default } => return self.step_select(*target, path, *default, env),
            Expr::Logic(logic, left, right) => {
                let left = self.eval_bool(*left, env)?;
                match (logic, left) {
                    (Logic::And, false) => Value::Bool(false),
                    (Logic::Or, true) | (Logic::Implies, false) => Value::Bool(true),
                    _ => Value::Bool(self.eval_bool(*right, env)?),
                }
            }
            _ => return self.simple(node, id, env).map(Step::Done),
        }))
    }

    /// The value of an expression that does not end in another.
    fn simple(&mut self, node: &Expr, id: ExprId, env: EnvId) -> Res<Value> {
        match node {
            Expr::Int(number) => Ok(Value::Int(*number)),
            Expr::Float(number) => Ok(Value::Float(*number)),
            Expr::String(text) => Ok(Value::String(text.clone())),
            Expr::Path(path) => Ok(Value::Path(path.clone())),
            Expr::Search(name) => self.search_path(name),
            Expr::Home => Err(NixError::new(NixErrorKind::Purity, "`~` depends on who evaluates the layout")
                .hint("write a path relative to the file")),
            Expr::Variable(variable) => {
                let cell = self.variable(variable, env)?;
                self.force_named(cell)
            }
            Expr::Interpolation(pieces) => self.interpolate(pieces, env),
            Expr::PathInterpolation(pieces) => self.interpolate_path(pieces, env),
            Expr::List(items) => {
                self.budget.bytes(items.len().saturating_mul(4))?;
                let cells = items.iter().map(|item| self.delay(*item, env)).collect::<Res<Vec<_>>>()?;
                Ok(Value::list(cells))
            }
            Expr::Attrs(bindings) => self.eval_attrs(bindings, env, id),
            Expr::Has { target, path } => self.has(*target, path, env),
            Expr::Lambda(lambda) => Ok(Value::Closure(Rc::new(Closure { lambda: Rc::clone(lambda), env }))),
            Expr::Not(operand) => Ok(Value::Bool(!self.eval_bool(*operand, env)?)),
            Expr::Negate(operand) => {
                let value = self.eval(*operand, env)?;
                self.subtract(&Value::Int(0), &value)
            }
            Expr::Binary(operator, left, right) => self.binary(*operator, *left, *right, env),
            Expr::Position => self.position(self.code.span(id)),
            Expr::Apply(..)
            | Expr::If(..)
            | Expr::Let(..)
            | Expr::With(..)
            | Expr::Assert(..)
            | Expr::Select { .. }
            | Expr::Logic(..) => self.eval(id, env),
        }
    }

    /// A cell for an expression. What costs nothing is not delayed, and a name gives the cell it stands for.
    pub(super) fn delay(&mut self, id: ExprId, env: EnvId) -> Res<CellId> {
        let cell = match &*self.code.expr(id) {
            Expr::Variable(variable @ (Variable::Local { .. } | Variable::Global(_))) => {
                return self.variable(variable, env);
            }
            Expr::Int(number) => Cell::Value(Value::Int(*number)),
            Expr::Float(number) => Cell::Value(Value::Float(*number)),
            Expr::String(text) => Cell::Value(Value::String(text.clone())),
            Expr::Path(path) => Cell::Value(Value::Path(path.clone())),
            Expr::Lambda(lambda) => {
                Cell::Value(Value::Closure(Rc::new(Closure { lambda: Rc::clone(lambda), env })))
            }
            _ => Cell::Delayed(id, env),
        };
        self.heap.add(cell, self.code.span(id))
    }

    /// The cell that a name stands for.
    fn variable(&mut self, variable: &Variable, env: EnvId) -> Res<CellId> {
        match variable {
            Variable::Local { up, slot } => {
                self.heap.slot(env, *up, *slot).ok_or_else(|| NixError::eval("a name without a value"))
            }
            Variable::Global(index) => Ok(self.global_cells.get(*index).copied().unwrap_or(self.null)),
            Variable::With { up, name } => {
                let mut at = self.heap.out(env, *up);
                let mut last = None;
                while let Some((set, around)) = self.heap.nearest_with(at) {
                    let attrs = self.attrs(set)?;
                    if let Some(attr) = attrs.get(name) {
                        return Ok(attr.value);
                    }
                    last = Some(attrs);
                    at = around;
                }
                // With a set that is only partly here, the name may well be in the rest.
                match last {
                    Some(attrs) if !matches!(attrs.absence(), super::value::Absence::Plain) => {
                        Err(self.missing(&attrs, name))
                    }
                    _ => Err(NixError::eval(format!("undefined variable `{name}`"))),
                }
            }
        }
    }

    fn eval_attrs(&mut self, bindings: &Bindings, env: EnvId, id: ExprId) -> Res<Value> {
        self.budget.bytes(bindings.fixed.len().saturating_mul(40))?;
        let (inner, cells) = match bindings.scoping {
            Scoping::Recursive => self.bind_recursive(bindings, env, id)?,
            Scoping::Plain => (env, self.bind(bindings, env, env)?),
        };
        let fixed = bindings.fixed.iter().zip(cells);
        let fixed =
            fixed.map(|(binding, value)| Attr { name: binding.name.clone(), value, span: binding.span });
        if bindings.dynamic.is_empty() {
            return Ok(Value::Attrs(Rc::new(Attrs::from_sorted(fixed.collect()))));
        }
        let mut entries: BTreeMap<Text, Attr> = fixed.map(|attr| (attr.name.clone(), attr)).collect();
        for dynamic in &bindings.dynamic {
            let span = self.code.span(dynamic.key);
            let key = self.eval(dynamic.key, inner)?;
            if matches!(key, Value::Null) {
                continue;
            }
            let name = self.expect_string(&key).map_err(|error| error.at(span))?;
            if let Some(first) = entries.get(&name) {
                return Err(NixError::eval(format!("attribute `{name}` is already defined"))
                    .at(span)
                    .other(first.span, "first defined here"));
            }
            let value = self.delay(dynamic.value, inner)?;
            entries.insert(name.clone(), Attr { name, value, span });
        }
        self.new_attrs(entries.into_values().collect())
    }

    /// Makes the frame of a `rec` or `let`.
    fn bind_recursive(&mut self, bindings: &Bindings, env: EnvId, id: ExprId) -> Res<(EnvId, Vec<CellId>)> {
        let inner = self
            .heap
            .slots(bindings.fixed.len(), self.null, env)
            .map_err(|error| error.at(self.code.span(id)))?;
        let mut cells = Vec::with_capacity(bindings.fixed.len());
        // A name that stands for another name of the frame cannot share that one's cell: it may not exist yet.
        let from = self.delay_from(bindings, inner)?;
        for (slot, binding) in bindings.fixed.iter().enumerate() {
            let cell = match binding.source {
                Source::Inner(expr) => self.heap.add(Cell::Delayed(expr, inner), self.code.span(expr))?,
                Source::Outer(expr) => self.delay(expr, env)?,
                Source::From(index) => self.delay_selected(&from, index, binding)?,
            };
            self.heap.set_slot(inner, slot, cell);
            cells.push(cell);
        }
        Ok((inner, cells))
    }

    /// The cells of bindings that do not see each other.
    fn bind(&mut self, bindings: &Bindings, inner: EnvId, outer: EnvId) -> Res<Vec<CellId>> {
        let from = self.delay_from(bindings, inner)?;
        let mut cells = Vec::with_capacity(bindings.fixed.len());
        for binding in &bindings.fixed {
            cells.push(match binding.source {
                Source::Inner(expr) => self.delay(expr, inner)?,
                Source::Outer(expr) => self.delay(expr, outer)?,
                Source::From(index) => self.delay_selected(&from, index, binding)?,
            });
        }
        Ok(cells)
    }

    fn delay_from(&mut self, bindings: &Bindings, env: EnvId) -> Res<Vec<CellId>> {
        bindings
            .from
            .iter()
            .map(|expr| self.heap.add(Cell::Delayed(*expr, env), self.code.span(*expr)))
            .collect()
    }

    fn delay_selected(
        &mut self,
        from: &[CellId],
        index: usize,
        binding: &super::ast::Binding,
    ) -> Res<CellId> {
        let set = from.get(index).copied().unwrap_or(self.null);
        self.heap.add(Cell::Select(set, binding.name.clone()), binding.span)
    }

    /// Evaluates a condition.
    pub(super) fn eval_bool(&mut self, expr: ExprId, env: EnvId) -> Res<bool> {
        let value = self.eval(expr, env)?;
        self.expect_bool(&value).map_err(|error| error.at(self.code.span(expr)))
    }

    /// The name of one step of an attribute path.
    pub(super) fn key_name(&mut self, key: &Key, env: EnvId) -> Res<Text> {
        match key {
            Key::Static(name) => Ok(name.clone()),
            Key::Dynamic(expr) => {
                let value = self.eval(*expr, env)?;
                self.expect_string(&value).map_err(|error| error.at(self.code.span(*expr)))
            }
        }
    }
}

/// "while calling `f`"
fn calling(closure: &Closure) -> String {
    match &closure.lambda.name {
        Some(name) => format!("while calling `{name}`"),
        None => "while calling a function".to_owned(),
    }
}

/// A text of the program short enough for a message.
fn excerpt(text: &str) -> String {
    const LONGEST: usize = 60;
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    match words.char_indices().nth(LONGEST) {
        Some((end, _)) => format!("{}…", words.get(..end).unwrap_or_default()),
        None => words,
    }
}
