//! Swap areas of Linux: a header in the first page, nothing else.
//!
//! After `union swap_header` in Linux (`include/linux/swap.h`) and `mkswap`. Numbers are those of the
//! machine that made the area; every machine we build for is little-endian. Pages have 4096 bytes: a kernel
//! with larger ones (some aarch64 kernels) refuses such an area.
//!
//! Not supported: lists of bad pages, and version 0.

mod dump;
mod format;
mod label;
mod read;
mod write;

#[cfg(test)]
mod tests;

pub use label::{LabelError, SwapLabel};
pub use read::{ReadError, Swap, read};
pub use write::{Options, SIZE_MIN, SwapError, header, write};
