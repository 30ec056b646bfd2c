//! The functions of `builtins`, one file a theme.

mod attrs;
mod closure;
mod control;
mod files;
mod hash;
mod json;
mod lists;
mod numbers;
mod regex;
mod strings;
mod toml;
mod types;
mod unavailable;
mod version;

use std::rc::Rc;

use super::error::Res;
use super::eval::Evaluator;
use super::heap::{Cell, CellId};
use super::lower::Globals;
use super::value::{Attr, Attrs, Partial, Value};
use crate::layout::syntax::source::Span;

/// What a built-in function does with its arguments, of which there are as many as it takes.
type Run = fn(&mut Evaluator<'_>, &[CellId]) -> Res<Value>;

/// A function of ours.
pub(super) struct Builtin {
    /// Its name in `builtins`.
    pub(super) name: &'static str,
    /// How many arguments it takes.
    pub(super) arity: usize,
    /// What it does.
    pub(super) run: Run,
}

impl std::fmt::Debug for Builtin {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Builtin({})", self.name)
    }
}

/// Writes one entry of a theme's table.
const fn builtin(name: &'static str, arity: usize, run: Run) -> Builtin {
    Builtin { name, arity, run }
}

/// All themes' tables.
const TABLES: [&[Builtin]; 14] = [
    attrs::TABLE,
    closure::TABLE,
    control::TABLE,
    files::TABLE,
    hash::TABLE,
    json::TABLE,
    lists::TABLE,
    numbers::TABLE,
    regex::TABLE,
    strings::TABLE,
    toml::TABLE,
    types::TABLE,
    unavailable::TABLE,
    version::TABLE,
];

/// Names that stand in the outermost scope as they are; the others stand there with `__` before them.
const BARE: [&str; 23] = [
    "abort",
    "baseNameOf",
    "break",
    "builtins",
    "derivation",
    "derivationStrict",
    "dirOf",
    "false",
    "fetchGit",
    "fetchMercurial",
    "fetchTarball",
    "fetchTree",
    "fromTOML",
    "import",
    "isNull",
    "map",
    "null",
    "placeholder",
    "removeAttrs",
    "scopedImport",
    "throw",
    "toString",
    "true",
];

/// The version of Nix whose language this is; layouts compare it to know what they may use.
const NIX_VERSION: &str = "2.18.0";

/// The set `builtins` and the outermost scope.
pub(super) struct Outermost {
    /// Index of each name.
    pub(super) names: Globals,
    /// The values.
    pub(super) cells: Vec<CellId>,
}

/// The value of a builtin without arguments.
pub(super) fn function(builtin: &'static Builtin) -> Value {
    Value::Builtin(Rc::new(Partial { builtin, arguments: Vec::new() }))
}

/// Fills a fresh evaluation's heap with `builtins`.
pub(super) fn outermost(heap: &mut super::heap::Heap, nowhere: Span) -> Res<Outermost> {
    let mut entries = Vec::new();
    let mut add = |name: &'static str, value: Value, heap: &mut super::heap::Heap| -> Res<()> {
        let cell = heap.add(Cell::Value(value), nowhere)?;
        entries.push((name, cell));
        Ok(())
    };
    for builtin in TABLES.into_iter().flatten() {
        add(builtin.name, function(builtin), heap)?;
    }
    let system = format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS);
    for (name, value) in [
        ("true", Value::Bool(true)),
        ("false", Value::Bool(false)),
        ("null", Value::Null),
        ("langVersion", Value::Int(6)),
        ("nixVersion", Value::text(NIX_VERSION)),
        ("storeDir", Value::text("/nix/store")),
        ("currentSystem", Value::text(system)),
        ("nixPath", Value::list(Vec::new())),
    ] {
        add(name, value, heap)?;
    }
    // Refused when it is asked for, not before.
    let now = heap.add(Cell::Value(function(&unavailable::CURRENT_TIME)), nowhere)?;
    entries.push(("currentTime", heap.add(Cell::Call(now, now), nowhere)?));
    // The set holds itself.
    let itself = heap.add(Cell::Busy, nowhere)?;
    entries.push(("builtins", itself));
    let attrs =
        entries.iter().map(|(name, value)| Attr { name: (*name).into(), value: *value, span: nowhere });
    heap.replace(itself, Cell::Value(Value::Attrs(Rc::new(Attrs::new(attrs.collect())))));
    let mut names = Globals::new();
    let mut cells = Vec::with_capacity(entries.len());
    for (name, cell) in entries {
        let bare = BARE.contains(&name);
        names.insert(if bare { name.to_owned() } else { format!("__{name}") }, cells.len());
        cells.push(cell);
    }
    Ok(Outermost { names, cells })
}

impl Evaluator<'_> {
    /// A cell that holds a value made here; `near` is a cell whose text the value comes from.
    pub(super) fn cell(&mut self, value: Value, near: CellId) -> Res<CellId> {
        let span = self.heap.span(near);
        self.heap.add(Cell::Value(value), span)
    }

    /// A delayed call with one argument.
    pub(super) fn delayed_call(&mut self, function: CellId, argument: CellId) -> Res<CellId> {
        let span = self.heap.span(function);
        self.heap.add(Cell::Call(function, argument), span)
    }

    /// A delayed call with two arguments.
    pub(super) fn delayed_call2(&mut self, function: CellId, first: CellId, second: CellId) -> Res<CellId> {
        let span = self.heap.span(function);
        self.heap.add(Cell::Call2(function, first, second), span)
    }

    /// A list, whose size is paid for.
    pub(super) fn new_list(&mut self, cells: Vec<CellId>) -> Res<Value> {
        self.budget.bytes(cells.len().saturating_mul(4))?;
        Ok(Value::list(cells))
    }

    /// A set of attributes in any order, whose size is paid for.
    pub(super) fn new_attrs(&mut self, entries: Vec<Attr>) -> Res<Value> {
        self.budget.bytes(entries.len().saturating_mul(40))?;
        Ok(Value::attrs(entries))
    }

    /// A string, whose size is paid for.
    pub(super) fn new_text(&mut self, bytes: Vec<u8>) -> Res<Value> {
        self.budget.bytes(bytes.len())?;
        Ok(Value::text(bytes))
    }

    /// A set of a few named values.
    pub(super) fn record(&mut self, fields: &[(&str, CellId)]) -> Value {
        let attr = |(name, value): &(&str, CellId)| Attr {
            name: (*name).into(),
            value: *value,
            span: self.heap.span(*value),
        };
        Value::attrs(fields.iter().map(attr).collect())
    }
}
