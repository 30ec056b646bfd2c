//! The command line as a person or a script meets it: exact output, exit codes, help.

use std::process::Command;

/// One call of the program with what must come of it. Both streams must be exactly as stated.
struct Call {
    command: Command,
}

impl Call {
    fn new(arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.args(arguments).env_remove("LANDFALL_LOG").env("NO_COLOR", "1");
        Self { command }
    }

    /// Runs; standard output, standard error and the exit code.
    fn run(mut self) -> (String, String, i32) {
        let output = self.command.output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (text(output.stdout), text(output.stderr), output.status.code().unwrap())
    }
}

#[test]
fn an_unknown_command_is_a_usage_error() {
    let (out, err, code) = Call::new(&["frobnicate"]).run();
    assert_eq!((out.as_str(), code), ("", 2));
    assert!(err.contains("unrecognized subcommand 'frobnicate'"), "{err}");
}

#[test]
fn version_and_help_go_to_standard_output() {
    let (out, err, code) = Call::new(&["--version"]).run();
    assert_eq!((out, err.as_str(), code), (format!("landfall {}\n", env!("CARGO_PKG_VERSION")), "", 0));
    let (out, err, code) = Call::new(&["help"]).run();
    assert_eq!((err.as_str(), code), ("", 0));
    assert!(out.contains("Exit codes: 0 done"), "{out}");
}

#[test]
fn completions_and_manual_pages_are_made_for_every_shell_and_command() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let (out, err, code) = Call::new(&["completions", shell]).run();
        assert_eq!((err.as_str(), code), ("", 0), "{shell}");
        assert!(out.contains("landfall"), "{shell}");
    }
    let dir = tempfile::tempdir().unwrap();
    let (out, err, code) = Call::new(&["man", "--out", dir.path().to_str().unwrap()]).run();
    assert_eq!((out.as_str(), err.as_str(), code), ("", "", 0));
    assert!(dir.path().join("landfall.1").is_file());
}

#[test]
fn events_to_a_closed_descriptor_are_a_usage_error() {
    let (_, err, code) = Call::new(&["completions", "bash", "--events", "fd:999"]).run();
    assert_eq!(code, 2);
    assert!(err.starts_with("error: opening descriptor 999 for --events"), "{err}");
}

/// `plan --json` shows what disko makes of a layout, whatever else is found about it; the other forms, and what would write,
/// refuse a layout that cannot work.
#[test]
fn a_plan_as_json_shows_what_disko_accepts() {
    let folder = tempfile::tempdir().unwrap();
    let layout = |partitions: &str| {
        let file = folder.path().join("layout.json");
        let disk =
            r#"{ "disk": { "main": { "device": "/dev/vda", "content": { "type": "gpt", "partitions": "#;
        std::fs::write(&file, format!("{disk}{partitions} }} }} }} }}")).unwrap();
        file.to_str().unwrap().to_owned()
    };
    let filesystem = r#""content": { "type": "filesystem", "format": "ext4", "mountpoint": "/data" }"#;
    let twice = layout(&format!(
        r#"{{ "a": {{ "size": "1G", {filesystem} }}, "b": {{ "size": "1G", {filesystem} }} }}"#
    ));
    let (out, err, code) = Call::new(&["plan", &twice, "--json", "--disk", "*=64G"]).run();
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 0, "{err}");
    assert_eq!(plan["disks"]["main"]["table"]["partitions"].as_array().unwrap().len(), 2);
    assert_eq!(plan["findings"][0]["code"], "duplicate-mount");
    assert!(err.starts_with("error[duplicate-mount]: "), "{err}");
    for form in [&["plan", &twice][..], &["plan", &twice, "--mounts"], &["check", &twice]] {
        let (out, err, code) = Call::new(form).run();
        assert_eq!((out.as_str(), code), ("", 3), "{err}");
    }
    // Without a place for a partition there is still the layout, and the partitions before it.
    let large = layout(r#"{ "a": { "size": "1G" }, "b": { "size": "9T" } }"#);
    let (out, err, code) = Call::new(&["plan", &large, "--json", "--disk", "*=64G"]).run();
    let plan: serde_json::Value = serde_json::from_str(&out).unwrap();
    assert_eq!(code, 3);
    assert!(err.starts_with("error[misplaced-partition]: "), "{err}");
    assert_eq!(plan["layout"]["disk"]["main"]["content"]["partitions"]["b"]["end"], "+9T");
    assert_eq!(plan["disks"]["main"]["table"]["partitions"].as_array().unwrap().len(), 1);
    // What disko refuses has no plan.
    let unknown = layout(r#"{ "a": { "sise": "1G" } }"#);
    let (out, _, code) = Call::new(&["plan", &unknown, "--json"]).run();
    assert_eq!((out.as_str(), code), ("", 3));
}
