//! From a system in a store to the trees of its boot partitions.

use std::fs;
use std::num::NonZeroU32;

use landfall::boot::entry::Convention;
use landfall::boot::esp::{BootTrees, EspOptions, Placement, boot_trees};
use landfall::boot::inventory::BootInventory;
use landfall::boot::{Bootspec, Generation};
use landfall::error::chain;
use landfall::store::{Source, StorePath};
use landfall::timestamp::Timestamp;
use landfall::tree::{Kind, Metadata, Tree};
use sha2::{Digest, Sha256};
use uefi::Architecture;
use uefi::loader::{Entry, Key, LoaderConf, Timeout};

use crate::fixture::{Fixture, KERNEL_RELEASE, SPECIALISATION, VERSION, noise, pe_image, write};

/// 2026-01-02T03:04:05Z.
const TIME: Timestamp = Timestamp::seconds(1_767_323_045);

fn generation(fixture: &Fixture) -> (Source, Generation) {
    let source = Source::open(fixture.root()).unwrap();
    let generation = Generation::read(&source, &fixture.toplevel, NonZeroU32::MIN).unwrap();
    (source, generation)
}

fn trees(fixture: &Fixture, options: &EspOptions) -> BootTrees {
    let (source, generation) = generation(fixture);
    boot_trees(&source, &[generation], options).unwrap()
}

/// Paths of all files of a tree.
fn files(tree: &Tree) -> Vec<String> {
    let files = tree.walk().filter(|(_, id)| matches!(tree.node(*id).kind, Kind::File(_)));
    files.map(|(path, _)| String::from_utf8(path).unwrap()).collect()
}

fn bytes(tree: &Tree, path: &str) -> Vec<u8> {
    let id = tree.lookup(path).unwrap_or_else(|| panic!("no {path}"));
    let Kind::File(content) = &tree.node(id).kind else { panic!("{path} is no file") };
    content.to_vec().unwrap()
}

fn text(tree: &Tree, path: &str) -> String {
    String::from_utf8(bytes(tree, path)).unwrap()
}

#[test]
fn the_esp_holds_what_bootctl_and_nixos_leave_there() {
    for (architecture, kernel) in [(Architecture::X64, "bzImage"), (Architecture::Aa64, "Image")] {
        let fixture = Fixture::new(architecture);
        let BootTrees { esp, xbootldr, default_entry, .. } = trees(&fixture, &EspOptions::nixos(TIME));
        assert!(xbootldr.is_none());
        let linux = fixture.path(&format!("linux-{KERNEL_RELEASE}")).base_name();
        let initrd = fixture.path(&format!("initrd-linux-{KERNEL_RELEASE}")).base_name();
        let mut expected = [
            format!("EFI/BOOT/{}", architecture.removable_media_file()),
            format!("EFI/nixos/{initrd}-initrd.efi"),
            format!("EFI/nixos/{linux}-{kernel}.efi"),
            format!("EFI/systemd/systemd-boot{}.efi", architecture.efi_suffix()),
            "loader/entries/nixos-generation-1-specialisation-lab.conf".to_owned(),
            "loader/entries/nixos-generation-1.conf".to_owned(),
            "loader/entries.srel".to_owned(),
            "loader/loader.conf".to_owned(),
        ];
        let mut found = files(&esp);
        expected.sort();
        found.sort();
        assert_eq!(found, expected);
        assert!(esp.lookup("EFI/Linux").is_some());
        assert_eq!(text(&esp, "loader/entries.srel"), "type1\n");
        assert_eq!(default_entry, "nixos-generation-1.conf");
        assert_eq!(
            text(&esp, "loader/loader.conf"),
            "timeout 5\ndefault nixos-generation-1.conf\nconsole-mode keep\n"
        );
        let loader = pe_image(architecture, 100_000);
        assert_eq!(bytes(&esp, &format!("EFI/BOOT/{}", architecture.removable_media_file())), loader);
        assert_eq!(bytes(&esp, &format!("EFI/nixos/{initrd}-initrd.efi")), noise("initrd", 400_000));
        let times: Vec<_> = esp.nodes().map(|(_, node)| node.metadata.modified).collect();
        assert!(times.iter().all(|time| *time == TIME));
    }
}

