//! `landfall install` onto files in the place of disks: what is refused stays as it was, what is installed is clean.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::image::Build;
use crate::oracle::{require_tool, run};

const MIB: u64 = 1 << 20;

const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
  "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// A disk full of somebody's bytes.
fn used_disk(folder: &Path) -> PathBuf {
    let path = folder.join("used.raw");
    let file = fs::File::create(&path).unwrap();
    for at in 0..256 {
        file.write_all_at(&vec![0xA5; 1 << 20], at * MIB).unwrap();
    }
    path
}

fn install(build: &Build, more: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.arg("install").arg(build.dir.path().join("layout.json"));
    command.arg("--system").arg(build.fixture.host(&build.fixture.toplevel));
    command.arg("--store").arg(build.fixture.root()).args(more);
    command.env_remove("LANDFALL_LOG").env("NO_COLOR", "1").output().unwrap()
}

fn error(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_used_disk_is_refused_as_it_was_and_wiped_when_that_is_said() {
    let build = Build::new(LAYOUT);
    let disk = used_disk(build.dir.path());
    let before = blake3::hash(&fs::read(&disk).unwrap());
    let target = format!("main={}", disk.display());
    let refused = install(&build, &["--disk", &target]);
    assert_eq!(refused.status.code(), Some(4), "{}", error(&refused));
    assert!(error(&refused).contains("is not blank: data of an unknown kind"), "{}", error(&refused));
    let tried = install(&build, &["--disk", &target, "--yes-wipe-all-disks", "--dry-run"]);
    assert!(tried.status.success(), "{}", error(&tried));
    let said = String::from_utf8_lossy(&tried.stdout);
    assert!(said.contains("will be lost"), "{said}");
    // What is erased is the disk that was chosen, not the one that the layout names.
    let (_, erased) = said.split_once("erased with all that is on them").expect("nothing is erased");
    assert!(erased.contains("used.raw") && !erased.contains("/dev/vda"), "{erased}");
    assert_eq!(blake3::hash(&fs::read(&disk).unwrap()), before);
    let done = install(&build, &["--disk", &target, "--yes-wipe-all-disks"]);
    assert!(done.status.success(), "{}", error(&done));
    let bytes = fs::read(&disk).unwrap();
    assert_eq!(bytes[510..512], [0x55, 0xAA]);
    assert!(!bytes.starts_with(b"landfall"));
    if let Some(sgdisk) = require_tool("sgdisk") {
        let judged = run(&sgdisk, &["--verify", disk.to_str().unwrap()]);
        assert!(String::from_utf8_lossy(&judged.stdout).contains("No problems found"));
    }
    // What is installed is something that the next one refuses.
    assert_eq!(install(&build, &["--disk", &target]).status.code(), Some(4));
}

#[test]
fn a_medium_that_is_pulled_out_leaves_a_disk_that_does_not_boot_and_is_taken_again() {
    use landfall::device::{Contents, Disk};
    use landfall::image::{Request, System};
    use landfall::installer::install::{self, State, Targets};
    use landfall::layout::{Layout, Source};
    use landfall::progress::Silent;

    let build = Build::new(LAYOUT);
    let disk = build.dir.path().join("disk.raw");
    fs::File::create(&disk).unwrap().set_len(256 * MIB).unwrap();
    let source = Source::Json { name: "layout.json".to_owned(), text: LAYOUT.into() };
    let (layout, _) = Layout::parse(source).unwrap();
    let system = System::open(build.fixture.root(), &build.fixture.host(&build.fixture.toplevel)).unwrap();
    let targets = Targets::from([("main".to_owned(), Disk::of_file(&disk).unwrap())]);
    let prepared = install::prepare((&layout, &system), &targets, Request::default()).unwrap();
    // What was looked at when everything was decided cannot be read when it is written.
    let (store, away) = (build.fixture.root().join("nix"), build.fixture.root().join("pulled-out"));
    fs::rename(&store, &away).unwrap();
    let mut state = State::Untouched;
    let error = install::write(&prepared, &targets, &Silent, &mut state).unwrap_err();
    assert_eq!(state, State::Unfinished);
    assert_eq!(error.exit().code(), 1, "{error}");
    let mut head = vec![0; 4096];
    fs::File::open(&disk).unwrap().read_exact_at(&mut head, 0).unwrap();
    assert!(head.starts_with(b"landfall: an installation is under way"));
    assert!(!head.windows(8).any(|window| window == b"EFI PART"));
    assert_eq!(Contents::of(&targets["main"]).unwrap(), Contents::Unfinished);
    assert!(!install::is_installed(&prepared, &targets).unwrap());
    fs::rename(&away, &store).unwrap();
    let mut state = State::Untouched;
    install::write(&prepared, &targets, &Silent, &mut state).unwrap();
    assert_eq!(state, State::Written);
    assert!(install::is_installed(&prepared, &targets).unwrap());
}

#[test]
fn what_does_not_fit_or_is_not_named_is_refused_before_anything_is_written() {
    let build = Build::new(LAYOUT);
    let disk = build.dir.path().join("small.raw");
    fs::File::create(&disk).unwrap().set_len(65 * MIB).unwrap();
    let small = install(&build, &["--disk", &format!("main={}", disk.display())]);
    assert_eq!(small.status.code(), Some(3), "{}", error(&small));
    assert!(fs::read(&disk).unwrap().iter().all(|byte| *byte == 0));
    let unnamed = install(&build, &[]);
    assert_eq!(unnamed.status.code(), Some(2), "{}", error(&unnamed));
    assert!(error(&unnamed).contains("no device is named for disk `main`"), "{}", error(&unnamed));
    let twice = format!("main={}", disk.display());
    assert_eq!(install(&build, &["--disk", &twice, "--disk", &twice]).status.code(), Some(2));
}
