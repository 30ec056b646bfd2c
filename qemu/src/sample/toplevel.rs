//! The toplevel: the store path that *is* the system, laid out as NixOS lays it out.
//!
//! Layout and names: nixpkgs `nixos/modules/system/activation/top-level.nix`; `boot.json`: RFC 125.

use std::path::Path;

use serde_json::{Value, json};

use crate::Architecture;

use super::store::Store;
use super::{SampleError, files, recipe};

/// Programs of the toplevel: place and text, in which [`BUSYBOX`] and [`TOPLEVEL`] stand for paths.
const PROGRAMS: [(&str, &str); 3] = [
    ("activate", include_str!("files/activate.sh")),
    ("bin/switch-to-configuration", include_str!("files/switch-to-configuration.sh")),
    ("init", include_str!("files/init.sh")),
];

/// Stands for the shell that runs before `/bin/sh` is there.
const BUSYBOX: &str = "@busybox@";

/// Stands for the toplevel's own path.
const TOPLEVEL: &str = "@toplevel@";

/// Which version of the interface between `switch-to-configuration` and PID 1 this is: NixOS's own number.
const INIT_INTERFACE: &str = "systemd 2";

/// What a toplevel is made of: store paths, and a few words.
#[derive(Clone, Debug)]
pub(super) struct Toplevel {
    /// The machine type.
    pub(super) arch: Architecture,
    /// The version that `nixos-version` gives.
    pub(super) version: String,
    /// The kernel's version, as `uname -r` prints it.
    pub(super) kernel_version: String,
    /// The static shell.
    pub(super) busybox: String,
    /// The kernel's file.
    pub(super) kernel: String,
    /// The initrd's file.
    pub(super) initrd: String,
    /// The tree that has `lib/modules`.
    pub(super) modules: String,
    /// The package that has PID 1 and the boot loader.
    pub(super) systemd: String,
    /// The tree of all programs, `/usr`.
    pub(super) software: String,
    /// The tree of the configuration, `/etc`.
    pub(super) etc: String,
    /// The name of this specialisation, when it is one.
    pub(super) specialisation: Option<&'static str>,
}

/// A text that changes with the programs.
pub(super) fn fingerprint() -> String {
    format!("{:?}", (PROGRAMS, INIT_INTERFACE))
}

/// A specialisation: its name, store path and boot document.
#[derive(Clone, Debug)]
pub(super) struct Child {
    name: &'static str,
    path: String,
    document: Value,
}

impl Toplevel {
    /// Makes the store path; with `child` as its one specialisation.
    pub(super) fn build(&self, store: &mut Store, child: Option<&Child>) -> Result<String, SampleError> {
        let name = format!("nixos-system-landfall-sample-{}", self.version);
        store.add_self_referring(&name, &|at, own| self.fill(at, own, child))
    }

    /// This toplevel, which became the store path `path`, as a specialisation of another.
    pub(super) fn as_child(&self, name: &'static str, path: String) -> Child {
        let document = self.boot_document(&path, None);
        Child { name, path, document }
    }

    fn fill(&self, at: &Path, own: &str, child: Option<&Child>) -> Result<(), SampleError> {
        for (place, text) in PROGRAMS {
            let text = text.replace(BUSYBOX, &self.busybox).replace(TOPLEVEL, own);
            files::write_program(&at.join(place), text)?;
        }
        let links = [
            ("etc", format!("{}/etc", self.etc)),
            ("firmware", format!("{}/lib/firmware", self.software)),
            ("initrd", self.initrd.clone()),
            ("kernel", self.kernel.clone()),
            ("kernel-modules", self.modules.clone()),
            ("sw", self.software.clone()),
            ("systemd", self.systemd.clone()),
        ];
        for (place, target) in links {
            files::link(target, &at.join(place))?;
        }
        let texts = [
            ("extra-dependencies", ""),
            ("init-interface-version", INIT_INTERFACE),
            ("kernel-params", &self.parameters().join(" ")),
            ("nixos-version", &self.version),
            ("system", self.arch.nix_system()),
            ("boot.json", &format!("{:#}\n", self.boot_document(own, child))),
        ];
        for (place, text) in texts {
            files::write(&at.join(place), text)?;
        }
        if let Some(name) = self.specialisation {
            files::write(&at.join("specialisation-name"), format!("{name}\n"))?;
        }
        files::make_directory(&at.join("specialisation"))?;
        child.map_or(Ok(()), |child| files::link(&child.path, &at.join("specialisation").join(child.name)))
    }

    fn parameters(&self) -> Vec<String> {
        let mut parameters = recipe::kernel_parameters(self.arch);
        parameters.extend(self.specialisation.map(|name| format!("landfall.specialisation={name}")));
        parameters
    }

    /// The boot document: what a boot loader needs to know of the toplevel at `own`.
    fn boot_document(&self, own: &str, child: Option<&Child>) -> Value {
        let mut specialisations = serde_json::Map::new();
        if let Some(child) = child {
            specialisations.insert(child.name.to_owned(), child.document.clone());
        }
        json!({
            "org.nixos.bootspec.v1": {
                "init": format!("{own}/init"),
                "initrd": self.initrd,
                "kernel": self.kernel,
                "kernelParams": self.parameters(),
                "label": format!("{} {} (Linux {})", recipe::DISTRIBUTION, self.version, self.kernel_version),
                "system": self.arch.nix_system(),
                "toplevel": own,
            },
            "org.nixos.specialisation.v1": specialisations,
            "org.nixos.systemd-boot": { "sortKey": "nixos" },
        })
    }
}
