//! ext4: a writer that decides every block before it writes one, and a reader that checks.
//!
//! ```text
//! Tree ─▶ survey: inode numbers, blocks per node ─┬─▶ layout: where everything is ─▶ write
//!                    options + size ─▶ geometry ──┘
//! ```
//!
//! - `survey.rs` finds everything that ext4 cannot store; `geometry.rs` divides a size into groups;
//!   `layout.rs` gives every node its blocks. [`measure()`] searches the least size for which that works,
//!   so what it says is what [`write()`] needs, to the block.
//! - Files follow each other from the front, each in one piece where it can be. Metadata of a kind lie
//!   together and are written in large pieces. What is not used yet is left out (`BLOCK_UNINIT`,
//!   `INODE_UNINIT`), so an image is as sparse as it is empty.
//! - Features are those of `mke2fs -t ext4`: journal, extents, checksums, 64 bits, flexible groups, hash
//!   trees, reserved descriptors for growth while mounted. Not written: inline data, encryption, quota,
//!   `bigalloc`, attributes in inodes of their own.
//! - Nothing but tree, options and size decides about the bytes: generations are zero, hashes have a fixed
//!   signedness, threads write to places that were decided before.
//!
//! Bytes are described in [`format`].

mod acl;
mod batch;
mod bitmap;
mod block;
mod checksum;
mod data;
mod directory;
mod dump;
mod error;
mod extent;
mod format;
mod geometry;
mod hash;
mod htree;
mod inode;
mod journal;
mod layout;
mod measure;
pub mod options;
mod read;
mod resize;
mod sharing;
mod space;
mod superblock;
mod survey;
mod table;
#[cfg(test)]
mod tests;
mod time;
mod write;
mod xattr;

pub use block::BlockSize;
pub use dump::{DumpError, dump};
pub use error::{Corruption, Ext4Error, LabelError, Unfit};
pub use measure::{Measure, measure};
pub use options::{Label, Options};
pub use read::{DirectoryEntry, Inode, InodeKind, Reader, read};
pub use write::{Written, write};
