//! Images: a plan and a system become disks.
//!
//! ```text
//! System (source, closure, generation) ─▶ Contents (one Tree for each file system) ─┐
//! Layout ─▶ draft Plan (what is mounted where) ─┘            measure                ├─▶ Plan ─▶ Stack ─▶ disks
//!                                                                                   ┘   exact    Blocks of Blocks
//! ```
//!
//! [`Prepared::new`] decides and checks everything and writes nothing; [`Prepared::write`] fills the
//! Blocks it is given, be they files or real disks. Disks get their partition tables last, so what was
//! interrupted does not boot.

mod assemblies;
mod btrfs;
mod contents;
mod error;
mod filesystem;
mod grow;
mod hooks;
mod keys;
mod machine;
mod mkfs_arguments;
mod stack;
mod support;
mod system;
mod tables;
mod visit;

pub use contents::Contents;
pub use error::ImageError;
pub use grow::Growth;
pub use keys::{KeyFiles, Keys};
pub use machine::{HookUse, Machine, leads_to_machine};
pub use system::System;
pub use visit::{contents, filesystems};

use crate::boot::esp::EspOptions;
use crate::identity::Seed;
use crate::layout::Layout;
use crate::plan::content::Content;
use crate::plan::machine::MachineNeed;
use crate::plan::{self, DiskRequest, Plan};
use crate::progress::Progress;
use crate::secret::Secret;
use crate::timestamp::Timestamp;
use crate::tree::Tree;
use crate::units::ByteSize;
use crate::volume::Block;

use std::collections::BTreeMap;
use std::sync::Arc;

/// What somebody asks of an image beyond layout and system.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where all identities come from; `None`: from layout and system.
    pub seed: Option<Seed>,
    /// Sizes of disks.
    pub disks: Vec<DiskRequest>,
    /// Space left free in file systems whose size is ours to choose.
    pub free: ByteSize,
    /// Entries and menu of the boot loader.
    pub boot: EspOptions,
    /// Keys of encrypted volumes.
    pub keys: KeyFiles,
    /// Whether the image grows to its disk.
    pub growth: Growth,
    /// Files that go onto the root besides the system: host keys, for one. What the system brings itself
    /// cannot be among them.
    pub extra_files: Option<Tree>,
    /// Whether a virtual machine may be used.
    pub machine: Machine,
    /// Whether hooks are run, in that machine.
    pub hooks: HookUse,
}

impl Default for Request {
    fn default() -> Self {
        Self {
            seed: None,
            disks: Vec::new(),
            free: plan::Request::DEFAULT_FREE,
            boot: EspOptions::nixos(Timestamp::STORE),
            keys: KeyFiles::default(),
            growth: Growth::default(),
            extra_files: None,
            machine: Machine::default(),
            hooks: HookUse::default(),
        }
    }
}

/// Everything decided and checked; nothing written.
#[derive(Debug)]
pub struct Prepared {
    plan: Plan,
    contents: Contents,
    keys: Keys,
    needs: Vec<MachineNeed>,
}

impl Prepared {
    /// Decides where everything goes and how large it is.
    ///
    /// # Errors
    ///
    /// When the layout holds what cannot be written yet, when something does not fit (with the numbers),
    /// when the system lacks what booting needs, when a key is missing.
    pub fn new(layout: &Layout, system: &System, request: &Request) -> Result<Self, ImageError> {
        let (plan, contents, needs) = Self::decide(layout, system, request)?;
        let keys = Keys::collect(&plan, &request.keys)?;
        Ok(Self { plan, contents, keys, needs })
    }

    /// Only the plan: what [`new`](Self::new) would decide, without asking for keys.
    pub fn plan_only(layout: &Layout, system: &System, request: &Request) -> Result<Plan, ImageError> {
        Self::decide(layout, system, request).map(|(plan, _, _)| plan)
    }

    fn decide(layout: &Layout, system: &System, request: &Request) -> Result<Decided, ImageError> {
        let seed = request.seed.unwrap_or_else(|| seed_of(layout, system));
        let plan_request =
            |contents| plan::Request { seed, disks: request.disks.clone(), contents, free: request.free };
        let draft = Plan::new(layout, &plan_request(plan::Contents::default()))?;
        let machine_needs = machine::needs(&draft, request.machine, request.hooks)?;
        support::check(&draft, request.machine, &machine_needs)?;
        let mut contents = Contents::new(&draft, system, request)?;
        if request.growth == Growth::ToDisk {
            grow::add(&draft, &mut contents)?;
        }
        let needs = contents.measure(&draft, request.free)?;
        let mut plan = Plan::new(layout, &plan_request(needs))?;
        if request.growth == Growth::ToDisk {
            grow::mark(&mut plan)?;
        }
        assemblies::check(&plan)?;
        if request.hooks == HookUse::LeaveOut {
            plan.notes.extend(hooks::note(&plan.layout));
        }
        plan.notes.extend(contents::boot_note(&plan));
        Ok((plan, contents, machine_needs))
    }

