//! What the tests that boot machines share: the sample system, images of it, guests one can talk to.
//!
//! ```no_run
//! let Some(sample) = Sample::require(Architecture::X86_64) else { return };
//! let image = Image::build(&sample, include_str!("layout.json"), &[]);
//! let guest = Guest::boot(&Guest::machine(&sample, &image.disk("main")));
//! guest.multi_user();
//! assert_eq!(guest.run_ok("readlink /run/current-system").trim(), sample.toplevel());
//! guest.power_off();
//! ```
//!
//! A failure keeps images and run directories and says where they are.

#![allow(dead_code, reason = "each test module uses a part of it")]

use std::fs;
use std::num::NonZeroU8;
use std::path::{Path, PathBuf};
use std::process::{Command, Output as Ended};
use std::time::Duration;

use qemu::{Architecture, Budget, Drive, Ending, Machine, Output, RunDirectory, Shell, Vm, VmOptions};

/// What the sample system prints on the console when multi-user.target is up.
const MULTI_USER: &str = "landfall-sample: multi-user reached";

/// What is printed instead when a boot has failed: waiting on would be in vain.
const FAILURES: [&str; 7] = [
    "UEFI Interactive Shell",
    "BdsDxe: No bootable option",
    "Kernel panic",
    "You are in emergency mode",
    "You are in rescue mode",
    "landfall-sample: failed",
    "Failed to start Switch Root",
];

/// What the boot loader's menu counts down with: nothing is gained by waiting for its end.
const MENU: &str = "Boot in";

/// A boot takes 12 to 25 s under TCG on an idle host; other tests may share it.
const BOOT_TIMEOUT: Duration = Duration::from_secs(300);

/// Commands in a guest, and its shutdown.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(300);

/// How long firmware, kernel and initrd may take to ask for a passphrase.
const PASSPHRASE_TIMEOUT: Duration = Duration::from_secs(300);

/// How long other machines may hold the budget; the test runner's own limit is about this.
const BUDGET_TIMEOUT: Duration = Duration::from_secs(600);

/// A sample system: a store root and the toplevel in it.
#[derive(Clone, Debug)]
pub struct Sample {
    architecture: Architecture,
    root: PathBuf,
    toplevel: String,
}

impl Sample {
    /// The sample system in `target/sample/ARCH`, or in `ARCH` below the folder that `LANDFALL_SAMPLE` names.
    /// Missing, or without QEMU and firmware to boot it, the test is skipped by name, and fails under `CI`.
    pub fn require(architecture: Architecture) -> Option<Self> {
        let folder = std::env::var_os("LANDFALL_SAMPLE").map(PathBuf::from);
        let folder = folder.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sample"));
        let root = folder.join(architecture.name());
        let missing = if !root.join("system").is_symlink() {
            Some(format!("no sample system in {} (make sample ARCH={architecture})", root.display()))
        } else {
            missing_program(architecture)
        };
        if let Some(missing) = missing {
            assert!(std::env::var_os("CI").is_none(), "{missing}");
            eprintln!("skipped: {missing}");
            return None;
        }
        let link = fs::read_link(root.join("system")).unwrap();
        // The link leads into this store root, in whichever way it was written.
        let name = link.file_name().unwrap().to_str().unwrap();
        Some(Self { architecture, toplevel: format!("/nix/store/{name}"), root })
    }

    /// The machine type it is for.
    pub fn architecture(&self) -> Architecture {
        self.architecture
    }

    /// The store root, for `--store`.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The toplevel as the guest names it, `/nix/store/…`.
    pub fn toplevel(&self) -> &str {
        &self.toplevel
    }
}

/// What keeps a machine of this type from being started here.
fn missing_program(architecture: Architecture) -> Option<String> {
    let program = Command::new(architecture.program()).arg("--version").output();
    let firmware = qemu::FirmwareSearch::host(architecture).find(architecture, qemu::SecureBoot::Unsupported);
    match (program, firmware) {
        (Err(_), _) => Some(format!("`{}` is not installed (run .ci/install-tools)", architecture.program())),
        (_, Err(error)) => Some(format!("{error} (run .ci/install-tools)")),
        (Ok(_), Ok(_)) => None,
    }
}

