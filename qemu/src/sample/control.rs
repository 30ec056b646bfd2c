//! A package's control fields: name, version, what it needs and what it stands for.
//!
//! Format: Debian Policy, chapters 5 (fields) and 7 (relationships).

use std::collections::BTreeMap;

/// What a package says of itself, as far as a store path needs it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Control {
    /// The package's name.
    pub(super) package: String,
    /// Its version, with epoch and Debian revision.
    pub(super) version: String,
    /// What must be there for it to work, of which each entry lists the alternatives.
    pub(super) depends: Vec<Vec<String>>,
    /// Virtual packages it stands for.
    pub(super) provides: Vec<String>,
}

impl Control {
    /// Reads the fields; `None` when the package has no name or no version.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let fields = fields(text);
        let relations = |name: &str| fields.get(name).map(|value| relations(value)).unwrap_or_default();
        let mut depends = relations("Pre-Depends");
        depends.extend(relations("Depends"));
        Some(Self {
            package: fields.get("Package")?.clone(),
            version: fields.get("Version")?.clone(),
            depends,
            provides: relations("Provides").into_iter().flatten().collect(),
        })
    }

    /// The name of the package's store path, without the digest: no epoch, and only letters that Nix takes.
    pub(super) fn store_name(&self) -> String {
        let version = self.version.split_once(':').map_or(self.version.as_str(), |(_, rest)| rest);
        format!("{}-{}", self.package, version.replace('~', "_"))
    }
}

fn fields(text: &str) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut last = String::new();
    for line in text.lines() {
        if line.starts_with([' ', '\t']) {
            fields.entry(last.clone()).and_modify(|value: &mut String| value.push_str(line));
        } else if let Some((name, value)) = line.split_once(':') {
            name.clone_into(&mut last);
            fields.insert(last.clone(), value.trim().to_owned());
        }
    }
    fields
}

/// `a (>= 1) | b:any, c` as alternatives of bare names.
fn relations(value: &str) -> Vec<Vec<String>> {
    let name = |relation: &str| {
        let bare = relation.trim().split([' ', '(', '[', ':']).next().unwrap_or_default();
        bare.to_owned()
    };
    let entries = value.split(',').filter(|entry| !entry.trim().is_empty());
    entries.map(|entry| entry.split('|').map(name).collect()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "Package: bash\nVersion: 1:5.2.37~rc1-2+b5\nPre-Depends: libc6 (>= 2.38),\n libtinfo6 (>= 6)\n\
        Depends: base-files (>= 2.1.12), debconf:any (>= 0.5) | debconf-2.0\nProvides: sh (= 5)\nDescription: shell\n more: words\n";

    #[test]
    fn alternatives_versions_and_folded_lines_are_understood() {
        let control = Control::parse(TEXT).unwrap();
        let names: Vec<_> = control.depends.iter().map(|group| group.join("|")).collect();
        assert_eq!(names, ["libc6", "libtinfo6", "base-files", "debconf|debconf-2.0"]);
        assert_eq!(control.provides, ["sh"]);
    }

    #[test]
    fn the_store_name_has_no_epoch_and_no_tilde() {
        assert_eq!(Control::parse(TEXT).unwrap().store_name(), "bash-5.2.37_rc1-2+b5");
    }

    #[test]
    fn a_package_without_a_name_is_none() {
        assert_eq!(Control::parse("Version: 1\n"), None);
    }
}
