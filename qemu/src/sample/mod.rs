//! The sample system: a NixOS-shaped closure that boots to multi-user, made from Debian packages without
//! Nix, without root and without running any program of the machine it is for.
//!
//! ```text
//! names ─▶ apt ─▶ archives ─▶ one store path per package ─┬─▶ sw (all programs) ─┐
//!         (once)  (cached)    with real references        ├─▶ etc, modules       ├─▶ toplevel
//!                                                         └─▶ kernel, initrd ────┘   + registration
//! ```
//!
//! Tests and demonstrations use it as the system that images are made of: about four hundred paths and a
//! gigabyte, as real as it gets on a host that has no Nix. Programs expect Debian's file hierarchy, so
//! activation makes `/usr` a link to the tree of all programs, as NixOS makes `/run/current-system/sw`;
//! everything else (boot, activation, `/etc`, specialisation) has the shape of NixOS.

mod apt;
mod arch;
mod control;
mod cpio;
mod deb;
mod digest;
mod elf;
mod error;
mod etc;
mod files;
mod initrd;
mod module_index;
mod modules;
mod order;
mod package;
mod place;
mod recipe;
mod store;
mod toplevel;
mod union;

use std::path::{Path, PathBuf};

pub use error::SampleError;
pub use store::PathInfo;

use crate::Architecture;

use initrd::Initrd;
use modules::Modules;
use package::Packages;
use store::Store;
use toplevel::Toplevel;
use union::Union;

/// Changes whenever this program makes something else of the same packages, the recipe and the texts
/// apart, so that an older result is not taken for a current one.
const REVISION: u32 = 4;

/// The file that says what a finished sample was made from.
const STAMP: &str = "stamp";

/// Directories of a package that are not part of the tree of all programs.
const NOT_SOFTWARE: &[&str] = &["etc", "nix-support", "var"];

/// Directories of that tree that programs add to or list themselves; a link in their place confuses some.
const KEPT: &[&str] = &["lib/modules", "lib/systemd", "lib/udev", "share/dbus-1", "share/zoneinfo"];

/// A sample system that is wanted.
#[derive(Clone, Copy)]
pub struct Request<'a> {
    /// For which machine type.
    pub arch: Architecture,
    /// Where: a directory that will be a store root, `nix/store` and beside it.
    pub out: &'a Path,
    /// Where package archives are kept between builds.
    pub cache: &'a Path,
    /// Is told what happens next, in a few words.
    pub on_step: &'a dyn Fn(&str),
}

impl std::fmt::Debug for Request<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Request").field("arch", &self.arch).field("out", &self.out).finish_non_exhaustive()
    }
}

/// A sample system whose store is complete, in a place beside its final one: the Nix database is still
/// missing, which the caller writes to [`Draft::root`] before [`Draft::commit`].
#[derive(Debug)]
#[must_use = "a draft that is not committed is nobody's"]
pub struct Draft {
    root: PathBuf,
    out: PathBuf,
    stamp: String,
    /// The system's store path.
    pub toplevel: String,
    /// All store paths, sorted.
    pub paths: Vec<PathInfo>,
}

/// The system's store path, when `request.out` already has what a build would make: the same packages,
/// made by the same version of this builder.
///
/// # Errors
/// When packages would have to be fetched and cannot be.
pub fn current(request: &Request<'_>) -> Result<Option<String>, SampleError> {
    let fetched = fetch(request)?;
    let Ok(stamp) = std::fs::read_to_string(request.out.join(STAMP)) else { return Ok(None) };
    let made_from = stamp_for(request.arch, &fetched.digest);
    Ok(stamp.strip_prefix(&made_from).map(|toplevel| toplevel.trim().to_owned()))
}

/// Makes a sample system: two builds of it from the same packages are identical in every file, mode, link
/// and time.
///
/// # Errors
/// When packages cannot be fetched, when the packages are not what the recipe expects, and for I/O.
pub fn build(request: &Request<'_>) -> Result<Draft, SampleError> {
    refuse_occupied(request.out)?;
    let fetched = fetch(request)?;
    let root = beside(request.out);
    files::remove_tree(&root)?;
    let mut store = Store::create(&root)?;
    (request.on_step)("unpacking packages");
    let packages = Packages::add(request.arch, &fetched.debs, &mut store)?;
    (request.on_step)("making the system of them");
    let toplevel = assemble(request.arch, &packages, &mut store)?;
    let paths = store.finish(&toplevel)?;
    let registration: String = paths.iter().map(PathInfo::registration).collect();
    let list: String = paths.iter().map(|info| format!("{}\n", info.path)).collect();
    files::write(&root.join("registration"), registration)?;
    files::write(&root.join("store-paths"), list)?;
    files::link(&toplevel[1..], &root.join("system"))?;
    let stamp = format!("{}{toplevel}\n", stamp_for(request.arch, &fetched.digest));
    Ok(Draft { root, out: request.out.to_owned(), stamp, toplevel, paths })
}

impl Draft {
    /// The store root as long as it is a draft.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Puts the draft in the place of what was at `out`, and gives the system's store path.
    ///
    /// # Errors
    /// When there is something at `out` that is no sample system, and for I/O.
    pub fn commit(self) -> Result<String, SampleError> {
        refuse_occupied(&self.out)?;
        files::write(&self.root.join(STAMP), &self.stamp)?;
        files::remove_tree(&self.out)?;
        files::make_parent(&self.out)?;
        files::rename(&self.root, &self.out)?;
        Ok(self.toplevel)
    }
}

