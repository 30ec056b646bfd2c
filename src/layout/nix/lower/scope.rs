//! Which names are visible where.

use rnix::ast;

use super::super::ast::Variable;
use super::super::error::{NixError, Res};
use super::super::text::Text;
use super::{Globals, Lowerer};

/// A frame as it will exist when the program runs.
#[derive(Debug)]
pub(super) enum Scope {
    /// Names in the order of their slots.
    Names(Vec<Text>),
    /// The set of a `with`, whose names are not known yet.
    With,
}

/// The frames around the expression being read, outermost first.
#[derive(Debug)]
pub(super) struct Scopes<'a> {
    globals: &'a Globals,
    scopes: Vec<Scope>,
}

impl<'a> Scopes<'a> {
    /// Only the outermost names.
    pub(super) fn new(globals: &'a Globals) -> Self {
        Self { globals, scopes: Vec::new() }
    }

    /// Enters a frame of names.
    pub(super) fn push_names(&mut self, names: Vec<Text>) {
        self.scopes.push(Scope::Names(names));
    }

    /// Enters a `with`.
    pub(super) fn push_with(&mut self) {
        self.scopes.push(Scope::With);
    }

    /// Leaves the innermost frame.
    pub(super) fn pop(&mut self) {
        self.scopes.pop();
    }

    /// Takes the innermost frame away for a while.
    pub(super) fn take(&mut self) -> Option<Scope> {
        self.scopes.pop()
    }

    /// Puts a frame from [`Scopes::take`] back.
    pub(super) fn give_back(&mut self, scope: Option<Scope>) {
        self.scopes.extend(scope);
    }

    /// Finds a name. A name of the text wins over the outermost names, and those over every `with`.
    fn find(&self, name: &Text) -> Option<Variable> {
        let mut with = None;
        for (scope, up) in self.scopes.iter().rev().zip(0_u32..) {
            match scope {
                Scope::Names(names) => {
                    if let Some((slot, _)) = (0_u32..).zip(names).find(|(_, candidate)| *candidate == name) {
                        return Some(Variable::Local { up, slot });
                    }
                }
                Scope::With => {
                    with.get_or_insert(up);
                }
            }
        }
        if let Some(global) = name.as_str().and_then(|name| self.globals.get(name)) {
            return Some(Variable::Global(*global));
        }
        with.map(|up| Variable::With { up, name: name.clone() })
    }

    /// The visible name most like `name`.
    fn similar(&self, name: &Text) -> Option<String> {
        let names = self.scopes.iter().flat_map(|scope| match scope {
            Scope::Names(names) => names.as_slice(),
            Scope::With => &[],
        });
        let globals = self.globals.keys().map(String::as_str).filter(|name| !name.starts_with("__"));
        let all = names.filter_map(Text::as_str).chain(globals);
        super::super::similar::nearest(name.as_str()?, all).map(str::to_owned)
    }
}

impl Lowerer<'_> {
    /// Resolves a name where it is used.
    pub(super) fn variable(&self, ident: &ast::Ident) -> Res<Variable> {
        self.lookup(&Text::from(ident.to_string()), self.span(ident))
    }

    /// Resolves a name.
    pub(super) fn lookup(&self, name: &Text, span: crate::layout::syntax::source::Span) -> Res<Variable> {
        self.scopes.find(name).ok_or_else(|| {
            let error = NixError::eval(format!("undefined variable `{name}`")).at(span);
            match (name.as_str(), self.scopes.similar(name)) {
                (_, Some(similar)) => error.hint(format!("did you mean `{similar}`?")),
                (Some("lib" | "pkgs" | "config" | "inputs"), None) => {
                    error.hint(format!("begin the file with `{{ {name}, ... }}:` to be given it"))
                }
                _ => error,
            }
        })
    }
}
