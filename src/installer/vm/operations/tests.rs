use super::*;
use crate::identity::Seed;
use crate::layout::{Layout, Source};
use crate::plan::Request;

fn steps(layout: &str, hooks: HookUse) -> Vec<String> {
    let source = Source::Json { name: "disk.json".to_owned(), text: layout.into() };
    let (layout, _) = Layout::parse(source).unwrap();
    let plan = Plan::new(&layout, &Request::new(Seed::from_inputs([b"test".as_slice()]))).unwrap();
    operations(&plan, hooks).iter().map(ToString::to_string).collect()
}

const HOOKS: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "preCreateHook": "a", "postMountHook": "m",
  "content": { "type": "gpt", "postCreateHook": "c", "partitions": {
    "root": { "size": "1G", "content": { "type": "luks", "name": "safe", "passwordFile": "/key", "content": {
      "type": "filesystem", "format": "ext4", "mountpoint": "/", "postCreateHook": "b", "preMountHook": "d",
      "postMountHook": "e", "preUnmountHook": "f", "postUnmountHook": "g" } } } } } } } }"#;

#[test]
fn hooks_are_run_at_diskos_points() {
    assert_eq!(
        steps(HOOKS, HookUse::Run),
        [
            "hook disk.main.preCreateHook",
            "write blank",
            "publish disk main",
            "open /dev/disk/by-partlabel/disk-main-root as safe",
            "hook disk.main.content.partitions.root.content.content.postCreateHook",
            "hook disk.main.content.postCreateHook",
            "hook disk.main.content.partitions.root.content.content.preMountHook",
            "mount ext4 /dev/mapper/safe at / (defaults)",
            "hook disk.main.content.partitions.root.content.content.postMountHook",
            "hook disk.main.postMountHook",
            "copy /",
            "hook disk.main.content.partitions.root.content.content.preUnmountHook",
            "unmount /",
            "hook disk.main.content.partitions.root.content.content.postUnmountHook",
            "cryptsetup close safe",
        ]
    );
}

#[test]
fn without_hooks_nothing_is_opened_that_our_writers_fill() {
    assert_eq!(steps(HOOKS, HookUse::LeaveOut), ["write", "publish disk main"]);
}

const ZFS: &str = r#"{ "disk": { "one": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "zfs": { "size": "1G", "content": { "type": "zfs", "pool": "tank" } } } } },
  "two": { "type": "disk", "device": "/dev/vdb", "content": { "type": "gpt", "partitions": {
    "zfs": { "size": "1G", "content": { "type": "zfs", "pool": "tank" } } } } } },
  "zpool": { "tank": { "type": "zpool", "mode": "mirror", "options": { "ashift": "12" },
    "rootFsOptions": { "compression": "zstd", "mountpoint": "none" }, "datasets": {
      "root": { "type": "zfs_fs", "mountpoint": "/", "options": { "mountpoint": "legacy" },
        "postCreateHook": "zfs snapshot tank/root@blank" },
      "home": { "type": "zfs_fs", "mountpoint": "/home" },
      "swap": { "type": "zfs_volume", "size": "64M", "content": { "type": "swap" } } } } } }"#;

#[test]
fn a_pool_is_made_by_the_systems_own_programs() {
    let expected = [
        "write",
        "publish disk one",
        "publish disk two",
        "zpool create -f -R /mnt -o ashift=12 -O compression=zstd -O mountpoint=none tank mirror \
         /dev/disk/by-partlabel/disk-one-zfs /dev/disk/by-partlabel/disk-two-zfs",
        "zfs create -u -p -o mountpoint=/home tank/home",
        "zfs create -u -p -o mountpoint=legacy tank/root",
        "zfs create -p -V 67108864 tank/swap",
        "publish /dev/zvol/tank/swap",
        "write /dev/zvol/tank/swap",
        "mount zfs tank/root at / (defaults)",
        "mount zfs tank/home at /home (defaults,zfsutil)",
        "copy /",
        "copy /home",
        "unmount /home",
        "unmount /",
        "zpool export tank",
    ];
    assert_eq!(steps(ZFS, HookUse::LeaveOut), expected);
    let with_hooks = steps(ZFS, HookUse::Run);
    let hook =
        with_hooks.iter().position(|step| step == "hook zpool.tank.datasets.root.postCreateHook").unwrap();
    let copy = with_hooks.iter().position(|step| step == "copy /").unwrap();
    assert!(hook < copy, "the snapshot is of an empty root");
    assert!(
        with_hooks.contains(&"mount vfat /dev/disk/by-partlabel/disk-one-ESP at /boot (defaults)".to_owned())
    );
}

const BCACHEFS: &str = r#"{ "disk": { "one": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
    "data": { "size": "1G", "content": { "type": "bcachefs", "filesystem": "both", "label": "ssd.one" } } } } },
  "two": { "type": "disk", "device": "/dev/vdb", "content": { "type": "gpt", "partitions": {
    "data": { "size": "1G", "content": { "type": "bcachefs", "filesystem": "both", "extraFormatArgs": ["--discard"] } },
    "more": { "size": "1G", "content": { "type": "bcachefs", "filesystem": "both" } } } } } },
  "bcachefs_filesystems": { "both": { "type": "bcachefs_filesystem", "passwordFile": "/key", "mountpoint": "/srv",
    "uuid": "809b3a2b-828a-4730-95e1-75b6343e415a", "extraFormatArgs": ["--replicas=2"],
    "subvolumes": { "home": { "mountpoint": "/home" }, "other": {} } } } }"#;

#[test]
fn bcachefs_is_made_on_all_of_its_devices_by_its_own_program() {
    let devices = "/dev/disk/by-partlabel/disk-one-data:/dev/disk/by-partlabel/disk-two-data:/dev/disk/by-partlabel/disk-two-more";
    let expected = [
        "write".to_owned(),
        "publish disk one".to_owned(),
        "publish disk two".to_owned(),
        "bcachefs format /dev/disk/by-partlabel/disk-two-more --label=ssd.one /dev/disk/by-partlabel/disk-one-data --discard \
         /dev/disk/by-partlabel/disk-two-data --uuid=809b3a2b-828a-4730-95e1-75b6343e415a --replicas=2 --encrypted < /key"
            .to_owned(),
        "bcachefs unlock -k user /dev/disk/by-partlabel/disk-one-data < /key".to_owned(),
        format!("make in {devices}: home, other"),
        format!("mount bcachefs {devices} at /home (X-mount.mkdir,X-mount.subdir=home)"),
        format!("mount bcachefs {devices} at /srv (X-mount.mkdir)"),
        "copy /home".to_owned(),
        "copy /srv".to_owned(),
        "unmount /srv".to_owned(),
        "unmount /home".to_owned(),
    ];
    assert_eq!(steps(BCACHEFS, HookUse::LeaveOut), expected);
}

#[test]
fn other_file_systems_are_made_by_the_systems_mkfs() {
    let layout = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
      "data": { "size": "1G", "content": { "type": "filesystem", "format": "jfs", "extraArgs": ["-q", "-L", "data"],
        "mountpoint": "/data" } } } } } } }"#;
    let steps = steps(layout, HookUse::LeaveOut);
    assert_eq!(
        steps[2..],
        [
            "mkfs.jfs -q -L data /dev/disk/by-partlabel/disk-main-data",
            "mount jfs /dev/disk/by-partlabel/disk-main-data at /data (defaults)",
            "copy /data",
            "unmount /data"
        ]
    );
}
