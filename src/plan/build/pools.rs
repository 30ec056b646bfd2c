//! ZFS pools and bcachefs filesystems.

use super::super::assembly::{Bcachefs, Dataset, Pool, PoolGroup, PoolVolume};
use super::super::content::{Assembly, AssemblyKind, Maker, MountPoint, Subvolume};
use super::super::error::Cause;
use super::super::step::Action;
use super::{Builder, Leaf, MemberDevice, Place, formats, mount_point};
use crate::layout::model::bcachefs::BcachefsFilesystem;
use crate::layout::model::content::ContentRef;
use crate::layout::model::zfs::{Dataset as DatasetOptions, Pool as PoolOptions, PoolMode, Vdev, ZfsVolume};
use crate::units::{ByteSize, SectorSize, u64_of};

/// What ZFS keeps of each device for itself: four labels of 256 KiB and 3.5 MiB for boot code.
const ZFS_LABELS: ByteSize = ByteSize(4_608 << 10);

/// ZFS keeps a thirty-second of a pool in reserve (`spa_slop_shift`).
const ZFS_SLOP: u64 = 32;

impl Builder<'_> {
    pub(super) fn pool(&mut self, set: &PoolOptions) {
        let of = Assembly { kind: AssemblyKind::Pool, name: set.name.clone() };
        let members = self.members_of(&of);
        if members.is_empty() {
            let cause = Cause::TooFewMembers { noun: of.kind.noun(), name: of.name, needed: 1, members: 0 };
            return self.problem(set.places.whole(), cause);
        }
        self.step(Action::Assemble, &set.name, format!("make pool {}", set.name), true);
        let groups = groups(set, &members);
        let capacity = capacity(&groups, &members);
        let root = Dataset {
            name: String::new(),
            options: set.root_fs_options.clone(),
            mount: dataset_mount(
                set.mountpoint.as_ref().map(|path| path.as_str()),
                &set.mount_options,
                &set.root_fs_options,
            ),
            volume: None,
        };
        let mut datasets = vec![root];
        for (_, options) in set.datasets.iter() {
            let dataset = self.dataset(set, options, members.first());
            datasets.push(dataset);
        }
        for dataset in &datasets {
            let source = if dataset.name.is_empty() {
                set.name.clone()
            } else {
                format!("{}/{}", set.name, dataset.name)
            };
            self.mount(dataset.mount.as_ref(), &source, "zfs");
        }
        let paths =
            || datasets.iter().filter_map(|dataset| dataset.mount.as_ref()).map(|mount| mount.path.as_str());
        let needed = self.request.contents.needed(paths());
        let path = paths().min().map(str::to_owned);
        let span = set.places.whole();
        for member in &members {
            self.leaves.push(Leaf {
                what: format!("a member of pool {}", set.name),
                device: member.device.clone(),
                size: member.size,
                needed: formats::minimum("zfs"),
                spare: self.request.free,
                span,
            });
        }
        self.leaf("zfs", path.as_deref(), &set.name, (capacity, needed), span);
        self.pools.push(Pool {
            name: set.name.clone(),
            groups,
            capacity,
            needed,
            options: set.options.clone(),
            datasets,
            maker: Maker::Machine,
        });
    }

    fn dataset(
        &mut self,
        pool: &PoolOptions,
        options: &DatasetOptions,
        member: Option<&MemberDevice>,
    ) -> Dataset {
        match options {
            DatasetOptions::Filesystem(set) => {
                let target = format!("{}/{}", pool.name, set.name);
                self.step(Action::Create, &target, format!("make dataset {target}"), false);
                let path = set.mountpoint.as_ref().map(|path| path.as_str());
                Dataset {
                    name: set.name.clone(),
                    options: set.options.clone(),
                    mount: dataset_mount(path, &set.mount_options, &set.options),
                    volume: None,
                }
            }
            DatasetOptions::Volume(set) => {
                let target = format!("{}/{}", pool.name, set.name);
                self.step(Action::Create, &target, format!("make volume {target}"), false);
                let sector = member.map_or(SectorSize::S512, |member| member.sector);
                Dataset {
                    name: set.name.clone(),
                    options: set.options.clone(),
                    mount: None,
                    volume: Some(self.pool_volume(pool, set, sector)),
                }
            }
        }
    }

    fn pool_volume(&mut self, pool: &PoolOptions, set: &ZfsVolume, sector: SectorSize) -> PoolVolume {
        let text = set.size.clone().unwrap_or_default();
        let size = text.parse().unwrap_or_else(|_| {
            let what = format!("volume `{}`", set.name);
            self.problem(set.places.of("size"), Cause::Size { what, text });
            ByteSize::ZERO
        });
        let label = format!("zpool/{}/{}", pool.name, set.name);
        let place = Place { label, size, sector, device: None };
        let content =
            set.content.as_ref().and_then(|content| self.content(ContentRef::from(content), &place));
        PoolVolume { device: format!("/dev/zvol/{}/{}", pool.name, set.name), size, content }
    }

    pub(super) fn bcachefs_filesystem(&mut self, set: &BcachefsFilesystem) {
        let of = Assembly { kind: AssemblyKind::Bcachefs, name: set.name.clone() };
        let members = self.members_of(&of);
        if members.is_empty() {
            let cause = Cause::TooFewMembers { noun: of.kind.noun(), name: of.name, needed: 1, members: 0 };
            return self.problem(set.places.whole(), cause);
        }
        let device = format!("/dev/disk/by-uuid/{}", set.uuid);
        self.step(Action::Assemble, &set.name, format!("make bcachefs filesystem {}", set.name), true);
        let mount = set.mountpoint.as_ref().map(|path| bcachefs_mount(path.as_str(), &set.mount_options));
        let subvolumes: Vec<Subvolume> = set
            .subvolumes
            .values()
            .map(|subvolume| Subvolume {
                name: subvolume.name.clone(),
                mount: subvolume.mountpoint.as_ref().map(|path| {
                    let subdir = format!("X-mount.subdir={}", subvolume.name.trim_start_matches('/'));
                    let options: Vec<String> =
                        std::iter::once(subdir).chain(subvolume.mount_options.iter().cloned()).collect();
                    bcachefs_mount(path.as_str(), &options)
                }),
                swap_files: Vec::new(),
                extra_args: Vec::new(),
            })
            .collect();
        let size = ByteSize(members.iter().map(|member| member.size.bytes()).fold(0, u64::saturating_add));
        let mounts =
            || mount.iter().chain(subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref()));
        let needed = self.request.contents.needed(mounts().map(|mount| mount.path.as_str()));
        let path = mounts().map(|mount| mount.path.as_str()).min().map(str::to_owned);
        self.leaf("bcachefs", path.as_deref(), &set.name, (size, needed), set.places.whole());
        for mount in mounts() {
            self.mount(Some(mount), &device, "bcachefs");
        }
        let uuid = set.uuid.as_str().parse().unwrap_or_else(|_| self.request.seed.uuid(&set.name));
        self.bcachefs.push(Bcachefs {
            name: set.name.clone(),
            uuid,
            members: members.into_iter().map(|member| member.device).collect(),
            size,
            needed,
            mount,
            subvolumes,
            password_file: set.password_file.as_ref().map(ToString::to_string),
            extra_format_args: set.extra_format_args.clone(),
            maker: Maker::Machine,
        });
    }
}

