//! `make bench`: images side by side with the tools that people use today, in one run on one machine.
//!
//! Hosts differ and are shared, so only ratios mean anything. Every figure is the median of [`ROUNDS`],
//! the contenders taking turns. The table goes to standard output and to `docs/bench.md`; with names of
//! groups as arguments (`cargo bench --bench compare -- images plan`) only those run, and nothing is kept.

#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a benchmark prints its figures")]
#![allow(clippy::unwrap_used, reason = "a benchmark that cannot run says so by panicking")]

mod btrfs;
mod install;
mod iso;
mod large_folders;
mod layers;
mod measure;
mod plan;
mod reflink;
mod squashfs;

use std::fs;
use std::path::{Path, PathBuf};

use measure::{Run, command, found, median};

/// How often each contender runs.
const ROUNDS: usize = 3;

/// The layout of every contender: an ESP of 256 MiB and an ext4 root.
const LAYOUT: &str = include_str!("../../src/cli/demo.json");

/// Lines that belong together, by name, and what measures them.
type Group = (&'static str, fn(&Bench) -> Vec<Row>);

/// A line of the table.
struct Row {
    what: String,
    ours: String,
    theirs: String,
    ratio: String,
    goal: &'static str,
}

impl Row {
    /// Our time against another's, both in seconds.
    fn times(what: &str, ours: f64, theirs: f64, goal: &'static str) -> Self {
        let faster = goal.ends_with("faster");
        let ratio = if faster {
            format!("{:.2} times faster", theirs / ours)
        } else {
            format!("{:.2} times", ours / theirs)
        };
        Self {
            what: what.to_owned(),
            ours: format!("{ours:.2} s"),
            theirs: format!("{theirs:.2} s"),
            ratio,
            goal,
        }
    }
}

fn main() {
    if squashfs::packed() {
        return;
    }
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sample").join(std::env::consts::ARCH);
    if !sample.join("system").is_symlink() {
        eprintln!("there is no sample system in {} (make sample)", sample.display());
        std::process::exit(1);
    }
    let dir = tempfile::tempdir_in(Path::new(env!("CARGO_MANIFEST_DIR")).join("target")).unwrap();
    let bench = Bench { sample, dir: dir.path().to_owned() };
    let groups: [Group; 9] = [
        ("images", Bench::whole_images),
        ("reflink", |bench| reflink::rows(bench).into_iter().collect()),
        ("folders", |bench| vec![large_folders::row(bench)]),
        ("layers", |bench| vec![layers::row(bench)]),
        ("plan", |_| plan::row().into_iter().collect()),
        ("btrfs", btrfs::rows),
        ("squashfs", squashfs::rows),
        ("iso", iso::rows),
        ("install", install::rows),
    ];
    let known = groups.map(|(name, _)| name);
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with('-')).collect();
    if let Some(unknown) = wanted.iter().find(|name| !known.contains(&name.as_str())) {
        eprintln!("`{unknown}` is not measured here; there are {}", known.join(", "));
        std::process::exit(2);
    }
    let mut rows = Vec::new();
    for (name, measure) in groups {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            eprintln!("{name} …");
            let measured = measure(&bench);
            eprint!("{}", table(&measured));
            rows.extend(measured);
        }
    }
    if !wanted.is_empty() {
        return;
    }
    let table = table(&rows);
    println!("{table}");
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bench.md");
    fs::write(&file, format!("{INTRODUCTION}\n{table}")).unwrap();
}

const INTRODUCTION: &str = "# Figures

The last run of `make bench`: the sample system (about 1 GB in 375 store paths) as an image with an ESP and an
ext4 root. Hosts differ and are shared, so the ratios count, not the seconds.
";

fn table(rows: &[Row]) -> String {
    let mut text = String::from("| against | landfall | theirs | ratio | goal |\n|---|--:|--:|--:|---|\n");
    for Row { what, ours, theirs, ratio, goal } in rows {
        text.push_str(&format!("| {what} | {ours} | {theirs} | {ratio} | {goal} |\n"));
    }
    text
}

/// What every measurement needs.
struct Bench {
    /// Store root of the sample system.
    sample: PathBuf,
    /// Where files are made.
    dir: PathBuf,
}

impl Bench {
    /// Builds our image into `out`.
    fn landfall(&self, out: &Path) -> Run {
        let layout = self.dir.join("layout.json");
        fs::write(&layout, LAYOUT).unwrap();
        let mut command = command(env!("CARGO_BIN_EXE_landfall"));
        command.arg("image").arg(layout).arg("--system").arg(self.sample.join("system"));
        command.arg("--store").arg(&self.sample).arg("--out").arg(out);
        Run::of(command)
    }

