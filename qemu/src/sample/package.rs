//! Debian packages as store paths: one each, with references to those they depend on.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::Architecture;

use super::apt::CachedDeb;
use super::control::Control;
use super::deb::Deb;
use super::store::Store;
use super::{SampleError, files, order, place};

/// Packages that are part of another one's store path: the first goes into the second. NixOS finds the
/// boot loader in its systemd package.
const JOINED: [(&str, &str); 1] = [("systemd-boot-efi", "systemd")];

/// Where a Nix package lists what its users need as well. It makes a package's dependencies real
/// references: the scan finds them in the content.
const DEPENDENCIES_FILE: &str = "nix-support/propagated-build-inputs";

/// A package that has become a store path.
#[derive(Clone, Debug)]
pub(super) struct Package {
    /// Debian's name.
    pub(super) name: String,
    /// Debian's version.
    pub(super) version: String,
    /// Its store path.
    pub(super) path: String,
}

/// All packages of the system, and which of them has which file.
#[derive(Debug)]
pub(super) struct Packages {
    arch: Architecture,
    packages: Vec<Package>,
    owners: HashMap<PathBuf, usize>,
}

/// A package that has been unpacked to `tree`.
#[derive(Debug)]
struct Unpacked {
    control: Control,
    tree: PathBuf,
}

impl Packages {
    /// Unpacks the archives and makes each a path of `store`.
    pub(super) fn add(
        arch: Architecture,
        debs: &[CachedDeb],
        store: &mut Store,
    ) -> Result<Self, SampleError> {
        let unpacked = unpack_all(arch, debs, store)?;
        let mut owners = HashMap::new();
        for (index, package) in unpacked.iter().enumerate() {
            for leaf in files::leaves(&package.tree)? {
                let location = leaf.strip_prefix(&package.tree).unwrap_or(&leaf);
                owners.entry(location.to_owned()).or_insert(index);
            }
        }
        let needs = dependencies(&unpacked)?;
        let mut paths = vec![None; unpacked.len()];
        for turn in order::turns(&needs) {
            let package = &unpacked[turn.package];
            rewrite_links(arch, &package.tree, &|location| paths[*owners.get(location)?].clone())?;
            let needed: Vec<String> = turn.needs.iter().filter_map(|&other| paths[other].clone()).collect();
            if !needed.is_empty() {
                files::write(&package.tree.join(DEPENDENCIES_FILE), needed.join(" ") + "\n")?;
            }
            paths[turn.package] = Some(store.add(&store_name(&package.control), &package.tree)?);
        }
        let packages = unpacked.into_iter().zip(paths).filter_map(|(package, path)| {
            let Control { package: name, version, .. } = package.control;
            Some(Package { name, version, path: path? })
        });
        Ok(Self { arch, packages: packages.collect(), owners })
    }

    /// The package called `name`.
    pub(super) fn get(&self, name: &str) -> Result<&Package, SampleError> {
        let found = self.packages.iter().find(|package| package.name == name);
        found.ok_or_else(|| SampleError::NoPackage(name.to_owned()))
    }

    /// The kernel's package: of those that hold one, there is one.
    pub(super) fn kernel(&self) -> Result<&Package, SampleError> {
        let owner = self.owners.get(Path::new(self.arch.kernel_file()));
        owner.map(|&index| &self.packages[index]).ok_or_else(|| SampleError::NoPackage("linux-image".into()))
    }

    /// The packages, in the order of their names.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Package> {
        self.packages.iter()
    }

    /// The full store path of the file at `location`, such as `bin/bash`.
    pub(super) fn file(&self, location: &str) -> Result<String, SampleError> {
        let owner = self.owners.get(Path::new(location));
        let package = owner.map(|&index| &self.packages[index]);
        package
            .map(|package| format!("{}/{location}", package.path))
            .ok_or_else(|| SampleError::NoFile(location.to_owned()))
    }

    /// The locations of all files whose location begins with `prefix`, sorted.
    pub(super) fn locations(&self, prefix: &str) -> Vec<String> {
        let all = self.owners.keys().filter_map(|location| location.to_str());
        let mut found: Vec<_> = all.filter(|l| l.starts_with(prefix)).map(str::to_owned).collect();
        found.sort();
        found
    }
}

/// The kernel's path is called as NixOS calls it, all others after their package.
fn store_name(control: &Control) -> String {
    let name = control.store_name();
    let versioned = |rest: &str| rest.starts_with(|letter: char| letter.is_ascii_digit());
    if control.package.strip_prefix("linux-image-").is_some_and(versioned) {
        format!("linux{}", &name[control.package.len()..])
    } else {
        name
    }
}

