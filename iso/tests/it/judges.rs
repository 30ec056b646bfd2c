//! xorriso, bsdtar, isoinfo and hadris-iso as judges.

use std::collections::BTreeMap;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use hadris_fs::sync::Volume;
use hadris_fs::{MountOptions, OpenOptions};
use hadris_iso::sync::IsoFs;
use iso::{Attributes, EntryKind, Options, Plan, Tree};

use crate::made::{Filled, TIME, open, varied};

/// Where `name` is installed; a judge that is missing fails the test where `CI` is set.
fn require_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).map(|folder| folder.join(name)).find(|tool| tool.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "the judge `{name}` is not installed (run .ci/install-tools)"
        );
        eprintln!("skipped: `{name}` is not installed");
    }
    found
}

fn run(tool: &Path, arguments: &[&str]) -> Output {
    Command::new(tool).args(arguments).env("LC_ALL", "C.UTF-8").env("TZ", "UTC").output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// What xorriso lists, by path: permissions, size and, of links, the target.
fn listed(tool: &Path, image: &Path) -> BTreeMap<String, String> {
    let image = image.to_str().unwrap();
    let output = run(tool, &["-indev", image, "-find", "/", "-exec", "lsdl", "--"]);
    let all = text(&output);
    assert!(output.status.success() && !all.contains("FAILURE") && !all.contains("WARNING"), "{all}");
    let out = String::from_utf8_lossy(&output.stdout).into_owned();
    let mut found = BTreeMap::new();
    for line in out.lines().filter(|line| line.contains('\'')) {
        let (head, path) = line.split_once('\'').unwrap();
        found.insert(
            path.trim_end_matches('\'').to_owned(),
            head.split_whitespace().collect::<Vec<_>>().join(" "),
        );
    }
    found
}

#[test]
fn xorriso_sees_what_was_put_there() {
    let Some(xorriso) = require_tool("xorriso") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    varied().write(&path, None);
    let listed = listed(&xorriso, &path);
    let image = open(&path);
    for entry in image.entries().unwrap() {
        let name = String::from_utf8(entry.path.clone()).unwrap();
        let shown = match &entry.kind {
            EntryKind::Symlink(target) => {
                format!("/{name}' -> '{}", String::from_utf8(target.clone()).unwrap())
            }
            _ => format!("/{name}"),
        };
        let line = listed.get(&shown).unwrap_or_else(|| panic!("{shown} is not among {listed:#?}"));
        let mode = match entry.kind {
            EntryKind::Directory => "dr-xr-xr-x",
            EntryKind::File => "-r--r--r--",
            EntryKind::Symlink(_) => "lrwxrwxrwx",
        };
        assert!(line.starts_with(mode) && line.contains("Sep 9 2001"), "{shown}: {line}");
        if entry.kind == EntryKind::File {
            assert!(line.contains(&format!(" {} ", entry.len())), "{shown}: {line}");
        }
    }
    assert_eq!(listed.len(), image.entries().unwrap().len() + 1);
}

#[test]
fn xorriso_extracts_every_byte() {
    let Some(xorriso) = require_tool("xorriso") else { return };
    let dir = tempfile::tempdir().unwrap();
    let (path, out) = (dir.path().join("image.iso"), dir.path().join("out"));
    varied().write(&path, None);
    let arguments =
        ["-osirrox", "on", "-indev", path.to_str().unwrap(), "-extract", "/", out.to_str().unwrap()];
    let output = run(&xorriso, &arguments);
    assert!(output.status.success(), "{}", text(&output));
    let image = open(&path);
    for entry in image.entries().unwrap() {
        let name = String::from_utf8(entry.path.clone()).unwrap();
        match &entry.kind {
            EntryKind::File => {
                assert_eq!(
                    std::fs::read(out.join(&name)).unwrap(),
                    image.read_file(&entry).unwrap(),
                    "{name}"
                );
            }
            EntryKind::Symlink(target) => {
                let found = std::fs::read_link(out.join(&name)).unwrap();
                assert_eq!(found.to_str().unwrap().as_bytes(), target, "{name}");
            }
            EntryKind::Directory => assert!(out.join(&name).is_dir()),
        }
    }
}

#[test]
fn xorriso_reports_the_boot_image() {
    let Some(xorriso) = require_tool("xorriso") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    let plan = varied().write(&path, Some(&[1; 3 << 20]));
    let output = run(&xorriso, &["-indev", path.to_str().unwrap(), "-report_el_torito", "plain"]);
    let report = text(&output);
    let (offset, _) = plan.boot_image().unwrap();
    // Platform, bootable, no emulation, load size in sectors of 512 bytes, block.
    let wanted = format!("UEFI  y   none  0x0000  0x00   6144         {}", offset / 2048);
    assert!(report.contains(&wanted), "{wanted} is not in\n{report}");
    assert!(report.contains("Volume id    : 'landfall-test-1'"), "{report}");
    let image = open(&path);
    assert_eq!(image.boot_image().unwrap().unwrap().offset, offset);
}

#[test]
fn a_boot_image_over_32_mib_reaches_to_the_end_of_the_medium() {
    let Some(xorriso) = require_tool("xorriso") else { return };
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    let options = Options { boot_image: Some(40 << 20), ..Options::new("BIG", TIME).unwrap() };
    let plan = Plan::new(Tree::new(Attributes::directory(TIME)), options).unwrap();
    let file = File::create_new(&path).unwrap();
    file.set_len(plan.image_len()).unwrap();
    plan.write(&file).unwrap();
    assert_eq!(open(&path).boot_image().unwrap().unwrap().sectors, 0);
    let report = text(&run(&xorriso, &["-indev", path.to_str().unwrap(), "-report_el_torito", "plain"]));
    assert!(report.contains("UEFI  y   none  0x0000  0x00      0"), "{report}");
}

#[test]
fn other_readers_list_the_same_names() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    varied().write(&path, Some(&[1; 1 << 20]));
    let image = path.to_str().unwrap();
    let wanted: Vec<String> = open(&path)
        .entries()
        .unwrap()
        .into_iter()
        .map(|entry| String::from_utf8(entry.path).unwrap())
        .filter(|name| name.len() < 200 && name.is_ascii())
        .collect();
    for (tool, arguments) in [("bsdtar", vec!["-tf", image]), ("isoinfo", vec!["-R", "-f", "-i", image])] {
        let Some(tool) = require_tool(tool) else { continue };
        let output = run(&tool, &arguments);
        let shown = text(&output);
        assert!(output.status.success(), "{}: {shown}", tool.display());
        for name in &wanted {
            assert!(shown.contains(name.as_str()), "{}: {name} is not in\n{shown}", tool.display());
        }
    }
}

