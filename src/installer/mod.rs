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

pub mod digests;
pub mod initrd;
pub mod order;

pub use digests::{Digests, FileDigester};
pub use order::Order;
