//! Where the devices of a plan are on this machine.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::super::install::Targets;
use crate::plan::Plan;

/// Where the devices of a plan are on this machine. Names below `/dev/disk/by-partlabel` are not trusted: two disks may
/// have partitions of the same name, and the layout means the one on the disk that was chosen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Nodes {
    by_device: BTreeMap<String, PathBuf>,
}

impl Nodes {
    /// The nodes of the disks of `plan`, which are `targets`, and of their partitions.
    pub fn new(plan: &Plan, targets: &Targets) -> Self {
        let mut by_device = BTreeMap::new();
        for disk in &plan.disks {
            let Some(target) = targets.get(&disk.key) else { continue };
            by_device.insert(disk.device.clone(), target.path.clone());
            for partition in disk.table().iter().flat_map(|table| &table.partitions) {
                by_device.insert(partition.device.clone(), partition_node(&target.path, partition.number));
            }
        }
        Self { by_device }
    }

    /// The node of `device`. What is no part of a disk has the name that the plan gives it.
    pub fn of(&self, device: &str) -> PathBuf {
        self.by_device.get(device).cloned().unwrap_or_else(|| device.into())
    }
}

/// The kernel's name of a partition: a `p` keeps its number from a disk's that ends in one (`block/partitions/core.c`).
fn partition_node(disk: &Path, number: u32) -> PathBuf {
    let disk = disk.to_string_lossy();
    let between = if disk.ends_with(|last: char| last.is_ascii_digit()) { "p" } else { "" };
    format!("{disk}{between}{number}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_kept_from_the_number_of_its_disk() {
        assert_eq!(partition_node(Path::new("/dev/sda"), 1), Path::new("/dev/sda1"));
        assert_eq!(partition_node(Path::new("/dev/nvme0n1"), 12), Path::new("/dev/nvme0n1p12"));
        assert_eq!(partition_node(Path::new("/dev/loop7"), 2), Path::new("/dev/loop7p2"));
    }
}
