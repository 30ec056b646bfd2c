//! Mounting what a layout describes: the programs that do it, in their order, decided before the first of them runs.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::Nodes;
use crate::command::Program;
use crate::image;
use crate::plan::Plan;
use crate::plan::content::{Content, Luks, LuksKey};
use crate::plan::mount::SwapUse;

/// What is there already and need not be made: devices, mount points, swap.
pub trait Present {
    /// Whether the block device at `path` is there.
    fn device(&self, path: &Path) -> bool;
    /// Whether something is mounted at `path`.
    fn mounted(&self, path: &Path) -> bool;
    /// Whether `path` is swapped to.
    fn swapped(&self, path: &Path) -> bool;
}

/// The programs that open and mount everything of `plan` below `root`, but for what is there already.
pub fn mounting(plan: &Plan, nodes: &Nodes, root: &Path, present: &dyn Present) -> Vec<Program> {
    let mut programs = Vec::new();
    for layer in layers(plan) {
        programs.extend(layer.open(nodes, present));
    }
    for mount in &plan.mounts {
        let place = below(root, &mount.path);
        if present.mounted(&place) || mount.path == "none" || mount.format == "swap" {
            continue;
        }
        let is_bind = mount.options.iter().any(|option| option == "bind" || option == "rbind");
        let source = if is_bind { below(root, &mount.source) } else { nodes.of(&mount.source) };
        programs.push(Program::new("mkdir", "coreutils").arg("-p").arg(&place));
        let mut program = Program::new("mount", "mount").arg("-t").arg(&mount.format);
        if !mount.options.is_empty() {
            program = program.arg("-o").arg(mount.options.join(","));
        }
        programs.push(program.arg(source).arg(place));
    }
    for swap in plan.swaps.iter().filter(|swap| !swap.random_encryption) {
        let place = swap_place(swap, nodes, root);
        if !present.swapped(&place) {
            programs.push(swap_on(swap, &place));
        }
    }
    programs
}

/// The programs that unmount and close everything of `plan` below `root` that is there.
pub fn unmounting(plan: &Plan, nodes: &Nodes, root: &Path, present: &dyn Present) -> Vec<Program> {
    let mut programs = Vec::new();
    let swaps = plan.swaps.iter().rev().map(|swap| swap_place(swap, nodes, root));
    for place in swaps.filter(|place| present.swapped(place)) {
        programs.push(Program::new("swapoff", "mount").arg(place));
    }
    let places = plan.mounts.iter().rev().map(|mount| below(root, &mount.path));
    for place in places.filter(|place| present.mounted(place)) {
        programs.push(Program::new("umount", "mount").arg(place));
    }
    for layer in layers(plan).into_iter().rev() {
        programs.extend(layer.close(present));
    }
    programs
}

/// Something that other devices lie in: opened before them, closed after them.
#[derive(Debug)]
enum Layer<'a> {
    Luks(&'a Luks),
    Array { device: &'a str, members: &'a [String] },
    Group { name: &'a str, volumes: Vec<&'a str> },
}

impl Layer<'_> {
    /// What opens it, unless it is open.
    fn open(&self, nodes: &Nodes, present: &dyn Present) -> Option<Program> {
        match self {
            Self::Luks(luks) => {
                let opened = mapper(&luks.name);
                (!present.device(&opened)).then(|| open_luks(luks, &nodes.of(&luks.device)))
            }
            Self::Array { device, members } => (!present.device(Path::new(device))).then(|| {
                let members = members.iter().map(|member| nodes.of(member));
                Program::new("mdadm", "mdadm").args(["--assemble", device]).args(members)
            }),
            Self::Group { name, volumes } => {
                let is_there = volumes.iter().all(|volume| present.device(Path::new(volume)));
                (!is_there).then(|| Program::new("vgchange", "lvm2").args(["--activate", "y", name]))
            }
        }
    }

    /// What closes it, where it is open.
    fn close(&self, present: &dyn Present) -> Option<Program> {
        match self {
            Self::Luks(luks) => present
                .device(&mapper(&luks.name))
                .then(|| Program::new("cryptsetup", "cryptsetup-bin").args(["close", luks.name.as_str()])),
            Self::Array { device, .. } => present
                .device(Path::new(device))
                .then(|| Program::new("mdadm", "mdadm").args(["--stop", device])),
            Self::Group { name, volumes } => volumes
                .iter()
                .any(|volume| present.device(Path::new(volume)))
                .then(|| Program::new("vgchange", "lvm2").args(["--activate", "n", name])),
        }
    }

    /// The devices that it is made of.
    fn needs(&self, plan: &Plan) -> Vec<String> {
        match self {
            Self::Luks(luks) => vec![luks.device.clone()],
            Self::Array { members, .. } => members.to_vec(),
            Self::Group { name, .. } => {
                let group = plan.groups.iter().find(|group| group.name == *name);
                group.map(|group| group.members.clone()).unwrap_or_default()
            }
        }
    }

    /// The devices that are there when it is open.
    fn gives(&self) -> Vec<String> {
        match self {
            Self::Luks(luks) => vec![mapper(&luks.name).to_string_lossy().into_owned()],
            Self::Array { device, .. } => vec![(*device).to_owned()],
            Self::Group { volumes, .. } => volumes.iter().map(|volume| (*volume).to_owned()).collect(),
        }
    }
}

