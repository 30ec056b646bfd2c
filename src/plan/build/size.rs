//! How large each disk is: as the request says, as the layout says, else the smallest that holds everything.
//!
//! The smallest is found by trying: a walk over the layout with given sizes ([`Builder`]) says what does not fit. First all disks
//! without a size grow together until nothing is short, then the common size is halved down to a mebibyte, then each disk is made
//! smaller by itself as far as the others allow.

use std::collections::BTreeMap;

use super::super::disk::SizeFrom;
use super::super::error::{Cause, PlanError, Problem};
use super::super::request::{DiskRequest, Request};
use super::order::Node;
use super::{Builder, Leaf};
use crate::layout::model::devices::Devices;
use crate::layout::model::disk::Disk;
use crate::units::{ByteSize, GIB, MIB, SectorSize};

/// The largest disk that is tried: 16 PiB, more than any layout asks for.
const LARGEST: u64 = 16 << 50;

/// Where the search begins.
const SMALLEST: u64 = 64 * MIB;

/// The size of a disk where no size makes the layout right.
const USUAL: u64 = 64 * GIB;

/// The size of a disk.
#[derive(Clone, Copy, Debug)]
pub(super) struct Chosen {
    pub size: ByteSize,
    pub sector: SectorSize,
    pub from: SizeFrom,
}

/// The size of each disk, by attribute name.
#[derive(Clone, Debug, Default)]
pub(super) struct Sizes(BTreeMap<String, Chosen>);

impl Sizes {
    /// The size of a disk; none for a name that the layout does not have.
    pub(super) fn of(&self, key: &str) -> Chosen {
        let none = Chosen { size: ByteSize::ZERO, sector: SectorSize::S512, from: SizeFrom::Content };
        self.0.get(key).copied().unwrap_or(none)
    }

    fn with(&self, keys: &[String], size: u64) -> Self {
        let mut sizes = self.clone();
        for key in keys {
            if let Some(chosen) = sizes.0.get_mut(key) {
                chosen.size = ByteSize(size);
            }
        }
        sizes
    }
}

/// Chooses the size of every disk.
pub(super) fn choose(devices: &Devices, order: &[Node<'_>], request: &Request) -> Result<Sizes, PlanError> {
    check_names(devices, request)?;
    let (sizes, open) = given(devices, request);
    if open.is_empty() {
        return Ok(sizes);
    }
    Search { devices, order, request, flexible: Vec::new() }.run(sizes, &open)
}

/// Sizes for looking at what no size makes right: those that are given, and a usual one for the others.
pub(super) fn usual(devices: &Devices, request: &Request) -> Sizes {
    let (sizes, open) = given(devices, request);
    sizes.with(&open, USUAL)
}

/// The sizes that the request and the layout give, and the disks for which neither does.
fn given(devices: &Devices, request: &Request) -> (Sizes, Vec<String>) {
    let mut sizes = Sizes::default();
    let mut open = Vec::new();
    for (key, disk) in &devices.disk {
        let chosen = asked(key, request)
            .map(|asked| Chosen { size: asked.size, sector: asked.sector_size, from: SizeFrom::Request })
            .or_else(|| declared(disk));
        sizes.0.insert(key.clone(), chosen.unwrap_or_else(|| sizes.of(key)));
        if chosen.is_none() {
            open.push(key.clone());
        }
    }
    (sizes, open)
}

fn check_names(devices: &Devices, request: &Request) -> Result<(), PlanError> {
    let unknown =
        request.disks.iter().filter(|asked| asked.name != "*" && !devices.disk.contains_key(&asked.name));
    let problems: Vec<Problem> = unknown
        .map(|asked| {
            let known: Vec<String> = devices.disk.keys().map(|key| format!("`{key}`")).collect();
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            Problem { cause: Cause::UnknownDisk { name: asked.name.clone(), known }, span: None }
        })
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(PlanError::new(problems)) }
}

