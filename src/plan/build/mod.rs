//! From a layout and a request to a plan.
//!
//! [`Builder`] walks the devices in the order in which they are made ([`order`]): a disk gives its size to its table, a table to
//! its partitions, a container to what lies in it; members are collected until what they belong to is reached. With other sizes
//! of disks the walk comes to other numbers, so [`size`] tries it until it has found the smallest disks without a shortage.

mod arrays;
mod contents;
mod formats;
mod hybrid;
mod legacy;
mod lvm;
mod order;
mod pools;
mod size;
mod tables;

use serde_json::Value as Json;

use super::assembly::{Array, Bcachefs, Pool, VolumeGroup};
use super::boot::Boot;
use super::content::{Assembly, MountPoint};
use super::disk::{Before, Disk};
use super::error::{Cause, Exact, Problem};
use super::mount::{self, Mount, SwapUse};
use super::step::{Action, Step};
use super::{Plan, Request, machine};
use crate::layout::model::content::ContentRef;
use crate::layout::model::devices::Devices;
use crate::layout::model::disk::Disk as DiskOptions;
use crate::layout::syntax::source::Span;
use crate::units::{ByteSize, SectorSize};
use order::Node;
use size::Sizes;

/// See [`Plan::draft`].
pub(super) fn draft(devices: &Devices, layout: Json, request: &Request) -> (Plan, Vec<Problem>) {
    let mut problems = order::unresolved(devices);
    let mut built = match order::order(devices) {
        Ok(order) => {
            let sizes = size::choose(devices, &order, request).unwrap_or_else(|error| {
                problems.extend(error.problems().iter().cloned());
                size::usual(devices, request)
            });
            Builder::run(devices, &order, request, &sizes)
        }
        Err(cycle) => {
            problems.push(cycle);
            Builder::new(request)
        }
    };
    built.check_fit(|_| ByteSize::ZERO);
    for problem in std::mem::take(&mut built.problems) {
        if !problems.contains(&problem) {
            problems.push(problem);
        }
    }
    (built.finish(layout), problems)
}

/// Where a content lies.
#[derive(Clone, Debug)]
struct Place {
    /// What its identity is derived from: a path of names such as `disk/main/partition/root`.
    label: String,
    /// Bytes of the device.
    size: ByteSize,
    /// Sectors of the device.
    sector: SectorSize,
    /// Path of the device, where it is another than the layout's default says.
    device: Option<String>,
}

impl Place {
    fn below(&self, name: &str, size: ByteSize) -> Self {
        Self { label: format!("{}/{name}", self.label), size, sector: self.sector, device: None }
    }
}

/// A device that is a member of something.
#[derive(Clone, Debug)]
struct MemberDevice {
    of: Assembly,
    device: String,
    size: ByteSize,
    sector: SectorSize,
}

/// Something at the end of the tree that needs room.
#[derive(Clone, Debug)]
struct Leaf {
    /// What it is, in words.
    what: String,
    device: String,
    /// Bytes that there are.
    size: ByteSize,
    /// Bytes that it needs.
    needed: ByteSize,
    /// Bytes besides, where its size is ours to choose.
    spare: ByteSize,
    span: Span,
}

/// The walk, and what it has come to.
struct Builder<'a> {
    request: &'a Request,
    problems: Vec<Problem>,
    notes: Vec<String>,
    members: Vec<MemberDevice>,
    leaves: Vec<Leaf>,
    disks: Vec<Disk>,
    arrays: Vec<Array>,
    groups: Vec<VolumeGroup>,
    pools: Vec<Pool>,
    bcachefs: Vec<Bcachefs>,
    mounts: Vec<Mount>,
    swaps: Vec<SwapUse>,
    steps: Vec<Step>,
}

impl<'a> Builder<'a> {
    fn new(request: &'a Request) -> Self {
        Self {
            request,
            problems: Vec::new(),
            notes: Vec::new(),
            members: Vec::new(),
            leaves: Vec::new(),
            disks: Vec::new(),
            arrays: Vec::new(),
            groups: Vec::new(),
            pools: Vec::new(),
            bcachefs: Vec::new(),
            mounts: Vec::new(),
            swaps: Vec::new(),
            steps: Vec::new(),
        }
    }

