//! Images boot and grow to their disks: on both architectures, with every entry of their menu.

use std::fs;
use std::time::Duration;

use qemu::Architecture;

use crate::harness::{Guest, Image, Sample};

/// An ESP, swap and an ext4 root.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
  "ESP": { "type": "EF00", "size": "256M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  "swap": { "size": "64M", "content": { "type": "swap" } },
  "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// The menu is on the screen for five seconds.
const MENU: Duration = Duration::from_secs(120);

fn an_image_boots_to_multi_user(architecture: Architecture) {
    let Some(sample) = Sample::require(architecture) else { return };
    let image = Image::build(&sample, LAYOUT, &["--grow"]);
    let file = fs::File::options().write(true).open(image.disk("main")).unwrap();
    let before = file.metadata().unwrap().len();
    file.set_len(before + (2 << 30)).unwrap();
    let guest = Guest::boot(&Guest::machine(&sample, &image.disk("main")));
    guest.multi_user();
    let shell = guest.shell();
    let run = |command: &str| {
        shell.run_ok(command, Duration::from_secs(600)).unwrap_or_else(|error| panic!("{error}"))
    };
    assert_eq!(run("readlink -f /run/current-system").trim(), sample.toplevel());
    assert_eq!(run("readlink -f /nix/var/nix/profiles/system").trim(), sample.toplevel());
    assert_eq!(run("systemctl is-active multi-user.target").trim(), "active");
    // What Nix says of every byte in the store, and of a path in which one was changed.
    run("nix-store --verify --check-contents");
    let victim = "$(readlink -f /run/current-system)/nixos-version";
    run(&format!("chmod u+w {victim} && printf x >> {victim}"));
    let verify = format!("nix-store --verify-path {}", sample.toplevel());
    let verified = shell.run(&verify, Duration::from_secs(600)).unwrap();
    assert_ne!(verified.status, 0, "a changed file went unnoticed: {}", verified.text);
    run("systemctl start landfall-grow.service");
    assert_eq!(run("systemctl is-failed landfall-grow.service || true").trim(), "inactive");
    let size: u64 = run("df --output=size -B1 / | tail -n 1").trim().parse().unwrap();
    assert!(size > before, "the root file system has {size} bytes of a disk of {before} and 2 GiB");
    let verdict = run("sgdisk -v /dev/vda");
    assert!(verdict.contains("No problems found"), "{verdict}");
}

fn the_specialisation_boots_from_the_menu(architecture: Architecture) {
    let Some(sample) = Sample::require(architecture) else { return };
    let image = Image::build(&sample, LAYOUT, &[]);
    let guest = Guest::boot(&Guest::machine(&sample, &image.disk("main")));
    let console = guest.vm().console();
    console.expect("Boot in", MENU).unwrap_or_else(|error| panic!("{error}"));
    // Down to the second entry, and enter.
    console.send("\x1b[B").unwrap();
    console.send("\r").unwrap();
    guest.booted("landfall-sample: multi-user reached lab").unwrap_or_else(|error| panic!("{error}"));
    let toplevel = guest.run_ok("readlink -f /run/current-system");
    assert_ne!(toplevel.trim(), sample.toplevel());
    guest.power_off();
}

#[test]
fn an_x86_64_image_boots_to_multi_user_and_nix_verifies_it() {
    an_image_boots_to_multi_user(Architecture::X86_64);
}

#[test]
fn an_aarch64_image_boots_to_multi_user_and_nix_verifies_it() {
    an_image_boots_to_multi_user(Architecture::Aarch64);
}

#[test]
fn the_specialisation_of_an_x86_64_image_boots_from_the_menu() {
    the_specialisation_boots_from_the_menu(Architecture::X86_64);
}

#[test]
fn the_specialisation_of_an_aarch64_image_boots_from_the_menu() {
    the_specialisation_boots_from_the_menu(Architecture::Aarch64);
}