/// Runs the program under test to its end.
pub fn landfall(arguments: &[&str]) -> Ended {
    Command::new(env!("CARGO_BIN_EXE_landfall")).args(arguments).output().unwrap()
}

/// Runs the program under test, which must succeed.
pub fn landfall_ok(arguments: &[&str]) -> String {
    let ended = landfall(arguments);
    let (out, err) = (String::from_utf8_lossy(&ended.stdout), String::from_utf8_lossy(&ended.stderr));
    assert!(ended.status.success(), "landfall {}: {}\n{out}{err}", arguments.join(" "), ended.status);
    out.into_owned()
}

/// The images of one `landfall image` run, in a directory that is gone after success.
#[derive(Debug)]
pub struct Image {
    directory: RunDirectory,
}

impl Image {
    /// Builds a layout (text of a JSON document) with the sample system; `arguments` are added.
    pub fn build(sample: &Sample, layout: &str, arguments: &[&str]) -> Self {
        let directory = RunDirectory::create(None).unwrap();
        let (file, out) = (directory.path().join("layout.json"), directory.path().join("out"));
        fs::write(&file, layout).unwrap();
        let text = |path: &Path| path.to_str().unwrap().to_owned();
        let words = [text(&file), sample.toplevel.clone(), text(&sample.root), text(&out)];
        let [layout, system, store, out] = words.each_ref().map(String::as_str);
        let common = ["image", layout, "--system", system, "--store", store, "--out", out];
        landfall_ok(&[&common[..], arguments].concat());
        Self { directory }
    }

    /// The raw image of the layout's disk `name`.
    pub fn disk(&self, name: &str) -> PathBuf {
        self.folder().join(format!("{name}.raw"))
    }

    /// The output folder, with the manifest.
    pub fn folder(&self) -> PathBuf {
        self.directory.path().join("out")
    }
}

impl Drop for Image {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("the images are kept: {}", self.folder().display());
        }
    }
}

/// A machine that runs, and the tests' way to talk to it. Every method panics with the evidence.
#[derive(Debug)]
pub struct Guest {
    vm: Vm,
}

impl Guest {
    /// The machine most tests want: this disk on virtio, writes forgotten.
    pub fn machine(sample: &Sample, disk: &Path) -> Machine {
        Machine::new(sample.architecture).with_drive(Drive::image(disk).snapshot())
    }

    /// Starts a machine as soon as the budget has room for it.
    pub fn boot(machine: &Machine) -> Self {
        Self::boot_with(machine, VmOptions::default())
    }

    /// The same with a variable store, TPM state or firmware of the caller's.
    pub fn boot_with(machine: &Machine, options: VmOptions) -> Self {
        let budget = Budget::host().unwrap();
        let reservation = Some(budget.reserve(machine.memory, BUDGET_TIMEOUT).unwrap());
        // One processor costs a tenth less than two that wait for each other, and two machines run at once.
        let started = Vm::start(
            &Machine { cpus: NonZeroU8::MIN, ..machine.clone() },
            VmOptions { reservation, ..options },
        );
        Self { vm: started.unwrap_or_else(|error| panic!("{error}")) }
    }

    /// The machine itself, for everything that is not here.
    pub fn vm(&self) -> &Vm {
        &self.vm
    }

    /// Types a passphrase when the initrd asks for it. The question comes before cryptsetup switches the echo
    /// off, and with that it forgets what was typed so far: a slow guest needs a moment in between.
    pub fn type_passphrase(&self, passphrase: &str) {
        let asked = self.expect_past_menu(&["Enter passphrase for"], PASSPHRASE_TIMEOUT);
        asked.unwrap_or_else(|error| panic!("{error}"));
        std::thread::sleep(Duration::from_secs(5));
        self.vm.console().send_line(passphrase).unwrap();
    }

