//! The kernel's modules: what each needs and answers to, and the files in which kmod and udev look that up.
//!
//! Debian makes these files when the kernel is installed (`depmod`), by running a program; here they are
//! made from the modules themselves. Formats: modules.dep(5) and, for the `.bin` files, [`ModuleIndex`].
//! Not made: `modules.weakdep`, which no module of the release needs.

use std::collections::{BTreeMap, HashMap};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};

use liblzma::read::XzDecoder;

use super::elf::{ModuleInfo, modinfo};
use super::module_index::ModuleIndex;
use super::{SampleError, files};

/// One module.
#[derive(Clone, Debug)]
pub(super) struct Module {
    /// Its name, with `_` for `-`.
    pub(super) name: String,
    /// Its file below the directory of modules, `kernel/…`.
    pub(super) path: String,
    info: ModuleInfo,
}

/// All modules of a kernel.
#[derive(Debug)]
pub(super) struct Modules {
    /// The directory they were read from.
    directory: PathBuf,
    /// In the kernel's link order, which decides between modules that answer to the same device.
    modules: Vec<Module>,
    by_name: HashMap<String, usize>,
}

impl Modules {
    /// Reads the modules below `directory` (`…/lib/modules/VERSION`).
    pub(super) fn read(directory: &Path) -> Result<Self, SampleError> {
        let order = files::read(&directory.join("modules.order"))?;
        let order = String::from_utf8_lossy(&order);
        let rank: HashMap<&str, usize> = order.lines().enumerate().map(|(rank, line)| (line, rank)).collect();
        let is_module = |path: &PathBuf| path.to_string_lossy().contains(".ko");
        let paths: Vec<_> = files::leaves(&directory.join("kernel"))?.into_iter().filter(is_module).collect();
        let mut modules = read_all(directory, &paths)?;
        modules.sort_by_key(|module| {
            let plain = module.path.trim_end_matches(".xz");
            (rank.get(plain).copied().unwrap_or(usize::MAX), module.path.clone())
        });
        Ok(Self::new(directory, modules))
    }

    fn new(directory: &Path, modules: Vec<Module>) -> Self {
        let by_name = modules.iter().enumerate().map(|(i, m)| (m.name.clone(), i)).collect();
        Self { directory: directory.to_owned(), modules, by_name }
    }

    /// The modules that `wanted` says yes to and all they need, each as a file that is not compressed.
    pub(super) fn subset(&self, wanted: &dyn Fn(&Module) -> bool) -> Self {
        let mut chosen = vec![false; self.modules.len()];
        for (index, module) in self.modules.iter().enumerate() {
            if wanted(module) {
                self.choose(index, &mut chosen);
            }
        }
        let kept = self.modules.iter().zip(chosen).filter(|(_, chosen)| *chosen);
        let plain = |(module, _): (&Module, bool)| Module {
            path: module.path.trim_end_matches(".xz").to_owned(),
            ..module.clone()
        };
        Self::new(&self.directory, kept.map(plain).collect())
    }

    fn choose(&self, index: usize, chosen: &mut [bool]) {
        if !std::mem::replace(&mut chosen[index], true) {
            for other in self.needs(index).chain(self.soft_needs(index)) {
                self.choose(other, chosen);
            }
        }
    }

