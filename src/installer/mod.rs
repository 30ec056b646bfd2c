//! The installer: what a medium tells it, the initrd it runs in.
//!
//! ```text
//! builder   layout, system, wishes ─▶ Order (`/landfall/install.json`) ─┐
//!           modules of the system's kernel + static landfall ─▶ initrd  ├─▶ medium
//!           files of the medium ─▶ Digests (`/landfall/digests`) ───────┘
//! ```
//!
//! There is no installer distribution: the initrd holds this program as `/init` and modules of the very
//! kernel that the installed system will run. What is specific to one medium is in its order, so one
//! initrd serves an ISO, a netboot image and a virtual machine alike.
//!
//! [`install`] is what happens to the disks, on a machine that boots the medium ([`pid1`]) as on one that
//! runs already (`landfall install`). [`modes`] are its parts, one at a time: destroy, format, mount, unmount.

pub mod checked;
pub mod digests;
pub mod firmware;
pub mod initrd;
pub mod install;
pub mod modes;
pub mod order;
pub mod pid1;
pub mod vm;

pub use digests::{Digests, FileDigester};
pub use order::Order;
