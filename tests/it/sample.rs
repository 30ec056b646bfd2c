//! The sample system: judged by the real Nix and kmod, and made again to be the same.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};

use landfall::store::{Closure, Source, StorePath};
use qemu::Architecture;
use qemu::sample::{self, Request};
use serde_json::Value;

use crate::oracle::{require_tool, run, run_ok};

/// The sample systems that are there: in `target/sample`, or below the folder that `LANDFALL_SAMPLE`
/// names. Under `CI` both must be; on a developer's machine, what is missing is said.
fn samples() -> Vec<(Architecture, PathBuf)> {
    let named = std::env::var_os("LANDFALL_SAMPLE").map(PathBuf::from);
    let folder = named.unwrap_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/sample"));
    let all = Architecture::ALL.map(|architecture| (architecture, folder.join(architecture.name())));
    all.into_iter()
        .filter(|(architecture, root)| {
            let there = root.join("system").is_symlink();
            assert!(there || std::env::var_os("CI").is_none(), "no sample system (make samples)");
            if !there {
                eprintln!("skipped: no sample system for {architecture} (make sample ARCH={architecture})");
            }
            there
        })
        .collect()
}

/// The toplevel as the system itself names it.
fn toplevel(root: &Path) -> String {
    format!("/{}", fs::read_link(root.join("system")).unwrap().display())
}

/// A path of the guest, on this host; links are followed inside the store root.
fn on_host(root: &Path, path: &str) -> PathBuf {
    let source = Source::open(root).unwrap();
    let resolved = source.resolve(Path::new(path)).unwrap_or_else(|error| panic!("{path}: {error}"));
    source.on_host(&resolved)
}

