//! What layers cost: a mirror over two disks beside one disk.

use std::fs;
use std::path::Path;

use super::measure::{Run, command, median};
use super::{Bench, ROUNDS, Row};

/// A mirrored root and mirrored boot files.
const MIRRORED: &str = r#"{ "disk": {
  "one": { "type": "disk", "device": "/dev/sda", "content": { "type": "gpt", "partitions": {
    "ESP": { "priority": 1, "type": "EF00", "size": "256M", "content": { "type": "mdraid", "name": "boot" } },
    "root": { "size": "100%", "content": { "type": "mdraid", "name": "root" } } } } },
  "two": { "type": "disk", "device": "/dev/sdb", "content": { "type": "gpt", "partitions": {
    "ESP": { "priority": 1, "type": "EF00", "size": "256M", "content": { "type": "mdraid", "name": "boot" } },
    "root": { "size": "100%", "content": { "type": "mdraid", "name": "root" } } } } }
}, "mdadm": {
  "boot": { "type": "mdadm", "level": 1, "metadata": "1.0", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "root": { "type": "mdadm", "level": 1, "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} }"#;

/// An image of the same system over two disks.
fn mirrored(bench: &Bench, out: &Path) -> f64 {
    let layout = bench.dir.join("mirrored.json");
    fs::write(&layout, MIRRORED).unwrap();
    let mut command = command(env!("CARGO_BIN_EXE_landfall"));
    command.arg("image").arg(layout).arg("--system").arg(bench.sample.join("system"));
    command.arg("--store").arg(&bench.sample).arg("--out").arg(out);
    Run::of(command).seconds
}

/// A mirror writes everything twice and reads it once.
pub fn row(bench: &Bench) -> Row {
    let out = bench.dir.join("mirror");
    let (mut two, mut one) = (Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        super::fresh(&out);
        two.push(mirrored(bench, &out));
        super::fresh(&out);
        one.push(bench.landfall(&out).seconds);
    }
    super::fresh(&out);
    let mut row =
        Row::times("RAID1 over two disks beside one disk", median(&two), median(&one), "at most 2.2 times");
    row.theirs = format!("{} (landfall, one disk)", row.theirs);
    row
}
