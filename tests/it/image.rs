//! Images: judged by the real tools, the same every time, and nothing left when they fail.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use uefi::Architecture;

use crate::fixture::Fixture;
use crate::oracle::{require_root, require_tool, run, run_ok};

const MIB: u64 = 1 << 20;

/// GPT with ESP, swap, an unformatted partition and an ext4 root.
const LAYOUT: &str = r#"{
  "disko": { "devices": { "disk": { "main": {
    "type": "disk",
    "device": "/dev/vda",
    "content": { "type": "gpt", "partitions": {
      "ESP": { "type": "EF00", "size": "64M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot", "extraArgs": ["-n", "BOOT"] } },
      "swap": { "size": "16M", "content": { "type": "swap" } },
      "spare": { "size": "8M" },
      "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/", "extraArgs": ["-L", "nixos"] } }
    } }
  } } } }
}"#;

/// A build with everything it needs; `landfall image` with more arguments.
pub struct Build {
    /// The system.
    pub fixture: Fixture,
    /// Where layout and output lie.
    pub dir: tempfile::TempDir,
}

impl Build {
    /// A build of this layout, a JSON document.
    pub fn new(layout: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::write(dir.path().join("layout.json"), layout).unwrap();
        Self { fixture: Fixture::new(Architecture::X64), dir }
    }

    /// The folder of the images.
    pub fn out(&self) -> PathBuf {
        self.dir.path().join("out")
    }

    /// The image of the disk `main`.
    pub fn disk(&self) -> PathBuf {
        self.out().join("main.raw")
    }

    /// The command that builds into `out`.
    pub fn command(&self, out: &Path, more: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.arg("image").arg(self.dir.path().join("layout.json"));
        command.arg("--system").arg(self.fixture.host(&self.fixture.toplevel));
        command.arg("--store").arg(self.fixture.root()).arg("--out").arg(out).args(more);
        command.env_remove("LANDFALL_LOG").env("NO_COLOR", "1");
        command
    }

