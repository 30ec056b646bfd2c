//! Formatting disks as a layout says, without a system.

use super::super::install::{self, InstallError, State, Targets};
use crate::identity::Seed;
use crate::image::{KeyFiles, Prepared, Request};
use crate::layout::Layout;
use crate::plan::Plan;
use crate::progress::Progress;

/// A layout decided for the disks of a machine, without a system; nothing written.
#[derive(Debug)]
pub struct Format {
    prepared: Prepared,
}

impl Format {
    /// Decides what is written to `targets`.
    ///
    /// # Errors
    ///
    /// When a disk has no device, when something does not fit, when a key is missing.
    pub fn new(
        layout: &Layout,
        targets: &Targets,
        (seed, keys): (Option<Seed>, KeyFiles),
    ) -> Result<Self, InstallError> {
        let seed = Some(seed.unwrap_or_else(|| seed_of(layout, targets)));
        let request = Request { seed, keys, ..Request::default() };
        let request = install::sized(layout, targets, request)?;
        Ok(Self { prepared: Prepared::blank(layout, &request)? })
    }

    /// Decides where everything is, without asking for keys: what mounting needs.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new).
    pub fn plan_only(layout: &Layout, targets: &Targets) -> Result<Plan, InstallError> {
        let request = Request { seed: Some(seed_of(layout, targets)), ..Request::default() };
        Ok(Prepared::blank_plan(layout, &install::sized(layout, targets, request)?)?)
    }

    /// What was decided.
    pub fn plan(&self) -> &Plan {
        self.prepared.plan()
    }

    /// Whether every disk has exactly this already: its partition table, to the last identity.
    ///
    /// # Errors
    ///
    /// When a disk cannot be read.
    pub fn is_done(&self, targets: &Targets) -> Result<bool, InstallError> {
        install::is_installed(&self.prepared, targets)
    }

    /// Writes the disks, which are looked at by [`install::check`] before.
    ///
    /// # Errors
    ///
    /// When a disk fails, or when what is read back differs.
    pub fn write(
        &self,
        targets: &Targets,
        progress: &dyn Progress,
        state: &mut State,
    ) -> Result<(), InstallError> {
        install::write(&self.prepared, targets, progress, state)
    }
}

/// Identities that follow from the layout and from the disks: made again they are the same, and on another machine
/// they are others.
fn seed_of(layout: &Layout, targets: &Targets) -> Seed {
    let disks: Vec<String> = targets.iter().map(|(name, disk)| format!("{name}={disk}")).collect();
    Seed::from_inputs([layout.resolved_json().to_string().as_bytes(), disks.join("\n").as_bytes()])
}
