//! disko's modes over loop devices: the kernel of this host mounts what was formatted; what is in use is refused.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use tempfile::TempDir;

use crate::oracle::{require_root, require_tool, run, run_ok};

/// Every kind of file system that this host mounts, in partitions and on a disk of its own.
const LAYOUT: &str = r#"{
  "disk": {
    "main": { "type": "disk", "device": "/dev/none-main", "content": { "type": "gpt", "partitions": {
      "root": { "size": "256M", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/", "mountOptions": ["noatime"] } },
      "data": { "size": "400M", "content": { "type": "filesystem", "format": "xfs", "mountpoint": "/data" } },
      "store2": { "size": "64M", "content": { "type": "filesystem", "format": "ext2", "mountpoint": "/store2" } },
      "store3": { "size": "64M", "content": { "type": "filesystem", "format": "ext3", "mountpoint": "/store3" } },
      "swap": { "size": "100%", "content": { "type": "swap", "priority": 3 } } } } },
    "more": { "type": "disk", "device": "/dev/none-more", "content": { "type": "gpt", "partitions": {
      "btrfs": { "size": "100%", "content": { "type": "btrfs", "subvolumes": {
        "/home": { "mountpoint": "/home", "mountOptions": ["compress=zstd"] },
        "/log": { "mountpoint": "/var/log" } } } } } } } },
  "nodev": { "/tmp": { "fsType": "tmpfs", "mountOptions": ["size=10M"] } } }"#;

/// A layout, loop devices for its disks, and a folder to mount it below. All of it goes with the test.
struct Machine {
    dir: TempDir,
    devices: Vec<(String, String)>,
}

impl Machine {
    /// `None`, with the reason, where this host cannot do that.
    fn new() -> Option<Self> {
        if !require_root() {
            return None;
        }
        let losetup = require_tool("losetup")?;
        for tool in ["mkfs.xfs", "mke2fs", "mount", "swapon", "partx"] {
            require_tool(tool)?;
        }
        let mut machine = Self { dir: tempfile::tempdir().unwrap(), devices: Vec::new() };
        fs::write(machine.dir.path().join("layout.json"), LAYOUT).unwrap();
        fs::create_dir(machine.root()).unwrap();
        for name in ["main", "more"] {
            let file = machine.dir.path().join(name);
            fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
            let device = run_ok(&losetup, &["-f", "-P", "--show", file.to_str().unwrap()]);
            machine.devices.push((name.to_owned(), device.trim().to_owned()));
        }
        Some(machine)
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("root")
    }

    fn landfall(&self, mode: &str, more: &[&str]) -> Output {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.arg(mode).arg(self.dir.path().join("layout.json"));
        for (name, device) in &self.devices {
            command.arg("--disk").arg(format!("{name}={device}"));
        }
        if mode.ends_with("mount") {
            command.arg("--root").arg(self.root());
        }
        command.args(more).stdin(Stdio::null()).env_remove("LANDFALL_LOG").env("NO_COLOR", "1");
        command.output().unwrap()
    }

    fn ok(&self, mode: &str, more: &[&str]) -> String {
        let output = self.landfall(mode, more);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{mode} {more:?}: {said}");
        String::from_utf8_lossy(&output.stdout).into_owned() + &said
    }

    /// Tells the kernel of the partitions where it reads no tables itself, as small kernels do not.
    fn show_partitions(&self) {
        let partx = require_tool("partx").unwrap();
        for (_, device) in &self.devices {
            if !Path::new(&format!("{device}p1")).exists() {
                run_ok(&partx, &["-a", device]);
            }
        }
    }

    /// Must be refused for safety; why.
    fn refused(&self, mode: &str, more: &[&str]) -> String {
        let output = self.landfall(mode, more);
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(4), "{mode} {more:?}: {said}");
        said
    }

    /// What is mounted below the root: place and kind.
    fn mounted(&self) -> Vec<String> {
        let root = self.root();
        let list = fs::read_to_string("/proc/self/mounts").unwrap();
        let line = |line: &str| {
            let mut words = line.split(' ').skip(1);
            let place = words.next()?.strip_prefix(root.to_str()?)?.to_owned();
            Some(format!("{place} {}", words.next()?))
        };
        let mut found: Vec<_> = list.lines().filter_map(line).collect();
        found.sort();
        found
    }

    fn swaps(&self) -> bool {
        fs::read_to_string("/proc/swaps").unwrap().contains(&format!("{}p5", self.devices[0].1))
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        if !self.mounted().is_empty() || self.swaps() {
            // A test that failed: its devices must not stay.
            let _ = Command::new("swapoff").arg(format!("{}p5", self.devices[0].1)).status();
            let _ = Command::new("umount").arg("-R").arg(self.root()).status();
        }
        for (_, device) in &self.devices {
            let ended = Command::new("losetup").args(["-d", device]).status();
            if !ended.is_ok_and(|status| status.success()) {
                eprintln!("could not detach {device}");
            }
        }
    }
}

