//! btrfs file systems before their judges: `btrfs check`, the kernel of this host, and our own reader.

mod image;
mod judges;
mod kernel;
mod property;