fn json(root: &Path) -> Value {
    let text = fs::read_to_string(on_host(root, &format!("{}/boot.json", toplevel(root)))).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn the_toplevel_has_what_nixos_puts_there() {
    for (architecture, root) in samples() {
        let system = toplevel(&root);
        let file = |name: &str| on_host(&root, &format!("{system}/{name}"));
        let loader = match architecture {
            Architecture::X86_64 => "systemd-bootx64.efi",
            Architecture::Aarch64 => "systemd-bootaa64.efi",
        };
        let systemd = file("systemd");
        for name in ["activate", "init", "bin/switch-to-configuration"] {
            assert!(fs::metadata(file(name)).unwrap().permissions().mode() & 0o111 != 0, "{name}");
        }
        for path in [
            file("kernel"),
            file("initrd"),
            file("etc"),
            file("sw"),
            systemd.join("lib/systemd/systemd"),
            systemd.join("lib/systemd/boot/efi").join(loader),
        ] {
            assert!(path.exists(), "{}", path.display());
        }
        let text = |name: &str| fs::read_to_string(file(name)).unwrap();
        assert_eq!(text("system"), format!("{architecture}-linux"));
        let release =
            fs::read_dir(file("kernel-modules").join("lib/modules")).unwrap().next().unwrap().unwrap();
        assert!(
            json(&root)["org.nixos.bootspec.v1"]["label"]
                .as_str()
                .unwrap()
                .contains(&format!("(Linux {})", release.file_name().to_str().unwrap()))
        );
        assert!(text("kernel-params").contains(&format!("console={}", architecture.serial_device())));
        assert!(!text("kernel-params").ends_with('\n'));
    }
}

#[test]
fn the_boot_document_tells_the_specialisation_apart() {
    for (_, root) in samples() {
        let document = json(&root);
        let lab = &document["org.nixos.specialisation.v1"]["lab"];
        let (main, lab) = (&document["org.nixos.bootspec.v1"], &lab["org.nixos.bootspec.v1"]);
        assert_eq!(main["toplevel"], toplevel(&root).as_str());
        assert_ne!(main["init"], lab["init"]);
        assert!(lab["kernelParams"].as_array().unwrap().contains(&"landfall.specialisation=lab".into()));
        let link = format!("{}/specialisation/lab", toplevel(&root));
        let child = fs::read_link(root.join(&link[1..])).unwrap();
        assert_eq!(lab["toplevel"], child.to_str().unwrap());
        let name = on_host(&root, &format!("{}/etc/specialisation", child.display()));
        assert_eq!(fs::read_to_string(name).unwrap(), "lab\n");
    }
}

#[test]
fn the_closure_is_as_large_and_as_varied_as_a_real_one() {
    for (_, root) in samples() {
        let source = Source::open(&root).unwrap();
        let top = StorePath::from_absolute(&toplevel(&root)).unwrap();
        let closure = Closure::read(&source, &top).unwrap();
        let paths: Vec<_> = closure.paths().collect();
        let bytes = closure.nar_size().0;
        let references: usize = paths.iter().map(|info| info.references.len()).sum();
        assert!(paths.len() > 300, "{} paths", paths.len());
        assert!((900_000_000..1_500_000_000).contains(&bytes), "{bytes} bytes");
        assert!(references > 3 * paths.len(), "{references} references");
        let entries = fs::read_dir(root.join("nix/store")).unwrap().count();
        assert_eq!(entries, paths.len(), "the store holds the closure and nothing else");
    }
}

/// A store root that shares its files with the sample, by hard links, and can be broken without harm.
fn copy_by_links(root: &Path) -> tempfile::TempDir {
    let copy = tempfile::Builder::new().prefix(".copy").tempdir_in(root.parent().unwrap()).unwrap();
    run_ok(Path::new("cp"), &["-al", root.join("nix").to_str().unwrap(), copy.path().to_str().unwrap()]);
    // Nix writes to its own files only: those are copies.
    let state = "nix/var";
    run_ok(Path::new("rm"), &["-r", copy.path().join(state).to_str().unwrap()]);
    let from = root.join(state);
    run_ok(Path::new("cp"), &["-a", from.to_str().unwrap(), copy.path().join("nix").to_str().unwrap()]);
    copy
}

/// Removes a folder with a store in it. Only directories become writable: the files may be shared.
fn remove(folder: tempfile::TempDir) {
    let path = folder.path().to_str().unwrap();
    run_ok(Path::new("find"), &[path, "-type", "d", "-exec", "chmod", "u+w", "{}", "+"]);
    folder.close().unwrap();
}

#[test]
fn nix_itself_verifies_every_path_and_notices_a_flipped_byte() {
    let Some(nix_store) = require_tool("nix-store") else { return };
    for (_, root) in samples() {
        let copy = copy_by_links(&root);
        let store = copy.path().to_str().unwrap();
        let verify = ["--store", store, "--verify", "--check-contents"];
        run_ok(&nix_store, &verify);

        let victim = on_host(copy.path(), &format!("{}/nixos-version", toplevel(&root)));
        let mut bytes = fs::read(&victim).unwrap();
        bytes[0] ^= 1;
        let folder = victim.parent().unwrap();
        fs::set_permissions(folder, fs::Permissions::from_mode(0o755)).unwrap();
        // The file is the sample's own until it is replaced.
        fs::remove_file(&victim).unwrap();
        fs::write(&victim, bytes).unwrap();
        let judged = run(&nix_store, &verify);
        assert_eq!(judged.status.code(), Some(1));
        let complaint = String::from_utf8_lossy(&judged.stderr).into_owned();
        assert!(complaint.contains("was modified"), "{complaint}");
        remove(copy);
    }
}

/// The kernel's modules as a machine has them, in a folder of its own: modules shared by hard links,
/// lookup files copied. The folder and the kernel's release.
fn module_folder(root: &Path) -> (tempfile::TempDir, String) {
    let tree = on_host(root, &format!("{}/kernel-modules/lib/modules", toplevel(root)));
    let entry = fs::read_dir(&tree).unwrap().next().unwrap().unwrap();
    let release = entry.file_name().to_str().unwrap().to_owned();
    let kernel = format!("{}/kernel-modules/lib/modules/{release}/kernel", toplevel(root));
    let folder = tempfile::Builder::new().prefix(".modules").tempdir_in(root.parent().unwrap()).unwrap();
    let to = folder.path().join("lib/modules").join(&release);
    fs::create_dir_all(&to).unwrap();
    let to_text = to.to_str().unwrap();
    run_ok(Path::new("cp"), &["-al", on_host(root, &kernel).to_str().unwrap(), to_text]);
    for file in fs::read_dir(entry.path()).unwrap().map(|entry| entry.unwrap().path()) {
        if file.is_file() && !file.is_symlink() {
            fs::write(to.join(file.file_name().unwrap()), fs::read(&file).unwrap()).unwrap();
        }
    }
    (folder, release)
}

#[test]
fn kmod_finds_modules_by_name_and_by_device_and_notices_a_broken_index() {
    let Some(modprobe) = require_tool("modprobe") else { return };
    for (_, root) in samples() {
        let (folder, release) = module_folder(&root);
        let ask = |what: &str| {
            let words = ["-d", folder.path().to_str().unwrap(), "-S", &release, "--show-depends", what];
            run(&modprobe, &words)
        };
        let loaded = |what: &str| -> Vec<String> {
            let output = ask(what);
            assert!(output.status.success(), "{what}: {}", String::from_utf8_lossy(&output.stderr));
            let text = String::from_utf8_lossy(&output.stdout).into_owned();
            let name = |line: &str| Some(line.trim().rsplit('/').next()?.split(".ko").next()?.to_owned());
            text.lines().filter_map(name).collect()
        };
        let btrfs = loaded("btrfs");
        let place = |name: &str| btrfs.iter().position(|loaded| loaded == name).unwrap();
        assert!(place("xor") < place("btrfs") && place("raid6_pq") < place("btrfs"), "{btrfs:?}");
        // A virtio disk, and an NVMe drive by its class.
        assert_eq!(loaded("virtio:d00000002v00001AF4").last().unwrap(), "virtio_blk");
        assert_eq!(loaded("pci:v00001B36d00000010sv00001AF4sd00001100bc01sc08i02").last().unwrap(), "nvme");
        assert!(!ask("no-such-module").status.success());

        let index = folder.path().join("lib/modules").join(&release).join("modules.dep.bin");
        let mut bytes = fs::read(&index).unwrap();
        bytes[0] ^= 1;
        fs::write(&index, bytes).unwrap();
        assert!(!ask("btrfs").status.success(), "a broken index was not noticed");
        remove(folder);
    }
}

/// The lines of a lookup file, sorted; of each line its words but the first sorted too where their order
/// is free.
fn lookup_lines(folder: &Path, name: &str) -> Vec<String> {
    let text = fs::read_to_string(folder.join(name)).unwrap();
    let line = |line: &str| match line.split_once(": ") {
        Some((module, needed)) if name == "modules.dep" => {
            let mut needed: Vec<_> = needed.split(' ').collect();
            needed.sort_unstable();
            format!("{module}: {}", needed.join(" "))
        }
        _ => line.to_owned(),
    };
    let mut lines: Vec<_> = text.lines().filter(|text| !text.starts_with('#')).map(line).collect();
    lines.sort();
    lines
}

#[test]
fn depmod_says_the_same_of_every_module() {
    let Some(depmod) = require_tool("depmod") else { return };
    for (_, root) in samples() {
        let (folder, release) = module_folder(&root);
        let modules = folder.path().join("lib/modules").join(&release);
        let names = ["modules.dep", "modules.alias", "modules.symbols", "modules.softdep", "modules.devname"];
        let ours = names.map(|name| lookup_lines(&modules, name));
        for name in names {
            fs::remove_file(modules.join(name)).unwrap();
        }
        run_ok(&depmod, &["-b", folder.path().to_str().unwrap(), &release]);
        for (name, ours) in names.iter().zip(ours) {
            let theirs = lookup_lines(&modules, name);
            let differing = ours.iter().zip(&theirs).find(|(ours, theirs)| ours != theirs);
            assert!(differing.is_none(), "{name}: {differing:?}");
            assert_eq!(ours.len(), theirs.len(), "{name}");
            assert!(!ours.is_empty(), "{name}");
        }
        remove(folder);
    }
}

/// Kind, mode, time and link text of everything in a store, sorted by path. Contents are compared by
/// their archive hashes.
fn listing(store: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut pending = vec![store.to_owned()];
    while let Some(path) = pending.pop() {
        let meta = fs::symlink_metadata(&path).unwrap();
        let target = fs::read_link(&path).unwrap_or_default();
        let name = path.strip_prefix(store).unwrap();
        let size = if meta.is_file() { meta.len() } else { 0 };
        lines.push(format!("{name:?} {:o} {} {size} {target:?}", meta.mode(), meta.mtime()));
        if meta.is_dir() {
            pending.extend(fs::read_dir(&path).unwrap().map(|entry| entry.unwrap().path()));
        }
    }
    lines.sort();
    lines
}

#[test]
fn made_again_it_is_the_same() {
    let home = std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache"));
    let Some(cache) = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).or(home) else { return };
    let cache = cache.join("landfall");
    let Some((arch, root)) = samples().into_iter().next() else { return };
    let request = |out| Request { arch, out, cache: &cache, on_step: &|_| () };
    if !cache.join("deb").is_dir() || sample::current(&request(&root)).unwrap().is_none() {
        assert!(std::env::var_os("CI").is_none(), "the sample system is not current (make samples)");
        eprintln!("skipped: the sample system is not current (make samples)");
        return;
    }
    let folder = tempfile::Builder::new().prefix(".again").tempdir_in(root.parent().unwrap()).unwrap();
    let out = folder.path().join("deeper/again");
    let draft = sample::build(&request(&out)).unwrap();
    assert_eq!(draft.toplevel, toplevel(&root));
    let registration = |root: &Path| fs::read_to_string(root.join("registration")).unwrap();
    assert_eq!(registration(draft.root()), registration(&root));
    let (again, first) = (listing(&draft.root().join("nix/store")), listing(&root.join("nix/store")));
    if let Some((again, first)) = again.iter().zip(&first).find(|(again, first)| again != first) {
        panic!("made again: {again}\nat first:   {first}");
    }
    assert_eq!(again.len(), first.len());
    assert!(first.iter().skip(1).all(|line| line.contains(" 1 ")), "every time is one second");
    draft.commit().unwrap();
    remove(folder);
}

#[test]
fn a_folder_with_something_else_in_it_is_not_replaced() {
    let Some((arch, _)) = samples().into_iter().next() else { return };
    let folder = tempfile::tempdir().unwrap();
    let out = folder.path().join("mine");
    fs::create_dir(&out).unwrap();
    fs::write(out.join("letter"), "dear").unwrap();
    let cache = folder.path().join("cache");
    let request = Request { arch, out: &out, cache: &cache, on_step: &|_| () };
    let error = sample::build(&request).unwrap_err();
    assert!(error.to_string().ends_with("is neither empty nor a sample system; name another directory"));
    assert_eq!(fs::read_to_string(out.join("letter")).unwrap(), "dear");
}