#[test]
fn entries_name_files_that_are_there_and_the_system_they_boot() {
    let fixture = Fixture::new(Architecture::X64);
    let BootTrees { esp, .. } = trees(&fixture, &EspOptions::nixos(TIME));
    let cases = [
        ("nixos-generation-1.conf", "NixOS", &fixture.toplevel),
        ("nixos-generation-1-specialisation-lab.conf", "NixOS (lab)", &fixture.specialisation),
    ];
    for (name, title, toplevel) in cases {
        let entry = Entry::parse(&text(&esp, &format!("loader/entries/{name}")));
        assert_eq!(entry.first(&Key::Title), Some(title));
        assert_eq!(entry.options(), format!("init={toplevel}/init loglevel=4 root=LABEL=nixos"));
        let version =
            format!("Generation 1 NixOS Xantusia {VERSION} (Linux {KERNEL_RELEASE}), built on 2026-01-02");
        assert_eq!(entry.first(&Key::Version), Some(version.as_str()));
        assert_eq!(entry.first(&Key::MachineId), None);
        assert_eq!(entry.files().count(), 2);
        for file in entry.files() {
            assert!(esp.lookup(file).is_some(), "{name} names {file}");
        }
    }
}

#[test]
fn hashed_entries_are_named_by_their_bytes_and_preferred_while_they_are_counted() {
    let fixture = Fixture::new(Architecture::X64);
    for tries in [None, Some(3)] {
        let options = EspOptions { convention: Convention::Hashed { tries }, ..EspOptions::nixos(TIME) };
        let BootTrees { esp, roots, default_entry, .. } = trees(&fixture, &options);
        let entries: Vec<_> =
            files(&esp).into_iter().filter(|file| file.starts_with("loader/entries/")).collect();
        assert_eq!(entries.len(), 2);
        let counter = tries.map(|tries| format!("+{tries}")).unwrap_or_default();
        for file in &entries {
            let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(bytes(&esp, file)));
            assert_eq!(*file, format!("loader/entries/nixos-{digest}{counter}.conf"));
        }
        let conf = LoaderConf::parse(&text(&esp, "loader/loader.conf"));
        if tries.is_some() {
            assert_eq!(
                (conf.preferred.as_deref(), conf.default.as_deref()),
                (Some(&*default_entry), Some("nixos-*"))
            );
        } else {
            assert_eq!((conf.preferred, conf.default.as_deref()), (None, Some(&*default_entry)));
        }
        assert!(roots.of(&format!("loader/entries/{default_entry}")).count() == 1);
        assert_eq!(roots.stale(files(&esp).iter().map(String::as_str)), Vec::<&str>::new());
    }
}

#[test]
fn initrds_that_get_secrets_are_named_by_both_parts_in_the_hashed_convention() {
    let fixture = Fixture::new(Architecture::X64);
    change_boot_json(&fixture, &fixture.toplevel, |document| {
        let secrets = format!("{}/append-initrd-secrets", fixture.toplevel);
        document["org.nixos.bootspec.v1"]["initrdSecrets"] = secrets.into();
    });
    let options = EspOptions { convention: Convention::Hashed { tries: None }, ..EspOptions::nixos(TIME) };
    let BootTrees { esp, default_entry, .. } = trees(&fixture, &options);
    let entry = Entry::parse(&text(&esp, &format!("loader/entries/{default_entry}")));
    let initrd = fixture.path(&format!("initrd-linux-{KERNEL_RELEASE}")).base_name();
    let secrets = fixture.path("append-initrd-secrets").base_name();
    let parts = format!("EFI/nixos/{initrd}-initrd.efi\nEFI/nixos/{secrets}-append-initrd-secrets.efi");
    let digest = data_encoding::HEXLOWER.encode(&Sha256::digest(parts));
    assert_eq!(entry.first(&Key::Initrd), Some(&*format!("/EFI/nixos/{digest}-initrd.efi")));
}

