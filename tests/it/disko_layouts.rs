//! The layouts in `disko-layouts/`: each is read, planned (a snapshot says what came out) and drawn, and the list of them is what
//! these files make it.
//!
//! `LANDFALL_BLESS=1 cargo test disko_layouts` writes list and pictures anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use landfall::identity::Seed;
use landfall::layout::nix::{Arguments, evaluate};
use landfall::layout::syntax::source::SourceMap;
use landfall::layout::{Layout, Source};
use landfall::plan::{DiskRequest, Plan, Request};

use crate::oracle::require_tool;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("disko-layouts")
}

/// A layout of ours.
pub struct Example {
    /// Name of its file, without extension.
    pub name: String,
    /// For whom it is, from the comment at its top.
    purpose: String,
    /// The sizes of disks that the comment tries it with.
    disks: Vec<DiskRequest>,
    path: PathBuf,
}

/// Every layout in the folder, by name.
pub fn examples() -> Vec<Example> {
    let mut paths: Vec<PathBuf> =
        std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.extension().is_some_and(|extension| extension == "nix"));
    paths.sort();
    paths.into_iter().map(example).collect()
}

fn example(path: PathBuf) -> Example {
    let text = std::fs::read_to_string(&path).unwrap();
    let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
    let comment: Vec<&str> =
        text.lines().map_while(|line| line.strip_prefix('#')).map(|line| line.trim_start()).collect();
    let purpose = comment.iter().take_while(|line| !line.is_empty()).copied().collect::<Vec<_>>().join(" ");
    assert!(purpose.len() > 40, "{name} does not say for whom it is");
    let command =
        comment.iter().find_map(|line| line.strip_prefix("Try: landfall plan ")).unwrap_or_else(|| {
            panic!("{name} does not say how to try it");
        });
    let mut words = command.split_whitespace();
    assert_eq!(words.next(), Some(format!("disko-layouts/{name}.nix").as_str()));
    let mut disks = Vec::new();
    while let Some(flag) = words.next() {
        assert_eq!(flag, "--disk", "{name}: {command}");
        disks.push(words.next().unwrap().trim_matches('\'').parse().unwrap());
    }
    Example { name, purpose, disks, path }
}

/// The layout that a file makes.
pub fn layout(example: &Example) -> Layout {
    let mut sources = SourceMap::new();
    let evaluated = evaluate(&example.path, &Arguments::new(), &mut sources)
        .unwrap_or_else(|error| panic!("{}: {error}", example.name));
    let (layout, findings) = Layout::parse(Source::Evaluated { evaluated, sources })
        .unwrap_or_else(|error| panic!("{}: {error}", example.name));
    // One is there to show disko's older tables; in another a hook changes what the warning is about.
    let accepted = |code| {
        [("legacy-mbr", "deprecated"), ("zfs-mirror-encrypted", "key-only-in-installer")]
            .contains(&(example.name.as_str(), code))
    };
    let unexpected: Vec<_> = findings.iter().filter(|finding| !accepted(finding.code)).collect();
    assert!(unexpected.is_empty(), "{}: {unexpected:#?}", example.name);
    layout
}

fn plan(example: &Example) -> Plan {
    let seed: Seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
    let request = Request { disks: example.disks.clone(), ..Request::new(seed) };
    Plan::new(&layout(example), &request).unwrap_or_else(|error| panic!("{}: {error}", example.name))
}

#[test]
fn every_layout_has_its_plan() {
    let examples = examples();
    assert!(examples.len() >= 25, "{} layouts", examples.len());
    insta::with_settings!({ snapshot_path => "snapshots/disko_layouts", prepend_module_to_snapshot => false, omit_expression => true }, {
        for example in examples {
            let plan = plan(&example);
            let text = format!("{}\n{}{}\n{}", plan.text(), plan.fstab(), plan.crypttab(), plan.nixos());
            insta::assert_snapshot!(example.name.as_str(), text);
        }
    });
}

/// What Nix itself makes of the files is the same.
#[test]
fn nix_reads_every_layout_as_we_do() {
    let Some(nix) = require_tool("nix-instantiate") else { return };
    let examples = examples();
    let read = |example: &Example| {
        format!(
            "(let f = import {}; in if builtins.isFunction f then f {{ }} else f)",
            example.path.display()
        )
    };
    let expression = format!("[ {} ]", examples.iter().map(read).collect::<Vec<_>>().join(" "));
    let state = tempfile::tempdir().unwrap();
    let output = std::process::Command::new(nix)
        .args(["--eval", "--strict", "--json", "--expr", &expression])
        .env("NIX_STORE_DIR", state.path().join("store"))
        .env("NIX_STATE_DIR", state.path().join("state"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let values: Vec<serde_json::Value> = serde_json::from_slice(&output.stdout).unwrap();
    for (example, value) in examples.iter().zip(values) {
        let source = Source::Json { name: example.name.clone(), text: value.to_string().into_bytes() };
        let (by_nix, _) = Layout::parse(source).unwrap();
        assert_eq!(layout(example).resolved_json(), by_nix.resolved_json(), "{}", example.name);
    }
}

#[test]
fn every_line_of_a_plan_fits_80_columns() {
    for example in examples() {
        let text = plan(&example).text();
        let long: Vec<&str> = text.lines().filter(|line| line.chars().count() > 80).collect();
        assert!(long.is_empty(), "{}: {long:#?}", example.name);
    }
}

#[test]
fn list_and_pictures_are_those_of_the_layouts() {
    let examples = examples();
    let pictures = folder().join("pictures");
    for example in &examples {
        let picture = pictures.join(format!("{}.svg", example.name));
        same_or_updated(&picture, &plan(example).svg());
    }
    same_or_updated(&folder().join("README.md"), &list(&examples));
    for entry in std::fs::read_dir(&pictures).unwrap() {
        let name = entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned();
        assert!(examples.iter().any(|example| example.name == name), "{name}.svg is of no layout");
    }
}

fn list(examples: &[Example]) -> String {
    let mut list = String::from(
        "# Layouts\n\nStart from the one that is nearest to your machine: change the devices, keep the rest. Each file says at its \
         top for whom it is\nand how to see its plan. This list is made from these files; `LANDFALL_BLESS=1 cargo test disko_layouts` \
         writes it anew.\n",
    );
    for Example { name, purpose, .. } in examples {
        let _ = write!(
            list,
            "\n## [{name}]({name}.nix)\n\n{purpose}\n\n![The disks of {name}](pictures/{name}.svg)\n"
        );
    }
    list
}

/// Compares a generated file with what is there; writes it where that is asked for.
fn same_or_updated(path: &Path, wanted: &str) {
    if std::env::var_os("LANDFALL_BLESS").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, wanted).unwrap();
    }
    let there = std::fs::read_to_string(path).unwrap_or_default();
    let name = path.display();
    assert!(there == wanted, "{name} is out of date: run LANDFALL_BLESS=1 cargo test disko_layouts");
}
