//! A miniature NixOS: a store root with a system that has everything an image is made of, in about
//! 1 MB. It does not boot; kernel and boot loader are PE headers with noise behind them.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};

use landfall::store::hash::encode_nix32;
use landfall::store::{PathInfo, StorePath, database, nar};
use landfall::tree::{Tree, host_tree};
use sha2::{Digest, Sha256};
use uefi::Architecture;

/// Kernel release of the miniature system.
pub const KERNEL_RELEASE: &str = "6.12.5";
/// Its NixOS version.
pub const VERSION: &str = "25.11.20260101.abcdef";
/// Name of its one specialisation.
pub const SPECIALISATION: &str = "lab";

/// A store root in a temporary folder, with the miniature system in it.
pub struct Fixture {
    dir: tempfile::TempDir,
    /// Every path, in the order in which they were made.
    pub paths: Vec<PathInfo>,
    /// The system.
    pub toplevel: StorePath,
    /// The system of the specialisation.
    pub specialisation: StorePath,
}

impl Fixture {
    /// Makes the system. Equal arguments give equal files.
    pub fn new(architecture: Architecture) -> Self {
        let mut store = Store::new();
        let kernel_file = if architecture == Architecture::X64 { "bzImage" } else { "Image" };
        let linux = store.add(&format!("linux-{KERNEL_RELEASE}"), |dir| {
            write(dir, kernel_file, &pe_image(architecture, 300_000));
        });
        let modules = store.add(&format!("linux-{KERNEL_RELEASE}-modules"), |dir| {
            write(dir, &format!("lib/modules/{KERNEL_RELEASE}/modules.dep"), b"");
        });
        let initrd = store.add(&format!("initrd-linux-{KERNEL_RELEASE}"), |dir| {
            write(dir, "initrd", &noise("initrd", 400_000));
        });
        let systemd = store.add("systemd-257.9", |dir| {
            let boot = format!("lib/systemd/boot/efi/systemd-boot{}.efi", architecture.efi_suffix());
            write(dir, &boot, &pe_image(architecture, 100_000));
            program(dir, "lib/systemd/systemd", "the service manager");
        });
        let bash = store.add("bash-5.3", |dir| program(dir, "bin/bash", "the shell"));
        let sw = store.add("system-path", |dir| {
            fs::create_dir_all(dir.join("bin")).unwrap();
            symlink(format!("{bash}/bin/bash"), dir.join("bin/bash")).unwrap();
            symlink(format!("{systemd}/lib/systemd/systemd"), dir.join("bin/systemd")).unwrap();
        });
        let etc = store.add("etc", |dir| {
            write(dir, "etc/os-release", b"ID=nixos\nNAME=NixOS\nPRETTY_NAME=\"NixOS 25.11\"\n");
            write(dir, "etc/hostname", b"mini\n");
        });
        let secrets = store.add("append-initrd-secrets", |dir| {
            program(dir, "bin/append-initrd-secrets", &format!("#!{bash}/bin/bash\n"));
        });
        let parts = Parts { architecture, kernel_file, linux, modules, initrd, systemd, sw, etc, secrets };
        let specialisation = parts.add_toplevel(&mut store, SPECIALISATION, None);
        let toplevel = parts.add_toplevel(&mut store, "mini", Some(&specialisation));
        store.register();
        let Store { dir, paths } = store;
        Self { dir, paths, toplevel, specialisation }
    }

    /// The store root.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Where the store path `path` is on this host.
    pub fn host(&self, path: &StorePath) -> PathBuf {
        self.root().join(&path.to_string()[1..])
    }

    /// The path whose name (without hash) is `name`.
    pub fn path(&self, name: &str) -> &StorePath {
        let mut paths = self.paths.iter().map(|info| &info.path);
        paths.find(|path| path.name() == name).unwrap_or_else(|| panic!("no {name} in the fixture"))
    }
}

/// The paths that both systems are made of.
struct Parts {
    architecture: Architecture,
    kernel_file: &'static str,
    linux: StorePath,
    modules: StorePath,
    initrd: StorePath,
    systemd: StorePath,
    sw: StorePath,
    etc: StorePath,
    secrets: StorePath,
}

