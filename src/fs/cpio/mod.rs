//! Archives for initial ramdisks: cpio in the "newc" format.
//!
//! After "initramfs buffer format" in the Linux kernel's documentation and cpio(5). Archives may follow each
//! other in one file, each starting at a multiple of four bytes: ours end so.
//!
//! ```text
//! header · name · zeroes to a multiple of 4 · content · zeroes to a multiple of 4      for each name
//! header · "TRAILER!!!" · zeroes to a multiple of 4
//! ```
//!
//! Inode numbers count the nodes in the order of the paths, so equal trees give equal bytes. A file
//! with several names has its content with the last of them, as GNU cpio does.
//!
//! Not supported: extended attributes (the format has none), and the older formats.

mod dump;
mod format;
mod layout;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use layout::{CpioError, measure};
pub use read::{Member, ReadError, TreeFault, read, tree};
pub use write::write;
