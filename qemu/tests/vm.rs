//! The crate against a real QEMU: firmware, console, monitor, guard. No operating system is started; the
//! guest is the UEFI Shell that comes with the firmware.

#![expect(clippy::print_stderr, reason = "a skipped test says so")]
#![allow(clippy::unwrap_used, reason = "a test that panics has failed, which is the point")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use qemu::machine::{Acceleration, Boot, Bus, Screen, Sectors, Tpm};
use qemu::{
    Accelerator, Architecture, Budget, Drive, Ending, Error, Interactive, KvmVerdict, Machine, Mebibytes,
    SecureBoot, Vm, VmOptions,
};

/// Firmware takes 2 to 7 s to its shell on an idle host; other tests may share it.
const SOON: Duration = Duration::from_secs(180);

/// Whether QEMU and firmware for both architectures are there; `CI` demands them.
fn ready() -> bool {
    let usable = |architecture: Architecture| {
        Command::new(architecture.program()).arg("--version").output().is_ok()
            && qemu::FirmwareSearch::host(architecture).find(architecture, SecureBoot::Unsupported).is_ok()
    };
    let missing = Architecture::ALL.into_iter().find(|&architecture| !usable(architecture));
    if let Some(architecture) = missing {
        assert!(std::env::var_os("CI").is_none(), "QEMU or firmware is missing (run .ci/install-tools)");
        eprintln!("skipped: QEMU or firmware for {architecture} is not installed");
    }
    missing.is_none()
}

/// A small machine of TCG.
fn small(architecture: Architecture) -> Machine {
    Machine { acceleration: Acceleration::Tcg, ..Machine::new(architecture).with_memory(Mebibytes(512)) }
}

/// Starts a machine within the budget that all tests share.
fn start(machine: &Machine, options: VmOptions) -> Vm {
    let reservation = Budget::host().unwrap().reserve(machine.memory, Duration::from_secs(900)).unwrap();
    Vm::start(machine, VmOptions { reservation: Some(reservation), ..options }).unwrap()
}

/// Waits for the UEFI Shell's prompt.
fn uefi_shell(vm: &Vm) {
    vm.console().expect("BdsDxe: starting", SOON).unwrap();
    vm.console().expect("Press ESC in", SOON).unwrap();
    vm.console().send("\x1b").unwrap();
    vm.console().expect("Shell> ", SOON).unwrap();
}

/// Types a command into the UEFI Shell; what it printed, the echo included.
fn type_command(vm: &Vm, command: &str) -> String {
    vm.console().send_line(command).unwrap();
    vm.console().expect("Shell> ", SOON).unwrap()
}

#[test]
fn firmware_starts_talks_and_switches_off() {
    if !ready() {
        return;
    }
    for architecture in Architecture::ALL {
        let vm = start(&small(architecture), VmOptions::default());
        uefi_shell(&vm);
        let version = type_command(&vm, "ver");
        assert!(version.contains("UEFI v2"), "{version}");
        vm.console().send_line("reset -s").unwrap();
        assert_eq!(vm.wait(SOON).unwrap(), Ending::PoweredOff, "{architecture}");
        let directory = vm.directory().path().to_owned();
        drop(vm);
        assert!(!directory.exists(), "a run that went well leaves nothing");
    }
}

#[test]
fn a_reset_ends_a_test_machine_and_is_told_apart() {
    if !ready() {
        return;
    }
    let vm = start(&small(Architecture::X86_64), VmOptions::default());
    uefi_shell(&vm);
    vm.console().send_line("reset").unwrap();
    assert_eq!(vm.wait(SOON).unwrap(), Ending::Reset);
}

#[test]
fn a_screendump_is_a_png_with_something_on_it() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    for architecture in Architecture::ALL {
        let machine = small(architecture).with_screen(Screen::Hidden);
        let vm = start(&machine, VmOptions::default());
        uefi_shell(&vm);
        let file = folder.path().join(format!("{architecture}.png"));
        vm.screendump(&file).unwrap();
        let png = fs::read(&file).unwrap();
        assert_eq!(&png[..8], b"\x89PNG\r\n\x1a\n");
        // IHDR is the first chunk: length, name, width, height (PNG specification, 11.2.1).
        let number = |at: usize| u32::from_be_bytes(png[at..at + 4].try_into().unwrap());
        assert!(number(16) >= 640 && number(20) >= 480, "{}x{}", number(16), number(20));
        // A blank screen of this size compresses to less.
        assert!(png.len() > 3000, "{architecture}: {} bytes", png.len());
        vm.press(&["v"]).unwrap();
        vm.console().expect("v", SOON).unwrap();
        vm.quit().unwrap();
    }
}

