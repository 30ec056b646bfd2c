//! The layouts in `disko-layouts/` that take a machine: each becomes images by the command line and boots, or is put
//! together in a system that boots beside it. `tests/it/layout_images.rs` makes all others, and runs no hooks.

use std::fs;
use std::path::{Path, PathBuf};

use landfall::store::Source;
use qemu::{Architecture, Drive, Machine, RunDirectory};
use serde_json::Value;

use crate::harness::{Guest, Sample, landfall_ok};
use crate::small::{Root, Small, reported};
use crate::tools;
use crate::vm_build::build_file;

/// All of them; each has a test below.
const LAYOUTS: [&str; 5] =
    ["bcachefs", "btrfs-impermanence", "zfs-mirror-encrypted", "zfs-raidz2-storage", "zfs-root"];

/// The passphrase of everything that is encrypted.
const PASSPHRASE: &str = "correct horse";

/// The file of one of the layouts.
fn layout(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("disko-layouts/{name}.nix"))
}

#[test]
fn none_is_forgotten() {
    let folder = layout("").parent().unwrap().to_owned();
    let paths = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut found = Vec::new();
    for path in paths.filter(|path| path.extension().is_some_and(|extension| extension == "nix")) {
        let plan = landfall_ok(&["plan", path.to_str().unwrap(), "--json", "--disk", "*=2T"]);
        let plan: Value = serde_json::from_str(&plan).unwrap();
        if !plan["machine"].as_array().unwrap().is_empty() {
            found.push(path.file_stem().unwrap().to_str().unwrap().to_owned());
        }
    }
    found.sort();
    assert_eq!(found, LAYOUTS);
}

/// The system on ZFS that `mount` mounts and `report` tells of.
fn on_zfs<'a>(tools: &'a Path, mount: &'a str, report: &'a str) -> Root<'a> {
    Root {
        tools,
        programs: &["zpool", "zfs"],
        modules: &["ext4", "crc32c_generic", "zfs"],
        own_modules: &["extra/spl.ko:", "extra/zfs.ko: extra/spl.ko"],
        mount,
        report,
    }
}

/// The images of a layout.
struct Images {
    directory: RunDirectory,
}

impl Images {
    /// Builds the layout in `file` with the system `small`. What it needs a machine for must be said, as in `need`.
    fn build(directory: RunDirectory, small: &Small, file: &Path, need: &str, more: &[&str]) -> Self {
        let ended = build_file(small, file, &directory.path().join("out"), more);
        let err = String::from_utf8_lossy(&ended.stderr);
        assert!(ended.status.success(), "{err}");
        assert!(err.contains(need), "no `{need}` in {err}");
        Self { directory }
    }

    /// What a machine with just these disks says until the system on them has told of itself.
    fn boot(&self, disks: &[&str]) -> String {
        let drive = |disk| Drive::image(self.directory.path().join(format!("out/{disk}.raw"))).snapshot();
        let machine = disks.iter().map(drive).fold(Machine::new(Architecture::X86_64), Machine::with_drive);
        reported(&Guest::boot(&machine))
    }
}

/// Fails unless each of `lines` is a line of `said`, blanks at its ends and their number apart.
fn expect_lines(said: &str, lines: &[&str]) {
    let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let found: Vec<String> = said.lines().map(words).collect();
    for line in lines {
        assert!(found.iter().any(|found| found == line), "no `{line}` in {said}");
    }
}