/// disko's options for a mount of bcachefs: `X-mount.mkdir` first, nothing twice.
fn bcachefs_mount(path: &str, options: &[String]) -> MountPoint {
    let mut unique = vec!["X-mount.mkdir".to_owned()];
    for option in options {
        if !unique.contains(option) {
            unique.push(option.clone());
        }
    }
    mount_point(path, &unique)
}

/// Where a dataset is mounted: not at all where its own properties forbid it; by `zfsutil` where its mount point is ZFS's own.
fn dataset_mount(
    path: Option<&str>,
    options: &[String],
    properties: &std::collections::BTreeMap<String, String>,
) -> Option<MountPoint> {
    let property = |name: &str| properties.get(name).map_or("", String::as_str);
    if property("mountpoint") == "none" || property("canmount") == "off" {
        return None;
    }
    let mut mount = mount_point(path?, options);
    if property("mountpoint") != "legacy" {
        mount.options.push("zfsutil".to_owned());
    }
    Some(mount)
}

/// The groups of a pool; without a topology, all members are one.
fn groups(set: &PoolOptions, members: &[MemberDevice]) -> Vec<PoolGroup> {
    let all = || members.iter().map(|member| member.device.clone()).collect();
    let topology = match &set.mode {
        PoolMode::Simple(mode) => {
            return vec![PoolGroup {
                purpose: "data".to_owned(),
                mode: mode.word().to_owned(),
                members: all(),
            }];
        }
        PoolMode::Topology(topology) => topology,
    };
    let group = |purpose: &str, mode: &str, members: &[String]| PoolGroup {
        purpose: purpose.to_owned(),
        mode: mode.to_owned(),
        members: members.iter().map(|name| member_device(name)).collect(),
    };
    let vdevs = |purpose, vdevs: &[Vdev]| -> Vec<PoolGroup> {
        vdevs.iter().map(|vdev| group(purpose, vdev.mode.word(), &vdev.members)).collect()
    };
    let mut groups = vdevs("data", &topology.vdev);
    groups.extend(vdevs("special", topology.special.groups()));
    groups.extend(vdevs("dedup", &topology.dedup));
    groups.extend(vdevs("log", &topology.log));
    for (purpose, members) in [("cache", &topology.cache), ("spare", &topology.spare)] {
        if !members.is_empty() {
            groups.push(group(purpose, "", members));
        }
    }
    groups
}

/// A member of a topology is a path, or the name of a disk that has a partition `zfs`.
fn member_device(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/dev/disk/by-partlabel/disk-{name}-zfs") }
}

/// About how much a pool holds: of each data group the members less parity, less what ZFS keeps.
fn capacity(groups: &[PoolGroup], members: &[MemberDevice]) -> ByteSize {
    let usable = |device: &String| {
        let member = members.iter().find(|member| member.device == *device);
        member.map_or(0, |member| member.size.checked_sub(ZFS_LABELS).unwrap_or(ByteSize::ZERO).bytes())
    };
    let of = |group: &PoolGroup| {
        let sizes: Vec<u64> = group.members.iter().map(usable).collect();
        let (least, count) = (sizes.iter().copied().min().unwrap_or(0), u64_of(sizes.len()));
        match group.mode.as_str() {
            "mirror" => least,
            "raidz" | "raidz1" => least.saturating_mul(count.saturating_sub(1)),
            "raidz2" => least.saturating_mul(count.saturating_sub(2)),
            "raidz3" => least.saturating_mul(count.saturating_sub(3)),
            _ => sizes.iter().copied().fold(0, u64::saturating_add),
        }
    };
    let data = groups.iter().filter(|group| group.purpose == "data").map(of).fold(0, u64::saturating_add);
    ByteSize(data - data / ZFS_SLOP)
}
