//! The content types of the language, as Rust types: every option of disko, with disko's defaults.
//!
//! Each file declares one kind of thing with [`option_set!`](super::options::set). The defaults follow nix-community/disko
//! at commit 878ec37 (March 2026); where a file departs from it, it says why.

pub mod bcachefs;
pub mod btrfs;
pub mod content;
pub mod devices;
pub mod disk;
pub mod filesystem;
pub mod gpt;
pub mod hooks;
pub mod landfall;
pub mod luks;
pub mod lvm;
pub mod md;
pub mod nodev;
pub mod places;
pub mod scope;
pub mod swap;
pub mod table;
pub mod text;
pub mod zfs;
