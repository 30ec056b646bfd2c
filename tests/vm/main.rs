//! Tests that boot machines under QEMU, one module per theme.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is the point")]

mod btrfs;
mod external;
#[allow(dead_code, reason = "its miniature system is for the tests without machines")]
#[path = "../it/fixture.rs"]
mod fixture;
mod harness;
mod image;
mod install;
mod iso;
mod layers;
mod machine_layouts;
mod medium;
mod raid;
mod small;
mod tools;
mod vm_build;
