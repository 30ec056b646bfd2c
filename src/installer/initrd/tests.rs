//! A made-up system with a made-up kernel becomes an initrd.

use std::os::unix::fs::symlink;

use super::*;
use crate::fs::cpio;

const TOPLEVEL: &str = "qfqb39rgcpqmc5znkab82wdsvq3w5nav-nixos-system-made";
const MODULES: &str = "51j88jx27jx5baff7dqa55isbkzvap5z-linux-6.12-modules";

/// An ELF file with nothing but its header (and a program header that names an interpreter).
fn elf(machine: u16, interpreter: bool) -> Vec<u8> {
    let mut bytes = vec![0_u8; 64 + 56];
    bytes[..8].copy_from_slice(&[0x7f, b'E', b'L', b'F', 2, 1, 1, 0]);
    bytes[16..18].copy_from_slice(&2_u16.to_le_bytes());
    bytes[18..20].copy_from_slice(&machine.to_le_bytes());
    bytes[20..24].copy_from_slice(&1_u32.to_le_bytes());
    bytes[32..40].copy_from_slice(&64_u64.to_le_bytes());
    bytes[52..54].copy_from_slice(&64_u16.to_le_bytes());
    bytes[54..56].copy_from_slice(&56_u16.to_le_bytes());
    bytes[56..58].copy_from_slice(&1_u16.to_le_bytes());
    bytes[64..68].copy_from_slice(&if interpreter { 3_u32 } else { 1 }.to_le_bytes());
    bytes
}

const X86_64: u16 = 62;
const AARCH64: u16 = 183;

struct Made {
    folder: tempfile::TempDir,
}

impl Made {
    /// A store with a system whose kernel has these modules, all compressed, for `machine`.
    fn new(modules: &[&str], machine: u16) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let store = folder.path().join("nix/store");
        let (toplevel, kernel) = (store.join(TOPLEVEL), store.join(MODULES).join("lib/modules/6.12"));
        std::fs::create_dir_all(&toplevel).unwrap();
        std::fs::create_dir_all(&kernel).unwrap();
        symlink(format!("/nix/store/{MODULES}"), toplevel.join("kernel-modules")).unwrap();
        let own = format!("/nix/store/{TOPLEVEL}");
        let boot = format!(
            r#"{{ "org.nixos.bootspec.v1": {{ "init": "{own}/init", "initrd": "{own}/initrd", "kernel": "{own}/kernel",
               "kernelParams": [], "label": "made", "system": "x86_64-linux", "toplevel": "{own}" }} }}"#
        );
        std::fs::write(toplevel.join("boot.json"), boot).unwrap();
        let mut dep = String::new();
        for module in modules {
            let path = kernel.join(module);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            let packed = zstd::encode_all(&elf(machine, false)[..], 1).unwrap();
            std::fs::write(path, packed).unwrap();
            dep.push_str(&format!("{module}:\n"));
        }
        std::fs::write(kernel.join("modules.dep"), dep).unwrap();
        let hash = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
        let record = |name: &str, references: &[&str]| {
            let lines: String = references.iter().map(|name| format!("/nix/store/{name}\n")).collect();
            format!("/nix/store/{name}\n{}\n100\n\n{}\n{lines}", &hash[7..], references.len())
        };
        let registration = format!("{}{}", record(TOPLEVEL, &[MODULES]), record(MODULES, &[]));
        std::fs::write(folder.path().join("registration"), registration).unwrap();
        let paths = format!("/nix/store/{TOPLEVEL}\n/nix/store/{MODULES}\n");
        std::fs::write(folder.path().join("store-paths"), paths).unwrap();
        Self { folder }
    }

    fn system(&self) -> System {
        System::open(self.folder.path(), Path::new(&format!("/nix/store/{TOPLEVEL}"))).unwrap()
    }

    fn program(&self, bytes: &[u8]) -> PathBuf {
        let path = self.folder.path().join("landfall");
        std::fs::write(&path, bytes).unwrap();
        path
    }

    fn build(&self) -> Result<Vec<u8>, InitrdError> {
        build(&self.system(), &self.program(&elf(X86_64, false)))
    }
}

const ENOUGH: [&str; 5] = [
    "kernel/drivers/nvme/host/nvme.ko.zst",
    "kernel/drivers/block/loop.ko.zst",
    "kernel/fs/isofs/isofs.ko.zst",
    "kernel/fs/squashfs/squashfs.ko.zst",
    "kernel/net/ipv6/ipv6.ko.zst",
];

#[test]
fn an_initrd_holds_the_program_and_the_modules_decompressed_and_is_the_same_each_time() {
    let made = Made::new(&ENOUGH, X86_64);
    let packed = made.build().unwrap();
    assert_eq!(packed, made.build().unwrap());
    let archive = zstd::decode_all(&packed[..]).unwrap();
    let members = cpio::read(&mut &archive[..]).unwrap();
    let tree = cpio::tree(&members).unwrap();
    assert!(tree.lookup("init").is_some() && tree.lookup("dev/console").is_some());
    let module = tree.lookup("lib/modules/6.12/kernel/drivers/nvme/host/nvme.ko").unwrap();
    let Kind::File(content) = &tree.node(module).kind else { panic!("no file") };
    assert_eq!(content.to_vec().unwrap(), elf(X86_64, false));
    assert!(tree.lookup("lib/modules/6.12/kernel/net").is_none());
}

#[test]
fn a_kernel_without_modules_or_drivers_is_refused() {
    let error = Made::new(&["kernel/net/ipv6/ipv6.ko.zst"], X86_64).build().unwrap_err();
    assert!(matches!(error, InitrdError::NoStorageDrivers { .. }), "{error}");
    let made = Made::new(&ENOUGH, X86_64);
    std::fs::remove_file(
        made.folder.path().join("nix/store").join(MODULES).join("lib/modules/6.12/modules.dep"),
    )
    .unwrap();
    assert!(matches!(made.build(), Err(InitrdError::NoModules { .. })));
}

#[test]
fn what_is_for_another_machine_or_dynamic_is_refused() {
    let made = Made::new(&ENOUGH, X86_64);
    let build_with = |bytes: &[u8]| build(&made.system(), &made.program(bytes)).unwrap_err().to_string();
    let error = build_with(&elf(AARCH64, false));
    assert!(error.starts_with("wrong architecture: `"), "{error}");
    assert!(error.ends_with("is for aarch64, and the system for x86_64"), "{error}");
    assert!(build_with(&elf(X86_64, true)).contains("is linked dynamically"));
    assert!(build_with(b"#!/bin/sh\n").contains("is not an ELF file"));
    let error = Made::new(&ENOUGH, AARCH64).build().unwrap_err();
    assert!(matches!(error, InitrdError::Architecture { .. }), "{error}");
}