#[test]
fn a_partition_of_its_own_takes_entries_and_kernels() {
    let fixture = Fixture::new(Architecture::X64);
    let timeout = Timeout::MenuForce;
    let options = EspOptions {
        placement: Placement::Xbootldr,
        timeout,
        editor: Some(false),
        ..EspOptions::nixos(TIME)
    };
    let BootTrees { esp, xbootldr, .. } = trees(&fixture, &options);
    assert_eq!(
        files(&esp),
        ["EFI/BOOT/BOOTX64.EFI", "EFI/systemd/systemd-bootx64.efi", "loader/loader.conf"]
    );
    let conf = "timeout menu-force\ndefault nixos-generation-1.conf\neditor 0\nconsole-mode keep\n";
    assert_eq!(text(&esp, "loader/loader.conf"), conf);
    let partition = xbootldr.unwrap();
    assert_eq!(files(&partition).len(), 5);
    let entry = Entry::parse(&text(&partition, "loader/entries/nixos-generation-1.conf"));
    assert!(entry.files().all(|file| partition.lookup(file).is_some()));
}

#[test]
fn a_kernel_built_twice_is_on_the_partition_once() {
    let fixture = Fixture::new(Architecture::X64);
    // Another store path with the same kernel, and another initrd, for the specialisation.
    let other = fixture.root().join("nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-rebuilt");
    write(&other, "bzImage", &pe_image(Architecture::X64, 300_000));
    write(&other, "initrd", &noise("other initrd", 400_000));
    change_boot_json(&fixture, &fixture.toplevel, |document| {
        let lab = &mut document["org.nixos.specialisation.v1"][SPECIALISATION]["org.nixos.bootspec.v1"];
        lab["kernel"] = "/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-rebuilt/bzImage".into();
        lab["initrd"] = "/nix/store/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-rebuilt/initrd".into();
    });
    let BootTrees { esp, roots, .. } = trees(&fixture, &EspOptions::nixos(TIME));
    let linux = format!("EFI/nixos/{}-bzImage.efi", fixture.path("linux-6.12.5").base_name());
    let kept: Vec<_> = files(&esp).into_iter().filter(|file| file.starts_with("EFI/nixos/")).collect();
    assert_eq!(kept.len(), 3);
    let lab = Entry::parse(&text(&esp, "loader/entries/nixos-generation-1-specialisation-lab.conf"));
    assert_eq!(lab.first(&Key::Linux), Some(&*format!("/{linux}")));
    assert_eq!(roots.of(&linux).count(), 2);
    let other = "EFI/nixos/nqxa5k8g6ny7l8ckvlpnxs4796chcyw8-rebuilt-initrd.efi";
    assert_eq!(roots.of(other).map(|root| root.specialisation.as_deref()).collect::<Vec<_>>(), [Some("lab")]);
}

#[test]
fn a_system_from_before_boot_documents_gets_one_only_where_asked() {
    let fixture = Fixture::new(Architecture::Aa64);
    let (source, with_document) = generation(&fixture);
    for path in [&fixture.toplevel, &fixture.specialisation] {
        fs::remove_file(fixture.host(path).join("boot.json")).unwrap();
    }
    let error = Generation::read(&source, &fixture.toplevel, NonZeroU32::MIN).unwrap_err();
    assert_eq!(error.to_string(), format!("`{}` is not a system: it has no `boot.json`", fixture.toplevel));
    let made_up = Generation::read_or_synthesise(&source, &fixture.toplevel, NonZeroU32::MIN).unwrap();
    let (mut made_up, written) = (made_up.bootspec, with_document.bootspec);
    let lab = &made_up.specialisations[SPECIALISATION];
    assert_eq!(lab.boot.init, written.specialisations[SPECIALISATION].boot.init);
    // The links say nothing of the distribution's code name, but of an appender of secrets.
    assert_eq!(made_up.boot.label, format!("NixOS {VERSION} (Linux {KERNEL_RELEASE})"));
    assert_eq!(made_up.boot.initrd_secrets, Some(format!("{}/append-initrd-secrets", fixture.toplevel)));
    made_up.boot.label.clone_from(&written.boot.label);
    made_up.boot.initrd_secrets = None;
    assert_eq!(made_up.boot, written.boot);
}

