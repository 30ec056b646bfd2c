//! The sample's store as a squashfs, beside `mksquashfs`: cold, with a package changed, and unchanged.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use landfall::fs::squashfs::{CacheOptions, Options, Runs, measure, write};
use landfall::progress::{Silent, Step, Unit};
use landfall::tree::host_tree;
use landfall::units::{ByteSize, SectorSize};
use landfall::volume::FileBlock;

use super::measure::{Run, command, found, median};
use super::{Bench, Row};

/// Where a process of its own is told what to pack: the store, the target and the cache, a line each.
const ORDER: &str = "LANDFALL_BENCH_SQUASHFS";

/// How often each contender packs: a cold run takes a minute.
const ROUNDS: usize = 1;

/// Packs what the environment asks for, in a process whose memory is measured; whether it asks for anything.
pub fn packed() -> bool {
    let Some(order) = std::env::var_os(ORDER) else { return false };
    let lines: Vec<&Path> = order
        .as_bytes()
        .split(|byte| *byte == b'\n')
        .map(|line| Path::new(std::ffi::OsStr::from_bytes(line)))
        .collect();
    let [store, target, cache] = lines[..] else { panic!("{ORDER} has three lines") };
    let tree = host_tree(store).unwrap();
    let limit = ByteSize::gib(4);
    let options = Options {
        runs: Runs { below: String::new(), identities: identities(store) },
        cache: (cache != Path::new("")).then(|| CacheOptions { folder: cache.to_owned(), limit }),
        ..Options::default()
    };
    let most = measure(&tree, &options).unwrap().at_most;
    let file = fs::File::options().read(true).write(true).create(true).truncate(true).open(target).unwrap();
    let block = FileBlock::create(file.try_clone().unwrap(), target, most.bytes(), SectorSize::S512);
    let block = block.unwrap().cached();
    let written =
        write(&tree, &options, &block, Step::start(&Silent, "squashfs", None, Unit::Bytes)).unwrap();
    file.set_len(written.size.bytes()).unwrap();
    true
}

/// The digest in each store path's name stands for what it holds: nothing changes while this runs.
fn identities(store: &Path) -> BTreeMap<Vec<u8>, [u8; 32]> {
    let names = fs::read_dir(store).unwrap().map(|entry| entry.unwrap().file_name());
    let identity = |name: std::ffi::OsString| {
        let digest = name.as_bytes().get(..32)?.try_into().ok()?;
        Some((name.as_bytes().to_vec(), digest))
    };
    names.filter_map(identity).collect()
}

/// Our packing of the store into `target`.
fn ours(bench: &Bench, target: &Path, cache: &Path) -> Run {
    let store = bench.sample.join("nix/store");
    let mut command = command(std::env::current_exe().unwrap().to_str().unwrap());
    command.env(ORDER, format!("{}\n{}\n{}", store.display(), target.display(), cache.display()));
    Run::of(command)
}

fn theirs(bench: &Bench, target: &Path) -> Run {
    let mut command = command("mksquashfs");
    command.arg(bench.sample.join("nix/store")).arg(target);
    command.args(["-noappend", "-no-progress", "-quiet", "-comp", "zstd", "-Xcompression-level", "15"]);
    command.args(["-b", "1M", "-processors", "2"]);
    Run::of(command)
}

/// Makes the cache forget one store path of about the usual size, as if it had changed.
fn forget_one(cache: &Path) {
    let mut packs: Vec<(u64, PathBuf)> = fs::read_dir(cache)
        .unwrap()
        .map(|entry| entry.unwrap())
        .map(|entry| (entry.metadata().unwrap().len(), entry.path()))
        .collect();
    packs.sort();
    let average = packs.iter().map(|(len, _)| len).sum::<u64>() / u64::try_from(packs.len()).unwrap();
    let (_, path) = packs.iter().find(|(len, _)| *len >= average).unwrap();
    fs::remove_file(path).unwrap();
}

/// Our packing beside `mksquashfs`; none where that is not installed.
pub fn rows(bench: &Bench) -> Vec<Row> {
    if !found("mksquashfs") {
        return Vec::new();
    }
    let [target, copy] = ["own.squashfs", "other.squashfs"].map(|name| bench.dir.join(name));
    let cache = bench.dir.join("squashfs-cache");
    let (mut cold, mut tool, mut changed, mut unchanged, mut copied) =
        (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let (mut peaks, mut sizes) = ((0, 0), (0, 0));
    for _ in 0..ROUNDS {
        super::fresh(&copy);
        let run = theirs(bench, &copy);
        tool.push(run.seconds);
        (peaks.1, sizes.1) = (run.peak_kib / 1024, fs::metadata(&copy).unwrap().len());
        super::fresh(&cache);
        super::fresh(&target);
        let run = ours(bench, &target, &cache);
        cold.push(run.seconds);
        (peaks.0, sizes.0) = (run.peak_kib / 1024, fs::metadata(&target).unwrap().len());
        for _ in 0..3 {
            forget_one(&cache);
            super::fresh(&target);
            changed.push(ours(bench, &target, &cache).seconds);
            super::fresh(&target);
            unchanged.push(ours(bench, &target, &cache).seconds);
            super::fresh(&copy);
            let mut cp = command("cp");
            cp.args(["--reflink=never"]).arg(&target).arg(&copy);
            copied.push(Run::of(cp).seconds);
        }
    }
    let percent = |ours: u64, theirs: u64| {
        let thousandths = (i128::from(ours) - i128::from(theirs)) * 100_000 / i128::from(theirs);
        format!("{:+}.{:03} %", thousandths / 1000, (thousandths % 1000).abs())
    };
    let cold_time = median(&cold);
    vec![
        Row::times(
            "`mksquashfs -comp zstd -Xcompression-level 15 -b 1M`",
            cold_time,
            median(&tool),
            "at most 0.85 times",
        ),
        Row {
            what: "its memory".to_owned(),
            ours: format!("{} MiB", peaks.0),
            theirs: format!("{} MiB", peaks.1),
            ratio: String::new(),
            goal: "128 MiB",
        },
        Row {
            what: "its size".to_owned(),
            ours: format!("{} bytes", sizes.0),
            theirs: format!("{} bytes", sizes.1),
            ratio: percent(sizes.0, sizes.1),
            goal: "at most +0.5 %",
        },
        Row::times(
            "the same squashfs cold, after one store path changed",
            median(&changed),
            cold_time,
            "at most 0.05 times",
        ),
        Row::times(
            "copying the squashfs, when nothing changed",
            median(&unchanged),
            median(&copied),
            "at most 3 times",
        ),
    ]
}
