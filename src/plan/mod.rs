//! Every number decided: where partitions lie, how large everything is, what it is called and in which order it is made.
//!
//! A [`Plan`] is a pure function of the layout and a [`Request`] (sizes of disks, bytes that file systems need, the seed of
//! identities). It prints itself ([`Plan::text`]), serialises to JSON ([`Plan::json`]), draws itself ([`Plan::svg`]), and says
//! the same as fstab and crypttab ([`Plan::fstab`], [`Plan::crypttab`]) and as NixOS options ([`Plan::nixos`]).
//!
//! ```text
//! Devices ─▶ build: walks disks, then what is put together from them, each with the room it has
//!              │  table: sgdisk's and parted's rules of where partitions go
//!              │  size:  the smallest disks for which nothing is too small
//!              ▼
//!            Plan ─▶ text · JSON · SVG · fstab · NixOS
//! ```

pub mod assembly;
pub mod boot;
mod build;
pub mod content;
pub mod disk;
mod error;
pub mod machine;
pub mod mount;
mod output;
mod request;
pub mod step;
pub mod table;
mod walk;

use std::collections::BTreeMap;

use serde_json::Value as Json;

pub use error::{Cause, PlanError, Problem};
pub use request::{Contents, DiskRequest, Request};

use crate::identity::Seed;
use crate::layout::syntax::source::Span;
use crate::layout::{Draft, Layout};
use assembly::{Array, Bcachefs, Pool, VolumeGroup};
use boot::Boot;
use disk::Disk;
use mount::{Mount, SwapUse};
use step::Step;

/// Everything decided about a layout's disks.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Where identities came from that the layout does not give.
    pub seed: Seed,
    /// The disks, by attribute name.
    pub disks: Vec<Disk>,
    /// Arrays of Linux software RAID.
    pub arrays: Vec<Array>,
    /// Volume groups of LVM.
    pub groups: Vec<VolumeGroup>,
    /// ZFS pools.
    pub pools: Vec<Pool>,
    /// bcachefs filesystems.
    pub bcachefs: Vec<Bcachefs>,
    /// What is mounted, in the order of mounting.
    pub mounts: Vec<Mount>,
    /// What is swapped to.
    pub swaps: Vec<SwapUse>,
    /// What a machine starts from.
    pub boot: Boot,
    /// What is done, in order.
    pub steps: Vec<Step>,
    /// What a reader should know besides: where the plan departs from the letter of the layout, and why.
    pub notes: Vec<String>,
    /// Where the layout says what lies on a device.
    places: BTreeMap<String, Span>,
    /// The layout with all defaults filled in.
    pub layout: Json,
}

impl Plan {
    /// Decides everything.
    ///
    /// # Errors
    /// [`PlanError`] with every reason that was found: partitions that cannot be placed, contents that do not fit (with how much
    /// they need and how much there is), names that do not resolve.
    pub fn new(layout: &Layout, request: &Request) -> Result<Self, PlanError> {
        let (plan, problems) = build::draft(layout.devices(), layout.resolved_json(), request);
        if problems.is_empty() { Ok(plan) } else { Err(PlanError::new(problems)) }
    }

    /// The same for looking at: as much of the plan as there is, and every problem. Of a table with a partition that cannot be
    /// placed it holds the partitions before that one, as disko's own script would leave it. Nothing may be made from a plan with
    /// problems.
    pub fn draft(layout: &Draft, request: &Request) -> (Self, Vec<Problem>) {
        build::draft(layout.devices(), layout.resolved_json(), request)
    }

    /// Where the layout says what lies on the device at this path of the running system.
    pub fn span_of(&self, device: &str) -> Option<Span> {
        self.places.get(device).copied()
    }

    /// A disk by its attribute name in the layout.
    pub fn disk(&self, key: &str) -> Option<&Disk> {
        self.disks.iter().find(|disk| disk.key == key)
    }
}
