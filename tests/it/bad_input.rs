//! What `landfall image` says of input that cannot be: one error with the thing and the way out, the exit code, nothing written.

use std::fs;
use std::path::Path;
use std::process::Command;

use uefi::Architecture;

use crate::fixture::Fixture;

/// A GPT with an ESP and an ext4 root; `PARTITIONS` stands for more of them.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/vda", "content": { "type": "gpt", "partitions": {
  "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
  PARTITIONS
  "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// A folder with a layout and a system, in which `landfall image` is called.
struct Call {
    fixture: Fixture,
    folder: tempfile::TempDir,
}

impl Call {
    fn new(partitions: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("layout.json"), LAYOUT.replace("PARTITIONS", partitions)).unwrap();
        Self { fixture: Fixture::new(Architecture::X64), folder }
    }

    /// The arguments that would build.
    fn good(&self) -> Vec<String> {
        let shown = |path: &Path| path.display().to_string();
        let system = shown(&self.fixture.host(&self.fixture.toplevel));
        let store = shown(self.fixture.root());
        ["image", "layout.json", "--system", &system, "--store", &store, "--out", "out"]
            .map(String::from)
            .into()
    }

    /// Calls with one of the good arguments exchanged and some more; the exit code and what was said.
    fn run(&self, exchanged: &[(&str, &str)], more: &[&str]) -> (i32, String) {
        let mut arguments = self.good();
        for (option, value) in exchanged {
            let at = arguments.iter().position(|argument| argument == option).unwrap();
            arguments[at + 1] = (*value).to_owned();
        }
        let before = listing(self.folder.path());
        let ended = Command::new(env!("CARGO_BIN_EXE_landfall"))
            .args(arguments)
            .args(more)
            .current_dir(self.folder.path())
            .env_remove("LANDFALL_LOG")
            .env("NO_COLOR", "1")
            .output()
            .unwrap();
        assert!(ended.stdout.is_empty());
        assert_eq!(listing(self.folder.path()), before, "something was written");
        (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
    }
}

fn listing(folder: &Path) -> Vec<std::ffi::OsString> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    names.sort();
    names
}

#[test]
fn a_layout_that_is_not_there() {
    let (code, words) = Call::new("").run(&[("image", "nowhere.json")], &[]);
    assert_eq!(
        (code, words.as_str()),
        (3, "error: reading `nowhere.json`: No such file or directory (os error 2)\n")
    );
}

#[test]
fn a_system_that_is_not_there_or_none() {
    let call = Call::new("");
    let (code, words) = call.run(&[("--system", "nowhere")], &[]);
    assert_eq!((code, words.as_str()), (3, "error: there is no system `nowhere`\n"));
    let path = call.fixture.path("bash-5.3").to_string();
    let (code, words) = call.run(&[("--system", &path)], &[]);
    assert_eq!((code, words), (3, format!("error: `{path}` is not a system: it has no `boot.json`\n")));
}

#[test]
fn a_store_by_another_name_is_the_same_store() {
    let call = Call::new("");
    std::os::unix::fs::symlink(call.fixture.root(), call.folder.path().join("link")).unwrap();
    let system = Path::new("link").join(call.fixture.toplevel.to_string().trim_start_matches('/'));
    let ended = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["image", "layout.json", "--store", "link", "--out", "out", "--dry-run", "--system"])
        .arg(system)
        .current_dir(call.folder.path())
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
}