    /// The modules, in link order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Module> {
        self.modules.iter()
    }

    /// The content of a module of this kernel, decompressed.
    pub(super) fn content(&self, module: &Module) -> Result<Vec<u8>, SampleError> {
        let plain = self.directory.join(&module.path);
        if plain.exists() {
            files::read(&plain)
        } else {
            decompress(&self.directory.join(format!("{}.xz", module.path)))
        }
    }

    /// The modules that a module names as needed, directly.
    fn needs(&self, index: usize) -> impl Iterator<Item = usize> {
        let names = self.modules[index].info.values("depends").flat_map(|list| list.split(','));
        names.filter_map(|name| self.by_name.get(&underscored(name)).copied())
    }

    /// The modules that a module wants loaded before or after it, where there are such.
    fn soft_needs(&self, index: usize) -> impl Iterator<Item = usize> {
        let words = self.modules[index].info.values("softdep").flat_map(str::split_whitespace);
        words.filter_map(|name| self.by_name.get(&underscored(name)).copied())
    }

    /// All that a module needs, such that each comes before what it needs itself: kmod loads from the end.
    fn needs_in_order(&self, index: usize) -> Vec<usize> {
        fn visit(modules: &Modules, index: usize, seen: &mut Vec<usize>, done: &mut Vec<usize>) {
            if !seen.contains(&index) {
                seen.push(index);
                modules.needs(index).for_each(|other| visit(modules, other, seen, done));
                done.push(index);
            }
        }
        let (mut seen, mut done) = (Vec::new(), Vec::new());
        visit(self, index, &mut seen, &mut done);
        done.pop();
        done.reverse();
        done
    }

    /// All lookup files, by name, for the directory that has, or will have, the modules themselves.
    pub(super) fn indexes(&self) -> Result<BTreeMap<&'static str, Vec<u8>>, SampleError> {
        let mut lookup = Lookup::default();
        self.dependencies(&mut lookup);
        self.names(&mut lookup);
        self.builtin(&mut lookup)?;
        lookup.encode()
    }

    fn dependencies(&self, lookup: &mut Lookup) {
        for (number, module) in self.modules.iter().enumerate() {
            let mut line = format!("{}:", module.path);
            for other in self.needs_in_order(number) {
                line.push(' ');
                line.push_str(&self.modules[other].path);
            }
            lookup.index("modules.dep.bin").insert(&module.name, &line, rank(number));
            lookup.line("modules.dep", line);
        }
    }

    /// What modules answer to: device identifiers, exported symbols, device nodes; and soft dependencies.
    fn names(&self, lookup: &mut Lookup) {
        for name in ["modules.alias", "modules.symbols", "modules.softdep", "modules.devname"] {
            lookup.texts.entry(name).or_default();
        }
        for (number, Module { name, info, .. }) in self.modules.iter().enumerate() {
            for alias in info.values("alias") {
                lookup.index("modules.alias.bin").insert(&normalised(alias), name, rank(number));
                lookup.line("modules.alias", format!("alias {alias} {name}"));
            }
            for symbol in &info.exports {
                let alias = format!("symbol:{symbol}");
                lookup.index("modules.symbols.bin").insert(&alias, name, rank(number));
                lookup.line("modules.symbols", format!("alias {alias} {name}"));
            }
            for soft in info.values("softdep") {
                lookup.line("modules.softdep", format!("softdep {name} {soft}"));
            }
            if let Some(node) = device_node(info) {
                lookup.line("modules.devname", format!("{name} {node}"));
            }
        }
    }

    /// What is built into the kernel: the list comes with it, the lookup files are made from that.
    fn builtin(&self, lookup: &mut Lookup) -> Result<(), SampleError> {
        for file in ["modules.builtin", "modules.builtin.modinfo", "modules.order"] {
            let content = files::read(&self.directory.join(file))?;
            lookup.texts.insert(file, content);
        }
        let list = files::read(&self.directory.join("modules.builtin"))?;
        for line in String::from_utf8_lossy(&list).lines() {
            lookup.index("modules.builtin.bin").insert(&module_name(line), "", 0);
        }
        for (key, value) in modinfo(&files::read(&self.directory.join("modules.builtin.modinfo"))?) {
            if let Some((module, "alias")) = key.split_once('.') {
                let index = lookup.index("modules.builtin.alias.bin");
                index.insert(&normalised(&value), &underscored(module), 0);
            }
        }
        Ok(())
    }
}

/// The lookup files being written: texts for people, indexes for programs.
#[derive(Default)]
struct Lookup {
    texts: BTreeMap<&'static str, Vec<u8>>,
    indexes: BTreeMap<&'static str, ModuleIndex>,
}

impl Lookup {
    fn index(&mut self, name: &'static str) -> &mut ModuleIndex {
        self.indexes.entry(name).or_default()
    }

    fn line(&mut self, name: &'static str, line: String) {
        let text = self.texts.entry(name).or_default();
        text.extend_from_slice(line.as_bytes());
        text.push(b'\n');
    }

    fn encode(self) -> Result<BTreeMap<&'static str, Vec<u8>>, SampleError> {
        let mut all = self.texts;
        for (name, index) in self.indexes {
            let too_large = || SampleError::archive(Path::new(name), "too many modules for an index");
            all.insert(name, index.encode().ok_or_else(too_large)?);
        }
        Ok(all)
    }
}

/// Reads modules several at a time: most of it is decompression.
fn read_all(directory: &Path, paths: &[PathBuf]) -> Result<Vec<Module>, SampleError> {
    let next = AtomicUsize::new(0);
    let work = || {
        let mut modules = Vec::new();
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            modules.push(read_module(directory, path)?);
        }
        Ok(modules)
    };
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    let mut all = Vec::new();
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..workers).map(|_| scope.spawn(work)).collect();
        for thread in threads {
            // The closure panics on no input; if it did, so should this thread.
            let modules = thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic));
            all.extend(modules?);
        }
        Ok(all)
    })
}

