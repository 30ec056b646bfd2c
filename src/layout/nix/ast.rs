//! The program as the evaluator walks it: names resolved to slots, strings unescaped, attribute paths merged, each part with
//! its place.
//!
//! All expressions of all files lie in one [`Code`], addressed by [`ExprId`], because the parser's own tree cannot move
//! between threads and knows nothing of scopes.

use std::rc::Rc;

use super::text::Text;
use crate::layout::syntax::source::Span;

/// An expression of a [`Code`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ExprId(u32);

/// Operators that need both sides evaluated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binary {
    /// `+` on numbers, strings and paths.
    Add,
    /// `-`
    Subtract,
    /// `*`
    Multiply,
    /// `/`
    Divide,
    /// `++`
    Concatenate,
    /// `//`
    Update,
    /// `==`
    Equal,
    /// `!=`
    NotEqual,
    /// `<`
    Less,
    /// `<=`
    LessOrEqual,
    /// `>`
    More,
    /// `>=`
    MoreOrEqual,
}

/// Operators that may leave their right side alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Logic {
    /// `&&`
    And,
    /// `||`
    Or,
    /// `->`
    Implies,
}

/// One step of an attribute path.
#[derive(Debug)]
pub(super) enum Key {
    /// A name known when the file was read.
    Static(Text),
    /// `${…}` or a string with interpolation.
    Dynamic(ExprId),
}

/// Where a variable's value is found.
#[derive(Debug)]
pub(super) enum Variable {
    /// Slot `slot` of the frame `up` levels out.
    Local {
        /// Frames to leave.
        up: u32,
        /// Slot of that frame.
        slot: u32,
    },
    /// A name of the outermost scope: `builtins`, `map`, `true` …
    Global(usize),
    /// Not bound by the text: looked up in the sets of the enclosing `with`s, innermost first; `up` leads to the innermost.
    With {
        /// Frames to leave.
        up: u32,
        /// The name.
        name: Text,
    },
}

/// A piece of an interpolated string.
#[derive(Debug)]
pub(super) enum Piece {
    /// Text as written, unescaped.
    Literal(Text),
    /// `${…}`
    Value(ExprId),
}

/// What the value of a binding comes from.
#[derive(Clone, Copy, Debug)]
pub(super) enum Source {
    /// An expression in the set's own scope.
    Inner(ExprId),
    /// `inherit x`: an expression in the scope around the set.
    Outer(ExprId),
    /// `inherit (e) x`: the attribute of that name of the set's `from` expression with this index.
    From(usize),
}

/// `name = …` with a name known when the file was read.
#[derive(Debug)]
pub(super) struct Binding {
    /// The name.
    pub(super) name: Text,
    /// Where the name stands.
    pub(super) span: Span,
    /// Its value.
    pub(super) source: Source,
}

/// `${…} = …`
#[derive(Debug)]
pub(super) struct DynamicBinding {
    /// Gives the name, or null for no binding.
    pub(super) key: ExprId,
    /// Its value.
    pub(super) value: ExprId,
}

/// Whether bindings see each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scoping {
    /// `{ … }`: no frame of its own.
    Plain,
    /// `rec { … }` and `let`: a frame with one slot a static binding, in their order.
    Recursive,
}

/// The bindings of a set or a `let`, sorted by name.
#[derive(Debug)]
pub(super) struct Bindings {
    /// Whether they see each other.
    pub(super) scoping: Scoping,
    /// The expressions of `inherit (…)`.
    pub(super) from: Vec<ExprId>,
    /// Sorted by name, without duplicates.
    pub(super) fixed: Vec<Binding>,
    /// In the order of the text.
    pub(super) dynamic: Vec<DynamicBinding>,
}

/// One name of a function's pattern.
#[derive(Debug)]
pub(super) struct Formal {
    /// The name.
    pub(super) name: Text,
    /// Where it stands.
    pub(super) span: Span,
    /// `? default`
    pub(super) default: Option<ExprId>,
}

/// What a function takes.
#[derive(Debug)]
pub(super) enum Parameter {
    /// `x:` in slot 0.
    Whole,
    /// `{ a, b ? 1, ... }@all:` the formals in their slots, `all` (if named) in the slot after them.
    Pattern {
        /// Sorted by name.
        formals: Vec<Formal>,
        /// Whether other names are accepted.
        open: bool,
        /// Whether the whole argument has a name.
        bound: bool,
    },
}

/// A function as written.
#[derive(Debug)]
pub(super) struct Lambda {
    /// What it takes.
    pub(super) parameter: Parameter,
    /// What it gives.
    pub(super) body: ExprId,
    /// The name it was first bound to, for traces.
    pub(super) name: Option<Text>,
    /// Where it stands.
    pub(super) span: Span,
}

/// An expression.
#[derive(Debug)]
pub(super) enum Expr {
    /// A whole number.
    Int(i64),
    /// A number with a point.
    Float(f64),
    /// A string without interpolation, or a URI.
    String(Text),
    /// An absolute path.
    Path(Text),
    /// `<name>`
    Search(Text),
    /// `~/…`
    Home,
    /// A name.
    Variable(Variable),
    /// `"a${b}"`
    Interpolation(Vec<Piece>),
    /// `./a${b}`
    PathInterpolation(Vec<Piece>),
    /// `[ … ]`
    List(Vec<ExprId>),
    /// `{ … }`
    Attrs(Bindings),
    /// `let … in …`
    Let(Bindings, ExprId),
    /// `a.b.c or d`
    Select {
        /// The set.
        target: ExprId,
        /// The names.
        path: Vec<Key>,
        /// Instead of a missing attribute.
        default: Option<ExprId>,
    },
    /// `a ? b.c`
    Has {
        /// The set.
        target: ExprId,
        /// The names.
        path: Vec<Key>,
    },
    /// `x: …`
    Lambda(Rc<Lambda>),
    /// `f x`
    Apply(ExprId, ExprId),
    /// `if a then b else c`
    If(ExprId, ExprId, ExprId),
    /// `assert a; b`
    Assert(ExprId, ExprId),
    /// `with a; b`
    With(ExprId, ExprId),
    /// `!a`
    Not(ExprId),
    /// `-a`
    Negate(ExprId),
    /// `a && b` …
    Logic(Logic, ExprId, ExprId),
    /// `a + b` …
    Binary(Binary, ExprId, ExprId),
    /// `__curPos`
    Position,
}

/// All expressions read so far.
#[derive(Debug, Default)]
pub(super) struct Code {
    exprs: Vec<Rc<Expr>>,
    spans: Vec<Span>,
}

impl Code {
    /// Adds an expression.
    pub(super) fn add(&mut self, expr: Expr, span: Span) -> ExprId {
        // The scan before parsing bounds a file at far fewer expressions than 2³².
        let id = ExprId(u32::try_from(self.exprs.len()).unwrap_or(u32::MAX));
        self.exprs.push(Rc::new(expr));
        self.spans.push(span);
        id
    }

    /// The expression. Only ids that this code made may be asked for.
    pub(super) fn expr(&self, id: ExprId) -> Rc<Expr> {
        Rc::clone(&self.exprs[index(id)])
    }

    /// Where it stands.
    pub(super) fn span(&self, id: ExprId) -> Span {
        self.spans[index(id)]
    }
}

/// The index of an expression.
fn index(id: ExprId) -> usize {
    usize::try_from(id.0).unwrap_or(usize::MAX)
}