#[test]
fn zfs_root() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::zfs(&sample) else { return };
    let root = on_zfs(
        &tools,
        "patiently zpool import -N -d /dev rpool; mount -t zfs rpool/system/root /sysroot && \
         mount -t zfs rpool/local/nix /sysroot/nix && mount -t zfs rpool/system/var /sysroot/var && \
         mount -t zfs rpool/user/home /sysroot/home",
        "zfs list -H -o name,mounted,mountpoint; zpool get -H -o property,value ashift,autotrim rpool; \
         zfs get -H compression,acltype,xattr,canmount rpool; zfs get -H compression,acltype,xattr rpool/user/home; \
         zfs get -H -r -s local -t filesystem com.sun:auto-snapshot rpool; \
         [ $(zfs get -H -p -o value compressratio rpool/local/nix) = 1.00 ] || echo the store is smaller; \
         zpool status -x",
    );
    let small = Small::with_root(&sample, &root);
    let images = Images::build(
        RunDirectory::create(None).unwrap(),
        &small,
        &layout("zfs-root"),
        "needs a VM: zfs (disk main, partition zfs)",
        &["--disk", "main=512G"],
    );
    let said = images.boot(&["main"]);
    expect_lines(
        &said,
        &[
            "rpool no none",
            "rpool/local no none",
            "rpool/local/nix yes legacy",
            "rpool/system/root yes legacy",
            "rpool/system/var yes legacy",
            "rpool/user/home yes legacy",
            "ashift 12",
            "autotrim on",
            "rpool canmount off local",
            "rpool compression zstd local",
            "rpool acltype posix local",
            // What ZFS calls `sa` since 2.3.
            "rpool xattr on local",
            "rpool/user/home compression zstd inherited from rpool",
            "rpool/user/home acltype posix inherited from rpool",
            "rpool/user/home xattr on inherited from rpool",
            "rpool/user/home com.sun:auto-snapshot true local",
            "the store is smaller",
            "all pools are healthy",
        ],
    );
    assert!(said.contains("small: up from rpool/system/root / zfs "), "{said}");
    assert_eq!(said.matches("auto-snapshot").count(), 1, "{said}");
}

#[test]
fn zfs_mirror_encrypted() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::zfs(&sample) else { return };
    // Whoever types the wrong passphrase mounts nothing.
    let mount = "[ ! -b /dev/vdb ] || patiently test -b /dev/vdb2; patiently zpool import -N -d /dev tank; \
         mount -t zfs tank/safe/root /sysroot || echo locked; \
         echo wrong horse | zfs load-key tank/safe || echo refused; \
         echo PASSPHRASE | zfs load-key tank/safe && mount -t zfs tank/safe/root /sysroot && \
         mount -t zfs tank/nix /sysroot/nix && mount -t zfs tank/safe/srv /sysroot/srv"
        .replace("PASSPHRASE", PASSPHRASE);
    let root = on_zfs(
        &tools,
        &mount,
        "zfs list -H -o name,mounted,mountpoint; \
         zfs get -H -o name,property,value encryption,keyformat,keylocation,keystatus,compression \
         tank/safe tank/safe/root tank/nix; zfs get -H -p -o name,property,value volsize tank/swap; \
         zpool status tank; zpool status -x",
    );
    let directory = RunDirectory::create(None).unwrap();
    let key = directory.path().join("key");
    fs::write(&key, format!("{PASSPHRASE}\n")).unwrap();
    let small = Small::with_root(&sample, &root);
    let images = Images::build(
        directory,
        &small,
        &layout("zfs-mirror-encrypted"),
        "needs a VM: zfs (disk left, partition zfs; disk right, partition zfs)",
        &["--disk", "*=2T", "--key", &format!("/tmp/secret.key={}", key.display())],
    );
    let said = images.boot(&["left", "right"]);
    let always = [
        "locked",
        "refused",
        "tank/nix yes legacy",
        "tank/safe no none",
        "tank/safe/root yes legacy",
        "tank/safe/srv yes legacy",
        "tank/safe encryption aes-256-gcm",
        "tank/safe keyformat passphrase",
        // The hook said so.
        "tank/safe keylocation prompt",
        "tank/safe/root encryption aes-256-gcm",
        "tank/safe/root keystatus available",
        "tank/nix encryption off",
        "tank/nix compression lz4",
        "tank/swap volsize 8589934592",
        "errors: No known data errors",
    ];
    expect_lines(&said, &always);
    expect_lines(
        &said,
        &["mirror-0 ONLINE 0 0 0", "vda2 ONLINE 0 0 0", "vdb2 ONLINE 0 0 0", "all pools are healthy"],
    );
    assert!(said.contains("small: up from tank/safe/root / zfs "), "{said}");
    // One disk has everything, and the judge sees that the other is gone.
    let said = images.boot(&["left"]);
    expect_lines(&said, &always);
    expect_lines(&said, &["mirror-0 DEGRADED 0 0 0", "vda2 ONLINE 0 0 0"]);
    assert!(!said.contains("all pools are healthy"), "{said}");
}

