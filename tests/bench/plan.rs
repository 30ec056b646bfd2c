//! `landfall plan` of every layout in `disko-layouts/`, beside the real Nix reading the same files.
//!
//! disko itself is not at hand where this runs. Nix is given the least that it would have to do for disko: parse and evaluate
//! the layout as it is written, with our small `lib` in place of nixpkgs' large one, and none of disko's modules. What disko
//! takes for the same is more by the evaluation of its option types (seconds).

use std::path::{Path, PathBuf};

use super::measure::{Run, command, found, median};
use super::{ROUNDS, Row};

/// What a plan may take.
const GOAL: &str = "50 ms and 32 MiB each";

/// The slowest of some runs, in seconds, and the largest memory of any, in KiB.
#[derive(Clone, Copy, Default)]
struct Worst {
    seconds: f64,
    peak_kib: u64,
}

impl Worst {
    /// Takes a contender's median time and largest memory in.
    fn take(&mut self, runs: &[Run]) {
        let seconds: Vec<f64> = runs.iter().map(|run| run.seconds).collect();
        self.seconds = self.seconds.max(median(&seconds));
        self.peak_kib = self.peak_kib.max(runs.iter().map(|run| run.peak_kib).max().unwrap_or(0));
    }

    fn shown(self) -> String {
        format!("{:.1} ms, {} MiB", self.seconds * 1000.0, self.peak_kib >> 10)
    }
}

/// The line of the table; `None` without Nix.
pub fn row() -> Option<Row> {
    if !found("nix-instantiate") {
        return None;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut ours, mut theirs) = (Worst::default(), Worst::default());
    let layouts = files(&root.join("disko-layouts"));
    for layout in &layouts {
        let (mut our_runs, mut their_runs) = (Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            our_runs.push(plan(layout));
            their_runs.push(evaluation(root, layout));
        }
        ours.take(&our_runs);
        theirs.take(&their_runs);
    }
    Some(Row {
        what: format!("`nix-instantiate` only reading a layout (slowest of {})", layouts.len()),
        ours: ours.shown(),
        theirs: theirs.shown(),
        ratio: format!("{:.2} times faster", theirs.seconds / ours.seconds),
        goal: GOAL,
    })
}

/// The files in Nix in a folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|name| name == "nix")).collect();
    files.sort();
    files
}

fn plan(layout: &Path) -> Run {
    let mut command = command(env!("CARGO_BIN_EXE_landfall"));
    command.arg("plan").arg(layout).args(["--disk", "*=2T"]);
    Run::of(command)
}

fn evaluation(root: &Path, layout: &Path) -> Run {
    let folder = root.join("src/layout/nix/lib");
    let mut parts = String::new();
    for part in files(&folder).iter().filter(|part| !part.ends_with("default.nix")) {
        let name = part.file_stem().unwrap().to_str().unwrap();
        parts.push_str(&format!("{name} = import {}; ", part.display()));
    }
    let expression = format!(
        "let lib = import {}/default.nix {{ {parts} }}; value = import {}; in \
         if builtins.isFunction value then value (builtins.intersectAttrs (builtins.functionArgs value) \
         {{ inherit lib; config = {{ }}; pkgs = {{ }}; }}) else value",
        folder.display(),
        layout.display()
    );
    let mut command = command("nix-instantiate");
    command.args(["--eval", "--strict", "--json", "--expr", &expression]);
    Run::of(command)
}