    /// The layout alone, without a system: file systems with nothing in them.
    ///
    /// # Errors
    ///
    /// As [`new`](Self::new), but for what is about systems.
    pub fn blank(layout: &Layout, request: &Request) -> Result<Self, ImageError> {
        let plan = Self::blank_plan(layout, request)?;
        let keys = Keys::collect(&plan, &request.keys)?;
        Ok(Self { plan, contents: Contents::blank(), keys, needs: Vec::new() })
    }

    /// Only the plan of [`blank`](Self::blank), without asking for keys.
    pub fn blank_plan(layout: &Layout, request: &Request) -> Result<Plan, ImageError> {
        let seed = request
            .seed
            .unwrap_or_else(|| Seed::from_inputs([layout.resolved_json().to_string().as_bytes()]));
        let plan_request =
            |contents| plan::Request { seed, disks: request.disks.clone(), contents, free: request.free };
        let draft = Plan::new(layout, &plan_request(plan::Contents::default()))?;
        support::check(&draft, Machine::None, &[])?;
        let needs = Contents::blank().measure(&draft, ByteSize::ZERO)?;
        let mut plan = Plan::new(layout, &plan_request(needs))?;
        assemblies::check(&plan)?;
        plan.notes.extend(hooks::note(&plan.layout));
        Ok(plan)
    }

    /// Whether `block` already has the partition table, with all identities, that the plan gives the disk named
    /// `key`. Since tables are written last, such a disk was installed to the end from the same inputs. `false`
    /// also for a disk whose table has no identities of its own.
    pub fn has_table(&self, key: &str, block: &dyn Block) -> bool {
        let table = self.plan.disk(key).and_then(plan::disk::Disk::table);
        table.is_some_and(|table| tables::is_on(table, block))
    }

    /// What was decided.
    pub fn plan(&self) -> &Plan {
        &self.plan
    }

    /// What a virtual machine does; where there is something, [`write`](Self::write) alone makes no image.
    pub fn machine_needs(&self) -> &[MachineNeed] {
        &self.needs
    }

    /// What goes where `path` is mounted; `None` when nothing is mounted there.
    pub fn tree_at(&self, path: &str) -> Option<&Tree> {
        self.contents.tree_at(path)
    }

    /// The key that opens the encrypted volume `name`.
    pub fn key_of(&self, name: &str) -> Option<&Secret> {
        self.keys.of(name).first()
    }

    /// As [`write`](Self::write), with nothing in the file systems: they are filled where they are mounted.
    pub fn write_blank(
        &self,
        disks: &BTreeMap<String, Arc<dyn Block>>,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        stack::write(&self.plan, &Contents::blank(), &self.keys, (disks, progress, &mut || Ok(())))
    }

    /// Fills the device of one `content` of the plan: a volume that only a running kernel could make.
    pub fn write_content(
        &self,
        content: &Content,
        block: Arc<dyn Block>,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        stack::write_content((&self.plan, &self.contents, &self.keys), content, block, progress)
    }

    /// Ends the use of it in a process that ends next: keys are erased, but names and paths are not given back one by one,
    /// which takes as long as writing a small file system.
    pub fn leave(self) {
        let Self { contents, .. } = self;
        std::mem::forget(contents);
    }

    /// Whether volume keys come from the operating system, as they must outside of tests.
    pub fn keys_are_random(&self) -> bool {
        self.keys.are_random()
    }

    /// Bytes of files that will be copied.
    pub fn data_len(&self) -> ByteSize {
        self.contents.data_len()
    }

    /// Fills the disks, by their attribute names. Each Block must have the planned size and must read as
    /// zeroes.
    pub fn write(
        &self,
        disks: &BTreeMap<String, Arc<dyn Block>>,
        progress: &dyn Progress,
    ) -> Result<(), ImageError> {
        self.write_checked(disks, progress, &mut || Ok(()))
    }

    /// As [`write`](Self::write), but `check` judges what was written before any partition table is: what
    /// it refuses does not become bootable.
    pub fn write_checked(
        &self,
        disks: &BTreeMap<String, Arc<dyn Block>>,
        progress: &dyn Progress,
        check: &mut dyn FnMut() -> Result<(), ImageError>,
    ) -> Result<(), ImageError> {
        stack::write(&self.plan, &self.contents, &self.keys, (disks, progress, check))
    }
}

/// The plan, what goes into its file systems, and what a virtual machine does of it.
type Decided = (Plan, Contents, Vec<MachineNeed>);

/// The seed that follows from what goes in: the layout as resolved, and the system with its content's hash.
fn seed_of(layout: &Layout, system: &System) -> Seed {
    let layout = layout.resolved_json().to_string();
    let toplevel = system.closure().toplevel().to_string();
    let hash = system.closure().info(system.closure().toplevel()).map(|info| info.nar_hash.to_string());
    Seed::from_inputs([layout.as_bytes(), toplevel.as_bytes(), hash.unwrap_or_default().as_bytes()])
}
