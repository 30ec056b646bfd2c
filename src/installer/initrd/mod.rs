//! The initrd: this program as `/init`, and modules of the kernel that the installed system will run.
//!
//! ```text
//! /init                             landfall, static
//! /dev/console                      for messages before there is a device manager
//! /lib/modules/VERSION/kernel/…     modules, decompressed once, with what they need
//! /lib/modules/VERSION/modules.dep, .alias, .softdep, .builtin      modules.dep(5), reduced
//! ```
//!
//! A pure function of the system and the program: same inputs, same bytes. Nothing in it depends on a
//! layout or a medium.

mod compressed;
mod drivers;
mod error;
mod index;
mod program;

use std::io::Write as _;
use std::path::{Path, PathBuf};

pub use error::InitrdError;

use crate::error::IoError;
use crate::files;
use crate::fs::cpio;
use crate::image::System;
use crate::store::Source;
use crate::tree::{Content, DeviceNumber, Kind, Metadata, Node, Tree};
use index::Index;

/// How hard the archive is compressed: past this level little is gained for much time.
const COMPRESSION_LEVEL: i32 = 15;

/// Folders that the installer mounts onto or fills.
const FOLDERS: [&str; 8] = ["dev", "etc", "mnt", "proc", "root", "run", "sys", "tmp"];

/// The initrd for installing `system`, compressed with zstd, which every kernel of a NixOS that has boot
/// documents unpacks. `program` is this program, linked statically for the system's architecture.
///
/// # Errors
///
/// When `program` is not such a program, when the system's kernel has no modules or none for disks.
pub fn build(system: &System, program: &Path) -> Result<Vec<u8>, InitrdError> {
    let tree = tree(system, program)?;
    let mut packed = Vec::new();
    let failed = |source| InitrdError::from(IoError::new("compressing", "the initrd", source));
    let mut encoder = zstd::Encoder::new(&mut packed, COMPRESSION_LEVEL).map_err(failed)?;
    cpio::write(&tree, &mut encoder)?;
    encoder.finish().map_err(failed)?.flush().map_err(failed)?;
    Ok(packed)
}

/// What is in the initrd.
///
/// # Errors
///
/// As [`build`].
pub fn tree(system: &System, program: &Path) -> Result<Tree, InitrdError> {
    tree_with(system, program, &[])
}

/// The same with the modules called `more` besides, where the kernel has them.
///
/// # Errors
///
/// As [`build`].
pub fn tree_with(system: &System, program: &Path, more: &[&str]) -> Result<Tree, InitrdError> {
    let mut tree = Tree::new(Metadata::root(0o755));
    for folder in FOLDERS {
        tree.make_directories(folder, &Metadata::root(0o755))?;
    }
    let console = Kind::CharDevice(DeviceNumber { major: 5, minor: 1 });
    add(&mut tree, "dev/console", Node { metadata: Metadata::root(0o600), kind: console })?;
    let program = program::read(program, system.generation().architecture)?;
    add(&mut tree, "init", file(program, 0o755))?;
    add_modules(&mut tree, system, more)?;
    Ok(tree)
}

fn add(tree: &mut Tree, path: &str, node: Node) -> Result<(), InitrdError> {
    Ok(tree.insert(path, node, &Metadata::root(0o755)).map(drop)?)
}

fn file(bytes: Vec<u8>, permissions: u16) -> Node {
    Node { metadata: Metadata::root(permissions), kind: Kind::File(Content::from(bytes)) }
}

fn add_modules(tree: &mut Tree, system: &System, more: &[&str]) -> Result<(), InitrdError> {
    let (version, directory) = modules_directory(system)?;
    let text = |name: &str| -> Result<String, InitrdError> {
        let path = directory.join(name);
        if path.exists() { Ok(files::read_to_string(&path)?) } else { Ok(String::new()) }
    };
    let index = Index::parse(&text("modules.dep")?, &text("modules.alias")?, &text("modules.softdep")?);
    let builtin = text("modules.builtin")?;
    drivers::check(&index, &builtin, system.generation().toplevel.to_string())?;
    let is_wanted =
        |path: &str| drivers::is_wanted(path) || more.contains(&index::module_name(path).as_str());
    let reduced = index.subset(is_wanted);
    let folder = format!("lib/modules/{version}");
    let target = format!("{}/lib/modules/{version}", kernel_modules(system));
    for module in reduced.modules() {
        let host = on_host(system.source(), &format!("{target}/{}", module.path))?;
        let bytes = compressed::read(&host)?;
        program::check_module(&bytes, &host, system.generation().architecture)?;
        add(tree, &format!("{folder}/{}", index::plain(&module.path)), file(bytes, 0o644))?;
    }
    for (name, text) in [
        ("modules.dep", reduced.dep()),
        ("modules.alias", reduced.alias()),
        ("modules.softdep", reduced.softdep()),
        ("modules.builtin", builtin),
    ] {
        add(tree, &format!("{folder}/{name}"), file(text.into_bytes(), 0o644))?;
    }
    Ok(())
}

/// The link to the kernel's modules in a system, as the store names it.
fn kernel_modules(system: &System) -> String {
    format!("{}/kernel-modules", system.generation().toplevel)
}

/// Where a name of the store is on this host, all links followed.
fn on_host(source: &Source, path: &str) -> Result<PathBuf, InitrdError> {
    Ok(source.on_host(&source.resolve(Path::new(path))?))
}

/// The version of the system's kernel, and the folder of its modules on this host.
fn modules_directory(system: &System) -> Result<(String, PathBuf), InitrdError> {
    let toplevel = system.generation().toplevel.to_string();
    let none = || InitrdError::NoModules { toplevel: toplevel.clone() };
    let place = format!("{}/lib/modules", kernel_modules(system));
    let directory = on_host(system.source(), &place).map_err(|_| none())?;
    let entries =
        std::fs::read_dir(&directory).map_err(|source| IoError::new("reading", &directory, source))?;
    let mut versions = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|source| IoError::new("reading", &directory, source))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let resolved = on_host(system.source(), &format!("{place}/{name}"))?;
        if resolved.join("modules.dep").is_file() {
            versions.push((name, resolved));
        }
    }
    versions.sort();
    match versions.len() {
        0 => Err(none()),
        // Out-of-tree modules are built for the one kernel and lie in the same folder.
        1 => versions.pop().ok_or_else(none),
        _ => Err(InitrdError::SeveralKernels {
            toplevel,
            versions: versions.into_iter().map(|(name, _)| name).collect::<Vec<_>>().join(", "),
        }),
    }
}

#[cfg(test)]
mod tests;
