//! What happens in the machine, step by step: decided from the plan alone.

mod bcachefs;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt;

use serde_json::Value as Json;

use super::hook::Hook;
use super::mount::ROOT;
use crate::image::{HookUse, leads_to_machine};
use crate::plan::Plan;
use crate::plan::assembly::{Array, Bcachefs, Dataset, Pool, VolumeGroup};
use crate::plan::content::{Assembly, AssemblyKind, Content, Filesystem, Luks, Maker};
use crate::plan::disk::Table;
use crate::plan::mount::Mount;

/// A step in the machine.
#[derive(Clone, Debug)]
pub enum Operation {
    /// A hook is run.
    Hook(Hook),
    /// Our own writers fill the disks, tables included.
    Write(Filling),
    /// The kernel reads the table on the disk with this name, and the devices get the names that the layout has for them.
    PublishDisk(String),
    /// The same for a table on a device that was put together.
    PublishTable(String),
    /// A program of the system is run.
    Run(Run),
    /// The same with a file as its standard input: a passphrase.
    RunWithInput {
        /// The program.
        run: Run,
        /// Path of the file.
        input: String,
    },
    /// Subvolumes of a bcachefs filesystem are made.
    MakeSubvolumes {
        /// The filesystem, as it is mounted.
        source: String,
        /// Their paths from its top.
        names: Vec<String>,
    },
    /// An encrypted container is opened.
    OpenLuks(Box<Luks>),
    /// The device of the volume that was just made in a pool gets its name.
    PublishVolume(String),
    /// Our own writers fill one device.
    WriteContent {
        /// Its path.
        device: String,
        /// With what.
        content: Box<Content>,
    },
    /// A file system is mounted below the root of what is put together.
    Mount(Mount),
    /// What belongs at a path is copied there.
    Copy {
        /// The path in the system.
        path: String,
        /// What it is copied into, as `mount -t` calls it.
        format: String,
    },
    /// The file system at a path is unmounted.
    Unmount(String),
}

/// What our writers put into file systems.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Filling {
    /// What belongs there.
    Contents,
    /// Nothing: it is copied later, after hooks have seen them empty.
    Blank,
}

/// A program with its arguments, found on the system's own path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run(pub Vec<String>);

impl Run {
    fn new<T: Into<String>>(words: impl IntoIterator<Item = T>) -> Self {
        Self(words.into_iter().map(Into::into).collect())
    }

    /// The program's name.
    pub fn program(&self) -> &str {
        self.0.first().map_or("", String::as_str)
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Hook(hook) => write!(f, "hook {}", hook.path),
            Self::Write(Filling::Contents) => f.write_str("write"),
            Self::Write(Filling::Blank) => f.write_str("write blank"),
            Self::PublishDisk(name) => write!(f, "publish disk {name}"),
            Self::PublishTable(device) => write!(f, "publish the table on {device}"),
            Self::Run(run) => f.write_str(&run.0.join(" ")),
            Self::RunWithInput { run, input } => write!(f, "{} < {input}", run.0.join(" ")),
            Self::MakeSubvolumes { source, names } => write!(f, "make in {source}: {}", names.join(", ")),
            Self::OpenLuks(luks) => write!(f, "open {} as {}", luks.device, luks.name),
            Self::PublishVolume(device) => write!(f, "publish {device}"),
            Self::WriteContent { device, .. } => write!(f, "write {device}"),
            Self::Mount(mount) => {
                write!(
                    f,
                    "mount {} {} at {} ({})",
                    mount.format,
                    mount.source,
                    mount.path,
                    mount.options.join(",")
                )
            }
            Self::Copy { path, .. } => write!(f, "copy {path}"),
            Self::Unmount(path) => write!(f, "unmount {path}"),
        }
    }
}

