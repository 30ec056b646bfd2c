//! What module functions are called with.

use std::rc::Rc;

use super::super::ast::Parameter;
use super::super::error::{NixError, NixErrorKind, Res};
use super::super::eval::Evaluator;
use super::super::files::NIXPKGS;
use super::super::heap::{Cell, CellId};
use super::super::text::Text;
use super::super::value::{Absence, Attr, Attrs, Closure, Reason, Value};
use super::{SystemId, Task};
use crate::layout::syntax::source::Span;

/// An argument that was given: by the user, or by the type of a submodule.
#[derive(Clone, Debug)]
pub(in crate::layout::nix) struct Given {
    /// Its name.
    pub(in crate::layout::nix) name: Text,
    /// Its value.
    pub(in crate::layout::nix) value: CellId,
}

/// The arguments that every module has, besides those that were given.
const USUAL: [&str; 5] = ["config", "lib", "modulesPath", "options", "pkgs"];

impl Evaluator<'_> {
    /// Calls a module that is a function, and again if that gives another function.
    pub(super) fn call_module(&mut self, system: SystemId, value: Value, span: Span) -> Res<Value> {
        // `{ disko, ... }: { lib, ... }: { … }` occurs; more levels than these do not.
        const MOST_LEVELS: usize = 8;
        let mut value = value;
        for _ in 0..MOST_LEVELS {
            value = match value {
                Value::Closure(closure) => {
                    let arguments = self.module_arguments(system, &closure, span)?;
                    self.call(Value::Closure(closure), &[arguments], span)?
                }
                Value::Attrs(attrs) if attrs.get(b"__functor").is_some() => {
                    let arguments = self.usual_arguments(system, span)?;
                    self.call(Value::Attrs(attrs), &[arguments], span)?
                }
                other => return Ok(other),
            };
        }
        Err(NixError::eval("the layout is a function that gives functions without end").at(span))
    }

    /// The set that a module function is called with: each name it asks for, found only when it is used.
    fn module_arguments(&mut self, system: SystemId, closure: &Closure, span: Span) -> Res<CellId> {
        let Parameter::Pattern { formals, open, .. } = &closure.lambda.parameter else {
            return self.usual_arguments(system, span);
        };
        // `{ lib, ... }@arguments:` may look for the usual ones in the whole.
        let mut entries = if *open { self.usual_entries(system, span)? } else { Vec::new() };
        entries.retain(|usual| formals.binary_search_by(|formal| formal.name.cmp(&usual.name)).is_err());
        for formal in formals {
            // The default belongs to the function's own scope, which exists only when it is called: a second scope with the
            // same arguments serves for it.
            let task = Task::Argument { system, name: formal.name.clone(), default: None, span: formal.span };
            let value = self.heap.add(Cell::Module(Rc::new(task)), formal.span)?;
            entries.push(Attr { name: formal.name.clone(), value, span: formal.span });
        }
        let set = self.new_attrs(entries)?;
        let set = self.heap.add(Cell::Value(set), span)?;
        if formals.iter().any(|formal| formal.default.is_some()) {
            self.add_defaults(closure, set, span)?;
        }
        Ok(set)
    }

    /// Gives the arguments in `set` that have defaults those defaults.
    fn add_defaults(&mut self, closure: &Closure, set: CellId, span: Span) -> Res<()> {
        let Parameter::Pattern { formals, .. } = &closure.lambda.parameter else { return Ok(()) };
        let scope = self.enter_closure(closure, set, span)?;
        let attrs = self.attrs(set)?;
        for formal in formals {
            let (Some(default), Some(attr)) = (formal.default, attrs.get(&formal.name)) else { continue };
            let default = self.heap.add(Cell::Delayed(default, scope), self.code.span(default))?;
            if let Cell::Module(task) = self.heap.get(attr.value)
                && let Task::Argument { system, name, span, .. } = &**task
            {
                let task = Task::Argument {
                    system: *system,
                    name: name.clone(),
                    default: Some(default),
                    span: *span,
                };
                self.heap.replace(attr.value, Cell::Module(Rc::new(task)));
            }
        }
        Ok(())
    }

    /// The set for a function that takes its argument whole: what is usual and what was given.
    fn usual_arguments(&mut self, system: SystemId, span: Span) -> Res<CellId> {
        let entries = self.usual_entries(system, span)?;
        self.heap.add(Cell::Value(Value::attrs(entries)), span)
    }

    fn usual_entries(&mut self, system: SystemId, span: Span) -> Res<Vec<Attr>> {
        let mut names: Vec<Text> = USUAL.iter().map(|name| Text::from(*name)).collect();
        names.extend(self.system(system).special.iter().map(|given| given.name.clone()));
        let mut entries = Vec::with_capacity(names.len());
        for name in names {
            let task = Task::Argument { system, name: name.clone(), default: None, span };
            let value = self.heap.add(Cell::Module(Rc::new(task)), span)?;
            entries.push(Attr { name, value, span });
        }
        Ok(entries)
    }

    /// The value of an argument: given, usual, set by a module, stood in for, or its default.
    pub(super) fn argument(
        &mut self,
        id: SystemId,
        name: &Text,
        default: Option<CellId>,
        span: Span,
    ) -> Res<Value> {
        let system = self.system(id);
        let config = system.config;
        if let Some(given) = system.special.iter().find(|given| given.name == *name) {
            let value = given.value;
            return self.force(value);
        }
        match &**name {
            b"config" => return self.force(config),
            b"lib" => {
                let library = self.library()?;
                return self.force(library);
            }
            b"modulesPath" => return Ok(Value::Path([NIXPKGS, b"/nixos/modules"].concat().into())),
            b"options" => {
                let absence = Absence::Elsewhere { path: "options".into(), reason: Reason::NeedsNix };
                return Ok(Value::Attrs(Rc::new(Attrs::new(Vec::new()).with_absence(absence))));
            }
            _ => {}
        }
        // While modules are being collected there is no `config` to look in.
        if self.system(id).collected.is_some()
            && let Some(cell) = self.set_by_module(config, name)?
        {
            return self.force(cell);
        }
        if let Some(default) = default {
            return self.force(default);
        }
        let stand_in = match &**name {
            b"nixpkgs" | b"pkgs" => self.packages(&name.to_string())?,
            b"inputs" => self.flake_inputs("inputs")?,
            b"disko" => self.disko_flake("disko")?,
            b"flake" | b"outputs" | b"self" => self.flake(&name.to_string())?,
            _ => return Err(not_given(name, span)),
        };
        self.force(stand_in)
    }

    /// `config._module.args.NAME`, if a module defines it.
    fn set_by_module(&mut self, config: CellId, name: &Text) -> Res<Option<CellId>> {
        let mut set = self.attrs(config)?;
        for step in [&b"_module"[..], b"args"] {
            let Some(attr) = set.get(step) else { return Ok(None) };
            set = self.attrs(attr.value)?;
        }
        Ok(set.get(name).map(|attr| attr.value))
    }
}

/// The error of an argument that nobody gives.
fn not_given(name: &Text, span: Span) -> Box<NixError> {
    NixError::new(NixErrorKind::Argument, format!("the layout's argument `{name}` is not given"))
        .at(span)
        .hint(format!("give it with `--argstr {name} TEXT` or `--arg {name} EXPRESSION`, or write a default: `{name} ? …`"))
}