#[test]
fn a_machine_without_a_display_refuses_the_photograph() {
    if !ready() {
        return;
    }
    let vm = start(&small(Architecture::X86_64), VmOptions::default());
    let error = vm.screendump(Path::new("/dev/null")).unwrap_err();
    assert!(matches!(error, Error::Refused { .. }), "{error}");
    assert_eq!(vm.quit().unwrap(), Ending::Quit);
}

#[test]
fn a_timeout_leaves_everything_one_needs() {
    if !ready() {
        return;
    }
    let vm = start(&small(Architecture::X86_64), VmOptions::default());
    uefi_shell(&vm);
    let error = vm.console().expect("login:", Duration::from_millis(300)).unwrap_err();
    let evidence = error.evidence().unwrap().clone();
    drop(vm);
    assert!(evidence.last_lines.iter().any(|line| line.contains("UEFI Interactive Shell")), "{error}");
    let transcript = fs::read(&evidence.transcript).unwrap();
    assert!(transcript.windows(6).any(|window| window == b"BdsDxe"));
    // The script starts the same machine again: here it only has to get as far as the monitor.
    let mut again =
        Command::new("sh").arg(&evidence.script).stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
    let mut first = [0; 1];
    std::io::Read::read_exact(again.stdout.as_mut().unwrap(), &mut first).unwrap();
    again.kill().unwrap();
    again.wait().unwrap();
    fs::remove_dir_all(evidence.directory).unwrap();
}

#[test]
fn an_image_that_is_not_there_is_told_in_the_words_of_qemu() {
    if !ready() {
        return;
    }
    let machine = small(Architecture::X86_64).with_drive(Drive::image("/nowhere/disk.raw"));
    let error = Vm::start(&machine, VmOptions::default()).unwrap_err();
    assert!(error.to_string().contains("/nowhere/disk.raw"), "{error}");
    assert!(matches!(error, Error::Ended { .. }), "{error}");
    fs::remove_dir_all(&error.evidence().unwrap().directory).unwrap();
}

/// The processes whose command line names this directory.
fn processes_of(directory: &Path) -> usize {
    let wanted = directory.as_os_str().as_encoded_bytes();
    let commands = fs::read_dir("/proc").unwrap().filter_map(|entry| {
        let path = entry.ok()?.path();
        fs::read(path.join("cmdline")).ok()
    });
    commands.filter(|line| line.windows(wanted.len()).any(|window| window == wanted)).count()
}

#[test]
fn the_machine_dies_with_its_guard() {
    if !ready() {
        return;
    }
    let vm = start(&small(Architecture::X86_64), VmOptions::default());
    let directory = vm.directory().path().to_owned();
    assert_eq!(processes_of(&directory), 1);
    drop(vm);
    assert_eq!(processes_of(&directory), 0);
    assert!(!directory.exists());
}

/// Run by the next test in a process of its own, which is killed.
#[test]
#[ignore = "only as the child of another test"]
fn holds_a_machine_until_killed() {
    let parent = std::env::var_os("LANDFALL_TEST_PARENT").map(PathBuf::from).unwrap();
    let options = VmOptions { parent: Some(parent), ..VmOptions::default() };
    let vm = Vm::start(&small(Architecture::X86_64), options).unwrap();
    vm.wait(Duration::from_secs(600)).unwrap();
}