#[test]
fn a_second_reader_reads_the_same_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    varied().write(&path, None);
    let image = open(&path);
    let device = hadris_iso_device(&path);
    let volume = Volume::new(IsoFs::mount(device, MountOptions::new()).unwrap());
    let mut files = 0;
    for entry in image.entries().unwrap().iter().filter(|entry| entry.kind == EntryKind::File) {
        let name = format!("/{}", String::from_utf8(entry.path.clone()).unwrap());
        let mut bytes = Vec::new();
        let mut file = volume.open(&name, OpenOptions::new().read()).unwrap();
        std::io::Read::read_to_end(&mut file, &mut bytes).unwrap();
        assert_eq!(bytes, image.read_file(entry).unwrap(), "{name}");
        files += 1;
    }
    assert_eq!(files, 309);
}

fn hadris_iso_device(path: &Path) -> hadris_storage::host::FileDevice {
    hadris_storage::host::FileDevice::open(path).unwrap()
}

#[test]
fn a_file_over_four_gigabytes_is_read_whole() {
    const LEN: u64 = (9 << 30) + 12345;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    let mut tree = Tree::new(Attributes::directory(TIME));
    let big = tree.file("big", LEN, Attributes::file(TIME)).unwrap();
    let small = tree.file("small", 5, Attributes::file(TIME)).unwrap();
    let plan = Plan::new(tree, Options::new("BIG", TIME).unwrap()).unwrap();
    let file = File::options().read(true).write(true).create_new(true).open(&path).unwrap();
    file.set_len(plan.image_len()).unwrap();
    let marks = [0, (4 << 30) - 2048, (4 << 30) - 1, 8 << 30, LEN - 4];
    for (mark, at) in (1_u8..).zip(marks) {
        file.write_all_at(&[mark; 4], plan.offset(big) + at).unwrap();
    }
    file.write_all_at(b"small", plan.offset(small)).unwrap();
    plan.write(&file).unwrap();
    let image = open(&path);
    assert_eq!(image.check(plan.image_len()).unwrap(), []);
    let entry = image.find(b"big").unwrap().unwrap();
    assert_eq!((entry.len(), entry.extents.len()), (LEN, 3));
    let mut bytes = [0; 4];
    for (mark, at) in (1_u8..).zip(marks) {
        image.read_at(&entry, &mut bytes, at).unwrap();
        assert_eq!(bytes, [mark; 4], "at {at}");
    }
    assert_eq!(image.read_file(&image.find(b"small").unwrap().unwrap()).unwrap(), b"small");
    let Some(xorriso) = require_tool("xorriso") else { return };
    let listed = listed(&xorriso, &path);
    assert!(listed["/big"].contains(&LEN.to_string()), "{listed:?}");
}

#[test]
fn judges_see_flipped_bytes() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    let plan = varied().write(&path, Some(&[1; 1 << 20]));
    let good = std::fs::read(&path).unwrap();
    let image = open(&path);
    assert_eq!(image.check(plan.image_len()).unwrap(), []);
    let tables = usize::try_from(image.find(b"boot").unwrap().unwrap().extents[0].0).unwrap();
    // Descriptor's name, its size, the root's place; the catalog's checksum; both path tables' first
    // records; a record of a directory: its place in either order.
    for at in [
        16 * 2048 + 1,
        16 * 2048 + 80,
        16 * 2048 + 158,
        19 * 2048 + 28,
        20 * 2048 + 2,
        21 * 2048 + 5,
        tables + 2,
        tables + 6,
    ] {
        let mut bad = good.clone();
        bad[at] ^= 0x40;
        let bad_path = dir.path().join("bad.iso");
        std::fs::write(&bad_path, &bad).unwrap();
        let checked =
            iso::Image::open(File::open(&bad_path).unwrap()).and_then(|image| image.check(plan.image_len()));
        let complains = checked.as_ref().map_or(true, |problems| !problems.is_empty());
        assert!(complains, "a flipped byte at {at} went unnoticed");
    }
    let Some(xorriso) = require_tool("xorriso") else { return };
    let mut bad = good;
    bad[16 * 2048 + 1] ^= 0x40;
    std::fs::write(&path, &bad).unwrap();
    let said = text(&run(&xorriso, &["-indev", path.to_str().unwrap(), "-find", "/"]));
    assert!(!said.contains("nix-store.squashfs"), "{said}");
}

#[test]
fn a_truncated_image_is_noticed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("image.iso");
    let plan = Filled::new().file("a", &[1; 10_000]).write(&path, None);
    let problems = open(&path).check(plan.image_len() - 2048).unwrap();
    assert!(problems[0].to_string().contains("truncated"), "{problems:?}");
}
