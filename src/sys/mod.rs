//! The kernel's interfaces that need `unsafe`, one per file, each behind a safe function.

pub mod block_device;
mod clone;
pub mod loop_device;

pub use clone::clone_range;
