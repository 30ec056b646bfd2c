//! Memory and processors shared by all machines of all processes of one user.
//!
//! Test runners start one process for each test, so the budget lives in the file system: a folder with one
//! file for each 128 MiB of the memory that machines may use and one for each machine that may run at once.
//! Holding a file's lock (`flock(2)`) is holding the token; the kernel takes it back when a process dies.
//! Tokens are collected under a gate, one process at a time, so that no two wait for each other's half.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;
use crate::machine::Mebibytes;

/// Guest memory that one token stands for.
const TOKEN: Mebibytes = Mebibytes(128);

/// QEMU's own memory for each machine: translated code, device models, firmware.
const OVERHEAD: Mebibytes = Mebibytes(256);

/// The share of the host's memory that machines may use, in percent.
const SHARE: u64 = 70;

/// How often a waiting process tries again.
const INTERVAL: Duration = Duration::from_millis(100);

/// What may be used at once, and where that is counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    folder: PathBuf,
    tokens: u32,
    machines: u32,
}

/// A part of the budget, given back when dropped or when the process ends.
#[derive(Debug)]
pub struct Reservation {
    _locks: Vec<File>,
}

impl Budget {
    /// This host's budget: 70 % of its memory (or of the memory that the control group grants), and as many
    /// machines as there are pairs of processors, two at least. `LANDFALL_VMS` sets the number of machines.
    /// Counted in `landfall/vm-budget` of the user's cache folder.
    pub fn host() -> Result<Self, Error> {
        let set = |name: &str| std::env::var_os(name).filter(|value| !value.is_empty());
        let cache = set("XDG_CACHE_HOME")
            .map(PathBuf::from)
            .or_else(|| set("HOME").map(|home| Path::new(&home).join(".cache")))
            .unwrap_or_else(std::env::temp_dir);
        let cores = thread::available_parallelism().map_or(1, std::num::NonZero::get);
        let asked = std::env::var("LANDFALL_VMS").ok().and_then(|text| text.parse().ok());
        let machines = asked.unwrap_or_else(|| u32::try_from(cores / 2).unwrap_or(u32::MAX).max(2));
        let folder = cache.join("landfall/vm-budget");
        Self::new(folder, host_memory()?, machines)
    }

    /// A budget of `memory` and `machines` at once, counted in `folder`.
    pub fn new(folder: PathBuf, memory: Mebibytes, machines: u32) -> Result<Self, Error> {
        fs::create_dir_all(&folder).map_err(Error::io("creating", &folder))?;
        Ok(Self { folder, tokens: (memory.0 / TOKEN.0).max(1), machines: machines.max(1) })
    }

    /// Waits until there is room for a machine with `memory`. A machine larger than the whole budget gets
    /// all of it and runs alone.
    ///
    /// A process that waits while it holds another reservation may wait for itself: take one at a time.
    pub fn reserve(&self, memory: Mebibytes, timeout: Duration) -> Result<Reservation, Error> {
        let start = Instant::now();
        let left = || timeout.saturating_sub(start.elapsed());
        let late = Error::Budget { after: timeout };
        let gate = self.open("gate")?;
        if !locked_within(&gate, left(), &self.folder)? {
            return Err(late);
        }
        let tokens = memory.0.saturating_add(OVERHEAD.0).div_ceil(TOKEN.0).min(self.tokens);
        let mut locks = Vec::new();
        loop {
            self.collect("machine", self.machines, 1, &mut locks)?;
            if locks.len() == 1 {
                break;
            }
            if left().is_zero() {
                return Err(late);
            }
            thread::sleep(INTERVAL);
        }
        let wanted = usize::try_from(tokens).unwrap_or(usize::MAX).saturating_add(1);
        loop {
            self.collect("memory", self.tokens, wanted, &mut locks)?;
            if locks.len() == wanted {
                return Ok(Reservation { _locks: locks });
            }
            if left().is_zero() {
                return Err(late);
            }
            thread::sleep(INTERVAL);
        }
    }

    /// Takes free files of a kind until `locks` has `wanted` of them in all.
    fn collect(&self, kind: &str, count: u32, wanted: usize, locks: &mut Vec<File>) -> Result<(), Error> {
        for number in 0..count {
            if locks.len() >= wanted {
                break;
            }
            let file = self.open(&format!("{kind}-{number}"))?;
            // A lock that this process holds through another file is refused like any other's.
            if locked_within(&file, Duration::ZERO, &self.folder)? {
                locks.push(file);
            }
        }
        Ok(())
    }

    fn open(&self, name: &str) -> Result<File, Error> {
        let path = self.folder.join(name);
        let file = File::options().create(true).truncate(false).write(true).open(&path);
        file.map_err(Error::io("opening", &path))
    }
}

