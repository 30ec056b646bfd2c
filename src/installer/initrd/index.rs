//! The indexes of a kernel's modules as text (modules.dep(5), modprobe.d(5) for `softdep`): what each
//! needs, and which devices it answers to.

use std::collections::{BTreeMap, BTreeSet};

/// One module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Module {
    /// Its name, with `_` for `-`.
    pub(super) name: String,
    /// Its file below the folder of modules, `kernel/…`.
    pub(super) path: String,
    /// Paths of the modules that must be loaded before, nearest first.
    needs: Vec<String>,
}

/// All modules of a kernel, or a part of them that is complete in itself.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Index {
    /// By path, so that their order is one.
    modules: BTreeMap<String, Module>,
    /// Pattern and module name, in the kernel's order.
    aliases: Vec<(String, String)>,
    /// The rest of a line `softdep …`, with the module that it is about.
    softdeps: Vec<(String, String)>,
}

impl Index {
    /// Reads the texts of `modules.dep`, `modules.alias` and `modules.softdep`.
    pub(super) fn parse(dep: &str, alias: &str, softdep: &str) -> Self {
        let module = |line: &str| {
            let (path, needs) = line.split_once(':')?;
            let needs = needs.split_whitespace().map(str::to_owned).collect();
            Some((path.to_owned(), Module { name: module_name(path), path: path.to_owned(), needs }))
        };
        let pair = |text: &str| {
            let (first, second) = text.rsplit_once(' ')?;
            Some((first.to_owned(), underscored(second)))
        };
        let soft = |line: &str| {
            let (name, wants) = line.strip_prefix("softdep ")?.split_once(' ')?;
            Some((underscored(name), wants.to_owned()))
        };
        Self {
            modules: dep.lines().filter_map(module).collect(),
            aliases: alias.lines().filter_map(|line| pair(line.strip_prefix("alias ")?)).collect(),
            softdeps: softdep.lines().filter_map(soft).collect(),
        }
    }

    /// The modules, ordered by path.
    pub(super) fn modules(&self) -> impl Iterator<Item = &Module> {
        self.modules.values()
    }

    /// The part with the modules that `is_wanted` takes by their paths, and all that these need or want.
    pub(super) fn subset(&self, is_wanted: impl Fn(&str) -> bool) -> Self {
        let mut taken = BTreeSet::new();
        let mut pending: Vec<&str> =
            self.modules.keys().map(String::as_str).filter(|path| is_wanted(path)).collect();
        while let Some(path) = pending.pop() {
            let Some(module) = self.modules.get(path) else { continue };
            if taken.insert(path) {
                pending.extend(module.needs.iter().map(String::as_str));
                pending.extend(self.soft_needs(&module.name));
            }
        }
        let names: BTreeSet<&str> =
            taken.iter().filter_map(|path| Some(self.modules.get(*path)?.name.as_str())).collect();
        let is_taken = |name: &str| names.contains(name);
        Self {
            modules: self
                .modules
                .iter()
                .filter(|(path, _)| taken.contains(path.as_str()))
                .map(|(path, module)| (path.clone(), module.clone()))
                .collect(),
            aliases: self.aliases.iter().filter(|(_, name)| is_taken(name)).cloned().collect(),
            softdeps: self.softdeps.iter().filter(|(name, _)| is_taken(name)).cloned().collect(),
        }
    }

    /// Paths of the modules that the module `name` wants without needing them. A word may be an alias
    /// (`crypto-crc32c`).
    fn soft_needs(&self, name: &str) -> Vec<&str> {
        let lines = self.softdeps.iter().filter(|(about, _)| about == name);
        let words: BTreeSet<String> = lines
            .flat_map(|(_, wants)| wants.split_whitespace())
            .filter(|word| !word.ends_with(':'))
            .map(underscored)
            .collect();
        let answers = |module: &&Module| {
            words.contains(&module.name)
                || self
                    .aliases
                    .iter()
                    .any(|(alias, name)| *name == module.name && words.contains(&underscored(alias)))
        };
        if words.is_empty() {
            return Vec::new();
        }
        self.modules.values().filter(answers).map(|module| module.path.as_str()).collect()
    }

    /// `modules.dep` of this part, for modules that are not compressed any more.
    pub(super) fn dep(&self) -> String {
        let line = |module: &Module| {
            let needs: String = module.needs.iter().map(|path| format!(" {}", plain(path))).collect();
            format!("{}:{needs}\n", plain(&module.path))
        };
        self.modules.values().map(line).collect()
    }

    /// `modules.alias` of this part.
    pub(super) fn alias(&self) -> String {
        self.aliases.iter().map(|(alias, name)| format!("alias {alias} {name}\n")).collect()
    }

    /// `modules.softdep` of this part.
    pub(super) fn softdep(&self) -> String {
        self.softdeps.iter().map(|(name, wants)| format!("softdep {name} {wants}\n")).collect()
    }
}

/// The path of a module without the ending of its compression.
pub(super) fn plain(path: &str) -> &str {
    path.rfind(".ko").map_or(path, |at| &path[..at + ".ko".len()])
}

/// The name of the module at `path`, with `_` for `-`.
pub(super) fn module_name(path: &str) -> String {
    let file = plain(path).rsplit('/').next().unwrap_or(path);
    underscored(file.strip_suffix(".ko").unwrap_or(file))
}

fn underscored(name: &str) -> String {
    name.replace('-', "_")
}

#[cfg(test)]
mod tests {
    use super::*;

    const DEP: &str = "kernel/fs/ext4/ext4.ko.xz: kernel/fs/mbcache.ko.xz kernel/fs/jbd2/jbd2.ko.xz\n\
        kernel/fs/mbcache.ko.xz:\nkernel/fs/jbd2/jbd2.ko.xz:\n\
        kernel/crypto/crc32c_generic.ko.xz:\nkernel/net/a-b.ko.xz:\n";
    const ALIAS: &str =
        "# Aliases\nalias fs-ext4 ext4\nalias crypto-crc32c crc32c_generic\nalias net-x a_b\n";
    const SOFTDEP: &str = "softdep ext4 pre: crypto-crc32c\nsoftdep a_b post: ext4\n";

    #[test]
    fn a_part_has_all_that_its_modules_need_and_want_and_nothing_of_others() {
        let part = Index::parse(DEP, ALIAS, SOFTDEP).subset(|path| path.contains("ext4"));
        assert_eq!(
            part.dep(),
            "kernel/crypto/crc32c_generic.ko:\n\
             kernel/fs/ext4/ext4.ko: kernel/fs/mbcache.ko kernel/fs/jbd2/jbd2.ko\n\
             kernel/fs/jbd2/jbd2.ko:\nkernel/fs/mbcache.ko:\n"
        );
        assert_eq!(part.alias(), "alias fs-ext4 ext4\nalias crypto-crc32c crc32c_generic\n");
        assert_eq!(part.softdep(), "softdep ext4 pre: crypto-crc32c\n");
    }

    #[test]
    fn names_have_underscores_and_paths_lose_their_compression() {
        assert_eq!(module_name("kernel/net/a-b.ko.zst"), "a_b");
        assert_eq!(plain("kernel/net/a-b.ko.zst"), "kernel/net/a-b.ko");
    }
}
