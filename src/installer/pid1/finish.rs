//! The ends of an installation: restart, power off, a shell, or a prompt that waits for a person.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use nix::sys::reboot::{RebootMode, reboot};

use super::console::{Consoles, Echo};
use crate::installer::order::Finish;

/// Shells of a system, relative to its toplevel, the one that a person expects first.
const SHELLS: [&str; 3] = ["sw/bin/bash", "sw/bin/busybox", "sw/bin/sh"];

/// Ends an installation that succeeded.
pub(super) fn succeed(finish: Finish, consoles: &Consoles, toplevel: &str) -> ! {
    match finish {
        Finish::Reboot => end(RebootMode::RB_AUTOBOOT, consoles),
        Finish::PowerOff => end(RebootMode::RB_POWER_OFF, consoles),
        Finish::Shell => stay(consoles, Some(toplevel)),
    }
}

/// Waits for a person. The machine does nothing more by itself.
pub(super) fn stay(consoles: &Consoles, toplevel: Option<&str>) -> ! {
    loop {
        let question = "[s] shell  [r] restart  [p] power off:";
        let Some(answer) = consoles.ask(question, Echo::Shown) else {
            // No console is left to ask on; PID 1 must not end.
            std::thread::sleep(std::time::Duration::from_secs(3600));
            continue;
        };
        match answer.trim() {
            "s" | "shell" => shell(consoles, toplevel),
            "r" | "restart" => end(RebootMode::RB_AUTOBOOT, consoles),
            "p" | "power off" => end(RebootMode::RB_POWER_OFF, consoles),
            "" => {}
            other => consoles.say(&format!("`{other}` is none of s, r, p")),
        }
    }
}

fn end(mode: RebootMode, consoles: &Consoles) -> ! {
    nix::unistd::sync();
    consoles.say(if mode == RebootMode::RB_POWER_OFF { "landfall: power off" } else { "landfall: restart" });
    // What was said last must leave a serial port before the machine is off.
    std::thread::sleep(std::time::Duration::from_millis(300));
    let Err(errno) = reboot(mode);
    consoles.say(&format!("the kernel refuses: {errno}"));
    loop {
        std::thread::sleep(std::time::Duration::from_secs(3600));
    }
}

/// Runs a shell of the target system on the main console until it ends.
fn shell(consoles: &Consoles, toplevel: Option<&str>) {
    let Some((path, terminal)) = consoles.main() else { return };
    let shells = toplevel.map(|toplevel| (toplevel, shells(toplevel)));
    let Some((toplevel, shells)) = shells.filter(|(_, shells)| !shells.is_empty()) else {
        consoles.say("no shell: the system on the medium has none, or no medium was found");
        return;
    };
    consoles.say(&format!("a shell on {}; `exit` comes back here", path.display()));
    link_software(toplevel);
    for shell in shells {
        let mut command = Command::new(&shell);
        if shell.ends_with("busybox") {
            command.arg("sh");
        }
        let stream = || terminal.try_clone().map_or_else(|_| Stdio::null(), Stdio::from);
        command.stdin(stream()).stdout(stream()).stderr(stream());
        let path = format!("{toplevel}/sw/bin:{toplevel}/sw/sbin:/bin:/sbin");
        command.env("PATH", path).env("TERM", "linux").env("PS1", "# ");
        match command.status() {
            Ok(_) => return,
            // Its libraries may be missing: another one may need none.
            Err(error) => consoles.say(&format!("{}: {error}", shell.display())),
        }
    }
}

/// Gives programs of systems that are not made by Nix their libraries in `/usr`.
pub(super) fn link_software(toplevel: &str) {
    let software = Path::new(toplevel).join("sw");
    for (link, inside) in [("/usr", ""), ("/bin", "bin"), ("/lib64", "lib64"), ("/sbin", "sbin")] {
        let target = software.join(inside);
        if !Path::new(link).exists() && target.exists() {
            // Without it a program does not run, which is told then.
            let _ = symlink(&target, link);
        }
    }
}

/// The shells of a system that are there.
fn shells(toplevel: &str) -> Vec<PathBuf> {
    let places = SHELLS.iter().map(|shell| Path::new(toplevel).join(shell));
    places.filter(|path| path.exists()).collect()
}
