//! FAT12, FAT16 and FAT32 with long names: measured exactly, written in one pass, read and checked.
//!
//! After Microsoft's "FAT: General Overview of On-Disk Format" 1.03 (*FATGEN*) and ECMA-107; UEFI 2.10,
//! section 13.3, says what an EFI system partition may be. All numbers are little-endian.
//!
//! ```text
//! boot sector · FSInfo · backup of both    reserved sectors       (FSInfo and backup: FAT32 only)
//! table 1 · table 2                        which cluster follows which
//! root directory                           FAT12 and FAT16 only; an ordinary chain on FAT32
//! clusters 2 …                             directories, then files, each in one piece
//! ```
//!
//! Decisions, each where it is made: which of the three types and which cluster size ([`Options`] and
//! `layout.rs`), places of everything in multiples of 4 KiB so that file data can be shared with the
//! file system of the image file (`geometry.rs`), short names found in linear time (`short_name.rs`).
//!
//! FAT has no owners, permissions, links or devices. Owners and permissions of a tree are dropped, a
//! hard link becomes a second copy; what else it cannot hold is an error before anything is written.
//! Times are taken from the tree, in UTC, and those before 1980 become 1980-01-01.
//!
//! Not supported: exFAT, names beyond Unicode's, short names in code pages, and changing a volume in place.

mod chain;
mod directory;
mod dump;
mod error;
mod format;
mod geometry;
mod kind;
mod label;
mod layout;
mod name;
mod options;
mod read;
mod short_name;
mod superblock;
mod survey;
mod time;
mod write;

#[cfg(test)]
mod tests;

pub use error::FatError;
pub use kind::Kind;
// What exFAT has of it.
pub use label::{LabelError, VolumeLabel};
pub use layout::{Measure, measure};
pub(in crate::fs) use name::{check as check_name, fold as fold_name};
pub use options::Options;
pub use read::{Item, ItemKind, Problem, ReadError, Volume, VolumeTreeError, read};
pub(in crate::fs) use time::DosTime;
pub use write::write;
