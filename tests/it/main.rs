//! Integration tests that need no virtual machine, one module per theme.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is the point")]

mod boot;
mod cli;
mod conventions;
mod cpio;
mod disko_layouts;
mod ext4;
mod fat;
mod fixture;
mod fuzz;
mod gpt;
mod image;
mod layout;
mod luks2;
mod lvm;
mod md;
mod nix;
mod oracle;
mod plan;
mod probe;
mod sample;
mod store;
mod swap;
mod tables;