/// Changes the boot document of `toplevel` behind the store's back.
fn change_boot_json(fixture: &Fixture, toplevel: &StorePath, change: impl FnOnce(&mut serde_json::Value)) {
    let file = fixture.host(toplevel).join("boot.json");
    let mut document = serde_json::from_str(&fs::read_to_string(&file).unwrap()).unwrap();
    change(&mut document);
    fs::write(file, document.to_string()).unwrap();
}

/// What goes wrong, cause and all, when the ESP of a changed fixture is made.
fn boot_error(change: impl FnOnce(&Fixture)) -> (Fixture, String) {
    let fixture = Fixture::new(Architecture::X64);
    change(&fixture);
    let source = Source::open(fixture.root()).unwrap();
    let message = match Generation::read(&source, &fixture.toplevel, NonZeroU32::MIN) {
        Err(error) => chain(&error),
        Ok(generation) => chain(&boot_trees(&source, &[generation], &EspOptions::nixos(TIME)).unwrap_err()),
    };
    (fixture, message)
}

#[test]
fn what_does_not_boot_is_refused_by_name() {
    let (fixture, message) = boot_error(|fixture| {
        fs::write(fixture.host(&fixture.toplevel).join("boot.json"), "{\"org.nixos.bootspec.v2\": {}}")
            .unwrap();
    });
    let toplevel = &fixture.toplevel;
    let expected = "does not say how to boot the system: it has no `org.nixos.bootspec.v1`";
    assert_eq!(message, format!("`{toplevel}/boot.json` {expected}"));

    let (_, message) = boot_error(|fixture| {
        change_boot_json(fixture, &fixture.toplevel, |document| {
            document["org.nixos.bootspec.v1"]["system"] = "riscv64-linux".into();
        });
    });
    assert_eq!(
        message,
        format!("`{toplevel}` is for `riscv64-linux`; x86_64-linux and aarch64-linux can be made to boot")
    );

    let (fixture, message) = boot_error(|fixture| {
        fs::remove_file(fixture.host(fixture.path("initrd-linux-6.12.5")).join("initrd")).unwrap();
    });
    let initrd = format!("{}/initrd", fixture.path("initrd-linux-6.12.5"));
    let root = fs::canonicalize(fixture.root()).unwrap();
    let root = root.display();
    assert_eq!(
        message,
        format!(
            "`{toplevel}` needs `{initrd}` to boot: `{initrd}` does not exist in the store root `{root}`"
        )
    );

    let (_, message) = boot_error(|fixture| {
        write(fixture.root(), "boot/vmlinuz", b"");
        change_boot_json(fixture, &fixture.toplevel, |document| {
            document["org.nixos.bootspec.v1"]["kernel"] = "/boot/vmlinuz".into();
        });
    });
    assert_eq!(
        message,
        format!(
            "`{toplevel}` boots `/boot/vmlinuz`, which is outside of the store: `/boot/vmlinuz` is not a store \
             path: it is not below /nix/store"
        )
    );
}

#[test]
fn a_boot_loader_or_kernel_that_cannot_start_is_refused_by_name() {
    let efi = |fixture: &Fixture, suffix: &str| {
        let folder = fixture.host(fixture.path("systemd-257.9")).join("lib/systemd/boot/efi");
        folder.join(format!("systemd-boot{suffix}.efi"))
    };
    let (fixture, message) =
        boot_error(|fixture| fs::rename(efi(fixture, "x64"), efi(fixture, "aa64")).unwrap());
    let systemd = fixture.path("systemd-257.9");
    let missing = format!(
        "`{systemd}` has no boot loader for x86_64: `lib/systemd/boot/efi/systemd-bootx64.efi` is missing"
    );
    let way_out = "build systemd with its boot loader (`withBootloader`)";
    assert_eq!(message, format!("{missing} (there is one for aarch64); {way_out}"));
    let (_, message) = boot_error(|fixture| fs::remove_file(efi(fixture, "x64")).unwrap());
    assert_eq!(message, format!("{missing}; {way_out}"));

    let (_, message) = boot_error(|fixture| {
        fs::write(efi(fixture, "x64"), pe_image(Architecture::Aa64, 5000)).unwrap();
    });
    let toplevel = &fixture.toplevel;
    let file = format!("{systemd}/lib/systemd/boot/efi/systemd-bootx64.efi");
    assert_eq!(message, format!("`{file}` is for aarch64, but `{toplevel}` is a system for x86_64"));

    let (_, message) = boot_error(|fixture| {
        fs::remove_file(fixture.host(&fixture.toplevel).join("systemd")).unwrap();
    });
    assert_eq!(message, format!("`{toplevel}` has no link `systemd`, so there is no boot loader to install"));

    let (fixture, message) = boot_error(|fixture| {
        fs::write(fixture.host(fixture.path("linux-6.12.5")).join("bzImage"), b"\x7fELF").unwrap();
    });
    let kernel = format!("{}/bzImage", fixture.path("linux-6.12.5"));
    assert_eq!(
        message,
        format!("`{kernel}` is not an EFI program; the kernel of `{toplevel}` must be built with EFI_STUB")
    );
}