/// All steps in their order.
pub fn operations(plan: &Plan, hooks: HookUse) -> Vec<Operation> {
    let mut walk = Walk {
        plan,
        hooks,
        before: Vec::new(),
        making: Vec::new(),
        closing: Vec::new(),
        mounting: Mounting::default(),
        members: BTreeMap::new(),
        bcachefs_members: BTreeMap::new(),
        ready: VecDeque::new(),
    };
    for disk in &plan.disks {
        walk.disk(disk);
    }
    while let Some(assembly) = walk.ready.pop_front() {
        walk.assembly(&assembly);
    }
    if let Some(Json::Object(nodevs)) = plan.layout.get("nodev") {
        for (name, json) in nodevs {
            let mounted = json.get("mountpoint").and_then(Json::as_str);
            walk.enter(json, &format!("nodev.{name}"));
            walk.leave(json, &format!("nodev.{name}"), mounted);
        }
    }
    walk.finish()
}

/// The programs of the system that `operations` call, a shell for hooks apart.
pub fn programs(operations: &[Operation]) -> BTreeSet<String> {
    let program = |operation: &Operation| match operation {
        Operation::Run(run) | Operation::RunWithInput { run, .. } => Some(run.program().to_owned()),
        Operation::OpenLuks(_) => Some("cryptsetup".to_owned()),
        _ => None,
    };
    operations.iter().filter_map(program).collect()
}

/// Hooks around mounting.
#[derive(Default)]
struct Mounting {
    /// Paths that are mounted and filled.
    wanted: BTreeSet<String>,
    /// `preMountHook`, `postMountHook`, `preUnmountHook`, `postUnmountHook` by the path that is mounted; those of what is
    /// not mounted itself are at the empty path.
    hooks: BTreeMap<String, [Vec<Hook>; 4]>,
}

struct Walk<'a> {
    plan: &'a Plan,
    hooks: HookUse,
    before: Vec<Operation>,
    making: Vec<Operation>,
    closing: Vec<Operation>,
    mounting: Mounting,
    members: BTreeMap<Assembly, usize>,
    /// What is said of each member of bcachefs filesystems when those are made.
    bcachefs_members: BTreeMap<String, Vec<Vec<String>>>,
    ready: VecDeque<Assembly>,
}

impl<'a> Walk<'a> {
    fn disk(&mut self, disk: &'a crate::plan::disk::Disk) {
        let json = child(&self.plan.layout, &["disk", &disk.key]);
        let path = format!("disk.{}", disk.key);
        self.enter(json, &path);
        self.making.push(Operation::PublishDisk(disk.key.clone()));
        if let Some(content) = &disk.content {
            self.content(content, child(json, &["content"]), &format!("{path}.content"));
        }
        self.leave(json, &path, None);
    }

    fn content(&mut self, content: &'a Content, json: &'a Json, path: &str) {
        self.enter(json, path);
        let mut mounted = None;
        match content {
            Content::Table(table) => self.table(table, json, path),
            Content::Filesystem(filesystem) => mounted = self.filesystem(filesystem),
            Content::Luks(luks) => self.luks(luks, json, path),
            Content::Member(member) => {
                self.bcachefs_member(member, json);
                self.member(&member.of);
            }
            Content::Swap(_) => {}
        }
        self.leave(json, path, mounted);
    }

    fn table(&mut self, table: &'a Table, json: &'a Json, path: &str) {
        let partitions = child(json, &["partitions"]);
        for (index, partition) in table.partitions.iter().enumerate() {
            let (json, step) = match partitions.get(partition.name.as_str()) {
                Some(json) => (json, partition.name.clone()),
                // Those of a boot record are a list.
                None => (partitions.get(index).unwrap_or(&Json::Null), index.to_string()),
            };
            if let Some(content) = &partition.content {
                self.content(
                    content,
                    child(json, &["content"]),
                    &format!("{path}.partitions.{step}.content"),
                );
            }
        }
    }

