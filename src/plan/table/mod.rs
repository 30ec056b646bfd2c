//! Partition tables as disko leaves them, without running anything: sgdisk's and parted's rules for where partitions go.

pub mod extent;
pub mod notation;
pub mod parted;
pub mod sgdisk;

pub use extent::Extent;

/// Bytes of the entries of a GUID partition table with 128 entries (UEFI specification 2.10, section 5.3.2).
pub(crate) const GPT_ENTRIES_BYTES: u64 = 128 * 128;