#[test]
fn a_boot_document_keeps_what_it_does_not_know() {
    let fixture = Fixture::new(Architecture::X64);
    let file = fixture.host(&fixture.toplevel).join("boot.json");
    let text = fs::read_to_string(file).unwrap();
    let spec = Bootspec::parse(&text).unwrap();
    assert_eq!(spec.to_json(), {
        let mut document: serde_json::Value = serde_json::from_str(&text).unwrap();
        let lab = &mut document["org.nixos.specialisation.v1"][SPECIALISATION];
        lab["org.nixos.specialisation.v1"] = serde_json::json!({});
        document
    });
}

#[test]
fn the_same_system_in_another_folder_gives_the_same_partition() {
    let (one, two) = (Fixture::new(Architecture::X64), Fixture::new(Architecture::X64));
    assert_ne!(one.root(), two.root());
    let dump = |fixture: &Fixture| {
        let BootTrees { esp, .. } = trees(fixture, &EspOptions::nixos(TIME));
        files(&esp).into_iter().map(|file| (bytes(&esp, &file), file)).collect::<Vec<_>>()
    };
    assert!(dump(&one) == dump(&two));
}

#[test]
fn what_we_put_on_a_partition_is_what_we_find_there() {
    let fixture = Fixture::new(Architecture::Aa64);
    for placement in [Placement::Esp, Placement::Xbootldr] {
        let options = EspOptions { placement, ..EspOptions::nixos(TIME) };
        let BootTrees { esp, xbootldr, default_entry, .. } = trees(&fixture, &options);
        let inventory = BootInventory::read(&esp, xbootldr.as_ref()).unwrap();
        let loaders: Vec<_> =
            inventory.loaders.iter().map(|loader| (&*loader.path, loader.architecture)).collect();
        let machine = Some(Architecture::Aa64);
        assert_eq!(
            loaders,
            [("EFI/BOOT/BOOTAA64.EFI", machine), ("EFI/systemd/systemd-bootaa64.efi", machine)]
        );
        assert_eq!(inventory.entries.len(), 2);
        assert!(inventory.entries.iter().all(|entry| entry.missing.is_empty()));
        assert_eq!(inventory.default_entry().map(|entry| entry.name.id()), Some(default_entry));
    }
}

#[test]
fn an_entry_whose_kernel_is_gone_is_found_out() {
    let fixture = Fixture::new(Architecture::X64);
    let BootTrees { esp, .. } = trees(&fixture, &EspOptions::nixos(TIME));
    let folder = Metadata::root(0o755);
    let mut damaged = Tree::new(folder.clone());
    for (path, id) in esp.walk() {
        let path = String::from_utf8(path).unwrap();
        // As Windows writes it.
        let path = path.replace("loader/entries", "LOADER/Entries");
        if matches!(esp.node(id).kind, Kind::File(_)) && !path.contains("bzImage") {
            damaged.insert(&path, esp.node(id).clone(), &folder).unwrap();
        }
    }
    let inventory = BootInventory::read(&damaged, None).unwrap();
    assert_eq!(inventory.entries.len(), 2);
    let linux = fixture.path("linux-6.12.5").base_name();
    for entry in inventory.entries {
        assert_eq!(entry.missing, [format!("/EFI/nixos/{linux}-bzImage.efi")]);
    }
}
