//! What makes an installed system boot: generations, entries and the tree of the ESP.
//!
//! ```text
//! Source ─▶ Generation (boot.json: kernel, initrd, command line, specialisations)
//!              └─▶ boot trees: ESP, and XBOOTLDR where there is one
//! ```
//!
//! Names and contents are those of NixOS's systemd-boot builder, in either of its two
//! [conventions](entry::Convention), so that the machine's own builder takes over at the first
//! `nixos-rebuild` without noticing.

mod bootspec;
mod cmdline;
pub mod entry;
pub mod esp;
mod files;
mod generation;
pub mod inventory;
pub mod medium;
pub mod os_release;
pub mod retain;

pub use bootspec::{Bootspec, BootspecError};
pub use cmdline::{CommandLineError, command_line};
pub use generation::{Generation, GenerationError};
