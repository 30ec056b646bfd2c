//! What UEFI firmware and systemd-boot read: boot loader entries, `loader.conf` and boot variables.
//!
//! Everything here turns values into bytes and bytes into values. No function does I/O, so the same
//! code serves an image that is being built, a partition that is mounted and a firmware's variables.
//!
//! | module | reads and writes | governing document |
//! |---|---|---|
//! | [`loader`] | entries (type #1), boot counters, `loader.conf` | Boot Loader Specification (UAPI.1), `loader.conf(5)` |
//! | [`boot_variable`] | `Boot####`, `BootOrder`, device paths | UEFI Specification 2.10, sections 3.1 and 10.3 |
//! | [`Architecture`] | machine names and PE headers | UEFI Specification 2.10, section 3.5.1; PE/COFF |
//!
//! ```
//! use uefi::loader::{Entry, Key};
//!
//! let entry = Entry::new()
//!     .with(Key::Title, "NixOS")?
//!     .with(Key::Linux, "/EFI/nixos/linux.efi")?
//!     .with(Key::Options, "init=/init quiet")?;
//! assert_eq!(entry.render(), "title NixOS\nlinux /EFI/nixos/linux.efi\noptions init=/init quiet\n");
//! assert_eq!(Entry::parse(&entry.render()), entry);
//! # Ok::<(), uefi::loader::ValueError>(())
//! ```

mod architecture;
pub mod boot_variable;
pub mod loader;

pub use architecture::{Architecture, pe_machine};
