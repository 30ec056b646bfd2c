//! Installation media for the tests: made by `landfall iso`, each once for all tests that can share it.
//!
//! Tests run in processes of their own. A medium lies in `target/vm-media` under a name that says what it
//! was made from: this program, the one that becomes the installer, the system and the arguments. Who comes
//! first makes it, the others wait.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use landfall::store::{Source, StorePath, registration};
use qemu::RunDirectory;

use crate::harness::{Sample, landfall_ok};

/// Serial number of the disk that media install on.
pub const TARGET: &str = "target";

/// Beginnings of the names of packages that a small system is without: half of its bytes, nothing that it
/// boots with.
const NOT_IN_SMALL: [&str; 25] = [
    "binutils",
    "cpp",
    "g++",
    "gcc",
    "gdb",
    "git",
    "libasan",
    "libc6-dev",
    "libgcc-14-dev",
    "libhwasan",
    "libicu",
    "liblsan",
    "libmagic",
    "libperl",
    "libpython3",
    "libstdc++-14-dev",
    "libtsan",
    "libubsan",
    "linux-libc-dev",
    "locales",
    "manpages",
    "perl-modules",
    "python3",
    "qemu-utils",
    "vim",
];

/// An ESP and an ext4 root on the disk with the serial number [`TARGET`], whatever it hangs on.
const LAYOUT: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/none",
  "landfall": { "match": { "serial": "target", "minSize": "1G" } },
  "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "256M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// The same with one more partition, which the system's own mkfs makes.
const MORE: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/none",
  "landfall": { "match": { "serial": "target", "minSize": "1G" } },
  "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "256M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "data": { "size": "400M", "content": { "type": "filesystem", "format": "xfs", "mountpoint": "/data" } },
    "root": { "size": "100%", "content": { "type": "filesystem", "format": "ext4", "mountpoint": "/" } }
} } } } }"#;

/// As [`LAYOUT`] with a btrfs root, and an encrypted partition whose passphrase a person types.
const INTERACTIVE: &str = r#"{ "disk": { "main": { "type": "disk", "device": "/dev/none",
  "content": { "type": "gpt", "partitions": {
    "ESP": { "type": "EF00", "size": "256M", "content": { "type": "filesystem", "format": "vfat", "mountpoint": "/boot" } },
    "private": { "size": "64M", "content": { "type": "luks", "name": "private", "askPassword": true, "initrdUnlock": false,
      "extraFormatArgs": ["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"],
      "content": { "type": "swap" } } },
    "root": { "size": "100%", "content": { "type": "btrfs", "mountpoint": "/", "mountOptions": ["compress=zstd:1"] } }
} } } } }"#;

/// Which system is on a medium.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Closure {
    /// The sample system, 1 GB.
    Whole,
    /// The same toplevel without what it boots without: where the bulk is not what is tested.
    Small,
}

/// A medium that is there.
#[derive(Debug)]
pub struct Medium {
    path: PathBuf,
    /// How many store paths are on it.
    paths: usize,
}

impl Medium {
    /// Installs without asking on the disk with the serial number [`TARGET`], brings extra files, tells firmware, and
    /// switches the machine off. With the whole system there is an xfs partition `data` besides.
    pub fn unattended(sample: &Sample, closure: Closure) -> Option<Self> {
        let extra = folder().join("extra-files");
        fs::create_dir_all(extra.join("etc/ssh")).unwrap();
        fs::write(extra.join("etc/ssh/added_key"), "added\n").unwrap();
        let extra = extra.to_str().unwrap();
        let arguments = ["--unattended", "--finish", "poweroff", "--firmware-entry", "--extra-files", extra];
        let layout = if closure == Closure::Whole { MORE } else { LAYOUT };
        Self::make(sample, closure, layout, &arguments)
    }

    /// Is read and checked first, then asks where to install; with a volume that gets a passphrase.
    pub fn interactive(sample: &Sample) -> Option<Self> {
        Self::make(sample, Closure::Small, INTERACTIVE, &["--verify", "--finish", "poweroff"])
    }

    /// Erases what is on the disk with the serial number [`TARGET`], installs, and starts what it installed.
    pub fn wiping(sample: &Sample) -> Option<Self> {
        Self::make(sample, Closure::Small, LAYOUT, &["--unattended", "--wipe"])
    }

    /// Runs the small system.
    pub fn live(sample: &Sample) -> Self {
        Self::shared(sample, Closure::Small, None, &[])
    }

    fn make(sample: &Sample, closure: Closure, layout: &str, arguments: &[&str]) -> Option<Self> {
        let program = static_program(sample)?;
        let program = program.to_str().unwrap();
        let arguments = [arguments, &["--installer-binary", program]].concat();
        Some(Self::shared(sample, closure, Some(layout), &arguments))
    }