    /// Waits until the sample system is up; what the console showed until then. A boot that has visibly
    /// failed is not waited for.
    pub fn multi_user(&self) -> String {
        self.booted(MULTI_USER).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Waits for `marker`; an error says which sign of failure came instead.
    pub fn booted(&self, marker: &str) -> Result<String, String> {
        let patterns: Vec<_> = std::iter::once(marker).chain(FAILURES).collect();
        match self.expect_past_menu(&patterns, BOOT_TIMEOUT) {
            Ok((0, before)) => Ok(before),
            Ok((index, _)) => {
                self.vm.directory().keep();
                let lines = self.vm.console().last_lines().join("\n  | ");
                let transcript = self.vm.directory().transcript();
                Err(format!(
                    "`{}` instead of `{marker}`\n  | {lines}\n  transcript: {}\n  run it again: sh {}",
                    patterns[index],
                    transcript.display(),
                    self.vm.directory().script().display(),
                ))
            }
            Err(error) => Err(error.to_string()),
        }
    }

    /// Waits for the first of `patterns`, and takes the entry that the boot loader would start by itself when it shows
    /// its menu before. That is one key at most: another could be the answer to what is asked later.
    fn expect_past_menu(&self, patterns: &[&str], timeout: Duration) -> Result<(usize, String), qemu::Error> {
        let console = self.vm.console();
        let with_menu = [patterns, &[MENU]].concat();
        let (index, menu) = console.expect_any(&with_menu, timeout)?;
        if index < patterns.len() {
            return Ok((index, menu));
        }
        console.send("\r")?;
        let (index, before) = console.expect_any(patterns, timeout)?;
        Ok((index, menu + &before))
    }

    /// The root shell on the console. Take it once and keep it: each call settles the terminal anew.
    pub fn shell(&self) -> Shell<'_> {
        Shell::attach(self.vm.console(), BOOT_TIMEOUT).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command in the guest; its output and status.
    pub fn run(&self, command: &str) -> Output {
        self.shell().run(command, COMMAND_TIMEOUT).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Runs a command in the guest that must succeed; its output.
    pub fn run_ok(&self, command: &str) -> String {
        self.shell().run_ok(command, COMMAND_TIMEOUT).unwrap_or_else(|error| panic!("{error}"))
    }

    /// Has the guest switch itself off and waits for it. A test that is done with a guest whose writes are forgotten
    /// just drops it, which takes no time.
    pub fn power_off(self) {
        // The button is pressed after nothing is typed any more: a shell on the console is left alone.
        let ended = self.vm.power_off(COMMAND_TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(ended, Ending::PoweredOff);
    }
}

impl Drop for Guest {
    fn drop(&mut self) {
        if std::thread::panicking() {
            let directory = self.vm.directory();
            eprintln!("the transcript is kept: {}", directory.transcript().display());
            eprintln!("the machine starts again with: sh {}", directory.script().display());
        }
    }
}

#[test]
fn an_empty_disk_is_not_taken_for_a_booted_system() {
    if let Some(missing) = missing_program(Architecture::X86_64) {
        assert!(std::env::var_os("CI").is_none(), "{missing}");
        eprintln!("skipped: {missing}");
        return;
    }
    let directory = RunDirectory::create(None).unwrap();
    let disk = directory.path().join("empty.raw");
    fs::File::create(&disk).unwrap().set_len(64 << 20).unwrap();
    let machine = Machine::new(Architecture::X86_64).with_drive(Drive::image(&disk).snapshot());
    let guest = Guest::boot(&machine);
    let error = guest.booted(MULTI_USER).unwrap_err();
    assert!(error.starts_with("`UEFI Interactive Shell` instead of"), "{error}");
    assert!(error.contains("BdsDxe: failed to load Boot0001"), "{error}");
    let kept = guest.vm().directory().path().to_owned();
    drop(guest);
    fs::remove_dir_all(kept).unwrap();
}
