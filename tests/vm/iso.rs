//! Live media boot by the system's own initrd: as a USB disk on one architecture, as a CD on the other.

use std::path::PathBuf;

use qemu::machine::Bus;
use qemu::{Architecture, Drive, Machine, Mebibytes};

use crate::harness::{Guest, Sample};
use crate::medium::Medium;

/// A machine that starts from the medium; a live system keeps what is written in memory.
fn machine(sample: &Sample, medium: Drive) -> Machine {
    Machine { memory: Mebibytes(1536), ..Machine::new(sample.architecture()).with_drive(medium) }
}

fn a_live_medium_boots(architecture: Architecture, drive: impl FnOnce(PathBuf) -> Drive) {
    let Some(sample) = Sample::require(architecture) else { return };
    let medium = Medium::live(&sample);
    let guest = Guest::boot(&machine(&sample, drive(medium.iso())));
    guest.multi_user();
    let shell = guest.shell();
    let run = |command: &str| {
        let timeout = std::time::Duration::from_secs(600);
        shell.run_ok(command, timeout).unwrap_or_else(|error| panic!("{error}")).trim().to_owned()
    };
    assert_eq!(run("readlink -f /run/current-system"), sample.toplevel());
    assert_eq!(run("readlink -f /nix/var/nix/profiles/system"), sample.toplevel());
    for (place, kind) in
        [("/", "tmpfs"), ("/iso", "iso9660"), ("/nix/.ro-store", "squashfs"), ("/nix/store", "overlay")]
    {
        assert_eq!(run(&format!("findmnt -n -o FSTYPE {place}")), kind, "{place}");
    }
    // The store can be added to, and Nix knows every path of it and finds nothing wrong.
    run("echo hello > /tmp/new && nix-store --add /tmp/new");
    let known = run("nix-store --query --requisites /run/current-system | wc -l");
    assert_eq!(known, medium.paths().to_string());
    run("nix-store --verify");
    // What is on the medium is what was put there.
    let kernel = run("find /iso/boot -name '*mage' -type f | wc -l");
    assert_eq!(kernel, "1");
    guest.power_off();
}

#[test]
fn an_x86_64_live_medium_boots_as_a_usb_disk() {
    a_live_medium_boots(Architecture::X86_64, |path| Drive::image(path).on(Bus::Usb).read_only());
}

#[test]
fn an_aarch64_live_medium_boots_from_a_cd_drive() {
    a_live_medium_boots(Architecture::Aarch64, Drive::cdrom);
}
