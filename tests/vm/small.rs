//! A system of a few megabytes for machines that build images: kernel, some modules and busybox of the sample system,
//! `mkfs.minix`, and `mke2fs` and `debugfs` with their libraries; where it is asked for, ZFS (`.ci/zfs-tools`) or
//! bcachefs (`.ci/bcachefs-tools`) too. It boots from those alone, says so on the console and switches itself off.

use std::collections::{BTreeSet, HashMap};
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use landfall::fs::cpio;
use landfall::store::{Source, StorePath};
use landfall::tree::{Content, DeviceNumber, Kind, Metadata, Node, Tree};
use serde_json::{Value, json};

use crate::fixture::{Store, write};
use crate::harness::{Guest, Sample};

/// Modules, besides what they need.
const MODULES: [&str; 12] = [
    "virtio_pci",
    "virtio_blk",
    "ext4",
    "minix",
    "crc32c_generic",
    "vfat",
    "nls_cp437",
    "nls_iso8859_1",
    "nls_ascii",
    "loop",
    "isofs",
    "squashfs",
];

/// Programs that are busybox.
const APPLETS: [&str; 11] =
    ["sh", "cat", "cp", "echo", "ls", "mkdir", "mktemp", "mount", "sync", "umount", "uname"];

/// What is taken of the sample's software, links followed: programs and their libraries.
const FILES: [&str; 12] = [
    "sbin/mkfs.minix",
    "sbin/mke2fs",
    "sbin/debugfs",
    "lib/x86_64-linux-gnu/ld-linux-x86-64.so.2",
    "lib/x86_64-linux-gnu/libblkid.so.1",
    "lib/x86_64-linux-gnu/libc.so.6",
    "lib/x86_64-linux-gnu/libcom_err.so.2",
    "lib/x86_64-linux-gnu/libe2p.so.2",
    "lib/x86_64-linux-gnu/libext2fs.so.2",
    "lib/x86_64-linux-gnu/libss.so.2",
    "lib/x86_64-linux-gnu/libuuid.so.1",
    "bin/busybox",
];

/// First program of the initrd; `@mount@` mounts the root.
const INITRD: &str = r#"#!/bin/busybox sh
export PATH=/bin:/sbin
/bin/busybox --install -s /bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs devtmpfs /dev
exec < /dev/console > /dev/console 2>&1
for word in $(cat /proc/cmdline); do
	case $word in
		init=*) init=${word#*=} ;;
	esac
done
for module in $(cat /modules/order); do insmod /modules/$module; done
patiently() {
	tries=0
	until "$@" || [ $tries = 50 ]; do sleep 0.2; tries=$((tries + 1)); done
}
mkdir /top
{ @mount@; } || { echo "small: no root"; poweroff -f; }
for place in proc sys dev; do mount --move /$place /sysroot/$place; done
exec switch_root /sysroot $init
"#;

/// First program of the system itself; `@sw@` is its software, `@report@` tells of the root.
const INIT: &str = r#"#!@sw@/bin/busybox sh
export PATH=@sw@/bin:@sw@/sbin
ln -sfn @sw@ /usr.new; rm -rf /usr; mv -T /usr.new /usr
ln -sfn /usr/lib64 /lib64
echo "small: up from $(grep ' / ' /proc/mounts)"
@report@
echo "small: done"
sync
poweroff -f
"#;

/// Firmware, kernel and a small initrd.
const BOOT_TIMEOUT: Duration = Duration::from_secs(300);

/// What a machine that the small system boots in says until its report is done.
pub fn reported(guest: &Guest) -> String {
    let ends = ["small: done", "small: no root"];
    let said = guest.vm().console().expect_any(&ends, BOOT_TIMEOUT);
    let (end, said) = said.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(ends[end], "small: done", "{said}");
    said
}

/// A file system that the system boots from.
#[derive(Clone, Copy, Debug)]
pub struct Root<'a> {
    /// A folder with `sbin` and `lib`, and with `modules` where the sample's kernel has none for it.
    pub tools: &'a Path,
    /// What is taken of `sbin`.
    pub programs: &'a [&'a str],
    /// Modules of the sample's kernel, and those of `tools`, as they are loaded.
    pub modules: &'a [&'a str],
    /// Modules of `tools`, as lines of `modules.dep`.
    pub own_modules: &'a [&'a str],
    /// Shell commands that mount it at `/sysroot`.
    pub mount: &'a str,
    /// Shell commands that tell of it.
    pub report: &'a str,
}

/// A store root with the small system.
pub struct Small {
    store: Store,
    /// The system.
    pub toplevel: StorePath,
}

impl Small {
    /// Makes it of what `sample` (an x86_64 one) has.
    pub fn of(sample: &Sample) -> Self {
        Self::make(sample, None)
    }

    /// The same, which boots.
    pub fn with_root(sample: &Sample, root: &Root<'_>) -> Self {
        Self::make(sample, Some(root))
    }