fn read_module(directory: &Path, path: &Path) -> Result<Module, SampleError> {
    let bytes = decompress(path)?;
    let info = ModuleInfo::parse(&bytes)
        .map_err(|e| SampleError::Elf { path: path.to_owned(), reason: e.to_string() })?;
    let below = path.strip_prefix(directory).unwrap_or(path).to_string_lossy().into_owned();
    Ok(Module { name: module_name(&below), path: below, info })
}

fn decompress(path: &Path) -> Result<Vec<u8>, SampleError> {
    let packed = files::read(path)?;
    let mut bytes = Vec::new();
    XzDecoder::new(&packed[..]).read_to_end(&mut bytes).map_err(SampleError::io("decompressing", path))?;
    Ok(bytes)
}

/// A module's place in link order as the index wants it. There are a few thousand.
fn rank(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

fn module_name(path: &str) -> String {
    let file = path.rsplit('/').next().unwrap_or(path);
    underscored(file.split(".ko").next().unwrap_or(file))
}

fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

/// An alias as kmod looks it up: `-` is `_`, except in a set of letters in brackets.
fn normalised(alias: &str) -> String {
    let mut bracketed = false;
    let letter = |letter| {
        bracketed = letter == '[' || bracketed && letter != ']';
        if letter == '-' && !bracketed { '_' } else { letter }
    };
    alias.chars().map(letter).collect()
}

/// `NAME cMAJOR:MINOR` of the device node whose opening loads the module, if it has one.
fn device_node(info: &ModuleInfo) -> Option<String> {
    let name = info.values("alias").find_map(|alias| alias.strip_prefix("devname:"))?;
    let number = |kind: &str| {
        let numbers = info.values("alias").find_map(|alias| alias.strip_prefix(kind))?;
        let (major, minor) = numbers.split_once('-')?;
        (minor != "*").then(|| format!("{major}:{minor}"))
    };
    let character = number("char-major-").map(|numbers| format!("{name} c{numbers}"));
    character.or_else(|| number("block-major-").map(|numbers| format!("{name} b{numbers}")))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(path: &str, fields: &[(&str, &str)]) -> Module {
        let fields = fields.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        Module {
            name: module_name(path),
            path: path.to_owned(),
            info: ModuleInfo { fields, exports: vec![] },
        }
    }

    fn made() -> Modules {
        Modules::new(
            Path::new("/none"),
            vec![
                module("kernel/fs/btrfs.ko.xz", &[("depends", "raid6-pq,xor"), ("softdep", "pre: crc32c")]),
                module("kernel/lib/xor.ko.xz", &[]),
                module("kernel/lib/raid6_pq.ko.xz", &[("depends", "xor")]),
                module("kernel/crypto/crc32c.ko.xz", &[]),
                module("kernel/other.ko.xz", &[]),
            ],
        )
    }

    #[test]
    fn what_is_needed_is_listed_before_what_that_needs() {
        let modules = made();
        let names: Vec<_> =
            modules.needs_in_order(0).iter().map(|&i| modules.modules[i].name.as_str()).collect();
        assert_eq!(names, ["raid6_pq", "xor"]);
    }

    #[test]
    fn a_subset_has_all_its_members_want() {
        let subset = made().subset(&|module| module.name == "btrfs");
        let paths: Vec<_> = subset.iter().map(|module| module.path.as_str()).collect();
        assert_eq!(
            paths,
            ["kernel/fs/btrfs.ko", "kernel/lib/xor.ko", "kernel/lib/raid6_pq.ko", "kernel/crypto/crc32c.ko"]
        );
    }

    #[test]
    fn aliases_are_looked_up_with_underscores() {
        assert_eq!(normalised("of:N*T*Cvirtio-mmio[a-z]-x"), "of:N*T*Cvirtio_mmio[a-z]_x");
    }

    #[test]
    fn a_device_node_loads_its_module() {
        let info = module("m.ko", &[("alias", "devname:btrfs-control"), ("alias", "char-major-10-234")]).info;
        assert_eq!(device_node(&info).as_deref(), Some("btrfs-control c10:234"));
        assert_eq!(device_node(&module("m.ko", &[("alias", "char-major-10-*")]).info), None);
    }
}
