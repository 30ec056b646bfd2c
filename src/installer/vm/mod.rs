//! Building an image in a virtual machine: what the host orders, and what the installer does there.
//!
//! ```text
//! host    BuildOrder, store, keys ─▶ work disk ─┐
//!         kernel and modules of the system     ├─▶ QEMU ─▶ the images, written in place
//!         image files, empty ─▶ virtio disks ──┘
//!
//! guest   the same plan (its digest is in the order)
//!         operations: hooks ─▶ our writers ─▶ devices ─▶ the system's own tools ─▶ mounts ─▶ copy ─▶ unmount
//! ```
//!
//! [`operations`] is a pure function of the plan: what happens in the machine, and in which order, is known and tested
//! without one. Where hooks are run, file systems are made empty and are filled where they are mounted, as disko does it,
//! so that a hook finds what it expects (a snapshot of an empty root for one). Without hooks, what our writers can make
//! is complete before anything is mounted, and only the rest is filled through the kernel.
//!
//! Where it departs from disko: all `preCreateHook`s run before anything is made; hooks around mounting of what is not
//! mounted itself (a disk, a container) run before the first and after the last mount.

mod copy;
mod devices;
mod hook;
mod mount;
mod operations;
mod order;
mod run;

pub use devices::{DeviceError, by_serial};
pub use hook::Hook;
pub use operations::{Filling, Operation, Run, operations, programs};
pub(crate) use order::digest_of_plan;
pub use order::{BuildOrder, DiskOrder, KeyOrder, OrderError, digest_of};
pub use run::{RunError, Target, run};

/// The word of the kernel command line that orders a build, without its value: the digest of the order.
pub const COMMAND_LINE_KEY: &str = "landfall.build";

/// Where the order is on the work disk.
pub const ORDER_FILE: &str = "landfall/build.json";

/// What Nix knows of the store paths on the work disk (format of `nix-store --load-db`).
pub const REGISTRATION_FILE: &str = "landfall/registration";

/// The folder of keys on the work disk.
pub const KEY_FOLDER: &str = "landfall/keys";

/// Serial number of the work disk.
pub const WORK_SERIAL: &str = "landfall-work";

/// What a line of the machine's console begins with that tells of progress: JSON follows.
pub const EVENT: &str = "landfall-event ";

/// What the line begins with that tells how it ended: JSON follows.
pub const RESULT: &str = "landfall-result ";

/// Serial number of the image that is the plan's disk with this index.
pub fn disk_serial(index: usize) -> String {
    format!("landfall-{index}")
}
