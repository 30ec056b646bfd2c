//! The layout language: disko's, read from Nix, JSON or TOML, checked, with every default filled in.
//!
//! ```text
//! text ─▶ Value (syntax) ─▶ Devices (model, read by options) ─▶ checks ─▶ Layout
//! ```

mod check;
pub mod diagnostic;
pub mod graph;
pub mod model;
pub mod nix;
pub mod options;
mod parse;
pub mod render;
pub mod schema;
pub mod syntax;

pub use diagnostic::{Diagnostic, Diagnostics};
pub use parse::{Layout, Source};
