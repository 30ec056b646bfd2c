//! Values of the evaluated program.

use std::rc::Rc;

use super::ast::Lambda;
use super::builtins::Builtin;
use super::heap::{CellId, EnvId};
use super::text::Text;
use crate::layout::syntax::source::Span;

/// A value whose outermost part is known; parts within may still be delayed.
#[derive(Clone, Debug)]
pub(super) enum Value {
    /// `null`
    Null,
    /// `true`, `false`
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point.
    Float(f64),
    /// A string.
    String(Text),
    /// An absolute path in normal form.
    Path(Text),
    /// A list.
    List(Rc<[CellId]>),
    /// A set.
    Attrs(Rc<Attrs>),
    /// A function of the program.
    Closure(Rc<Closure>),
    /// A function of ours, with the arguments it has so far.
    Builtin(Rc<Partial>),
}

/// A function with the scope it was made in.
#[derive(Debug)]
pub(super) struct Closure {
    /// The text of the function.
    pub(super) lambda: Rc<Lambda>,
    /// Its scope.
    pub(super) env: EnvId,
}

/// A builtin with fewer arguments than it takes.
#[derive(Debug)]
pub(super) struct Partial {
    /// The function.
    pub(super) builtin: &'static Builtin,
    /// The arguments so far.
    pub(super) arguments: Vec<CellId>,
}

/// What a set says of a name that it does not have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Absence {
    /// An ordinary set: the attribute is missing.
    Plain,
    /// Stands for something of which only a part is here; names what it is, and the whole says why.
    Elsewhere {
        /// The way to the set: `pkgs`, `inputs.nixpkgs`.
        path: Rc<str>,
        /// Why the rest is not here.
        reason: Reason,
    },
}

/// Why a name of a set that is only partly here is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Reason {
    /// Packages and inputs of flakes.
    NeedsNix,
    /// A function of `lib` that landfall does not have.
    Library,
    /// An option of NixOS that no module of the layout sets.
    Option,
    /// An option of disko that no module of the layout sets.
    Default,
}

/// One `name = value`.
#[derive(Clone, Debug)]
pub(super) struct Attr {
    /// The name.
    pub(super) name: Text,
    /// The value.
    pub(super) value: CellId,
    /// Where the name stands.
    pub(super) span: Span,
}

/// A set: its attributes sorted by name.
#[derive(Debug)]
pub(super) struct Attrs {
    entries: Vec<Attr>,
    absence: Absence,
}

impl Attrs {
    /// A set of attributes in any order. Of two with the same name the first stays.
    pub(super) fn new(mut entries: Vec<Attr>) -> Self {
        entries.sort_by(|a, b| a.name.cmp(&b.name));
        entries.dedup_by(|later, earlier| later.name == earlier.name);
        Self { entries, absence: Absence::Plain }
    }

    /// A set of attributes that are sorted and distinct.
    pub(super) fn from_sorted(entries: Vec<Attr>) -> Self {
        debug_assert!(entries.is_sorted_by(|a, b| a.name < b.name), "attributes out of order");
        Self { entries, absence: Absence::Plain }
    }

    /// Says what a missing name means.
    #[must_use]
    pub(super) fn with_absence(mut self, absence: Absence) -> Self {
        self.absence = absence;
        self
    }

    /// What a missing name means.
    pub(super) fn absence(&self) -> &Absence {
        &self.absence
    }

    /// The attribute of a name.
    pub(super) fn get(&self, name: &[u8]) -> Option<&Attr> {
        let at = self.entries.binary_search_by(|attr| (*attr.name).cmp(name)).ok()?;
        self.entries.get(at)
    }

    /// All attributes, sorted by name.
    pub(super) fn entries(&self) -> &[Attr] {
        &self.entries
    }

    /// `self // other`
    pub(super) fn update(&self, other: &Self) -> Self {
        let mut merged = Vec::with_capacity(self.entries.len() + other.entries.len());
        let (mut left, mut right) = (self.entries.iter().peekable(), other.entries.iter().peekable());
        while let (Some(a), Some(b)) = (left.peek(), right.peek()) {
            if a.name < b.name {
                merged.extend(left.next().cloned());
            } else {
                if a.name == b.name {
                    left.next();
                }
                merged.extend(right.next().cloned());
            }
        }
        merged.extend(left.cloned());
        merged.extend(right.cloned());
        Self { entries: merged, absence: self.absence.clone() }
    }
}

impl Value {
    /// A string.
    pub(super) fn text(text: impl Into<Text>) -> Self {
        Self::String(text.into())
    }

    /// A list.
    pub(super) fn list(cells: Vec<CellId>) -> Self {
        Self::List(cells.into())
    }

    /// A set of attributes in any order.
    pub(super) fn attrs(entries: Vec<Attr>) -> Self {
        Self::Attrs(Rc::new(Attrs::new(entries)))
    }

    /// What `builtins.typeOf` calls it.
    pub(super) fn type_name(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "bool",
            Self::Int(_) => "int",
            Self::Float(_) => "float",
            Self::String(_) => "string",
            Self::Path(_) => "path",
            Self::List(_) => "list",
            Self::Attrs(_) => "set",
            Self::Closure(_) | Self::Builtin(_) => "lambda",
        }
    }

    /// What it is, with its article, for "expected …, found a list".
    pub(super) fn describe(&self) -> &'static str {
        match self {
            Self::Null => "null",
            Self::Bool(_) => "a boolean",
            Self::Int(_) => "an integer",
            Self::Float(_) => "a float",
            Self::String(_) => "a string",
            Self::Path(_) => "a path",
            Self::List(_) => "a list",
            Self::Attrs(_) => "a set",
            Self::Closure(_) => "a function",
            Self::Builtin(_) => "a built-in function",
        }
    }
}
