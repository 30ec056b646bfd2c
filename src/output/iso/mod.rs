//! Media: ISO images that boot from a CD drive and as a USB disk, live or installing.
//!
//! ```text
//! GPT (USB)          protective record, header, entries: in the system area; the other copy at the end
//! ISO 9660           /version.txt
//!                    /nix-store.squashfs            the closure, `nix-path-registration` at its root
//!   live             /boot/nix/store/…              kernels and initrds
//!   installing       /landfall/install.json         what is to be done
//!                    /landfall/extra-files.cpio     what goes onto the installed system besides
//!                    /landfall/secrets/…            keys of encrypted volumes, where they were given
//!                    /landfall/digests              of all files of the medium
//! EFI system part.   systemd-boot, entries, kernel, initrd: El Torito's boot image and the GPT's partition
//! ```
//!
//! Places and names are those of NixOS's media. systemd-boot reads its own partition only, so kernel and
//! initrd are there; under `/boot` of a live medium they are again, for boot loaders that read ISO 9660.
//!
//! The squashfs is written straight into the image, where its size shows, and everything behind it is placed
//! then (`write.rs`). What can be checked is checked before that (`prepare.rs`).

mod error;
mod install;
mod prepare;
mod program;
mod volume_id;
mod write;

use std::num::NonZeroUsize;

pub use error::IsoError;
pub use install::{Install, Program};
pub use iso::VolumeId;
pub use prepare::Prepared;
pub(in crate::output) use program::first_fitting;
pub use write::Written;

use crate::fs::squashfs::{CacheOptions, Compression};
use crate::identity::Seed;
use crate::units::ByteSize;

/// What somebody asks of a medium beyond the system.
#[derive(Clone, Debug)]
pub struct Request {
    /// Its name; `None`: what the system looks for, else NixOS's rule.
    pub volume_id: Option<VolumeId>,
    /// Where its identities come from; `None`: from what goes in.
    pub seed: Option<Seed>,
    /// How the store is compressed.
    pub compression: Compression,
    /// Where compressed blocks are kept for the next medium; it changes nothing in the result.
    pub cache: Option<CacheOptions>,
    /// Threads that compress; their number changes nothing in the result.
    pub threads: NonZeroUsize,
    /// How large it may become.
    pub max_size: Option<ByteSize>,
    /// What it installs; `None`: it is a live system.
    pub install: Option<Install>,
}
