//! Media: made again after one package changed, beside the first time; made again of the same, beside a copy.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use landfall::image::System;
use landfall::store::registration;

use super::measure::{Run, command, median};
use super::{Bench, ROUNDS, Row, fresh};

/// Both rows.
pub fn rows(bench: &Bench) -> Vec<Row> {
    let cache = bench.dir.join("blocks");
    let (first, again) = (bench.dir.join("first.iso"), bench.dir.join("again.iso"));
    let cold = build(&bench.sample, &first, &cache);
    let (mut unchanged, mut copies, mut changed) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..ROUNDS {
        fresh(&again);
        unchanged.push(build(&bench.sample, &again, &cache));
        fresh(&again);
        let mut copy = command("cp");
        copy.args(["--reflink=never"]).arg(&first).arg(&again);
        copies.push(Run::of(copy).seconds);
        let root = changed_store(bench, round);
        fresh(&again);
        changed.push(build(&root, &again, &cache));
        fs::remove_dir_all(root).unwrap();
    }
    for file in [&first, &again] {
        fresh(file);
    }
    fresh(&cache);
    let (unchanged, changed) = (median(&unchanged), median(&changed));
    vec![
        Row {
            what: "ISO after one package changed, beside the first (zstd 15)".to_owned(),
            ours: format!("{changed:.2} s"),
            theirs: format!("{cold:.2} s"),
            ratio: format!("1/{:.0}", cold / changed),
            goal: "at most 1/20",
        },
        Row::times(
            "ISO of the same system again, beside `cp` of it",
            unchanged,
            median(&copies),
            "at most 3 times",
        ),
    ]
}

/// Seconds for a live medium of the sample system in `root`.
fn build(root: &Path, out: &Path, cache: &Path) -> f64 {
    let mut command = command(env!("CARGO_BIN_EXE_landfall"));
    command.arg("iso").arg("--system").arg(root.join("system")).arg("--store").arg(root);
    command.arg("--out").arg(out).arg("--cache").arg(cache);
    Run::of(command).seconds
}

/// The sample's store with another content, and so another hash, in one of its packages; the other packages
/// are links to the sample's own.
fn changed_store(bench: &Bench, round: usize) -> PathBuf {
    let system = System::open(&bench.sample, &bench.sample.join("system")).unwrap();
    let root = bench.dir.join(format!("changed-{round}"));
    let store = root.join("nix/store");
    fs::create_dir_all(&store).unwrap();
    // The one in the middle of the sizes stands for all.
    let mut infos: Vec<_> = system.closure().paths().cloned().collect();
    infos.sort_by_key(|info| info.nar_size.bytes());
    let folders: Vec<_> =
        infos.iter().filter(|info| system.closure().host_path(&info.path).is_dir()).collect();
    let victim = folders[folders.len() / 2].path.clone();
    for info in &mut infos {
        let own = system.closure().host_path(&info.path);
        let copy = store.join(info.path.base_name());
        let mut copied = command("cp");
        copied.arg("-al").arg(&own).arg(&copy);
        Run::of(copied);
        if info.path == victim {
            let mut bytes = *info.nar_hash.as_bytes();
            bytes[0] ^= u8::try_from(round + 1).unwrap();
            info.nar_hash = landfall::store::NarHash::from_bytes(bytes);
            fs::write(copy.join("changed"), format!("{round}")).unwrap();
        }
    }
    fs::write(root.join("registration"), registration::render(&infos)).unwrap();
    let names: String = infos.iter().map(|info| format!("{}\n", info.path)).collect();
    fs::write(root.join("store-paths"), names).unwrap();
    symlink(fs::read_link(bench.sample.join("system")).unwrap(), root.join("system")).unwrap();
    root
}