impl Parts {
    fn add_toplevel(&self, store: &mut Store, host: &str, specialisation: Option<&StorePath>) -> StorePath {
        store.add(&format!("nixos-system-{host}-{VERSION}"), |dir| {
            let own = format!("/nix/store/{}", dir.file_name().unwrap().to_str().unwrap());
            program(dir, "init", "#!/bin/sh\n");
            program(dir, "activate", "#!/bin/sh\n");
            for (name, target) in [
                ("kernel", format!("{}/{}", self.linux, self.kernel_file)),
                ("kernel-modules", self.modules.to_string()),
                ("initrd", format!("{}/initrd", self.initrd)),
                ("systemd", self.systemd.to_string()),
                ("sw", self.sw.to_string()),
                ("etc", format!("{}/etc", self.etc)),
                ("append-initrd-secrets", format!("{}/bin/append-initrd-secrets", self.secrets)),
            ] {
                symlink(target, dir.join(name)).unwrap();
            }
            write(dir, "kernel-params", b"loglevel=4 root=LABEL=nixos");
            write(dir, "system", self.architecture.nix_system().as_bytes());
            write(dir, "nixos-version", VERSION.as_bytes());
            write(dir, "init-interface-version", b"systemd 2");
            let mut document = self.document(&own);
            fs::create_dir(dir.join("specialisation")).unwrap();
            if let Some(child) = specialisation {
                symlink(child.to_string(), dir.join("specialisation").join(SPECIALISATION)).unwrap();
                document["org.nixos.specialisation.v1"][SPECIALISATION] = self.document(&child.to_string());
            }
            write(dir, "boot.json", serde_json::to_string(&document).unwrap().as_bytes());
        })
    }

    /// The boot specification of the system `toplevel`, without specialisations.
    fn document(&self, toplevel: &str) -> serde_json::Value {
        serde_json::json!({
            "org.nixos.bootspec.v1": {
                "system": self.architecture.nix_system(),
                "init": format!("{toplevel}/init"),
                "initrd": format!("{}/initrd", self.initrd),
                "kernel": format!("{}/{}", self.linux, self.kernel_file),
                "kernelParams": ["loglevel=4", "root=LABEL=nixos"],
                "label": format!("NixOS Xantusia {VERSION} (Linux {KERNEL_RELEASE})"),
                "toplevel": toplevel,
            },
            "org.nixos.specialisation.v1": {},
            "org.nixos.systemd-boot": { "sortKey": "nixos" },
        })
    }
}

/// A store root that grows.
pub struct Store {
    dir: tempfile::TempDir,
    /// What was added.
    pub paths: Vec<PathInfo>,
}

impl Store {
    /// A store root without paths.
    pub fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("nix/store")).unwrap();
        Self { dir, paths: Vec::new() }
    }

    /// The store root.
    pub fn root(&self) -> &Path {
        self.dir.path()
    }

    /// Adds the path `name`, whose folder `build` fills. References are found as Nix finds them: by the
    /// hash parts of earlier paths, and its own, in the archive.
    pub fn add(&mut self, name: &str, build: impl FnOnce(&Path)) -> StorePath {
        let digest = Sha256::digest(name);
        let path = StorePath::from_base_name(&format!("{}-{name}", encode_nix32(&digest[..20]))).unwrap();
        let folder = self.dir.path().join(&path.to_string()[1..]);
        fs::create_dir(&folder).unwrap();
        build(&folder);
        let tree = host_tree(&folder).unwrap();
        let mut archive = Vec::new();
        nar::write(&tree, Tree::ROOT, &mut archive).unwrap();
        let holds = |path: &&StorePath| {
            let needle = path.hash_part().as_bytes();
            archive.windows(needle.len()).any(|window| window == needle)
        };
        let known = self.paths.iter().map(|info| &info.path).chain([&path]);
        let references = known.filter(holds).cloned().collect();
        let digested = nar::hash(&tree, Tree::ROOT).unwrap();
        self.paths.push(PathInfo::new(path.clone(), digested.hash, digested.size, references));
        path
    }

    /// Writes the database.
    pub fn register(&self) {
        register(self.root(), &self.paths);
    }
}

fn register(root: &Path, paths: &[PathInfo]) {
    write(root, database::DATABASE_FILE, &database::encode(paths).unwrap());
    write(root, database::SCHEMA_FILE, database::SCHEMA_VERSION.to_string().as_bytes());
}

/// Writes a file and the folders above it.
pub fn write(dir: &Path, path: &str, content: &[u8]) {
    let path = dir.join(path);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

fn program(dir: &Path, path: &str, content: &str) {
    write(dir, path, content.as_bytes());
    fs::set_permissions(dir.join(path), fs::Permissions::from_mode(0o755)).unwrap();
}

/// `length` bytes that look like a PE image for `architecture` and do not compress.
pub fn pe_image(architecture: Architecture, length: usize) -> Vec<u8> {
    let mut image = noise(architecture.kernel_name(), length);
    image[..2].copy_from_slice(b"MZ");
    image[0x3c..0x40].copy_from_slice(&0x80_u32.to_le_bytes());
    image[0x80..0x84].copy_from_slice(b"PE\0\0");
    image[0x84..0x86].copy_from_slice(&architecture.pe_machine().to_le_bytes());
    image
}

/// `length` bytes that follow from `name` and have no pattern.
pub fn noise(name: &str, length: usize) -> Vec<u8> {
    let blocks = (0_u32..).flat_map(|block| Sha256::digest(format!("{name} {block}")).to_vec());
    blocks.take(length).collect()
}
