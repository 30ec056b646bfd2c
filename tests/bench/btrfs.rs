//! btrfs images: in LUKS beside plain ext4, beside `mkfs.btrfs --rootdir`, and compressed beside the compressor alone.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use landfall::tree::{Content, Kind, Tree, host_tree};
use landfall::units::usize_of;

use super::measure::{Run, command, found, median};
use super::{Bench, ROUNDS, Row};

/// Bytes that btrfs compresses at a time.
const EXTENT: u64 = 128 << 10;
/// As many as the writer takes.
const THREADS: usize = 2;

/// How often in each round the two that compress take turns.
const COMPRESSED: usize = 3;

/// A layout whose root is `content` (JSON).
fn layout(content: &str) -> String {
    format!(
        r#"{{ "disk": {{ "main": {{ "type": "disk", "device": "/dev/sda", "content": {{ "type": "gpt", "partitions": {{
  "ESP": {{ "priority": 1, "type": "EF00", "size": "256M",
    "content": {{ "type": "filesystem", "format": "vfat", "mountpoint": "/boot" }} }},
  "root": {{ "size": "100%", "content": {content} }} }} }} }} }} }}"#
    )
}

fn subvolumes(options: &str) -> String {
    format!(
        r#"{{ "type": "btrfs", "subvolumes": {{ "root": {{ "mountpoint": "/", "mountOptions": [{options}] }},
          "nix": {{ "mountpoint": "/nix", "mountOptions": [{options}] }} }} }}"#
    )
}

/// Builds an image whose root is `content`; how long that takes.
fn image(bench: &Bench, content: &str, out: &Path) -> f64 {
    super::fresh(out);
    let file = bench.dir.join("btrfs.json");
    fs::write(&file, layout(content)).unwrap();
    let key = bench.dir.join("key");
    fs::write(&key, "correct horse\n").unwrap();
    let mut command = command(env!("CARGO_BIN_EXE_landfall"));
    command.arg("image").arg(file).arg("--system").arg(bench.sample.join("system"));
    command.arg("--store").arg(&bench.sample).arg("--out").arg(out);
    command.arg("--key").arg(format!("crypted={}", key.display()));
    Run::of(command).seconds
}

/// The same tree with the tool of today.
fn mkfs(bench: &Bench, file: &Path) -> f64 {
    super::fresh(file);
    fs::File::create(file).unwrap().set_len(3 << 30).unwrap();
    let mut mkfs = command("mkfs.btrfs");
    mkfs.args(["-q", "-f", "--rootdir"]).arg(&bench.sample).arg(file);
    Run::of(mkfs).seconds
}

/// Reads all files of `tree` by as many threads as the writer takes, and shows each extent to `see` with what the thread
/// has made for itself; how long that takes.
fn read_all<T>(tree: &Tree, make: impl Fn() -> T + Sync, see: impl Fn(&mut T, &[u8]) + Sync) -> f64 {
    let files: Vec<&Content> = tree
        .walk()
        .filter_map(|(_, id)| match &tree.node(id).kind {
            Kind::File(content) => Some(content),
            _ => None,
        })
        .collect();
    let next = AtomicUsize::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..THREADS {
            scope.spawn(|| {
                let (mut own, mut input) = (make(), Vec::new());
                while let Some(content) = files.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let open = content.open().unwrap();
                    for offset in (0..content.len()).step_by(usize_of(EXTENT)) {
                        input.resize(usize_of((content.len() - offset).min(EXTENT)), 0);
                        open.read_at(&mut input, offset).unwrap();
                        see(&mut own, &input);
                    }
                }
            });
        }
    });
    start.elapsed().as_secs_f64()
}

/// Brings names and files into memory, where whoever is measured next finds them: a host that takes back idle memory
/// would make one wait for a disk that the other had read before.
fn warm(bench: &Bench) {
    read_all(&host_tree(&bench.sample).unwrap(), || (), |(), _| {});
}

/// Compresses each extent of all files with libzstd; how long that takes, reading included.
fn compress(bench: &Bench) -> f64 {
    let make = || (zstd::bulk::Compressor::new(3).unwrap(), vec![0; usize_of(2 * EXTENT)]);
    let tree = host_tree(&bench.sample).unwrap();
    read_all(&tree, make, |(compressor, output), input| {
        compressor.compress_to_buffer(input, output).unwrap();
    })
}

/// All lines about btrfs.
pub fn rows(bench: &Bench) -> Vec<Row> {
    let out = bench.dir.join("btrfs");
    let file = bench.dir.join("mkfs.raw");
    let encrypted = format!(r#"{{ "type": "luks", "name": "crypted", "content": {} }}"#, subvolumes(""));
    let compressed = subvolumes("\"compress=zstd\"");
    let mut times: [Vec<f64>; 6] = Default::default();
    let mut take = |which: usize, run: &dyn Fn() -> f64| {
        warm(bench);
        times[which].push(run());
    };
    for _ in 0..ROUNDS {
        super::fresh(&out);
        take(0, &|| bench.landfall(&out).seconds);
        take(1, &|| image(bench, &encrypted, &out));
        take(2, &|| image(bench, &subvolumes(""), &out));
        // What mostly computes differs most from run to run on a shared machine.
        for _ in 0..COMPRESSED {
            take(3, &|| image(bench, &compressed, &out));
            take(4, &|| compress(bench));
        }
        if found("mkfs.btrfs") {
            take(5, &|| mkfs(bench, &file));
        }
    }
    super::fresh(&out);
    super::fresh(&file);
    let mut rows = vec![Row::times(
        "LUKS and btrfs beside plain ext4",
        median(&times[1]),
        median(&times[0]),
        "at most 2 times",
    )];
    rows[0].theirs.push_str(" (landfall, ext4)");
    if times[5].is_empty() {
        eprintln!("mkfs.btrfs is not installed: left out");
    } else {
        let goal = "2 times faster";
        rows.push(Row::times("`mkfs.btrfs --rootdir`", median(&times[2]), median(&times[5]), goal));
    }
    let goal = "at most 1.15 times";
    rows.push(Row::times("libzstd alone on the same bytes", median(&times[3]), median(&times[4]), goal));
    rows
}