    /// Builds; must succeed.
    pub fn ok(&self, more: &[&str]) {
        let ended = self.command(&self.out(), more).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    /// Builds; must fail and leave nothing: the exit code and the words on standard error.
    pub fn fails(&self, more: &[&str]) -> (i32, String) {
        let ended = self.command(&self.out(), more).output().unwrap();
        let left: Vec<_> = fs::read_dir(self.out())
            .map(|entries| entries.flatten().map(|entry| entry.path()).collect())
            .unwrap_or_default();
        assert!(left.is_empty(), "left behind: {left:?}");
        assert!(ended.stdout.is_empty());
        (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
    }
}

/// The partition `number` of an image, copied to a file of its own.
pub fn partition(image: &Path, number: usize, dir: &Path) -> PathBuf {
    let sfdisk = require_tool("sfdisk").unwrap();
    let table: serde_json::Value =
        serde_json::from_str(&run_ok(&sfdisk, &["--json", image.to_str().unwrap()])).unwrap();
    let entry = &table["partitiontable"]["partitions"][number - 1];
    let bytes = |name: &str| usize::try_from(entry[name].as_u64().unwrap() * 512).unwrap();
    let content = fs::read(image).unwrap();
    let path = dir.join(format!("partition{number}"));
    fs::write(&path, &content[bytes("start")..][..bytes("size")]).unwrap();
    path
}

#[test]
fn every_judge_finds_the_image_clean_and_a_flipped_byte_not() {
    let tools = ["sgdisk", "sfdisk", "fsck.fat", "e2fsck", "swaplabel"].map(require_tool);
    let [Some(sgdisk), Some(sfdisk), Some(fsck_fat), Some(e2fsck), Some(swaplabel)] = tools else { return };
    let build = Build::new(LAYOUT);
    build.ok(&[]);
    let image = build.disk();
    let image = image.to_str().unwrap();
    assert!(run_ok(&sgdisk, &["-v", image]).contains("No problems found"));
    run_ok(&sfdisk, &["--verify", image]);
    let esp = partition(&build.disk(), 1, build.dir.path());
    let swap = partition(&build.disk(), 3, build.dir.path());
    let root = partition(&build.disk(), 4, build.dir.path());
    run_ok(&fsck_fat, &["-n", esp.to_str().unwrap()]);
    run_ok(&e2fsck, &["-fn", root.to_str().unwrap()]);
    assert!(run_ok(&swaplabel, &[swap.to_str().unwrap()]).contains("UUID:"));

    // Twins: each judge must notice its flipped byte.
    let flip = |path: &Path, offset: usize| {
        let mut bytes = fs::read(path).unwrap();
        bytes[offset] ^= 0x20;
        fs::write(path, bytes).unwrap();
    };
    flip(&esp, 32 * 512 + 4);
    assert!(!run(&fsck_fat, &["-n", esp.to_str().unwrap()]).status.success());
    flip(&root, 1024 + 0x18);
    assert!(!run(&e2fsck, &["-fn", root.to_str().unwrap()]).status.success());
    flip(&build.disk(), 1024 + 56);
    let output = run(&sgdisk, &["-v", image]);
    assert!(!String::from_utf8_lossy(&output.stdout).contains("No problems found"));
}

#[test]
fn the_same_inputs_give_the_same_bytes_wherever_and_by_whomever() {
    let build = Build::new(LAYOUT);
    build.ok(&["--digest", "sha256"]);
    let first = fs::read(build.disk()).unwrap();
    let manifest = fs::read_to_string(build.out().join("manifest.json")).unwrap();
    let elsewhere = build.dir.path().join("a b/c");
    // Another directory, umask, time zone, locale, and one processor.
    let script = "umask 077; cd /; exec taskset -c 0 \"$@\"";
    if require_tool("taskset").is_none() {
        return;
    }
    let inner = build.command(&elsewhere, &["--digest", "sha256"]);
    let words: Vec<_> = std::iter::once(inner.get_program()).chain(inner.get_args()).collect();
    let ended = Command::new("sh")
        .args(["-c", script, "sh"])
        .args(words)
        .envs([("TZ", "Asia/Kathmandu"), ("LC_ALL", "de_DE.UTF-8")])
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(first == fs::read(elsewhere.join("main.raw")).unwrap(), "the images differ");
    assert_eq!(manifest, fs::read_to_string(elsewhere.join("manifest.json")).unwrap());
    // Another seed gives other identities: the comparison can fail.
    build.ok(&["--seed", "00000000-0000-8000-8000-000000000001"]);
    assert!(first != fs::read(build.disk()).unwrap());
}

#[test]
fn the_image_is_sparse_and_has_the_free_space_that_was_asked_for() {
    let Some(dumpe2fs) = require_tool("dumpe2fs") else { return };
    let build = Build::new(LAYOUT);
    build.ok(&["--free", "300M"]);
    let metadata = fs::metadata(build.disk()).unwrap();
    assert!(metadata.len() > 388 * MIB, "{}", metadata.len());
    assert!(
        metadata.blocks() * 512 < metadata.len() / 4,
        "{} bytes are on the disk",
        metadata.blocks() * 512
    );
    let root = partition(&build.disk(), 4, build.dir.path());
    let header = run_ok(&dumpe2fs, &["-h", root.to_str().unwrap()]);
    let number = |name: &str| -> u64 {
        let line = header.lines().find(|line| line.starts_with(name)).unwrap();
        line.rsplit(' ').next().unwrap().parse().unwrap()
    };
    let free = (number("Free blocks:") - number("Reserved block count:")) * number("Block size:");
    assert!((300 * MIB..304 * MIB).contains(&free), "{free} bytes are free");
}

#[test]
fn a_declared_size_is_kept_to_the_byte() {
    let build = Build::new(&LAYOUT.replace(r#""type": "disk","#, r#""type": "disk", "imageSize": "700M","#));
    build.ok(&[]);
    assert_eq!(fs::metadata(build.disk()).unwrap().len(), 700 * MIB);
    build.ok(&["--disk", "main=1G"]);
    assert_eq!(fs::metadata(build.disk()).unwrap().len(), 1024 * MIB);
}

#[test]
fn what_is_in_the_image_is_what_inspect_says() {
    let build = Build::new(LAYOUT);
    build.ok(&[]);
    let output = Command::new(env!("CARGO_BIN_EXE_landfall"))
        .arg("inspect")
        .arg(build.disk())
        .arg("--json")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let formats: Vec<_> =
        report["areas"].as_array().unwrap().iter().map(|area| area["format"].as_str()).collect();
    assert_eq!(formats, [Some("vfat"), None, Some("swap"), Some("ext4")]);
    assert_eq!(report["areas"][3]["label"], "nixos");
    assert_eq!(report["table"]["problems"], serde_json::json!([]));
    assert_eq!(report["system"]["generations"][0]["toplevel"], build.fixture.toplevel.to_string());
    assert_eq!(report["boot"]["entries"].as_array().unwrap().len(), 2);
    assert_eq!(report["boot"]["entries"][1]["default"], true);
}

#[test]
fn inspect_verifies_the_store_and_names_the_path_that_changed() {
    let build = Build::new(LAYOUT);
    build.ok(&[]);
    let verify = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.arg("inspect").arg("--verify").arg(build.disk()).output().unwrap()
    };
    let clean = verify();
    assert!(clean.status.success(), "{}", String::from_utf8_lossy(&clean.stderr));
    assert!(String::from_utf8_lossy(&clean.stdout).contains("each path is as registered"));
    let init = fs::read(build.fixture.host(&build.fixture.toplevel).join("init")).unwrap();
    let mut image = fs::read(build.disk()).unwrap();
    let at = image.windows(init.len()).position(|bytes| bytes == init).unwrap();
    image[at] ^= 1;
    fs::write(build.disk(), image).unwrap();
    let damaged = verify();
    assert_eq!(damaged.status.code(), Some(1));
    let text = String::from_utf8_lossy(&damaged.stdout);
    assert!(text.contains(build.fixture.toplevel.base_name()) && text.contains("` has hash "), "{text}");
}

#[test]
fn a_dry_run_shows_the_plan_and_writes_nothing() {
    let build = Build::new(LAYOUT);
    let ended = build.command(&build.out(), &["--dry-run"]).output().unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    let text = String::from_utf8(ended.stdout).unwrap();
    assert!(text.contains("ext4") && text.contains("/boot"), "{text}");
    assert!(!build.out().exists());
}

#[test]
fn hooks_that_are_left_out_are_named_and_not_run() {
    let hook = r#""format": "ext4", "postCreateHook": "touch /tmp/landfall-hook-ran""#;
    let build = Build::new(&LAYOUT.replace(r#""format": "ext4""#, hook));
    let ended = build.command(&build.out(), &["--skip-hooks"]).output().unwrap();
    assert!(ended.status.success());
    let err = String::from_utf8(ended.stderr).unwrap();
    assert!(
        err.contains("note: hooks are shell and are not run") && err.contains("root.content.postCreateHook"),
        "{err}"
    );
    assert!(!Path::new("/tmp/landfall-hook-ran").exists());
}

#[test]
fn without_a_machine_what_takes_one_is_refused_with_the_way_out() {
    let refused = |layout: &str, arguments: &[&str]| {
        let build = Build::new(layout);
        let ended = build.command(&build.out(), arguments).output().unwrap();
        assert_eq!(ended.status.code(), Some(4));
        assert!(!build.out().exists());
        String::from_utf8(ended.stderr).unwrap()
    };
    let hook = r#""format": "ext4", "postCreateHook": "true""#;
    let err = refused(&LAYOUT.replace(r#""format": "ext4""#, hook), &["--no-vm"]);
    assert!(err.contains("needs a VM: hooks (disk.") && err.contains("--skip-hooks"), "{err}");
    // Hooks are not what it is needed for then.
    let both = hook.replace("ext4", "minix");
    let err = refused(&LAYOUT.replace(r#""format": "ext4""#, &both), &["--no-vm", "--skip-hooks"]);
    assert!(
        err.contains("needs a VM: minix (disk main, partition root)") && !err.contains("hooks ("),
        "{err}"
    );
}

#[test]
fn a_system_without_the_programs_for_a_machine_is_refused_before_anything_is_written() {
    let build = Build::new(&LAYOUT.replace(r#""format": "ext4""#, r#""format": "minix""#));
    let ended = build.command(&build.out(), &[]).output().unwrap();
    let err = String::from_utf8(ended.stderr).unwrap();
    assert_eq!(ended.status.code(), Some(3), "{err}");
    assert!(err.contains("the system has no `mkfs.minix` in sw/bin or sw/sbin"), "{err}");
    assert!(err.contains("add `util-linux` to the system"), "{err}");
    assert!(!build.out().exists());
}

#[test]
fn events_tell_every_step_from_start_to_finish() {
    let build = Build::new(LAYOUT);
    let events = build.dir.path().join("events");
    build.ok(&["--events", events.to_str().unwrap()]);
    let text = fs::read_to_string(events).unwrap();
    let events: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for step in ["write /boot", "write /"] {
        let of_step =
            |event: &str| events.iter().filter(|line| line["step"] == step && line["event"] == event).count();
        assert_eq!((of_step("start"), of_step("finish")), (1, 1), "{text}");
    }
}

#[test]
fn what_cannot_be_written_yet_is_refused_with_its_place() {
    let build = Build::new(
        &LAYOUT
            .replace(r#""format": "ext4""#, r#""format": "squashfs""#)
            .replace(r#", "extraArgs": ["-L", "nixos"]"#, ""),
    );
    let (code, err) = build.fails(&[]);
    assert_eq!(code, 3);
    assert!(err.contains("not supported yet: squashfs") && err.contains("layout.json:9:"), "{err}");
}

/// Changes to a good call, with what must be said.
#[test]
fn bad_input_gets_one_clear_error_and_leaves_nothing() {
    let cases: [(&str, &str, &[&str], i32, &str); 7] = [
        ("\"64M\"", "\"512K\"", &[], 3, "needs"),
        ("\"BOOT\"", "\"A-LABEL-TOO-LONG\"", &[], 3, "cannot label a FAT volume"),
        ("\"BOOT\"", "\"B?OT\"", &[], 3, "cannot label a FAT volume"),
        ("\"-L\", \"nixos\"", "\"-L\", \"a-label-of-17-byte\"", &[], 3, "label"),
        ("", "", &["--disk", "main=80M"], 3, ""),
        ("", "", &["--disk", "other=8G"], 3, "no disk `other`"),
        ("\"64M\"", "\"64 apples\"", &[], 3, "64 apples"),
    ];
    for (from, to, arguments, code, words) in cases {
        let layout = if from.is_empty() { LAYOUT.to_owned() } else { LAYOUT.replace(from, to) };
        let (found, err) = Build::new(&layout).fails(arguments);
        assert_eq!(found, code, "{to} {arguments:?}: {err}");
        assert!(err.starts_with("error") && err.contains(words), "{to} {arguments:?}: {err}");
    }
}

#[test]
fn systems_that_are_none_are_refused() {
    let build = Build::new(LAYOUT);
    let call = |system: &Path, store: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_landfall"));
        command.arg("image").arg(build.dir.path().join("layout.json")).arg("--system").arg(system);
        let ended = command.arg("--store").arg(store).arg("--out").arg(build.out()).output().unwrap();
        assert!(!build.out().exists());
        (ended.status.code().unwrap(), String::from_utf8(ended.stderr).unwrap())
    };
    let root = build.fixture.root();
    let (code, err) = call(Path::new("/nix/store/00000000000000000000000000000000-nothing"), root);
    assert_eq!(code, 3, "{err}");
    let (code, err) = call(&root.join("nowhere"), root);
    assert_eq!(code, 3, "{err}");
    let (code, err) = call(&build.fixture.host(&build.fixture.toplevel), Path::new("/nonexistent"));
    assert_eq!(code, 3, "{err}");
    // A path of the closure that is not a system: no boot.json.
    let boot_json = build.fixture.host(&build.fixture.toplevel).join("boot.json");
    let text = fs::read_to_string(&boot_json).unwrap();
    let rewrite = |text: &str| {
        fs::set_permissions(boot_json.parent().unwrap(), std::os::unix::fs::PermissionsExt::from_mode(0o755))
            .unwrap();
        fs::remove_file(&boot_json).unwrap();
        fs::write(&boot_json, text).unwrap();
    };
    rewrite(&text[..text.len() / 2]);
    let (code, err) = call(&build.fixture.host(&build.fixture.toplevel), root);
    assert!(code == 3 && err.contains("boot.json"), "{err}");
}

#[test]
fn a_full_disk_leaves_no_file_behind() {
    let Some(mount) = require_tool("mount").filter(|_| require_root()) else { return };
    let build = Build::new(LAYOUT);
    fs::create_dir(build.out()).unwrap();
    let out = build.out();
    let out = out.to_str().unwrap();
    run_ok(&mount, &["-t", "tmpfs", "-o", "size=1m", "tmpfs", out]);
    let ended = build.command(&build.out(), &[]).output().unwrap();
    let left = fs::read_dir(build.out()).unwrap().count();
    run_ok(&require_tool("umount").unwrap(), &[out]);
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("No space left on device"), "{err}");
    assert_eq!(left, 0);
}

#[test]
fn an_interrupted_build_leaves_no_file_behind() {
    // Keys that take long to derive hold the build up in the middle.
    let encrypted = r#""content": { "type": "luks", "name": "crypted", "passwordFile": "/dev/null", "settings": {}, "extraFormatArgs": ["--pbkdf-force-iterations=40"], "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }"#;
    let plain = LAYOUT.rfind(r#""content": { "type": "filesystem", "format": "ext4""#).unwrap();
    let end = LAYOUT[plain..].find("] }").unwrap() + 3;
    let layout = format!("{}{encrypted}{}", &LAYOUT[..plain], &LAYOUT[plain + end..]);
    let build = Build::new(&layout);
    let key = build.dir.path().join("key");
    fs::write(&key, "secret").unwrap();
    fs::create_dir(build.out()).unwrap();
    let key = format!("crypted={}", key.display());
    let mut child =
        build.command(&build.out(), &["--key", &key]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    let waited = std::time::Instant::now();
    while fs::read_dir(build.out()).unwrap().count() == 0 {
        assert!(waited.elapsed().as_secs() < 60, "no image was begun");
        assert_eq!(child.try_wait().unwrap(), None, "the build ended before it could be interrupted");
        std::thread::yield_now();
    }
    nix::sys::signal::kill(
        nix::unistd::Pid::from_raw(child.id().try_into().unwrap()),
        nix::sys::signal::Signal::SIGINT,
    )
    .unwrap();
    let ended = child.wait_with_output().unwrap();
    let err = String::from_utf8_lossy(&ended.stderr);
    assert_eq!(ended.status.code(), Some(1), "{err}");
    assert!(err.contains("interrupted by SIGINT; unfinished files were removed"), "{err}");
    assert_eq!(fs::read_dir(build.out()).unwrap().count(), 0);
}

#[test]
fn an_ordinary_user_is_enough() {
    let Some(setpriv) = require_tool("setpriv").filter(|_| require_root()) else { return };
    let build = Build::new(LAYOUT);
    build.ok(&[]);
    let expected = fs::read(build.disk()).unwrap();
    let out = build.dir.path().join("user");
    fs::create_dir(&out).unwrap();
    for path in [build.dir.path(), build.fixture.root()] {
        fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    }
    std::os::unix::fs::chown(&out, Some(65534), Some(65534)).unwrap();
    // The program itself may lie in a folder of root's alone.
    let program = build.dir.path().join("landfall");
    fs::copy(env!("CARGO_BIN_EXE_landfall"), &program).unwrap();
    let inner = build.command(&out, &[]);
    let ended = Command::new(setpriv)
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "--bounding-set=-all", "--no-new-privs"])
        .arg(program)
        .args(inner.get_args())
        .output()
        .unwrap();
    assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    assert!(expected == fs::read(out.join("main.raw")).unwrap());
}
