//! An installation in a machine, beside `dd` of as many bytes from the same medium to the same disk in that machine.
//!
//! Both are timed in the guest, by the installer's own words and by `dd`'s. The installer unpacks, makes a file system,
//! and reads all of it back; `dd` copies and waits until the bytes are on the disk.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use qemu::{Architecture, Drive, Machine, RunDirectory, Shell, Vm, VmOptions};

use super::measure::{Run, command};
use super::{Bench, LAYOUT, Row};

/// What the installer and `dd` may take under TCG.
const TIMEOUT: Duration = Duration::from_secs(1800);

/// The row; none where there is no static binary to make a medium with, or no machine.
pub fn rows(bench: &Bench) -> Vec<Row> {
    let architecture = Architecture::host().unwrap_or(Architecture::X86_64);
    let program = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("target/static")
        .join(architecture.name())
        .join("landfall");
    if !program.exists() {
        eprintln!("no static binary in {}: left out", program.display());
        return Vec::new();
    }
    let medium = medium(bench, &program);
    let directory = RunDirectory::create(None).unwrap();
    let disk = directory.path().join("disk.raw");
    fs::File::create(&disk).unwrap().set_len(3 << 30).unwrap();
    let machine =
        Machine::new(architecture).with_drive(Drive::cdrom(&medium)).with_drive(Drive::image(&disk));
    let vm = Vm::start(&machine, VmOptions::default()).unwrap_or_else(|error| panic!("{error}"));
    let (ours, bytes) = installed(&vm);
    let theirs = copied(&vm, bytes);
    vec![Row::times(
        &format!("installing {} MB in a machine, beside `dd` of as many bytes", bytes / 1_000_000),
        ours,
        theirs,
        "at most 1.5 times",
    )]
}

/// A medium that installs the sample system and stays with a prompt.
fn medium(bench: &Bench, program: &Path) -> PathBuf {
    let (layout, out) = (bench.dir.join("layout.json"), bench.dir.join("install.iso"));
    fs::write(&layout, LAYOUT).unwrap();
    let mut made = command(env!("CARGO_BIN_EXE_landfall"));
    made.arg("iso").arg("--system").arg(bench.sample.join("system")).arg("--store").arg(&bench.sample);
    made.arg("--layout").arg(layout).args(["--unattended", "--finish", "shell", "--installer-binary"]);
    Run::of({
        made.arg(program).arg("--out").arg(&out);
        made
    });
    out
}

/// Seconds that the installer took from the first write to the last, and how many bytes of files it wrote.
fn installed(vm: &Vm) -> (f64, u64) {
    let console = vm.console();
    let said = console.expect("written and read back in ", TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    let seconds = console.expect(" s", TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    // "  write / (944.9 MiB)"
    let size = said.rsplit("write / (").next().and_then(|rest| rest.split(" MiB)").next()).unwrap();
    let mebibytes: u64 = size.split('.').next().unwrap().parse().unwrap();
    (seconds.trim().parse().unwrap(), (mebibytes + 1) << 20)
}

/// Seconds that `dd` takes for `bytes` bytes from the medium to the disk. The medium is shorter than that, so it is
/// read again from its start, and forgotten in between.
fn copied(vm: &Vm, bytes: u64) -> f64 {
    let console = vm.console();
    console.expect("power off:", TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    console.send("s\r").unwrap();
    console.expect("comes back here", TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    let shell = Shell::attach(console, TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    let run = |line: &str| shell.run_ok(line, TIMEOUT).unwrap_or_else(|error| panic!("{error}"));
    let medium: u64 = run("cat /sys/block/sr0/size").trim().parse::<u64>().unwrap() * 512;
    let (mut done, mut seconds) = (0, 0.0);
    while done < bytes {
        run("echo 3 > /proc/sys/vm/drop_caches");
        let count = (bytes - done).min(medium).div_ceil(1 << 20);
        let line = format!(
            "dd if=/dev/sr0 of=/dev/vda bs=1M count={count} seek={} conv=fsync,notrunc 2>&1",
            done >> 20
        );
        let said = run(&line);
        // "498073600 bytes (498 MB, 475 MiB) copied, 4.2 s, 118 MB/s"
        let words: Vec<&str> = said.lines().last().unwrap().split(", ").collect();
        let time = words.iter().rev().nth(1).and_then(|text| text.split(' ').next()).unwrap();
        seconds += time.parse::<f64>().unwrap();
        done += count << 20;
    }
    seconds
}
