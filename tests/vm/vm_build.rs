//! Images that a virtual machine makes: hooks, and file systems that only a running kernel fills.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use landfall::fs::ext4;
use landfall::tree::{Kind, Tree};
use landfall::units::{ByteRange, SectorSize};
use landfall::volume::{FileBlock, SliceBlock};
use qemu::{Architecture, Budget, Drive, Machine, Mebibytes, RunDirectory};
use serde_json::Value;

use crate::harness::{Guest, Sample, landfall};
use crate::small::{Root, Small, reported};
use crate::tools;

/// Every hook leaves a line behind. The disk has a name that no disk of a virtual machine has.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/disk/by-id/nvme-no-such-disk",
  "preCreateHook": "echo \"1 preCreate $name\" >> /tmp/log",
  "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "data": { "size": "64M", "content": { "type": "filesystem", "format": "minix", "mountpoint": "/data",
      "extraArgs": ["-3"] } },
    "old": { "size": "16M", "content": { "type": "filesystem", "format": "ext2", "mountpoint": "/old",
      "extraArgs": ["-L", "numbers"] } },
    "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/",
      "postCreateHook": "mkdir /tmp/look; mount -t ext4 \"$device\" /tmp/look; echo 2 empty: `ls /tmp/look` >> /tmp/log; umount /tmp/look",
      "preMountHook": "echo 3 preMount >> /tmp/log",
      "postMountHook": "echo 4 postMount `ls /mnt` >> /tmp/log",
      "preUnmountHook": "echo 5 preUnmount >> /tmp/log; echo 6 `ls /mnt/nix/var/nix/profiles` >> /tmp/log; cp /tmp/log /mnt/hooks",
      "postUnmountHook": "FAIL" } }
} } } } }"#;

/// One machine at a time may take so long to be let in.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(600);

/// Builds `layout` in a machine.
fn build(layout: &str) -> Option<(RunDirectory, Small, Output)> {
    let sample = Sample::require(Architecture::X86_64)?;
    Some(build_with(Small::of(&sample), layout, &[]))
}

/// Builds `layout` with a system in a machine.
fn build_with(small: Small, layout: &str, more: &[&str]) -> (RunDirectory, Small, Output) {
    let directory = RunDirectory::create(None).unwrap();
    let file = directory.path().join("layout.json");
    fs::write(&file, layout).unwrap();
    let ended = build_file(&small, &file, &directory.path().join("out"), more);
    (directory, small, ended)
}

/// Builds the layout in `file` with a system in a machine, as soon as the budget has room for it.
pub fn build_file(small: &Small, file: &Path, out: &Path, more: &[&str]) -> Output {
    let _share = Budget::host().unwrap().reserve(Mebibytes(2048), BUDGET_TIMEOUT).unwrap();
    let text = |path: &Path| path.to_str().unwrap().to_owned();
    let (out, root) = (text(out), text(small.root()));
    let toplevel = small.toplevel.to_string();
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static/x86_64/landfall");
    let (layout, program) = (text(file), text(&program));
    let arguments = [
        "image",
        &layout,
        "--system",
        &toplevel,
        "--store",
        &root,
        "--out",
        &out,
        "--installer-binary",
        &program,
    ];
    landfall(&[&arguments, more].concat())
}

/// The content of a partition of the disk `main`, by its number in the manifest.
fn partition(out: &Path, index: usize) -> Arc<SliceBlock<FileBlock>> {
    partition_of(out, "main", index)
}

fn partition_of(out: &Path, disk: &str, index: usize) -> Arc<SliceBlock<FileBlock>> {
    let manifest: Value = serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let range = &manifest["disks"][disk]["content"]["partitions"][index]["range"];
    let number = |name: &str| range[name].as_u64().unwrap();
    let range = ByteRange::new(number("start"), number("len")).unwrap();
    let image = out.join(format!("{disk}.raw"));
    let block = FileBlock::open(fs::File::open(&image).unwrap(), &image, SectorSize::S512).unwrap();
    Arc::new(SliceBlock::new(block, range).unwrap())
}

fn content(tree: &Tree, path: &str) -> String {
    let id = tree.lookup(path).unwrap_or_else(|| panic!("no {path}"));
    let Kind::File(content) = &tree.node(id).kind else { panic!("{path} is no file") };
    String::from_utf8(content.to_vec().unwrap()).unwrap()
}