    /// Packs the same tree.
    fn tar(&self, file: &Path) -> Run {
        let mut command = command("tar");
        command.arg("-cf").arg(file).arg("-C").arg(&self.sample).arg("nix");
        Run::of(command)
    }

    fn whole_images(&self) -> Vec<Row> {
        let (out, other) = (self.dir.join("out"), self.dir.join("other.raw"));
        // The first runs fill the page cache, and give the ESP's files for the tools.
        let first = self.landfall(&out);
        self.tar(&other);
        let esp = self.esp_files(&out.join("main.raw"));
        let (mut ours, mut tools, mut tar, mut repart) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for _ in 0..ROUNDS {
            fresh(&out);
            ours.push(self.landfall(&out).seconds);
            fresh(&other);
            tools.push(self.tools(&esp, &other));
            fresh(&other);
            tar.push(self.tar(&other).seconds);
            if found("systemd-repart") {
                fresh(&other);
                repart.extend(self.repart(&esp, &other));
            }
        }
        fresh(&other);
        let ours = median(&ours);
        let mut rows = vec![Row::times(
            "`sgdisk`, `mkfs.vfat`, `mcopy`, `mkfs.ext4 -d`",
            ours,
            median(&tools),
            "2.5 times faster",
        )];
        if repart.is_empty() {
            eprintln!("systemd-repart with --offline=yes is not installed: left out");
        } else {
            rows.push(Row::times("`systemd-repart --offline=yes`", ours, median(&repart), "3 times faster"));
        }
        rows.push(Row::times("`tar -cf` of the same tree", ours, median(&tar), "at most 1.5 times"));
        rows.push(Row {
            what: "peak memory".to_owned(),
            ours: format!("{} MiB", first.peak_kib / 1024),
            theirs: String::new(),
            ratio: String::new(),
            goal: "256 MiB",
        });
        rows
    }

    /// The files of our ESP, in a folder.
    fn esp_files(&self, image: &Path) -> PathBuf {
        let esp = self.dir.join("esp");
        fs::create_dir_all(&esp).unwrap();
        let mut mcopy = command("mcopy");
        mcopy.args(["-s", "-n", "-i"]).arg(format!("{}@@1M", image.display())).arg("::/").arg(&esp);
        Run::of(mcopy);
        esp
    }

    /// The same image with the usual tools; how long they take together.
    fn tools(&self, esp: &Path, image: &Path) -> f64 {
        let file = fs::File::create(image).unwrap();
        file.set_len(1800 << 20).unwrap();
        let mut sgdisk = command("sgdisk");
        sgdisk.args(["-n", "1:0:+256M", "-t", "1:EF00", "-n", "2:0:0", "-t", "2:8300"]).arg(image);
        let mut vfat = command("mkfs.vfat");
        vfat.args(["--offset", "2048", "-F", "32", "-s", "4"]).arg(image).arg("262144");
        let mut mcopy = command("mcopy");
        mcopy.args(["-s", "-i"]).arg(format!("{}@@1M", image.display()));
        for entry in fs::read_dir(esp).unwrap() {
            mcopy.arg(entry.unwrap().path());
        }
        mcopy.arg("::/");
        let mut ext4 = command("mkfs.ext4");
        ext4.args(["-q", "-F", "-d"])
            .arg(&self.sample)
            .args(["-E", "offset=269484032"])
            .arg(image)
            .arg("1540M");
        [sgdisk, vfat, mcopy, ext4].into_iter().map(|command| Run::of(command).seconds).sum()
    }

    /// The same image with systemd-repart; `None` when it is too old to work without root.
    fn repart(&self, esp: &Path, image: &Path) -> Option<f64> {
        let definitions = self.dir.join("repart.d");
        fs::create_dir_all(&definitions).unwrap();
        let partition = |name: &str, kind: &str, format: &str, from: &Path, size: &str| {
            let text = format!(
                "[Partition]\nType={kind}\nFormat={format}\nCopyFiles={}:/\nSizeMinBytes={size}\n",
                from.display()
            );
            fs::write(definitions.join(name), text).unwrap();
        };
        partition("10-esp.conf", "esp", "vfat", esp, "256M");
        partition("20-root.conf", "root", "ext4", &self.sample, "1540M");
        let mut repart = command("systemd-repart");
        repart.args(["--empty=create", "--size=1800M", "--offline=yes", "--dry-run=no"]);
        repart.arg(format!("--definitions={}", definitions.display())).arg(image);
        Run::try_of(repart).map(|run| run.seconds)
    }
}

/// Removes what a run before left, and lets the disk catch up, so that nobody pays for another's writing.
fn fresh(path: &Path) {
    let _ = fs::remove_dir_all(path);
    let _ = fs::remove_file(path);
    Run::of(command("sync"));
}