/// Fails when there is something at `out` that is not a sample system: nobody asked to remove that.
fn refuse_occupied(out: &Path) -> Result<(), SampleError> {
    let free = !files::exists(out) || files::exists(&out.join(STAMP)) || files::names(out)?.is_empty();
    if free { Ok(()) } else { Err(SampleError::Occupied(out.to_owned())) }
}

fn fetch(request: &Request<'_>) -> Result<apt::Fetched, SampleError> {
    apt::fetch(request.arch, &recipe::packages(request.arch), request.cache, request.on_step)
}

/// The first lines of the stamp of a sample made from these packages: all that decides what it becomes.
fn stamp_for(arch: Architecture, packages: &[u8; 32]) -> String {
    let texts =
        [recipe::fingerprint(arch), etc::fingerprint(), toplevel::fingerprint(), initrd::fingerprint()];
    let texts = digest::hex(&digest::sha256(texts.concat().as_bytes()));
    format!("landfall sample, revision {REVISION}\n{arch}\n{}\n{texts}\n", digest::hex(packages))
}

/// Where a draft of `out` is made: on the same filesystem, so that it can be renamed.
fn beside(out: &Path) -> PathBuf {
    let mut name = out.file_name().unwrap_or_default().to_owned();
    name.push(".draft");
    out.with_file_name(name)
}

/// Makes everything around the packages; the path of the toplevel.
fn assemble(arch: Architecture, packages: &Packages, store: &mut Store) -> Result<String, SampleError> {
    let version = packages.get("base-files")?.version.split('+').next().unwrap_or_default().to_owned();
    let kernel = packages.kernel()?;
    let kernel_version = kernel_version(store, &kernel.path)?;
    let directory = format!("{}/lib/modules/{kernel_version}", kernel.path);
    let modules = Modules::read(&store.on_host(&directory))?;
    let initrd = Initrd { arch, store, packages, modules: &modules, version: &kernel_version }.build()?;
    let scratch = store.scratch();
    files::write(&scratch.join("initrd"), initrd)?;
    let initrd = store.add(&format!("initrd-linux-{kernel_version}"), &scratch)?;

    let module_tree = module_tree(store, &modules, &directory, &kernel_version)?;
    let software = software(store, packages, &[&module_tree], &kernel.path)?;
    let lab = recipe::SPECIALISATION;
    let mut toplevel = Toplevel {
        arch,
        etc: etc::build(store, packages, &version, Some(lab))?,
        version: version.clone(),
        kernel: format!("{}/{}", kernel.path, arch.kernel_file()),
        kernel_version,
        busybox: packages.file("bin/busybox")?,
        initrd: format!("{initrd}/initrd"),
        modules: module_tree,
        systemd: packages.get("systemd")?.path.clone(),
        software,
        specialisation: Some(lab),
    };
    let path = toplevel.build(store, None)?;
    let child = toplevel.as_child(lab, path);
    toplevel.etc = etc::build(store, packages, &version, None)?;
    toplevel.specialisation = None;
    toplevel.build(store, Some(&child))
}

/// The one version below `lib/modules` of the kernel's package.
fn kernel_version(store: &Store, kernel: &str) -> Result<String, SampleError> {
    let names = files::names(&store.on_host(kernel).join("lib/modules"))?;
    let first = names.first().and_then(|name| name.to_str()).map(str::to_owned);
    first.ok_or_else(|| SampleError::NoFile("lib/modules/VERSION".to_owned()))
}

/// The modules with the files in which they are looked up; the modules themselves stay in their package.
fn module_tree(
    store: &mut Store,
    modules: &Modules,
    directory: &str,
    version: &str,
) -> Result<String, SampleError> {
    let scratch = store.scratch();
    let to = scratch.join("lib/modules").join(version);
    for (name, content) in modules.indexes()? {
        files::write(&to.join(name), content)?;
    }
    files::link(format!("{directory}/kernel"), &to.join("kernel"))?;
    store.add(&format!("linux-{version}-modules"), &scratch)
}

/// The tree of all programs: every package but the kernel's, `more` before them, and the links that
/// Debian makes on installation.
fn software(
    store: &mut Store,
    packages: &Packages,
    more: &[&str],
    kernel: &str,
) -> Result<String, SampleError> {
    let scratch = store.scratch();
    for (name, target) in recipe::ALTERNATIVES {
        files::link(packages.file(target)?, &scratch.join(name))?;
    }
    let report = recipe::REPORT.replace("@busybox@", &packages.file("bin/busybox")?);
    files::write_program(&scratch.join("lib/landfall/report"), report)?;
    let own = store.add("landfall-sample-tools", &scratch)?;

    let mut sources = vec![own.as_str()];
    sources.extend(more);
    sources.extend(packages.iter().map(|package| package.path.as_str()).filter(|path| *path != kernel));
    let scratch = store.scratch();
    let union = Union { sources, below: "", leave_out: NOT_SOFTWARE, keep: KEPT };
    union.build(store, &scratch)?;
    store.add("system-path", &scratch)
}
