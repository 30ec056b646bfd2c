//! The machine's disks: which there are, what is on them, who uses them, which of them a layout means.
//!
//! ```text
//! /sys/block ─▶ inventory: Disk (model, serial, size, names as udev gives them)
//!                 ├─▶ busy: mounts, swap, holders          ─▶ refused
//!                 ├─▶ contents: tables, signatures, blank  ─▶ shown, refused
//!                 └─▶ select: a layout's device or match   ─▶ one disk, or an error that lists them
//! DeviceBlock: the disk that was chosen, written as image files are
//!                 └─▶ gather: direct I/O in whole pieces, a checksum for each page to compare later
//! ```
//!
//! All of it reads the machine below given roots, so tests make machines out of folders. Names in
//! `/dev/disk/by-id` are derived from what the kernel knows: in the installer runs no udev.

mod block;
mod busy;
mod contents;
mod gather;
mod identity;
mod inventory;
mod pages;
pub mod select;
mod wipe;
mod written;

pub use block::DeviceBlock;
pub use busy::Use;
pub use contents::Contents;
pub use inventory::{Disk, Machine, Transport};
pub use wipe::{MARK_LEN, Wipe};
