//! GUID partition tables (UEFI 2.10, chapter 5): value, writer, reader.
//!
//! A [`Table`] is a value: an identity and numbered partitions. [`Table::faults`] says what keeps it
//! from being on a disk; [`Table::write`] puts it there, or refuses with the first fault before any
//! byte is written. [`read`] gives back what is on a disk together with everything that is wrong with it.
//!
//! Numbers are kept: a table with partitions 1, 14 and 15 is written so. The array has 128 entries,
//! more where a number needs it. The disk is bootable from the last write on and not before: see
//! [`Table::write_primary`].
//!
//! A [`Hybrid`] record shows some partitions to programs that know only DOS tables.
//!
//! Not supported: entries longer than 128 bytes are read but not written, and nothing resizes or
//! repairs a table in place.

mod dump;
mod format;
mod hybrid;
mod layout;
mod read;
mod table;
mod type_codes;
mod type_guid;
mod write;

#[cfg(test)]
mod tests;

pub use hybrid::{Hybrid, HybridError, HybridPartition, ProtectivePlace};
pub use layout::Geometry;
pub use read::{Found, HeaderFault, Problem, ReadError, read};
pub use table::{Attributes, Entry, PartitionName, PartitionNameError, Table, TableError};
pub use type_guid::{TypeGuid, TypeGuidError};
pub use write::WriteError;
