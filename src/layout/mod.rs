//! The layout language: disko's, read from Nix, JSON or TOML, checked, with every default filled in.
//!
//! ```text
//! text ─▶ Value ─▶ Devices ─▶ checks ─▶ Layout
//!      syntax   model, options  check      parse
//! ```
//!
//! - [`nix`]: Nix expressions become values, without Nix;
//! - [`syntax`]: JSON and TOML become values that know their places;
//! - [`options`]: tables of options, declared once, from which reading, defaults, the resolved form and the schema follow;
//! - [`model`]: one table for each kind of thing that a layout can have;
//! - [`graph`]: block devices and groups, as code after this module sees them;
//! - `check`: what types cannot say;
//! - [`diagnostic`], [`render`]: findings, for people and for programs;
//! - [`schema`]: the JSON schema of layouts and the reference of options.
//!
//! ```
//! use landfall::layout::{Layout, Source};
//!
//! let text = br#"{ "disk": { "main": { "device": "/dev/sda", "content": {
//!     "type": "filesystem", "format": "ext4", "mountpoint": "/data" } } } }"#;
//! let (layout, findings) = Layout::parse(Source::Json { name: "data.json".into(), text: text.to_vec() })?;
//! assert!(findings.is_empty());
//! assert_eq!(layout.resolved_json()["disk"]["main"]["content"]["mountOptions"][0], "defaults");
//! # Ok::<(), landfall::layout::Diagnostics>(())
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
pub use parse::{Draft, Layout, Source};