/// Containers, arrays and groups of `plan`, each after what it lies in.
fn layers(plan: &Plan) -> Vec<Layer<'_>> {
    let mut waiting: Vec<Layer<'_>> = Vec::new();
    image::contents(plan, &mut |content| {
        if let Content::Luks(luks) = content {
            waiting.push(Layer::Luks(luks));
        }
    });
    waiting.extend(
        plan.arrays.iter().map(|array| Layer::Array { device: &array.device, members: &array.members }),
    );
    waiting.extend(plan.groups.iter().map(|group| {
        let volumes = group.volumes.iter().filter(|volume| volume.content.is_some());
        Layer::Group { name: &group.name, volumes: volumes.map(|volume| volume.device.as_str()).collect() }
    }));
    let mut missing: BTreeSet<String> = waiting.iter().flat_map(Layer::gives).collect();
    let mut ordered = Vec::new();
    while let Some(next) =
        waiting.iter().position(|layer| layer.needs(plan).iter().all(|need| !missing.contains(need)))
    {
        let layer = waiting.remove(next);
        layer.gives().iter().for_each(|device| {
            missing.remove(device);
        });
        ordered.push(layer);
    }
    // A plan has no circles, so nothing waits any more.
    ordered
}

fn open_luks(luks: &Luks, node: &Path) -> Program {
    let program = Program::new("cryptsetup", "cryptsetup-bin").args(["open", "--type", "luks2"]);
    let program = program.arg(node).arg(&luks.name).args(&luks.extra_open_args);
    let setting = |name: &str| luks.settings.get(name).and_then(serde_json::Value::as_u64);
    let program = if luks.settings.get("allowDiscards") == Some(&serde_json::Value::Bool(true)) {
        program.arg("--allow-discards")
    } else {
        program
    };
    match &luks.key {
        // A person is asked by cryptsetup itself.
        LuksKey::Asked => program,
        LuksKey::KeyFile(path) | LuksKey::PasswordFile(path) => {
            let parts = [("keyFileSize", "--keyfile-size"), ("keyFileOffset", "--keyfile-offset")];
            let program = program.arg("--key-file").arg(path);
            parts.into_iter().fold(program, |program, (name, option)| match setting(name) {
                Some(number) => program.arg(option).arg(number.to_string()),
                None => program,
            })
        }
    }
}

fn swap_on(swap: &SwapUse, place: &Path) -> Program {
    let mut program = Program::new("swapon", "mount");
    if let Some(discard) = &swap.discard {
        program = program.arg(if discard == "both" {
            "--discard".to_owned()
        } else {
            format!("--discard={discard}")
        });
    }
    if let Some(priority) = swap.priority {
        program = program.arg(format!("--priority={priority}"));
    }
    let options: Vec<&str> =
        swap.options.iter().map(String::as_str).filter(|option| *option != "defaults").collect();
    if !options.is_empty() {
        program = program.arg("--options").arg(options.join(","));
    }
    program.arg(place)
}