    /// Where it is mounted itself.
    fn filesystem(&mut self, filesystem: &'a Filesystem) -> Option<&'a str> {
        let is_made_here = filesystem.maker == Maker::Machine;
        if is_made_here {
            let mut words = vec![format!("mkfs.{}", filesystem.format)];
            words.extend(filesystem.extra_args.iter().cloned());
            words.push(filesystem.device.clone());
            self.making.push(Operation::Run(Run(words)));
        }
        let subvolumes = filesystem.subvolumes.iter().filter_map(|subvolume| subvolume.mount.as_ref());
        if is_made_here || self.hooks == HookUse::Run {
            let mounts = filesystem.mount.iter().chain(subvolumes);
            self.mounting.wanted.extend(mounts.map(|mount| mount.path.clone()));
        }
        filesystem.mount.as_ref().map(|mount| mount.path.as_str())
    }

    /// Whether the kernel has to see what lies on `content`.
    fn is_needed(&self, content: Option<&Content>) -> bool {
        self.hooks == HookUse::Run || content.is_some_and(|content| leads_to_machine(content, self.plan))
    }

    fn luks(&mut self, luks: &'a Luks, json: &'a Json, path: &str) {
        let inner = luks.content.as_deref();
        if self.is_needed(inner) {
            self.making.push(Operation::OpenLuks(Box::new(luks.clone())));
            self.closing.push(Operation::Run(Run::new(["cryptsetup", "close", &luks.name])));
        }
        if let Some(content) = inner {
            self.content(content, child(json, &["content"]), &format!("{path}.content"));
        }
    }

    fn member(&mut self, of: &Assembly) {
        let so_far = self.members.entry(of.clone()).or_default();
        *so_far += 1;
        let plan = self.plan;
        let expected = match of.kind {
            AssemblyKind::Array => {
                plan.arrays.iter().find(|array| array.name == of.name).map(|array| array.members.len())
            }
            AssemblyKind::VolumeGroup => {
                plan.groups.iter().find(|group| group.name == of.name).map(|group| group.members.len())
            }
            AssemblyKind::Pool => plan
                .pools
                .iter()
                .find(|pool| pool.name == of.name)
                .map(|pool| pool.groups.iter().map(|group| group.members.len()).sum()),
            AssemblyKind::Bcachefs => plan
                .bcachefs
                .iter()
                .find(|filesystem| filesystem.name == of.name)
                .map(|filesystem| filesystem.members.len()),
        };
        if expected == Some(*so_far) {
            self.ready.push_back(of.clone());
        }
    }

    fn assembly(&mut self, of: &Assembly) {
        let plan = self.plan;
        match of.kind {
            AssemblyKind::Array => {
                plan.arrays.iter().filter(|array| array.name == of.name).for_each(|array| self.array(array))
            }
            AssemblyKind::VolumeGroup => {
                plan.groups.iter().filter(|group| group.name == of.name).for_each(|group| self.group(group));
            }
            AssemblyKind::Pool => {
                plan.pools.iter().filter(|pool| pool.name == of.name).for_each(|pool| self.pool(pool))
            }
            AssemblyKind::Bcachefs => {
                let is_it = |filesystem: &&'a Bcachefs| filesystem.name == of.name;
                plan.bcachefs.iter().filter(is_it).for_each(|filesystem| self.bcachefs(filesystem));
            }
        }
    }

    fn array(&mut self, array: &'a Array) {
        let json = child(&self.plan.layout, &["mdadm", &array.name]);
        let path = format!("mdadm.{}", array.name);
        self.enter(json, &path);
        if self.is_needed(array.content.as_ref()) {
            let words = ["mdadm", "--assemble", &array.device, "--run"];
            let members = array.members.iter().map(String::as_str);
            self.making.push(Operation::Run(Run::new(words.into_iter().chain(members))));
            self.closing.push(Operation::Run(Run::new(["mdadm", "--stop", &array.device])));
            if matches!(array.content, Some(Content::Table(_))) {
                self.making.push(Operation::PublishTable(array.device.clone()));
            }
        }
        if let Some(content) = &array.content {
            self.content(content, child(json, &["content"]), &format!("{path}.content"));
        }
        self.leave(json, &path, None);
    }

    fn group(&mut self, group: &'a VolumeGroup) {
        let json = child(&self.plan.layout, &["lvm_vg", &group.name]);
        let path = format!("lvm_vg.{}", group.name);
        self.enter(json, &path);
        if group.volumes.iter().any(|volume| self.is_needed(volume.content.as_ref())) {
            // Nobody answers for udev here.
            let alone = "activation { udev_sync=0 udev_rules=0 } devices { obtain_device_list_from_udev=0 }";
            let words = |word| Run::new(["vgchange", "--config", alone, word, &group.name]);
            self.making.push(Operation::Run(words("-ay")));
            self.closing.push(Operation::Run(words("-an")));
        }
        for volume in &group.volumes {
            let json = child(json, &["lvs", &volume.name]);
            let path = format!("{path}.lvs.{}", volume.name);
            self.enter(json, &path);
            if let Some(content) = &volume.content {
                self.content(content, child(json, &["content"]), &format!("{path}.content"));
            }
            self.leave(json, &path, None);
        }
        self.leave(json, &path, None);
    }

    fn pool(&mut self, pool: &'a Pool) {
        let json = child(&self.plan.layout, &["zpool", &pool.name]);
        let path = format!("zpool.{}", pool.name);
        self.enter(json, &path);
        self.making.push(Operation::Run(create_pool(pool, json)));
        self.closing.push(Operation::Run(Run::new(["zpool", "export", &pool.name])));
        for dataset in &pool.datasets {
            if dataset.name.is_empty() {
                self.want(dataset);
                continue;
            }
            let json = child(json, &["datasets", &dataset.name]);
            let path = format!("{path}.datasets.{}", dataset.name);
            self.enter(json, &path);
            self.making.push(Operation::Run(create_dataset(pool, dataset, json)));
            if let Some(volume) = &dataset.volume {
                self.making.push(Operation::PublishVolume(volume.device.clone()));
                if let Some(content) = &volume.content {
                    let (device, own) = (volume.device.clone(), Box::new(content.clone()));
                    self.making.push(Operation::WriteContent { device, content: own });
                    self.content(content, child(json, &["content"]), &format!("{path}.content"));
                }
            }
            self.want(dataset);
            self.leave(json, &path, dataset.mount.as_ref().map(|mount| mount.path.as_str()));
        }
        let root = pool.datasets.iter().find(|dataset| dataset.name.is_empty());
        let mounted = root.and_then(|root| root.mount.as_ref()).map(|mount| mount.path.as_str());
        self.leave(json, &path, mounted);
    }

    fn want(&mut self, dataset: &Dataset) {
        self.mounting.wanted.extend(dataset.mount.as_ref().map(|mount| mount.path.clone()));
    }

    fn hook(&self, json: &Json, path: &str, name: &str) -> Option<Hook> {
        if self.hooks == HookUse::LeaveOut { None } else { Hook::of(json.as_object()?, path, name) }
    }

    fn enter(&mut self, json: &Json, path: &str) {
        self.before.extend(self.hook(json, path, "preCreateHook").map(Operation::Hook));
    }

    /// The end of something that is mounted at `mounted`, or not at all.
    fn leave(&mut self, json: &Json, path: &str, mounted: Option<&str>) {
        self.making.extend(self.hook(json, path, "postCreateHook").map(Operation::Hook));
        let names = ["preMountHook", "postMountHook", "preUnmountHook", "postUnmountHook"];
        let found = names.map(|name| self.hook(json, path, name));
        let all = self.mounting.hooks.entry(mounted.unwrap_or_default().to_owned()).or_default();
        for (hooks, hook) in all.iter_mut().zip(found) {
            hooks.extend(hook);
        }
    }

    fn finish(self) -> Vec<Operation> {
        let filling = if self.hooks == HookUse::Run { Filling::Blank } else { Filling::Contents };
        let Self { plan, mut before, making, mut closing, mounting, .. } = self;
        before.push(Operation::Write(filling));
        before.extend(making);
        let of = |path: &str, when: usize| -> Vec<Operation> {
            let hooks = mounting.hooks.get(path).map(|hooks| hooks[when].clone()).unwrap_or_default();
            hooks.into_iter().map(Operation::Hook).collect()
        };
        let is_wanted = |mount: &&Mount| mounting.wanted.contains(&mount.path);
        let mounts: Vec<&Mount> = plan.mounts.iter().filter(is_wanted).collect();
        // What is mounted elsewhere (tmpfs) is not mounted here, but has its hooks.
        let others: Vec<&String> =
            mounting.hooks.keys().filter(|path| !mounting.wanted.contains(*path)).collect();
        let mut all = before;
        others.iter().for_each(|path| all.extend(of(path, 0)));
        for mount in &mounts {
            all.extend(of(&mount.path, 0));
            all.push(Operation::Mount(bcachefs::by_devices(plan, mount)));
            all.extend(of(&mount.path, 1));
        }
        others.iter().for_each(|path| all.extend(of(path, 1)));
        all.extend(
            mounts
                .iter()
                .map(|mount| Operation::Copy { path: mount.path.clone(), format: mount.format.clone() }),
        );
        others.iter().for_each(|path| all.extend(of(path, 2)));
        for mount in mounts.iter().rev() {
            all.extend(of(&mount.path, 2));
            all.push(Operation::Unmount(mount.path.clone()));
            all.extend(of(&mount.path, 3));
        }
        others.iter().for_each(|path| all.extend(of(path, 3)));
        closing.reverse();
        all.extend(closing);
        all
    }
}

/// What is at `path` below `json`; null where nothing is.
fn child<'a>(json: &'a Json, path: &[&str]) -> &'a Json {
    path.iter().fold(json, |json, step| json.get(step).unwrap_or(&Json::Null))
}