    fn make(sample: &Sample, root: Option<&Root<'_>>) -> Self {
        let source = Source::open(sample.root()).unwrap();
        let on_host = |path: &str| {
            let path = format!("{}/{path}", sample.toplevel());
            source.on_host(&source.resolve(Path::new(&path)).unwrap())
        };
        let mut store = Store::new();
        let linux = store.add("linux-small", |dir| take(&on_host("kernel"), &dir.join("bzImage")));
        let modules = store.add("linux-small-modules", |dir| add_modules(&on_host, root, dir));
        let modules_on_host = store.root().join(&modules.to_string()[1..]);
        let initrd = store.add("initrd-small", |dir| match root {
            Some(root) => write(dir, "initrd", &initrd(&on_host("sw/bin/busybox"), &modules_on_host, root)),
            None => write(dir, "initrd", b"not booted"),
        });
        let systemd = store.add("systemd-small", |dir| {
            let loader = "lib/systemd/boot/efi/systemd-bootx64.efi";
            take(&on_host(&format!("systemd/{loader}")), &dir.join(loader));
        });
        let sw = store.add("system-path", |dir| {
            FILES.iter().for_each(|file| take(&on_host(&format!("sw/{file}")), &dir.join(file)));
            APPLETS.iter().for_each(|applet| symlink("busybox", dir.join("bin").join(applet)).unwrap());
            if let Some(Root { tools, programs, .. }) = root {
                for program in *programs {
                    take(&tools.join("sbin").join(program), &dir.join("sbin").join(program));
                }
                for library in names(&tools.join("lib")) {
                    let to = dir.join("lib/x86_64-linux-gnu").join(&library);
                    if !to.exists() {
                        take(&tools.join("lib").join(&library), &to);
                    }
                }
                let more = ["grep", "ln", "mv", "poweroff", "rm"];
                more.iter().for_each(|applet| symlink("busybox", dir.join("bin").join(applet)).unwrap());
            }
            symlink("lib/x86_64-linux-gnu", dir.join("lib64")).unwrap();
        });
        let etc = store.add("etc", |dir| write(dir, "etc/os-release", b"ID=small\nNAME=Small\n"));
        let toplevel = store.add("nixos-system-small", |dir| {
            let own = format!("/nix/store/{}", dir.file_name().unwrap().to_str().unwrap());
            let report = root.map_or("", |root| root.report);
            let init = INIT.replace("@sw@", &sw.to_string()).replace("@report@", report);
            write(dir, "init", init.as_bytes());
            fs::set_permissions(dir.join("init"), fs::Permissions::from_mode(0o555)).unwrap();
            for (name, target) in [
                ("kernel", format!("{linux}/bzImage")),
                ("kernel-modules", modules.to_string()),
                ("initrd", format!("{initrd}/initrd")),
                ("systemd", systemd.to_string()),
                ("sw", sw.to_string()),
                ("etc", format!("{etc}/etc")),
            ] {
                symlink(target, dir.join(name)).unwrap();
            }
            write(dir, "nixos-version", b"1");
            let mut document = document(&own, &format!("{linux}/bzImage"), &format!("{initrd}/initrd"));
            if root.is_some() {
                let parameters = &mut document["org.nixos.bootspec.v1"]["kernelParams"];
                *parameters = json!(["console=ttyS0", "panic=5", "no_timer_check"]);
            }
            write(dir, "boot.json", document.to_string().as_bytes());
        });
        store.register();
        Self { store, toplevel }
    }

    /// The store root.
    pub fn root(&self) -> &Path {
        self.store.root()
    }
}

fn document(toplevel: &str, kernel: &str, initrd: &str) -> Value {
    json!({
        "org.nixos.bootspec.v1": {
            "system": "x86_64-linux", "init": format!("{toplevel}/init"), "initrd": initrd, "kernel": kernel,
            "kernelParams": ["loglevel=4"], "label": "Small 1", "toplevel": toplevel,
        },
        "org.nixos.specialisation.v1": {},
        "org.nixos.systemd-boot": { "sortKey": "small" },
    })
}

/// Copies a file, links followed, with its mode.
fn take(from: &Path, to: &Path) {
    fs::create_dir_all(to.parent().unwrap()).unwrap();
    fs::copy(from, to).unwrap();
}