    fn run(devices: &'a Devices, order: &[Node<'a>], request: &'a Request, sizes: &Sizes) -> Self {
        let mut builder = Self::new(request);
        for disk in devices.disk.values().filter(|disk| disk.destroy) {
            let what = format!("wipe disk {}", disk.name);
            builder.step(Action::Wipe, disk.device.as_str(), what, true);
        }
        for node in order {
            match node {
                Node::Disk(key, disk) => builder.disk(key, disk, sizes),
                Node::Array(array) => builder.array(array),
                Node::VolumeGroup(group) => builder.volume_group(group),
                Node::Pool(pool) => builder.pool(pool),
                Node::Bcachefs(filesystem) => builder.bcachefs_filesystem(filesystem),
            }
        }
        for nodev in devices.nodev.values() {
            let mount =
                nodev.mountpoint.as_ref().map(|path| mount_point(path.as_str(), &nodev.mount_options));
            builder.mount(mount.as_ref(), &nodev.device, &nodev.fs_type);
        }
        builder
    }

    fn disk(&mut self, key: &str, options: &DiskOptions, sizes: &Sizes) {
        let chosen = sizes.of(key);
        let place =
            Place { label: format!("disk/{key}"), size: chosen.size, sector: chosen.sector, device: None };
        let content = options.content.as_ref().map(|content| self.content(ContentRef::from(content), &place));
        self.disks.push(Disk {
            key: key.to_owned(),
            name: options.name.clone(),
            device: options.device.to_string(),
            image_name: options.image_name.clone(),
            size: chosen.size,
            size_from: chosen.from,
            sector_size: chosen.sector,
            before: if options.destroy { Before::Destroyed } else { Before::Kept },
            content: content.flatten(),
        });
    }

    /// The members of `of`, in the order in which they were met.
    fn members_of(&self, of: &Assembly) -> Vec<MemberDevice> {
        self.members.iter().filter(|member| member.of == *of).cloned().collect()
    }

    fn problem(&mut self, span: Span, cause: Cause) {
        self.problems.push(Problem { cause, span: Some(span) });
    }

    fn step(&mut self, action: Action, target: &str, what: String, destructive: bool) {
        self.steps.push(Step { action, target: target.to_owned(), what, destructive });
    }

    fn mount(&mut self, mount: Option<&MountPoint>, source: &str, format: &str) {
        let Some(MountPoint { path, options }) = mount.cloned() else { return };
        self.mounts.push(Mount { path, source: source.to_owned(), format: format.to_owned(), options });
    }

    /// Adds a problem for everything that does not fit. `extra` is room that a leaf should have besides what it needs.
    fn check_fit(&mut self, extra: impl Fn(&Leaf) -> ByteSize) {
        let short: Vec<Problem> = self
            .leaves
            .iter()
            .filter_map(|leaf| {
                let needed = ByteSize(leaf.needed.bytes().saturating_add(extra(leaf).bytes()));
                (needed > leaf.size).then(|| Problem {
                    cause: Cause::DoesNotFit {
                        what: leaf.what.clone(),
                        device: leaf.device.clone(),
                        needed: Exact(needed),
                        available: Exact(leaf.size),
                    },
                    span: Some(leaf.span),
                })
            })
            .collect();
        self.problems.extend(short);
    }

    fn finish(mut self, layout: Json) -> Plan {
        mount::in_order(&mut self.mounts);
        let mut steps = self.steps;
        steps.extend(self.mounts.iter().map(|mount| Step {
            action: Action::Mount,
            target: mount.path.clone(),
            what: format!("mount {} at {}", mount.source, mount.path),
            destructive: false,
        }));
        steps.extend(self.swaps.iter().map(|swap| Step {
            action: Action::SwapOn,
            target: swap.device.clone(),
            what: format!("swap on {}", swap.device),
            destructive: false,
        }));
        self.disks.sort_by(|a, b| a.key.cmp(&b.key));
        self.notes.dedup();
        let mut plan = Plan {
            seed: self.request.seed,
            disks: self.disks,
            arrays: self.arrays,
            groups: self.groups,
            pools: self.pools,
            bcachefs: self.bcachefs,
            mounts: self.mounts,
            swaps: self.swaps,
            boot: Boot::default(),
            steps,
            notes: self.notes,
            places: self.leaves.into_iter().map(|leaf| (leaf.device, leaf.span)).collect(),
            layout,
        };
        machine::settle(&mut plan);
        plan.boot = Boot::of(&plan);
        plan
    }
}

fn mount_point(path: &str, options: &[String]) -> MountPoint {
    MountPoint { path: path.to_owned(), options: options.to_vec() }
}