#[test]
fn what_is_formatted_is_mounted_unmounted_and_destroyed() {
    let Some(machine) = Machine::new() else { return };
    assert!(machine.ok("format", &["--dry-run"]).contains("loop"));
    machine.ok("format", &[]);
    machine.show_partitions();
    let said = machine.ok("format", &[]);
    assert!(said.contains("exactly this already: nothing was written"), "{said}");
    // What would be run is what is run.
    let planned = machine.ok("mount", &["--dry-run"]);
    assert!(planned.contains("mount -t xfs -o defaults /dev/loop"), "{planned}");
    assert_eq!(machine.mounted(), Vec::<String>::new());
    machine.ok("mount", &[]);
    assert_eq!(
        machine.mounted(),
        [" ext4", "/data xfs", "/home btrfs", "/store2 ext2", "/store3 ext3", "/tmp tmpfs", "/var/log btrfs"]
    );
    assert!(machine.swaps());
    let again = machine.landfall("mount", &["--dry-run"]);
    assert_eq!((again.status.code(), again.stdout), (Some(0), Vec::new()), "there is nothing left to do");
    machine.ok("mount", &[]);
    fs::write(machine.root().join("home/kept"), "kept").unwrap();
    // Nothing that is in use is written.
    for mode in ["format", "destroy"] {
        let said = machine.refused(mode, &["--yes-wipe-all-disks"]);
        assert!(said.contains("is in use: ") && said.contains("is mounted at"), "{said}");
    }
    machine.ok("unmount", &[]);
    assert_eq!((machine.mounted(), machine.swaps()), (Vec::new(), false));
    machine.ok("mount", &[]);
    assert_eq!(fs::read_to_string(machine.root().join("home/kept")).unwrap(), "kept");
    machine.ok("unmount", &[]);
    // Nobody is there to say yes.
    let said = machine.refused("destroy", &[]);
    assert!(said.contains("nobody can be asked") && said.contains("--yes-wipe-all-disks"), "{said}");
    let said = machine.ok("destroy", &["--dry-run"]);
    assert!(said.contains("2: \"disk-main-root\" ext4"), "{said}");
    machine.ok("destroy", &["--yes-wipe-all-disks"]);
    let wipefs = require_tool("wipefs").unwrap();
    for (_, device) in &machine.devices {
        assert_eq!(run_ok(&wipefs, &["-n", device]), "");
        assert!(!Path::new(&format!("{device}p1")).exists());
    }
    machine.ok("format", &[]);
}

#[test]
fn a_file_is_not_mounted() {
    let folder = tempfile::tempdir().unwrap();
    let layout = folder.path().join("layout.json");
    fs::write(&layout, LAYOUT).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["mount", "--dry-run"]).arg(&layout);
    for name in ["main", "more"] {
        let file = folder.path().join(name);
        fs::File::create(&file).unwrap().set_len(1 << 30).unwrap();
        command.arg("--disk").arg(format!("{name}={}", file.display()));
    }
    let output = command.output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{said}");
    assert!(said.contains("is a file: only devices are mounted") && said.contains("losetup"), "{said}");
}

#[test]
fn disks_with_something_on_them_are_not_formatted_unless_that_is_said() {
    let Some(machine) = Machine::new() else { return };
    let mkfs = require_tool("mkfs.ext4").unwrap();
    run_ok(&mkfs, &["-q", "-L", "mine", &machine.devices[1].1]);
    let said = machine.refused("format", &[]);
    assert!(said.contains("is not blank: ext4"), "{said}");
    let blkid = require_tool("blkid").unwrap();
    assert!(run_ok(&blkid, &["-p", &machine.devices[1].1]).contains("mine"));
    machine.ok("format", &["--yes-wipe-all-disks"]);
    machine.show_partitions();
    let e2fsck = require_tool("e2fsck").unwrap();
    // Those of all that is left come last, others in the order of their names.
    let judged = run(&e2fsck, &["-fn", &format!("{}p2", machine.devices[0].1)]);
    assert!(judged.status.success(), "{judged:?}");
}