/// Whether the lock was had within `timeout`.
fn locked_within(file: &File, timeout: Duration, folder: &Path) -> Result<bool, Error> {
    let start = Instant::now();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) if start.elapsed() >= timeout => return Ok(false),
            Err(TryLockError::WouldBlock) => thread::sleep(INTERVAL),
            Err(TryLockError::Error(error)) => return Err(Error::io("locking files in", folder)(error)),
        }
    }
}

/// The memory that machines may use on this host.
fn host_memory() -> Result<Mebibytes, Error> {
    let path = Path::new("/proc/meminfo");
    let text = fs::read_to_string(path).map_err(Error::io("reading", path))?;
    // Version 2 of control groups, then version 1; without a limit the file is absent, says `max` or a
    // number larger than any memory.
    let limits = ["/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"];
    let granted = limits.into_iter().filter_map(|limit| fs::read_to_string(limit).ok());
    let granted = granted.filter_map(|text| text.trim().parse::<u64>().ok()).min();
    let bytes = total_memory(&text).min(granted.unwrap_or(u64::MAX));
    Ok(Mebibytes(u32::try_from(bytes / (1 << 20) * SHARE / 100).unwrap_or(u32::MAX)))
}

/// `MemTotal` of `/proc/meminfo` (`proc(5)`: in kB, which are 1024 bytes) in bytes; 0 where it is missing.
fn total_memory(meminfo: &str) -> u64 {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let number = line.and_then(|rest| rest.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    number.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    const NOW: Duration = Duration::from_millis(1);

    fn budget(memory: u32, machines: u32) -> (tempfile::TempDir, Budget) {
        let folder = tempfile::tempdir().unwrap();
        let budget = Budget::new(folder.path().to_owned(), Mebibytes(memory), machines).unwrap();
        (folder, budget)
    }

    #[test]
    fn memory_is_shared_and_given_back() {
        let (_folder, budget) = budget(2048, 9);
        let first = budget.reserve(Mebibytes(1024), NOW).unwrap();
        assert!(matches!(budget.reserve(Mebibytes(1024), NOW), Err(Error::Budget { .. })));
        let small = budget.reserve(Mebibytes(256), NOW).unwrap();
        drop((first, small));
        budget.reserve(Mebibytes(1024), NOW).unwrap();
    }

    #[test]
    fn only_so_many_machines_run_at_once() {
        let (_folder, budget) = budget(8192, 2);
        let held = [64, 64].map(|memory| budget.reserve(Mebibytes(memory), NOW).unwrap());
        assert!(budget.reserve(Mebibytes(64), NOW).is_err());
        drop(held);
        assert!(budget.reserve(Mebibytes(64), NOW).is_ok());
    }

    #[test]
    fn a_machine_larger_than_everything_runs_alone() {
        let (_folder, budget) = budget(1024, 2);
        let large = budget.reserve(Mebibytes(1 << 20), NOW).unwrap();
        assert!(budget.reserve(Mebibytes(64), NOW).is_err());
        drop(large);
    }

    #[test]
    fn waiting_ends_when_room_is_made() {
        let (_folder, budget) = budget(1024, 1);
        let held = budget.reserve(Mebibytes(64), NOW).unwrap();
        let releaser = thread::spawn(move || {
            thread::sleep(Duration::from_millis(300));
            drop(held);
        });
        budget.reserve(Mebibytes(64), Duration::from_secs(20)).unwrap();
        releaser.join().unwrap();
    }

    #[test]
    fn a_process_that_dies_gives_everything_back() {
        let (folder, budget) = budget(1024, 1);
        let token = folder.path().join("machine-0");
        fs::write(&token, "").unwrap();
        // Another process takes the only machine token the same way and is killed while it holds it.
        let mut other = Command::new("flock")
            .arg("--no-fork")
            .arg(&token)
            .args(["sh", "-c", "echo held; exec sleep 100"])
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut word = [0; 5];
        std::io::Read::read_exact(other.stdout.as_mut().unwrap(), &mut word).unwrap();
        assert!(budget.reserve(Mebibytes(64), NOW).is_err());
        other.kill().unwrap();
        other.wait().unwrap();
        assert!(budget.reserve(Mebibytes(64), NOW).is_ok());
    }

    #[test]
    fn the_hosts_memory_is_read() {
        assert_eq!(total_memory("MemTotal:       24689712 kB\nMemFree: 1 kB\n"), 24_689_712 * 1024);
        assert_eq!(total_memory("nothing"), 0);
        assert!(host_memory().unwrap() > Mebibytes(100));
    }
}
