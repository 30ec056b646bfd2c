//! Loading kernel modules: what devices ask for by their `modalias`, and what we need by name
//! (modules.dep(5), modprobe.d(5)).

use std::collections::{BTreeSet, HashMap, HashSet};
use std::ffi::CString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::kmod::{ModuleInitFlags, finit_module};

use super::pattern;

/// How deep folders of devices are: a bus behind a bus behind a bus has some twenty levels.
const DEPTH_MAX: usize = 40;

/// A module and what it needs, by name.
#[derive(Clone, Debug, Default)]
struct Module {
    path: String,
    /// Nearest first, as `modules.dep` has them.
    needs: Vec<String>,
    before: Vec<String>,
    after: Vec<String>,
}

/// The modules of the running kernel that there are.
#[derive(Debug, Default)]
pub(super) struct Modules {
    folder: PathBuf,
    modules: HashMap<String, Module>,
    /// Patterns and names, by what stands before the first `:` of the pattern.
    aliases: HashMap<String, Vec<(String, String)>>,
    done: HashSet<String>,
    seen: HashSet<String>,
}

impl Modules {
    /// Reads the indexes in `/lib/modules/VERSION`. Without them there are no modules.
    pub(super) fn of_running_kernel() -> Self {
        let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
        Self::read(&Path::new("/lib/modules").join(version.trim()))
    }

    fn read(folder: &Path) -> Self {
        let text = |name: &str| fs::read_to_string(folder.join(name)).unwrap_or_default();
        let mut modules = Self { folder: folder.to_owned(), ..Self::default() };
        for line in text("modules.dep").lines() {
            let Some((path, needs)) = line.split_once(':') else { continue };
            let needs = needs.split_whitespace().map(name_of).collect();
            modules
                .modules
                .insert(name_of(path), Module { path: path.to_owned(), needs, ..Module::default() });
        }
        for line in text("modules.alias").lines() {
            let Some((alias, name)) = line.strip_prefix("alias ").and_then(|rest| rest.rsplit_once(' '))
            else {
                continue;
            };
            let pair = (alias.to_owned(), name_of(name));
            modules.aliases.entry(bus_of(alias)).or_default().push(pair);
        }
        for line in text("modules.softdep").lines() {
            modules.add_softdep(line);
        }
        modules
    }

    fn add_softdep(&mut self, line: &str) {
        let mut words = line.split_whitespace().skip(1);
        let Some(module) = words.next().and_then(|name| self.modules.get_mut(&name_of(name))) else { return };
        let mut is_before = true;
        for word in words {
            match word {
                "pre:" => is_before = true,
                "post:" => is_before = false,
                name if is_before => module.before.push(name.to_owned()),
                name => module.after.push(name.to_owned()),
            }
        }
    }

    /// Loads the module or everything that answers to the alias `name`, with what each needs. What the
    /// kernel has built in, and what it refuses, is passed over: whether a device works is seen by it.
    pub(super) fn load(&mut self, name: &str) {
        let own = name_of(name);
        if self.modules.contains_key(&own) {
            self.load_module(&own);
            return;
        }
        for module in self.matches(name) {
            self.load_module(&module);
        }
    }

    fn matches(&self, alias: &str) -> Vec<String> {
        let candidates = self.aliases.get(&bus_of(alias)).map(Vec::as_slice).unwrap_or_default();
        let fits = candidates.iter().filter(|(known, _)| pattern::fits(known.as_bytes(), alias.as_bytes()));
        fits.map(|(_, name)| name.clone()).collect()
    }

    fn load_module(&mut self, name: &str) {
        if !self.done.insert(name.to_owned()) {
            return;
        }
        let Some(module) = self.modules.get(name).cloned() else { return };
        for soft in &module.before {
            self.load(soft);
        }
        for need in module.needs.iter().rev() {
            self.load_module(need);
        }
        if let Err(errno) = insert(&self.folder.join(&module.path)) {
            tracing::debug!("module {name}: {errno}");
        }
        for soft in &module.after {
            self.load(soft);
        }
    }

    /// Loads what the devices that are there ask for, until no new device asks. `true`: something new was
    /// there since the last time.
    pub(super) fn coldplug(&mut self, devices: &Path) -> bool {
        let mut news = false;
        loop {
            let mut wanted = BTreeSet::new();
            collect(devices, 0, &mut wanted);
            let new: Vec<String> =
                wanted.into_iter().filter(|alias| self.seen.insert(alias.clone())).collect();
            if new.is_empty() {
                return news;
            }
            news = true;
            for alias in new {
                self.load(&alias);
            }
        }
    }
}

/// The `modalias` of every device at or below `folder`.
fn collect(folder: &Path, depth: usize, found: &mut BTreeSet<String>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < DEPTH_MAX => collect(&entry.path(), depth + 1, found),
            Ok(kind) if kind.is_file() && entry.file_name() == "modalias" => {
                let text = fs::read_to_string(entry.path()).unwrap_or_default();
                found.extend(text.lines().next().filter(|alias| !alias.is_empty()).map(str::to_owned));
            }
            _ => {}
        }
    }
}

fn insert(path: &Path) -> nix::Result<()> {
    let file = File::open(path).map_err(|error| error.raw_os_error().map_or(Errno::EIO, Errno::from_raw))?;
    match finit_module(&file, &CString::default(), ModuleInitFlags::empty()) {
        Err(Errno::EEXIST) => Ok(()),
        other => other,
    }
}

/// What stands before the first `:`, by which most patterns can be passed over.
fn bus_of(alias: &str) -> String {
    alias.split_once(':').map_or("", |(bus, _)| bus).to_owned()
}

/// The name of a module, from its name or path.
fn name_of(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    file.split(".ko").next().unwrap_or(file).replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made() -> (tempfile::TempDir, Modules) {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write(
            "modules.dep",
            "kernel/a/virtio_blk.ko: kernel/a/virtio.ko\nkernel/a/virtio.ko:\nkernel/c/sum-x.ko:\n",
        );
        write("modules.alias", "alias virtio:d00000002v* virtio_blk\nalias crypto-sum sum_x\n");
        write("modules.softdep", "softdep virtio_blk pre: crypto-sum\n");
        let modules = Modules::read(folder.path());
        (folder, modules)
    }

    #[test]
    fn an_alias_leads_to_its_module_what_it_needs_and_what_it_wants() {
        let (_folder, mut modules) = made();
        modules.load("virtio:d00000002v00001AF4");
        let mut done: Vec<_> = modules.done.iter().map(String::as_str).collect();
        done.sort_unstable();
        assert_eq!(done, ["sum_x", "virtio", "virtio_blk"]);
    }

    #[test]
    fn every_device_is_asked_once() {
        let (folder, mut modules) = made();
        let device = folder.path().join("devices/pci0/virtio0");
        fs::create_dir_all(&device).unwrap();
        fs::write(device.join("modalias"), "virtio:d00000002v00001AF4\n").unwrap();
        assert!(modules.coldplug(&folder.path().join("devices")));
        assert!(modules.done.contains("virtio_blk"));
        assert!(!modules.coldplug(&folder.path().join("devices")));
    }
}
