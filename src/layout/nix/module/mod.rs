//! NixOS modules: files that define parts of one `config`, and may read all of it.
//!
//! A layout is the case of one module that reads nothing, so every layout goes this way. [`collect`] finds the modules and
//! calls those that are functions; [`definition`] takes the marks (`mkIf`, `mkForce` …) off what they define; [`merge`] joins
//! it; [`option`] does so for options that the layout itself declares, by their types.
//!
//! NixOS knows every option, landfall only disko's and the layout's own. So two rules stand in for the missing declarations.
//! Under `disko.devices` sets are options themselves: a definition of higher priority replaces the whole set, and what `mkIf`
//! leaves out is not there. Their parts are joined when they are asked for, so that one may read another. Elsewhere sets are mere paths to options: marks are pushed down to what they hold, and nothing is
//! computed before it is asked for, so that a module full of NixOS options costs and breaks nothing.

mod arguments;
mod collect;
mod definition;
mod merge;
mod option;
mod types;

use std::rc::Rc;

use super::error::{NixError, NixErrorKind, Res};
use super::eval::Evaluator;
use super::heap::{Cell, CellId};
use super::text::Text;
use super::value::Value;
use crate::layout::syntax::source::Span;
use crate::layout::syntax::value::DEEPEST;
use definition::Definition;
use option::OptionTree;

pub(super) use arguments::Given;

/// Delayed work of the module system.
#[derive(Debug)]
pub(super) enum Task {
    /// The whole `config` of a system.
    Config(SystemId),
    /// The value at a path, from its definitions.
    Merge(Merge),
    /// The value of a module's argument.
    Argument {
        /// The system.
        system: SystemId,
        /// The argument's name.
        name: Text,
        /// Its default, if it has one.
        default: Option<CellId>,
        /// Where the module names it.
        span: Span,
    },
}

/// Definitions to be joined.
#[derive(Debug)]
pub(super) struct Merge {
    system: SystemId,
    path: Vec<Text>,
    definitions: Vec<Definition>,
    /// For a part of the devices, where its name stands: errors say which part was being evaluated.
    named: Option<Span>,
}

/// A set of modules that are evaluated together: the layout, or one value of an option whose type is a submodule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SystemId(usize);

/// What undeclared options mean in a system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undeclared {
    /// NixOS may know them: the layout.
    Open,
    /// They are mistakes: a submodule.
    Refused,
    /// They are data: a submodule with a free form.
    Data,
}

/// A system: what its modules define, once they are collected.
#[derive(Debug)]
pub(super) struct System {
    /// The path of the option that the system is the value of.
    prefix: Vec<Text>,
    /// The value of `config`.
    config: CellId,
    /// Arguments that take precedence over all others.
    special: Vec<Given>,
    undeclared: Undeclared,
    /// `None` while modules are still being collected.
    collected: Option<Rc<Collected>>,
}

/// The result of collecting.
#[derive(Debug)]
pub(super) struct Collected {
    /// In the order in which their definitions are joined.
    definitions: Vec<Definition>,
    options: OptionTree,
    /// Whether a module has a `freeformType`.
    has_free_form: bool,
}

impl Evaluator<'_> {
    /// Makes a system of modules and gives the cell of its `config`.
    pub(super) fn module_system(
        &mut self,
        modules: Vec<CellId>,
        prefix: Vec<Text>,
        special: Vec<Given>,
        undeclared: Undeclared,
    ) -> Res<CellId> {
        refuse_depth(&prefix)?;
        let id = SystemId(self.systems.len());
        let config = self.heap.add(Cell::Module(Rc::new(Task::Config(id))), self.nowhere)?;
        self.systems.push(System { prefix, config, special, undeclared, collected: None });
        let collected = self.collect(id, modules)?;
        if let Some(system) = self.systems.get_mut(id.0) {
            if undeclared == Undeclared::Refused && collected.has_free_form {
                system.undeclared = Undeclared::Data;
            }
            system.collected = Some(Rc::new(collected));
        }
        Ok(config)
    }

    /// A system that was made.
    fn system(&self, id: SystemId) -> &System {
        &self.systems[id.0]
    }

    /// Does delayed work.
    pub(super) fn module_task(&mut self, task: &Task) -> Res<Value> {
        self.budget.enter()?;
        let result = match task {
            Task::Config(system) => self.config(*system),
            Task::Merge(merge) => self.merge(merge),
            Task::Argument { system, name, default, span } => self.argument(*system, name, *default, *span),
        };
        self.budget.leave();
        result
    }

    fn config(&mut self, id: SystemId) -> Res<Value> {
        let Some(collected) = self.system(id).collected.clone() else {
            return Err(NixError::new(
                NixErrorKind::Recursion,
                "infinite recursion: which modules there are depends on `config`",
            )
            .hint("`imports`, and the names that a module defines, must not use `config`"));
        };
        self.merge(&Merge {
            system: id,
            path: Vec::new(),
            definitions: collected.definitions.clone(),
            named: None,
        })
    }
}

/// Refuses paths of values that hold themselves.
fn refuse_depth(path: &[Text]) -> Res<()> {
    if path.len() < DEEPEST {
        return Ok(());
    }
    Err(NixError::new(NixErrorKind::Limit, format!("`{}` nests deeper than {DEEPEST} levels", show(path))))
}

/// A path as people write it; names that are no words stand in quotes. A very long one is cut.
fn show(path: &[Text]) -> String {
    const MOST: usize = 16;
    let plain = |name: &Text| {
        name.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_')
            && name.iter().all(|byte| byte.is_ascii_alphanumeric() || b"_-'".contains(byte))
    };
    let mut text = String::new();
    for name in path.iter().take(MOST) {
        if name.first() == Some(&b'[') {
            // An element of a list.
            text.push_str(&name.to_string());
            continue;
        }
        if !text.is_empty() {
            text.push('.');
        }
        text.push_str(&if plain(name) { name.to_string() } else { format!("\"{name}\"") });
    }
    if path.len() > MOST {
        text.push('…');
    }
    text
}
