//! ISO 9660 images with Rock Ridge and an El Torito boot image for UEFI: planned, filled in place, read and
//! checked.
//!
//! ```text
//! Tree + Options ─▶ Plan ─▶ offsets of files and boot image ─▶ the caller fills them ─▶ Plan::write ─▶ Image
//! names, sizes      every place decided                        in place, any order      descriptors, directories
//! ```
//!
//! A [`Plan`] decides where everything goes; the caller then writes each file at its offset, with
//! whatever makes its bytes. A file whose size shows only when it has been written (a compressed file
//! system) is given room for the largest size and [shortened](Plan::shorten) afterwards: nothing is copied twice.
//! [`Plan::write`] puts the structures around the files, last.
//!
//! ```text
//! 0           system area, 32 KiB: free for a partition table
//! 16 · 17 · 18  primary descriptor · boot record · terminator           blocks of 2048 bytes
//! 19          boot catalog
//!             path tables, little- and big-endian
//!             directories in the order of the path table, each with its continuation area
//!             files in the order in which they were added
//!             boot image, at a multiple of 1 MiB
//!             zeroes: read-ahead of drives, and room for a backup partition table
//! ```
//!
//! Governing documents: ECMA-119 4th edition (ISO 9660), SUSP (IEEE P1281 draft 1.12), Rock Ridge (RRIP
//! 1.09, the one that every reader knows), El Torito 1.0 with UEFI 2.10 section 13.3.2. Numbers are stored in
//! both byte orders unless a structure says otherwise.
//!
//! Decisions: interchange level 3, files over 4 GiB in several extents; directories deeper than eight levels
//! stay where they are, as `xorriso` leaves them (no relocation); no Joliet, since names are in Rock Ridge;
//! no clock: every date is the caller's. Not supported: devices, hard links, other sessions, a boot image for
//! BIOS. The partition table in the system area is left to the caller, who knows partitions.
//!
//! ```
//! let mut tree = iso::Tree::new(iso::Attributes::directory(1));
//! let kernel = tree.file("boot/kernel", 5, iso::Attributes::file(1))?;
//! let plan = iso::Plan::new(tree, iso::Options::new("EXAMPLE", 1)?)?;
//! let file = tempfile::tempfile()?;
//! file.set_len(plan.image_len())?;
//! std::os::unix::fs::FileExt::write_all_at(&file, b"hello", plan.offset(kernel))?;
//! plan.write(&file)?;
//! let image = iso::Image::open(file)?;
//! assert_eq!(image.find(b"boot/kernel")?.map(|entry| entry.len()), Some(5));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod check;
mod directory;
mod error;
mod format;
mod identifier;
mod image;
mod options;
mod plan;
mod susp;
mod time;
mod tree;
mod units;
mod write;

pub use check::Problem;
pub use error::{PlanError, ReadError, WriteError};
pub use image::{BootImage, Entry, EntryKind, Image};
pub use options::{Options, VolumeId};
pub use plan::Plan;
pub use tree::{Attributes, NodeId, Tree};
