//! What every syntax (Nix, JSON, TOML) is read into: plain data in which each value and each name knows its place.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::source::Span;

/// How deep values may nest. Layouts nest some fifteen levels; the limit keeps recursion over values off the end of the stack.
pub const DEEPEST: usize = 128;

/// A value and where it was written.
#[derive(Clone, Debug, PartialEq)]
pub struct Value {
    /// The data.
    pub kind: Kind,
    /// The text that made it: a literal, or in Nix the expression that was evaluated to it.
    pub span: Span,
}

/// The data of a [`Value`]: Nix's types as far as a layout can show them. JSON and TOML use a part of them.
#[derive(Clone, Debug, PartialEq)]
pub enum Kind {
    /// `null`. TOML has none; leaving an option out means the same there.
    Null,
    /// `true` or `false`.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number with a point or exponent; always finite.
    Float(f64),
    /// A text. It may hold any character but NUL.
    String(Arc<str>),
    /// Nix only: a path literal, absolute after evaluation. Options that take a text refuse it, as disko's types do.
    Path(Arc<str>),
    /// `[ … ]`
    List(Vec<Value>),
    /// `{ … }`
    Attrs(Attrs),
    /// A value that no option takes: in Nix a function or a derivation, in TOML a date. `what` completes "this is …",
    /// as in `a function`.
    Opaque {
        /// What it is, with its article.
        what: &'static str,
    },
}

impl Value {
    /// A value at a place.
    pub fn new(kind: Kind, span: Span) -> Self {
        Self { kind, span }
    }

    /// What the value is, with its article, for "expected …, found a list".
    pub fn describe(&self) -> &'static str {
        match &self.kind {
            Kind::Null => "null",
            Kind::Bool(_) => "a boolean",
            Kind::Int(_) => "an integer",
            Kind::Float(_) => "a float",
            Kind::String(_) => "a string",
            Kind::Path(_) => "a path",
            Kind::List(_) => "a list",
            Kind::Attrs(_) => "an attribute set",
            Kind::Opaque { what } => what,
        }
    }

    /// The set, if it is one.
    pub fn as_attrs(&self) -> Option<&Attrs> {
        match &self.kind {
            Kind::Attrs(attrs) => Some(attrs),
            _ => None,
        }
    }

    /// The text, if it is a string (not a path).
    pub fn as_str(&self) -> Option<&str> {
        match &self.kind {
            Kind::String(text) => Some(text),
            _ => None,
        }
    }
}

/// One `name = value` of a set.
#[derive(Clone, Debug, PartialEq)]
pub struct Attr {
    /// Where the name stands (for `a.b.c = 1`, the part `b` alone when it is `b`).
    pub name_span: Span,
    /// The value.
    pub value: Value,
}

/// An attribute set, ordered by name in byte order, as Nix's `attrNames` gives it. disko's results depend on that order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Attrs {
    entries: BTreeMap<Arc<str>, Attr>,
}

impl Attrs {
    /// An empty set.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a name that is not there yet.
    ///
    /// # Errors
    /// The place of the name's earlier definition; the set is unchanged.
    pub fn insert(&mut self, name: impl Into<Arc<str>>, attr: Attr) -> Result<(), Span> {
        match self.entries.entry(name.into()) {
            Entry::Occupied(earlier) => Err(earlier.get().name_span),
            Entry::Vacant(vacant) => {
                vacant.insert(attr);
                Ok(())
            }
        }
    }

    /// Adds or replaces a name, for `//` and merges.
    pub fn set(&mut self, name: impl Into<Arc<str>>, attr: Attr) {
        self.entries.insert(name.into(), attr);
    }

    /// The entry of a name.
    pub fn get(&self, name: &str) -> Option<&Attr> {
        self.entries.get(name)
    }

    /// The entry of a name, to extend a nested set.
    pub fn get_mut(&mut self, name: &str) -> Option<&mut Attr> {
        self.entries.get_mut(name)
    }

    /// Takes a name out.
    pub fn remove(&mut self, name: &str) -> Option<Attr> {
        self.entries.remove(name)
    }

    /// All entries in byte order of their names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&Arc<str>, &Attr)> {
        self.entries.iter()
    }

    /// All names in byte order.
    pub fn names(&self) -> impl ExactSizeIterator<Item = &Arc<str>> {
        self.entries.keys()
    }

    /// Number of names.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether there is no name.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
}

impl IntoIterator for Attrs {
    type Item = (Arc<str>, Attr);
    type IntoIter = std::collections::btree_map::IntoIter<Arc<str>, Attr>;

    /// All entries in byte order of their names.
    fn into_iter(self) -> Self::IntoIter {
        self.entries.into_iter()
    }
}
