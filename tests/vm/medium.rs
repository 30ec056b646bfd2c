//! Installation media for the tests that install: made once for each layout and wish, shared by tests.

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use landfall::image::System;
use landfall::installer::order::{FOLDER, ORDER_FILE, Order, STORE_FILE, command_line_word};
use landfall::installer::{Digests, FileDigester, digests, initrd};
use landfall::layout::{Layout, Source};
use qemu::RunDirectory;
use qemu::machine::{Boot, DirectKernel};

use crate::harness::Sample;

/// A medium and what a machine boots from it.
#[derive(Debug)]
pub struct Medium {
    directory: RunDirectory,
    boot: Boot,
}

impl Medium {
    /// The medium that installs `layout` (text of a JSON document) as `wishes` say. `None`, with the
    /// reason, when a tool or the static binary is missing; that fails under `CI`.
    pub fn build(sample: &Sample, layout: &str, wishes: &dyn Fn(Order) -> Order) -> Option<Self> {
        let program = static_program(sample)?;
        tool("mksquashfs")?;
        tool("xorriso")?;
        let system = System::open(sample.root(), Path::new(sample.toplevel())).unwrap();
        let (layout, _) =
            Layout::parse(Source::Json { name: "layout.json".to_owned(), text: layout.into() }).unwrap();
        let generation = system.generation();
        let order = wishes(Order {
            system: generation.architecture.nix_system().to_owned(),
            volume_id: "LANDFALL_TEST".to_owned(),
            ..Order::new(&layout, "layout.json", &generation.toplevel)
        });
        let text = order.to_json().unwrap();
        let directory = RunDirectory::create(None).unwrap();
        let at = |name: &str| directory.path().join(name);
        let folder = at("medium");
        fs::create_dir_all(folder.join(FOLDER)).unwrap();
        fs::hard_link(store(sample), folder.join(STORE_FILE))
            .or_else(|_| fs::copy(store(sample), folder.join(STORE_FILE)).map(drop))
            .unwrap();
        fs::write(folder.join(ORDER_FILE), &text).unwrap();
        let digests = [STORE_FILE, ORDER_FILE].map(|path| digest(&folder, path));
        fs::write(folder.join(digests::DIGESTS_FILE), Digests::new(digests.into()).render()).unwrap();
        fs::write(at("initrd"), initrd::build(&system, &program).unwrap()).unwrap();
        let kernel = system.source().resolve(Path::new(&generation.bootspec.boot.kernel)).unwrap();
        let ended = Command::new("xorriso")
            .args(["-as", "mkisofs", "-quiet", "-R", "-iso-level", "3", "-V", "LANDFALL_TEST", "-o"])
            .args([at("medium.iso"), folder.clone()])
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        fs::remove_dir_all(folder).unwrap();
        let consoles: Vec<_> = generation.bootspec.boot.kernel_params.iter().map(String::as_str).collect();
        let boot = Boot::Kernel(DirectKernel {
            kernel: system.source().on_host(&kernel),
            initrd: Some(at("initrd")),
            command_line: format!("{} {}", consoles.join(" "), command_line_word(&text)),
        });
        Some(Self { directory, boot })
    }

    /// The ISO image.
    pub fn iso(&self) -> PathBuf {
        self.directory.path().join("medium.iso")
    }

    /// What a machine starts.
    pub fn boot(&self) -> Boot {
        self.boot.clone()
    }
}

fn digest(folder: &Path, path: &str) -> digests::FileDigests {
    let mut digester = FileDigester::new(path);
    let mut file = fs::File::open(folder.join(path)).unwrap();
    std::io::copy(&mut file, &mut digester).unwrap();
    digester.flush().unwrap();
    digester.finish()
}

/// The sample's store as a squashfs file, made once.
fn store(sample: &Sample) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/vm-media");
    fs::create_dir_all(&folder).unwrap();
    let hash = sample.toplevel().trim_start_matches("/nix/store/").split('-').next().unwrap();
    let path = folder.join(format!("{hash}.squashfs"));
    // Tests run in processes of their own: one makes it, the others wait.
    let lock = fs::File::create(folder.join(".lock")).unwrap();
    lock.lock().unwrap();
    if !path.exists() {
        let part = folder.join(format!("{hash}.new"));
        let _ = fs::remove_file(&part);
        let registration = folder.join("nix-path-registration");
        fs::copy(sample.root().join("registration"), &registration).unwrap();
        let store = sample.root().join("nix/store");
        let mut paths: Vec<_> =
            fs::read_dir(&store).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        paths.retain(|name| name != ".links");
        paths.sort();
        let ended = Command::new("mksquashfs")
            .current_dir(&store)
            .args(paths)
            .args([&registration, &part])
            .args([
                "-comp",
                "zstd",
                "-Xcompression-level",
                "3",
                "-b",
                "1M",
                "-no-xattrs",
                "-all-root",
                "-quiet",
                "-no-progress",
            ])
            .output()
            .unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
        fs::rename(part, &path).unwrap();
    }
    path
}

/// The static binary that becomes `/init`.
fn static_program(sample: &Sample) -> Option<PathBuf> {
    let name = sample.architecture().name();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/static").join(name).join("landfall");
    if path.exists() {
        return Some(path);
    }
    missing(&format!("no static landfall in {} (make static ARCH={name})", path.display()))
}

fn tool(name: &str) -> Option<()> {
    match Command::new(name).arg("-version").output() {
        Ok(_) => Some(()),
        Err(_) => missing(&format!("`{name}` is not installed (run .ci/install-tools)")),
    }
}

fn missing<T>(what: &str) -> Option<T> {
    assert!(std::env::var_os("CI").is_none(), "{what}");
    eprintln!("skipped: {what}");
    None
}
