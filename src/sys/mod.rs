//! The kernel's interfaces that need `unsafe`, one per file, each behind a safe function.

mod clone;

pub use clone::clone_range;