/// `zpool create` as disko calls it.
fn create_pool(pool: &Pool, json: &Json) -> Run {
    let mut words: Vec<String> = ["zpool", "create", "-f", "-R", ROOT].map(str::to_owned).to_vec();
    words.extend(pool.options.iter().flat_map(|(name, value)| ["-o".to_owned(), format!("{name}={value}")]));
    let root = pool.datasets.iter().find(|dataset| dataset.name.is_empty());
    let own = root.map(|root| root.options.clone()).unwrap_or_default();
    words.extend(properties(json, &own).into_iter().flat_map(|property| ["-O".to_owned(), property]));
    words.push(pool.name.clone());
    for group in &pool.groups {
        words.extend((group.purpose != "data").then(|| group.purpose.clone()));
        words.extend((!group.mode.is_empty()).then(|| group.mode.clone()));
        words.extend(group.members.iter().cloned());
    }
    Run(words)
}

/// `zfs create` as disko calls it: parents are made, nothing is mounted.
fn create_dataset(pool: &Pool, dataset: &Dataset, json: &Json) -> Run {
    let mut words: Vec<String> = ["zfs", "create", "-u", "-p"].map(str::to_owned).to_vec();
    words.extend(
        properties(json, &dataset.options).into_iter().flat_map(|property| ["-o".to_owned(), property]),
    );
    if let Some(volume) = &dataset.volume {
        // A volume is never mounted, and knows no option against it.
        words.retain(|word| word != "-u");
        let more = json.get("extraArgs").and_then(Json::as_array).into_iter().flatten();
        words.extend(more.filter_map(Json::as_str).map(str::to_owned));
        words.extend(["-V".to_owned(), volume.size.bytes().to_string()]);
    }
    words.push(format!("{}/{}", pool.name, dataset.name));
    Run(words)
}

/// Properties as `name=value`; the layout's mount point is one unless they name another.
fn properties(json: &Json, own: &BTreeMap<String, String>) -> Vec<String> {
    let mut all: BTreeMap<&str, &str> = BTreeMap::new();
    all.extend(json.get("mountpoint").and_then(Json::as_str).map(|path| ("mountpoint", path)));
    all.extend(own.iter().map(|(name, value)| (name.as_str(), value.as_str())));
    all.iter().map(|(name, value)| format!("{name}={value}")).collect()
}

#[cfg(test)]
mod tests;
