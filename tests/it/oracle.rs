//! Real tools as judges of what we write.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

/// Where `name` is installed. Missing, the test that asks is skipped by name on a developer's machine
/// and fails where `CI` is set: there every judge must be present.
pub fn require_tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    // Debian keeps disk tools where an ordinary user's PATH does not look.
    let folders = std::env::split_paths(&path).chain(["/usr/sbin".into(), "/sbin".into()]);
    let found = folders.map(|folder| folder.join(name)).find(|candidate| candidate.is_file());
    if found.is_none() {
        assert!(
            std::env::var_os("CI").is_none(),
            "the judge `{name}` is not installed (run .ci/install-tools)"
        );
        eprintln!("skipped: `{name}` is not installed");
    }
    found
}

#[allow(dead_code, reason = "judges that mount come with the file systems")]
/// Whether the test runs as root, as kernel mounts need; says that it skips otherwise.
pub fn require_root() -> bool {
    let root = nix::unistd::geteuid().is_root();
    if !root {
        eprintln!("skipped: needs root for a loop mount");
    }
    root
}

/// Runs a tool to its end and gives back what it said.
pub fn run(tool: &Path, arguments: &[&str]) -> Output {
    Command::new(tool)
        .args(arguments)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", tool.display()))
}

/// Runs a tool that must succeed; its standard output.
pub fn run_ok(tool: &Path, arguments: &[&str]) -> String {
    let output = run(tool, arguments);
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(
        output.status.success(),
        "{} {}: {}\n{out}{err}",
        tool.display(),
        arguments.join(" "),
        output.status
    );
    out.into_owned()
}

#[test]
fn a_tool_is_found_and_its_words_are_heard() {
    let Some(shell) = require_tool("sh") else { return };
    assert_eq!(run_ok(&shell, &["-c", "echo heard"]), "heard\n");
}

#[test]
fn a_failing_tool_is_seen_to_fail() {
    let output = run(Path::new("/bin/sh"), &["-c", "exit 4"]);
    assert_eq!(output.status.code(), Some(4));
}
