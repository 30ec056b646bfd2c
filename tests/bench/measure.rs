//! Running a contender: how long it takes and how much memory it has at most.

use std::io::Read;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// What a run took.
#[derive(Clone, Copy, Debug)]
pub struct Run {
    /// Wall-clock time.
    pub seconds: f64,
    /// Largest resident size, in KiB, as sampled while it ran.
    pub peak_kib: u64,
}

/// A command in an environment without surprises.
pub fn command(name: &str) -> Command {
    let mut command = Command::new(name);
    command.env("LC_ALL", "C").env("PATH", format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// Whether a program is installed.
pub fn found(name: &str) -> bool {
    command(name).arg("--version").output().is_ok()
}

impl Run {
    /// Runs a command that must succeed.
    pub fn of(command: Command) -> Self {
        let shown = format!("{command:?}");
        Self::measured(command).unwrap_or_else(|message| panic!("{shown}: {message}"))
    }

    /// Runs a command that may be too old for what is asked of it.
    pub fn try_of(command: Command) -> Option<Self> {
        Self::measured(command).ok()
    }

    fn measured(mut command: Command) -> Result<Self, String> {
        let start = Instant::now();
        let mut child = command.spawn().map_err(|error| error.to_string())?;
        let status_file = format!("/proc/{}/status", child.id());
        let mut peak_kib = 0;
        let status = loop {
            let status = std::fs::read_to_string(&status_file).unwrap_or_default();
            let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
            let kib = peak.and_then(|text| text.trim().trim_end_matches(" kB").parse().ok());
            peak_kib = peak_kib.max(kib.unwrap_or(0));
            if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
                break status;
            }
            // Each look takes time from a run that uses all processors, and a nap may end late: half a percent of the
            // run is enough. A plan takes some milliseconds, so the first naps are short.
            std::thread::sleep((start.elapsed() / 200).max(Duration::from_micros(300)));
        };
        let seconds = start.elapsed().as_secs_f64();
        if status.success() {
            return Ok(Self { seconds, peak_kib });
        }
        let mut message = String::new();
        if let Some(mut stderr) = child.stderr.take() {
            let _ = stderr.read_to_string(&mut message);
        }
        Err(message)
    }
}

/// The middle one of an odd number of figures.
pub fn median(figures: &[f64]) -> f64 {
    let mut sorted = figures.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted[sorted.len() / 2]
}