#[test]
fn two_partitions_with_one_name() {
    let (code, words) = Call::new(r#""two": { "name": "ESP", "size": "5M" },"#).run(&[], &[]);
    assert_eq!(code, 3);
    assert!(
        words.starts_with("error[duplicate-name]: two partitions are called `ESP`\n --> layout.json:3:"),
        "{words}"
    );
    assert!(words.contains("first here") && words.contains("here again"), "{words}");
}

#[test]
fn partitions_that_overlap_or_leave_the_disk() {
    let call = Call::new(r#""two": { "start": "10M", "end": "20M" },"#);
    let (code, words) = call.run(&[], &["--disk", "main=4G"]);
    assert_eq!(code, 3);
    let said =
        "error[misplaced-partition]: partition `two` of /dev/vda: its start, sector 20480, is not free";
    assert!(words.starts_with(said) && words.contains(" --> layout.json:3:"), "{words}");
    let (code, words) = Call::new(r#""two": { "size": "9T" },"#).run(&[], &["--disk", "main=4G"]);
    assert_eq!(code, 3);
    let said = "error[misplaced-partition]: partition `two` of /dev/vda: it needs 9 TiB";
    assert!(words.starts_with(said) && words.contains("= hint: make the disk larger"), "{words}");
}

#[test]
fn a_disk_too_small_for_its_contents() {
    let (code, words) = Call::new("").run(&[], &["--disk", "main=67M"]);
    assert_eq!(code, 3);
    assert!(words.starts_with("error[does-not-fit]: ") && words.contains(" --> layout.json:4:"), "{words}");
    assert!(words.contains("= hint: give it ") && words.contains("M or more"), "{words}");
}

#[test]
fn an_output_folder_that_cannot_be() {
    let call = Call::new("");
    fs::write(call.folder.path().join("file"), "").unwrap();
    let (code, words) = call.run(&[("--out", "file")], &[]);
    assert_eq!((code, words.as_str()), (1, "error: creating directory `file`: File exists (os error 17)\n"));
    let (code, words) = call.run(&[("--out", "/proc/nowhere")], &[]);
    let said = "error: creating directory `/proc/nowhere`: No such file or directory (os error 2)\n";
    assert_eq!((code, words.as_str()), (1, said));
}

#[test]
fn a_database_that_is_damaged_or_locked() {
    let call = Call::new("");
    let file = call.fixture.root().join(landfall::store::database::DATABASE_FILE);
    let other = rusqlite::Connection::open(&file).unwrap();
    other.execute_batch("begin exclusive").unwrap();
    let (code, words) = call.run(&[], &[]);
    let shown = file.display();
    let said = format!(
        "error: the Nix database `{shown}` is locked by another program; let it finish, or stop it, and try again\n"
    );
    assert_eq!((code, words), (3, said));
    drop(other);
    fs::write(&file, "not a database").unwrap();
    let (code, words) = call.run(&[], &[]);
    let said = format!("error: the Nix database `{shown}` is damaged: it is not an SQLite file; ");
    assert!(code == 3 && words.starts_with(&said), "{words}");
}

#[test]
fn a_closure_with_a_missing_path() {
    let call = Call::new("");
    let (bash, sw) = (call.fixture.path("bash-5.3"), call.fixture.path("append-initrd-secrets"));
    fs::remove_dir_all(call.fixture.host(bash)).unwrap();
    let (code, words) = call.run(&[], &[]);
    let root = fs::canonicalize(call.fixture.root()).unwrap();
    let said = format!(
        "error: `{bash}` is registered but not on disk below `{}`; `{sw}` needs it; repair the store with \
         `nix-store --verify --check-contents --repair`\n",
        root.display()
    );
    assert_eq!((code, words), (3, said));
}

#[test]
fn a_machine_without_qemu() {
    let folder = tempfile::tempdir().unwrap();
    let image = folder.path().join("disk.raw");
    fs::File::create(&image).unwrap().set_len(1 << 20).unwrap();
    let ended = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .args(["run", "--arch", "x86_64"])
        .arg(&image)
        .env("PATH", folder.path())
        .env("NO_COLOR", "1")
        .output()
        .unwrap();
    let words = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(5), "{words}");
    assert_eq!(
        words,
        "error: `qemu-system-x86_64` is not installed\n\
         hint: install the package `qemu-system-x86` (Debian and Ubuntu: apt-get install qemu-system-x86)\n"
    );
}
