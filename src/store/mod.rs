//! The Nix store: where systems come from and what they look like on the machine.
//!
//! ```text
//! Source (store root, or closure-info) ─▶ Closure (paths with hashes and references)
//!                                            ├─▶ install tree: /nix/store, database, profile …
//!                                            └─▶ verify: the hashes again, from any Tree
//! ```
//!
//! Conventions are Nix's own (schema version 10, as released); the store directory is always
//! `/nix/store`, wherever it lies on this host. Nothing here runs Nix.

pub mod closure;
pub mod database;
pub mod hash;
pub mod info;
pub mod install;
pub mod installed;
pub mod nar;
pub mod path;
pub mod registration;
mod scan;
pub mod source;
pub mod verify;

pub use closure::Closure;
pub use hash::NarHash;
pub use info::PathInfo;
pub use path::{StorePath, StorePathError};
pub use source::Source;
