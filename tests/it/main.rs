//! Integration tests that need no virtual machine, one module per theme.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is the point")]

mod bad_input;
mod boot;
mod btrfs;
mod cli;
mod conventions;
mod cpio;
mod disko_layouts;
mod ext4;
mod external;
mod fat;
mod fixture;
mod fuzz;
mod gpt;
mod grow;
mod image;
mod install;
mod iso;
mod layout;
mod layout_images;
mod luks2;
mod lvm;
mod md;
mod modes;
mod nix;
mod oracle;
mod plan;
mod plan_command;
mod probe;
mod sample;
mod squashfs;
mod stacks;
mod store;
mod swap;
mod tables;
