//! The layout language: disko's, read from Nix, JSON or TOML, checked, with every default filled in.

pub mod diagnostic;
pub mod model;
pub mod options;
pub mod schema;
pub mod syntax;

pub use diagnostic::{Diagnostic, Diagnostics};