#[test]
fn hooks_are_run_and_the_systems_own_mkfs_makes_what_we_do_not_write() {
    let Some((directory, small, ended)) = build(&LAYOUT.replace("FAIL", "true")) else { return };
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{err}");
    assert!(err.contains("needs a VM: minix (disk main, partition data)"), "{err}");
    assert!(
        err.contains("needs a VM: hooks (disk.main.content.partitions.root.content.postCreateHook"),
        "{err}"
    );
    let out = directory.path().join("out");
    let root = Arc::new(ext4::read(partition(&out, 3)).unwrap()).tree().unwrap();
    assert_eq!(
        content(&root, "hooks"),
        "1 preCreate main\n2 empty: lost+found\n3 preMount\n4 postMount lost+found\n5 preUnmount\n6 per-user system system-1-link\n"
    );
    // The system came in behind the hooks, as it does in every image.
    let store = format!("{}/nixos-version", &small.toplevel.to_string()[1..]);
    assert_eq!(content(&root, &store), "1");
    let store = root.node(root.lookup("nix/store").unwrap());
    assert_eq!(
        (store.metadata.permissions, store.metadata.gid, store.metadata.modified.seconds),
        (0o1775, 30_000, 1)
    );
    assert!(root.lookup("nix/var/nix/db/db.sqlite").is_some());
    let mut superblock = [0; 1024];
    landfall::volume::Block::read_at(&*partition(&out, 1), &mut superblock, 1024).unwrap();
    assert_eq!(superblock[24..26], [0x5A, 0x4D], "version 3 of minix");
    // What our writer has made by programs, is made by them there too.
    landfall::volume::Block::read_at(&*partition(&out, 2), &mut superblock, 1024).unwrap();
    assert_eq!((superblock[56..58].to_vec(), &superblock[120..127]), (vec![0x53, 0xEF], &b"numbers"[..]));
    assert_eq!(superblock[92] & 4, 0, "ext2 has no journal");
    assert_eq!(left(&out), ["main.raw", "manifest.json"]);
}

#[test]
fn a_hook_that_fails_leaves_no_image_and_says_why() {
    let layout = LAYOUT.replace("echo \\\"1 preCreate", "ls /no-such-folder; echo \\\"1 preCreate");
    let Some((directory, _small, ended)) = build(&layout.replace("FAIL", "true")) else { return };
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("the VM: `disk.main.preCreateHook` ended with exit status: 1"), "{err}");
    assert!(err.contains("/no-such-folder: No such file or directory"), "{err}");
    assert_eq!(left(&directory.path().join("out")), [""; 0]);
    let transcript = err.split("everything that the VM said is in ").nth(1).unwrap().trim();
    fs::remove_dir_all(PathBuf::from(transcript).parent().unwrap()).unwrap();
}

/// What is in the output folder, hidden files too.
fn left(out: &Path) -> Vec<String> {
    let names = fs::read_dir(out).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut names: Vec<String> = names.collect();
    names.sort();
    names
}

/// A root on ZFS: a dataset with a snapshot of it when it was empty, one that ZFS mounts itself, a volume.
const ZFS: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "128M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "zfs": { "size": "100%", "content": { "type": "zfs", "pool": "tank" } } } } } },
  "zpool": { "tank": { "type": "zpool", "options": { "ashift": "12" },
    "rootFsOptions": { "compression": "lz4", "mountpoint": "none" }, "datasets": {
      "root": { "type": "zfs_fs", "mountpoint": "/", "options": { "mountpoint": "legacy" },
        "postCreateHook": "zfs snapshot tank/root@blank" },
      "srv": { "type": "zfs_fs", "mountpoint": "/srv", "options": { "compression": "gzip" } },
      "swap": { "type": "zfs_volume", "size": "16M", "content": { "type": "swap" } } } } } }"#;

#[test]
fn a_root_on_zfs_is_made_and_boots() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::zfs(&sample) else { return };
    let root = Root {
        tools: &tools,
        programs: &["zpool", "zfs"],
        modules: &["zfs"],
        own_modules: &["extra/spl.ko:", "extra/zfs.ko: extra/spl.ko"],
        mount: "patiently zpool import -N -d /dev tank; mount -t zfs tank/root /sysroot",
        report: "zfs list -H -t all -o name,mounted,compression; zpool status -x",
    };
    let (directory, _small, ended) = build_with(Small::with_root(&sample, &root), ZFS, &[]);
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{err}");
    assert!(err.contains("needs a VM: zfs (disk main, partition zfs)"), "{err}");
    let disk = directory.path().join("out/main.raw");
    let guest = Guest::boot(&Guest::machine(&sample, &disk));
    let listed = reported(&guest);
    assert!(listed.contains("small: up from tank/root / zfs "), "{listed}");
    let lines: Vec<&str> = listed.lines().map(str::trim_end).collect();
    for line in [
        "tank\tno\tlz4",
        "tank/root\tyes\tlz4",
        "tank/root@blank\t-\t-",
        "tank/srv\tno\tgzip",
        "tank/swap\t-\tlz4",
    ] {
        assert!(lines.contains(&line), "no `{line}` in {listed}");
    }
    assert!(listed.contains("all pools are healthy"), "{listed}");
}

