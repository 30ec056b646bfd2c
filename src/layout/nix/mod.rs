//! Layouts in the Nix language, evaluated without Nix.
//!
//! ```text
//! text ─▶ rnix ─▶ lower: Code ─▶ eval: values, each computed when it is needed ─▶ module: one `config` ─▶ convert: Value
//! ```
//!
//! The whole language is here, with those builtins that need neither store nor network, and the part of nixpkgs' `lib` that
//! layouts use. The semantics are those of Nix 2.8 and later, with these differences:
//!
//! - Evaluation is pure: files outside the layout's folder, the environment, the clock and the network do not exist.
//! - There is no store. A path in a string (`"${./key}"`), which Nix would copy to the store, is its absolute path.
//! - Integers that leave 64 bits are an error, as in newer Nix, and do not wrap around.
//! - Steps, memory and depth are bounded: a layout that does not end says so within two seconds.
//!
//! Everything lives in one [`eval::Evaluator`] on a thread of its own, whose stack is large enough for the deepest evaluation
//! that the limits allow; what leaves it is plain data.

mod ast;
mod builtins;
mod call;
mod coerce;
mod compare;
mod convert;
mod diagnostic;
mod door;
mod error;
mod eval;
mod expect;
mod external;
mod files;
mod heap;
mod import;
mod library;
mod limits;
mod lower;
mod module;
mod operator;
mod path;
mod scan;
mod select;
mod similar;
mod text;
mod value;

#[cfg(test)]
mod tests;

pub use door::{Argument, Arguments, Evaluated, evaluate, evaluate_expression, evaluate_text};
pub use error::{NixError, NixErrorKind, NixNote};
pub use external::evaluate_by_nix;