/// Where a swap area is: a device, or a file in what is mounted below `root`.
fn swap_place(swap: &SwapUse, nodes: &Nodes, root: &Path) -> PathBuf {
    if swap.file { below(root, &swap.device) } else { nodes.of(&swap.device) }
}

fn mapper(name: &str) -> PathBuf {
    Path::new("/dev/mapper").join(name)
}

/// The absolute path `path` as it is below `root`.
fn below(root: &Path, path: &str) -> PathBuf {
    let inside = path.trim_start_matches('/');
    if inside.is_empty() { root.to_owned() } else { root.join(inside) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::identity::Seed;
    use crate::layout::{Layout, Source};
    use crate::plan::Request;

    /// Only these are there.
    struct Only(Vec<&'static str>);

    impl Present for Only {
        fn device(&self, path: &Path) -> bool {
            self.0.iter().any(|known| Path::new(known) == path)
        }

        fn mounted(&self, path: &Path) -> bool {
            self.device(path)
        }

        fn swapped(&self, path: &Path) -> bool {
            self.device(path)
        }
    }

    const LAYOUT: &str = r#"{
      "disk": { "main": { "type": "disk", "device": "/dev/vda", "imageSize": "4G", "content": { "type": "gpt", "partitions": {
        "ESP": { "type": "EF00", "size": "256M", "content": { "type": "filesystem", "format": "vfat",
          "mountpoint": "/boot", "mountOptions": ["umask=0077"] } },
        "swap": { "size": "64M", "content": { "type": "swap", "discardPolicy": "both", "priority": 5 } },
        "luks": { "size": "100%", "content": { "type": "luks", "name": "crypted", "settings": { "keyFile": "/run/key" },
          "content": { "type": "lvm_pv", "vg": "pool" } } } } } } },
      "lvm_vg": { "pool": { "type": "lvm_vg", "lvs": {
        "root": { "size": "100%FREE", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } } } } },
      "nodev": { "/tmp": { "fsType": "tmpfs", "mountOptions": ["size=10M"] } } }"#;

    fn lines(programs: &[Program]) -> Vec<String> {
        programs.iter().map(Program::line).collect()
    }

    fn plan() -> Plan {
        let source = Source::Json { name: "disk.json".to_owned(), text: LAYOUT.into() };
        let (layout, _) = Layout::parse(source).unwrap_or_else(|mistakes| panic!("{mistakes}"));
        Plan::new(&layout, &Request::new(Seed::from_inputs([&b"x"[..]]))).unwrap()
    }

    #[test]
    fn layers_are_opened_before_what_is_in_them_is_mounted_parents_first() {
        let plan = plan();
        let found = mounting(&plan, &Nodes::default(), Path::new("/mnt"), &Only(Vec::new()));
        assert_eq!(
            lines(&found),
            [
                "cryptsetup open --type luks2 /dev/disk/by-partlabel/disk-main-luks crypted --key-file /run/key",
                "vgchange --activate y pool",
                "mkdir -p /mnt",
                "mount -t ext4 -o defaults /dev/pool/root /mnt",
                "mkdir -p /mnt/boot",
                "mount -t vfat -o umask=0077 /dev/disk/by-partlabel/disk-main-ESP /mnt/boot",
                "mkdir -p /mnt/tmp",
                "mount -t tmpfs -o size=10M tmpfs /mnt/tmp",
                "swapon --discard --priority=5 /dev/disk/by-partlabel/disk-main-swap",
            ]
        );
    }

    #[test]
    fn what_is_there_is_left_and_unmounting_goes_backwards() {
        let there = ["/dev/mapper/crypted", "/dev/pool/root", "/mnt", "/mnt/boot"];
        let (plan, root) = (plan(), Path::new("/mnt"));
        let found = mounting(&plan, &Nodes::default(), root, &Only(there.to_vec()));
        assert_eq!(lines(&found).len(), 3, "{:?}", lines(&found));
        let found = unmounting(&plan, &Nodes::default(), root, &Only(there.to_vec()));
        assert_eq!(
            lines(&found),
            ["umount /mnt/boot", "umount /mnt", "vgchange --activate n pool", "cryptsetup close crypted"]
        );
        assert!(unmounting(&plan, &Nodes::default(), root, &Only(Vec::new())).is_empty());
    }
}
