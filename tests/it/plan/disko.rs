//! Planned tables against those that disko's own script leaves on blank disks of 64 GiB.

use std::path::{Path, PathBuf};

use landfall::identity::Seed;
use landfall::layout::{Layout, Source};
use landfall::plan::{Plan, Request};
use serde_json::{Value as Json, json};

fn folder(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it").join(name)
}

/// Every recorded table: example, disk, table.
fn tables() -> Vec<(String, String, Json)> {
    let mut tables: Vec<_> = std::fs::read_dir(folder("plan/tables"))
        .unwrap()
        .filter_map(|entry| {
            let path = entry.unwrap().path();
            let name = path.file_name()?.to_str()?.strip_suffix(".table.json")?.to_owned();
            let (example, disk) = name.split_once('.')?;
            let table = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
            Some((example.to_owned(), disk.to_owned(), table))
        })
        .collect();
    tables.sort_by(|a, b| (&a.0, &a.1).cmp(&(&b.0, &b.1)));
    tables
}

/// disko's examples, in alphabetical order.
pub fn examples() -> Vec<String> {
    let mut names: Vec<String> = std::fs::read_dir(folder("layout/disko"))
        .unwrap()
        .filter_map(|entry| {
            Some(entry.unwrap().file_name().to_str()?.strip_suffix(".input.json")?.to_owned())
        })
        .collect();
    names.sort();
    names
}

pub fn layout(example: &str) -> Layout {
    let name = format!("{example}.input.json");
    let text = std::fs::read(folder("layout/disko").join(&name)).unwrap();
    match Layout::parse(Source::Json { name, text }) {
        Ok((layout, _)) => layout,
        Err(error) => panic!("{example}: {error}"),
    }
}

pub fn request(disk: &str) -> Request {
    let seed: Seed = "6f1c1b0e-0000-4000-8000-000000000001".parse().unwrap();
    let mut request = Request::new(seed);
    request.disks.push(disk.parse().unwrap());
    request
}

/// Where ours is meant to differ from disko's: in a legacy GPT table `bootable` has parted turn whatever it is set on into an
/// EFI system partition. A root partition on ext4 cannot be one and keeps its type.
fn exception(example: &str, mut table: Json) -> Json {
    if example == "legacy-table" {
        assert_eq!(table["partitions"][1]["type"], "C12A7328-F81F-11D2-BA4B-00A0C93EC93B");
        table["partitions"][1]["type"] = json!("0FC63DAF-8483-4772-8E79-3D69D8477DE4");
    }
    table
}

#[test]
fn every_table_is_the_one_that_disko_makes() {
    let tables = tables();
    assert_eq!(tables.len(), 54);
    for (example, disk, disko) in tables {
        let plan = Plan::new(&layout(&example), &request("*=64G"))
            .unwrap_or_else(|error| panic!("{example}: {error}"));
        let ours = &plan.json()["disks"][&disk]["table"];
        assert_eq!(*ours, exception(&example, disko), "{example}, disk {disk}");
    }
}

/// The comparison can fail: on a disk of another size the tables are others.
#[test]
fn another_disk_has_another_table() {
    let plan = Plan::new(&layout("simple-efi"), &request("*=32G")).unwrap();
    let (_, _, disko) = tables().into_iter().find(|(example, ..)| example == "simple-efi").unwrap();
    assert_ne!(plan.json()["disks"]["main"]["table"], disko);
}

#[test]
fn the_layout_in_the_plan_is_the_resolved_one() {
    for (example, ..) in tables() {
        let layout = layout(&example);
        let plan = Plan::new(&layout, &request("*=64G")).unwrap();
        assert_eq!(plan.json()["layout"], layout.resolved_json(), "{example}");
    }
}