    /// The medium of these wishes; made unless it is there.
    fn shared(sample: &Sample, closure: Closure, layout: Option<&str>, arguments: &[&str]) -> Self {
        let mut hasher = blake3::Hasher::new();
        let program = Path::new(env!("CARGO_BIN_EXE_landfall"));
        let installer = arguments.last().map(Path::new).filter(|path| path.is_absolute());
        for file in [program].into_iter().chain(installer) {
            hasher.update(&fs::read(file).unwrap());
        }
        let wishes = format!("{} {closure:?} {layout:?} {arguments:?}", sample.toplevel());
        // What other programs left is of no use: its name differs in what comes first.
        let made_by = hasher.finalize().to_hex()[..12].to_owned();
        let name = format!("{made_by}-{}.iso", &blake3::hash(wishes.as_bytes()).to_hex()[..12]);
        let path = folder().join(name);
        let lock = fs::File::create(folder().join(".lock")).unwrap();
        lock.lock().unwrap();
        let root = match closure {
            Closure::Whole => sample.root().to_owned(),
            Closure::Small => small(sample),
        };
        let paths = fs::read_to_string(root.join("store-paths")).unwrap().lines().count();
        if !path.exists() {
            remove_old();
            let text = |path: &Path| path.to_str().unwrap().to_owned();
            let file = folder().join("layout.json");
            let (root, out, file) = (
                text(&root),
                text(&path),
                layout.map(|layout| {
                    fs::write(&file, layout).unwrap();
                    text(&file)
                }),
            );
            let mut words = vec!["iso", "--system", sample.toplevel(), "--store", &root, "--out", &out];
            // The compression that is made fastest: it is unpacked just as well.
            words.extend(["--compression", "zstd:1"]);
            words.extend(file.iter().flat_map(|file| ["--layout", file.as_str()]));
            landfall_ok(&[&words[..], arguments].concat());
        }
        Self { path, paths }
    }

    /// The ISO image. It is shared: nobody writes to it.
    pub fn iso(&self) -> PathBuf {
        self.path.clone()
    }

    /// How many store paths are on it.
    pub fn paths(&self) -> usize {
        self.paths
    }

    /// A copy of the image that may be written to, in `directory`.
    pub fn copy(&self, directory: &RunDirectory) -> PathBuf {
        let path = directory.path().join("copy.iso");
        fs::copy(&self.path, &path).unwrap();
        path
    }
}

/// Where media are.
fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/vm-media");
    fs::create_dir_all(&folder).unwrap();
    folder
}

/// Removes media that were made more than two hours ago: by another program, or of another system.
fn remove_old() {
    for entry in fs::read_dir(folder()).unwrap().flatten() {
        let path = entry.path();
        let age = entry.metadata().and_then(|metadata| metadata.modified()).ok();
        let is_old = age.and_then(|time| time.elapsed().ok()).is_some_and(|age| age.as_secs() > 7200);
        if is_old && path.extension().is_some_and(|end| end == "iso") {
            let _ = fs::remove_file(path);
        }
    }
}

/// A store root with the sample's toplevel and without [`NOT_IN_SMALL`]: its files are links to the sample's.
fn small(sample: &Sample) -> PathBuf {
    let name = sample.toplevel().trim_start_matches("/nix/store/").split('-').next().unwrap();
    let root = folder().join(format!("small-{}-{name}", sample.architecture()));
    if root.join("store-paths").exists() {
        return root;
    }
    let is_left_out = |path: &StorePath| NOT_IN_SMALL.iter().any(|start| path.name().starts_with(start));
    let file = sample.root().join("registration");
    let records = registration::parse(&fs::read_to_string(&file).unwrap(), &file).unwrap();
    let mut kept: Vec<_> = records.into_iter().filter(|info| !is_left_out(&info.path)).collect();
    for info in &mut kept {
        info.references.retain(|path| !is_left_out(path));
    }
    let source = Source::open(sample.root()).unwrap();
    fs::create_dir_all(root.join("nix/store")).unwrap();
    let paths: BTreeSet<PathBuf> = kept.iter().map(|info| source.host_path(&info.path)).collect();
    let linked = Command::new("cp").arg("-al").args(paths).arg(root.join("nix/store")).status().unwrap();
    assert!(linked.success());
    fs::write(root.join("registration"), registration::render(&kept)).unwrap();
    let names: String = kept.iter().map(|info| format!("{}\n", info.path)).collect();
    // Last: with it, the folder is complete.
    fs::write(root.join("store-paths"), names).unwrap();
    root
}

/// The static binary that becomes `/init`.
fn static_program(sample: &Sample) -> Option<PathBuf> {
    let name = sample.architecture().name();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static").join(name).join("landfall");
    if path.exists() {
        return Some(path);
    }
    let what = format!("no static landfall in {} (make static ARCH={name})", path.display());
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("skipped: {what}");
    None
}