/// The modules and the indexes of just these.
fn add_modules(on_host: &dyn Fn(&str) -> PathBuf, root: Option<&Root<'_>>, dir: &Path) {
    let folder = on_host("kernel-modules/lib/modules");
    let version = fs::read_dir(&folder).unwrap().next().unwrap().unwrap().file_name().into_string().unwrap();
    let place = format!("kernel-modules/lib/modules/{version}");
    let to = dir.join("lib/modules").join(&version);
    let text = |name: &str| fs::read_to_string(on_host(&format!("{place}/{name}"))).unwrap();
    let dep = text("modules.dep");
    let lines: HashMap<String, &str> =
        dep.lines().map(|line| (name_of(line.split(':').next().unwrap()), line)).collect();
    let mut taken = BTreeSet::new();
    let more = root.map_or(&[][..], |root| root.modules);
    let mut pending: Vec<String> = MODULES.iter().chain(more).map(|name| (*name).to_owned()).collect();
    while let Some(name) = pending.pop() {
        // What a kernel has built in is in no index.
        let Some(line) = lines.get(&name).filter(|_| taken.insert(name.clone())) else { continue };
        let (path, needs) = line.split_once(':').unwrap();
        take(&on_host(&format!("{place}/{path}")), &to.join(path));
        pending.extend(needs.split_whitespace().map(name_of));
    }
    let mut kept: Vec<&str> = taken.iter().filter_map(|name| lines.get(name).copied()).collect();
    if let Some(root) = root {
        for line in root.own_modules {
            let path = line.split(':').next().unwrap();
            take(&root.tools.join("modules").join(Path::new(path).file_name().unwrap()), &to.join(path));
        }
        kept.extend(root.own_modules);
    }
    write(&to, "modules.dep", (kept.join("\n") + "\n").as_bytes());
    let alias = text("modules.alias");
    let is_taken = |line: &&str| line.rsplit(' ').next().is_some_and(|name| taken.contains(&name_of(name)));
    write(
        &to,
        "modules.alias",
        (alias.lines().filter(is_taken).collect::<Vec<_>>().join("\n") + "\n").as_bytes(),
    );
    write(&to, "modules.softdep", text("modules.softdep").as_bytes());
    write(&to, "modules.builtin", text("modules.builtin").as_bytes());
}

/// An initrd that boots from `root`: busybox, programs with their libraries, and modules in an order in which they load.
fn initrd(busybox: &Path, modules: &Path, root: &Root<'_>) -> Vec<u8> {
    let tools = root.tools;
    let mut tree = Tree::new(Metadata::root(0o755));
    for folder in ["bin", "sbin", "proc", "sys", "dev", "sysroot", "etc", "run"] {
        tree.make_directories(folder, &Metadata::root(0o755)).unwrap();
    }
    let mut add = |path: &str, kind: Kind, permissions| {
        let node = Node { metadata: Metadata::root(permissions), kind };
        tree.insert(path, node, &Metadata::root(0o755)).unwrap();
    };
    let file = |path: &Path| Kind::File(Content::from(fs::read(path).unwrap()));
    add("init", Kind::File(Content::from(INITRD.replace("@mount@", root.mount).into_bytes())), 0o755);
    add("bin/busybox", file(busybox), 0o755);
    for program in root.programs {
        add(&format!("sbin/{program}"), file(&tools.join("sbin").join(program)), 0o755);
    }
    add("lib64", Kind::Symlink(b"lib/x86_64-linux-gnu".to_vec()), 0o777);
    for library in names(&tools.join("lib")) {
        add(&format!("lib/x86_64-linux-gnu/{library}"), file(&tools.join("lib").join(&library)), 0o755);
    }
    add("dev/console", Kind::CharDevice(DeviceNumber { major: 5, minor: 1 }), 0o600);
    let version = &names(&modules.join("lib/modules"))[0];
    let folder = modules.join("lib/modules").join(version);
    let mut order = Vec::new();
    let dep = fs::read_to_string(folder.join("modules.dep")).unwrap();
    for wanted in ["virtio_pci", "virtio_blk"].iter().chain(root.modules) {
        let line = dep.lines().find(|line| name_of(line.split(':').next().unwrap()) == *wanted);
        let Some((path, needs)) = line.and_then(|line| line.split_once(':')) else { continue };
        // What a module needs is listed nearest first.
        for path in needs.split_whitespace().rev().chain([path]) {
            let name = format!("{}.ko", name_of(path));
            if !order.contains(&name) {
                add(
                    &format!("modules/{name}"),
                    Kind::File(Content::from(unpacked(&folder.join(path)))),
                    0o644,
                );
                order.push(name);
            }
        }
    }
    add("modules/order", Kind::File(Content::from(order.join("\n").into_bytes())), 0o644);
    let mut archive = Vec::new();
    cpio::write(&tree, &mut archive).unwrap();
    archive
}

/// A module's bytes; Debian's are compressed with xz.
fn unpacked(path: &Path) -> Vec<u8> {
    if path.extension().is_none_or(|end| end != "xz") {
        return fs::read(path).unwrap();
    }
    let ended = Command::new("xz").args(["-dc"]).arg(path).output().unwrap();
    assert!(ended.status.success(), "xz: {}", String::from_utf8_lossy(&ended.stderr));
    ended.stdout
}

fn names(folder: &Path) -> Vec<String> {
    let names = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

fn name_of(path: &str) -> String {
    path.rsplit('/').next().unwrap().split(".ko").next().unwrap().replace('-', "_")
}
