//! Squashfs 4.0: a writer that decides what is stored before it compresses, and a reader that checks.
//!
//! ```text
//! Tree ─▶ survey: inode numbers, runs ─▶ digests of all pieces ─▶ layout: chunks in order ─▶ write
//! ```
//!
//! - `survey.rs` finds everything that Squashfs cannot store and divides the files into *runs* (store paths);
//!   `digest.rs` reads them; `layout.rs` finds what is there twice and decides what is compressed together;
//!   `write.rs` compresses, by several threads whose results are stored in one order, and adds the tables.
//! - A run's blocks follow from its own files alone, so that a store path becomes the same blocks in every file
//!   system, whatever else is in it.
//! - How large it becomes is known only when all is compressed: [`measure()`] gives a bound. [`write()`] fills a
//!   Block from front to end, the superblock last.
//! - Not written: LZO and LZMA, which nobody needs; ends of files longer than a block in fragments, which cost
//!   every reader a second block. Squashfs itself has no place for nanoseconds, for times before 1970 or after
//!   2106 (the nearest is stored), and for access control lists (refused).
//! - `cache/` keeps compressed blocks between runs of the program: the same bytes, sooner.
//!
//! Bytes are described in [`format`].

mod cache;
mod chunks;
mod compressor;
mod digest;
mod directory;
mod dump;
mod error;
mod format;
mod fragments;
mod in_order;
mod incompressible;
mod inode;
mod layout;
mod load;
mod measure;
mod metadata;
pub mod options;
mod output;
mod read;
mod sequence;
mod survey;
mod tables;
mod write;
mod xattr;

pub use cache::{CacheOptions, CacheUse};
pub use compressor::{Algorithm, Compression, GzipLevel, ZstdLevel};
pub use dump::{DumpError, dump};
pub use error::{Corruption, SquashfsError, Unfit};
pub use measure::{Measure, measure};
pub use options::{BlockSize, Options, Runs};
pub use read::{DirectoryEntry, Facts, Inode, InodeKind, Reader, read};
pub use write::{Written, write};
