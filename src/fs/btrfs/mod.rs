//! btrfs: a writer that makes subvolumes, compressed extents and several devices in one pass, and a reader that checks.
//!
//! ```text
//! Volumes (a Tree each) ─▶ survey: inode numbers ─▶ pieces ─┐
//!                                            options, sizes ─┴▶ plan: chunks ─▶ data ─▶ trees ─▶ superblocks
//! ```
//!
//! - `survey.rs` numbers inodes; `plan.rs` places data and counts nodes, so [`measure()`] says what [`write()`] needs.
//!   What may be compressed counts in full; what it saves is free space.
//! - Chunks lie in the order system, data, metadata. None covers a superblock's copy. The last chunk for data ends with
//!   the data; what no chunk has is the kernel's to allocate.
//! - `data.rs` reads, compresses and writes files with several threads, in an order that none of them decides.
//! - `btree.rs` builds trees bottom up from sorted items, leaves filled to the brim; the last three trees (free space,
//!   extents, roots) tell of their own nodes and are counted until that is true.
//! - Features are those of `mkfs.btrfs` of today: skinny metadata, no holes, extended references, free space tree. Not
//!   written: RAID5/6, mixed groups, quotas, verity, encryption, zoned devices, block group tree, reflinks.
//! - Nothing but content, options and sizes decides about the bytes.
//!
//! Bytes are described in [`format`].

mod address;
mod btree;
mod checksum;
mod chunk;
mod closing;
mod compression;
mod csum;
mod data;
mod data_space;
mod device_space;
mod dump;
mod error;
mod extent_tree;
mod extents;
mod format;
mod hash;
mod identities;
mod inline;
mod inode;
mod key;
mod measure;
mod metadata;
pub mod options;
mod overlay;
mod pieces;
mod plan;
mod profile;
mod read;
mod superblock;
mod survey;
mod trees;
mod volumes;
mod write;

#[cfg(test)]
mod tests;

pub use checksum::Checksum;
pub use compression::Compression;
pub use dump::dump;
pub use error::{BtrfsError, Corruption, LabelError, Unfit};
pub use measure::{Measure, measure};
pub use options::{Label, NodeSize, Options};
pub use plan::Counted;
pub use profile::Profile;
pub use read::{Reader, Subvolume, read};
pub use volumes::{Effort, Filling, Overwriting, Storage, SubvolumePath, SwapFile, Volumes};
pub use write::{Written, write};