#[test]
fn the_machine_dies_with_a_killed_process() {
    if !ready() {
        return;
    }
    let parent = tempfile::tempdir().unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--ignored", "--exact", "holds_a_machine_until_killed"])
        .env("LANDFALL_TEST_PARENT", parent.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let waited = |count: usize| {
        let start = Instant::now();
        while processes_of(parent.path()) != count && start.elapsed() < SOON {
            std::thread::sleep(Duration::from_millis(20));
        }
        processes_of(parent.path())
    };
    assert_eq!(waited(1), 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(waited(0), 0);
}

/// Run by the next test with pipes for a terminal.
#[test]
#[ignore = "only as the child of another test"]
fn runs_a_machine_on_its_terminal() {
    let disk = std::env::var_os("LANDFALL_TEST_DISK").map(PathBuf::from).unwrap();
    let drive = Drive::image(disk).snapshot();
    let machine =
        Machine { acceleration: Acceleration::Tcg, ..Interactive::machine(Architecture::X86_64, drive) };
    let ready = Interactive::prepare(&machine, &VmOptions::default()).unwrap();
    assert!(ready.run().unwrap().success());
}

#[test]
fn an_interactive_machine_talks_to_the_terminal_and_restarts() {
    if !ready() {
        return;
    }
    let _reservation = Budget::host().unwrap().reserve(Mebibytes(1024), Duration::from_secs(900)).unwrap();
    let disk = tempfile::NamedTempFile::new().unwrap();
    disk.as_file().set_len(1 << 20).unwrap();
    let mut child = Command::new(std::env::current_exe().unwrap())
        .env("LANDFALL_TEST_DISK", disk.path())
        .args(["--ignored", "--exact", "--nocapture", "runs_a_machine_on_its_terminal"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let (mut keyboard, screen) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let mut lines = BufReader::new(screen);
    let mut wait_for = |text: &str| {
        let mut seen = Vec::new();
        while !String::from_utf8_lossy(&seen).contains(text) {
            assert_ne!(lines.read_until(b' ', &mut seen).unwrap(), 0, "the machine ended before `{text}`");
        }
    };
    for command in ["reset", "reset -s"] {
        wait_for("Press ");
        keyboard.write_all(b"\x1b").unwrap();
        wait_for("Shell> ");
        // What is typed is echoed with its own line end.
        keyboard.write_all(format!("{command}\r").as_bytes()).unwrap();
    }
    assert!(child.wait().unwrap().success());
}

/// Runs a tool that must succeed; `false` where it is not installed, which `CI` does not accept.
fn tool(name: &str, arguments: &[&str]) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let Some(program) = folders.map(|folder| folder.join(name)).find(|file| file.is_file()) else {
        assert!(std::env::var_os("CI").is_none(), "{name} is not installed (run .ci/install-tools)");
        eprintln!("skipped: `{name}` is not installed");
        return false;
    };
    let output = Command::new(program).args(arguments).output().unwrap();
    assert!(output.status.success(), "{name}: {}", String::from_utf8_lossy(&output.stderr));
    true
}

/// A FAT volume without partitions.
fn volume(folder: &Path, label: &str, sector: &str) -> Option<PathBuf> {
    let path = folder.join(label);
    fs::File::create(&path).unwrap().set_len(64 << 20).unwrap();
    tool("mkfs.vfat", &["-S", sector, "-n", label, path.to_str().unwrap()]).then_some(path)
}

/// A disc whose El Torito boot image is a small FAT volume, as installer discs have it.
fn disc(folder: &Path, label: &str) -> Option<PathBuf> {
    let (content, disc) = (folder.join("content"), folder.join("disc.iso"));
    fs::create_dir_all(&content).unwrap();
    let volume = content.join("efi.img");
    fs::File::create(&volume).unwrap().set_len(2 << 20).unwrap();
    if !tool("mkfs.vfat", &["-n", label, volume.to_str().unwrap()]) {
        return None;
    }
    let paths = [&disc, &content].map(|path| path.to_str().unwrap());
    let boot = ["-eltorito-platform", "efi", "-b", "efi.img", "-no-emul-boot"];
    let arguments = [&["-as", "mkisofs", "-quiet", "-o", paths[0]], &boot[..], &[paths[1]]].concat();
    tool("xorriso", &arguments).then_some(disc)
}

#[test]
fn firmware_reads_drives_on_every_bus() {
    if !ready() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let drives = [
        ("VIRTIO", Bus::Virtio, Sectors::B512),
        ("VIRTIO4K", Bus::Virtio, Sectors::B4096),
        ("NVME", Bus::Nvme, Sectors::B512),
        ("NVME4K", Bus::Nvme, Sectors::B4096),
        ("USB", Bus::Usb, Sectors::B512),
        ("SATA", Bus::Sata, Sectors::B512),
    ];
    for architecture in Architecture::ALL {
        let mut machine = small(architecture);
        // Arm's firmware has no SATA driver: Linux sees such a disk there, firmware does not start from it.
        let drives =
            drives.iter().filter(|(_, bus, _)| architecture == Architecture::X86_64 || *bus != Bus::Sata);
        let drives: Vec<_> = drives.copied().collect();
        for &(label, bus, sectors) in &drives {
            let bytes = if sectors == Sectors::B512 { "512" } else { "4096" };
            let Some(path) = volume(folder.path(), label, bytes) else { return };
            machine = machine.with_drive(Drive::image(path).on(bus).with_sectors(sectors).snapshot());
        }
        let Some(disc) = disc(folder.path(), "DISC") else { return };
        machine = machine.with_drive(Drive::cdrom(disc));
        let vm = start(&machine, VmOptions::default());
        uefi_shell(&vm);
        let volumes: String =
            (0..=drives.len()).map(|index| type_command(&vm, &format!("vol fs{index}:"))).collect();
        let seen: Vec<_> = drives
            .iter()
            .map(|(label, ..)| *label)
            .chain(["DISC"])
            .map(|label| (label, volumes.contains(&format!("Volume {label} "))))
            .collect();
        assert!(seen.iter().all(|(_, seen)| *seen), "{architecture}: {seen:?}\n{volumes}");
        vm.quit().unwrap();
    }
}

/// A variable of ours, in the UEFI Shell's words. Names of UEFI's own namespace are refused.
const VARIABLE: &str = "setvar Landfall -guid 4c46aaaa-0000-4000-8000-6c616e646661";

#[test]
fn a_kept_variable_store_remembers_and_a_fresh_one_does_not() {
    if !ready() {
        return;
    }
    for architecture in Architecture::ALL {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("variables.fd");
        qemu::FirmwareSearch::host(architecture)
            .find(architecture, SecureBoot::Unsupported)
            .unwrap()
            .with_private_variables(&store)
            .unwrap();
        let kept = || VmOptions { variables: Some(store.clone()), ..VmOptions::default() };
        let first = start(&small(architecture), kept());
        uefi_shell(&first);
        type_command(&first, &format!("{VARIABLE} -bs -rt -nv =0x4c46"));
        first.quit().unwrap();
        drop(first);
        let read = |options| {
            let vm = start(&small(architecture), options);
            uefi_shell(&vm);
            let said = type_command(&vm, VARIABLE);
            vm.quit().unwrap();
            said
        };
        let (remembered, fresh) = (read(kept()), read(VmOptions::default()));
        assert!(remembered.contains("46 4C") || remembered.contains("4C 46"), "{remembered}");
        assert!(!fresh.contains("46 4C") && !fresh.contains("4C 46"), "{fresh}");
    }
}

#[test]
fn firmware_with_secure_boot_starts() {
    if !ready() {
        return;
    }
    for architecture in Architecture::ALL {
        for secure_boot in [SecureBoot::SetupMode, SecureBoot::Enrolled] {
            let vm = start(&small(architecture).with_boot(Boot::Uefi(secure_boot)), VmOptions::default());
            vm.console().expect("BdsDxe: ", SOON).unwrap();
            vm.quit().unwrap();
        }
    }
}

#[test]
fn a_tpm_is_plugged_in() {
    if !ready() {
        return;
    }
    for architecture in Architecture::ALL {
        let machine = Machine { tpm: Tpm::Version2, ..small(architecture) };
        let vm = start(&machine, VmOptions::default());
        let tpms = vm.execute("query-tpm", serde_json::json!({})).unwrap();
        assert_eq!(tpms.as_array().map(Vec::len), Some(1), "{tpms}");
        uefi_shell(&vm);
        vm.quit().unwrap();
    }
    let without = start(&small(Architecture::X86_64), VmOptions::default());
    let tpms = without.execute("query-tpm", serde_json::json!({})).unwrap();
    assert_eq!(tpms.as_array().map(Vec::len), Some(0), "{tpms}");
}

#[test]
fn the_accelerator_chosen_by_itself_runs_a_guest() {
    if !ready() {
        return;
    }
    let Some(architecture) = Architecture::host() else { return };
    let verdict = KvmVerdict::of(architecture);
    let machine = Machine { acceleration: Acceleration::Automatic, ..small(architecture) };
    let vm = start(&machine, VmOptions::default());
    uefi_shell(&vm);
    match verdict {
        KvmVerdict::Works => assert_eq!(vm.accelerator(), Accelerator::Kvm),
        KvmVerdict::Unusable(reason) => {
            eprintln!("KVM is not used: {reason}");
            assert!(!reason.is_empty());
            assert_eq!(vm.accelerator(), Accelerator::Tcg);
            let wanted = Machine { acceleration: Acceleration::Kvm, ..machine };
            let error = Vm::start(&wanted, VmOptions::default()).unwrap_err();
            assert!(error.to_string().contains(&reason), "{error}");
        }
    }
}
