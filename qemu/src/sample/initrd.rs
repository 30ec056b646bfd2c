//! The initrd: a script run by busybox, the device manager, what joins and opens devices, and modules.
//!
//! It brings its programs with their libraries in the places they were built for, so nothing of the store
//! is needed before the root is mounted; and it mentions no store path, so that it refers to nothing.

use std::path::Path;

use crate::Architecture;

use super::cpio::Cpio;
use super::elf::needed_libraries;
use super::modules::Modules;
use super::package::Packages;
use super::store::Store;
use super::{SampleError, files, recipe};

/// What runs first.
const SCRIPT: &str = include_str!("files/initrd.sh");

/// zstd level: the kernel unpacks any level equally fast, and past this one little is gained for much time.
const COMPRESSION_LEVEL: i32 = 9;

/// Directories that the script mounts or fills.
const DIRECTORIES: [&str; 8] = ["dev", "proc", "run", "sys", "sysroot", "peek", "tmp", "etc/luks-keys"];

/// Enough of an account database for the device rules that name groups.
const GROUPS: &str = "root:x:0:\ntty:x:5:\ndisk:x:6:\nlp:x:7:\nkmem:x:15:\ndialout:x:20:\ncdrom:x:24:\n\
    floppy:x:25:\ntape:x:26:\naudio:x:29:\nvideo:x:44:\n";

/// A text that changes with what is written here.
pub(super) fn fingerprint() -> String {
    format!("{:?}", (SCRIPT, DIRECTORIES, GROUPS, COMPRESSION_LEVEL))
}

/// Everything an initrd is made of.
pub(super) struct Initrd<'a> {
    /// The machine type.
    pub(super) arch: Architecture,
    /// The store so far.
    pub(super) store: &'a Store,
    /// Where programs and libraries come from.
    pub(super) packages: &'a Packages,
    /// The kernel's modules, all of them.
    pub(super) modules: &'a Modules,
    /// The kernel's version.
    pub(super) version: &'a str,
}

impl Initrd<'_> {
    /// The compressed archive.
    pub(super) fn build(&self) -> Result<Vec<u8>, SampleError> {
        let mut cpio = Cpio::default();
        for directory in DIRECTORIES {
            cpio.directory(directory);
        }
        for (name, target) in
            [("bin", "usr/bin"), ("sbin", "usr/sbin"), ("lib", "usr/lib"), ("lib64", "usr/lib64")]
        {
            cpio.link(name, target);
        }
        cpio.program("init", SCRIPT.into());
        cpio.file("etc/group", GROUPS.into());
        cpio.file("etc/passwd", "root:x:0:0:root:/root:/bin/sh\n".into());
        // Arrays keep their names wherever they were made.
        cpio.file("etc/mdadm/mdadm.conf", "HOMEHOST <ignore>\n".into());
        self.add_programs(&mut cpio)?;
        self.add_rules(&mut cpio)?;
        self.add_modules(&mut cpio)?;
        zstd::bulk::compress(&cpio.encode(), COMPRESSION_LEVEL)
            .map_err(SampleError::io("compressing", Path::new("initrd")))
    }

    fn add_programs(&self, cpio: &mut Cpio) -> Result<(), SampleError> {
        self.add_file(cpio, "bin/busybox")?;
        for applet in recipe::INITRD_APPLETS {
            cpio.link(&format!("usr/bin/{applet}"), "busybox");
        }
        for program in recipe::INITRD_PROGRAMS {
            self.add_file(cpio, program)?;
        }
        for library in recipe::INITRD_LIBRARIES {
            self.add_library(cpio, library)?;
        }
        self.add_file(cpio, self.arch.dynamic_linker())
    }

    /// Adds a file of a package, with the libraries it needs. A link brings what it leads to.
    fn add_file(&self, cpio: &mut Cpio, location: &str) -> Result<(), SampleError> {
        let name = format!("usr/{location}");
        if cpio.has(&name) {
            return Ok(());
        }
        let path = self.store.on_host(&self.packages.file(location)?);
        let resolved = path.canonicalize().map_err(SampleError::io("resolving", &path))?;
        let content = files::read(&resolved)?;
        let libraries = needed_libraries(&content)
            .map_err(|e| SampleError::Elf { path: resolved, reason: e.to_string() })?;
        cpio.program(&name, content);
        libraries.iter().try_for_each(|library| self.add_library(cpio, library))
    }

    /// Adds a library by the name that programs know it by.
    fn add_library(&self, cpio: &mut Cpio, name: &str) -> Result<(), SampleError> {
        let linker = self.arch.dynamic_linker();
        if linker.ends_with(name) {
            return self.add_file(cpio, linker);
        }
        let folder = format!("lib/{}", self.arch.triplet());
        let places = [format!("{folder}/{name}"), format!("{folder}/systemd/{name}")];
        let found = places.iter().find(|place| self.packages.file(place).is_ok());
        let found = found.ok_or_else(|| SampleError::NoFile(name.to_owned()))?;
        self.add_file(cpio, found)
    }

    fn add_rules(&self, cpio: &mut Cpio) -> Result<(), SampleError> {
        for rule in recipe::INITRD_RULES {
            let location = format!("lib/udev/rules.d/{rule}");
            let content = files::read(&self.store.on_host(&self.packages.file(&location)?))?;
            cpio.file(&format!("usr/{location}"), content);
        }
        Ok(())
    }

    /// Adds modules without compression of their own: the whole archive compresses better.
    fn add_modules(&self, cpio: &mut Cpio) -> Result<(), SampleError> {
        let folder = format!("usr/lib/modules/{}", self.version);
        let modules = self.modules.subset(&|module| recipe::in_initrd(&module.path));
        for module in modules.iter() {
            cpio.file(&format!("{folder}/{}", module.path), modules.content(module)?);
        }
        for (name, content) in modules.indexes()? {
            cpio.file(&format!("{folder}/{name}"), content);
        }
        Ok(())
    }
}