/// A system on ext4 beside the pool.
const BESIDE: &str = r#"{
  imports = [ ./storage.nix ];
  disko.devices.disk.system = {
    type = "disk";
    device = "/dev/disk/by-id/system";
    content = {
      type = "gpt";
      partitions = {
        ESP = {
          type = "EF00";
          size = "128M";
          content = { type = "filesystem"; format = "vfat"; mountpoint = "/boot"; };
        };
        root = {
          size = "100%";
          content = { type = "filesystem"; format = "ext4"; mountpoint = "/"; };
        };
      };
    };
  };
}"#;

#[test]
fn zfs_raidz2_storage() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::zfs(&sample) else { return };
    // Two disks less are borne, and seen; the third is not let go.
    let root = on_zfs(
        &tools,
        "patiently test -b /dev/vda2; mount -t ext4 /dev/vda2 /sysroot",
        "zpool import -d /dev backup; zpool status backup; zpool status -x; \
         zfs list -H -o name,mounted,mountpoint; grep ' zfs ' /proc/mounts; \
         zfs get -H -o name,property,value quota,atime,compression,recordsize backup/incoming; \
         zpool offline backup vdb1 && zpool offline backup vdc1 && echo two are away; zpool status backup; \
         zpool offline backup vdd1 || echo the third stays",
    );
    let directory = RunDirectory::create(None).unwrap();
    // A layout reads only files of its own folder.
    fs::copy(layout("zfs-raidz2-storage"), directory.path().join("storage.nix")).unwrap();
    let file = directory.path().join("layout.nix");
    fs::write(&file, BESIDE).unwrap();
    let small = Small::with_root(&sample, &root);
    let images = Images::build(
        directory,
        &small,
        &file,
        "needs a VM: zfs (disk data1, partition zfs; disk data2, partition zfs; ",
        &["--disk", "*=8T", "--disk", "system=2G"],
    );
    let pool = ["data1", "data2", "data3", "data4", "data5", "data6", "special1", "special2", "log", "spare"];
    let said = images.boot(&[&["system"], &pool[..]].concat());
    let (before, after) = said.split_once("two are away").unwrap_or_else(|| panic!("{said}"));
    let sound = |device: &str| format!("{device} ONLINE 0 0 0");
    let sound = ["raidz2-0", "vdb1", "vdg1", "mirror-1", "vdh1", "vdi1", "vdj1"].map(sound);
    expect_lines(before, &sound.each_ref().map(String::as_str));
    expect_lines(
        before,
        &[
            "special",
            "logs",
            "spares",
            "vdk1 AVAIL",
            "errors: No known data errors",
            "all pools are healthy",
            "backup yes /srv/backup",
            "backup/incoming yes /srv/backup/incoming",
            "backup/incoming quota 2T",
            "backup/incoming atime off",
            "backup/incoming compression zstd",
            "backup/incoming recordsize 1M",
        ],
    );
    assert!(before.contains("backup/incoming /srv/backup/incoming zfs "), "{said}");
    expect_lines(
        after,
        &[
            "raidz2-0 DEGRADED 0 0 0",
            "vdb1 OFFLINE 0 0 0",
            "vdc1 OFFLINE 0 0 0",
            "errors: No known data errors",
            "the third stays",
        ],
    );
}

