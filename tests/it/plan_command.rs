//! `landfall plan` and `landfall check` as they are called: the README's layout in every form, arguments, an installed Nix.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::oracle::require_tool;

/// What a call printed, and its exit code.
struct Said {
    out: String,
    err: String,
    code: Option<i32>,
}

/// Calls the program in a folder.
fn landfall(folder: &Path, arguments: &[&str]) -> Said {
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(arguments).current_dir(folder).env_remove("LANDFALL_LOG").env("NO_COLOR", "1");
    said(command)
}

fn said(mut command: Command) -> Said {
    let output = command.output().unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Said { out: text(output.stdout), err: text(output.stderr), code: output.status.code() }
}

/// The output of a call that must succeed and have nothing to say beside it.
fn printed(folder: &Path, arguments: &[&str]) -> String {
    let said = landfall(folder, arguments);
    assert_eq!((said.err.as_str(), said.code), ("", Some(0)), "{arguments:?}");
    said.out
}

/// The README's first text in a language.
fn example(language: &str) -> String {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let fence = format!("\n```{language}\n");
    let (_, rest) = readme.split_once(&fence).unwrap_or_else(|| panic!("no {language} in the README"));
    rest.split_once("\n```").unwrap().0.to_owned() + "\n"
}

/// A folder with the README's layouts.
fn examples() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for language in ["nix", "toml"] {
        fs::write(folder.path().join(format!("disk.{language}")), example(language)).unwrap();
    }
    folder
}

#[test]
fn the_readme_s_layout_is_one_plan_in_all_three_languages() {
    let folder = examples();
    let call = |file: &str, more: &[&str]| {
        let mut arguments = vec!["plan", file, "--disk", "main=64G"];
        arguments.extend(more);
        printed(folder.path(), &arguments)
    };
    assert_eq!(printed(folder.path(), &["check", "disk.nix"]), "disk.nix: no mistakes\n");
    let text = call("disk.nix", &[]);
    assert!(text.starts_with("disk main    64 GiB  gpt"), "{text}");
    assert!(text.contains("UEFI boots from main partition 1 at /boot"), "{text}");
    let json: serde_json::Value = serde_json::from_str(&call("disk.nix", &["--json"])).unwrap();
    fs::write(folder.path().join("disk.json"), json["layout"].to_string()).unwrap();
    for other in ["disk.toml", "disk.json"] {
        assert_eq!(call(other, &[]), text, "{other}");
    }
    // Every disk has the size that `*` has.
    assert_eq!(printed(folder.path(), &["plan", "disk.nix", "--disk", "*=64G"]), text);
}

#[test]
fn the_readme_s_layout_is_drawn_and_told_in_every_form() {
    let folder = examples();
    printed(folder.path(), &["plan", "disk.nix", "--disk", "main=64G", "--svg", "disk.svg"]);
    let picture = fs::read_to_string(folder.path().join("disk.svg")).unwrap();
    assert!(
        picture.starts_with("<svg ") && picture.contains("ESP") && picture.ends_with("</svg>\n"),
        "{picture}"
    );
    let mounts = printed(folder.path(), &["plan", "disk.nix", "--mounts"]);
    let lines: Vec<Vec<&str>> = mounts
        .lines()
        .filter(|line| !line.starts_with('#'))
        .map(|line| line.split_whitespace().collect())
        .collect();
    assert_eq!(
        lines,
        [
            ["/dev/disk/by-partlabel/disk-main-root", "/", "ext4", "defaults", "0", "1"],
            ["/dev/disk/by-partlabel/disk-main-ESP", "/boot", "vfat", "defaults", "0", "2"],
        ]
    );
    let options = printed(folder.path(), &["plan", "disk.nix", "--nixos"]);
    assert!(options.contains("fileSystems.\"/boot\" = {"), "{options}");
    assert!(options.contains("device = \"/dev/disk/by-partlabel/disk-main-root\";"), "{options}");
    let published = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/plan.schema.json");
    let published: serde_json::Value = serde_json::from_slice(&fs::read(published).unwrap()).unwrap();
    let schema: serde_json::Value =
        serde_json::from_str(&printed(folder.path(), &["plan", "--schema"])).unwrap();
    assert_eq!(schema, published);
}

/// `--nixos` is Nix: an installed one reads it.
#[test]
fn nix_reads_the_options_that_a_plan_prints() {
    let Some(nix) = require_tool("nix-instantiate") else { return };
    let layouts = Path::new(env!("CARGO_MANIFEST_DIR")).join("disko-layouts");
    for name in ["luks-btrfs", "swap-hibernation", "zfs-root", "tmpfs-root"] {
        let options = landfall(&layouts, &["plan", &format!("{name}.nix"), "--nixos"]);
        assert_eq!(options.code, Some(0), "{name}: {}", options.err);
        let mut command = Command::new(&nix);
        command.args(["--eval", "--strict", "--json", "--expr", &options.out]);
        let read = said(command);
        assert_eq!(read.code, Some(0), "{name}: {}\n{}", read.err, options.out);
        let read: serde_json::Value = serde_json::from_str(&read.out).unwrap();
        assert!(read["fileSystems"]["/"].is_object(), "{name}: {read}");
    }
}

/// A layout that wants two arguments.
const FUNCTION: &str = r#"{ disk, swapSize, lib, ... }: {
  disko.devices.disk.main = {
    type = "disk";
    device = disk;
    content = {
      type = "gpt";
      partitions = {
        ESP = { size = "1G"; type = "EF00"; content = { type = "filesystem"; format = "vfat"; mountpoint = "/boot"; }; };
        swap = { size = "${toString swapSize}G"; content.type = "swap"; };
        root = { size = "100%"; content = { type = "filesystem"; format = "ext4"; mountpoint = "/"; }; };
      };
    };
  };
}
"#;

#[test]
fn arguments_reach_the_layout_and_a_missing_one_is_named() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("disk.nix"), FUNCTION).unwrap();
    let given = ["--argstr", "disk", "/dev/vdz", "--arg", "swapSize", "2 * 2"];
    let text = printed(folder.path(), &[&["plan", "disk.nix", "--disk", "*=64G"][..], &given].concat());
    assert!(text.contains("main  /dev/vdz"), "{text}");
    assert!(text.lines().any(|line| line.contains(" swap ") && line.contains(" 4 GiB ")), "{text}");
    let missing = landfall(folder.path(), &["plan", "disk.nix", "--argstr", "disk", "/dev/vdz"]);
    assert_eq!((missing.out.as_str(), missing.code), ("", Some(3)));
    assert!(missing.err.contains("the layout's argument `swapSize` is not given"), "{}", missing.err);
    assert!(missing.err.contains("--> disk.nix:1:9"), "{}", missing.err);
}

#[test]
fn an_installed_nix_makes_the_same_plan() {
    if require_tool("nix-instantiate").is_none() {
        return;
    }
    let folder = examples();
    let ours = printed(folder.path(), &["plan", "disk.nix", "--disk", "main=64G"]);
    assert_eq!(printed(folder.path(), &["plan", "disk.nix", "--disk", "main=64G", "--nix"]), ours);
    // Without one that is said, and the exit code is that of a missing program.
    let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
    command.args(["plan", "disk.nix", "--nix"]).current_dir(folder.path()).env("PATH", folder.path());
    let said = said(command);
    assert_eq!((said.out.as_str(), said.code), ("", Some(5)), "{}", said.err);
    assert!(said.err.contains("nix-instantiate"), "{}", said.err);
}
