//! What the crates depend on: the members on nothing of ours, and on nothing that the README does not explain.

use std::collections::BTreeSet;

use toml::{Table, Value};

use super::{none, text};

/// The manifests of all crates.
const MANIFESTS: [&str; 5] =
    ["Cargo.toml", "iso/Cargo.toml", "uefi/Cargo.toml", "qemu/Cargo.toml", "tests/fuzz/Cargo.toml"];

/// Manifests of the crates that know nothing of the others.
const INDEPENDENT: [&str; 3] = ["iso/Cargo.toml", "uefi/Cargo.toml", "qemu/Cargo.toml"];

fn manifest(path: &str) -> Table {
    text(path).parse().unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// All tables of dependencies in `manifest`, those for some targets only included.
fn tables(manifest: &Table) -> Vec<&Table> {
    let kinds = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = manifest.get("target").and_then(Value::as_table);
    let places = targets.into_iter().flat_map(|targets| targets.values().filter_map(Value::as_table));
    let places: Vec<&Table> = std::iter::once(manifest).chain(places).collect();
    let found = places.iter().flat_map(|place| kinds.iter().filter_map(|kind| place.get(*kind)));
    found.filter_map(Value::as_table).collect()
}

/// Dependencies of `manifest` that are crates of ours.
fn ours(manifest: &Table) -> Vec<String> {
    let all = tables(manifest).into_iter().flatten();
    all.filter(|(name, value)| value.get("path").is_some() || name.starts_with("landfall"))
        .map(|(name, _)| name.clone())
        .collect()
}

/// Names, as published, of all dependencies of `manifest` that are others' crates. `workspace` knows which
/// are renamed here.
fn others(manifest: &Table, workspace: &Table) -> BTreeSet<String> {
    let all = tables(manifest).into_iter().flatten();
    all.filter(|(_, value)| value.get("path").is_none())
        .map(|(name, value)| {
            let declared = if value.get("workspace").is_some() { workspace.get(name) } else { Some(value) };
            let published = declared.and_then(|value| value.get("package")).and_then(Value::as_str);
            published.unwrap_or(name).to_owned()
        })
        .collect()
}

/// The names in the first column of the tables in the README's section on dependencies.
fn explained(readme: &str) -> BTreeSet<String> {
    let section =
        readme.split("\n## ").find(|section| section.starts_with("Dependencies")).unwrap_or_default();
    // What was weighed and is not used comes under a heading of its own.
    let used = section.split("\n### Not used").next().unwrap_or_default();
    let rows = used.lines().filter_map(|line| line.strip_prefix("| `"));
    rows.flat_map(|row| {
        let cell = row.split('|').next().unwrap_or_default();
        cell.split(['`', ',', ' ']).filter(|name| !name.is_empty()).map(str::to_owned).collect::<Vec<_>>()
    })
    .collect()
}

fn workspace() -> Table {
    manifest("Cargo.toml")["workspace"]["dependencies"].as_table().unwrap().clone()
}

#[test]
fn iso_uefi_and_qemu_depend_on_nothing_of_ours() {
    let found = INDEPENDENT.iter().flat_map(|path| {
        ours(&manifest(path)).into_iter().map(move |name| format!("{path}: depends on `{name}`"))
    });
    none(&found.collect::<Vec<_>>());
}

#[test]
fn the_readme_explains_every_dependency_and_no_other() {
    let workspace = workspace();
    let used: BTreeSet<String> =
        MANIFESTS.iter().flat_map(|path| others(&manifest(path), &workspace)).collect();
    let explained = explained(&text("README.md"));
    let missing: Vec<_> = used.difference(&explained).collect();
    let invented: Vec<_> = explained.difference(&used).collect();
    assert!(missing.is_empty() && invented.is_empty(), "not explained: {missing:?}; not used: {invented:?}");
}

#[test]
fn every_dependency_of_the_workspace_is_used() {
    let workspace = workspace();
    let members = ["Cargo.toml", "iso/Cargo.toml", "uefi/Cargo.toml", "qemu/Cargo.toml"].map(manifest);
    let used: BTreeSet<&String> =
        members.iter().flat_map(|manifest| tables(manifest).into_iter().flat_map(Table::keys)).collect();
    none(&workspace.keys().filter(|name| !used.contains(name)).cloned().collect::<Vec<_>>());
}

#[test]
fn a_dependency_on_the_root_crate_is_found() {
    let found = |text: &str| ours(&text.parse().unwrap());
    assert_eq!(found("[dependencies]\nlandfall = { path = \"..\" }"), ["landfall"]);
    assert_eq!(found("[dev-dependencies]\niso = { path = \"../iso\" }"), ["iso"]);
    assert_eq!(found("[target.'cfg(unix)'.dependencies]\nlandfall-iso = \"1\""), ["landfall-iso"]);
    assert!(found("[dependencies]\nuuid = \"1\"").is_empty());
}

#[test]
fn renamed_dependencies_and_rows_of_the_readme_are_understood() {
    let workspace = "md5 = { package = \"md-5\", version = \"1\" }".parse().unwrap();
    let manifest = "[dependencies]\nmd5.workspace = true\nuuid = \"1\"".parse().unwrap();
    assert_eq!(others(&manifest, &workspace), BTreeSet::from(["md-5".to_owned(), "uuid".to_owned()]));
    let readme = "# x\n\n## Dependencies\n\n| `a`, `b` | why `c` |\n\n### Not used\n\n| `d` | no |\n\n## Licence\n| `e` | |\n";
    assert_eq!(explained(readme), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
}