#[test]
fn bcachefs() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let Some(tools) = tools::bcachefs() else { return };
    let root = Root {
        tools: &tools,
        programs: &["bcachefs"],
        modules: &["crc32c_generic", "chacha_generic", "poly1305_generic", "bcachefs"],
        own_modules: &[],
        mount: "patiently test -b /dev/vdb1; bcachefs fsck -n /dev/vda2 /dev/vdb1 && echo sound; \
                mount -t bcachefs /dev/vda2 /top || echo one is not enough; \
                mount -t bcachefs /dev/vda2:/dev/vdb1 /top && mount -o bind /top/root /sysroot && \
                mount -o bind /top/home /sysroot/home && mount -o bind /top/nix /sysroot/nix",
        report: "bcachefs show-super -f members_v2 /dev/vda2 | grep -E '_target:|compression:|Devices:'; \
                 for device in /sys/fs/bcachefs/*/dev-*; do echo $(cat $device/label) is a member; done; \
                 grep bcachefs /proc/mounts; ls -d /nix/store/*system-small",
    };
    let small = Small::with_root(&sample, &root);
    let images = Images::build(
        RunDirectory::create(None).unwrap(),
        &small,
        &layout("bcachefs"),
        "needs a VM: bcachefs (disk hdd, partition data; disk ssd, partition data)",
        // The real ones have more buckets than a small machine can check.
        &["--disk", "ssd=16G", "--disk", "hdd=64G"],
    );
    let said = images.boot(&["ssd", "hdd"]);
    expect_lines(
        &said,
        &[
            "sound",
            "one is not enough",
            "Devices: 2",
            "ssd.ssd1 is a member",
            "hdd.hdd1 is a member",
            "compression: lz4",
            "foreground_target: ssd",
            "background_target: hdd",
            "promote_target: ssd",
            small.toplevel.to_string().as_str(),
        ],
    );
    for path in ["/", "/home", "/nix"] {
        let parts = ["/dev/vda2", "/dev/vdb1", &format!(" {path} bcachefs ")];
        let is_it = |line: &str| parts.iter().all(|part| line.contains(part));
        assert!(said.lines().any(is_it), "{path}: {said}");
    }
}

/// The libraries of `btrfs` in the software of the sample system.
const BTRFS: [&str; 9] = [
    "ld-linux-x86-64.so.2",
    "libblkid.so.1",
    "libc.so.6",
    "libcap.so.2",
    "liblzo2.so.2",
    "libudev.so.1",
    "libuuid.so.1",
    "libz.so.1",
    "libzstd.so.1",
];

/// A folder with `btrfs` and its libraries.
fn btrfs_tools(sample: &Sample) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let source = Source::open(sample.root()).unwrap();
    let take = |from: &str, to: &str| {
        let from = format!("{}/sw/{from}", sample.toplevel());
        let to = folder.path().join(to);
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::copy(source.on_host(&source.resolve(Path::new(&from)).unwrap()), to).unwrap();
    };
    take("bin/btrfs", "sbin/btrfs");
    for library in BTRFS {
        take(&format!("lib/x86_64-linux-gnu/{library}"), &format!("lib/{library}"));
    }
    folder
}

#[test]
fn btrfs_impermanence() {
    let Some(sample) = Sample::require(Architecture::X86_64) else { return };
    let tools = btrfs_tools(&sample);
    let root = Root {
        tools: tools.path(),
        programs: &["btrfs"],
        modules: &["crc32c_generic", "xxhash_generic", "blake2b_generic", "sha256_generic", "btrfs"],
        own_modules: &[],
        mount: "patiently test -b /dev/vda2; btrfs check /dev/vda2 && echo sound; \
                subvolume() { mount -t btrfs -o subvol=$1 /dev/vda2 $2; }; \
                subvolume root /sysroot && subvolume nix /sysroot/nix && \
                subvolume home /sysroot/home && subvolume persist /sysroot/persist",
        report: "btrfs subvolume list -r /; btrfs filesystem label /; grep btrfs /proc/mounts; \
                 mkdir /old; mount -t btrfs -o subvol=root-blank /dev/vda2 /old; \
                 [ \"$(ls /old)\" ] || echo blank; [ \"$(ls /)\" ] && echo full",
    };
    let small = Small::with_root(&sample, &root);
    let images = Images::build(
        RunDirectory::create(None).unwrap(),
        &small,
        &layout("btrfs-impermanence"),
        "needs a VM: hooks (disk.main.content.partitions.system.content.postCreateHook)",
        &["--disk", "main=256G"],
    );
    let said = images.boot(&["main"]);
    // What the hook has made: a snapshot that is read-only, of a root in which nothing was.
    expect_lines(&said, &["sound", "system", "blank", "full"]);
    assert!(said.lines().any(|line| line.trim_end().ends_with(" path root-blank")), "{said}");
    for path in ["/", "/home", "/nix", "/persist"] {
        assert!(said.contains(&format!("/dev/vda2 {path} btrfs ")), "{path}: {said}");
    }
}
