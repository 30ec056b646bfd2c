//!
//! There is no standard; this follows UEFI 2.10, section 5.2 (legacy and protective boot records) and
//! what Linux and fdisk agree on for logical partitions. All numbers are little-endian.
//!
//! A [`BootRecord`] is the first sector: four slots. A [`Table`] is a whole DOS table: numbers 1 to 4
//! are the slots, and where one of them is an extended partition, 5 and up are the logical
//! partitions in it, each behind a sector of its own (the *link*) that points to it and to the next link:
//!
//! ```text
//! | link | … | logical 5 | link | … | logical 6 |
//! ^ start of the extended partition   (links point on, relative to it)
//! ```
//!
//! Not supported: boot code, and several extended partitions.

mod dump;
mod format;
mod layout;
mod read;
mod table;
mod write;

#[cfg(test)]
mod tests;

pub use read::{ReadError, read};
pub use table::{BootRecord, Partition, PartitionType, Table, TableError};
pub use write::WriteError;
