//! File systems: each a writer that takes a [`Tree`](crate::tree::Tree), and a reader that gives one back.
//!
//! Every one has the same door: `measure` says how large the file system must be, `write` fills a
//! [`Block`](crate::volume::Block), `read` checks what is on one. `measure` is the first pass of
//! `write`: sizes are computed, never guessed.

pub mod btrfs;
pub mod cpio;
mod entropy;
pub mod ext4;
pub mod external;
pub mod fat;
pub mod probe;
pub mod squashfs;
pub mod swap;