/// The package whose store path takes in the package called `name`.
fn joined(name: &str) -> &str {
    JOINED.iter().find(|(part, _)| *part == name).map_or(name, |(_, whole)| whole)
}

/// Unpacks every archive, several at a time: decompression is most of the work of a build. The result
/// is in the order of the packages' names.
fn unpack_all(
    arch: Architecture,
    debs: &[CachedDeb],
    store: &mut Store,
) -> Result<Vec<Unpacked>, SampleError> {
    let mut trees: HashMap<String, PathBuf> = HashMap::new();
    let jobs: Vec<(&CachedDeb, PathBuf)> = debs
        .iter()
        .map(|deb| {
            let file = deb.path.file_name().unwrap_or_default().to_string_lossy();
            let name = joined(file.split('_').next().unwrap_or_default()).to_owned();
            (deb, trees.entry(name).or_insert_with(|| store.scratch()).clone())
        })
        .collect();
    let next = AtomicUsize::new(0);
    let results = Mutex::new(Vec::new());
    let work = || {
        while let Some((deb, tree)) = jobs.get(next.fetch_add(1, Ordering::Relaxed)) {
            let result = unpack(arch, deb, tree);
            let failed = result.is_err();
            results.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push(result);
            if failed {
                next.store(jobs.len(), Ordering::Relaxed);
            }
        }
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(work);
        }
    });
    let results = results.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    join(results.into_iter().collect::<Result<_, _>>()?)
}

fn unpack(arch: Architecture, deb: &CachedDeb, tree: &Path) -> Result<Unpacked, SampleError> {
    let archive = Deb::new(&deb.path, deb.read()?);
    let control = archive.control()?;
    files::make_directory(tree)?;
    archive.unpack(&|path| Some(tree.join(place::location(path, arch)?)))?;
    Ok(Unpacked { control, tree: tree.to_owned() })
}

/// Puts the control fields of joined packages together; sorted by name.
fn join(mut unpacked: Vec<Unpacked>) -> Result<Vec<Unpacked>, SampleError> {
    unpacked.sort_by(|a, b| a.control.package.cmp(&b.control.package));
    let (parts, mut wholes): (Vec<_>, Vec<_>) =
        unpacked.into_iter().partition(|u| joined(&u.control.package) != u.control.package);
    for part in parts {
        let name = joined(&part.control.package);
        let whole = wholes.iter_mut().find(|whole| whole.control.package == name);
        let whole = whole.ok_or_else(|| SampleError::NoPackage(name.to_owned()))?;
        whole.control.depends.extend(part.control.depends);
        whole.control.provides.extend(part.control.provides);
        whole.control.provides.push(part.control.package);
    }
    Ok(wholes)
}

/// For each package the numbers of those it depends on: of alternatives the first that is there.
fn dependencies(packages: &[Unpacked]) -> Result<Vec<Vec<usize>>, SampleError> {
    let mut by_name: HashMap<&str, usize> = HashMap::new();
    for (index, package) in packages.iter().enumerate() {
        for virtual_name in &package.control.provides {
            by_name.entry(virtual_name).or_insert(index);
        }
    }
    // A real package comes before one that merely provides its name.
    by_name.extend(packages.iter().enumerate().map(|(index, p)| (p.control.package.as_str(), index)));
    let chosen = |alternatives: &Vec<String>| {
        let found = alternatives.iter().find_map(|name| by_name.get(name.as_str()).copied());
        found.ok_or_else(|| SampleError::NoPackage(alternatives.join(" | ")))
    };
    packages.iter().map(|package| package.control.depends.iter().map(chosen).collect()).collect()
}

/// Gives the links of a package the text that is right in a store: relative within the package, absolute
/// to the store path of another one (`store_path` of a location, where that is known), else absolute as on
/// an installed system.
fn rewrite_links(
    arch: Architecture,
    tree: &Path,
    store_path: &dyn Fn(&Path) -> Option<String>,
) -> Result<(), SampleError> {
    for leaf in files::leaves(tree)? {
        if !files::metadata(&leaf)?.is_symlink() {
            continue;
        }
        let at = leaf.strip_prefix(tree).unwrap_or(&leaf);
        let Some(target) = place::link_target(at, &files::read_link(&leaf)?, arch) else { continue };
        let text = if files::exists(&tree.join(&target)) {
            place::relative(at, &target)
        } else if let Some(path) = store_path(&target) {
            Path::new(&path).join(&target)
        } else {
            place::installed(&target)
        };
        std::fs::remove_file(&leaf).map_err(SampleError::io("removing", &leaf))?;
        files::link(text, &leaf)?;
    }
    Ok(())
}