/// What the request says of a disk: by its name, else of all.
fn asked<'a>(key: &str, request: &'a Request) -> Option<&'a DiskRequest> {
    let last = |name: &str| request.disks.iter().rev().find(|asked| asked.name == name);
    last(key).or_else(|| last("*"))
}

/// What the layout says, where somebody wrote it there. `nix eval` prints disko's default of 2G with every disk: in a document
/// that has all options, hooks included, that value was not written by anybody.
fn declared(disk: &Disk) -> Option<Chosen> {
    let evaluated = disk.places.has("imageName") && disk.places.has("preCreateHook");
    if !disk.places.has("imageSize") || (evaluated && disk.image_size.as_str() == "2G") {
        return None;
    }
    let size = disk.image_size.as_str().parse().ok()?;
    Some(Chosen { size, sector: SectorSize::S512, from: SizeFrom::Layout })
}

struct Search<'a> {
    devices: &'a Devices,
    order: &'a [Node<'a>],
    request: &'a Request,
    /// Devices of the leaves that grow with the disks: these get free space.
    flexible: Vec<String>,
}

impl Search<'_> {
    fn run(mut self, sizes: Sizes, open: &[String]) -> Result<Sizes, PlanError> {
        let fits = self.grow(&sizes, open)?;
        self.flexible = self.flexible(&sizes, open, fits);
        let fits = self.grow(&sizes, open)?;
        let common = self.shrink(&sizes, open, fits);
        let mut sizes = sizes.with(open, common);
        if open.len() > 1 {
            for key in open {
                let only = std::slice::from_ref(key);
                let least = self.shrink(&sizes, only, common);
                sizes = sizes.with(only, least);
            }
        }
        Ok(sizes)
    }

    fn attempt(&self, sizes: &Sizes) -> Builder<'_> {
        Builder::run(self.devices, self.order, self.request, sizes)
    }

    /// Whether nothing is short with these sizes.
    fn fits(&self, sizes: &Sizes) -> bool {
        let mut attempt = self.attempt(sizes);
        attempt.check_fit(|leaf| self.free(leaf));
        attempt.problems.is_empty()
    }

    fn free(&self, leaf: &Leaf) -> ByteSize {
        if self.flexible.contains(&leaf.device) { leaf.spare } else { ByteSize::ZERO }
    }

    /// The first common size, doubling, for which nothing is short.
    fn grow(&self, sizes: &Sizes, open: &[String]) -> Result<u64, PlanError> {
        let mut size = SMALLEST;
        while size <= LARGEST {
            if self.fits(&sizes.with(open, size)) {
                return Ok(size);
            }
            size *= 2;
        }
        // No size helps: what is wrong with a usual one is the reason.
        let mut attempt = self.attempt(&sizes.with(open, USUAL));
        attempt.check_fit(|_| ByteSize::ZERO);
        let mut problems = attempt.problems;
        if problems.is_empty() {
            problems.push(Problem { cause: Cause::NoSize(open.join(", ")), span: None });
        }
        Err(PlanError::new(problems))
    }

    /// The leaves whose size is another on disks of twice the size.
    fn flexible(&self, sizes: &Sizes, open: &[String], size: u64) -> Vec<String> {
        let leaves = |size| self.attempt(&sizes.with(open, size)).leaves;
        let (small, large) = (leaves(size), leaves(size * 2));
        small
            .into_iter()
            .zip(large)
            .filter(|(small, large)| small.size != large.size)
            .map(|(small, _)| small.device)
            .collect()
    }

    /// The smallest size of the disks `keys`, in mebibytes, that still fits, given that `fits` does.
    fn shrink(&self, sizes: &Sizes, keys: &[String], fits: u64) -> u64 {
        let (mut short, mut fits) = (0, fits / MIB);
        while fits - short > 1 {
            let middle = short + (fits - short) / 2;
            if self.fits(&sizes.with(keys, middle * MIB)) { fits = middle } else { short = middle }
        }
        fits * MIB
    }
}