/// A root on two devices that each have all of it, with subvolumes; an encrypted filesystem beside.
const BCACHEFS: &str = r#"{ "disk": {
    "one": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
      "ESP": { "type": "EF00", "size": "128M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
      "safe": { "size": "128M", "content": { "type": "bcachefs", "filesystem": "safe" } },
      "store": { "size": "100%", "content": { "type": "bcachefs", "filesystem": "pool", "label": "ssd.one" } } } } },
    "two": { "type": "disk", "device": "/dev/vdb", "content": { "type": "gpt", "partitions": {
      "store": { "size": "100%", "content": { "type": "bcachefs", "filesystem": "pool", "label": "ssd.two" } } } } } },
  "bcachefs_filesystems": {
    "pool": { "type": "bcachefs_filesystem", "extraFormatArgs": ["--replicas=2", "--compression=lz4"], "subvolumes": {
      "root": { "mountpoint": "/" }, "nix": { "mountpoint": "/nix" }, "state/empty": {} } },
    "safe": { "type": "bcachefs_filesystem", "mountpoint": "/srv", "passwordFile": "/run/bcachefs.key" } } }"#;

#[test]
fn a_root_on_bcachefs_is_made_and_boots() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::bcachefs() else { return };
    let root = Root {
        tools: &tools,
        programs: &["bcachefs"],
        modules: &["crc32c_generic", "chacha_generic", "poly1305_generic", "bcachefs"],
        own_modules: &[],
        mount: "patiently test -b /dev/vdb1; mount -t bcachefs /dev/vda3:/dev/vdb1 /top && \
                mount -o bind /top/root /sysroot && mount -o bind /top/nix /sysroot/nix",
        report: "bcachefs show-super /dev/vda3 | grep -E 'Label|UUID|replicas:|compression:'; \
                 echo correct horse | bcachefs unlock -k user /dev/vda2; \
                 mount -t bcachefs /dev/vda2 /srv && grep /srv /proc/mounts; ls -ld /nix/store /srv",
    };
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key");
    fs::write(&key, "correct horse\n").unwrap();
    let key = format!("/run/bcachefs.key={}", key.display());
    let small = Small::with_root(&sample, &root);
    let (directory, _small, ended) = build_with(small, BCACHEFS, &["--key", &key]);
    let err = String::from_utf8_lossy(&ended.stderr);
    assert!(ended.status.success(), "{err}");
    assert!(err.contains("needs a VM: bcachefs (disk one, partition safe"), "{err}");
    let out = directory.path().join("out");
    let members = [("one", 2), ("two", 0)].map(|(disk, index)| {
        let to = folder.path().join(disk);
        let file = fs::File::create_new(&to).unwrap();
        let block = partition_of(&out, disk, index);
        let mut bytes = vec![0; usize::try_from(landfall::volume::Block::len(&block)).unwrap()];
        landfall::volume::Block::read_at(&block, &mut bytes, 0).unwrap();
        std::os::unix::fs::FileExt::write_all_at(&file, &bytes, 0).unwrap();
        to
    });
    assert!(is_sound(&tools, &members));
    // The twin: a judge that is asked for a device which is none.
    let file = fs::File::options().write(true).open(&members[0]).unwrap();
    std::os::unix::fs::FileExt::write_all_at(&file, &vec![0; 1 << 20], 0).unwrap();
    assert!(!is_sound(&tools, &members));
    let disks = ["one", "two"].map(|disk| Drive::image(out.join(format!("{disk}.raw"))).snapshot());
    let machine = disks.into_iter().fold(Machine::new(Architecture::X86_64), Machine::with_drive);
    let guest = Guest::boot(&machine);
    let listed = reported(&guest);
    assert!(listed.contains("small: up from /dev/vda3:/dev/vdb1 / bcachefs "), "{listed}");
    for text in [" /srv bcachefs ", "compression:                             lz4", "drwxrwxr-t", "30000"] {
        assert!(listed.contains(text), "no `{text}` in {listed}");
    }
}

/// Whether `bcachefs fsck` finds nothing wrong with a filesystem on these devices.
fn is_sound(tools: &Path, devices: &[PathBuf]) -> bool {
    let lib = tools.join("lib");
    let mut command = std::process::Command::new(lib.join("ld-linux-x86-64.so.2"));
    command
        .arg("--library-path")
        .arg(&lib)
        .arg(tools.join("sbin/bcachefs"))
        .args(["fsck", "-n"])
        .args(devices);
    let ended = command.output().unwrap();
    eprintln!("{}{}", String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    ended.status.success()
}
